/* The end of keeping: said and signed first, then done; after a crash gone on with. */
#include "custody/move.h"

#include "base/file.h"
#include "base/row.h"
#include "custody/bag.h"
#include "custody/files.h"
#include "custody/tombstone.h"
#include "custody/write.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS_MAX = 1000 };

struct dispose {
	struct kan_custody *c;
	const struct kan_receipt *of;
	const struct kan_dispose_ask *ask;
	struct kan_dispose_done *done;
	json_t *list; /* {bundle, path, oid, size} */
	json_t *gone; /* full paths of what earlier events disposed of */
	struct kan_write_stone stone;
};

/* Every LFS object that the tip names, with where. A damaged repository is not disposed from. */
static void first_fault(const struct kan_check *check, void *arg)
{
	struct kan_err *fault = arg;

	if (check->result == KAN_CHECK_FAILED && !fault->code)
		kan_err_set(fault, KAN_ETAMPER, 0, "%s: %s: run kanshiki verify",
			    check->path && *check->path ? check->path : check->name,
			    check->detail ? check->detail : "");
}

static int read_objects(struct kan_verify *v, struct kan_custody *c, struct kan_err *err)
{
	static const struct kan_custody_trust nothing = {0};
	struct kan_err fault = {0};

	*v = (struct kan_verify){.fn = first_fault,
				 .arg = &fault,
				 .trust = &nothing,
				 .repo_fd = c->home.repo_fd,
				 .git = c->git};
	kan_verify_files(v);
	if (!fault.code)
		kan_verify_tree(v);
	v->arg = NULL;
	return fault.code ? kan_fail(err, fault.code, "%s", fault.text) : 0;
}

static void full_path(char out[KAN_VERIFY_PATH], const struct dispose *d, const char *path)
{
	snprintf(out, KAN_VERIFY_PATH, "cases/%s/bundles/%s/%s", d->of->case_id, d->of->bundle,
		 path);
}

static const struct kan_verify_object *object_at(const struct kan_verify *v, const char *full)
{
	for (size_t i = 0; i < v->n_objects; i++)
		if (strcmp(v->objects[i].path, full) == 0)
			return &v->objects[i];
	return NULL;
}

static bool listed(const json_t *list, const char *path)
{
	const json_t *e;
	size_t i;

	json_array_foreach (list, i, e)
		if (strcmp(json_string_value(json_object_get(e, "path")), path) == 0)
			return true;
	return false;
}

/* What is asked for, as the pointers have it. */
static int make_list(struct dispose *d, const struct kan_verify *v, struct kan_err *err)
{
	d->list = json_array();
	for (const char *const *p = d->ask->paths; *p; p++) {
		char full[KAN_VERIFY_PATH];
		const struct kan_verify_object *o;

		full_path(full, d, *p);
		o = object_at(v, full);
		if (strncmp(*p, "data/", 5) != 0 || !o)
			return kan_fail(err, KAN_ENOTFOUND, "%s: %s has no such artefact", *p,
					d->of->bundle);
		if (listed(d->list, *p) || json_array_size(d->list) >= PATHS_MAX)
			return kan_fail(err, KAN_EUSAGE, "%s: named twice, or too many", *p);
		json_array_append_new(d->list,
				      json_pack("{s:s,s:s,s:s,s:I}", "bundle", d->of->bundle,
						"path", *p, "oid", o->object.oid, "size",
						(json_int_t)o->object.size));
	}
	return json_array_size(d->list) ? 0 : kan_fail(err, KAN_EUSAGE, "dispose of what?");
}

static void keep_gone(struct dispose *d, const struct kan_event *e)
{
	const json_t *list = json_object_get(e->doc, "dispose"), *entry;
	size_t i;

	json_array_foreach (list, i, entry) {
		kan_auto_buf struct kan_buf full = KAN_BUF(KAN_VERIFY_PATH);

		kan_buf_addf(&full, "cases/%s/bundles/%s/%s", e->case_id, e->bundle,
			     kan_json_str(entry, "path"));
		json_object_set_new(d->gone, kan_buf_str(&full), json_true());
	}
}

/* An earlier event that said the same: a crash came between it and the end. */
static int said_before(const struct kan_chain_item *item, void *arg, struct kan_err *err)
{
	struct dispose *d = arg;
	const struct kan_event *e = item->event;

	if (strcmp(e->type, "dispose") != 0)
		return 0;
	keep_gone(d, e);
	if (strcmp(e->case_id, d->of->case_id) != 0 || strcmp(e->bundle, d->of->bundle) != 0 ||
	    !json_equal(json_object_get(e->doc, "dispose"), d->list))
		return 0;
	d->stone.seq = e->seq;
	kan_buf_reset(&d->stone.event);
	return kan_json_dump(&d->stone.event, e->doc, err);
}

static int find_before(struct dispose *d, struct kan_err *err)
{
	char tip[KAN_GIT_ID] = "";

	d->gone = json_object();
	if (kan_git_tip(tip, d->c->git, err) < 0 ||
	    kan_chain_each(d->c->git, tip, NULL, said_before, d, err) < 0)
		return -1;
	return d->stone.seq != 0;
}

/* The signature of the earlier tombstone, from the tip's tree. */
static int read_sig(struct dispose *d, struct kan_err *err)
{
	kan_auto_gitcommit struct kan_gitobj_commit tip_commit = {0};
	kan_auto_buf struct kan_buf path = KAN_BUF(512);
	char tip[KAN_GIT_ID] = "", id[KAN_GIT_ID];
	bool dir;

	kan_buf_addf(&path, "cases/%s/bundles/%s/", d->of->case_id, d->of->bundle);
	kan_tombstone_path(&path, d->stone.seq);
	kan_buf_adds(&path, ".sig");
	if (kan_git_tip(tip, d->c->git, err) < 0 ||
	    kan_gitobj_read_commit(&tip_commit, d->c->git, tip, err) < 0)
		return -1;
	if (kan_gitobj_walk(id, &dir, d->c->git, tip_commit.tree, kan_buf_str(&path), err) != 1)
		return kan_fail(err, KAN_ETAMPER, "%s: missing: run verify", kan_buf_str(&path));
	kan_buf_reset(&d->stone.sig);
	return kan_git_read(&d->stone.sig, d->c->git, id, KAN_GIT_BLOB, err);
}

static int write_event(struct kan_receipt *out, struct dispose *d, const struct kan_act *act,
		       struct kan_err *err)
{
	json_auto_t *what = NULL, *more = json_pack("{s:O}", "dispose", d->list);
	struct kan_write w = {.type = "dispose",
			      .case_id = d->of->case_id,
			      .bundle = d->of->bundle,
			      .seal = d->of->seal,
			      .act = act,
			      .more = more,
			      .stone = &d->stone};

	if (kan_write_what(&what, d->c, d->of, err) < 0)
		return -1;
	w.what = what;
	return kan_write_event(out, d->c, &w, err);
}

/* Beside the proofs that are there; the same bytes are there already after a crash. */
static int put_once(int dir, const char *path, struct kan_bytes content, struct kan_err *err)
{
	kan_auto_buf struct kan_buf there = KAN_BUF(KAN_BAG_PROOF_MAX);
	struct kan_err why = {0};

	if (kan_files_read(&there, dir, path, &why) == 0) {
		if (kan_bytes_eq(kan_buf_bytes(&there), content))
			return 0;
		/* Half of it, when the crash came while it was written. */
		if (unlinkat(dir, path, 0) < 0)
			return kan_fail_sys(err, "%s", path);
	} else if (why.code != KAN_ENOTFOUND) {
		return kan_fail(err, why.code, "%s", why.text);
	}
	return kan_put_whole(dir, path, 0400, content, err);
}

/* The signature first: an event without one would fail in verify, after a crash between the two. */
static int put_stone(struct dispose *d, int bag, struct kan_err *err)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(128), sig = KAN_BUF(128);
	kan_auto_close int seal = -1;

	kan_tombstone_path(&path, d->stone.seq);
	kan_buf_addf(&sig, "%s.sig", kan_buf_str(&path));
	if (kan_mkdirs(bag, "seal", err) < 0 ||
	    put_once(bag, kan_buf_str(&sig), kan_buf_bytes(&d->stone.sig), err) < 0 ||
	    put_once(bag, kan_buf_str(&path), kan_buf_bytes(&d->stone.event), err) < 0)
		return -1;
	seal = openat(bag, "seal", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return seal < 0 || fsync(seal) < 0 || fsync(bag) < 0 ? kan_fail_sys(err, "seal") : 0;
}

/* A bag has no empty directories. */
static void remove_empty(int bag, const char *path)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s", path);
	for (char *slash; (slash = strrchr(dir, '/'));) {
		*slash = 0;
		if (strcmp(dir, "data") == 0 || unlinkat(bag, dir, AT_REMOVEDIR) < 0)
			return;
	}
}

static int remove_file(int bag, const char *path, size_t *count, struct kan_err *err)
{
	kan_auto_close int parent = -1;
	char dir[256];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	*slash = 0;
	if (kan_open_beneath(&parent, bag, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, err) < 0)
		return err->sys == ENOENT ? (*err = (struct kan_err){0}, 0) : -1;
	if (unlinkat(parent, slash + 1, 0) == 0)
		(*count)++;
	else if (errno != ENOENT)
		return kan_fail_sys(err, "%s", path);
	if (fsync(parent) < 0)
		return kan_fail_sys(err, "%s", dir);
	remove_empty(bag, path);
	return 0;
}

/* Another pointer has the same content, and its keeping goes on: of this or another bundle. */
static bool shared(const struct dispose *d, const struct kan_verify *v, const char *oid)
{
	size_t head;
	char prefix[KAN_VERIFY_PATH];

	full_path(prefix, d, "");
	head = strlen(prefix);
	for (size_t i = 0; i < v->n_objects; i++) {
		const struct kan_verify_object *o = &v->objects[i];

		if (strcmp(o->object.oid, oid) == 0 && !json_object_get(d->gone, o->path) &&
		    (strncmp(o->path, prefix, head) != 0 || !listed(d->list, o->path + head)))
			return true;
	}
	return false;
}

static int remove_object(struct dispose *d, const struct kan_verify *v, const char *oid,
			 struct kan_err *err)
{
	char path[KAN_LFS_PATH];

	kan_lfs_path(path, oid);
	if (shared(d, v, oid)) {
		d->done->shared++;
		return 0;
	}
	if (unlinkat(d->c->home.repo_fd, path, 0) == 0)
		d->done->objects++;
	else if (errno != ENOENT)
		return kan_fail_sys(err, "%s", path);
	*strrchr(path, '/') = 0;
	kan_auto_close int dir =
		openat(d->c->home.repo_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return dir >= 0 && fsync(dir) < 0 ? kan_fail_sys(err, "%s", path) : 0;
}

static int remove_all(struct dispose *d, const struct kan_verify *v, struct kan_err *err)
{
	kan_auto_close int bag = -1;
	const json_t *e;
	size_t i;

	if (d->ask->bundle_dir) {
		bag = open(d->ask->bundle_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (bag < 0)
			return kan_fail_sys(err, "%s", d->ask->bundle_dir);
		if (put_stone(d, bag, err) < 0)
			return kan_wrap(err, "%s", d->ask->bundle_dir);
	}
	json_array_foreach (d->list, i, e) {
		const char *path = json_string_value(json_object_get(e, "path"));
		const char *oid = json_string_value(json_object_get(e, "oid"));

		if ((bag >= 0 && remove_file(bag, path, &d->done->files, err) < 0) ||
		    remove_object(d, v, oid, err) < 0)
			return -1;
	}
	return 0;
}

static int run(struct kan_receipt *out, struct dispose *d, const struct kan_act *act,
	       struct kan_err *err)
{
	struct kan_verify v;
	int rc = read_objects(&v, d->c, err), before;

	if (!rc)
		rc = make_list(d, &v, err);
	before = rc < 0 ? -1 : find_before(d, err);
	if (before > 0) {
		d->done->again = true;
		*out = *d->of;
		out->event = d->stone.seq;
		rc = read_sig(d, err);
	} else {
		rc = before < 0 ? -1 : write_event(out, d, act, err);
	}
	if (!rc)
		rc = remove_all(d, &v, err);
	v.git = NULL; /* it is the home's */
	kan_verify_clear(&v);
	return rc;
}

int kan_custody_dispose(struct kan_receipt *out, struct kan_dispose_done *done,
			struct kan_custody *c, const struct kan_receipt *of,
			const struct kan_dispose_ask *ask, const struct kan_act *act,
			struct kan_err *err)
{
	struct dispose d = {
		.c = c,
		.of = of,
		.ask = ask,
		.done = done,
		.stone = {.event = KAN_BUF(2 * KAN_EVENT_MAX), .sig = KAN_BUF(64 << 10)}};
	kan_auto_close int lock = -1;
	int rc;

	*done = (struct kan_dispose_done){0};
	if (!act->purpose || !*act->purpose || !act->authority || !*act->authority)
		return kan_fail(err, KAN_EUSAGE, "a disposal needs a reason and an authority");
	if (kan_home_lock(&lock, &c->home, err) < 0)
		return -1;
	rc = run(out, &d, act, err);
	json_decref(d.list);
	json_decref(d.gone);
	kan_buf_free(&d.stone.event);
	kan_buf_free(&d.stone.sig);
	return rc;
}
