/* The files of a repository by type, size and name, before anything of it is opened. */
#include "custody/plain.h"

#include "base/file.h"
#include "base/tree.h"
#include "custody/files.h"
#include "custody/git.h"
#include "custody/refs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

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
	const char *name, *below; /* below NULL: the repository itself is walked */
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
	p->rc = kan_fail(p->err, p->code, "%s/%s%.*s: %s", p->name, p->below ? p->below : "",
			 (int)(path.n < SHOWN ? path.n : SHOWN), (const char *)path.p, why);
}

static bool hex2(struct kan_bytes name)
{
	return name.n == 2 && isxdigit(name.p[0]) && isxdigit(name.p[1]);
}

/*
 * A directory of loose objects that are all regular files, by the types that its own list has: a
 * home of a thousand bundles has tens of thousands of them. How large each is is asked when it is
 * read (guard.c). false: walk it, and say what is wrong.
 */
static bool all_plain(const struct kan_tree_entry *e)
{
	int fd = openat(e->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool plain = dir != NULL;

	if (!dir && fd >= 0)
		close(fd);
	errno = 0;
	while (plain && (d = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): a stream of ours */
		plain = d->d_type == DT_REG || strcmp(d->d_name, ".") == 0 ||
			strcmp(d->d_name, "..") == 0;
	plain = plain && errno == 0;
	if (dir)
		closedir(dir);
	return plain;
}

static enum kan_tree_next entry(const struct kan_tree_entry *e, void *arg)
{
	struct plain *p = arg;
	struct kan_bytes path = {e->path.p + 1, e->path.n - 1};
	const char *wrong;

	/* Nothing here runs them, and servers link them to a place of their own. */
	if (kan_bytes_eq(path, KAN_LIT("hooks")))
		return KAN_TREE_SKIP;
	if (S_ISDIR(e->st->stx_mode) && e->depth == 2 && hex2(e->name) &&
	    kan_bytes_starts(path, "objects/") && all_plain(e))
		return KAN_TREE_SKIP;
	if (S_ISDIR(e->st->stx_mode))
		return kan_bytes_eq(path, KAN_LIT("lfs/objects")) ? KAN_TREE_SKIP : KAN_TREE_GO;
	wrong = wrong_with(path, e->st);
	if (!wrong)
		return KAN_TREE_GO;
	refuse(p, path, wrong);
	return KAN_TREE_STOP;
}

static enum kan_tree_next pack(const struct kan_tree_entry *e, void *arg)
{
	struct plain *p = arg;

	if (S_ISREG(e->st->stx_mode) || S_ISDIR(e->st->stx_mode))
		return KAN_TREE_GO;
	refuse(p, e->path, "not a regular file");
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

int kan_plain_packs(int repo_fd, const char *name, struct kan_err *err)
{
	struct plain p = {.name = name, .below = "objects/pack", .code = KAN_ETAMPER, .err = err};
	struct kan_tree_walk walk = {
		.max_entries = ENTRIES_MAX, .fn = pack, .problem = problem, .arg = &p};
	kan_auto_close int fd = -1;
	struct kan_err why = {0};

	if (kan_open_beneath(&fd, repo_fd, p.below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &why) <
	    0)
		return why.sys == ENOENT ? 0
					 : kan_fail(err, KAN_ETAMPER,
						    "%s/%s: a link, or no "
						    "directory",
						    name, p.below);
	if (kan_tree_walk(&walk, fd, err) < 0 && !p.rc)
		return -1;
	return p.rc;
}
