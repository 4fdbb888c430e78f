/* What could not be had: gaps and scope of a bundle, and what follows from them for a row kind. */
#include "analyze/cover.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/yarascan.h"
#include "base/row.h"

static const char *const not_applicable = "not-applicable";

/* What the rows of a collector could have shown; the words of NOT SEEN. */
static const struct {
	const char *collector, *could_show;
} could_show[] = {
	{"host", "the machine, its clock and its kernel"},
	{"engine", "how the engine started it, and what was exec'd in it"},
	{"engine-after", "whether the engine's own view agrees"},
	{"processes", "what runs, and bytes that exist nowhere else"},
	{"network", "who it talks to and what listens"},
	{"memory", "keys and code that are only in memory"},
	{"mounts", "files of volumes, tmpfs and binds"},
	{"filesystem", "files that it added, changed or deleted"},
	{"logs", "what it printed"},
	{"posture", "exposure of engine and host"},
	{"image", "whether a file came with the image"},
};

/* While they are read: how many of each collector. */
struct tally {
	struct kan_cover *cover;
	struct {
		json_t *name;
		uint64_t n;
	} of[KAN_COVER_COLLECTORS];
	size_t n_of;
};

/* The last place is that of all for which there was no other. */
static uint64_t *count_of(struct tally *t, const json_t *name)
{
	size_t i = 0;
	while (i < t->n_of && i + 1 < KAN_COVER_COLLECTORS && !json_equal(t->of[i].name, name))
		i++;
	if (i == t->n_of) {
		t->of[i].name = json_deep_copy(name);
		t->n_of++;
	}
	return &t->of[i].n;
}

/* What is beyond may be about everything of its collector. */
static json_t *too_many(const json_t *row)
{
	json_t *o = json_pack("{s:s,s:s}", "code", "limit", "why",
			      "it has more gaps than are kept: what they are about is not known");
	json_t *name = json_object_get(row, "collector");
	json_object_set(o, "collector", name);
	json_object_set(o, "what", name);
	return o;
}

static int take_gap(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct tally *t = arg;
	struct kan_cover *c = t->cover;
	uint64_t *n = count_of(t, json_object_get(row, "collector"));
	(void)line;
	(void)err;
	if (strcmp(kan_json_str(row, "code"), not_applicable) != 0)
		c->n_gaps++;
	if (*n <= KAN_COVER_GAPS)
		json_array_append_new(c->gaps,
				      *n < KAN_COVER_GAPS ? json_deep_copy(row) : too_many(row));
	(*n)++;
	return 0;
}

/* An unsealed bundle has no gaps.ndjson yet: its journal has the same records. */
static int take_journal(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	const char *type = kan_json_str(row, "type");
	if (strcmp(type, "gap") != 0 && strcmp(type, "limit") != 0)
		return 0;
	return take_gap(row, line, arg, err);
}

int kan_cover_new(struct kan_cover **out, const struct kan_source *s, const json_t *capture,
		  struct kan_err *err)
{
	struct kan_cover *c = kan_xalloc(sizeof *c);
	c->gaps = json_array();
	c->scope = json_incref(json_object_get(capture, "scope"));
	c->collectors = json_incref(json_object_get(capture, "collectors"));
	c->partial = strcmp(kan_json_str(capture, "status"), "partial") == 0 || !capture;
	struct tally t = {.cover = c};
	int rc = 0;
	if (kan_source_has(s, "gaps.ndjson"))
		rc = kan_source_rows(s, "gaps.ndjson", take_gap, &t, err);
	else if (kan_source_has(s, "journal.ndjson"))
		rc = kan_source_rows(s, "journal.ndjson", take_journal, &t, err);
	for (size_t i = 0; i < t.n_of; i++)
		json_decref(t.of[i].name);
	if (rc < 0) {
		kan_cover_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void kan_cover_free(struct kan_cover *c)
{
	if (!c)
		return;
	json_decref(c->gaps);
	json_decref(c->scope);
	json_decref(c->collectors);
	free(c);
}

static bool is_of(const json_t *row, const char *collector)
{
	return strcmp(kan_json_str(row, "collector"), collector) == 0;
}

/* A gap is about the whole artefact when it names the artefact or its collector, not a thing
 * inside. */
static bool names_artefact(const json_t *row, const char *collector, const char *artefact)
{
	const char *what = kan_json_str(row, "what");
	const char *base = strrchr(artefact, '/');
	if (!*what || strcmp(what, collector) == 0 || strcmp(what, artefact) == 0)
		return true;
	return base && strcmp(what, base + 1) == 0;
}

static const json_t *find_gap(const struct kan_cover *c, const char *collector,
			      const char *artefact, bool whole_only)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (c->gaps, i, row) {
		if (!is_of(row, collector) ||
		    strcmp(kan_json_str(row, "code"), not_applicable) == 0)
			continue;
		if (!whole_only || names_artefact(row, collector, artefact))
			return row;
	}
	return NULL;
}

static bool is_not_applicable(const struct kan_cover *c, const char *collector)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (c->collectors, i, row)
		if (strcmp(kan_json_str(row, "name"), collector) == 0 &&
		    strcmp(kan_json_str(row, "status"), not_applicable) == 0)
			return true;
	json_array_foreach (c->gaps, i, row)
		if (is_of(row, collector) && strcmp(kan_json_str(row, "code"), not_applicable) == 0)
			return true;
	return false;
}

/* Rows that there are only when they were asked for, and the artefact that says so: a rule about
 * them is not left unassessed when nobody looked for anything. */
static bool not_asked(const struct kan_source *s, const char *artefact)
{
	if (strcmp(artefact, KAN_YARA_ROWS) == 0)
		return !kan_source_has(s, KAN_YARA_ROWS);
	return strcmp(artefact, "data/memory/hits.ndjson") == 0 &&
	       !kan_source_has(s, "data/memory/indicators.txt");
}

enum kan_coverage kan_cover_of(const struct kan_cover *c, const struct kan_source *s,
			       const char *collector, const char *artefact)
{
	if (kan_source_has(s, artefact))
		return find_gap(c, collector, artefact, true) ? KAN_COVER_CUT : KAN_COVER_WHOLE;
	if (!find_gap(c, collector, artefact, true) &&
	    (is_not_applicable(c, collector) || not_asked(s, artefact)))
		return KAN_COVER_NOT_APPLICABLE;
	return KAN_COVER_NONE;
}

bool kan_cover_gaps(const struct kan_cover *c, const char *collector)
{
	return find_gap(c, collector, "", false) != NULL;
}

static const json_t *find_scope(const struct kan_cover *c, const char *collector)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (c->scope, i, row)
		if (is_of(row, collector))
			return row;
	return NULL;
}

static json_t *reason(const json_t *row, const char *code)
{
	static const char *const keys[] = {"collector", "what", "what_b64",
					   "code",      "why",  "why_b64"};
	json_t *o = json_object();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		json_t *v = json_object_get(row, keys[i]);
		if (v)
			json_object_set(o, keys[i], v);
	}
	if (code)
		json_object_set_new(o, "code", json_string(code));
	return o;
}

json_t *kan_cover_reason(const json_t *gap)
{
	return reason(gap, NULL);
}

json_t *kan_cover_why(const struct kan_cover *c, const char *collector, const char *artefact)
{
	const json_t *row = find_gap(c, collector, artefact, true);
	if (!row)
		row = find_gap(c, collector, artefact, false);
	if (row)
		return reason(row, NULL);
	row = find_scope(c, collector);
	if (row)
		return reason(row, "scope");
	return json_pack("{s:s,s:s,s:s,s:s}", "collector", collector, "what", artefact, "code",
			 "absent", "why", "the bundle does not have it");
}

static void add_unseen(json_t *list, const json_t *row, const char *kind)
{
	json_t *o = reason(row, NULL);
	json_object_set_new(o, "kind", json_string(kind));
	for (size_t i = 0; i < sizeof could_show / sizeof *could_show; i++)
		if (is_of(row, could_show[i].collector))
			json_object_set_new(o, "could_show", json_string(could_show[i].could_show));
	json_array_append_new(list, o);
}

static bool has_collector(const struct kan_cover *c, const char *name)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (c->collectors, i, row)
		if (strcmp(kan_json_str(row, "name"), name) == 0)
			return true;
	return false;
}

json_t *kan_cover_not_seen(const struct kan_cover *c)
{
	json_t *list = json_array();
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (c->gaps, i, row)
		if (strcmp(kan_json_str(row, "code"), not_applicable) != 0)
			add_unseen(list, row, "gap");
	json_array_foreach (c->scope, i, row)
		add_unseen(list, row, "scope");
	if (c->collectors && !has_collector(c, "memory") && !find_scope(c, "memory")) {
		json_t *memory = json_pack("{s:s,s:s,s:s}", "collector", "memory", "what", "memory",
					   "why", "not taken");
		add_unseen(list, memory, "scope");
		json_decref(memory);
	}
	json_array_foreach (c->gaps, i, row)
		if (strcmp(kan_json_str(row, "code"), not_applicable) == 0)
			add_unseen(list, row, "not-applicable");
	return list;
}
