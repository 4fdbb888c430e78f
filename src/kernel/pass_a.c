/* Pass A over one process: what /proc tells without waiting for the memory of the process. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/passes.h"

enum {
	TEXT_OCTETS = 64 << 10,
	MAP_OCTETS = 1 << 20, /* uid_map has up to 340 lines, cgroup a line a hierarchy */
	LINK_OCTETS = 8192,
	KTHREAD = 0x00200000,
	FIRST = 16,
};

const char *const kan_ns_names[KAN_NS_COUNT] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};

/* optional: kernels without audit, without an LSM or without the accounting do not have it. */
static const struct {
	const char *name;
	size_t max;
	bool optional;
} files[KAN_PF_COUNT] = {
	[KAN_PF_STAT] = {"stat", TEXT_OCTETS, false},
	[KAN_PF_STATUS] = {"status", MAP_OCTETS, false},
	[KAN_PF_CGROUP] = {"cgroup", MAP_OCTETS, false},
	[KAN_PF_LIMITS] = {"limits", TEXT_OCTETS, false},
	[KAN_PF_UID_MAP] = {"uid_map", TEXT_OCTETS, true},
	[KAN_PF_GID_MAP] = {"gid_map", TEXT_OCTETS, true},
	[KAN_PF_LOGINUID] = {"loginuid", TEXT_OCTETS, true},
	[KAN_PF_SESSIONID] = {"sessionid", TEXT_OCTETS, true},
	[KAN_PF_ATTR] = {"attr/current", TEXT_OCTETS, true},
	[KAN_PF_OOM_ADJ] = {"oom_score_adj", TEXT_OCTETS, false},
	[KAN_PF_IO] = {"io", TEXT_OCTETS, true},
	[KAN_PF_CMDLINE] = {"cmdline", KAN_PROC_ARG_MAX, false},
	[KAN_PF_ENVIRON] = {"environ", KAN_PROC_ARG_MAX, false},
	[KAN_PF_MAPS] = {"maps", KAN_PROC_MAPS_MAX, false},
};

const char *kan_proc_file_name(enum kan_proc_file f)
{
	return files[f].name;
}

void kan_proc_missed(struct kan_processes *all, pid_t pid, const char *what, const struct kan_err *err)
{
	if (++all->misses > KAN_PROC_MISSES)
		return;
	if (all->n_miss % FIRST == 0)
		all->miss = kan_xrealloc(all->miss, all->n_miss + FIRST, sizeof(*all->miss));
	struct kan_proc_miss *m = &all->miss[all->n_miss++];
	*m = (struct kan_proc_miss){.pid = pid, .err = *err};
	(void)snprintf(m->what, sizeof(m->what), "%s", what);
}

bool kan_process_kthread(const struct kan_process *p)
{
	return p->stat.flags & KTHREAD;
}

bool kan_process_ended(const struct kan_process *p)
{
	return (p->stat.state == 'Z' || p->stat.state == 'X') && !p->via_tid;
}

static void read_file(struct kan_processes *all, struct kan_process *p, int dir, enum kan_proc_file f)
{
	struct kan_err why = {0};
	p->raw[f] = KAN_BUF(files[f].max);
	if (kan_proc_read(&p->raw[f], dir, files[f].name, &why) == 0) {
		p->has |= 1u << f;
		return;
	}
	if (why.code == KAN_ELIMIT) {
		p->has |= 1u << f;
		p->cut |= 1u << f;
	}
	bool none = files[f].optional && (why.code == KAN_ENOTFOUND || why.sys == EINVAL);
	if (!none && !kan_process_ended(p))
		kan_proc_missed(all, p->who.pid, files[f].name, &why);
}

static bool read_path(struct kan_proc_path *out, int dir, const char *name)
{
	out->link = KAN_BUF(LINK_OCTETS);
	return kan_proc_link(&out->link, dir, name, NULL) == 0 &&
	       statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, &out->st) == 0;
}

void kan_pass_exe(struct kan_processes *all, struct kan_process *p, int dir)
{
	struct kan_err why = {0};
	if (kan_process_ended(p) || kan_process_kthread(p))
		return; /* no executable is behind them: nothing is missing */
	p->exe.known = read_path(&p->exe, dir, "exe");
	if (kan_proc_magic(&p->exe_fd, dir, "exe", &why) < 0)
		kan_proc_missed(all, p->who.pid, "exe", &why);
}

static void read_ns(uint64_t *ns, int dir)
{
	for (size_t i = 0; i < KAN_NS_COUNT; i++)
		if (kan_proc_ns(&ns[i], dir, kan_ns_names[i], NULL) < 0)
			ns[i] = 0; /* an old kernel has no time namespace, a zombie few others */
}

static void read_fds(struct kan_processes *all, struct kan_process *p, int dir)
{
	struct kan_err why = {0};
	size_t room = all->fds_kept < KAN_PROC_FDS_TOTAL ? KAN_PROC_FDS_TOTAL - all->fds_kept : 0;
	if (kan_process_ended(p) || kan_process_kthread(p))
		return;
	p->has_fds = kan_fds_read(&p->fds, dir, room, &why) == 0;
	if (!p->has_fds)
		kan_proc_missed(all, p->who.pid, "fd", &why);
	all->fds_seen += p->fds.seen;
	all->fds_kept += p->fds.n;
}

static void read_thread(struct kan_processes *all, struct kan_process *p, size_t *cap, int task, const char *name)
{
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	kan_auto_close int dir = openat(task, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct kan_thread t = {0};
	if (dir < 0)
		return; /* ended while we looked */
	if (kan_proc_stat_read(&t.stat, &text, dir, &why) < 0) {
		if (why.code != KAN_ENOTFOUND)
			kan_proc_missed(all, p->who.pid, "task stat", &why);
		return;
	}
	size_t n = t.stat.comm.n < sizeof(t.name) ? t.stat.comm.n : sizeof(t.name);
	memcpy(t.name, t.stat.comm.p, n);
	t.stat.comm.n = n;
	kan_buf_reset(&text);
	t.has_status = kan_proc_read(&text, dir, "status", NULL) == 0 &&
		       kan_proc_status_parse(&t.status, kan_buf_bytes(&text), NULL) == 0;
	read_ns(t.ns, dir);
	if (p->n_threads == *cap) {
		*cap = *cap ? 2 * *cap : FIRST;
		p->threads = kan_xrealloc(p->threads, *cap, sizeof(*p->threads));
	}
	p->threads[p->n_threads++] = t;
}

static int by_tid(const void *a, const void *b)
{
	const struct kan_thread *x = a, *y = b;
	return (x->stat.pid > y->stat.pid) - (x->stat.pid < y->stat.pid);
}

static void read_threads(struct kan_processes *all, struct kan_process *p)
{
	size_t cap = 0;
	char self[16];
	if (p->stat.threads < 2)
		return;
	(void)snprintf(self, sizeof(self), "%d", (int)p->who.pid);
	int task = openat(p->who.dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = task < 0 ? NULL : fdopendir(task);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || strcmp(e->d_name, self) == 0)
			continue;
		all->threads_seen++;
		if (all->threads_kept + p->n_threads < KAN_PROC_THREADS_TOTAL)
			read_thread(all, p, &cap, task, e->d_name);
	}
	if (d)
		(void)closedir(d);
	else
		kan_auto_close_fn(&task);
	all->threads_kept += p->n_threads;
	if (p->n_threads)
		qsort(p->threads, p->n_threads, sizeof(*p->threads), by_tid);
	for (size_t i = 0; i < p->n_threads; i++)
		p->threads[i].stat.comm.p = (const uint8_t *)p->threads[i].name;
}

/* The leader called pthread_exit, or exec is under way: what it ran is seen through a thread that lives. */
static void choose_thread(struct kan_process *p)
{
	bool dead = p->stat.state == 'Z' || p->stat.state == 'X';
	for (size_t i = 0; dead && i < p->n_threads && !p->via_tid; i++)
		if (p->threads[i].stat.state != 'Z' && p->threads[i].stat.state != 'X')
			p->via_tid = p->threads[i].stat.pid;
	p->leader_dead = p->via_tid != 0;
}

int kan_pass_dir(int *own, struct kan_process *p)
{
	char path[32];
	if (!p->via_tid)
		return p->who.dir;
	(void)snprintf(path, sizeof(path), "task/%d", (int)p->via_tid);
	*own = openat(p->who.dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *own >= 0 ? *own : p->who.dir;
}

static bool read_stat(struct kan_processes *all, struct kan_process *p)
{
	struct kan_err why = {0};
	read_file(all, p, p->who.dir, KAN_PF_STAT);
	if (!(p->has & 1u << KAN_PF_STAT)) {
		p->gone = true;
		return false;
	}
	if (kan_proc_stat_parse(&p->stat, kan_buf_bytes(&p->raw[KAN_PF_STAT]), &why) == 0)
		return true;
	kan_proc_missed(all, p->who.pid, "stat", &why);
	p->gone = true;
	return false;
}

void kan_pass_a(struct kan_processes *all, struct kan_process *p)
{
	kan_auto_close int own = -1;
	if (!read_stat(all, p) || !p->who.by)
		return; /* a stranger of a shared pid namespace: not even its status */
	read_threads(all, p);
	choose_thread(p);
	int dir = kan_pass_dir(&own, p);
	for (enum kan_proc_file f = KAN_PF_STATUS; f < KAN_PF_IO; f++)
		read_file(all, p, f == KAN_PF_CGROUP || f == KAN_PF_STATUS ? p->who.dir : dir, f);
	p->has_status = (p->has & 1u << KAN_PF_STATUS) &&
			kan_proc_status_parse(&p->status, kan_buf_bytes(&p->raw[KAN_PF_STATUS]), NULL) == 0;
	read_ns(p->ns, dir);
	kan_pass_exe(all, p, dir);
	if (!kan_process_ended(p)) {
		p->cwd.known = read_path(&p->cwd, dir, "cwd");
		p->root.known = read_path(&p->root, dir, "root");
	}
	read_fds(all, p, dir);
}
