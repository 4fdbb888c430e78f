/* The files of a repository by type, size and name, before anything of it is opened. */
#include "custody/plain.h"

#include "base/tree.h"
#include "custody/files.h"
#include "custody/git.h"
#include "custody/refs.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { ENTRIES_MAX = 4000000, FILE_MAX = 1 << 20, SHOWN = 200 };

/* libgit2 reads other objects, or another repository, for each of them. */
static const char *const elsewhere[] = {
	"objects/info/alternates",
	"commondir",
	"gitdir",
};

/* libgit2 reads these whole. */
static const char *const small[] = {"config", "HEAD", "packed-refs", KAN_GIT_BRANCH,
				    "kanshiki.lock"};

struct plain {
	const char *name;
	enum kan_code code;
	struct kan_err *err;
	int rc;
};

static bool one_of(struct kan_bytes path, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kan_bytes_eq(path, kan_bytes_of(list[i])))
			return true;
	return false;
}
#define ONE_OF(path, list) one_of(path, list, sizeof(list) / sizeof((list)[0]))

/* objects/ab/..., not a pack: a loose object. */
static bool loose(struct kan_bytes path)
{
	return kan_bytes_starts(path, "objects/") && path.n > 11 && path.p[10] == '/';
}

static const char *wrong_with(struct kan_bytes path, const struct statx *st)
{
	if (!S_ISREG(st->stx_mode))
		return "not a regular file, or a huge one";
	if (ONE_OF(path, elsewhere))
		return "makes git read what is not here";
	if ((ONE_OF(path, small) && st->stx_size > FILE_MAX) ||
	    (loose(path) && st->stx_size > KAN_GIT_LOOSE_MAX))
		return "not a regular file, or a huge one";
	return NULL;
}

static void refuse(struct plain *p, struct kan_bytes path, const char *why)
{
	p->rc = kan_fail(p->err, p->code, "%s/%.*s: %s", p->name,
			 (int)(path.n < SHOWN ? path.n : SHOWN), (const char *)path.p, why);
}

static enum kan_tree_next entry(const struct kan_tree_entry *e, void *arg)
{
	struct plain *p = arg;
	struct kan_bytes path = {e->path.p + 1, e->path.n - 1};
	const char *wrong;

	/* Nothing here runs them, and servers link them to a place of their own. */
	if (kan_bytes_eq(path, KAN_LIT("hooks")))
		return KAN_TREE_SKIP;
	if (S_ISDIR(e->st->stx_mode))
		return kan_bytes_eq(path, KAN_LIT("lfs/objects")) ? KAN_TREE_SKIP : KAN_TREE_GO;
	wrong = wrong_with(path, e->st);
	if (!wrong)
		return KAN_TREE_GO;
	refuse(p, path, wrong);
	return KAN_TREE_STOP;
}

static void problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct plain *p = arg;

	/* What went away meanwhile is somebody's temporary file: others may be writing here. */
	if (!p->rc && err->sys != ENOENT)
		p->rc = kan_fail(p->err, err->code, "%s%.*s: %s", p->name,
				 (int)(path.n < SHOWN ? path.n : SHOWN), (const char *)path.p,
				 err->text);
}

/* An include names a file of anywhere. Nobody else's section has such a name. */
static int check_config(const struct plain *p, int repo_fd, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FILE_MAX);
	struct kan_err why = {0};

	if (kan_files_read(&text, repo_fd, "config", &why) < 0)
		return why.code == KAN_ENOTFOUND ? 0 : kan_fail(err, why.code, "%s", why.text);
	for (size_t i = 0; i + 7 <= text.len; i++)
		if (strncasecmp((const char *)text.data + i, "include", 7) == 0)
			return kan_fail(err, p->code, "%s/config: has an include", p->name);
	return 0;
}

int kan_plain_repo(int repo_fd, const char *name, enum kan_code code, struct kan_err *err)
{
	struct plain p = {.name = name, .code = code, .err = err};
	struct kan_tree_walk walk = {
		.max_entries = ENTRIES_MAX, .fn = entry, .problem = problem, .arg = &p};

	if (kan_tree_walk(&walk, repo_fd, err) < 0 && !p.rc)
		return -1;
	return p.rc < 0 ? -1 : check_config(&p, repo_fd, err);
}
