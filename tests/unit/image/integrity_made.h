/* An image with its engine's data, made anew for a test, and what was said of it. */
#ifndef KAN_TEST_INTEGRITY_MADE_H
#define KAN_TEST_INTEGRITY_MADE_H

#include "world.h"

enum { LAYERS = 3 };

/* --verify-image is asked for, --image is none. dN is the directory of layer N, splitN its
 * tar-split. */
struct world *image_new(void);
/* With an engine of that user, whose maps are this one; of 0: root's. */
void image_of_user(struct world *w, uint32_t own, const char *map);
void image_free(struct world *w);
/* Rows of integrity.ndjson. */
json_t *image_verify(struct world *w);
/* The verdict of a layer (-1: the image) on a rung; "" when there is none. */
const char *image_result(const json_t *rows, int rung, int layer);
/* "LAYER PATH:word,word " a damaged path, sorted. Yours. */
char *image_named(struct world *w);
/* Of a kan_reference_visit: what comes is of no interest. */
int image_no_layer(size_t n, void *arg, struct kan_err *err);
int image_no_data(struct kan_bytes piece, void *arg, struct kan_err *err);

#endif
