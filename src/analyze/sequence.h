/* The operator sequence: rows of one kind that follow one another within a time, three-valued as
 * everything else. */
#ifndef KAN_ANALYZE_SEQUENCE_H
#define KAN_ANALYZE_SEQUENCE_H

#include "analyze/cond.h"

enum {
	KAN_SEQUENCE_STEPS = 8,
	KAN_SEQUENCE_BY = 2,
	KAN_SEQUENCE_LEAST = 1000,            /* rows that one step may ask for */
	KAN_SEQUENCE_WITHIN = 31 * 24 * 3600, /* seconds that a rule may ask for */
	KAN_SEQUENCE_WEIGHT = 4 << 20, /* octets of all that is remembered of a bundle's rows */
};

/* As a rule has it. It holds for the row that ends it: the last of its last step. */
struct kan_sequence {
	const struct kan_kind *kind;
	const struct kan_column *time; /* time_ns of the kind */
	const struct kan_column *by[KAN_SEQUENCE_BY];
	size_t n_by;
	struct {
		struct kan_cond *where;
		uint32_t least;
	} steps[KAN_SEQUENCE_STEPS];
	size_t n_steps, n_rows; /* n_rows: of all steps */
	int64_t within_ns;      /* from its first row to its last */
};

/* {"by":[...],"steps":[{"where","min"}],"within":seconds} over rows of kind own, which have a
 * time. usage: what is wrong with it. spec is borrowed and must outlive the sequence. */
int kan_sequence_parse(struct kan_sequence **out, const json_t *spec, const struct kan_kind *own,
		       struct kan_err *err);
void kan_sequence_free(struct kan_sequence *s);
/* Every column that it reads of a row, as often as it does. */
void kan_sequence_columns(const struct kan_sequence *s,
			  void (*fn)(const struct kan_column *column, void *arg), void *arg);

/* What was seen of one bundle. */
struct kan_sequences *kan_sequences_new(void);
void kan_sequences_free(struct kan_sequences *all);
/* Look for this one, too. lost: rows of its kind are missing. */
void kan_sequences_want(struct kan_sequences *all, const struct kan_sequence *of, bool lost);
/* Every row of a kind in its order, before anybody asks. gaps as for kan_value_get. */
bool kan_sequences_wants(const struct kan_sequences *all, const struct kan_kind *kind);
void kan_sequences_see(struct kan_sequences *all, const struct kan_view *v, bool gaps);
/* Does it end with this row? True as soon as rows that are certain suffice; unknown when uncertain
 * or missing ones could still make it true. */
enum kan_truth kan_sequences_ask(const struct kan_sequences *all, const struct kan_sequence *of,
				 const struct kan_view *v, bool gaps);

#endif
