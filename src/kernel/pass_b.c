/* Pass B over one process: what waits for its memory or for a file system, done where it can be left behind. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/maps.h"
#include "kernel/passes.h"

enum {
	FIRST = 16,
	SLOW_FILES = KAN_PF_COUNT - KAN_PF_IO,
	ARGV_OCTETS = 1024, /* of a process for which no memory is left */
};

struct unlinked {
	struct kan_unlinked seen;
	int pin; /* O_PATH; -1: another mapping of the same file has it */
};

/* Owned by whoever works on it: when the worker is left behind, by the worker. */
struct job {
	struct kan_processes *all; /* for who takes the results; the worker leaves both alone */
	struct kan_process *p;
	int dir, root; /* own duplicates; root -1: the process's own */
	bool argv_only;
	dev_t shm, huge;
	_Atomic unsigned finished; /* steps; what they gave is not touched by the worker any more */
	struct kan_buf link; /* of exe; empty: not asked */
	uint64_t exe_ino;
	dev_t exe_dev;
	struct kan_buf raw[SLOW_FILES];
	struct kan_err err[SLOW_FILES];
	enum kan_path_now path_now;
	struct unlinked *unlinked;
	size_t n_unlinked;
	uint64_t unlinked_seen;
};

static const char deleted[] = " (deleted)";

static void drop(void *arg)
{
	struct job *j = arg;
	for (size_t i = 0; i < j->n_unlinked; i++)
		kan_auto_close_fn(&j->unlinked[i].pin);
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
		if (j->unlinked[i].seen.dev == dev && j->unlinked[i].seen.ino == ino)
			return true;
	return false;
}

/* 1: a mapping of a regular file without a name, in u. */
static int unlinked_file(struct unlinked *u, const struct job *j, const struct kan_map *m, char *name)
{
	struct statx st;
	const struct kan_helds memory = {.shm = j->shm, .huge = j->huge};
	if (statx(j->dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0 ||
	    !S_ISREG(st.stx_mode) || st.stx_nlink != 0)
		return 0;
	*u = (struct unlinked){.seen = {.start = m->start, .size = st.stx_size, .ino = st.stx_ino}, .pin = -1};
	u->seen.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	return !kan_held_memory(&memory, u->seen.dev, m->path);
}

static int on_map(const struct kan_map *m, void *arg, struct kan_err *err)
{
	struct job *j = arg;
	struct unlinked u;
	char name[64];
	(void)err;
	if (!ends_deleted(m->path) || !m->ino)
		return 0;
	(void)snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)m->start, (unsigned long long)m->end);
	if (!unlinked_file(&u, j, m, name))
		return 0;
	if (++j->unlinked_seen > KAN_PROC_UNLINKED_MAX)
		return 0;
	if (!known_file(j, u.seen.dev, u.seen.ino))
		u.pin = openat(j->dir, name, O_PATH | O_CLOEXEC);
	if (j->n_unlinked % FIRST == 0)
		j->unlinked = kan_xrealloc(j->unlinked, j->n_unlinked + FIRST, sizeof(u));
	j->unlinked[j->n_unlinked++] = u;
	return 0;
}

static void work(void *arg)
{
	struct job *j = arg;
	for (unsigned i = 0; i < SLOW_FILES; i++) {
		enum kan_proc_file f = (enum kan_proc_file)(KAN_PF_IO + i);
		if (!j->argv_only || f == KAN_PF_CMDLINE)
			(void)kan_proc_read(&j->raw[i], j->dir, kan_proc_file_name(f), &j->err[i]);
		/* A line that does not parse ends the look at unlinked files; the text itself is kept whole. */
		if (f == KAN_PF_MAPS && !j->argv_only)
			(void)kan_maps_each(kan_buf_bytes(&j->raw[i]), on_map, j, NULL);
		j->finished = i + 1;
	}
	if (!j->argv_only)
		j->path_now = look_again(j);
	j->finished = SLOW_FILES + 1;
}

static void size_of_job(struct job *j, bool full)
{
	static const size_t max[SLOW_FILES] = {64 << 10, KAN_PROC_MAPS_MAX, KAN_PROC_ARG_MAX, KAN_PROC_ARG_MAX};
	for (size_t i = 0; i < SLOW_FILES; i++)
		j->raw[i] = KAN_BUF(full ? ARGV_OCTETS : max[i]);
}

static struct job *new_job(struct kan_processes *all, struct kan_process *p, const struct kan_pass_b *how)
{
	kan_auto_close int own = -1;
	struct job *j = kan_xalloc(sizeof(*j));
	bool full = all->raw_bytes >= KAN_PROC_RAW_TOTAL;
	all->raw_left_out += full;
	j->all = all;
	j->p = p;
	j->argv_only = how->argv_only || full;
	j->shm = all->held.shm;
	j->huge = all->held.huge;
	j->dir = fcntl(kan_pass_dir(&own, p), F_DUPFD_CLOEXEC, 0);
	j->root = how->root_fd < 0 ? -1 : fcntl(how->root_fd, F_DUPFD_CLOEXEC, 0);
	j->link = KAN_BUF(p->exe.link.max);
	if (p->exe.known)
		kan_buf_addb(&j->link, kan_buf_bytes(&p->exe.link));
	j->exe_ino = p->exe.st.stx_ino;
	j->exe_dev = makedev(p->exe.st.stx_dev_major, p->exe.st.stx_dev_minor);
	size_of_job(j, full);
	return j;
}

static void take_file(struct job *j, size_t i)
{
	struct kan_process *p = j->p;
	enum kan_proc_file f = (enum kan_proc_file)(KAN_PF_IO + i);
	const struct kan_err *e = &j->err[i];
	if (j->argv_only && f != KAN_PF_CMDLINE)
		return;
	p->raw[f] = j->raw[i];
	j->raw[i] = (struct kan_buf){0};
	j->all->raw_bytes += p->raw[f].cap;
	if (e->code == KAN_OK || e->code == KAN_ELIMIT)
		p->has |= 1u << f;
	if (e->code == KAN_ELIMIT)
		p->cut |= 1u << f;
	if (e->code != KAN_OK && !(f == KAN_PF_IO && e->sys == ENOENT))
		kan_proc_refused(j->all, p, kan_proc_file_name(f), e);
}

static void take_unlinked(struct job *j)
{
	struct kan_process *p = j->p;
	p->unlinked_seen = j->unlinked_seen;
	p->unlinked = j->n_unlinked ? kan_xalloc(j->n_unlinked * sizeof(*p->unlinked)) : NULL;
	for (; p->n_unlinked < j->n_unlinked; p->n_unlinked++) {
		struct unlinked *u = &j->unlinked[p->n_unlinked];
		struct kan_held file = {u->seen.dev, u->seen.ino, u->seen.size, kan_take_fd(&u->pin)};
		p->unlinked[p->n_unlinked] = u->seen;
		if (file.fd >= 0)
			kan_held_add(&j->all->held, &file);
	}
}

/* Everything that is finished; what the worker has in hand stays with it. */
static void take(void *arg)
{
	struct job *j = arg;
	unsigned finished = j->finished;
	for (unsigned i = 0; i < SLOW_FILES && i < finished; i++)
		take_file(j, i);
	if (finished > KAN_PF_MAPS - KAN_PF_IO)
		take_unlinked(j);
	if (finished > SLOW_FILES)
		j->p->path_now = j->path_now;
}

/* A suspect may have many that block: the first ones are waited for as long as designed. */
static unsigned patience(const struct kan_processes *all)
{
	return all->stuck < KAN_PROC_STUCK_SLOW ? KAN_BOUNDED_MS : KAN_PROC_STUCK_MS;
}

bool kan_pass_b(struct kan_processes *all, struct kan_process *p, const struct kan_pass_b *how)
{
	struct kan_err why = {0};
	if (p->gone || kan_process_ended(p) || kan_process_kthread(p))
		return false;
	if (all->stuck >= KAN_PROC_STUCK_MAX) {
		all->not_tried++;
		return false;
	}
	struct job *j = new_job(all, p, how);
	struct kan_bounded_work what = {.job = j, .ms = patience(all), .work = work, .drop = drop, .salvage = take};
	if (kan_bounded_run(how->bounded, &what, &why) == 0) {
		take(j);
		drop(j);
		return false;
	}
	p->stuck = why.sys == ETIMEDOUT;
	all->stuck += p->stuck;
	kan_proc_missed(all, p->who.pid, "memory", &why);
	if (!p->stuck)
		drop(j);
	return p->stuck;
}
