/* A side of a comparison: a bundle with its facts and what it lacks. */
#include <stdlib.h>
#include <string.h>

#include "analyze/column.h"
#include "analyze/compare.h"
#include "base/row.h"

int kan_side_open(struct kan_side **out, const struct kan_source *s, struct kan_err *err)
{
	struct kan_err ignored = {0};
	struct kan_side *side = kan_xalloc(sizeof *side);
	side->source = s;
	if (kan_source_json(&side->capture, s, "capture.json", KAN_FACTS_DOCUMENT, &ignored) < 0)
		side->capture = NULL;
	if (kan_cover_new(&side->cover, s, side->capture, err) < 0 ||
	    kan_facts_new(&side->facts, s, side->cover, err) < 0) {
		kan_side_free(side);
		return -1;
	}
	*out = side;
	return 0;
}

void kan_side_free(struct kan_side *s)
{
	if (!s)
		return;
	kan_facts_free(s->facts);
	kan_cover_free(s->cover);
	json_decref(s->capture);
	free(s);
}

struct pass {
	const struct kan_side *side;
	const struct kan_kind *kind;
	kan_side_row_fn *fn;
	void *arg;
};

static int on_row(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct pass *p = arg;
	struct kan_view v = {p->kind, (json_t *)(uintptr_t)row, json_object(), line};
	if (p->kind->join)
		p->kind->join(v.extra, row, p->side->facts);
	int rc = p->fn(&v, p->arg, err);
	json_decref(v.extra);
	return rc;
}

int kan_side_rows(const struct kan_side *s, const char *kind, kan_side_row_fn *fn, void *arg,
		  struct kan_err *err)
{
	struct pass p = {s, kan_kind_find(kind), fn, arg};
	if (!kan_source_has(s->source, p.kind->artefact))
		return 0;
	return kan_source_rows(s->source, p.kind->artefact, on_row, &p, err);
}

static void add_gap(json_t *gaps, uint64_t *n, const json_t *gap)
{
	(*n)++;
	if (json_array_size(gaps) < KAN_COMPARE_GAPS)
		json_array_append_new(gaps, kan_cover_reason(gap));
}

bool kan_side_whole(json_t *gaps, uint64_t *n, const struct kan_side *s, const char *collector,
		    const char *artefact)
{
	size_t i = 0;
	json_t *gap = NULL;
	uint64_t before = *n;
	json_array_foreach (s->cover->gaps, i, gap)
		if (strcmp(kan_json_str(gap, "collector"), collector) == 0 &&
		    strcmp(kan_json_str(gap, "code"), "not-applicable") != 0)
			add_gap(gaps, n, gap);
	if (*n == before && artefact &&
	    kan_cover_of(s->cover, s->source, collector, artefact) == KAN_COVER_NONE) {
		json_t *why = kan_cover_why(s->cover, collector, artefact);
		add_gap(gaps, n, why);
		json_decref(why);
	}
	return *n == before;
}
