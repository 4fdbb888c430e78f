/* Which later layer hides an entry of an image layer: the nearest one above that says so. */
#ifndef KAN_IMAGE_GHOSTS_H
#define KAN_IMAGE_GHOSTS_H

#include "image/lower.h"

struct kan_tree_entry;

enum {
	KAN_HIDDEN_NOT = -1,
	KAN_HIDDEN_UNKNOWN = -2, /* a layer above could not be looked into */
	KAN_HIDDEN_HELD = 8192,  /* descriptors of directories that later layers have, too */
};

/* Of one layer; s is borrowed. */
struct kan_hidden;
struct kan_hidden *kan_hidden_new(const struct kan_stack *s, unsigned layer);
void kan_hidden_free(struct kan_hidden *h);
/*
 * Entries in walk order, the layer's root first; the root once more begins anew. The index of the
 * layer (0 topmost) that hides the entry by a whiteout, a directory that is opaque or was renamed
 * to its name, or an entry of its own; KAN_HIDDEN_NOT or KAN_HIDDEN_UNKNOWN. A directory that later
 * layers have as well is merged, not hidden.
 */
int kan_hidden_by(struct kan_hidden *h, const struct kan_tree_entry *e);
/* Entries about which it is not known, and why not for the first of them. */
uint64_t kan_hidden_unknown(struct kan_err *why, const struct kan_hidden *h);

#endif
