/* Who belongs to the container: by cgroup, by a scan of /proc, by private pid and mount namespaces.
 */
#include "kernel/members.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/procfs.h"

enum { CGROUP_OCTETS = 64 << 10, STAT_OCTETS = 4096, FIRST = 64 };

struct search {
	const struct kan_members_ask *ask;
	struct kan_members *out;
	size_t cap;
	size_t room, holds; /* processes; descriptors for them */
	pid_t *listed;      /* of cgroup.procs, sorted */
	size_t n_listed, cap_listed;
	uint64_t pidns, mntns; /* of the init; 0: does not count */
	size_t n_known;        /* of the strangers: those of an earlier search, sorted */
	struct kan_err err;
};

static int add_listed(pid_t pid, void *arg)
{
	struct search *s = arg;
	if (s->n_listed == s->cap_listed) {
		s->cap_listed = s->cap_listed ? 2 * s->cap_listed : FIRST;
		s->listed = kan_xrealloc(s->listed, s->cap_listed, sizeof(*s->listed));
	}
	s->listed[s->n_listed++] = pid;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static bool listed(const struct search *s, pid_t pid)
{
	return s->n_listed && bsearch(&pid, s->listed, s->n_listed, sizeof(pid), by_number);
}

/* dir with prefix "": a held /proc/PID; /proc itself with "PID/". */
static uint64_t ns_of(int dir, const char *prefix, const char *name)
{
	char path[64];
	uint64_t ino = 0;
	(void)snprintf(path, sizeof(path), "%sns/%s", prefix, name);
	return kan_proc_ns_link(&ino, dir, path, NULL) == 0 ? ino : 0;
}

static bool names_id(const struct search *s, int dir, const char *prefix, struct kan_buf *kept)
{
	char path[64];
	uint8_t text[CGROUP_OCTETS];
	size_t n = 0;
	(void)snprintf(path, sizeof(path), "%scgroup", prefix);
	kan_auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t got = read(fd, text, sizeof(text)); /* the kernel writes it in one piece */
	n = got > 0 ? (size_t)got : 0;
	if (kept && n < sizeof(text)) /* else it may be cut, and is read again */
		kan_buf_add(kept, text, n);
	return kan_cgroup_names((struct kan_bytes){text, n}, s->ask->id);
}

/* Why this process is a member; through a held directory the answer is final. */
static unsigned why(const struct search *s, int dir, const char *prefix, pid_t pid,
		    struct kan_buf *text)
{
	unsigned by = names_id(s, dir, prefix, text) ? KAN_BY_SCAN : 0;
	if (by && listed(s, pid))
		by |= KAN_BY_CGROUP;
	if (s->ask->pid_private && s->pidns && ns_of(dir, prefix, "pid") == s->pidns)
		by |= KAN_BY_PIDNS;
	if (s->mntns && ns_of(dir, prefix, "mnt") == s->mntns)
		by |= KAN_BY_MNTNS;
	return by;
}

static bool neighbour(const struct search *s, int dir, const char *prefix)
{
	return s->ask->neighbours && s->pidns && ns_of(dir, prefix, "pid") == s->pidns;
}

/* Takes dir, or does without it. */
static void keep(struct search *s, pid_t pid, int dir, unsigned by, const struct kan_buf *cgroup)
{
	struct kan_member m = {.pid = pid, .dir = dir, .by = by, .cgroup = *cgroup};
	if (s->out->n >= s->holds) {
		struct kan_proc_stat st = {0};
		kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
		(void)kan_proc_stat_read(&st, &text, dir, NULL); /* ended: known by 0 no more */
		m.starttime = st.starttime;
		kan_auto_close_fn(&m.dir);
		m.dir = -1;
	}
	if (s->out->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : FIRST;
		s->out->v = kan_xrealloc(s->out->v, s->cap, sizeof(*s->out->v));
	}
	s->out->v[s->out->n++] = m;
}

static int by_stranger(const void *a, const void *b)
{
	const struct kan_stranger *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static bool is_stranger(const struct search *s, pid_t pid, uint64_t ino)
{
	const struct kan_stranger key = {.pid = pid}, *found = NULL;
	if (s->n_known)
		found = bsearch(&key, s->ask->strangers->v, s->n_known, sizeof(key), by_stranger);
	return found && found->ino == ino;
}

static void add_stranger(const struct search *s, pid_t pid, uint64_t ino)
{
	struct kan_strangers *l = s->ask->strangers;
	if (!l)
		return;
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : FIRST;
		l->v = kan_xrealloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = (struct kan_stranger){pid, ino};
}

static int look_at(pid_t pid, uint64_t ino, void *arg)
{
	struct search *s = arg;
	char prefix[16];
	if (!listed(s, pid) && is_stranger(s, pid, ino))
		return 0;
	kan_auto_close int dir = -1;
	(void)snprintf(prefix, sizeof(prefix), "%d/", (int)pid);
	/* The cheap look is for the many that are none of ours. */
	if (!listed(s, pid) && !why(s, s->ask->proc_fd, prefix, pid, NULL) &&
	    !neighbour(s, s->ask->proc_fd, prefix)) {
		add_stranger(s, pid, ino);
		return 0;
	}
	struct kan_err ended = {0};
	s->out->seen++;
	if (s->out->n >= s->room)
		return 0;
	if (kan_proc_pid_dir(&dir, s->ask->proc_fd, pid, &ended) < 0) {
		s->out->seen -= ended.code ==
				KAN_ENOTFOUND; /* ended while we looked; else our descriptors did */
		return 0;
	}
	struct kan_buf text = KAN_BUF(CGROUP_OCTETS);
	unsigned by = why(s, dir, "", pid, s->ask->texts ? &text : NULL);
	if (by || neighbour(s, dir, "")) {
		keep(s, pid, kan_take_fd(&dir), by, &text);
		return 0;
	}
	kan_buf_free(&text);
	s->out->seen--; /* the pid is somebody else's by now */
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct kan_member *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int search(struct search *s, struct kan_err *err)
{
	uint64_t own = ns_of(s->ask->proc_fd, "self/", "mnt"),
		 first = ns_of(s->ask->proc_fd, "1/", "mnt");
	s->pidns = ns_of(s->ask->init_dir, "", "pid");
	s->mntns = ns_of(s->ask->init_dir, "", "mnt");
	if (s->mntns == own || s->mntns == first)
		s->mntns = 0;
	if (s->ask->cgroup && kan_cgroup_pids(s->ask->cgroup, add_listed, s, err) < 0)
		return -1;
	if (s->n_listed)
		qsort(s->listed, s->n_listed, sizeof(*s->listed), by_number);
	s->n_known = s->ask->strangers ? s->ask->strangers->n : 0;
	if (kan_proc_each_ino(s->ask->proc_fd, look_at, s, err) < 0)
		return -1;
	if (s->ask->strangers && s->ask->strangers->n)
		qsort(s->ask->strangers->v, s->ask->strangers->n, sizeof(struct kan_stranger),
		      by_stranger);
	if (s->out->n)
		qsort(s->out->v, s->out->n, sizeof(*s->out->v), by_pid);
	return 0;
}

static size_t in_use(int proc_fd)
{
	size_t n = 0;
	int fd = openat(proc_fd, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	else
		kan_auto_close_fn(&fd);
	return n;
}

/* A descriptor a member; a quarter of those we have left is for what is read through them. */
static size_t holds(int proc_fd)
{
	struct rlimit r;
	size_t used = in_use(proc_fd);
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > 2 * KAN_MEMBERS_MAX)
		return KAN_MEMBERS_MAX;
	return r.rlim_cur > used ? (size_t)(r.rlim_cur - used) / 4 * 3 : 0;
}

int kan_members_find(struct kan_members *out, const struct kan_members_ask *ask,
		     struct kan_err *err)
{
	struct kan_members found = {0};
	struct search s = {.ask = ask, .out = &found, .holds = holds(ask->proc_fd)};
	s.room = ask->unheld ? KAN_MEMBERS_MAX : s.holds;
	found.limit = s.room;
	int rc = search(&s, err);
	free(s.listed);
	if (rc < 0)
		kan_members_free(&found);
	else
		*out = found;
	return rc;
}

void kan_strangers_free(struct kan_strangers *s)
{
	free(s->v);
	*s = (struct kan_strangers){0};
}

int kan_member_open(struct kan_member *m, int proc_fd, struct kan_err *err)
{
	kan_auto_close int dir = -1;
	struct kan_proc_stat st = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	if (kan_proc_pid_dir(&dir, proc_fd, m->pid, err) < 0 ||
	    kan_proc_stat_read(&st, &text, dir, err) < 0)
		return -1;
	if (!m->starttime || st.starttime != m->starttime)
		return kan_fail(err, KAN_ENOTFOUND, "%d has ended", (int)m->pid);
	m->dir = kan_take_fd(&dir);
	return 0;
}

void kan_members_free(struct kan_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		kan_auto_close_fn(&m->v[i].dir);
		kan_buf_free(&m->v[i].cgroup);
	}
	free(m->v);
	*m = (struct kan_members){0};
}
