/* custody anchor: stamps that were queued or never asked for, and signatures of other stations. */
#include "custody/anchor.h"

#include "base/file.h"
#include "custody/bag.h"
#include "custody/cms.h"
#include "custody/files.h"
#include "custody/sshsig.h"
#include "custody/write.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 512 };

/* A proof on its way into the repository. */
struct proof {
	const char *kind, *path;
	struct kan_bytes content;
	bool of_commit; /* else of the seal */
};

struct items {
	const struct kan_custody *c;
	struct kan_receipt *list;
	size_t n;
};

struct run {
	struct kan_custody *c;
	const struct kan_anchor_ask *ask;
	const struct kan_act *act;
	struct kan_anchor_sum sum;
};

static int keep_item(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct items *all = arg;
	const char *type = item->event->type;

	(void)err;
	if (strcmp(type, "collect") != 0 && strcmp(type, "import") != 0)
		return 0;
	all->list = kan_xrealloc(all->list, all->n + 1, sizeof(*all->list));
	kan_write_receipt(&all->list[all->n++], all->c, item);
	return 0;
}

/* 1: the tip's tree has this path, and id is its blob. */
static int in_tree(char id[KAN_GIT_ID], struct kan_custody *c, const char *path,
		   struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit commit = {0};
	char tip[KAN_GIT_ID] = "";
	bool dir = false;

	if (kan_git_tip(tip, c->git, err) < 0 ||
	    kan_gitobj_read_commit(&commit, c->git, tip, err) < 0)
		return -1;
	return kan_gitobj_walk(id, &dir, c->git, commit.tree, path, err);
}

static json_t *anchor_json(const struct kan_receipt *of, const struct proof *p)
{
	json_t *more = json_object(), *anchor = json_object();

	json_object_set_new(anchor, "kind", json_string(p->kind));
	json_object_set_new(anchor, "file", json_string(p->path));
	if (p->of_commit)
		json_object_set_new(anchor, "commit", json_string(of->commit));
	else
		json_object_set_new(anchor, "seal", json_string(of->seal));
	json_object_set_new(more, "anchor", anchor);
	return more;
}

/* 1: somebody was faster. */
static int write_proof(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		       const struct proof *p, const struct kan_act *act, struct kan_err *err)
{
	json_auto_t *more = anchor_json(of, p), *what = NULL;
	kan_auto_write struct kan_write w = {.type = "anchor",
					     .case_id = of->case_id,
					     .bundle = of->bundle,
					     .seal = of->seal,
					     .act = act,
					     .more = more};
	kan_auto_close int lock = -1;
	char id[KAN_GIT_ID];
	int there;

	if (kan_home_lock(&lock, &c->home, err) < 0)
		return -1;
	there = in_tree(id, c, p->path, err);
	if (there)
		return there;
	if (kan_write_what(&what, c, of, err) < 0 ||
	    kan_git_put_blob(id, c->git, p->content, err) < 0)
		return -1;
	kan_write_add(&w, p->path, id);
	w.what = what;
	return kan_write_event(out, c, &w, err);
}

int kan_anchor_commit(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		      struct kan_bytes stamp, const struct kan_act *act, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH);

	kan_form_anchor_path(&path, of->case_id, of->commit);
	return write_proof(out, c, of, &(struct proof){"stamp", kan_buf_str(&path), stamp, true},
			   act, err);
}

static void tell_failed(struct run *r, const char *path, const struct kan_err *why)
{
	r->sum.failed++;
	r->ask->fn(&(struct kan_anchor_told){.path = path, .why = why}, r->ask->arg);
}

static int write_told(struct run *r, const struct kan_receipt *of, const struct proof *p,
		      struct kan_err *err)
{
	struct kan_receipt receipt = {0};
	int rc = write_proof(&receipt, r->c, of, p, r->act, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	r->sum.events++;
	r->ask->fn(&(struct kan_anchor_told){.path = p->path, .receipt = &receipt}, r->ask->arg);
	return 0;
}

/* What is committed stays for ever: only what is good over the manifest goes in. */
static bool is_cms(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".p7s") == 0;
}

static int good_proof(const struct run *r, const struct proof *p, struct kan_bytes manifest,
		      struct kan_err *err)
{
	kan_auto_sshsig struct kan_sshsig sig = {0};
	struct kan_cms_said said = {0};
	int64_t at;

	if (is_cms(p->path))
		return kan_cms_verify(&said, p->content, &(struct kan_cms_ask){.content = manifest},
				      err);
	if (strcmp(p->kind, "stamp") == 0)
		return kan_tsp_verify(
			&at, p->content,
			&(struct kan_tsp_ask){.message = manifest, .ca = r->ask->tsa.ca}, err);
	if (kan_sshsig_parse(&sig, p->content, err) < 0)
		return -1;
	return kan_sshsig_verify(&sig, KAN_NS_FILE, manifest, err);
}

static int same_bytes(struct run *r, const char *id, const struct proof *p, struct kan_err *err)
{
	kan_auto_buf struct kan_buf there = KAN_BUF(KAN_BAG_PROOF_MAX);

	if (kan_git_read(&there, r->c->git, id, KAN_GIT_BLOB, err) < 0)
		return -1;
	return kan_bytes_eq(kan_buf_bytes(&there), p->content)
		       ? 0
		       : kan_fail(err, KAN_EREFUSED, "the repository has other bytes there");
}

/* One file of seal/. */
static int take_proof(struct run *r, const struct kan_receipt *of, const struct proof *p,
		      struct kan_bytes manifest, struct kan_err *err)
{
	struct kan_err why = {0};
	char id[KAN_GIT_ID];
	int there = in_tree(id, r->c, p->path, err);

	if (there < 0)
		return -1;
	if (there) {
		if (same_bytes(r, id, p, &why) < 0)
			tell_failed(r, p->path, &why);
		return 0;
	}
	if (good_proof(r, p, manifest, &why) < 0) {
		tell_failed(r, p->path, &why);
		return 0;
	}
	return write_told(r, of, p, err);
}

static int take_proofs(struct run *r, const struct kan_receipt *of, int bag, const char *ending,
		       struct kan_bytes manifest, struct kan_err *err)
{
	const char *kind = strcmp(ending, "tsr") == 0 ? "stamp" : "signature";

	for (unsigned n = 1; n <= KAN_BAG_PROOF_NAMES; n++) {
		kan_auto_buf struct kan_buf content = KAN_BUF(KAN_BAG_PROOF_MAX);
		kan_auto_buf struct kan_buf path = KAN_BUF(PATH);
		char name[KAN_BAG_PROOF_PATH];
		struct kan_err why = {0};

		kan_bag_proof(name, n, ending);
		kan_buf_addf(&path, "cases/%s/bundles/%s/%s", of->case_id, of->bundle, name);
		if (kan_files_read(&content, bag, name, &why) < 0) {
			if (why.code != KAN_ENOTFOUND)
				tell_failed(r, kan_buf_str(&path), &why);
			continue;
		}
		if (take_proof(r, of,
			       &(struct proof){kind, kan_buf_str(&path), kan_buf_bytes(&content),
					       false},
			       manifest, err) < 0)
			return -1;
	}
	return 0;
}

/* The home's copy of the bundle; -1 in *fd: it lies elsewhere, or nowhere. */
static int open_bag(int *fd, struct kan_buf *manifest, const struct run *r,
		    const struct kan_receipt *of, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH);
	kan_auto_close int bag = -1;
	struct kan_err why = {0};
	char seal[KAN_SHA256_HEX];

	kan_buf_addf(&path, "bundles/%s", of->bundle);
	if (kan_open_beneath(&bag, r->c->home.fd, kan_buf_str(&path), O_RDONLY | O_DIRECTORY, 0,
			     &why) < 0)
		return why.code == KAN_ENOTFOUND ? 0 : kan_fail(err, why.code, "%s", why.text);
	if (kan_files_read(manifest, bag, KAN_BAG_TAGMANIFEST, err) < 0)
		return -1;
	kan_sha256_hex(seal, kan_buf_bytes(manifest));
	if (strcmp(seal, of->seal) != 0)
		return kan_fail(err, KAN_ETAMPER,
				"the home's copy has another seal than the one committed");
	*fd = kan_take_fd(&bag);
	return 0;
}

/* -1 with engine: nobody answers, so nobody else is asked either. */
static int not_stamped(struct run *r, const char *path, const struct kan_err *why,
		       struct kan_err *err)
{
	if (why->code == KAN_EENGINE)
		return kan_fail(err, why->code, "%s", why->text);
	tell_failed(r, path, why);
	return 0;
}

/* Stamped or not, the repository knows; where the bundle lies, it does not. */
static int absent_bag(struct run *r, const struct kan_receipt *of, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH);
	char name[KAN_BAG_PROOF_PATH], id[KAN_GIT_ID];
	int there;

	kan_bag_proof(name, 1, "tsr");
	kan_buf_addf(&path, "cases/%s/bundles/%s/%s", of->case_id, of->bundle, name);
	there = in_tree(id, r->c, kan_buf_str(&path), err);
	r->sum.absent += there == 0;
	r->sum.waiting += there == 0;
	return there < 0 ? -1 : 0;
}

static int anchor_seal(struct run *r, const struct kan_receipt *of, struct kan_err *err)
{
	kan_auto_buf struct kan_buf manifest = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	kan_auto_close int bag = -1;
	enum kan_stamp state = KAN_STAMP_NONE;
	struct kan_err why = {0};
	int rc;

	if (open_bag(&bag, &manifest, r, of, &why) < 0) {
		tell_failed(r, of->bundle, &why);
		return 0;
	}
	if (bag < 0)
		return absent_bag(r, of, err);
	if (kan_stamp_seal(&state, r->c, bag, &r->ask->tsa, &why, err) < 0)
		return kan_wrap(err, "%s", of->bundle);
	rc = why.code ? not_stamped(r, of->bundle, &why, err) : 0;
	r->sum.waiting += state < KAN_STAMP_UNCHECKED;
	if (!rc)
		rc = take_proofs(r, of, bag, "tsr", kan_buf_bytes(&manifest), err);
	if (!rc)
		rc = take_proofs(r, of, bag, "sig", kan_buf_bytes(&manifest), err);
	if (rc == 0)
		rc = take_proofs(r, of, bag, "p7s", kan_buf_bytes(&manifest), err);
	return rc;
}

static int anchor_commit(struct run *r, const struct kan_receipt *of, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH);
	kan_auto_buf struct kan_buf reply = KAN_BUF(KAN_TSP_REPLY_MAX);
	struct kan_err why = {0};
	char id[KAN_GIT_ID];
	int there;

	kan_form_anchor_path(&path, of->case_id, of->commit);
	there = in_tree(id, r->c, kan_buf_str(&path), err);
	if (there)
		return there < 0 ? -1 : 0;
	if (!r->ask->tsa.url) {
		r->sum.waiting++;
		return 0;
	}
	if (kan_stamp_commit(&reply, r->c, of->commit, &r->ask->tsa, &why) < 0) {
		r->sum.waiting++;
		return not_stamped(r, kan_buf_str(&path), &why, err);
	}
	return write_told(r, of,
			  &(struct proof){"stamp", kan_buf_str(&path), kan_buf_bytes(&reply), true},
			  err);
}

int kan_custody_anchor(struct kan_anchor_sum *out, struct kan_custody *c,
		       const struct kan_anchor_ask *ask, const struct kan_act *act,
		       struct kan_err *err)
{
	struct run r = {.c = c, .ask = ask, .act = act};
	struct items all = {.c = c};
	char tip[KAN_GIT_ID] = "";
	int rc = kan_git_tip(tip, c->git, err);

	if (rc >= 0)
		rc = kan_chain_each(c->git, tip, ask->case_id, keep_item, &all, err);
	for (size_t i = 0; rc >= 0 && i < all.n; i++) {
		r.sum.bundles++;
		rc = anchor_seal(&r, &all.list[i], err);
		if (rc >= 0)
			rc = anchor_commit(&r, &all.list[i], err);
	}
	free(all.list);
	*out = r.sum;
	return rc < 0 ? -1 : 0;
}
