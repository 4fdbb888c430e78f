/* Conditions over columns, three-valued: true, false, unknown. */
#ifndef KAN_ANALYZE_COND_H
#define KAN_ANALYZE_COND_H

#include <kanshiki/err.h>

#include "analyze/column.h"

enum { KAN_COND_DEPTH = 16, KAN_COND_LIST = 256 };

/* min is `all`, max is `any`, 2 - x is `not`. */
enum kan_truth { KAN_FALSE, KAN_UNDECIDED, KAN_TRUE };

struct kan_cond;
struct kan_counts;

/* The columns a condition may name: its own kind's, and with alias "x." those of a joined kind. */
struct kan_scope {
	const struct kan_kind *kind;
	const char *alias[4];
	const struct kan_kind *joined[4];
	size_t n;
	bool counts; /* it may count rows of other kinds */
};
/* alias of the found column in *which: -1 its own, else index. NULL: there is no such column. */
const struct kan_column *kan_scope_find(int *which, const struct kan_scope *s, const char *name);

/* Rows of another kind that were joined to one row. */
struct kan_matches {
	struct kan_view *rows;
	size_t n, total;
	bool undecided; /* one that could not be read might have matched */
};

/* json is borrowed and must outlive the condition. usage: what is wrong with it. */
int kan_cond_new(struct kan_cond **out, const json_t *json, const struct kan_scope *s,
		 struct kan_err *err);
void kan_cond_free(struct kan_cond *c);
/*
 * On one row. why, when given, is the column that left it undecided; over is set when a regular
 * expression exceeded its budget on this row.
 */
struct kan_cond_run {
	bool gaps;                       /* of the row's collector: see kan_value_get */
	const struct kan_matches *joins; /* in the order of the scope; NULL: own columns alone */
	const struct kan_counts *counts; /* NULL: what is counted is unknown */
	const struct kan_column *why;
	const struct kan_kind *why_kind; /* instead: rows that could not be counted */
	bool over;
};
enum kan_truth kan_cond_eval(struct kan_cond_run *run, const struct kan_cond *c,
			     const struct kan_view *v);
/* Every operator count in it. */
struct kan_count;
void kan_cond_counts(const struct kan_cond *c, void (*fn)(const struct kan_count *of, void *arg),
		     void *arg);
/* Every operator sequence in it. */
struct kan_sequence;
void kan_cond_sequences(const struct kan_cond *c,
			void (*fn)(const struct kan_sequence *of, void *arg), void *arg);
/* Every clause: the condition itself, or what stands in its `all`. json: what it was made of. */
typedef void kan_clause_fn(const struct kan_cond *c, const json_t *json, void *arg);
void kan_cond_clauses(const struct kan_cond *c, const json_t *json, kan_clause_fn *fn, void *arg);
/* Every column of the row itself that it reads, as often as it does. */
void kan_cond_columns(const struct kan_cond *c,
		      void (*fn)(const struct kan_column *column, void *arg), void *arg);
/* The weakest evidence class of the rows that it reads: see kan_trust_rank. */
const char *kan_cond_trust(const struct kan_cond *c);

#endif
