/* Rules that were left at unknown, and why. */
#include <string.h>

#include "analyze/run.h"
#include "base/row.h"

/* Why rows are missing: a gap, or that their source no longer had them. */
static json_t *gap_of(const struct kan_facts *f, const struct kan_kind *k, const char *collector,
		      const char *artefact)
{
	enum kan_coverage c = kan_cover_of(f->cover, f->source, collector, artefact);
	json_t *unseen = k->unseen && c == KAN_COVER_WHOLE ? k->unseen(f) : NULL;
	if (!unseen)
		return kan_cover_why(f->cover, collector, artefact);
	if (!json_object_get(unseen, "code"))
		json_object_set(unseen, "code", json_object_get(unseen, "kind"));
	json_object_del(unseen, "kind");
	json_object_del(unseen, "could_show");
	return unseen;
}

static json_t *not_assessed(const struct kan_run *run, const struct kan_rule_run *r,
			    const struct kan_kind *k)
{
	const struct kan_kind *why = r->undecided && r->why_kind ? r->why_kind : k;
	const char *collector = why->collector, *artefact = why->artefact;
	json_t *o = json_pack("{s:s}", "rule", r->rule->id);
	/* A joined column is unknown for the artefacts that it is computed from. */
	if (r->why && r->why->from)
		kan_column_source(&collector, &artefact, r->why, run->facts);
	json_object_set_new(o, "gap", gap_of(run->facts, why, collector, artefact));
	if (r->undecided)
		json_object_set_new(o, "rows", json_integer((json_int_t)r->undecided));
	if (r->why)
		json_object_set_new(o, "column", json_string(r->why->name));
	return o;
}

static bool has_unseen(const struct kan_facts *f, const struct kan_kind *k)
{
	json_t *unseen = k->unseen ? k->unseen(f) : NULL;
	json_decref(unseen);
	return unseen != NULL;
}

/* A rule of class context makes no finding: its hits tell. */
static bool told(const struct kan_rule_run *r)
{
	bool context = strcmp(kan_json_str(r->rule->doc, "class"), "context") == 0;
	return r->findings || (context && r->n_hits);
}

/* What is beyond a limit of ours is not known, and is no silence. */
static void limits_of(json_t *list, const struct kan_rule_run *r)
{
	const struct kan_kind *k = r->rule->kind;
	const struct {
		uint64_t rows;
		const char *why;
	} limits[] = {{r->lost, "more rows hold than are kept until the joins"},
		      {r->gave_up, "a pattern used its budget of steps up"}};
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		if (limits[i].rows)
			json_array_append_new(
				list, json_pack("{s:s,s:{s:s,s:s,s:s,s:s},s:I}", "rule",
						r->rule->id, "gap", "collector", k->collector,
						"what", k->artefact, "code", "limit", "why",
						limits[i].why, "rows", (json_int_t)limits[i].rows));
}

json_t *kan_run_not_assessed(const struct kan_run *run)
{
	json_t *list = json_array();
	for (size_t i = 0; i < run->n; i++) {
		const struct kan_rule_run *r = &run->rules[i];
		const struct kan_kind *k = r->rule->kind;
		enum kan_coverage c = kan_cover_of(run->facts->cover, run->facts->source,
						   k->collector, k->artefact);
		bool lost = c == KAN_COVER_NONE || c == KAN_COVER_CUT || has_unseen(run->facts, k);
		if ((lost && !told(r)) || r->undecided > r->gave_up)
			json_array_append_new(list, not_assessed(run, r, k));
		limits_of(list, r);
	}
	return list;
}
