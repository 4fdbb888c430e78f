/* The live log's times against each other: the engine only appends to it, and an appended line sets
 * both. */
#include <string.h>

#include "analyze/contradictions.h"

#define FILES "data/logs/files.ndjson"

enum { SLACK_S = 2 };

static const int64_t slack_ns = (int64_t)SLACK_S * 1000000000;

/* Only a file that is written to by its engine, in place: not one that a rotation has renamed. */
static int take_file(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_contra *c = arg;
	int64_t written = kan_get_int(row, "mtime_ns", 0),
		touched = kan_get_int(row, "ctime_ns", 0);
	(void)err;
	if (kan_get_int(row, "n", -1) != 0 || !written || !touched || touched - written <= slack_ns)
		return 0;
	const struct kan_contra_case found = {
		FILES, line, kan_bytes_of(kan_json_str(row, "dir")), "its last line is older",
		"it was changed later: set back, renamed or owned anew"};
	kan_contra_add(c, &found);
	return 0;
}

void kan_contra_log(struct kan_contra *c)
{
	static const struct kan_contra_side side = {"logs", FILES, NULL, NULL};
	const char *state = kan_json_str(json_object_get(c->facts->inspect, "State"), "Status");
	if (!kan_contra_whole(c, &side))
		return;
	if (strcmp(kan_json_str(c->facts->capture, "depth"), "offline") == 0)
		kan_contra_missing(c, "logs", FILES, "not-applicable",
				   "a copy has times of its own");
	else if (strcmp(state, "running") != 0 && strcmp(state, "paused") != 0)
		kan_contra_missing(c, "logs", FILES, "not-applicable",
				   "the container does not run: nobody writes to it");
	else
		(void)kan_contra_rows(c, FILES, take_file, c);
}
