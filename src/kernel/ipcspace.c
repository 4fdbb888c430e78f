/* The IPC namespaces of a container's processes: files of each are opened by a child inside it. */
#include "kernel/ipcspace.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/bounded.h"
#include "kernel/mountinfo.h"
#include "kernel/nsopen.h"
#include "kernel/procfs.h"

enum { BLOCKED_MAX = 4 }; /* each for KAN_BOUNDED_MS: then no more are tried */

/* In the child, inside the namespace: /proc/sysvipc shows that of who opens. */
static void open_files(int *fds, int *why, size_t n, const void *arg)
{
	static const char *const names[] = {"sysvipc/shm", "sysvipc/sem", "sysvipc/msg"};
	const int *proc_fd = arg;
	for (size_t i = 0; i < n && i < KAN_SYSV_KINDS; i++) {
		fds[i] = openat(*proc_fd, names[i], O_RDONLY | O_CLOEXEC);
		why[i] = fds[i] < 0 ? errno : 0;
	}
}

static void enter(struct kan_ipcspace *s, int ns, int proc_fd)
{
	int fds[KAN_SYSV_KINDS] = {-1, -1, -1}, why[KAN_SYSV_KINDS] = {0};
	if (kan_nsopen(fds, why, KAN_SYSV_KINDS, ns, CLONE_NEWIPC, open_files, &proc_fd,
		       &s->closed) < 0)
		return;
	for (size_t i = 0; i < KAN_SYSV_KINDS; i++) {
		s->fds[i] = fds[i];
		if (fds[i] < 0)
			kan_err_sys(&s->err[i], why[i], "sysvipc/%s", kan_sysv_tables[i].name);
	}
}

/* --- message queues: what may block, in the worker ------------------------------------------- */

struct job {
	int root; /* own */
	struct kan_buf mounts;
	struct kan_mqueues queues;
	struct kan_err err;
};

static void drop(void *arg)
{
	struct job *j = arg;
	kan_auto_close_fn(&j->root);
	kan_buf_free(&j->mounts);
	kan_mqueues_free(&j->queues);
	free(j);
}

static void open_queues(void *arg)
{
	struct job *j = arg;
	(void)kan_mqueues_open(&j->queues, kan_buf_bytes(&j->mounts), j->root, &j->err);
}

static void read_queues(void *arg)
{
	struct job *j = arg;
	kan_mqueues_read(&j->queues);
}

/* false: left behind with the job, or not begun; err tells. paused: then the pause has to end. */
static bool run(struct job **j, kan_bounded_fn *work, const struct kan_ipcspaces_ask *ask,
		bool paused, struct kan_err *err)
{
	const struct kan_bounded_work what = {
		.job = *j, .ms = KAN_BOUNDED_MS, .work = work, .drop = drop};
	if (*ask->blocked >= BLOCKED_MAX) {
		kan_err_set(err, KAN_EIO, 0, "not tried: %u before it blocked", *ask->blocked);
		return false;
	}
	if (kan_bounded_run(ask->worker, &what, err) == 0)
		return true;
	if (err->sys == ETIMEDOUT) {
		*j = NULL;
		++*ask->blocked;
		if (paused)
			ask->stuck(ask->arg);
	}
	return false;
}

static struct job *new_job(void)
{
	struct job *j = kan_xalloc(sizeof(*j));
	*j = (struct job){.root = -1, .mounts = KAN_BUF(KAN_MOUNTINFO_MAX), .queues = {.dir = -1}};
	return j;
}

static int where(struct job *j, const struct kan_ipcspaces_ask *ask, int dir, struct kan_err *err)
{
	struct stat own, init;
	bool of_init = fstat(dir, &own) == 0 && fstat(ask->init_dir, &init) == 0 &&
		       own.st_ino == init.st_ino && own.st_dev == init.st_dev;
	if (of_init && ask->init_mounts.n) {
		kan_buf_addb(&j->mounts, ask->init_mounts);
		j->root = fcntl(ask->init_root, F_DUPFD_CLOEXEC, 0);
		return j->root < 0 ? kan_fail_sys(err, "root") : 0;
	}
	if (kan_proc_magic(&j->root, dir, "root", err) < 0)
		return -1;
	return kan_proc_read(&j->mounts, dir, "mountinfo", err);
}

/* Each namespace has one superblock: a mount that another one's process sees too is that one's. */
static bool anothers(const struct kan_ipcspaces *l, dev_t dev)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i]->queues.dir >= 0 && l->v[i]->queues.dev == dev)
			return true;
	return false;
}

static void find_queues(struct kan_ipcspace *s, const struct kan_ipcspaces *l,
			const struct kan_ipcspaces_ask *ask, int dir)
{
	struct job *j = new_job();
	if (where(j, ask, dir, &s->no_queues) == 0 &&
	    run(&j, open_queues, ask, false, &s->no_queues)) {
		s->no_queues = j->err;
		if (j->queues.dir >= 0 && anothers(l, j->queues.dev))
			kan_err_set(&s->no_queues, KAN_EUNSUPPORTED, 0,
				    "the mqueue mount that is seen is another namespace's");
		else if (j->queues.dir >= 0) {
			s->queues = j->queues;
			j->queues = (struct kan_mqueues){.dir = -1};
		}
	}
	if (j)
		drop(j);
}

static void take_queues(struct kan_ipcspace *s, const struct kan_ipcspaces_ask *ask)
{
	struct kan_err why = {0};
	struct job *j = new_job();
	j->queues.dir = kan_take_fd(&s->queues.dir);
	j->queues.dev = s->queues.dev;
	if (run(&j, read_queues, ask, s->frozen, &why)) {
		s->queues = j->queues;
		j->queues = (struct kan_mqueues){.dir = -1};
	} else {
		s->queues = (struct kan_mqueues){.dir = -1, .err = why};
	}
	if (j)
		drop(j);
}

/* --- the namespaces -------------------------------------------------------------------------- */

bool kan_ipcspaces_have(const struct kan_ipcspaces *l, uint64_t ino)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i]->ino == ino)
			return true;
	return false;
}

static bool is_hosts(uint64_t ino, int proc_fd)
{
	struct stat st;
	return (fstatat(proc_fd, "self/ns/ipc", &st, 0) == 0 && st.st_ino == ino) ||
	       (fstatat(proc_fd, "1/ns/ipc", &st, 0) == 0 && st.st_ino == ino);
}

int kan_ipcspaces_add(struct kan_ipcspaces *l, const struct kan_ipcspaces_ask *ask, int dir,
		      struct kan_err *err)
{
	struct stat st;
	if (fstatat(dir, "ns/ipc", &st, 0) < 0)
		return kan_fail_sys(err, "ns/ipc");
	if (kan_ipcspaces_have(l, st.st_ino))
		return 0;
	if (l->n == KAN_IPCSPACES_MAX) {
		(void)kan_seen_first(&l->beyond, st.st_ino);
		return 0;
	}
	kan_auto_close int ns = openat(dir, "ns/ipc", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || fstat(ns, &st) < 0)
		return kan_fail_sys(err, "ns/ipc");
	if (kan_ipcspaces_have(l, st.st_ino))
		return 0; /* it went over to one that is known */
	struct kan_ipcspace *s = kan_xalloc(sizeof(*s));
	*s = (struct kan_ipcspace){.ino = st.st_ino,
				   .host = is_hosts(st.st_ino, ask->proc_fd),
				   .ns = -1,
				   .fds = {-1, -1, -1},
				   .queues = {.dir = -1}};
	enter(s, ns, ask->proc_fd);
	s->ns = kan_take_fd(&ns);
	find_queues(s, l, ask, dir);
	l->v[l->n++] = s;
	return 0;
}

void kan_ipcspace_read(struct kan_ipcspace *s, const struct kan_ipcspaces_ask *ask)
{
	s->frozen = ask->frozen(ask->arg);
	for (size_t i = 0; i < KAN_SYSV_KINDS; i++) {
		kan_buf_free(&s->text[i]);
		s->text[i] = KAN_BUF(KAN_SYSV_OCTETS);
		if (s->fds[i] >= 0)
			(void)kan_read_all(&s->text[i], s->fds[i], &s->err[i]);
	}
	if (s->queues.dir >= 0)
		take_queues(s, ask);
	s->frozen &= ask->frozen(ask->arg);
}

/* In the child, inside the namespace. */
static void open_by_name(int *fds, int *why, size_t n, const void *arg)
{
	const struct kan_mqueues *q = arg;
	for (size_t i = 0; i < n; i++) {
		fds[i] = (int)syscall(SYS_mq_open, q->v[i].name, O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				      0, NULL);
		why[i] = fds[i] < 0 ? errno : 0;
	}
}

bool kan_ipcspace_has_queues(const struct kan_ipcspace *s)
{
	int fds[KAN_NSOPEN_MAX], why[KAN_NSOPEN_MAX] = {0};
	size_t n = s->queues.n < KAN_NSOPEN_MAX ? s->queues.n : KAN_NSOPEN_MAX;
	bool same = false;
	struct stat st;
	if (s->ns < 0 ||
	    kan_nsopen(fds, why, n, s->ns, CLONE_NEWIPC, open_by_name, &s->queues, NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		same |= fds[i] >= 0 && fstat(fds[i], &st) == 0 && st.st_dev == s->queues.v[i].dev &&
			st.st_ino == s->queues.v[i].ino;
		kan_auto_close_fn(&fds[i]);
	}
	return same;
}

void kan_ipcspaces_free(struct kan_ipcspaces *l)
{
	for (size_t i = 0; i < l->n; i++) {
		kan_auto_close_fn(&l->v[i]->ns);
		for (size_t k = 0; k < KAN_SYSV_KINDS; k++) {
			kan_auto_close_fn(&l->v[i]->fds[k]);
			kan_buf_free(&l->v[i]->text[k]);
		}
		kan_mqueues_free(&l->v[i]->queues);
		free(l->v[i]);
	}
	l->n = 0;
	kan_seen_free(&l->beyond);
}
