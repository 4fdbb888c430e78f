/* Pass B over one process: what waits for its memory or for a file system, done where it can be left behind. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/maps.h"
#include "kernel/passes.h"

enum { FIRST = 16, SLOW_FILES = KAN_PF_COUNT - KAN_PF_IO };

/* Owned by whoever works on it: when the worker is left behind, by the worker. */
struct job {
	int dir, root; /* own duplicates; root -1: the process's own */
	bool argv_only;
	struct kan_buf link; /* of exe; empty: not asked */
	uint64_t exe_ino;
	dev_t exe_dev;
	struct kan_buf raw[SLOW_FILES];
	struct kan_err err[SLOW_FILES];
	enum kan_path_now path_now;
	struct kan_unlinked *unlinked;
	size_t n_unlinked;
};

static const char deleted[] = " (deleted)";

static void drop(void *arg)
{
	struct job *j = arg;
	for (size_t i = 0; i < j->n_unlinked; i++)
		kan_auto_close_fn(&j->unlinked[i].held);
	free(j->unlinked);
	for (size_t i = 0; i < SLOW_FILES; i++)
		kan_buf_free(&j->raw[i]);
	kan_buf_free(&j->link);
	kan_auto_close_fn(&j->dir);
	kan_auto_close_fn(&j->root);
	free(j);
}

static bool ends_deleted(struct kan_bytes v)
{
	size_t n = sizeof(deleted) - 1;
	return v.n > n && memcmp(v.p + v.n - n, deleted, n) == 0;
}

/* 1 the same file, 0 another, -1 nothing there. A symlink in its place is another: the kernel's path has none. */
static int names(const struct job *j, int root, struct kan_bytes path)
{
	kan_auto_close int fd = -1;
	struct statx st;
	struct kan_err why = {0};
	if (kan_open_in_root(&fd, root, path, O_PATH | O_NOFOLLOW, &why) < 0)
		return why.code == KAN_ENOTFOUND || why.sys == ENOTDIR ? -1 : 0;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0)
		return 0;
	return st.stx_ino == j->exe_ino && makedev(st.stx_dev_major, st.stx_dev_minor) == j->exe_dev;
}

static enum kan_path_now look_again(const struct job *j)
{
	kan_auto_close int own = -1;
	struct kan_bytes path = kan_buf_bytes(&j->link);
	if (path.n == 0 || path.p[0] != '/')
		return KAN_PATH_UNKNOWN;
	if (j->root < 0 && kan_proc_magic(&own, j->dir, "root", NULL) < 0)
		return KAN_PATH_UNKNOWN;
	int root = j->root >= 0 ? j->root : own;
	int found = names(j, root, path); /* first as it stands: a file may be named "x (deleted)" */
	if (found < 0 && ends_deleted(path)) {
		path.n -= sizeof(deleted) - 1;
		found = names(j, root, path);
	}
	return found > 0 ? KAN_PATH_SAME : found == 0 ? KAN_PATH_OTHER : KAN_PATH_ABSENT;
}

static bool known_file(const struct job *j, dev_t dev, uint64_t ino)
{
	for (size_t i = 0; i < j->n_unlinked; i++)
		if (j->unlinked[i].dev == dev && j->unlinked[i].ino == ino)
			return true;
	return false;
}

/* System V segments and shared anonymous memory look like unlinked files; they are memory. */
static bool is_memory(struct kan_bytes path)
{
	return kan_bytes_starts(path, "/SYSV") || kan_bytes_starts(path, "/dev/zero (deleted)");
}

static int on_map(const struct kan_map *m, void *arg, struct kan_err *err)
{
	struct job *j = arg;
	char name[64];
	struct statx st;
	(void)err;
	if (!ends_deleted(m->path) || !m->ino || j->n_unlinked >= KAN_PROC_UNLINKED_MAX)
		return 0;
	(void)snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)m->start, (unsigned long long)m->end);
	if (statx(j->dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0 ||
	    !S_ISREG(st.stx_mode) || st.stx_nlink != 0)
		return 0;
	struct kan_unlinked u = {.start = m->start, .size = st.stx_size, .ino = st.stx_ino, .held = -1};
	u.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	if (!is_memory(m->path) && !known_file(j, u.dev, u.ino))
		u.held = openat(j->dir, name, O_PATH | O_CLOEXEC);
	if (j->n_unlinked % FIRST == 0)
		j->unlinked = kan_xrealloc(j->unlinked, j->n_unlinked + FIRST, sizeof(u));
	j->unlinked[j->n_unlinked++] = u;
	return 0;
}

static void work(void *arg)
{
	struct job *j = arg;
	for (size_t i = 0; i < SLOW_FILES; i++) {
		enum kan_proc_file f = (enum kan_proc_file)(KAN_PF_IO + i);
		if (!j->argv_only || f == KAN_PF_CMDLINE)
			(void)kan_proc_read(&j->raw[i], j->dir, kan_proc_file_name(f), &j->err[i]);
	}
	if (j->argv_only)
		return;
	/* A line that does not parse ends the look at unlinked files; the text itself is kept whole. */
	(void)kan_maps_each(kan_buf_bytes(&j->raw[KAN_PF_MAPS - KAN_PF_IO]), on_map, j, NULL);
	j->path_now = look_again(j);
}

static struct job *new_job(struct kan_process *p, int root_fd, bool argv_only)
{
	kan_auto_close int own = -1;
	struct job *j = kan_xalloc(sizeof(*j));
	j->argv_only = argv_only;
	j->dir = fcntl(kan_pass_dir(&own, p), F_DUPFD_CLOEXEC, 0);
	j->root = root_fd < 0 ? -1 : fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	j->link = KAN_BUF(p->exe.link.max);
	if (p->exe.known)
		kan_buf_addb(&j->link, kan_buf_bytes(&p->exe.link));
	j->exe_ino = p->exe.st.stx_ino;
	j->exe_dev = makedev(p->exe.st.stx_dev_major, p->exe.st.stx_dev_minor);
	for (size_t i = 0; i < SLOW_FILES; i++) {
		static const size_t max[SLOW_FILES] = {64 << 10, KAN_PROC_ARG_MAX, KAN_PROC_ARG_MAX, KAN_PROC_MAPS_MAX};
		j->raw[i] = KAN_BUF(max[i]);
	}
	return j;
}

static void take(struct kan_processes *all, struct kan_process *p, struct job *j)
{
	for (size_t i = 0; i < SLOW_FILES; i++) {
		enum kan_proc_file f = (enum kan_proc_file)(KAN_PF_IO + i);
		if (j->argv_only && f != KAN_PF_CMDLINE)
			continue;
		const struct kan_err *e = &j->err[i];
		p->raw[f] = j->raw[i];
		j->raw[i] = (struct kan_buf){0};
		all->raw_bytes += p->raw[f].len;
		if (e->code == KAN_OK || e->code == KAN_ELIMIT)
			p->has |= 1u << f;
		if (e->code == KAN_ELIMIT)
			p->cut |= 1u << f;
		if (e->code != KAN_OK && !(f == KAN_PF_IO && e->code == KAN_ENOTFOUND))
			kan_proc_missed(all, p->who.pid, kan_proc_file_name(f), e);
	}
	p->path_now = j->path_now;
	p->unlinked = kan_take_ptr(j->unlinked);
	p->n_unlinked = j->n_unlinked;
	j->n_unlinked = 0;
}

bool kan_pass_b(struct kan_processes *all, struct kan_process *p, struct kan_bounded *b, int root_fd, bool argv_only)
{
	struct kan_err why = {0};
	if (p->gone || kan_process_ended(p) || kan_process_kthread(p))
		return false;
	if (all->raw_bytes >= KAN_PROC_RAW_TOTAL) {
		all->raw_left_out++;
		return false;
	}
	struct job *j = new_job(p, root_fd, argv_only);
	if (kan_bounded_run(b, work, j, drop, &why) == 0) {
		take(all, p, j);
		drop(j);
		return false;
	}
	p->stuck = why.sys == ETIMEDOUT;
	kan_proc_missed(all, p->who.pid, "cmdline, environ, maps", &why);
	if (!p->stuck)
		drop(j);
	return p->stuck;
}
