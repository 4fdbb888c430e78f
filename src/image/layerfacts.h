/* Facts of one entry against what its header says: pure. */
#ifndef KAN_IMAGE_LAYERFACTS_H
#define KAN_IMAGE_LAYERFACTS_H

#include <kanshiki/bytes.h>
#include <linux/stat.h>

struct kan_layer_member;
struct kan_idmaps;

struct kan_layer_facts {
	const struct statx *st;
	struct kan_bytes link, xattrs; /* xattrs: packed */
	bool userxattr;
	const struct kan_idmaps *owners; /* of the store; NULL: as in the tar */
};
/* Bits of kan_damage; no content. Not of a hard link. */
unsigned kan_layer_differs(const struct kan_layer_member *m, const struct kan_layer_facts *f);

/* Access lists: who may what beside owner and group. */
bool kan_layer_has_acl(struct kan_bytes packed);

#endif
