/* Facts of one entry against what its header says: pure. */
#ifndef KAN_IMAGE_LAYERFACTS_H
#define KAN_IMAGE_LAYERFACTS_H

#include <kanshiki/bytes.h>
#include <linux/stat.h>

struct kan_idmap;
struct kan_layer_member;

struct kan_layer_facts {
	const struct statx *st;
	struct kan_bytes link, xattrs; /* xattrs: packed */
	bool userxattr;
	const struct kan_idmap *uid, *gid; /* of the engine's user namespace; NULL: not known */
};
/* Bits of kan_damage; no content. Not of a hard link. */
unsigned kan_layer_differs(const struct kan_layer_member *m, const struct kan_layer_facts *f);

#endif
