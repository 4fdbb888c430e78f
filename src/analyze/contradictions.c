/* The table of comparisons. Each is assessed, or says what is missing: silence is no agreement. */
#include "analyze/contradictions.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/object.h"

static const struct comparison {
	const char *id, *title, *one, *other;
	void (*compare)(struct kan_contra *);
} comparisons[] = {
	{"cgroup-scan", "Members of the cgroup against the scan of /proc",
	 "data/processes/cgroup.ndjson", "data/processes/processes.ndjson", kan_contra_cgroup},
	{"socket-unheld", "Sockets that no descriptor holds", "data/network/sockets.ndjson",
	 "data/processes/fds.ndjson", kan_contra_unheld},
	{"socket-unlisted", "Descriptors of sockets that are in no table",
	 "data/processes/fds.ndjson", "data/network/sockets.ndjson", kan_contra_unlisted},
	{"exe-file", "Running bytes against the file of that path",
	 "data/processes/processes.ndjson", "data/filesystem/changes.ndjson", kan_contra_exe},
	{"mounts-inspect", "Mounts of the kernel against those that the engine knows",
	 "data/mounts/mounts.ndjson", "data/engine/inspect.json", kan_contra_mounts},
	{"engine-changes", "The container's own layer against the engine's list of changes",
	 "data/filesystem/changes.ndjson", "data/engine-after/changes.json", NULL},
	{"engine-files", "The engine's answer against its own files", "data/engine/inspect.json",
	 "data/engine/config.v2.json", kan_contra_files},
	{"log-times", "The live log's time of writing against that of its last change",
	 "data/logs/files.ndjson", "data/logs/files.ndjson", kan_contra_log},
	{"image-digests", "Registries' digests that the engine names against its store's manifests",
	 "data/engine/image-inspect.json", "data/image/integrity.ndjson", kan_contra_digests},
};

void kan_contra_missing(struct kan_contra *c, const char *collector, const char *what,
			const char *code, const char *why)
{
	if (!c->missing)
		c->missing = json_pack("{s:s,s:s,s:s,s:s}", "collector", collector, "what", what,
				       "code", code, "why", why);
}

/* A '$' is the end of the text: "tc$" is not "tcp". */
static bool begins(const char *text, const char *const *with)
{
	for (; with && *with; with++) {
		size_t n = strcspn(*with, "$");
		if (strncmp(text, *with, n) == 0 && (!(*with)[n] || !text[n]))
			return true;
	}
	return false;
}

/* "4711/environ" is about one process, and its row is there. */
static bool of_one_process(const char *what, const char *needs)
{
	return *what >= '0' && *what <= '9' && !(needs && strstr(what, needs));
}

static bool about_it(const json_t *gap, const struct kan_contra_side *s)
{
	const char *what = kan_json_str(gap, "what");
	return strcmp(kan_json_str(gap, "collector"), s->collector) == 0 &&
	       strcmp(kan_json_str(gap, "code"), "not-applicable") != 0 &&
	       !begins(what, s->beside) && !of_one_process(what, s->needs);
}

static const json_t *gap_of(const struct kan_cover *c, const struct kan_contra_side *s)
{
	size_t i = 0;
	json_t *gap = NULL;
	json_array_foreach (c->gaps, i, gap)
		if (about_it(gap, s))
			return gap;
	return NULL;
}

bool kan_contra_whole(struct kan_contra *c, const struct kan_contra_side *s)
{
	const struct kan_facts *f = c->facts;
	enum kan_coverage cover = kan_cover_of(f->cover, f->source, s->collector, s->artefact);
	const json_t *gap = gap_of(f->cover, s);
	if (!f->capture)
		kan_contra_missing(c, s->collector, s->artefact, "absent",
				   "the capture is not complete");
	else if (cover == KAN_COVER_NOT_APPLICABLE)
		kan_contra_missing(c, s->collector, s->artefact, "not-applicable",
				   "the container has none");
	else if (cover != KAN_COVER_WHOLE && !c->missing)
		c->missing = kan_cover_why(f->cover, s->collector, s->artefact);
	else if (gap && !c->missing)
		c->missing = kan_cover_reason(gap);
	else if (json_array_size(f->cover->gaps) >= KAN_COVER_GAPS)
		kan_contra_missing(c, s->collector, s->artefact, "limit",
				   "there are more gaps than are looked at");
	return !c->missing;
}

void kan_contra_add(struct kan_contra *c, const struct kan_contra_case *what)
{
	c->count++;
	if (json_array_size(c->rows) >= KAN_CONTRA_ROWS)
		return;
	json_t *o = json_pack("{s:s,s:s,s:s}", "artefact", what->artefact, "one", what->one,
			      "other", what->other);
	if (what->line)
		json_object_set_new(o, "row", json_integer((json_int_t)what->line));
	kan_object_bytes(o, "what", what->what);
	json_array_append_new(c->rows, o);
}

bool kan_contra_rows(struct kan_contra *c, const char *artefact, kan_bundle_row_fn *fn, void *arg)
{
	struct kan_err why = {0};
	if (kan_source_rows(c->facts->source, artefact, fn, arg, &why) == 0)
		return true;
	kan_contra_missing(c, "bundle", artefact, "malformed", "its rows cannot be read");
	return false;
}

void kan_ids_add(struct kan_ids *ids, uint64_t id)
{
	uint64_t *one = kan_facts_more(&ids->v, &ids->n, KAN_CONTRA_IDS, sizeof *one);
	if (one)
		*one = id;
	else
		ids->over = true;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

void kan_ids_sort(struct kan_ids *ids)
{
	if (ids->n)
		qsort(ids->v, ids->n, sizeof *ids->v, by_number);
}

bool kan_ids_has(const struct kan_ids *ids, uint64_t id)
{
	return ids->n && bsearch(&id, ids->v, ids->n, sizeof *ids->v, by_number);
}

/* Nothing but live rows is no answer. */
static void settle(struct kan_contra *c, const struct comparison *t)
{
	if (!c->missing && !c->count && c->live)
		kan_contra_missing(c, "conductor", t->one, "live",
				   "it was read while the container ran");
	if (!c->missing)
		return;
	json_array_clear(c->rows);
	c->count = c->normal = c->live = 0;
}

static json_t *told(struct kan_contra *c, const struct comparison *t)
{
	json_t *o = json_pack("{s:s,s:s,s:[s,s],s:b,s:I,s:o}", "id", t->id, "title", t->title,
			      "sides", t->one, c->other ? c->other : t->other, "assessed",
			      c->missing == NULL, "count", (json_int_t)c->count, "rows", c->rows);
	uint64_t more = c->count - json_array_size(c->rows);
	if (more)
		json_object_set_new(o, "left_out", json_integer((json_int_t)more));
	if (c->normal)
		json_object_set_new(o, "normal", json_integer((json_int_t)c->normal));
	if (c->live)
		json_object_set_new(o, "live", json_integer((json_int_t)c->live));
	if (c->missing)
		json_object_set_new(o, "missing", c->missing);
	return o;
}

json_t *kan_contradictions(const struct kan_facts *f, const struct kan_lists *l)
{
	json_t *list = json_array();
	for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
		struct kan_contra c = {.facts = f, .rows = json_array()};
		if (comparisons[i].compare)
			comparisons[i].compare(&c);
		else
			kan_contra_changes(&c, l);
		settle(&c, &comparisons[i]);
		json_array_append_new(list, told(&c, &comparisons[i]));
	}
	return list;
}
