/* Tombstones: signed words in a bag's seal/ that an artefact was disposed of. custody.md section 1,
 * step 11. */
#ifndef KAN_CUSTODY_TOMBSTONE_H
#define KAN_CUSTODY_TOMBSTONE_H

#include "custody/lfs.h"
#include "custody/verify.h"

enum { KAN_TOMBSTONE_KEYS = 16 << 10 };

struct kan_tombstone {
	struct kan_lfs_object object;
	char path[512]; /* bag, and behind it data/... */
};
struct kan_tombstones {
	struct kan_tombstone *list;
	size_t n;
};
void kan_tombstones_free(struct kan_tombstones *t);
#define kan_auto_tombstones __attribute__((cleanup(kan_tombstones_free)))

/* "seal/000005-dispose.json": its number in *seq. */
bool kan_tombstone_is(const char *path, unsigned *seq);
void kan_tombstone_path(struct kan_buf *out, unsigned seq); /* below the bag */

/* One tombstone as it lies there. Everything is borrowed. */
struct kan_tombstone_ask {
	const char *bundle, *path; /* path: for the words */
	const char *bag;           /* what its files are below, "cases/.../BUNDLE/", or "" */
	struct kan_bytes event, armour;
	const char *seal_keys; /* as kan_tombstone_key writes them */
	int64_t at;            /* when its signer must be trusted */
};
/* When this is a good signature of the tag manifest: its key's fingerprint, and LF. */
void kan_tombstone_key(struct kan_buf *keys, struct kan_bytes armour, struct kan_bytes manifest);
/* Has this key, as a fingerprint, signed the seal of the bundle in dir? If not, its tombstones
 * count for nobody who has no trust file. */
bool kan_tombstone_by_sealer(int dir, const char *fpr);
/*
 * What it says is added to out, when it is signed by whom the trust file trusts, or without a trust
 * file by a key that signed the seal, too. Else it is told as a check of the signature, and nothing
 * is added.
 */
void kan_tombstone_take(struct kan_tombstones *out, struct kan_verify *v,
			const struct kan_tombstone_ask *ask);
/* All of a bundle's directory; what is wrong with them is told through v. */
void kan_tombstones_of_dir(struct kan_tombstones *out, struct kan_verify *v, int dir,
			   const char *bundle);
/* The one of this file, or NULL; path: with the bag that it is in, as above. */
const struct kan_tombstone *kan_tombstones_find(const struct kan_tombstones *t, const char *path,
						const char *oid);
#endif
