/* The checks of a repository, shared by the files that do them. */
#ifndef KAN_CUSTODY_VERIFY_H
#define KAN_CUSTODY_VERIFY_H

#include "custody/check.h"
#include "custody/form.h"
#include "custody/gitobj.h"
#include "custody/lfs.h"
#include "custody/signers.h"

enum kan_verify_id {
	KAN_VERIFY_REPO,
	KAN_VERIFY_OBJECTS,
	KAN_VERIFY_HISTORY,
	KAN_VERIFY_EVENTS,
	KAN_VERIFY_COMMITS,
	KAN_VERIFY_SIGNERS,
	KAN_VERIFY_SIGNATURE,
	KAN_VERIFY_CMS,
	KAN_VERIFY_TIMESTAMP,
	KAN_VERIFY_POINTERS,
	KAN_VERIFY_STORE,
	KAN_VERIFY_REMOTE,
	KAN_VERIFY_ANCHORS,
	KAN_VERIFY_IDS,
};

enum { KAN_VERIFY_TOLD = 64, KAN_VERIFY_PATH = 4096 };

#define KAN_VERIFY_REPO_OK "one branch, and no way out of the repository"

/* A bag as the tip's tree has it. committed: committer date of the commit that brought it. */
struct kan_verify_bag {
	char case_id[KAN_FORM_CASE], bundle[KAN_FORM_BUNDLE], tree[KAN_GIT_ID];
	char seal[KAN_SHA256_HEX];
	uint64_t octets, files;
	int64_t committed;
};

struct kan_tombstones; /* custody/tombstone.h */

/* An LFS object that a pointer in the tip's tree names. */
struct kan_verify_object {
	struct kan_lfs_object object;
	char *path;
};

struct kan_verify {
	kan_check_fn *fn;
	void *arg;
	const struct kan_custody_trust *trust;
	const struct kan_signers *signers; /* or NULL */
	struct kan_buf ca;                 /* the content of trust->ca */
	struct kan_git *git;
	int repo_fd;
	bool anchored; /* something outside agrees: an equal remote */
	bool unsafe;   /* a link or special file: what would open by path is not asked */
	bool holes;    /* a tree of the tip could not be read: what is below it is unknown */
	char tip[KAN_GIT_ID];
	unsigned told[KAN_VERIFY_IDS], silent[KAN_VERIFY_IDS];
	bool ended[KAN_VERIFY_IDS];
	char bad[KAN_VERIFY_TOLD][KAN_GIT_ID]; /* objects that were told already */
	unsigned n_bad;
	struct kan_verify_bag *bags;
	size_t n_bags;
	struct kan_verify_object *objects;
	size_t n_objects;
	struct kan_tombstones *gone; /* of a repository's bags, with their full paths */
};

/* A finding; the first KAN_VERIFY_TOLD of a check are told one by one, the rest by their number. */
void kan_verify_fail(struct kan_verify *v, enum kan_verify_id id, enum kan_check_kind kind,
		     const char *path, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void kan_verify_skip(struct kan_verify *v, enum kan_verify_id id, const char *path, const char *fmt,
		     ...) __attribute__((format(printf, 4, 5)));
/* The check's end, the first time it is called: ok with this detail when nothing was told. */
void kan_verify_done(struct kan_verify *v, enum kan_verify_id id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* An object that could not be read: missing and altered told apart, each object once. */
void kan_verify_bad_object(struct kan_verify *v, const char *id, const char *path,
			   const struct kan_err *why);

void kan_verify_clear(struct kan_verify *v); /* what the stages made; git too */

/* The stages, in their order. */
void kan_verify_files(struct kan_verify *v);   /* repo; sets tip and unsafe */
void kan_verify_tree(struct kan_verify *v);    /* pointers of the tip; fills bags and objects */
void kan_verify_history(struct kan_verify *v); /* objects, history, events, commits, signers */
void kan_verify_seals(struct kan_verify *v);   /* signature of each bag in the tree */
void kan_verify_store(struct kan_verify *v);
void kan_verify_remote(struct kan_verify *v);

/* What trust names is read: the signers into *signers, the certificates into v. */
int kan_verify_trust(struct kan_verify *v, struct kan_signers **signers, struct kan_err *err);
/* One SSHSIG of a tag manifest; at: the time its signer must be trusted at. */
void kan_verify_sig(struct kan_verify *v, const char *path, struct kan_bytes armour,
		    struct kan_bytes manifest, int64_t at);

/* verify_seal.c: the proofs in seal/ of a directory; a blob of a bag in the tree, -1 when it cannot
 * be had. */
void kan_verify_dir_seal(struct kan_verify *v, int dir);
int kan_verify_bag_blob(struct kan_buf *out, struct kan_verify *v, const struct kan_verify_bag *bag,
			const char *path);
/* verify_bag.c: the tombstones of a bag in the tree, into v->gone. */
void kan_verify_stones(struct kan_verify *v, const struct kan_verify_bag *bag,
		       const struct kan_gitobj_tree *seal);

#endif
