/* The signatures over a bag's tag manifest: in a bundle's directory, and in the tree of a
 * repository. */
#include "custody/bag.h"
#include "custody/files.h"
#include "custody/sshsig.h"
#include "custody/tombstone.h"
#include "custody/verify.h"

#include "evidence/baginfo.h"
#include "evidence/tags.h"
#include "evidence/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void check_trust(struct kan_verify *v, const char *path, const struct kan_sshsig *sig,
			int64_t at)
{
	char fpr[KAN_KEY_FPR];
	const char *why;

	kan_key_fingerprint(fpr, sig->key);
	if (!v->signers)
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, path,
				"good, by %s; no trust file: nobody vouches for this key", fpr);
	else if (!kan_signers_find(v->signers,
				   &(struct kan_signers_ask){NULL, sig->key, KAN_NS_FILE, at},
				   &why))
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, path, "good, by %s: %s", fpr, why);
}

void kan_verify_sig(struct kan_verify *v, const char *path, struct kan_bytes armour,
		    struct kan_bytes manifest, int64_t at)
{
	kan_auto_sshsig struct kan_sshsig sig = {0};
	struct kan_err err = {0};

	if (kan_sshsig_parse(&sig, armour, &err) == 0 &&
	    kan_sshsig_verify(&sig, KAN_NS_FILE, manifest, &err) == 0)
		check_trust(v, path, &sig, at);
	else if (err.code == KAN_EUNSUPPORTED)
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, path, "%s", err.text);
	else
		kan_verify_fail(v, KAN_VERIFY_SIGNATURE, KAN_CHECK_ALTERED, path, "%s", err.text);
}

static int bag_blob(struct kan_buf *out, struct kan_verify *v, const struct kan_verify_bag *bag,
		    const char *path)
{
	char id[KAN_GIT_ID];
	bool dir;
	int found = kan_gitobj_walk(id, &dir, v->git, bag->tree, path, NULL);

	return found == 1 && !dir && !kan_git_read(out, v->git, id, KAN_GIT_BLOB, NULL) ? 0 : -1;
}

/* The key of the bag's first signature, when it fits; the views live in sig. */
static void bag_key(struct kan_sshsig *sig, struct kan_verify *v, const struct kan_verify_bag *bag)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);

	if (bag_blob(&manifest, v, bag, KAN_BAG_TAGMANIFEST) == 0 &&
	    bag_blob(&armour, v, bag, KAN_BAG_SIG) == 0 &&
	    kan_sshsig_parse(sig, kan_buf_bytes(&armour), NULL) == 0 &&
	    kan_sshsig_verify(sig, KAN_NS_FILE, kan_buf_bytes(&manifest), NULL) < 0)
		sig->key = (struct kan_bytes){0};
}

static void take_tombstone(struct kan_verify *v, const struct kan_verify_bag *bag, const char *path,
			   const char *where, struct kan_bytes key)
{
	kan_auto_buf struct kan_buf event = KAN_BUF(KAN_BAG_PROOF_MAX);
	kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
	kan_auto_buf struct kan_buf beside = KAN_BUF(256);

	kan_buf_addf(&beside, "%s.sig", path);
	if (bag_blob(&event, v, bag, path) < 0 ||
	    bag_blob(&armour, v, bag, kan_buf_str(&beside)) < 0)
		kan_verify_fail(v, KAN_VERIFY_SIGNATURE, KAN_CHECK_MISSING, where,
				"a tombstone without its signature");
	else
		kan_tombstone_take(v->gone, v,
				   &(struct kan_tombstone_ask){.bundle = bag->bundle,
							       .path = where,
							       .event = kan_buf_bytes(&event),
							       .armour = kan_buf_bytes(&armour),
							       .seal_key = key,
							       .at = bag->committed});
}

/* Blobs that cannot be read were told by the stages before: here they are just no signature. */
static void check_bag(struct kan_verify *v, const struct kan_verify_bag *bag)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_gittree struct kan_gitobj_tree seal = {0};
	char id[KAN_GIT_ID], where[KAN_VERIFY_PATH];
	kan_auto_sshsig struct kan_sshsig first = {0};
	unsigned found = 0, seq;
	bool dir;

	bag_key(&first, v, bag);
	snprintf(where, sizeof(where), "cases/%s/bundles/%s/seal", bag->case_id, bag->bundle);
	if (bag_blob(&manifest, v, bag, KAN_BAG_TAGMANIFEST) == 0 &&
	    kan_gitobj_walk(id, &dir, v->git, bag->tree, "seal", NULL) == 1 && dir)
		(void)kan_gitobj_read_tree(&seal, v->git, id, NULL); /* told before */
	for (size_t i = 0; i < seal.n; i++) {
		kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
		kan_auto_buf struct kan_buf path = KAN_BUF(256);

		kan_buf_addf(&path, "seal/%s", seal.list[i].name);
		snprintf(where, sizeof(where), "cases/%s/bundles/%s/%s", bag->case_id, bag->bundle,
			 kan_buf_str(&path));
		if (kan_tombstone_is(kan_buf_str(&path), &seq))
			take_tombstone(v, bag, kan_buf_str(&path), where, first.key);
		if (!kan_bag_is_sig(kan_buf_str(&path)) ||
		    bag_blob(&armour, v, bag, kan_buf_str(&path)) < 0)
			continue;
		found++;
		kan_verify_sig(v, where, kan_buf_bytes(&armour), kan_buf_bytes(&manifest),
			       bag->committed);
	}
	if (!found)
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, where, "no signature");
}

void kan_verify_seals(struct kan_verify *v)
{
	for (size_t i = 0; i < v->n_bags; i++)
		check_bag(v, &v->bags[i]);
	if (v->holes)
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, "", "not every bag could be read");
	kan_verify_done(v, KAN_VERIFY_SIGNATURE, "every seal is signed by a trusted key");
}

static void check_dir(struct kan_verify *v, int dir, struct kan_bytes manifest)
{
	unsigned found = 0;

	for (int i = 1; i <= 99; i++) {
		kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err err = {0};
		char path[64];

		if (i == 1)
			snprintf(path, sizeof(path), "%s", KAN_BAG_SIG);
		else
			snprintf(path, sizeof(path), "seal/tagmanifest-sha256.txt.%d.sig", i);
		if (kan_files_read(&armour, dir, path, &err) == 0)
			kan_verify_sig(v, path, kan_buf_bytes(&armour), manifest, time(NULL));
		else if (err.code != KAN_ENOTFOUND)
			kan_verify_fail(v, KAN_VERIFY_SIGNATURE, KAN_CHECK_ALTERED, path, "%s",
					err.text);
		else
			continue;
		found++;
	}
	if (!found)
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, "seal", "no signature");
}

/* As with ssh-keygen, a bag alone has no date that anybody vouches for: trust is asked for today.
 */
static int open_bag(struct kan_verify *v, struct kan_signers **signers, int *dir,
		    const char *bundle_dir, struct kan_err *err)
{
	if (v->trust->allowed_signers &&
	    kan_signers_load(signers, v->trust->allowed_signers, err) < 0)
		return -1;
	v->signers = *signers;
	*dir = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir < 0 ? kan_fail_sys(err, "%s", bundle_dir) : 0;
}

static void check_proofs(struct kan_verify *v, int dir)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	struct kan_err why = {0};

	if (kan_files_read(&manifest, dir, KAN_BAG_TAGMANIFEST, &why) < 0)
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, KAN_BAG_TAGMANIFEST, "%s", why.text);
	else
		check_dir(v, dir, kan_buf_bytes(&manifest));
	kan_verify_done(v, KAN_VERIFY_SIGNATURE, "the seal is signed by a trusted key");
}

static const struct kan_custody_trust nothing = {0};

int kan_custody_verify_seal(const char *bundle_dir, const struct kan_custody_trust *trust,
			    kan_check_fn *fn, void *arg, struct kan_err *err)
{
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_close int dir = -1;
	struct kan_verify v = {.fn = fn, .arg = arg, .trust = trust ? trust : &nothing};

	if (open_bag(&v, &signers, &dir, bundle_dir, err) < 0)
		return -1;
	check_proofs(&v, dir);
	return 0;
}

static bool gone(const char *path, const char *sha256, void *arg)
{
	return kan_tombstones_have(arg, path, sha256);
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
static int verify_bag(struct kan_verify *v, const char *bundle_dir, const char *named,
		      const char *want_seal, struct kan_err *err)
{
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_tombstones struct kan_tombstones stones = {0};
	const struct kan_bagcheck_gone disposed = {gone, &stones};
	kan_auto_close int dir = -1;
	char name[KAN_FORM_BUNDLE];
	struct stat st;
	int rc;

	if (open_bag(v, &signers, &dir, bundle_dir, err) < 0)
		return -1;
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
		check_proofs(v, dir);
	return 0;
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
