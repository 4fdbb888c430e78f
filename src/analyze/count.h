/* The operator count: how many rows of another kind go with a row, three-valued as everything else.
 */
#ifndef KAN_ANALYZE_COUNT_H
#define KAN_ANALYZE_COUNT_H

#include "analyze/cond.h"

enum {
	KAN_COUNT_COLUMNS = 2,      /* of on, and of group */
	KAN_COUNT_LEAST = 10000,    /* that a rule may ask for */
	KAN_COUNT_WEIGHT = 8 << 20, /* octets of all that is remembered of a bundle's rows */
};

/* As a rule has it; without `on` all rows are counted. */
struct kan_count {
	const struct kan_kind *kind;
	struct {
		const struct kan_column *left, *right;
	} on[KAN_COUNT_COLUMNS];
	const struct kan_column *group[KAN_COUNT_COLUMNS];
	const struct kan_column *distinct; /* NULL: every row counts */
	size_t n_on, n_group;
	struct kan_cond *where; /* NULL: every row */
	uint32_t least;
};

/* own: the kind of the row that asks. usage: what is wrong with it. spec is borrowed and must
 * outlive the count. */
int kan_count_parse(struct kan_count **out, const json_t *spec, const struct kan_kind *own,
		    struct kan_err *err);
void kan_count_free(struct kan_count *c);
/* The weaker evidence class of the rows that ask and those that are counted. */
const char *kan_count_trust(const struct kan_count *c, const struct kan_kind *own);

/* What was counted of one bundle. */
struct kan_counts *kan_counts_new(void);
void kan_counts_free(struct kan_counts *c);
struct kan_sequences;
struct kan_sequences *kan_counts_sequences(const struct kan_counts *c); /* borrowed */
/* Count rows for this one, too. lost: rows of its kind are missing. */
void kan_counts_want(struct kan_counts *c, const struct kan_count *of, bool lost);
/* Every row of a kind, before anybody asks. gaps as for kan_value_get. */
bool kan_counts_wants(const struct kan_counts *c, const struct kan_kind *kind);
void kan_counts_see(struct kan_counts *c, const struct kan_view *v, bool gaps);
/* True as soon as certain rows suffice; unknown when uncertain or missing ones still could. */
enum kan_truth kan_counts_ask(const struct kan_counts *c, const struct kan_count *of,
			      const struct kan_view *v);

#endif
