/* The directory of a layer against the tar it was made from: each path that is not as it should be.
 */
#ifndef KAN_IMAGE_LAYERDIR_H
#define KAN_IMAGE_LAYERDIR_H

#include <linux/stat.h>

#include "image/layertar.h"

enum kan_damage_bits {
	KAN_DAMAGE_CONTENT = 1,
	KAN_DAMAGE_SIZE = 2,
	KAN_DAMAGE_TYPE = 4,
	KAN_DAMAGE_MODE = 8,
	KAN_DAMAGE_OWNER = 16,
	KAN_DAMAGE_MTIME = 32,
	KAN_DAMAGE_LINK = 64, /* target, or a hard link that is none */
	KAN_DAMAGE_DEVICE = 128,
	KAN_DAMAGE_CAPABILITY = 256,
	KAN_DAMAGE_XATTRS = 512,
	KAN_DAMAGE_MISSING = 1024,
	KAN_DAMAGE_EXTRA = 2048,
	KAN_DAMAGE_WHITEOUT = 4096, /* hides something below, and should not; or the reverse */
	KAN_DAMAGE_OPAQUE = 8192,
	KAN_DAMAGE_DUPLICATE = 16384, /* twice in the tar */
	KAN_DAMAGE_NAME = 32768,      /* a name that leads out */
	KAN_DAMAGE_MORE = 65536,    /* attributes that the tar does not say: builders leave them */
	KAN_DAMAGE_UNMADE = 131072, /* a device node, which an engine of a user cannot make */
	KAN_DAMAGE_ACL = 262144, /* an access list that neither the tar nor the entry below has */
	/* What honest builders, engines and copies do too: told, and alone no damage. */
	KAN_DAMAGE_NOTED =
		KAN_DAMAGE_MTIME | KAN_DAMAGE_DUPLICATE | KAN_DAMAGE_MORE | KAN_DAMAGE_UNMADE,
};
enum { KAN_DAMAGE_COUNT = 19, KAN_LAYERDIR_ENTRIES = 2000000 };
extern const char *const kan_damage_words[KAN_DAMAGE_COUNT]; /* by bit: "content" first */
bool kan_damage_is_noted(const char *word);

struct kan_stack;
struct kan_tree_opener;

/* Views are borrowed for the call. */
struct kan_damage {
	struct kan_bytes path;
	unsigned bits;
	const struct kan_layer_member *expected; /* NULL: of an extra path */
	const struct statx *found;               /* NULL: it is missing */
	struct kan_bytes link, xattrs;           /* found */
	const char *expected_sum, *found_sum;    /* of the content: crc64 or sha256; or NULL */
};
struct kan_layerdir_opts {
	int fd;                         /* O_PATH of the directory */
	const struct kan_stack *below;  /* the image's layers below it; NULL: not known */
	struct kan_tree_opener *opener; /* with below */
	bool userxattr;
	const struct kan_idmaps *owners; /* of the store; NULL: as in the tar */
	/* -1: evidence cannot be written. */
	int (*damage)(const struct kan_damage *d, void *arg, struct kan_err *err);
	/* It could not be looked at, so that nothing is known of it. */
	void (*unknown)(struct kan_bytes path, const struct kan_err *why, void *arg);
	void *arg;
};

struct kan_layerdir;
struct kan_layerdir *kan_layerdir_new(const struct kan_layerdir_opts *o);
void kan_layerdir_free(struct kan_layerdir *l);
/*
 * A member of the tar, in its order. What differs is told later, or at the end: what is found out
 * about its content may come in between, and of a name that comes again the last counts.
 */
int kan_layerdir_member(struct kan_layerdir *l, const struct kan_layer_member *m,
			struct kan_err *err);
/* The member that came last, if it is this file: O_PATH, borrowed; else -1. */
int kan_layerdir_pin(const struct kan_layerdir *l, struct kan_bytes path);
/* Its content is another; sums are words of at most 64 digits. */
void kan_layerdir_content(struct kan_layerdir *l, const char *expected, const char *found);
/* What is waiting, when the tar cannot be read on. */
int kan_layerdir_tell(struct kan_layerdir *l, struct kan_err *err);
/* All members came: what is waiting, and what the directory has more. */
int kan_layerdir_finish(struct kan_layerdir *l, struct kan_err *err);

/* O_PATH of "/a/b" below fd; no link and no mount on the way is followed. */
int kan_layer_pin(int *out, int fd, struct kan_bytes path, struct kan_err *err);

#endif
