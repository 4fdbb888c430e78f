/* Pass A over one process: what /proc tells without waiting for the memory of the process. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/passes.h"

enum {
	TEXT_OCTETS = 64 << 10,
	MAP_OCTETS = 1 << 20, /* uid_map has up to 340 lines, cgroup a line a hierarchy */
	LINK_OCTETS = 8192,
	KTHREAD = 0x00200000,
	FIRST = 16,
};

const char *const kan_ns_names[KAN_NS_COUNT] = {"cgroup", "ipc",  "mnt",  "net",
						"pid",    "time", "user", "uts"};

/*
 * optional: kernels without audit, without an LSM or without the accounting do not have it. piece:
 * the kernel writes it in one.
 */
static const struct {
	const char *name;
	size_t max;
	bool optional, piece;
} files[KAN_PF_COUNT] = {
	[KAN_PF_STAT] = {"stat", TEXT_OCTETS, false, true},
	[KAN_PF_STATUS] = {"status", MAP_OCTETS, false, true},
	[KAN_PF_CGROUP] = {"cgroup", MAP_OCTETS, false, true},
	[KAN_PF_LIMITS] = {"limits", TEXT_OCTETS, false, true},
	[KAN_PF_UID_MAP] = {"uid_map", TEXT_OCTETS, true, false},
	[KAN_PF_GID_MAP] = {"gid_map", TEXT_OCTETS, true, false},
	[KAN_PF_LOGINUID] = {"loginuid", TEXT_OCTETS, true, true},
	[KAN_PF_SESSIONID] = {"sessionid", TEXT_OCTETS, true, true},
	[KAN_PF_ATTR] = {"attr/current", TEXT_OCTETS, true, true},
	[KAN_PF_OOM_ADJ] = {"oom_score_adj", TEXT_OCTETS, false, true},
	[KAN_PF_IO] = {"io", TEXT_OCTETS, true, true},
	[KAN_PF_MAPS] = {"maps", KAN_PROC_MAPS_MAX, false, false},
	[KAN_PF_CMDLINE] = {"cmdline", KAN_PROC_ARG_MAX, false, false},
	[KAN_PF_ENVIRON] = {"environ", KAN_PROC_ARG_MAX, false, false},
};

const char *kan_proc_file_name(enum kan_proc_file f)
{
	return files[f].name;
}

void kan_proc_missed(struct kan_processes *all, pid_t pid, const char *what,
		     const struct kan_err *err)
{
	if (++all->misses > KAN_PROC_MISSES)
		return;
	if (all->n_miss % FIRST == 0)
		all->miss = kan_xrealloc(all->miss, all->n_miss + FIRST, sizeof(*all->miss));
	struct kan_proc_miss *m = &all->miss[all->n_miss++];
	*m = (struct kan_proc_miss){.pid = pid, .err = *err};
	(void)snprintf(m->what, sizeof(m->what), "%.31s", what);
}

void kan_proc_refused(struct kan_processes *all, struct kan_process *p, const char *what,
		      const struct kan_err *err)
{
	bool end = err->code == KAN_ENOTFOUND;
	/* Of a neighbour's end nobody asked. */
	if (!end || (!p->ended && p->who.by))
		kan_proc_missed(all, p->who.pid, what, err);
	p->ended |= end;
}

bool kan_process_kthread(const struct kan_process *p)
{
	return p->stat.flags & KTHREAD;
}

bool kan_process_ended(const struct kan_process *p)
{
	return (p->stat.state == 'Z' || p->stat.state == 'X') && !p->via_tid;
}

static void read_file(struct kan_processes *all, struct kan_process *p, int dir,
		      enum kan_proc_file f)
{
	struct kan_err why = {0};
	if (f == KAN_PF_CGROUP && p->raw[f].len) { /* read when it was found */
		p->has |= 1u << f;
		all->raw_bytes += p->raw[f].cap;
		return;
	}
	p->raw[f] = KAN_BUF(files[f].max);
	int rc = files[f].piece ? kan_proc_read_piece(&p->raw[f], dir, files[f].name, &why)
				: kan_proc_read(&p->raw[f], dir, files[f].name, &why);
	all->raw_bytes += p->raw[f].cap;
	if (rc == 0) {
		p->has |= 1u << f;
		return;
	}
	if (why.code == KAN_ELIMIT) {
		p->has |= 1u << f;
		p->cut |= 1u << f;
	}
	/* A file that this kernel does not have says ENOENT; the end of the process is ESRCH. */
	bool none = files[f].optional && (why.sys == ENOENT || why.sys == EINVAL);
	all->no_lsm |= f == KAN_PF_ATTR && why.sys == EINVAL;
	if (!none && !kan_process_ended(p))
		kan_proc_refused(all, p, files[f].name, &why);
}

static bool read_path(struct kan_proc_path *out, int dir, const char *name)
{
	out->link = KAN_BUF(LINK_OCTETS);
	return kan_proc_link(&out->link, dir, name, NULL) == 0 &&
	       statx(dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_BASIC_STATS | STATX_MNT_ID, &out->st) == 0;
}

/* Text and facts of one and the same file, whatever the process executes meanwhile: all through the
 * descriptor. */
static int exe_of(struct kan_proc_path *out, int *fd, int dir, struct kan_err *err)
{
	char self[32];
	out->link = KAN_BUF(LINK_OCTETS);
	if (kan_proc_magic(fd, dir, "exe", err) < 0)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", *fd);
	if (kan_proc_link(&out->link, AT_FDCWD, self, err) < 0)
		return -1;
	if (statx(*fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_MNT_ID, &out->st) < 0)
		return kan_fail_sys(err, "exe");
	out->known = true;
	return 0;
}

void kan_pass_exe(struct kan_processes *all, struct kan_process *p, int dir)
{
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	if (kan_process_ended(p) || kan_process_kthread(p))
		return; /* no executable is behind them: nothing is missing */
	if (exe_of(&p->exe, &fd, dir, &why) < 0) {
		kan_proc_refused(all, p, "exe", &why);
		return;
	}
	struct kan_held file = {.dev = makedev(p->exe.st.stx_dev_major, p->exe.st.stx_dev_minor),
				.ino = p->exe.st.stx_ino,
				.size = p->exe.st.stx_size,
				.fd = kan_take_fd(&fd)};
	kan_held_add(&all->held, &file);
}

static void read_ns(uint64_t *ns, int dir)
{
	kan_auto_close int at = openat(dir, "ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < KAN_NS_COUNT; i++)
		if (at < 0 || kan_proc_ns_link(&ns[i], at, kan_ns_names[i], NULL) < 0)
			ns[i] = 0; /* an old kernel has no time namespace, a zombie few others */
}

struct lost {
	struct kan_processes *all;
	struct kan_process *p;
};

static void lost(void *arg, int fd, const struct kan_err *why)
{
	const struct lost *of = arg;
	char what[32];
	(void)snprintf(what, sizeof(what), "fd/%d", fd);
	kan_proc_missed(of->all, of->p->who.pid, what, why);
}

void kan_pass_a_fds(struct kan_processes *all, struct kan_process *p)
{
	struct kan_err why = {0};
	kan_auto_close int own = -1;
	struct lost of = {all, p};
	struct kan_fds_room room = {.fds = (size_t)(KAN_PROC_FDS_TOTAL - all->fds_kept),
				    .text = (size_t)(KAN_PROC_LINKS_TOTAL - all->link_bytes),
				    .held = &all->held,
				    .lost = lost,
				    .arg = &of};
	if (p->has_fds || p->gone || !p->who.by || p->who.dir < 0 || kan_process_ended(p) ||
	    kan_process_kthread(p))
		return;
	p->has_fds = kan_fds_read(&p->fds, kan_pass_dir(&own, p), &room, &why) == 0;
	if (!p->has_fds)
		kan_proc_refused(all, p, "fd", &why);
	all->fds_seen += p->fds.seen;
	all->fds_kept += p->fds.n;
	all->link_bytes += p->fds.text.len;
	all->links_full += p->fds.text_full;
}

void kan_pass_a_rest(struct kan_processes *all, struct kan_process *p,
		     const struct kan_processes_ask *ask)
{
	if (p->has_fds || p->who.dir < 0)
		return;
	kan_pass_a_fds(all, p);
	p->frozen_fds = kan_pass_frozen(ask);
}

/* The buffer is one for all threads: none keeps its text. */
static void read_thread_status(struct kan_thread *t, struct kan_buf *text, int dir)
{
	struct kan_proc_status s;
	kan_buf_reset(text);
	t->has_status = kan_proc_read_piece(text, dir, "status", NULL) == 0 &&
			kan_proc_status_parse(&s, kan_buf_bytes(text), NULL) == 0;
	if (!t->has_status)
		return;
	memcpy(t->uid, s.uid, sizeof(t->uid));
	memcpy(t->gid, s.gid, sizeof(t->gid));
	t->cap_inh = s.cap_inh;
	t->cap_prm = s.cap_prm;
	t->cap_eff = s.cap_eff;
	t->cap_bnd = s.cap_bnd;
	t->cap_amb = s.cap_amb;
	t->no_new_privs = s.no_new_privs;
	t->seccomp = s.seccomp;
	t->seccomp_filters = s.seccomp_filters;
}

/* false: it ended while we looked, or cannot be read. */
static bool read_thread(struct kan_thread *t, struct kan_buf *text, int task, const char *name)
{
	struct kan_proc_stat st;
	kan_auto_close int dir = openat(task, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || kan_proc_stat_read(&st, text, dir, NULL) < 0)
		return false;
	*t = (struct kan_thread){.tid = st.pid, .state = st.state, .starttime = st.starttime};
	t->name_n = (uint8_t)(st.comm.n < sizeof(t->name) ? st.comm.n : sizeof(t->name));
	memcpy(t->name, st.comm.p, t->name_n);
	read_thread_status(t, text, dir);
	read_ns(t->ns, dir);
	return true;
}

static void add_thread(struct kan_processes *all, struct kan_process *p, size_t *cap,
		       const struct kan_thread *t)
{
	if (p->n_threads == *cap) {
		*cap = *cap ? 2 * *cap : FIRST;
		p->threads = kan_xrealloc(p->threads, *cap, sizeof(*p->threads));
	}
	p->threads[p->n_threads++] = *t;
	all->threads_kept++;
}

static int by_tid(const void *a, const void *b)
{
	const struct kan_thread *x = a, *y = b;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static void read_threads(struct kan_processes *all, struct kan_process *p)
{
	size_t cap = 0;
	struct kan_thread t;
	kan_auto_buf struct kan_buf text = KAN_BUF(MAP_OCTETS);
	if (p->stat.threads < 2)
		return;
	int task = openat(p->who.dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = task < 0 ? NULL : fdopendir(task);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    strtol(e->d_name, NULL, 10) == p->who.pid)
			continue;
		all->threads_seen++;
		if (all->threads_kept >= KAN_PROC_THREADS_TOTAL)
			continue;
		if (read_thread(&t, &text, task, e->d_name))
			add_thread(all, p, &cap, &t);
		else
			all->threads_seen--; /* it ended while we looked */
	}
	if (d)
		(void)closedir(d);
	else
		kan_auto_close_fn(&task);
	if (p->n_threads)
		qsort(p->threads, p->n_threads, sizeof(*p->threads), by_tid);
}

/* The leader called pthread_exit, or exec is under way: what it ran is seen through a thread that
 * lives. */
static void choose_thread(struct kan_process *p)
{
	bool dead = p->stat.state == 'Z' || p->stat.state == 'X';
	for (size_t i = 0; dead && i < p->n_threads && !p->via_tid; i++)
		if (p->threads[i].state != 'Z' && p->threads[i].state != 'X')
			p->via_tid = p->threads[i].tid;
	p->leader_dead = p->via_tid != 0;
}

/* /proc/TID has all that /proc/PID has; task/TID lacks map_files. */
static bool same_thread(int dir, const struct kan_process *p)
{
	struct kan_proc_stat st;
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	if (kan_proc_stat_read(&st, &text, dir, NULL) < 0)
		return false;
	for (size_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].tid == st.pid)
			return p->threads[i].starttime == st.starttime;
	return false;
}

int kan_pass_dir(int *own, struct kan_process *p)
{
	char path[32];
	if (!p->via_tid)
		return p->who.dir;
	(void)snprintf(path, sizeof(path), "../%d", (int)p->via_tid);
	kan_auto_close int fd =
		openat(p->who.dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || !same_thread(fd, p))
		return p->who.dir;
	*own = kan_take_fd(&fd);
	return *own;
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

/* The maps are of the user namespace, which most processes of a container share. */
static bool copied(struct kan_processes *all, struct kan_process *p, enum kan_proc_file f)
{
	const struct kan_process *other = all->mapped ? &all->v[all->mapped - 1] : NULL;
	if ((f != KAN_PF_UID_MAP && f != KAN_PF_GID_MAP) || !other || !p->ns[KAN_NS_USER] ||
	    p->ns[KAN_NS_USER] != other->ns[KAN_NS_USER])
		return false;
	p->raw[f] = KAN_BUF(files[f].max);
	kan_buf_addb(&p->raw[f], kan_buf_bytes(&other->raw[f]));
	all->raw_bytes += p->raw[f].cap;
	p->has |= 1u << f;
	return true;
}

/* A kernel without security modules says so once, and would say it of each. */
static bool needless(const struct kan_processes *all, enum kan_proc_file f)
{
	return f == KAN_PF_ATTR && all->no_lsm;
}

static void remember(struct kan_processes *all, const struct kan_process *p)
{
	const uint32_t maps = 1u << KAN_PF_UID_MAP | 1u << KAN_PF_GID_MAP;
	if (!all->mapped && (p->has & maps) == maps && !(p->cut & maps))
		all->mapped = (size_t)(p - all->v) + 1;
}

/* Of a dead leader, status and cgroup are its own; the others it has no more. */
static void read_files(struct kan_processes *all, struct kan_process *p, int dir)
{
	for (enum kan_proc_file f = KAN_PF_STATUS; f < KAN_PF_IO; f++)
		if (!needless(all, f) && !copied(all, p, f))
			read_file(all, p,
				  f == KAN_PF_CGROUP || f == KAN_PF_STATUS ? p->who.dir : dir, f);
	remember(all, p);
}

void kan_pass_a(struct kan_processes *all, struct kan_process *p)
{
	kan_auto_close int own = -1;
	if (!read_stat(all, p) || !p->who.by)
		return; /* a stranger of a shared pid namespace: not even its status */
	read_threads(all, p);
	choose_thread(p);
	int dir = kan_pass_dir(&own, p);
	read_ns(p->ns, dir);
	if (all->raw_bytes >= KAN_PROC_RAW_TOTAL)
		p->raw_left_out = true;
	else
		read_files(all, p, dir);
	kan_pass_exe(all, p, dir);
	if (!kan_process_ended(p)) {
		p->cwd.known = read_path(&p->cwd, dir, "cwd");
		p->root.known = read_path(&p->root, dir, "root");
	}
}
