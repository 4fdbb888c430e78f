/* libgit2: objects in and out, signed commits, the one branch. Beside guard.c the only file that
 * knows it. */
#include "custody/git.h"

#include "base/clock.h"
#include "base/file.h"
#include "custody/guard.h"

#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { REF_RETRY_MS = 50 };

struct kan_git {
	git_repository *repo; /* NULL when only objects are read */
	git_odb *odb;
	char *path; /* of the repository, or of its objects */
};

static void free_tree(git_tree **t)
{
	git_tree_free(*t);
}
static void free_commit(git_commit **c)
{
	git_commit_free(*c);
}
static void free_signature(git_signature **s)
{
	git_signature_free(*s);
}
static void free_odb_object(git_odb_object **o)
{
	git_odb_object_free(*o);
}
static void free_reference(git_reference **r)
{
	git_reference_free(*r);
}
#define auto_tree __attribute__((cleanup(free_tree)))
#define auto_commit __attribute__((cleanup(free_commit)))
#define auto_signature __attribute__((cleanup(free_signature)))
#define auto_odb_object __attribute__((cleanup(free_odb_object)))
#define auto_reference __attribute__((cleanup(free_reference)))
static void free_packer(git_packbuilder **p)
{
	git_packbuilder_free(*p);
}
static void free_walk(git_revwalk **w)
{
	git_revwalk_free(*w);
}
#define auto_packer __attribute__((cleanup(free_packer)))
#define auto_walk __attribute__((cleanup(free_walk)))
#define auto_gitbuf __attribute__((cleanup(git_buf_dispose)))

/* libgit2's words behind ours; its codes end here. */
#define fail_git(err, rc, ...) \
	(kan_err_set((err), code_of(rc), 0, __VA_ARGS__), add_cause((err)), -1)

static enum kan_code code_of(int rc)
{
	switch (rc) {
	case GIT_ENOTFOUND:
		return KAN_ENOTFOUND;
	case GIT_EOWNER:
		return KAN_EDENIED;
	case GIT_EMISMATCH:
		return KAN_ETAMPER;
	default:
		return KAN_EIO;
	}
}

static void add_cause(struct kan_err *err)
{
	const git_error *e = git_error_last();
	size_t n;

	if (!err || !e || !e->message)
		return;
	n = strlen(err->text);
	snprintf(err->text + n, sizeof(err->text) - n, ": %s", e->message);
}

static int start_library(struct kan_err *err)
{
	static const int levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
				     GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL};

	if (git_libgit2_init() < 0)
		return kan_fail(err, KAN_EUNSUPPORTED, "libgit2 does not start");
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 1);
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
	git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	return 0;
}

void kan_git_free(struct kan_git *g)
{
	if (!g)
		return;
	git_odb_free(g->odb);
	git_repository_free(g->repo);
	free(g->path);
	free(g);
	git_libgit2_shutdown();
}

void kan_git_auto(struct kan_git **g)
{
	kan_git_free(*g);
}

static int fail_open(struct kan_err *err, int rc, const char *path)
{
	struct stat st;

	if (rc == GIT_EOWNER && stat(path, &st) == 0)
		return kan_fail(err, KAN_EDENIED, "%s: repository belongs to uid %u", path,
				(unsigned)st.st_uid);
	return fail_git(err, rc, "%s", path);
}

int kan_git_open(struct kan_git **out, const char *path, struct kan_err *err)
{
	kan_auto_git struct kan_git *g = NULL;
	kan_auto_buf struct kan_buf objects = KAN_BUF(2 * PATH_MAX);
	const unsigned flags = GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_NO_DOTGIT |
			       GIT_REPOSITORY_OPEN_BARE;
	int rc;

	if (start_library(err) < 0)
		return -1;
	g = kan_xalloc(sizeof(*g));
	g->path = kan_xstrdup(path);
	rc = git_repository_open_ext(&g->repo, path, flags, NULL);
	if (!rc)
		rc = git_repository_odb(&g->odb, g->repo);
	kan_buf_addf(&objects, "%s/objects", path);
	if (!rc)
		rc = kan_git_guard(g->odb, kan_buf_str(&objects));
	if (rc < 0)
		return fail_open(err, rc, path);
	*out = kan_take_ptr(g);
	return 0;
}

/* git_odb_open would follow objects/info/alternates to wherever the repository's author likes. */
static int add_backends(git_odb *odb, const char *dir)
{
	git_odb_backend *loose = NULL, *packed = NULL;
	int rc = git_odb_backend_loose(&loose, dir, -1, 0, 0, 0);

	if (!rc)
		rc = git_odb_add_backend(odb, loose, 1);
	if (!rc)
		rc = git_odb_backend_pack(&packed, dir);
	if (!rc)
		rc = git_odb_add_backend(odb, packed, 2);
	return rc;
}

int kan_git_open_objects(struct kan_git **out, const char *objects_dir, struct kan_err *err)
{
	kan_auto_git struct kan_git *g = NULL;
	int rc;

	if (start_library(err) < 0)
		return -1;
	g = kan_xalloc(sizeof(*g));
	g->path = kan_xstrdup(objects_dir);
	rc = git_odb_new(&g->odb);
	if (!rc)
		rc = add_backends(g->odb, objects_dir);
	if (!rc)
		rc = kan_git_guard(g->odb, objects_dir);
	if (rc < 0)
		return fail_git(err, rc, "%s", objects_dir);
	*out = kan_take_ptr(g);
	return 0;
}

int kan_git_tip(char id[KAN_GIT_ID], struct kan_git *g, struct kan_err *err)
{
	git_oid oid;
	int rc = git_reference_name_to_id(&oid, g->repo, KAN_GIT_BRANCH);

	if (rc == GIT_ENOTFOUND)
		return 0;
	if (rc < 0)
		return fail_git(err, rc, "%s", g->path);
	git_oid_tostr(id, KAN_GIT_ID, &oid);
	return 1;
}

/* The header is asked first: a bomb is refused by its announced size. */
static int check_header(struct kan_git *g, const git_oid *oid, enum kan_git_type type, size_t max,
			struct kan_err *err)
{
	size_t len = 0;
	git_object_t found = GIT_OBJECT_INVALID;
	int rc = git_odb_read_header(&len, &found, g->odb, oid);

	if (rc == GIT_ENOTFOUND)
		return kan_fail(err, KAN_ENOTFOUND, "object is missing");
	if (rc < 0)
		return fail_git(err, GIT_EMISMATCH, "object cannot be read");
	if ((int)found != (int)type)
		return kan_fail(err, KAN_ETAMPER, "object is of another type");
	if (len > KAN_GIT_OBJECT_MAX || len > max)
		return kan_fail(err, KAN_ELIMIT, "object has %zu bytes", len);
	return 0;
}

int kan_git_read(struct kan_buf *out, struct kan_git *g, const char *id, enum kan_git_type type,
		 struct kan_err *err)
{
	auto_odb_object git_odb_object *obj = NULL;
	git_oid oid;
	int rc;

	if (git_oid_fromstr(&oid, id) < 0)
		return kan_fail(err, KAN_EFORMAT, "not an object id");
	if (check_header(g, &oid, type, out->max, err) < 0)
		return kan_wrap(err, "%s", id);
	rc = git_odb_read(&obj, g->odb, &oid);
	if (rc == GIT_ENOTFOUND)
		return kan_fail(err, KAN_ENOTFOUND, "%s: object is missing", id);
	if (rc < 0)
		return fail_git(err, GIT_EMISMATCH, "%s: object was altered", id);
	kan_buf_add(out, git_odb_object_data(obj), git_odb_object_size(obj));
	return out->failed ? kan_fail(err, KAN_ELIMIT, "%s: object too large", id) : 0;
}

int kan_git_put_blob(char id[KAN_GIT_ID], struct kan_git *g, struct kan_bytes content,
		     struct kan_err *err)
{
	git_oid oid;
	int rc = git_blob_create_from_buffer(&oid, g->repo,
					     content.n ? (const void *)content.p : "", content.n);

	if (rc < 0)
		return fail_git(err, rc, "%s: object", g->path);
	git_oid_tostr(id, KAN_GIT_ID, &oid);
	return 0;
}

/* The parent's tree plus the added files. */
static int make_tree(git_tree **out, struct kan_git *g, git_commit *parent,
		     const struct kan_git_commit *c, struct kan_err *err)
{
	auto_tree git_tree *base = NULL;
	kan_auto_free git_tree_update *updates = kan_xrealloc(NULL, c->n + 1, sizeof(*updates));
	git_oid oid;
	int rc = 0;

	for (size_t i = 0; i < c->n && !rc; i++) {
		updates[i] = (git_tree_update){.action = GIT_TREE_UPDATE_UPSERT,
					       .filemode = GIT_FILEMODE_BLOB,
					       .path = c->adds[i].path};
		rc = git_oid_fromstr(&updates[i].id, c->adds[i].id);
	}
	if (!rc && parent)
		rc = git_commit_tree(&base, parent);
	if (!rc)
		rc = git_tree_create_updated(&oid, g->repo, base, c->n, updates);
	if (!rc)
		rc = git_tree_lookup(out, g->repo, &oid);
	return rc < 0 ? fail_git(err, rc, "%s: tree", g->path) : 0;
}

static int commit_bytes(git_buf *out, struct kan_git *g, const struct kan_git_commit *c,
			git_commit *parent, struct kan_err *err)
{
	auto_tree git_tree *tree = NULL;
	auto_signature git_signature *author = NULL, *committer = NULL;
	const git_commit *parents[1] = {parent};
	int rc;

	if (make_tree(&tree, g, parent, c, err) < 0)
		return -1;
	rc = git_signature_new(&author, c->author.name, c->author.email, c->time, 0);
	if (!rc)
		rc = git_signature_new(&committer, c->committer.name, c->committer.email, c->time,
				       0);
	if (!rc)
		rc = git_repository_set_ident(g->repo, c->committer.name, c->committer.email);
	if (!rc)
		rc = git_commit_create_buffer(out, g->repo, author, committer, NULL, c->message,
					      tree, parent ? 1 : 0, parents);
	return rc < 0 ? fail_git(err, rc, "%s: commit", g->path) : 0;
}

static int sign_and_store(git_oid *id, struct kan_git *g, const struct kan_git_commit *c,
			  const git_buf *bytes, struct kan_err *err)
{
	kan_auto_buf struct kan_buf armour = KAN_BUF(16 << 10);
	int rc;

	if (c->sign(&armour, (struct kan_bytes){(const uint8_t *)bytes->ptr, bytes->size}, c->arg,
		    err) < 0)
		return -1;
	/* The header's value ends without LF: git adds one when it takes the signature out again.
	 */
	if (armour.len && armour.data[armour.len - 1] == '\n')
		armour.data[--armour.len] = 0;
	rc = git_commit_create_with_signature(id, g->repo, bytes->ptr, kan_buf_str(&armour),
					      "gpgsig");
	return rc < 0 ? fail_git(err, rc, "%s: commit", g->path) : 0;
}

static int fail_locked(struct kan_err *err, const struct kan_git *g)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(8192);
	struct stat st;

	kan_buf_addf(&path, "%s/%s.lock", g->path, KAN_GIT_BRANCH);
	if (stat(kan_buf_str(&path), &st) < 0)
		return kan_fail(err, KAN_EIO, "%s: main is locked", g->path);
	return kan_fail(err, KAN_EIO,
			"%s is there since %lld s, of a git that runs or died: kanshiki custody "
			"log --break-lock removes it",
			kan_buf_str(&path), (long long)(time(NULL) - st.st_mtim.tv_sec));
}

/* Compare and swap of main; a foreign lock on it is waited for. */
static int move_main(struct kan_git *g, const git_oid *to, const git_oid *from, const char *log,
		     struct kan_err *err)
{
	const int64_t until = kan_boot_ns() + (int64_t)KAN_GIT_REF_LOCK_S * 1000000000;
	const struct timespec pause = {.tv_nsec = REF_RETRY_MS * 1000000L};
	auto_reference git_reference *ref = NULL;
	int rc;

	for (;;) {
		rc = git_reference_create_matching(&ref, g->repo, KAN_GIT_BRANCH, to, from != NULL,
						   from, log);
		if (rc != GIT_ELOCKED || kan_boot_ns() > until)
			break;
		nanosleep(&pause, NULL);
	}
	if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS || (from && rc == GIT_ENOTFOUND))
		return 1;
	if (rc == GIT_ELOCKED)
		return fail_locked(err, g);
	return rc < 0 ? fail_git(err, rc, "%s: main", g->path) : 0;
}

int kan_git_commit(char id[KAN_GIT_ID], struct kan_git *g, const struct kan_git_commit *c,
		   struct kan_err *err)
{
	auto_commit git_commit *parent = NULL;
	auto_gitbuf git_buf bytes = GIT_BUF_INIT;
	git_oid tip, oid;
	int rc = 0;

	if (*c->tip) {
		rc = git_oid_fromstr(&tip, c->tip);
		if (!rc)
			rc = git_commit_lookup(&parent, g->repo, &tip);
		if (rc < 0)
			return fail_git(err, rc, "%s: commit %s", g->path, c->tip);
	}
	if (commit_bytes(&bytes, g, c, parent, err) < 0 ||
	    sign_and_store(&oid, g, c, &bytes, err) < 0)
		return -1;
	rc = move_main(g, &oid, parent ? &tip : NULL, "kanshiki", err);
	if (!rc)
		git_oid_tostr(id, KAN_GIT_ID, &oid);
	return rc;
}

/* What tip reaches and have does not: commits, their trees, their blobs. */
static int choose(git_packbuilder **out, struct kan_git *g, const char *tip, const char *have)
{
	auto_packer git_packbuilder *packer = NULL;
	auto_walk git_revwalk *walk = NULL;
	git_oid oid;
	int rc = git_packbuilder_new(&packer, g->repo);

	if (!rc) {
		git_packbuilder_set_threads(packer, 1);
		rc = git_revwalk_new(&walk, g->repo);
	}
	if (!rc)
		rc = git_oid_fromstr(&oid, tip);
	if (!rc)
		rc = git_revwalk_push(walk, &oid);
	if (!rc && *have)
		rc = git_oid_fromstr(&oid, have);
	if (!rc && *have)
		rc = git_revwalk_hide(walk, &oid);
	if (!rc)
		rc = git_packbuilder_insert_walk(packer, walk);
	if (!rc)
		*out = kan_take_ptr(packer);
	return rc;
}

struct pack_out {
	int fd;
	struct kan_err *err;
};

static int write_piece(void *p, size_t n, void *arg)
{
	const struct pack_out *o = arg;

	return kan_write_all(o->fd, p, n, o->err);
}

int kan_git_pack(int fd, struct kan_git *g, const char *tip, const char *have, struct kan_err *err)
{
	auto_packer git_packbuilder *packer = NULL;
	struct kan_err why = {0};
	struct pack_out out = {fd, &why};
	int rc = choose(&packer, g, tip, have);

	if (!rc)
		rc = git_packbuilder_foreach(packer, write_piece, &out);
	if (why.code)
		return kan_fail(err, why.code, "pack: %s", why.text);
	return rc < 0 ? fail_git(err, rc, "%s: pack", g->path) : 0;
}

int kan_git_push_local(struct kan_git *g, const char *remote, const char *tip, const char *have,
		       struct kan_err *err)
{
	kan_auto_git struct kan_git *there = NULL;
	kan_auto_buf struct kan_buf dir = KAN_BUF(PATH_MAX);
	auto_packer git_packbuilder *packer = NULL;
	git_oid to, from;
	int rc;

	if (kan_git_open(&there, remote, err) < 0)
		return -1;
	kan_buf_addf(&dir, "%s/objects/pack", remote);
	if (dir.failed)
		return kan_fail(err, KAN_EUSAGE, "%s: path too long", remote);
	rc = choose(&packer, g, tip, have);
	if (!rc)
		rc = git_packbuilder_write(packer, kan_buf_str(&dir), 0, NULL, NULL);
	if (!rc)
		rc = git_oid_fromstr(&to, tip);
	if (!rc && *have)
		rc = git_oid_fromstr(&from, have);
	if (!rc)
		rc = git_odb_refresh(there->odb);
	if (!rc)
		rc = git_repository_set_ident(there->repo, "kanshiki", "kanshiki@localhost");
	if (rc < 0)
		return fail_git(err, rc, "%s", remote);
	return move_main(there, &to, *have ? &from : NULL, "kanshiki push", err);
}
