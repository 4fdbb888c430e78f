/* A bundle's directory by every check, and what of it was disposed of: in a directory and in the
 * tree of a repository. */
#include "custody/bag.h"
#include "custody/files.h"
#include "custody/sshsig.h"
#include "custody/tombstone.h"
#include "custody/verify.h"
#include "evidence/baginfo.h"
#include "evidence/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct kan_custody_trust nothing = {0};

static void bag_key(struct kan_buf *keys, struct kan_verify *v, const struct kan_verify_bag *bag,
		    const char *path, const struct kan_buf *manifest)
{
	kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);

	if (kan_verify_bag_blob(&armour, v, bag, path) == 0)
		kan_tombstone_key(keys, kan_buf_bytes(&armour), kan_buf_bytes(manifest));
}

/* Who signed the seal. */
static void bag_keys(struct kan_buf *keys, struct kan_verify *v, const struct kan_verify_bag *bag,
		     const struct kan_gitobj_tree *seal)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);

	if (kan_verify_bag_blob(&manifest, v, bag, KAN_BAG_TAGMANIFEST) < 0)
		return;
	for (size_t i = 0; i < seal->n; i++) {
		kan_auto_buf struct kan_buf path = KAN_BUF(256);

		kan_buf_addf(&path, "seal/%s", seal->list[i].name);
		if (kan_bag_is_proof(kan_buf_str(&path), "sig"))
			bag_key(keys, v, bag, kan_buf_str(&path), &manifest);
	}
}

void kan_verify_keep_said(struct kan_verify *v, const char *stone, int64_t at)
{
	v->said = kan_xrealloc(v->said, v->n_said + 1, sizeof(*v->said));
	memcpy(v->said[v->n_said].id, stone, KAN_GIT_ID);
	v->said[v->n_said++].at = at;
}

/* One that came with the bag was there when the bag was committed. */
static int64_t said_at(const struct kan_verify *v, const struct kan_verify_bag *bag, const char *id)
{
	for (size_t i = 0; i < v->n_said; i++)
		if (strcmp(v->said[i].id, id) == 0)
			return v->said[i].at;
	return bag->committed;
}

static void take_tombstone(struct kan_verify *v, const struct kan_verify_bag *bag, const char *path,
			   const char *where, int64_t at, const char *keys)
{
	kan_auto_buf struct kan_buf event = KAN_BUF(KAN_BAG_PROOF_MAX);
	kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
	kan_auto_buf struct kan_buf beside = KAN_BUF(256);
	char files[KAN_FORM_CASE + KAN_FORM_BUNDLE + 32];

	snprintf(files, sizeof(files), "cases/%s/bundles/%s/", bag->case_id, bag->bundle);
	kan_buf_addf(&beside, "%s.sig", path);
	if (kan_verify_bag_blob(&event, v, bag, path) < 0 ||
	    kan_verify_bag_blob(&armour, v, bag, kan_buf_str(&beside)) < 0)
		kan_verify_fail(v, KAN_VERIFY_SIGNATURE, KAN_CHECK_MISSING, where,
				"a tombstone without its signature");
	else
		kan_tombstone_take(v->gone, v,
				   &(struct kan_tombstone_ask){.bundle = bag->bundle,
							       .path = where,
							       .bag = files,
							       .event = kan_buf_bytes(&event),
							       .armour = kan_buf_bytes(&armour),
							       .seal_keys = keys,
							       .at = at});
}

void kan_verify_stones(struct kan_verify *v, const struct kan_verify_bag *bag,
		       const struct kan_gitobj_tree *seal)
{
	kan_auto_buf struct kan_buf keys = KAN_BUF(KAN_TOMBSTONE_KEYS);
	char where[KAN_VERIFY_PATH];
	unsigned seq;

	bag_keys(&keys, v, bag, seal);
	for (size_t i = 0; v->gone && i < seal->n; i++) {
		kan_auto_buf struct kan_buf path = KAN_BUF(256);

		kan_buf_addf(&path, "seal/%s", seal->list[i].name);
		snprintf(where, sizeof(where), "cases/%s/bundles/%s/%s", bag->case_id, bag->bundle,
			 kan_buf_str(&path));
		if (kan_tombstone_is(kan_buf_str(&path), &seq))
			take_tombstone(v, bag, kan_buf_str(&path), where,
				       said_at(v, bag, seal->list[i].id), kan_buf_str(&keys));
	}
}

void kan_verify_all_stones(struct kan_verify *v)
{
	for (size_t i = 0; i < v->n_bags; i++) {
		kan_auto_gittree struct kan_gitobj_tree seal = {0};
		char id[KAN_GIT_ID];
		bool dir;

		if (kan_gitobj_walk(id, &dir, v->git, v->bags[i].tree, "seal", NULL) == 1 && dir &&
		    kan_gitobj_read_tree(&seal, v->git, id, NULL) == 0)
			kan_verify_stones(v, &v->bags[i], &seal);
	}
}

static int open_bag(struct kan_verify *v, struct kan_signers **signers, int *dir,
		    const char *bundle_dir, struct kan_err *err)
{
	*dir = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir < 0 ? kan_fail_sys(err, "%s", bundle_dir) : kan_verify_trust(v, signers, err);
}

int kan_custody_verify_seal(const char *bundle_dir, const struct kan_custody_trust *trust,
			    kan_check_fn *fn, void *arg, struct kan_err *err)
{
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_close int dir = -1;
	struct kan_verify v = {.fn = fn, .arg = arg, .trust = trust ? trust : &nothing};

	if (open_bag(&v, &signers, &dir, bundle_dir, err) < 0)
		return -1;
	kan_verify_dir_seal(&v, dir);
	kan_verify_untrust(&v);
	return 0;
}

static bool gone(const char *path, const char *sha256, void *arg)
{
	return kan_tombstones_find(arg, path, sha256) != NULL;
}

/* The name by which a tombstone must call it. */
static void bundle_name(char out[KAN_FORM_BUNDLE], int dir)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_INFO_CAP);
	struct kan_baginfo info = {0};

	out[0] = 0;
	if (kan_files_read(&text, dir, "bag-info.txt", NULL) == 0 &&
	    kan_baginfo_parse(&info, kan_buf_bytes(&text), NULL) == 0 &&
	    kan_form_bundle_ok(info.bundle))
		snprintf(out, KAN_FORM_BUNDLE, "%.*s", KAN_FORM_BUNDLE - 1, info.bundle);
}

/* named: the bundle that it must be, or NULL: the directory's name says what it is. */
static int check_bag(struct kan_verify *v, int dir, const char *bundle_dir, const char *named,
		     const char *want_seal, struct kan_err *err)
{
	kan_auto_tombstones struct kan_tombstones stones = {0};
	const struct kan_bagcheck_gone disposed = {gone, &stones};
	char name[KAN_FORM_BUNDLE];
	struct stat st;
	int rc;

	bundle_name(name, dir);
	if (named && strcmp(name, named) != 0)
		kan_verify_fail(v, KAN_VERIFY_SIGNATURE, KAN_CHECK_ALTERED, "bag-info.txt",
				"it is not the bundle that its directory is called after");
	kan_tombstones_of_dir(&stones, v, dir, name);
	rc = named ? kan_bagcheck_run(dir, want_seal, &disposed, v->fn, v->arg, err)
		   : kan_bagcheck_dir(bundle_dir, want_seal, &disposed, v->fn, v->arg, err);
	if (rc < 0)
		return -1;
	/* Not sealed: there is nothing that could be signed. */
	if (fstatat(dir, KAN_BAG_TAGMANIFEST, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatat(dir, "seal", &st, AT_SYMLINK_NOFOLLOW) == 0)
		kan_verify_dir_seal(v, dir);
	return 0;
}

static int verify_bag(struct kan_verify *v, const char *bundle_dir, const char *named,
		      const char *want_seal, struct kan_err *err)
{
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_close int dir = -1;
	int rc = open_bag(v, &signers, &dir, bundle_dir, err);

	if (!rc)
		rc = check_bag(v, dir, bundle_dir, named, want_seal, err);
	kan_verify_untrust(v);
	return rc;
}

int kan_custody_verify_bag(const char *bundle_dir, const char *want_seal,
			   const struct kan_custody_trust *trust, kan_check_fn *fn, void *arg,
			   struct kan_err *err)
{
	struct kan_verify v = {.fn = fn, .arg = arg, .trust = trust ? trust : &nothing};

	return verify_bag(&v, bundle_dir, NULL, want_seal, err);
}

int kan_custody_verify_bag_at(const char *dir, const char *bundle, kan_check_fn *fn, void *arg,
			      struct kan_err *err)
{
	struct kan_verify v = {.fn = fn, .arg = arg, .trust = &nothing};

	return verify_bag(&v, dir, bundle, NULL, err);
}
