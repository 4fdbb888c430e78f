/* Everything in the bundle that has a time, one after another. */
#include "reports/moments.h"

#include <stdio.h>
#include <string.h>

#include "base/row.h"

enum { MESSAGE_MAX = 2 * KAN_ROW_MAX };

#define CHANGES "data/filesystem/changes.ndjson"
#define PROCESSES "data/processes/processes.ndjson"

struct telling {
	const struct kan_model *m;
	struct kan_named *named;
	kan_moment_fn *fn;
	void *arg;
};

static const json_t *finding_of(const struct kan_model *m, const char *id)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "id"), id) == 0)
			return f;
	return NULL;
}

/* What the analysis put together: life, events, lines of logs. What it took from rows of files and
 * processes comes from the rows. */
static int told(struct telling *t, struct kan_err *err)
{
	size_t i = 0;
	json_t *e = NULL;
	json_array_foreach (json_object_get(t->m->doc, "timeline"), i, e) {
		kan_auto_buf struct kan_buf text = KAN_BUF(MESSAGE_MAX);
		struct kan_err ignored = {0};
		bool line = strcmp(kan_json_str(e, "trust"), "container-text") == 0;
		if ((json_object_get(e, "finding") && !line) ||
		    kan_json_bytes(&text, e, "message", &ignored) < 0)
			continue;
		bool engine = strcmp(kan_json_str(e, "trust"), "engine") == 0;
		const struct kan_moment at = {
			.ns = kan_json_int(e, "time_ns"),
			.desc = kan_json_str(e, "desc"),
			.macb = "....",
			.trust = kan_json_str(e, "trust"),
			.source = engine ? "ENGINE"
				  : line ? "LOG"
					 : "HOST",
			.message = kan_buf_bytes(&text),
			.finding = line ? finding_of(t->m, kan_json_str(e, "finding")) : NULL,
		};
		if (t->fn(&at, t->arg, err) < 0)
			return -1;
	}
	return 0;
}

/* A time that any program may set says so. Those of a whiteout are not the deletion's. */
static int on_change(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	static const struct {
		const char *key, *desc, *macb;
	} times[] = {{"mtime_ns", "Content Modification Time (any program may set it)", "M..."},
		     {"ctime_ns", "Change Time (upper inode)", "..C."},
		     {"btime_ns", "Creation Time", "...B"}};
	struct telling *t = arg;
	const char *change = kan_json_str(row, "change");
	kan_auto_buf struct kan_buf path = KAN_BUF(MESSAGE_MAX), text = KAN_BUF(MESSAGE_MAX);
	struct kan_err ignored = {0};
	if (strcmp(change, "deleted") == 0 || kan_json_bytes(&path, row, "path", &ignored) < 0)
		return 0;
	kan_buf_addf(&text, "%s ", *change ? change : "file");
	kan_buf_addb(&text, kan_buf_bytes(&path));
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		const struct kan_moment at = {
			.ns = kan_json_int(row, times[i].key),
			.desc = times[i].desc,
			.macb = times[i].macb,
			.trust = "storage",
			.source = "FILE",
			.artefact = CHANGES,
			.row = line,
			.message = kan_buf_bytes(&text),
			.finding = kan_named_path(t->named, kan_buf_bytes(&path)),
			.of = row,
		};
		if (at.ns && t->fn(&at, t->arg, err) < 0)
			return -1;
	}
	return 0;
}

static int on_process(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct telling *t = arg;
	const json_t *exe = json_object_get(row, "exe");
	int64_t pid = kan_json_int(row, "pid"), ns = kan_json_int(row, "start_ns");
	kan_auto_buf struct kan_buf text = KAN_BUF(MESSAGE_MAX), link = KAN_BUF(MESSAGE_MAX);
	struct kan_err ignored = {0};
	if (ns == 0)
		return 0;
	kan_buf_addf(&text, "process %lld started: ", (long long)pid);
	if (kan_json_bytes(&link, exe, "link", &ignored) < 0)
		(void)kan_json_bytes(&link, row, "comm", &ignored);
	kan_buf_addb(&text, kan_buf_bytes(&link));
	const struct kan_moment at = {
		.ns = ns,
		.desc = "Start Time",
		.macb = "...B",
		.trust = "kernel-process",
		.source = "PROC",
		.artefact = PROCESSES,
		.row = line,
		.message = kan_buf_bytes(&text),
		.finding = kan_named_pid(t->named, pid),
		.of = row,
	};
	return t->fn(&at, t->arg, err);
}

int kan_moments(const struct kan_model *m, kan_moment_fn *fn, void *arg, struct kan_err *err)
{
	struct telling t = {m, kan_named_new(m), fn, arg};
	int rc = told(&t, err);
	if (rc == 0)
		rc = kan_model_stream(m, CHANGES, on_change, &t, err);
	if (rc == 0)
		rc = kan_model_stream(m, PROCESSES, on_process, &t, err);
	kan_named_free(t.named);
	return rc;
}
