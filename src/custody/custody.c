/* Custody's acts: open a home, sign a seal, commit a bundle, what is derived from it, a note. */
#include "custody/act.h"
#include "custody/bag.h"
#include "custody/files.h"
#include "custody/lfs.h"
#include "custody/proof.h"
#include "custody/tombstone.h"
#include "custody/write.h"

#include "base/file.h"

#include <kanshiki/bundle.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void kan_custody_free(struct kan_custody *c)
{
	if (!c)
		return;
	kan_git_free(c->git);
	kan_signer_free(c->signer);
	kan_home_close(&c->home);
	free(c);
}

int kan_custody_open(struct kan_custody **out, const char *home, const char *key,
		     struct kan_err *err)
{
	return kan_custody_open_as(out, home, &(struct kan_signer_ask){.spec = key}, err);
}

int kan_custody_open_as(struct kan_custody **out, const char *home,
			const struct kan_signer_ask *ask, struct kan_err *err)
{
	struct kan_custody *c = kan_xalloc(sizeof(*c));
	int rc;

	c->home.fd = c->home.repo_fd = -1;
	rc = kan_home_open(&c->home, home, err);
	if (!rc)
		rc = kan_signer_open(&c->signer, ask, &c->home, err);
	if (!rc)
		rc = kan_git_open(&c->git, c->home.repo, err);
	if (rc < 0) {
		kan_custody_free(c);
		return -1;
	}
	*out = c;
	return 0;
}

int kan_custody_signer_line(struct kan_buf *out, const struct kan_custody *c, const char *email,
			    struct kan_err *err)
{
	return kan_signer_line(out, c->signer, email, err);
}

const char *kan_custody_fpr(const struct kan_custody *c)
{
	return kan_signer_fpr(c->signer);
}

const char *kan_custody_warning(const struct kan_custody *c)
{
	return kan_signer_warning(c->signer);
}

static int open_dir(int *fd, const char *path, struct kan_err *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? kan_fail_sys(err, "%s", path) : 0;
}

int kan_custody_sign(struct kan_custody *c, const char *bundle_dir, struct kan_err *err)
{
	return kan_proof_sign(bundle_dir, c->signer, err);
}

static int add_bytes(struct kan_write *w, struct kan_custody *c, const char *path,
		     struct kan_bytes content, struct kan_err *err)
{
	char id[KAN_GIT_ID];

	if (kan_git_put_blob(id, c->git, content, err) < 0)
		return -1;
	kan_write_add(w, path, id);
	return 0;
}

/* A tag file is a blob, its bytes those that the seal covers. */
static int add_tag(struct kan_write *w, struct kan_custody *c, int dir, const char *path,
		   const char *want, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGFILE_MAX);
	char hex[KAN_SHA256_HEX];

	if (kan_files_read(&text, dir, path, err) < 0)
		return -1;
	kan_sha256_hex(hex, kan_buf_bytes(&text));
	if (want && strcmp(hex, want) != 0)
		return kan_fail(err, KAN_ETAMPER, "%s: altered", path);
	return add_bytes(w, c, path, kan_buf_bytes(&text), err);
}

static int add_tags(struct kan_write *w, struct kan_custody *c, int dir, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGMANIFEST_MAX);
	char hex[KAN_SHA256_HEX], path[256];
	struct kan_bytes rest;
	int rc;

	if (add_tag(w, c, dir, KAN_BAG_TAGMANIFEST, w->seal, err) < 0 ||
	    kan_files_read(&text, dir, KAN_BAG_TAGMANIFEST, err) < 0)
		return -1;
	rest = kan_buf_bytes(&text);
	while ((rc = kan_bag_line(hex, path, &rest, err)) == 1)
		if (add_tag(w, c, dir, path, hex, err) < 0)
			return -1;
	return rc < 0 ? kan_wrap(err, KAN_BAG_TAGMANIFEST) : 0;
}

/* seal/ holds proofs about the bundle: whatever is there goes along. */
static int add_proofs(struct kan_write *w, struct kan_custody *c, int dir, struct kan_err *err)
{
	kan_auto_close int seal =
		openat(dir, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	kan_auto_files struct kan_files_list list = {0};

	if (seal < 0)
		return errno == ENOENT ? 0 : kan_fail_sys(err, "seal");
	if (kan_files_list(&list, seal, err) < 0)
		return kan_wrap(err, "seal");
	if (list.n > KAN_BAG_PROOFS)
		return kan_fail(err, KAN_ELIMIT, "seal/ has more than %d files", KAN_BAG_PROOFS);
	for (size_t i = 0; i < list.n; i++) {
		kan_auto_buf struct kan_buf path = KAN_BUF(256);

		kan_buf_addf(&path, "seal/%s", list.path[i]);
		if (!kan_path_ok(kan_buf_str(&path)))
			return kan_fail(err, KAN_ETAMPER, "seal/: a name that no bundle has");
		if (add_tag(w, c, dir, kan_buf_str(&path), NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int add_pointer(struct kan_write *w, struct kan_custody *c, const char *path,
		       const struct kan_lfs_object *o, struct kan_err *err)
{
	kan_auto_buf struct kan_buf pointer = KAN_BUF(KAN_FORM_POINTER_MAX);

	kan_form_pointer(&pointer, o->oid, o->size);
	return add_bytes(w, c, path, kan_buf_bytes(&pointer), err);
}

static int add_object(struct kan_write *w, struct kan_custody *c, int dir, const char *path,
		      const char *want, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	struct kan_lfs_object o;
	uint64_t size;

	if (kan_files_open(&fd, &size, dir, path, err) < 0)
		return -1;
	if (kan_lfs_put(&o, c->home.repo_fd, fd, want, err) < 0)
		return kan_wrap(err, "%s", path);
	return add_pointer(w, c, path, &o, err);
}

static int no_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)piece;
	(void)arg;
	(void)err;
	return 0;
}

static void unheard(const struct kan_check *check, void *arg)
{
	(void)check;
	(void)arg;
}

/* What a bag from elsewhere was disposed of before it came; verify told the rest. */
static void read_stones(struct kan_tombstones *out, const struct kan_bundle *b)
{
	static const struct kan_custody_trust nothing = {0};
	kan_auto_close int dir =
		open(kan_bundle_dir(b), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct kan_verify v = {.fn = unheard, .trust = &nothing};

	if (dir >= 0)
		kan_tombstones_of_dir(out, &v, dir, kan_bundle_name(b));
}

/* What the tombstone says of a file that is not there; NULL: it is there, or missing. */
static const struct kan_lfs_object *gone(const struct kan_tombstones *stones,
					 const struct kan_bundle *b,
					 const struct kan_bundle_file *f)
{
	const struct kan_tombstone *t = kan_tombstones_find(stones, f->path, f->sha256);
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH_MAX);
	struct stat st;

	if (!t)
		return NULL;
	kan_buf_addf(&path, "%s/%s", kan_bundle_dir(b), f->path);
	return lstat(kan_buf_str(&path), &st) < 0 && errno == ENOENT ? &t->object : NULL;
}

/* check: a bag from elsewhere is hashed first; one that was just sealed here was hashed while
 * written. */
static int add_payload(struct kan_write *w, struct kan_custody *c, const struct kan_bundle *b,
		       const struct kan_tombstones *stones, int dir, struct kan_err *err)
{
	bool check = strcmp(w->type, "collect") != 0;

	for (size_t i = 0; i < kan_bundle_count(b); i++) {
		const struct kan_bundle_file *f = kan_bundle_file(b, i);
		const struct kan_lfs_object *o = gone(stones, b, f);

		if (strncmp(f->path, "data/", 5) != 0)
			continue;
		if (o && add_pointer(w, c, f->path, o, err) < 0)
			return -1;
		if (o)
			continue;
		if (check && kan_bundle_stream(b, f->path, no_data, NULL, err) < 0)
			return -1;
		if (add_object(w, c, dir, f->path, f->sha256, err) < 0)
			return -1;
	}
	return 0;
}

static json_t *what_json(const struct kan_bundle *b, const struct kan_tombstones *stones)
{
	json_t *what = json_object();
	json_int_t octets = 0, files = 0;

	for (size_t i = 0; i < kan_bundle_count(b); i++) {
		const struct kan_bundle_file *f = kan_bundle_file(b, i);

		if (strncmp(f->path, "data/", 5) == 0) {
			const struct kan_lfs_object *o = gone(stones, b, f);

			octets += (json_int_t)(o ? o->size : f->size);
			files++;
		}
	}
	json_object_set_new(what, "bundle", json_string(kan_bundle_name(b)));
	json_object_set_new(what, "seal", json_string(kan_bundle_seal(b)));
	json_object_set_new(what, "octets", json_integer(octets));
	json_object_set_new(what, "files", json_integer(files));
	return what;
}

/* --case, else the case the bundle was taken for, else its day and container. */
static int case_name(char out[KAN_FORM_CASE], const struct kan_bundle *b, const struct kan_act *act,
		     struct kan_err *err)
{
	const char *own = json_string_value(json_object_get(kan_bundle_capture(b), "case"));
	const char *asked = act->case_id && *act->case_id ? act->case_id : own;

	if (!asked || !*asked)
		return kan_form_case_of_bundle(out, kan_bundle_name(b), err);
	kan_form_case(out, kan_bytes_of(asked));
	return 0;
}

/* A request id seen before: the same bundle is the same request. Another one must not get its
 * receipt. */
static int done_before(struct kan_receipt *out, struct kan_custody *c, const struct kan_write *w,
		       struct kan_err *err)
{
	struct kan_receipt seen = {0};
	int found = kan_write_find_request(&seen, c, w->act->request_id, w->type, err);

	if (found <= 0)
		return found;
	if (strcmp(seen.bundle, w->bundle) != 0)
		return kan_fail(
			err, KAN_EREFUSED,
			"the request id %.80s was used for %s: without it, import commits this one",
			w->act->request_id, seen.bundle);
	*out = seen;
	return 1;
}

static int commit_bundle(struct kan_receipt *out, struct kan_custody *c, const struct kan_bundle *b,
			 const struct kan_tombstones *stones, struct kan_write *w,
			 struct kan_err *err)
{
	kan_auto_close int lock = -1, dir = -1;
	int found;

	if (open_dir(&dir, kan_bundle_dir(b), err) < 0 || kan_home_lock(&lock, &c->home, err) < 0)
		return -1;
	found = done_before(out, c, w, err);
	if (!found)
		found = kan_write_find_bundle(out, c, w->case_id, w->bundle, w->seal, err);
	if (found)
		return found < 0 ? -1 : 0;
	if (add_tags(w, c, dir, err) < 0 || add_proofs(w, c, dir, err) < 0 ||
	    add_payload(w, c, b, stones, dir, err) < 0)
		return kan_wrap(err, "%s", kan_bundle_name(b));
	return kan_write_event(out, c, w, err);
}

int kan_custody_commit(struct kan_receipt *out, struct kan_custody *c, const char *bundle_dir,
		       const char *type, const struct kan_act *act, struct kan_err *err)
{
	kan_auto_write struct kan_write w = {.type = type, .act = act};
	kan_auto_tombstones struct kan_tombstones stones = {0};
	json_auto_t *what = NULL;
	struct kan_bundle *b = NULL;
	char name[KAN_FORM_CASE];
	int rc;

	if (strcmp(type, "collect") != 0 && strcmp(type, "import") != 0)
		return kan_fail(err, KAN_EUSAGE, "a bundle is committed by collect or import");
	if (kan_bundle_open(&b, bundle_dir, false, err) < 0)
		return -1;
	rc = kan_form_bundle_ok(kan_bundle_name(b))
		     ? case_name(name, b, act, err)
		     : kan_fail(err, KAN_EFORMAT, "%s: not a bundle's name", kan_bundle_name(b));
	if (!rc) {
		if (strcmp(type, "import") == 0)
			read_stones(&stones, b);
		what = what_json(b, &stones);
		w.case_id = name;
		w.bundle = kan_bundle_name(b);
		w.seal = kan_bundle_seal(b);
		w.what = what;
		rc = commit_bundle(out, c, b, &stones, &w, err);
	}
	kan_bundle_free(b);
	return rc;
}

/* Reports may still be edited where they lie: their content is copied, never linked. */
static int add_derived(struct kan_write *w, struct kan_custody *c, const char *files_dir,
		       struct kan_err *err)
{
	kan_auto_files struct kan_files_list list = {0};
	kan_auto_close int dir = -1;

	if (open_dir(&dir, files_dir, err) < 0)
		return -1;
	if (kan_files_list(&list, dir, err) < 0)
		return kan_wrap(err, "%s", files_dir);
	if (!list.n)
		return kan_fail(err, KAN_EUSAGE, "%s has no files", files_dir);
	for (size_t i = 0; i < list.n; i++) {
		if (!kan_path_ok(list.path[i]))
			return kan_fail(err, KAN_EUSAGE,
					"%s: file %zu has a name that is not a-z0-9._-", files_dir,
					i);
		if (add_object(w, c, dir, list.path[i], NULL, err) < 0)
			return -1;
	}
	return 0;
}

int kan_write_check_of(const struct kan_receipt *of, struct kan_err *err)
{
	if (!of || !kan_form_case_ok(of->case_id) || !kan_form_bundle_ok(of->bundle) ||
	    !kan_is_sha256_hex(of->seal))
		return kan_fail(err, KAN_EUSAGE, "not a receipt of a bundle");
	return 0;
}

/* An event about a bundle that is in the home. 1: it was done before, and *out has it. */
int kan_write_about(int *lock, struct kan_write *w, struct kan_receipt *out, struct kan_custody *c,
		    const struct kan_receipt *of, struct kan_err *err)
{
	if (kan_write_check_of(of, err) < 0 || kan_home_lock(lock, &c->home, err) < 0)
		return -1;
	w->case_id = of->case_id;
	w->bundle = of->bundle;
	w->seal = of->seal;
	return done_before(out, c, w, err);
}

int kan_custody_derive(struct kan_receipt *out, struct kan_custody *c, const struct kan_receipt *of,
		       const char *files_dir, const struct kan_act *act, struct kan_err *err)
{
	return kan_custody_derive_with(out, c, of, &(struct kan_derived){.files_dir = files_dir},
				       act, err);
}

/* The stamp of the commit that `of` names goes along: custody.md section 1, step 7. */
static int add_stamp(struct kan_write *w, struct kan_custody *c, const struct kan_receipt *of,
		     struct kan_bytes stamp, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(512);

	if (!stamp.n)
		return 0;
	kan_form_anchor_path(&path, of->case_id, of->commit);
	return add_bytes(w, c, kan_buf_str(&path), stamp, err);
}

int kan_custody_derive_with(struct kan_receipt *out, struct kan_custody *c,
			    const struct kan_receipt *of, const struct kan_derived *with,
			    const struct kan_act *act, struct kan_err *err)
{
	kan_auto_write struct kan_write w = {.type = "derive", .act = act};
	kan_auto_close int lock = -1;
	json_auto_t *what = NULL;
	int found;

	found = kan_write_about(&lock, &w, out, c, of, err);
	if (found)
		return found < 0 ? -1 : 0;
	if (kan_write_what(&what, c, of, err) < 0 || add_derived(&w, c, with->files_dir, err) < 0 ||
	    add_stamp(&w, c, of, with->stamp, err) < 0)
		return -1;
	w.what = what;
	return kan_write_event(out, c, &w, err);
}
