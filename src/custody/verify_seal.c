/* The signatures over a bag's tag manifest: in a bundle's directory, and in the tree of a
 * repository. */
#include "custody/bag.h"
#include "custody/files.h"
#include "custody/sshsig.h"
#include "custody/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

/* Blobs that cannot be read were told by the stages before: here they are just no signature. */
static void check_bag(struct kan_verify *v, const struct kan_verify_bag *bag)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_gittree struct kan_gitobj_tree seal = {0};
	char id[KAN_GIT_ID], where[KAN_VERIFY_PATH];
	unsigned found = 0;
	bool dir;

	snprintf(where, sizeof(where), "cases/%s/bundles/%s/seal", bag->case_id, bag->bundle);
	if (bag_blob(&manifest, v, bag, KAN_BAG_TAGMANIFEST) == 0 &&
	    kan_gitobj_walk(id, &dir, v->git, bag->tree, "seal", NULL) == 1 && dir)
		(void)kan_gitobj_read_tree(&seal, v->git, id, NULL); /* told before */
	for (size_t i = 0; i < seal.n; i++) {
		kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
		kan_auto_buf struct kan_buf path = KAN_BUF(256);

		kan_buf_addf(&path, "seal/%s", seal.list[i].name);
		if (!kan_bag_is_sig(kan_buf_str(&path)) ||
		    bag_blob(&armour, v, bag, kan_buf_str(&path)) < 0)
			continue;
		found++;
		snprintf(where, sizeof(where), "cases/%s/bundles/%s/%s", bag->case_id, bag->bundle,
			 kan_buf_str(&path));
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
int kan_custody_verify_seal(const char *bundle_dir, const struct kan_custody_trust *trust,
			    kan_check_fn *fn, void *arg, struct kan_err *err)
{
	static const struct kan_custody_trust nothing = {0};
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_close int dir = -1;
	struct kan_verify v = {.fn = fn, .arg = arg, .trust = trust ? trust : &nothing};
	struct kan_err why = {0};

	if (v.trust->allowed_signers &&
	    kan_signers_load(&signers, v.trust->allowed_signers, err) < 0)
		return -1;
	v.signers = signers;
	dir = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return kan_fail_sys(err, "%s", bundle_dir);
	if (kan_files_read(&manifest, dir, KAN_BAG_TAGMANIFEST, &why) < 0)
		kan_verify_skip(&v, KAN_VERIFY_SIGNATURE, KAN_BAG_TAGMANIFEST, "%s", why.text);
	else
		check_dir(&v, dir, kan_buf_bytes(&manifest));
	kan_verify_done(&v, KAN_VERIFY_SIGNATURE, "the seal is signed by a trusted key");
	return 0;
}
