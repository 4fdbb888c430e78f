/* What is known of one hit: its joins, and whether somebody's records explain it. */
#include <string.h>

#include "analyze/run.h"

/* Every join that is not optional has a row. A missing row that could still come is undecided. */
enum kan_truth kan_run_joined(const struct kan_run *run, const struct kan_rule *r,
			      const struct kan_hit *h)
{
	enum kan_truth whole = KAN_TRUE;
	for (size_t j = 0; j < r->n_joins; j++) {
		const struct kan_kind *k = r->joins[j].kind;
		if (r->joins[j].optional || h->joins[j].total)
			continue;
		enum kan_coverage c = kan_cover_of(run->facts->cover, run->facts->source,
						   k->collector, k->artefact);
		bool lost = h->joins[j].undecided || c == KAN_COVER_NONE || c == KAN_COVER_CUT;
		if (!lost)
			return KAN_FALSE;
		whole = KAN_UNDECIDED;
	}
	return whole;
}

bool kan_run_excused(const struct kan_run *run, const struct kan_rule *r, const struct kan_hit *h)
{
	struct kan_cond_run c = {.joins = h->joins, .counts = run->counts};
	if (r->excuse)
		return kan_cond_eval(&c, r->excuse, &h->view) == KAN_TRUE;
	return strcmp(r->kind->name, "change") == 0 &&
	       json_is_true(json_object_get(h->view.extra, "explained"));
}
