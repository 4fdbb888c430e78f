/* Careful opens and listings of directories that are handed to us. */
#include "custody/files.h"

#include "base/file.h"
#include "base/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LIST_MAX = 20000, SWEEP_MAX = 100000 };

int kan_files_open(int *fd, uint64_t *size, int dirfd, const char *path, struct kan_err *err)
{
	kan_auto_close int pin = -1;
	struct kan_err why = {0};
	struct stat st;
	bool noatime;

	if (kan_open_beneath(&pin, dirfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, &why) < 0) {
		if (why.sys == ENOENT || why.sys == ENOTDIR)
			return kan_fail(err, KAN_ENOTFOUND, "%s: missing", path);
		if (why.sys == ELOOP || why.sys == EXDEV)
			return kan_fail(err, KAN_ETAMPER, "%s: a link is in the way", path);
		if (err)
			*err = why;
		return -1;
	}
	if (fstat(pin, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_ETAMPER, "%s: not a regular file", path);
	if (kan_tree_open(fd, &noatime, pin, err) < 0)
		return kan_wrap(err, "%s", path);
	*size = (uint64_t)st.st_size;
	return 0;
}

int kan_files_read(struct kan_buf *out, int dirfd, const char *path, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	uint64_t size;

	if (kan_files_open(&fd, &size, dirfd, path, err) < 0)
		return -1;
	if (size > out->max)
		return kan_fail(err, KAN_ETAMPER, "%s: %llu bytes, the format allows %zu", path,
				(unsigned long long)size, out->max);
	if (kan_read_all(out, fd, err) < 0)
		return kan_wrap(err, "%s", path);
	return 0;
}

void kan_files_free(struct kan_files_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->path[i]);
	free(l->path);
	*l = (struct kan_files_list){0};
}

struct listing {
	struct kan_files_list list;
	struct kan_err *err;
	int rc;
};

static void keep(struct kan_files_list *l, struct kan_bytes path)
{
	char *s = kan_xalloc(path.n + 1);

	memcpy(s, path.p, path.n);
	l->path = kan_xrealloc(l->path, l->n + 1, sizeof(*l->path));
	l->path[l->n++] = s;
}

static enum kan_tree_next list_entry(const struct kan_tree_entry *e, void *arg)
{
	struct listing *l = arg;
	struct kan_bytes path = {e->path.p + 1, e->path.n - 1};

	if (S_ISDIR(e->st->stx_mode))
		return KAN_TREE_GO;
	if (!S_ISREG(e->st->stx_mode)) {
		l->rc = kan_fail(l->err, KAN_ETAMPER, "%.*s: not a regular file", (int)path.n,
				 (const char *)path.p);
		return KAN_TREE_STOP;
	}
	keep(&l->list, path);
	return KAN_TREE_GO;
}

static void list_problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct listing *l = arg;

	if (!l->rc)
		l->rc = kan_fail(l->err, err->code, "%.*s: %s", (int)path.n, (const char *)path.p,
				 err->text);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int kan_files_list(struct kan_files_list *out, int dirfd, struct kan_err *err)
{
	struct listing l = {.err = err};
	struct kan_tree_walk walk = {
		.max_entries = LIST_MAX, .fn = list_entry, .problem = list_problem, .arg = &l};

	if (kan_tree_walk(&walk, dirfd, err) < 0 && !l.rc)
		l.rc = -1;
	if (l.rc) {
		kan_files_free(&l.list);
		return -1;
	}
	if (l.list.n)
		qsort(l.list.path, l.list.n, sizeof(*l.list.path), by_path);
	*out = l.list;
	return 0;
}

void kan_files_sweep(int dirfd, const char *dir, const char *prefix, time_t min_age_s)
{
	int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	struct stat st;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int seen = 0; seen < SWEEP_MAX && (e = readdir(d)); seen++)
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    time(NULL) - st.st_mtime >= min_age_s)
			unlinkat(fd, e->d_name, 0);
	closedir(d);
}
