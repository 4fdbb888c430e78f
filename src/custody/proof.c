/* Signatures over a tag manifest, put into seal/ beside those of others. */
#include "custody/proof.h"

#include "base/file.h"
#include "custody/bag.h"
#include "custody/cms.h"
#include "custody/files.h"
#include "custody/sshsig.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct bag {
	int dir;
	struct kan_bytes manifest;
	const struct kan_signer *signer;
};

/* A kind of proof: is this one the signer's own, and good; and a new one. */
struct kind {
	const char *name;
	bool (*mine)(const struct bag *b, struct kan_bytes there);
	int (*make)(struct kan_buf *out, const struct bag *b, struct kan_err *err);
};

static bool sig_is_mine(const struct bag *b, struct kan_bytes there)
{
	kan_auto_sshsig struct kan_sshsig s = {0};

	return kan_sshsig_parse(&s, there, NULL) == 0 &&
	       kan_bytes_eq(s.key, kan_signer_blob(b->signer)) &&
	       kan_sshsig_verify(&s, KAN_NS_FILE, b->manifest, NULL) == 0;
}

static int make_sig(struct kan_buf *out, const struct bag *b, struct kan_err *err)
{
	return kan_signer_sign(out, b->signer, KAN_NS_FILE, b->manifest, err);
}

static bool cms_is_mine(const struct bag *b, struct kan_bytes there)
{
	return kan_cms_is_by(there, kan_signer_key(b->signer), b->manifest);
}

static int make_cms(struct kan_buf *out, const struct bag *b, struct kan_err *err)
{
	return kan_cms_sign(out, kan_signer_key(b->signer), b->manifest, err);
}

static const struct kind sig = {"sig", sig_is_mine, make_sig};
static const struct kind cms = {"p7s", cms_is_mine, make_cms};

/* The first name that is free gets it. */
static int put(const struct bag *b, const struct kind *k, struct kan_err *err)
{
	for (unsigned i = 1; i <= KAN_BAG_PROOF_NAMES; i++) {
		kan_auto_buf struct kan_buf there = KAN_BUF(KAN_BAG_PROOF_MAX);
		kan_auto_buf struct kan_buf made = KAN_BUF(KAN_BAG_PROOF_MAX);
		struct kan_err why = {0};
		char name[KAN_BAG_PROOF_PATH];

		kan_bag_proof(name, i, k->name);
		if (kan_files_read(&there, b->dir, name, &why) < 0) {
			if (why.code != KAN_ENOTFOUND)
				continue; /* verify tells of it */
			if (k->make(&made, b, err) < 0)
				return -1;
			return kan_put_whole(b->dir, name, 0400, kan_buf_bytes(&made), err);
		}
		if (k->mine(b, kan_buf_bytes(&there)))
			return 0;
	}
	return kan_fail(err, KAN_ELIMIT, "seal/ has %d files .%s", KAN_BAG_PROOF_NAMES, k->name);
}

static int put_all(const struct bag *b, struct kan_err *err)
{
	const struct kan_key *key = kan_signer_key(b->signer);

	if (kan_mkdirs(b->dir, "seal", err) < 0 || put(b, &sig, err) < 0)
		return -1;
	return key && kan_cms_can(key) ? put(b, &cms, err) : 0;
}

int kan_proof_sign(const char *bundle_dir, const struct kan_signer *s, struct kan_err *err)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_close int seal = -1;
	kan_auto_close int dir = open(bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct bag b = {.dir = dir, .signer = s};

	if (dir < 0)
		return kan_fail_sys(err, "%s", bundle_dir);
	if (kan_files_read(&manifest, dir, KAN_BAG_TAGMANIFEST, err) < 0)
		return kan_wrap(err, "%s", bundle_dir);
	b.manifest = kan_buf_bytes(&manifest);
	if (put_all(&b, err) < 0)
		return kan_wrap(err, "%s", bundle_dir);
	seal = openat(dir, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (seal < 0 || fsync(seal) < 0 || fsync(dir) < 0)
		return kan_fail_sys(err, "%s/seal", bundle_dir);
	return 0;
}
