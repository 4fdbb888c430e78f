/* Overlay semantics: what the kernel's own marks mean, and which of that look are only data. */
#ifndef KAN_IMAGE_OVERLAY_H
#define KAN_IMAGE_OVERLAY_H

#include <kanshiki/bytes.h>
#include <linux/stat.h>

/* Which attributes count: "trusted.overlay.", or "user.overlay." with the mount option userxattr.
 */
const char *kan_overlay_prefix(bool userxattr);

/* The marks of one entry, of the prefix in force only. Views are of the packed attributes. */
struct kan_overlay_marks {
	char opaque;               /* 'y', 'x', or 0 */
	bool metacopy, whiteout;   /* whiteout: the attribute; of an empty file it is one */
	struct kan_bytes redirect; /* valid ones only: "/a/b" or "name"; else empty */
	uint64_t
		flags; /* STATX_ATTR_ bits that chattr in the container set: kept as an attribute */
	bool has_origin;
	uint64_t origin_ino;
	uint32_t origin_gen;
};
struct kan_overlay_marks kan_overlay_marks(struct kan_bytes xattrs, bool userxattr);

/*
 * Pure: inode and generation out of an overlay file handle (trusted.overlay.origin): version 0,
 * magic 0xfb, the types of ext4, xfs, btrfs and tmpfs. false: another type, another byte order, or
 * no handle at all.
 */
bool kan_overlay_origin(uint64_t *ino, uint32_t *gen, struct kan_bytes value);
/* Pure: may the kernel follow it? One name, or an absolute path, without "." and ".." */
bool kan_overlay_redirect_ok(struct kan_bytes value);
/* Pure: does a valid one lead to another place than that of its own entry? What was moved away and
 * back, or was given a second name, has one that does not. */
bool kan_overlay_redirect_moves(struct kan_bytes value, struct kan_bytes name,
				struct kan_bytes path);

/* Is the attribute overlay's bookkeeping (the prefix in force, but no escaped overlay.overlay.)? */
bool kan_overlay_own(struct kan_bytes xattr_name, bool userxattr);
/* Bookkeeping that changes nothing of what is seen: origin, impure, nlink, uuid, upper, protattr;
 * and opaque "y", whose meaning is compared apart. */
bool kan_overlay_harmless(struct kan_bytes xattr_name, struct kan_bytes value, bool userxattr);
/* Does it look like overlay's, and is only data: the other prefix, or an escaped one? */
bool kan_overlay_planted(struct kan_bytes xattr_name, bool userxattr);

bool kan_overlay_chr0(const struct statx *st); /* character device 0/0 */
/*
 * Does the entry hide its name? A device 0/0, or, since Linux 6.7, an empty file with the
 * attribute. Names are looked up so in every layer; "opaque" 'x' of the directory only tells a
 * listing to look at its entries' attributes.
 */
bool kan_overlay_whiteout(const struct statx *st, bool attribute);

#endif
