/* What the layers below one have at a path: whether something of its directory changes what is
 * seen. */
#ifndef KAN_IMAGE_LAYERBELOW_H
#define KAN_IMAGE_LAYERBELOW_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_nameset;
struct kan_stack;
struct kan_tree_entry;
struct kan_tree_opener;

/* 1: something is there to be hidden; 0: nothing; -1: it could not be looked at. */
int kan_layerbelow_has(const struct kan_stack *below, struct kan_bytes path, struct kan_err *err);
/* Does an opaque mark on the directory hide more than the names of the layer's tar replace and
 * hide one by one? As above. */
int kan_layerbelow_opaque_hides(const struct kan_stack *below, struct kan_bytes path,
				const struct kan_nameset *names, struct kan_err *err);
/* Is the entry what the layers below have at its path: copied up and not changed? A directory's
 * time does not count. As above. */
int kan_layerbelow_same(const struct kan_stack *below, const struct kan_tree_entry *e,
			struct kan_tree_opener *opener, struct kan_err *err);

/* Has the entry below the access lists that are among these attributes, and no others? 1, 0, -1. */
int kan_layerbelow_same_acl(const struct kan_stack *below, struct kan_bytes path,
			    struct kan_bytes xattrs, struct kan_err *err);

#endif
