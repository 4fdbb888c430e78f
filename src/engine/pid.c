/* The container's init: the engine's word against the kernel's cgroups. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/claims.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

enum { TEXT_OCTETS = 1 << 20, START_SLACK_MS = 2000, PID_LAST = 4194304 };

static bool in_container(int dir, const char *id)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	return kan_proc_read(&text, dir, "cgroup", NULL) == 0 &&
	       kan_cgroup_names(kan_buf_bytes(&text), id);
}

static bool is_dead(const struct kan_proc_stat *st)
{
	return st->state == 'Z' || st->state == 'X';
}

struct search {
	const struct kan_target *t;
	pid_t best;
	uint64_t starttime;
};

/* The oldest process of the container's cgroup is the best guess for its init. A leader that is
 * dead with threads that live is a process like others. */
static int consider(pid_t pid, void *arg)
{
	struct search *s = arg;
	struct kan_proc_stat st;
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	if (kan_proc_pid_dir(&dir, s->t->proc_fd, pid, NULL) < 0 || !in_container(dir, s->t->id) ||
	    kan_proc_stat_read(&st, &text, dir, NULL) < 0 || (is_dead(&st) && st.threads < 2))
		return 0;
	if (!s->best || st.starttime < s->starttime) {
		s->best = pid;
		s->starttime = st.starttime;
	}
	return 0;
}

struct threads {
	int leader; /* its /proc directory */
	int found;
};

static int first_alive(pid_t tid, void *arg)
{
	struct threads *s = arg;
	struct kan_proc_stat st;
	char path[32];
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	(void)snprintf(path, sizeof(path), "task/%d", (int)tid);
	kan_auto_close int dir =
		openat(s->leader, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || kan_proc_stat_read(&st, &text, dir, NULL) < 0 || is_dead(&st))
		return 0;
	s->found = kan_take_fd(&dir);
	return -1;
}

/* A leader that called pthread_exit has no root and no tables any more: a thread that lives has
 * them. -1: none does. */
static int live_thread(int leader)
{
	struct threads s = {.leader = leader, .found = -1};
	kan_auto_close int task = openat(leader, "task", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (task >= 0)
		(void)kan_proc_each(task, first_alive, &s, NULL);
	return s.found;
}

/* Everything of the process, through descriptors that stay with it. false: it went away meanwhile.
 */
static bool hold(struct kan_target *t, pid_t pid, int *dir)
{
	struct kan_proc_stat st, again;
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	kan_auto_close int pidfd = -1, root = -1, thread = -1;
	if (kan_proc_stat_read(&st, &text, *dir, NULL) < 0 || kan_pidfd_open(&pidfd, pid, NULL) < 0)
		return false;
	if (is_dead(&st) && (thread = live_thread(*dir)) < 0)
		return false;
	if (kan_proc_magic(&root, thread < 0 ? *dir : thread, "root", NULL) < 0)
		return false;
	/* Between the first and the second look the pidfd was opened: the same starttime, the same
	 * process. */
	if (kan_proc_stat_read(&again, &text, *dir, NULL) < 0 || again.starttime != st.starttime ||
	    (is_dead(&again) && thread < 0))
		return false;
	t->pid = pid;
	t->starttime = again.starttime;
	t->pid_fd = kan_take_fd(&pidfd);
	t->root_fd = kan_take_fd(&root);
	(void)kan_cgroup_open(&t->cgroup, t->proc_fd, *dir, t->id,
			      NULL); /* without: no proof of a pause */
	t->pid_dir = kan_take_fd(thread < 0 ? dir : &thread);
	return true;
}

static void check_start(struct kan_target *t)
{
	char value[KAN_RFC3339], proof[96];
	int64_t ns = 0;
	kan_rfc3339(value, t->started_ns);
	if (kan_proc_start_ns(&ns, t->proc_fd, t->starttime, NULL) < 0) {
		kan_claim(t, "StartedAt", value, KAN_UNPROVEN, "/proc/stat has no btime");
		return;
	}
	int64_t off_ms = (t->started_ns - ns) / 1000000;
	(void)snprintf(proof, sizeof(proof), "btime and starttime differ from it by %" PRId64 " ms",
		       off_ms);
	/* A difference is recorded and not refused: clocks get set. */
	kan_claim(t, "StartedAt", value,
		  llabs(off_ms) <= START_SLACK_MS ? KAN_PROVEN : KAN_UNPROVEN, proof);
}

static bool try_claimed(struct kan_target *t, int64_t claimed)
{
	kan_auto_close int dir = -1;
	if (claimed < 2 || claimed > PID_LAST ||
	    kan_proc_pid_dir(&dir, t->proc_fd, (pid_t)claimed, NULL) < 0)
		return false;
	return in_container(dir, t->id) && hold(t, (pid_t)claimed, &dir);
}

static bool try_search(struct kan_target *t)
{
	struct search s = {.t = t};
	kan_auto_close int dir = -1;
	(void)kan_proc_each(t->proc_fd, consider, &s, NULL);
	return s.best && kan_proc_pid_dir(&dir, t->proc_fd, s.best, NULL) == 0 &&
	       in_container(dir, t->id) && hold(t, s.best, &dir);
}

void kan_prove_pid(struct kan_target *t, int64_t claimed)
{
	char value[32], proof[128];
	(void)snprintf(value, sizeof(value), "%" PRId64, claimed);
	if (try_claimed(t, claimed)) {
		kan_claim(t, "State.Pid", value, KAN_PROVEN,
			  "its cgroup names the container; held by /proc descriptor and pidfd");
		check_start(t);
		return;
	}
	if (try_search(t)) {
		(void)snprintf(proof, sizeof(proof),
			       "not a process of the container; pid %d is, by its cgroup",
			       (int)t->pid);
		kan_claim(t, "State.Pid", value, KAN_CONTRADICTED, proof);
		return;
	}
	kan_claim(t, "State.Pid", value, KAN_CONTRADICTED,
		  "no process of this host has a cgroup that names the container");
}

/* By its number: what is held may be a thread of it, which may end before it does. */
bool kan_target_alive(const struct kan_target *t)
{
	struct kan_proc_stat st;
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	struct pollfd p = {.fd = t->pid_fd, .events = POLLIN};
	if (t->pid <= 0)
		return false;
	if (t->pid_fd >= 0 && poll(&p, 1, 0) > 0)
		return false;
	return kan_proc_pid_dir(&dir, t->proc_fd, t->pid, NULL) == 0 &&
	       kan_proc_stat_read(&st, &text, dir, NULL) == 0 && st.starttime == t->starttime;
}
