/* Inside layerdir: members on one side, what the directory has more on the other. */
#ifndef KAN_IMAGE_LAYERDIR_PART_H
#define KAN_IMAGE_LAYERDIR_PART_H

#include "image/layerdir.h"
#include "image/layername.h"
#include "image/nameset.h"

enum { KAN_LAYERDIR_SUM = 80, KAN_LAYERDIR_NAMES = 3 * KAN_LAYERDIR_ENTRIES };

/* The member that came last: ours, until it is told. */
struct kan_layer_pending {
	bool is, there;
	enum kan_layer_name kind;
	unsigned bits;
	struct kan_buf path, link, xattrs; /* of the tar; path as it lies in the directory */
	struct kan_layer_member member;
	int pin;
	struct statx st;
	struct kan_buf found_link, found_xattrs;
	char expected[KAN_LAYERDIR_SUM], found[KAN_LAYERDIR_SUM];
};

struct kan_layerdir {
	struct kan_layerdir_opts o;
	struct kan_nameset *names;
	struct kan_layer_pending p;
	struct kan_layer_pending *held;
	size_t n_held;
	uint64_t steps; /* of lookups below, and above */
	bool spent;     /* said: they are over */
	struct kan_buf path;
	bool fatal;
	struct kan_err err; /* of the walk, when fatal */
};

/* May the layers below be asked about this path? What the tar does not say is damage where they are
 * not known, and nothing where too many were asked, which is said once. */
enum kan_layer_look { KAN_LOOK, KAN_LOOK_NONE, KAN_LOOK_SPENT };
enum kan_layer_look kan_layerdir_look(struct kan_layerdir *l, struct kan_bytes path);
/* Is this directory of the layer marked opaque; is one that path lies in? */
bool kan_layerdir_is_opaque(const struct kan_layerdir *l, struct kan_bytes path);
bool kan_layerdir_below_opaque(const struct kan_layerdir *l, struct kan_bytes path);

#endif
