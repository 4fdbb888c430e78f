/* What the hits of the rules say for and against each hypothesis. */
#include <string.h>

#include "analyze/verdict.h"
#include "base/row.h"

enum { TEXT_WEIGHT = 1 /* the container's own words weigh no more */ };

/* A finding votes under its id, a rule that only votes under its own. */
static const char *voter(const struct kan_rule *r, const struct kan_hit *h, const json_t *findings)
{
	return h->finding ? kan_json_str(json_array_get(findings, h->finding - 1), "id") : r->id;
}

static void cast(struct kan_tally *t, const struct kan_vote *v, const char *name)
{
	unsigned rank = kan_trust_rank(kan_cond_trust(v->cond));
	int weight = v->weight;
	if (rank >= KAN_TRUST_CLASSES)
		return;
	if (rank == KAN_TRUST_CLASSES - 1 && weight > TEXT_WEIGHT)
		weight = TEXT_WEIGHT;
	int *strongest = &t->sides[v->against][rank];
	*strongest = weight > *strongest ? weight : *strongest;
	kan_json_add_word(t->names[v->against], name);
}

static void count_hit(struct kan_tally *tallies, const struct kan_run *run,
		      const struct kan_rule *r, const struct kan_hit *h, const json_t *findings)
{
	for (size_t i = 0; i < r->n_votes; i++) {
		struct kan_cond_run c = {.joins = h->joins, .counts = run->counts};
		const struct kan_vote *v = &r->votes[i];
		if (kan_cond_eval(&c, v->cond, &h->view) == KAN_TRUE)
			cast(&tallies[v->about], v, voter(r, h, findings));
	}
}

static bool is_context(const struct kan_rule *r)
{
	return strcmp(kan_json_str(r->doc, "class"), "context") == 0;
}

void kan_votes_count(struct kan_tally tallies[KAN_HYPOTHESES], const struct kan_run *run,
		     const json_t *findings)
{
	for (size_t h = 0; h < KAN_HYPOTHESES; h++)
		tallies[h] = (struct kan_tally){.names = {json_array(), json_array()}};
	for (size_t i = 0; i < run->n; i++) {
		const struct kan_rule_run *r = &run->rules[i];
		for (size_t h = 0; h < r->n_hits; h++)
			if (!r->hits[h].accepted &&
			    kan_run_joined(run, r->rule, &r->hits[h]) == KAN_TRUE &&
			    (is_context(r->rule) || !kan_run_excused(run, r->rule, &r->hits[h])))
				count_hit(tallies, run, r->rule, &r->hits[h], findings);
	}
}
