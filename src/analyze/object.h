/* What a document shows of a row: some of its columns, values cut at a named length. */
#ifndef KAN_ANALYZE_OBJECT_H
#define KAN_ANALYZE_OBJECT_H

#include "analyze/column.h"

enum {
	KAN_OBJECT_VALUE = 4096,  /* bytes of one value; beyond it is cut and <key>_len tells */
	KAN_OBJECT_ELEMENTS = 64, /* of one list; beyond it <key>_count tells */
};

/* {"kind":..., columns of the kind's identity with dots as underscores}. gaps as for kan_value_get.
 * Yours. */
json_t *kan_object(const struct kan_view *v, bool gaps);
/* Element i of a value as it may be shown: secrets masked where the column speaks. scratch holds
 * what had to be made. */
struct kan_bytes kan_shown(const struct kan_column *c, const struct kan_value *v, size_t i,
			   struct kan_buf *scratch);
/* Set key (and key_b64 when not clean) to bytes cut at KAN_OBJECT_VALUE. */
void kan_object_bytes(json_t *o, const char *key, struct kan_bytes v);
/* Set key to a known value, as kan_object shows it. */
void kan_object_value(json_t *o, const char *key, const struct kan_column *c,
		      const struct kan_value *v);

#endif
