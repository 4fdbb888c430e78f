/* One rule on one bundle: which rows held which clause of it, and what the nearest others lacked.
 */
#include "analyze/explain.h"

#include <string.h>

#include "analyze/analyze.h"
#include "analyze/mask.h"
#include "analyze/object.h"
#include "base/row.h"

static const char *const truths[] = {"false", "unknown", "true"};

/* What is asked: one rule, alone in a set. */
struct asked {
	json_t **out;
	const struct kan_rules *alone;
};

/* A row that does not hold. */
struct near {
	unsigned lacks; /* two for a clause that is false, one for an unknown one */
	json_t *told;
};

struct telling {
	struct kan_run *run;
	const struct kan_rule *rule;
	struct near nearest[KAN_EXPLAIN_NEAR];
	size_t n;
	json_int_t seen;
};

/* One row on its way past the clauses. */
struct looking {
	const struct telling *t;
	const struct kan_view *view;
	bool gaps;
	bool all;        /* tell those that are true, too */
	json_t *clauses; /* NULL: only count */
	unsigned of, met, lacks;
};

struct values {
	const struct looking *l;
	json_t *clause;
};

static void append_once(json_t *clause, const char *list, const char *name)
{
	json_t *names = json_object_get(clause, list);
	if (!names)
		json_object_set_new(clause, list, names = json_array());
	kan_json_add_word(names, name);
}

/* The value of a variable that is named as a secret: nothing in it says so. */
static bool secret_value(json_t *values, const struct kan_column *c, const struct kan_view *view,
			 const struct kan_value *value)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(0), shown = KAN_BUF(KAN_OBJECT_VALUE);
	const char *kind = c->speaks && !c->list
				   ? kan_mask_name(kan_bytes_of(kan_json_str(view->row, "name")))
				   : NULL;
	/* What stands around a hit in memory is anything. */
	bool around = strcmp(view->kind->name, "hit") == 0 &&
		      (strcmp(c->name, "before") == 0 || strcmp(c->name, "after") == 0);
	if (!kind && !around)
		return false;
	kan_mask_value(&shown, kind ? kind : "memory", kan_value_bytes(value, 0, &scratch));
	kan_object_bytes(values, c->name, kan_buf_bytes(&shown));
	return true;
}

static void on_column(const struct kan_column *c, void *arg)
{
	const struct values *v = arg;
	struct kan_value value = kan_value_get(v->l->view, c, v->l->gaps);
	json_t *values = json_object_get(v->clause, "values");
	if (value.known == KAN_KNOWN && secret_value(values, c, v->l->view, &value))
		return;
	if (value.known == KAN_KNOWN)
		kan_object_value(values, c->name, c, &value);
	else
		append_once(v->clause, value.known == KAN_ABSENT ? "absent" : "unknown", c->name);
}

static void on_clause(const struct kan_cond *c, const json_t *json, void *arg)
{
	struct looking *l = arg;
	struct kan_cond_run run = {.gaps = l->gaps, .counts = l->t->run->counts};
	enum kan_truth t = kan_cond_eval(&run, c, l->view);
	l->of++;
	l->met += t == KAN_TRUE;
	l->lacks += (unsigned)(KAN_TRUE - t);
	if (!l->clauses || (t == KAN_TRUE && !l->all))
		return;
	struct values v = {
		l, json_pack("{s:O,s:s,s:{}}", "clause", json, "result", truths[t], "values")};
	kan_cond_columns(c, on_column, &v);
	json_array_append_new(l->clauses, v.clause);
}

static struct looking look(const struct telling *t, const struct kan_view *v, bool gaps, bool all,
			   json_t *clauses)
{
	struct looking l = {t, v, gaps, all, clauses, 0, 0, 0};
	kan_cond_clauses(t->rule->where, json_object_get(t->rule->doc, "where"), on_clause, &l);
	return l;
}

static json_t *row_of(const struct telling *t, const struct kan_view *v, bool gaps, bool all)
{
	json_t *o = kan_run_evidence(t->run, v), *clauses = json_array();
	struct looking l = look(t, v, gaps, all, clauses);
	json_object_set_new(o, "object", kan_object(v, gaps));
	json_object_set_new(o, "clauses", clauses);
	json_object_set_new(o, "met", json_integer(l.met));
	json_object_set_new(o, "of", json_integer(l.of));
	return o;
}

/* Kept in order of what they lack; of two that lack as much the one that came first. */
static void on_row(const struct kan_view *v, bool gaps, void *arg)
{
	struct telling *t = arg;
	unsigned lacks = look(t, v, gaps, false, NULL).lacks;
	t->seen++;
	if (!lacks || (t->n == KAN_EXPLAIN_NEAR && t->nearest[t->n - 1].lacks <= lacks))
		return;
	if (t->n == KAN_EXPLAIN_NEAR)
		json_decref(t->nearest[--t->n].told);
	size_t at = t->n++;
	for (; at && t->nearest[at - 1].lacks > lacks; at--)
		t->nearest[at] = t->nearest[at - 1];
	t->nearest[at] = (struct near){lacks, row_of(t, v, gaps, false)};
}

static json_t *match_of(const struct telling *t, const struct kan_hit *h, bool gaps)
{
	const struct kan_rule *r = t->rule;
	json_t *o = row_of(t, &h->view, gaps, true), *joins = json_array();
	for (size_t j = 0; j < r->n_joins; j++)
		json_array_append_new(
			joins, json_pack("{s:s,s:s,s:I,s:b,s:b}", "as", r->joins[j].as, "kind",
					 r->joins[j].kind->name, "rows",
					 (json_int_t)h->joins[j].total, "optional",
					 r->joins[j].optional, "unknown", h->joins[j].undecided));
	json_object_set_new(o, "joins", joins);
	json_object_set_new(o, "joined", json_string(truths[kan_run_joined(t->run, r, h)]));
	json_object_set_new(o, "excused", json_boolean(kan_run_excused(t->run, r, h)));
	return o;
}

static json_t *document(struct telling *t)
{
	const struct kan_rule_run *rr = &t->run->rules[0];
	const struct kan_facts *f = t->run->facts;
	json_t *suppressed = NULL, *findings = kan_run_findings(&suppressed, t->run);
	json_t *missing = kan_run_not_assessed(t->run);
	json_decref(suppressed); /* nothing is accepted here */
	json_t *matches = json_array(), *nearest = json_array();
	bool gaps = kan_cover_gaps(f->cover, t->rule->kind->collector);
	for (size_t i = 0; i < rr->n_hits && i < KAN_EXPLAIN_MATCHES; i++)
		json_array_append_new(matches, match_of(t, &rr->hits[i], gaps));
	for (size_t i = 0; i < t->n; i++)
		json_array_append(nearest, t->nearest[i].told);
	json_t *o = json_pack(
		"{s:s,s:s,s:O,s:O,s:s,s:I,s:I,s:I,s:o,s:o,s:o}", "schema", "kanshiki.explain/1",
		"rule", t->rule->id, "title", json_object_get(t->rule->doc, "title"), "class",
		json_object_get(t->rule->doc, "class"), "kind", t->rule->kind->name, "seen",
		t->seen, "matched", (json_int_t)rr->n_hits + (json_int_t)rr->over, "findings",
		(json_int_t)json_array_size(findings), "matches", matches, "nearest", nearest,
		"not_assessed", missing);
	json_decref(findings);
	return o;
}

static int explain(const struct kan_facts *f, void *arg, struct kan_err *err)
{
	const struct asked *a = arg;
	struct telling t = {.rule = &a->alone->rules[0]};
	const struct kan_observer o = {NULL, on_row, &t};
	if (kan_run_new(&t.run, f, a->alone, NULL, err) < 0)
		return -1;
	int rc = kan_run_rows(t.run, t.rule->kind, &o, err);
	if (rc == 0)
		*a->out = document(&t);
	for (size_t i = 0; i < t.n; i++)
		json_decref(t.nearest[i].told);
	kan_run_free(t.run);
	return rc;
}

int kan_explain(json_t **out, const struct kan_source *s, const struct kan_rules *r, const char *id,
		struct kan_err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct kan_rules alone = {&r->rules[i], 1, r->attack};
		struct asked a = {out, &alone};
		if (strcmp(r->rules[i].id, id) == 0)
			return kan_facts_of(s, explain, &a, err);
	}
	return kan_fail(err, KAN_ENOTFOUND, "%s: no such rule", id);
}
