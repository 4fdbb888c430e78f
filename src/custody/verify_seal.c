/* The signatures over a bag's tag manifest: in a bundle's directory, and in the tree of a
 * repository. */
#include "base/file.h"
#include "custody/bag.h"
#include "custody/cms.h"
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

/* As with an SSH key: who vouches for the certificate is another question than what it signed. */
static void check_cms(struct kan_verify *v, const char *path, struct kan_bytes der,
		      struct kan_bytes manifest, int64_t at)
{
	struct kan_cms_said said = {0};
	const struct kan_cms_ask ask = {manifest, kan_buf_bytes(&v->ca), at};
	struct kan_err err = {0};

	if (kan_cms_verify(&said, der, &ask, &err) < 0)
		kan_verify_fail(v, KAN_VERIFY_CMS, KAN_CHECK_ALTERED, path, "%s", err.text);
	else if (!v->ca.len)
		kan_verify_skip(v, KAN_VERIFY_CMS, path,
				"good, by %s; no --ca: nobody vouches for its certificate",
				said.signer);
	else if (!said.trusted)
		kan_verify_skip(v, KAN_VERIFY_CMS, path, "good, by %s: %s", said.signer, said.why);
}

/* A kind of proof, in its order. */
static const struct proof {
	enum kan_verify_id id;
	const char *kind, *none;
	void (*check)(struct kan_verify *v, const char *path, struct kan_bytes proof,
		      struct kan_bytes manifest, int64_t at);
} proofs[] = {
	{KAN_VERIFY_SIGNATURE, "sig", "no signature", kan_verify_sig},
	{KAN_VERIFY_CMS, "p7s", "no CMS signature", check_cms},
};
enum { PROOFS = sizeof(proofs) / sizeof(proofs[0]) };

int kan_verify_trust(struct kan_verify *v, struct kan_signers **signers, struct kan_err *err)
{
	v->ca = KAN_BUF(KAN_CMS_CA_MAX);
	if (v->trust->allowed_signers &&
	    kan_signers_load(signers, v->trust->allowed_signers, err) < 0)
		return -1;
	v->signers = *signers;
	if (v->trust->tsa_ca && kan_tsp_ca_load(&v->tsa, v->trust->tsa_ca, err) < 0)
		return -1;
	if (!v->trust->ca)
		return 0;
	if (kan_read_file(&v->ca, AT_FDCWD, v->trust->ca, err) == 0 &&
	    kan_cms_ca_ok(kan_buf_bytes(&v->ca), err) == 0)
		return 0;
	kan_buf_free(&v->ca);
	return kan_wrap(err, "--ca %s", v->trust->ca);
}

void kan_verify_untrust(struct kan_verify *v)
{
	kan_buf_free(&v->ca);
	kan_tsp_ca_free(v->tsa);
	v->tsa = NULL;
}

int kan_verify_bag_blob(struct kan_buf *out, struct kan_verify *v, const struct kan_verify_bag *bag,
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
		s.queued |= kan_bag_is_proof(kan_buf_str(&path), "tsq");
		if (!kan_bag_is_proof(kan_buf_str(&path), "tsr"))
			continue;
		snprintf(where, sizeof(where), "cases/%s/bundles/%s/%s", bag->case_id, bag->bundle,
			 kan_buf_str(&path));
		/* Empty when it cannot be read or is larger than any reply: no stamp, then. */
		(void)kan_verify_bag_blob(&reply, v, bag, kan_buf_str(&path));
		kan_verify_seal_stamp(&s, v, where, kan_buf_bytes(&reply), manifest);
	}
	kan_verify_seal_stamped(v, &s);
	return s.at;
}

/* Blobs that cannot be read were told by the stages before: here they are just no proof. */
static void check_bag_for(struct kan_verify *v, const struct kan_verify_bag *bag,
			  const struct kan_gitobj_tree *seal, struct kan_bytes manifest,
			  const struct proof *p, int64_t at)
{
	char where[KAN_VERIFY_PATH];
	unsigned found = 0;

	snprintf(where, sizeof(where), "cases/%s/bundles/%s/seal", bag->case_id, bag->bundle);
	for (size_t i = 0; i < seal->n; i++) {
		kan_auto_buf struct kan_buf proof = KAN_BUF(KAN_BAG_PROOF_MAX);
		kan_auto_buf struct kan_buf path = KAN_BUF(256);

		kan_buf_addf(&path, "seal/%s", seal->list[i].name);
		if (!kan_bag_is_proof(kan_buf_str(&path), p->kind) ||
		    kan_verify_bag_blob(&proof, v, bag, kan_buf_str(&path)) < 0)
			continue;
		found++;
		snprintf(where, sizeof(where), "cases/%s/bundles/%s/%s", bag->case_id, bag->bundle,
			 kan_buf_str(&path));
		p->check(v, where, kan_buf_bytes(&proof), manifest, at);
	}
	if (!found)
		kan_verify_skip(v, p->id, where, "%s", p->none);
}

static void check_bag(struct kan_verify *v, const struct kan_verify_bag *bag)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_gittree struct kan_gitobj_tree seal = {0};
	char id[KAN_GIT_ID];
	int64_t at;
	bool dir;

	if (kan_verify_bag_blob(&manifest, v, bag, KAN_BAG_TAGMANIFEST) == 0 &&
	    kan_gitobj_walk(id, &dir, v->git, bag->tree, "seal", NULL) == 1 && dir)
		(void)kan_gitobj_read_tree(&seal, v->git, id, NULL); /* told before */
	kan_verify_stones(v, bag, &seal);
	at = bag_stamps(v, bag, &seal, kan_buf_bytes(&manifest)) / NS;
	v->at_words = at ? kan_verify_at_stamp : kan_verify_at_commit;
	for (size_t i = 0; i < PROOFS; i++)
		check_bag_for(v, bag, &seal, kan_buf_bytes(&manifest), &proofs[i],
			      at ? at : bag->committed);
}

void kan_verify_seals(struct kan_verify *v)
{
	for (size_t i = 0; i < v->n_bags; i++)
		check_bag(v, &v->bags[i]);
	for (size_t i = 0; i < PROOFS && v->holes; i++)
		kan_verify_skip(v, proofs[i].id, "", "not every bag could be read");
	kan_verify_done(v, KAN_VERIFY_SIGNATURE,
			"every seal is signed by a trusted key, %zu at their stamped times, the"
			" others at their committer dates",
			v->stamped.seals);
	kan_verify_done(v, KAN_VERIFY_CMS, "every seal is signed by a certificate of the CA");
}

static int64_t dir_stamps(struct kan_verify *v, int dir, struct kan_bytes manifest)
{
	struct kan_verify_seal_stamps s = {.n = 0};
	char path[KAN_BAG_PROOF_PATH];

	for (unsigned n = 1; n <= KAN_BAG_PROOF_NAMES; n++) {
		kan_auto_buf struct kan_buf bytes = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err err = {0};

		kan_bag_proof(path, n, "tsq");
		s.queued |= kan_files_read(&bytes, dir, path, NULL) == 0;
		kan_buf_reset(&bytes);
		kan_bag_proof(path, n, "tsr");
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

static void check_dir(struct kan_verify *v, int dir, struct kan_bytes manifest,
		      const struct proof *p, int64_t at)
{
	unsigned found = 0;

	for (unsigned i = 1; i <= KAN_BAG_PROOF_NAMES; i++) {
		kan_auto_buf struct kan_buf proof = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err err = {0};
		char path[KAN_BAG_PROOF_PATH];

		kan_bag_proof(path, i, p->kind);
		if (kan_files_read(&proof, dir, path, &err) == 0)
			p->check(v, path, kan_buf_bytes(&proof), manifest, at);
		else if (err.code != KAN_ENOTFOUND)
			kan_verify_fail(v, p->id, KAN_CHECK_ALTERED, path, "%s", err.text);
		else
			continue;
		found++;
	}
	if (!found)
		kan_verify_skip(v, p->id, "seal", "%s", p->none);
}

static void check_proofs(struct kan_verify *v, int dir, struct kan_bytes manifest)
{
	int64_t stamped = dir_stamps(v, dir, manifest);

	v->at_words = stamped ? kan_verify_at_stamp : kan_verify_at_today;
	for (size_t i = 0; i < PROOFS; i++)
		check_dir(v, dir, manifest, &proofs[i], stamped ? stamped / NS : time(NULL));
}

/* As with ssh-keygen, a bag alone has no date that anybody vouches for but a stamp's: without one
 * trust is asked for today. */
void kan_verify_dir_seal(struct kan_verify *v, int dir)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	struct kan_err why = {0};

	v->at_words = kan_verify_at_today;
	if (kan_files_read(&manifest, dir, KAN_BAG_TAGMANIFEST, &why) < 0)
		for (size_t i = 0; i < PROOFS; i++)
			kan_verify_skip(v, proofs[i].id, KAN_BAG_TAGMANIFEST, "%s", why.text);
	else
		check_proofs(v, dir, kan_buf_bytes(&manifest));
	kan_verify_done(v, KAN_VERIFY_SIGNATURE, "the seal is signed by a key trusted %s",
			v->at_words);
	kan_verify_done(v, KAN_VERIFY_CMS, "the seal is signed by a certificate of the CA");
}
