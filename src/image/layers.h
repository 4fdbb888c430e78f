/* The image's layers: what its config calls them, and whether the directories here are those. */
#ifndef KAN_IMAGE_LAYERS_H
#define KAN_IMAGE_LAYERS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <kanshiki/target.h>

#include "base/digest.h"

struct kan_sink;

enum {
	KAN_LAYERS_MAX = 512,
	KAN_IMAGE_CONFIG_MAX = 16 << 20,
};

struct kan_diff_ids {
	char (*v)[KAN_DIGEST]; /* the base first */
	size_t n;
};
/* Pure: rootfs.diff_ids of an image's config. Yours: free v. -1 format, limit. */
int kan_diff_ids_read(struct kan_diff_ids *out, struct kan_bytes config, struct kan_err *err);
/* Pure. parent: chain id of the layer below, NULL at the base. */
void kan_chain_id(char out[KAN_DIGEST], const char *parent, const char *diff_id);

/* The target's lower directories without those of the engine, which may lie between; topmost first.
 * Yours: free it; descriptors and paths are the target's. */
size_t kan_image_lowers(struct kan_layer **out, const struct kan_target *t);
/* The name of its directory in the store: of "overlay2/<cache id>/diff", and of containerd
 * "snapshots/<number>/fs". A view of the layer's path; empty: another place. */
struct kan_bytes kan_layer_cache(const struct kan_layer *l);
/* The bytes of the image's config as the engine keeps it. -1: denied, not-found, unsupported ... */
int kan_image_config_read(struct kan_buf *out, const struct kan_target *t, struct kan_err *err);
/* Writes config.json, raw, and layers.ndjson. -1: evidence cannot be written. */
int kan_layers_take(const struct kan_target *t, struct kan_sink *s, struct kan_err *err);

#endif
