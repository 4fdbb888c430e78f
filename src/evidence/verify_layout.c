/* verify: the closed world of a bag. Nothing is there but what is listed, and all of that is. */
#include "evidence/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/tree.h"

enum { ENTRIES_MAX = 200000, PATH_OCTETS = 4096, DEPTH_MAX = 16, OUR_LINKS = 2 };

static const char data_dir[] = "data", seal_dir[] = "seal";

struct walk {
	struct kan_bagcheck *c;
	bool sealed;
	bool *seen;              /* by index of the manifest */
	bool tags[KAN_TAGS + 1]; /* the last is the tag manifest */
	bool filled[DEPTH_MAX + 1];
	unsigned proofs;
	struct kan_err unreadable;
};

static void fault(struct walk *w, const char *path, const char *what)
{
	kan_bagcheck_fail(w->c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_ALTERED, path, "%s", what);
}

static const char *kind_name(mode_t mode)
{
	if (S_ISLNK(mode))
		return "a symbolic link";
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static void directory(struct walk *w, const char *path)
{
	if (strcmp(path, data_dir) == 0 || (below(path, data_dir) && kan_path_ok(path)))
		return;
	if (strcmp(path, seal_dir) != 0)
		fault(w, path, "a directory that no bundle has");
}

static bool is_tag(struct walk *w, const char *path)
{
	for (size_t i = 0; i < KAN_TAGS; i++) {
		if (strcmp(path, kan_tags[i].name) != 0)
			continue;
		w->tags[i] = true;
		return true;
	}
	if (strcmp(path, KAN_TAGMANIFEST) != 0)
		return false;
	w->tags[KAN_TAGS] = true;
	return true;
}

static void proof(struct walk *w, const char *path, uint64_t size)
{
	if (!kan_proof_is(path + strlen(seal_dir) + 1))
		fault(w, path, "not a name of a proof");
	else if (size > KAN_BAG_PROOF_CAP || ++w->proofs > KAN_BAG_PROOFS)
		fault(w, path, "more or larger proofs than a bundle has");
}

static void payload(struct walk *w, const char *path)
{
	const struct kan_manifest *m = &w->c->payload;
	const struct kan_bundle_file *f = kan_manifest_find(m, path);
	if (!kan_path_ok(path))
		fault(w, path, "not a name of a bundle");
	else if (f)
		w->seen[f - m->files] = true;
	else if (w->c->has_manifest)
		fault(w, path, "not listed in the manifest");
}

static void file(struct walk *w, const char *path, const struct statx *st)
{
	bool tag = is_tag(w, path);
	if (!w->sealed)
		return;
	if (below(path, data_dir))
		payload(w, path);
	else if (below(path, seal_dir))
		proof(w, path, st->stx_size);
	else if (!tag)
		fault(w, path, "not a file of a bundle");
	/* The store of a home has one more link to each payload file. */
	if (st->stx_nlink > (tag ? 1 : OUR_LINKS))
		kan_bagcheck_skip(w->c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_GENERAL, path,
				  "%u hard links: somebody else may have it open for writing",
				  (unsigned)st->stx_nlink);
}

/* An empty seal/ is as none: whoever made it was stopped before the first proof was in it. */
static void empty(struct walk *w, const char *path)
{
	if (strcmp(path, seal_dir) == 0)
		kan_bagcheck_skip(w->c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_GENERAL, path,
				  "empty: whoever was to sign was stopped");
	else
		fault(w, path, "an empty directory");
}

static enum kan_tree_next visit(const struct kan_tree_entry *e, void *arg)
{
	char path[PATH_OCTETS];
	struct walk *w = arg;
	bool root = e->path.n <= 1, dir = S_ISDIR(e->st->stx_mode);
	if (root)
		return KAN_TREE_GO;
	(void)snprintf(path, sizeof(path), "%.*s",
		       (int)(e->path.n < PATH_OCTETS ? e->path.n - 1 : PATH_OCTETS - 2),
		       (const char *)e->path.p + 1);
	if (e->post) {
		if (!w->filled[e->depth] && w->sealed)
			empty(w, path);
		return KAN_TREE_GO;
	}
	if (e->depth >= DEPTH_MAX) {
		fault(w, path, "deeper than a bundle is");
		return KAN_TREE_SKIP;
	}
	w->filled[e->depth - 1] = true;
	w->filled[e->depth] = false;
	if (dir)
		directory(w, path);
	else if (S_ISREG(e->st->stx_mode))
		file(w, path, e->st);
	else
		fault(w, path, kind_name(e->st->stx_mode));
	return KAN_TREE_GO;
}

static void problem(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct walk *w = arg;
	char text[256];
	(void)snprintf(text, sizeof(text), "%.*s", path.n < sizeof(text) ? (int)path.n : 200,
		       (const char *)path.p);
	if (kan_bagcheck_unreadable(why) && w->unreadable.code == KAN_OK)
		w->unreadable = *why;
	kan_bagcheck_fail(w->c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_GENERAL,
			  text[0] == '/' ? text + 1 : text, "%s", why->text);
}

static void gone(struct kan_bagcheck *c, const struct kan_bundle_file *f)
{
	if (c->gone && c->gone->fn(f->path, f->sha256, c->gone->arg))
		kan_bagcheck_skip(c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_GENERAL, f->path,
				  "disposed of: a signed tombstone in seal/ says so");
	else
		kan_bagcheck_fail(c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_MISSING, f->path, "missing");
}

static void missing(struct walk *w)
{
	for (size_t i = 0; i <= KAN_TAGS; i++)
		if (!w->tags[i])
			kan_bagcheck_fail(w->c, KAN_BAGCHECK_LAYOUT, KAN_CHECK_MISSING,
					  i < KAN_TAGS ? kan_tags[i].name : KAN_TAGMANIFEST,
					  "missing");
	for (size_t i = 0; i < w->c->payload.n; i++)
		if (!w->seen[i])
			gone(w->c, &w->c->payload.files[i]);
}

int kan_bagcheck_layout(struct kan_bagcheck *c, bool sealed, struct kan_err *err)
{
	struct kan_err why = {0};
	struct walk w = {.c = c, .sealed = sealed, .seen = kan_xalloc(c->payload.n + 1)};
	/* In the order of the disk: a directory of millions of names is not held in memory. */
	struct kan_tree_walk walk = {.max_entries = ENTRIES_MAX,
				     .post = true,
				     .fn = visit,
				     .problem = problem,
				     .arg = &w};
	int rc = kan_tree_walk(&walk, c->dir_fd, &why);
	if (w.unreadable.code != KAN_OK)
		why = w.unreadable;
	if (rc < 0 && !kan_bagcheck_unreadable(&why))
		fault(&w, "", why.text);
	else if (rc == 0 && sealed)
		missing(&w);
	free(w.seen);
	if (kan_bagcheck_unreadable(&why)) {
		if (err)
			*err = why;
		return -1;
	}
	kan_bagcheck_done(c, KAN_BAGCHECK_LAYOUT,
			  sealed ? "nothing added, nothing gone" : "no link, no special file");
	return 0;
}
