/* The container's own layer, as we walked it, against the engine's list of what was changed. */
#include <string.h>

#include "analyze/contradictions.h"

#define CHANGES "data/filesystem/changes.ndjson"
#define LIST "data/engine-after/changes.json"

/* The engine is asked after the resume: what is only in its list may be younger than our walk. Not
 * so when the container could not run in between. */
static bool stood_still(const struct kan_facts *f)
{
	const char *state = kan_json_str(json_object_get(f->inspect, "State"), "Status");
	return strcmp(state, "paused") == 0 || strcmp(state, "exited") == 0 ||
	       strcmp(state, "created") == 0 || strcmp(state, "dead") == 0 ||
	       json_is_true(kan_get(f->capture, "freeze.held"));
}

static void only_engine(struct kan_contra *c)
{
	const struct kan_facts *f = c->facts;
	bool still = stood_still(f);
	for (size_t i = 0; i < f->n_engine; i++) {
		const struct kan_contra_case one = {LIST, 0, kan_bytes_of(f->engine[i].path),
						    "not in the container's own layer",
						    "the engine lists a change"};
		if (!f->engine[i].ours && still)
			kan_contra_add(c, &one);
		else if (!f->engine[i].ours)
			c->normal++;
	}
}

static void only_ours(struct kan_contra *c, const struct kan_lists *l)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (l->hidden, i, row) {
		const struct kan_contra_case one = {CHANGES, (uint64_t)kan_get_int(row, "row", 0),
						    kan_bytes_of(kan_json_str(row, "path")),
						    "the container's own layer has a change",
						    "not in the engine's list"};
		kan_contra_add(c, &one);
	}
	c->count += l->n_hidden - json_array_size(l->hidden);
}

void kan_contra_changes(struct kan_contra *c, const struct kan_lists *l)
{
	/* Of changes a gap names a path: its row is there, or its directory's. */
	static const char *const files[] = {"/", "before.tar", "upper.tar", "content", NULL};
	static const struct kan_contra_side ours = {"filesystem", CHANGES, files, NULL},
					    engine = {"engine-after", LIST, NULL, NULL};
	if (kan_facts_engine_only(c->facts)) {
		kan_contra_missing(c, "filesystem", CHANGES, "denied",
				   "depth is api-only: both are the engine's own word");
		return;
	}
	if (!kan_contra_whole(c, &ours) || !kan_contra_whole(c, &engine))
		return;
	if (!c->facts->have_engine_list) {
		kan_contra_missing(c, "engine-after", LIST, "malformed",
				   "it is no list, or longer than what is compared");
		return;
	}
	only_ours(c, l);
	only_engine(c);
}
