/* Inside imaged: the tar of one layer as it goes by, a row of baseline.ndjson a member. */
#ifndef KAN_IMAGE_IMAGED_LAYER_H
#define KAN_IMAGE_IMAGED_LAYER_H

#include <kanshiki/sink.h>

enum {
	KAN_IMAGED_NAMES = 780000, /* of a layer, remembered to see one again: 8 MiB */
	KAN_IMAGED_FILES = 65536,  /* of a layer, remembered for hard links to them: 4 MiB */
};

struct kan_imaged_to {
	struct kan_sink *sink;
	struct kan_rows *rows;
	uint64_t n, max; /* rows made of all layers, and at most; n counts on beyond it */
};

struct kan_imaged_layer;
/* to is borrowed and counts. number: 0 the base. */
struct kan_imaged_layer *kan_imaged_layer_new(struct kan_imaged_to *to, int number);
void kan_imaged_layer_free(struct kan_imaged_layer *l);
/* In pieces of any size. A tar that cannot be read is told at the end. -1: evidence cannot be
 * written. */
int kan_imaged_layer_feed(struct kan_imaged_layer *l, struct kan_bytes piece, struct kan_err *err);
/* No more comes; what no row was made of is told. files, octets: with content. */
void kan_imaged_layer_end(uint64_t *files, uint64_t *octets, struct kan_imaged_layer *l);

#endif
