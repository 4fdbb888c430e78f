/* What is remembered of rows under the values that they share, within a budget. */
#ifndef KAN_ANALYZE_KEYED_H
#define KAN_ANALYZE_KEYED_H

#include "analyze/column.h"

enum { KAN_KEY_OCTETS = 1 << 16 }; /* of the values of one row that are compared */

struct kan_keyed {
	void *root;
	size_t *weight, max; /* octets in use, and at most; the sum may be shared */
};

/* A value behind its length, so that two keys are equal only when all their values are. */
void kan_keyed_value(struct kan_buf *key, const struct kan_value *v, size_t i);
/* Octets kept under a key, all zero when fresh. NULL: the budget is spent. Borrowed. */
void *kan_keyed_at(struct kan_keyed *k, struct kan_bytes key, size_t octets, bool *fresh);
void *kan_keyed_find(const struct kan_keyed *k, struct kan_bytes key); /* NULL: none */
void kan_keyed_free(struct kan_keyed *k);

#endif
