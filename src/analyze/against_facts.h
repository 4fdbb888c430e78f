/* Inside against: facts of the reference's entries, and one baseline row beside them. */
#ifndef KAN_ANALYZE_AGAINST_FACTS_H
#define KAN_ANALYZE_AGAINST_FACTS_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

#include "analyze/against.h"
#include "base/digest.h"

struct kan_idmaps;
struct kan_against_table;
/* owners: of the store that the rows are of; borrowed. */
struct kan_against_table *kan_against_table_new(const struct kan_idmaps *owners);
void kan_against_table_free(struct kan_against_table *t);

/* The tar of a layer as it goes by. -1: limit, format ... */
int kan_against_layer(struct kan_against_table *t, size_t n, struct kan_err *err);
int kan_against_data(struct kan_against_table *t, struct kan_bytes piece, struct kan_err *err);
int kan_against_end(struct kan_against_table *t, struct kan_err *err);
/* All came: then rows may be looked up. */
void kan_against_sort(struct kan_against_table *t);

/* A row of baseline.ndjson: differs is set when it differs, yours. 1: its content could not be
 * compared. */
unsigned kan_against_row(json_t **differs, struct kan_against_table *t, const json_t *row);
bool kan_against_unmet(const struct kan_against_table *t);
/* What no row was met for is told while the tars go by once more. */
void kan_against_name_unmet(struct kan_against_table *t, kan_against_fn *fn, void *arg);

#endif
