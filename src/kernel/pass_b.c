/* Pass B over one process: what waits for its memory or for a file system, done where it can be
 * left behind. */
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
	STAT_OCTETS = 4096,
};

struct unlinked {
	struct kan_unlinked seen;
	int pin; /* O_PATH; -1: another mapping of the same file has it */
};

/* Of who waits until the thread is left behind; then what is not finished is the thread's. */
struct kan_pass_job {
	struct kan_processes *all; /* for who takes the results; the thread leaves both alone */
	struct kan_process *p;
	int dir;              /* own */
	int root;             /* borrowed for as long as the work is done; -1: the process's own */
	bool argv_only, full; /* full: no memory is left for the rest */
	bool was_frozen;      /* then the lengths of pass A are those of now */
	dev_t shm, huge;
	_Atomic unsigned finished; /* steps; what they gave is not touched by the thread any more */
	struct kan_buf link;       /* of exe; empty: not asked */
	uint64_t exe_ino;
	dev_t exe_dev;
	struct kan_buf raw[SLOW_FILES];
	struct kan_err err[SLOW_FILES];
	uint64_t arg_octets, env_octets; /* as the kernel says afterwards; 0: not known */
	enum kan_path_now path_now;
	struct unlinked *unlinked;
	size_t n_unlinked;
	uint64_t unlinked_seen;
	uint64_t not_held; /* mappings of which the file could not be reached; why, of the first */
	struct kan_err why_not;
};

static const char deleted[] = " (deleted)";

void kan_pass_job_free(struct kan_pass_job *j)
{
	for (size_t i = 0; i < j->n_unlinked; i++)
		kan_auto_close_fn(&j->unlinked[i].pin);
	free(j->unlinked);
	for (size_t i = 0; i < SLOW_FILES; i++)
		kan_buf_free(&j->raw[i]);
	kan_buf_free(&j->link);
	kan_auto_close_fn(&j->dir);
	free(j);
}

static bool ends_deleted(struct kan_bytes v)
{
	size_t n = sizeof(deleted) - 1;
	return v.n > n && memcmp(v.p + v.n - n, deleted, n) == 0;
}

/* 1 the same file, 0 another, -1 nothing there. A symlink in its place is another: the kernel's
 * path has none. */
static int names(const struct kan_pass_job *j, int root, struct kan_bytes path)
{
	kan_auto_close int fd = -1;
	struct statx st;
	struct kan_err why = {0};
	if (kan_open_in_root(&fd, root, path, O_PATH | O_NOFOLLOW, &why) < 0)
		return why.code == KAN_ENOTFOUND || why.sys == ENOTDIR ? -1 : 0;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
		  &st) < 0)
		return 0;
	return st.stx_ino == j->exe_ino &&
	       makedev(st.stx_dev_major, st.stx_dev_minor) == j->exe_dev;
}

static enum kan_path_now look_again(const struct kan_pass_job *j)
{
	kan_auto_close int own = -1;
	struct kan_bytes path = kan_buf_bytes(&j->link);
	if (path.n == 0 || path.p[0] != '/')
		return KAN_PATH_UNKNOWN;
	if (j->root < 0 && kan_proc_magic(&own, j->dir, "root", NULL) < 0)
		return KAN_PATH_UNKNOWN;
	int root = j->root >= 0 ? j->root : own;
	int found =
		names(j, root, path); /* first as it stands: a file may be named "x (deleted)" */
	if (found < 0 && ends_deleted(path)) {
		path.n -= sizeof(deleted) - 1;
		found = names(j, root, path);
	}
	return found > 0 ? KAN_PATH_SAME : found == 0 ? KAN_PATH_OTHER : KAN_PATH_ABSENT;
}

static bool known_file(const struct kan_pass_job *j, dev_t dev, uint64_t ino)
{
	for (size_t i = 0; i < j->n_unlinked; i++)
		if (j->unlinked[i].seen.dev == dev && j->unlinked[i].seen.ino == ino)
			return true;
	return false;
}

static void not_held(struct kan_pass_job *j, const struct kan_map *m)
{
	if (j->not_held++ == 0)
		kan_err_sys(&j->why_not, errno, "the deleted file mapped at %llx",
			    (unsigned long long)m->start);
}

/* Shared anonymous memory: its text says so before anything is asked. */
static bool nobodys_file(const struct kan_pass_job *j, const struct kan_map *m)
{
	const struct kan_helds memory = {.shm = j->shm, .huge = j->huge};
	return kan_held_memory(&memory, makedev(m->major, m->minor), m->path);
}

/* 1: a mapping of a regular file without a name, in u. */
static int unlinked_file(struct unlinked *u, struct kan_pass_job *j, const struct kan_map *m,
			 char *name)
{
	struct statx st;
	if (nobodys_file(j, m))
		return 0;
	if (statx(j->dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0) {
		not_held(j, m);
		return 0;
	}
	if (!S_ISREG(st.stx_mode) || st.stx_nlink != 0)
		return 0;
	*u = (struct unlinked){.seen = {.start = m->start, .size = st.stx_size, .ino = st.stx_ino},
			       .pin = -1};
	u->seen.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	return 1;
}

static int on_map(const struct kan_map *m, void *arg, struct kan_err *err)
{
	struct kan_pass_job *j = arg;
	struct unlinked u;
	char name[64];
	(void)err;
	if (!ends_deleted(m->path) || !m->ino)
		return 0;
	(void)snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)m->start,
		       (unsigned long long)m->end);
	if (!unlinked_file(&u, j, m, name))
		return 0;
	if (++j->unlinked_seen > KAN_PROC_UNLINKED_MAX)
		return 0;
	if (!known_file(j, u.seen.dev, u.seen.ino)) {
		u.pin = openat(j->dir, name, O_PATH | O_CLOEXEC);
		if (u.pin < 0) {
			not_held(j, m);
			return 0;
		}
	}
	if (j->n_unlinked % FIRST == 0)
		j->unlinked = kan_xrealloc(j->unlinked, j->n_unlinked + FIRST, sizeof(u));
	j->unlinked[j->n_unlinked++] = u;
	return 0;
}

static uint64_t length(uint64_t start, uint64_t end)
{
	return end > start ? end - start : 0;
}

/*
 * A page that userfaultfd or a mapped file keeps back is no error: the text is just shorter. So it
 * is compared with what the kernel says of its length, afterwards, because a process that runs may
 * have executed something else meanwhile.
 */
static bool shorter(const struct kan_pass_job *j)
{
	return (!j->raw[KAN_PF_CMDLINE - KAN_PF_IO].len && j->arg_octets) ||
	       j->raw[KAN_PF_ENVIRON - KAN_PF_IO].len < j->env_octets;
}

static void ask_lengths(struct kan_pass_job *j)
{
	struct kan_proc_stat s;
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	if (j->was_frozen && !shorter(j))
		return;
	j->arg_octets = j->env_octets = 0;
	if (kan_proc_stat_read(&s, &text, j->dir, NULL) < 0 || s.state == 'Z' || s.state == 'X')
		return;
	j->arg_octets = length(s.arg_start, s.arg_end);
	j->env_octets = length(s.env_start, s.env_end);
}

void kan_pass_job_do(struct kan_pass_job *j)
{
	for (unsigned i = 0; i < SLOW_FILES; i++) {
		enum kan_proc_file f = (enum kan_proc_file)(KAN_PF_IO + i);
		if (!j->argv_only || f == KAN_PF_CMDLINE)
			(void)kan_proc_read(&j->raw[i], j->dir, kan_proc_file_name(f), &j->err[i]);
		/* A line that does not parse ends the look at unlinked files; the text itself is
		 * kept whole. */
		if (f == KAN_PF_MAPS && !j->argv_only)
			(void)kan_maps_each(kan_buf_bytes(&j->raw[i]), on_map, j, NULL);
		j->finished = i + 1;
	}
	ask_lengths(j);
	if (!j->argv_only)
		j->path_now = look_again(j);
	j->finished = SLOW_FILES + 1;
}

static void size_of_job(struct kan_pass_job *j, bool full)
{
	static const size_t max[SLOW_FILES] = {64 << 10, KAN_PROC_MAPS_MAX, KAN_PROC_ARG_MAX,
					       KAN_PROC_ARG_MAX};
	for (size_t i = 0; i < SLOW_FILES; i++)
		j->raw[i] = KAN_BUF(full ? ARGV_OCTETS : max[i]);
}

struct kan_pass_job *kan_pass_job_new(struct kan_processes *all, struct kan_process *p,
				      bool argv_only, int root_fd)
{
	int own = -1;
	(void)kan_pass_dir(&own, p);
	struct kan_pass_job *j = kan_xalloc(sizeof(*j));
	j->full = all->raw_bytes >= KAN_PROC_RAW_TOTAL;
	j->all = all;
	j->p = p;
	j->argv_only = argv_only || j->full;
	j->shm = all->held.shm;
	j->huge = all->held.huge;
	j->dir = own >= 0 ? own : kan_take_fd(&p->who.dir);
	j->root = root_fd;
	j->was_frozen = p->frozen_a;
	j->arg_octets = length(p->stat.arg_start, p->stat.arg_end);
	j->env_octets = length(p->stat.env_start, p->stat.env_end);
	j->link = KAN_BUF(p->exe.link.max);
	if (p->exe.known)
		kan_buf_addb(&j->link, kan_buf_bytes(&p->exe.link));
	j->exe_ino = p->exe.st.stx_ino;
	j->exe_dev = makedev(p->exe.st.stx_dev_major, p->exe.st.stx_dev_minor);
	size_of_job(j, j->full);
	return j;
}

void kan_pass_job_back(struct kan_pass_job *j)
{
	if (j->p->who.dir < 0) /* a dead leader kept its own */
		j->p->who.dir = kan_take_fd(&j->dir);
}

size_t kan_pass_job_octets(const struct kan_pass_job *j)
{
	size_t n = 0;
	for (size_t i = 0; i < SLOW_FILES; i++)
		n += j->raw[i].cap;
	return n;
}

static void take_file(struct kan_pass_job *j, size_t i)
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

static void take_unlinked(struct kan_pass_job *j)
{
	struct kan_process *p = j->p;
	p->unlinked_seen = j->unlinked_seen;
	p->unlinked = j->n_unlinked ? kan_xalloc(j->n_unlinked * sizeof(*p->unlinked)) : NULL;
	for (; p->n_unlinked < j->n_unlinked; p->n_unlinked++) {
		struct unlinked *u = &j->unlinked[p->n_unlinked];
		struct kan_held file = {u->seen.dev, u->seen.ino, u->seen.size,
					kan_take_fd(&u->pin)};
		p->unlinked[p->n_unlinked] = u->seen;
		if (file.fd >= 0)
			kan_held_add(&j->all->held, &file);
	}
}

/* A process may write over its argv, so that it ends early: only nothing at all is less than there
 * is. */
static void compare_lengths(struct kan_pass_job *j)
{
	struct kan_process *p = j->p;
	const struct kan_buf *argv = &p->raw[KAN_PF_CMDLINE], *env = &p->raw[KAN_PF_ENVIRON];
	struct kan_err why = {0};
	kan_err_set(&why, KAN_EDENIED, 0, "the process keeps this memory back");
	if (p->has & 1u << KAN_PF_CMDLINE && argv->len == 0 && j->arg_octets)
		kan_proc_missed(j->all, p->who.pid, "cmdline", &why);
	if (p->has & 1u << KAN_PF_ENVIRON && !(p->cut & 1u << KAN_PF_ENVIRON) &&
	    env->len < j->env_octets)
		kan_proc_missed(j->all, p->who.pid, "environ", &why);
}

void kan_pass_job_take(struct kan_pass_job *j)
{
	unsigned finished = j->finished;
	j->p->raw_left_out |= j->full;
	for (unsigned i = 0; i < SLOW_FILES && i < finished; i++)
		take_file(j, i);
	if (finished > KAN_PF_MAPS - KAN_PF_IO) {
		take_unlinked(j);
		if (j->not_held)
			kan_proc_missed(j->all, j->p->who.pid, "map_files", &j->why_not);
	}
	if (finished <= SLOW_FILES)
		return;
	j->p->path_now = j->path_now;
	compare_lengths(j);
}
