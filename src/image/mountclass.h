/* What a mount is, and how far it may be touched: decided from tables, before anything is. */
#ifndef KAN_IMAGE_MOUNTCLASS_H
#define KAN_IMAGE_MOUNTCLASS_H

#include <kanshiki/bytes.h>
#include <kanshiki/target.h>

struct kan_mount;
struct kan_hostmap;

enum kan_mount_class {
	KAN_MOUNT_ROOT, /* the container's root or a part of it: the filesystem collector has it */
	KAN_MOUNT_TMPFS,
	KAN_MOUNT_SECRETS,
	KAN_MOUNT_VOLUME,
	KAN_MOUNT_BIND,
	KAN_MOUNT_SYSTEM,  /* a bind of the host's system */
	KAN_MOUNT_NETWORK, /* it can hang: network, FUSE, autofs */
	KAN_MOUNT_PSEUDO,  /* the kernel's own */
};
const char *kan_mount_word(enum kan_mount_class c); /* "bind" for the system's, too */

enum kan_mount_act {
	KAN_MOUNT_LIST,   /* never touched, not even stat */
	KAN_MOUNT_STAT,   /* the root's row */
	KAN_MOUNT_DIGEST, /* when small: rows with digests; else the root's row */
	KAN_MOUNT_SMALL,  /* when small: copied; else the root's row */
	KAN_MOUNT_COPY,
};
/* why: the reason for not copying it; NULL when it is copied. scope: the request leaves it out. */
struct kan_mount_rule {
	const char *why;
	enum kan_mount_act act;
	bool scope;
};
struct kan_mount_rule kan_mount_rule(enum kan_mount_class c, enum kan_mounts asked);

/* root: the line of "/". host: NULL when the engine's table is not known. host_path is emptied
 * first. */
enum kan_mount_class kan_mount_classify(struct kan_buf *host_path, const struct kan_mount *m,
					const struct kan_mount *root,
					const struct kan_hostmap *host);
bool kan_mount_hangs(struct kan_bytes fstype); /* network, FUSE, autofs */
bool kan_mount_stacked(
	struct kan_bytes fstype);             /* its files lie on others, which it does not tell */
bool kan_mount_secret(struct kan_bytes path); /* at or below a directory of secrets */

#endif
