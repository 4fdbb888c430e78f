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

enum { NS = 1000000000 };

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
		kan_verify_skip(v, KAN_VERIFY_SIGNATURE, path, "good, by %s; %s: %s", fpr,
				v->at_words, why);
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

/* When the seal was stamped, UTC nanoseconds; 0: by no authority that is trusted. */
static int64_t bag_stamps(struct kan_verify *v, const struct kan_verify_bag *bag,
			  const struct kan_gitobj_tree *seal, struct kan_bytes manifest)
{
	struct kan_verify_seal_stamps s = {.n = 0};

	for (size_t i = 0; i < seal->n; i++) {
		kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_BAG_PROOF_MAX);
		kan_auto_buf struct kan_buf path = KAN_BUF(256);
		char where[KAN_VERIFY_PATH];

		kan_buf_addf(&path, "seal/%s", seal->list[i].name);
		s.queued |= kan_bag_is_proof(kan_buf_str(&path), ".tsq");
		if (!kan_bag_is_proof(kan_buf_str(&path), ".tsr"))
			continue;
		snprintf(where, sizeof(where), "cases/%s/bundles/%s/%s", bag->case_id, bag->bundle,
			 kan_buf_str(&path));
		/* Empty when it cannot be read or is larger than any reply: no stamp, then. */
		(void)bag_blob(&reply, v, bag, kan_buf_str(&path));
		kan_verify_seal_stamp(&s, v, where, kan_buf_bytes(&reply), manifest);
	}
	kan_verify_seal_stamped(v, &s);
	return s.at;
}

/* Blobs that cannot be read were told by the stages before: here they are just no signature. */
static void check_bag(struct kan_verify *v, const struct kan_verify_bag *bag)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_gittree struct kan_gitobj_tree seal = {0};
	char id[KAN_GIT_ID], where[KAN_VERIFY_PATH];
	unsigned found = 0;
	int64_t at;
	bool dir;

	snprintf(where, sizeof(where), "cases/%s/bundles/%s/seal", bag->case_id, bag->bundle);
	if (bag_blob(&manifest, v, bag, KAN_BAG_TAGMANIFEST) == 0 &&
	    kan_gitobj_walk(id, &dir, v->git, bag->tree, "seal", NULL) == 1 && dir)
		(void)kan_gitobj_read_tree(&seal, v->git, id, NULL); /* told before */
	at = bag_stamps(v, bag, &seal, kan_buf_bytes(&manifest)) / NS;
	v->at_words = at ? kan_verify_at_stamp : kan_verify_at_commit;
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
			       at ? at : bag->committed);
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
	kan_verify_done(v, KAN_VERIFY_SIGNATURE,
			"every seal is signed by a trusted key, %zu at their stamped times, the"
			" others at their committer dates",
			v->stamped.seals);
}

static int64_t dir_stamps(struct kan_verify *v, int dir, struct kan_bytes manifest)
{
	struct kan_verify_seal_stamps s = {.n = 0};
	char path[KAN_BAG_PROOF_NAME];

	for (unsigned n = 1; n <= KAN_BAG_PROOF_NUMBER; n++) {
		kan_auto_buf struct kan_buf bytes = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err err = {0};

		kan_bag_proof(path, ".tsq", n);
		s.queued |= kan_files_read(&bytes, dir, path, NULL) == 0;
		kan_buf_reset(&bytes);
		kan_bag_proof(path, ".tsr", n);
		if (kan_files_read(&bytes, dir, path, &err) == 0)
			kan_verify_seal_stamp(&s, v, path, kan_buf_bytes(&bytes), manifest);
		else if (err.code != KAN_ENOTFOUND)
			kan_verify_fail(v, KAN_VERIFY_TIMESTAMP, KAN_CHECK_ALTERED, path, "%s",
					err.text);
	}
	kan_verify_seal_stamped(v, &s);
	kan_verify_timestamps(v);
	return s.at;
}

static void check_dir(struct kan_verify *v, int dir, struct kan_bytes manifest)
{
	int64_t stamped = dir_stamps(v, dir, manifest);
	unsigned found = 0;

	v->at_words = stamped ? kan_verify_at_stamp : kan_verify_at_today;
	for (unsigned n = 1; n <= KAN_BAG_PROOF_NUMBER; n++) {
		kan_auto_buf struct kan_buf armour = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err err = {0};
		char path[KAN_BAG_PROOF_NAME];

		kan_bag_proof(path, ".sig", n);
		if (kan_files_read(&armour, dir, path, &err) == 0)
			kan_verify_sig(v, path, kan_buf_bytes(&armour), manifest,
				       stamped ? stamped / NS : time(NULL));
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

/* As with ssh-keygen, a bag alone has no date that anybody vouches for but a stamp's: without one
 * trust is asked for today. */
int kan_custody_verify_seal(const char *bundle_dir, const struct kan_custody_trust *trust,
			    kan_check_fn *fn, void *arg, struct kan_err *err)
{
	static const struct kan_custody_trust nothing = {0};
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_signers struct kan_signers *signers = NULL;
	kan_auto_tsp_ca struct kan_tsp_ca *tsa = NULL;
	kan_auto_close int dir = -1;
	struct kan_verify v = {.fn = fn, .arg = arg, .trust = trust ? trust : &nothing};
	struct kan_err why = {0};

	if (v.trust->allowed_signers &&
	    kan_signers_load(&signers, v.trust->allowed_signers, err) < 0)
		return -1;
	if (v.trust->tsa_ca && kan_tsp_ca_load(&tsa, v.trust->tsa_ca, err) < 0)
		return -1;
	v.signers = signers;
	v.tsa = tsa;
	dir = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return kan_fail_sys(err, "%s", bundle_dir);
	if (kan_files_read(&manifest, dir, KAN_BAG_TAGMANIFEST, &why) < 0)
		kan_verify_skip(&v, KAN_VERIFY_SIGNATURE, KAN_BAG_TAGMANIFEST, "%s", why.text);
	else
		check_dir(&v, dir, kan_buf_bytes(&manifest));
	kan_verify_done(&v, KAN_VERIFY_SIGNATURE, "the seal is signed by a key trusted %s",
			v.at_words);
	return 0;
}
