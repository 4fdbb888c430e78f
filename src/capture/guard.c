/* The guard: resumes the container when nobody else of us can any more. */
#include "capture/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/bytes.h>
#include <kanshiki/engine.h>

#include "base/clock.h"
#include "capture/pause.h"
#include "evidence/journal.h"

enum {
	TICK_MS = 250,
	LATE_MS = 3000, /* past the deadline: lease and conductor are both stopped or mute */
	TELL_MS = 500,
	TELL_TRIES = 120,
	STAT_OCTETS = 512
};

struct kan_guard {
	pid_t pid;
	int pipe; /* its end is the conductor's */
};

/* The guard's side. */
struct watch {
	const struct kan_lease_setup *s;
	int lease, lease_stat, pipe; /* lease: a pidfd, which never becomes another process's */
	bool orphan;
	char last[KAN_ERR_TEXT];
};

int kan_lease_share_new(struct kan_lease_share **out, struct kan_err *err)
{
	void *p = mmap(NULL, sizeof(struct kan_lease_share), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return kan_fail_sys(err, "memory");
	*out = p;
	return 0;
}

void kan_lease_share_free(struct kan_lease_share *s)
{
	if (s)
		(void)munmap(s, sizeof(*s));
}

/* Dead, stopped or traced: it resumes nothing. */
static bool lease_is_idle(const struct watch *w)
{
	char text[STAT_OCTETS];
	ssize_t n = pread(w->lease_stat, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return true;
	text[n] = 0;
	const char *shut = strrchr(text, ')');
	return !shut || shut[1] != ' ' || strchr("TtZX", shut[2]) != NULL;
}

static void note(const char *text, void *arg)
{
	struct watch *w = arg;
	(void)snprintf(w->last, sizeof(w->last), "%s", text);
}

/* --on-fail stay-paused, and nobody else is left to say it. */
static void keep(struct watch *w)
{
	char by_hand[KAN_PAUSE_BY_HAND];
	const struct kan_pause_end end = {
		.by = "guard", .kept = true, .why = "conductor and lease are gone or stopped"};
	kan_pause_held(w->s, false);
	if (!w->orphan)
		return; /* it is stopped, and will see what is left when it goes on */
	kan_pause_write(w->s->bundle_fd, &end);
	kan_pause_by_hand(by_hand, w->s);
	(void)dprintf(STDERR_FILENO,
		      "kanshiki: the capture is dead; the container stays paused, as --on-fail "
		      "says; resume it by hand: %s\n",
		      by_hand);
}

static void resume(struct watch *w)
{
	bool owes = false;
	int64_t engine = 0;
	struct kan_err err = {0};
	struct kan_pause_end end = {.by = "guard", .why = w->last};
	note("conductor and lease are gone or stopped", w);
	if (kan_lease_thaw(&owes, &engine, w->s, note, w, &err) == 0)
		end.resumed_ns = kan_boot_ns();
	else
		note(err.text, w);
	kan_pause_held(w->s, false);
	if (w->orphan)
		kan_pause_write(w->s->bundle_fd, &end);
	for (int i = 0; i < TELL_TRIES && owes && !kan_lease_settle(w->s); i++)
		kan_pause_nap((long)TELL_MS * 1000);
}

static void act(struct watch *w)
{
	/* It would end its pause when it is continued, and it has the journal's lock. */
	(void)syscall(SYS_pidfd_send_signal, w->lease, SIGKILL, NULL, 0);
	if (w->s->stay_paused)
		keep(w);
	else
		resume(w);
}

/*
 * One that is stopped holds nothing, and would stay for ever. One that lives ends by itself, and is
 * waited for: a signal that stops it may be on its way, and it may be about to pause.
 */
static bool lease_is_done(const struct watch *w, bool idle)
{
	struct pollfd gone = {.fd = w->lease, .events = POLLIN};
	if (idle)
		(void)syscall(SYS_pidfd_send_signal, w->lease, SIGKILL, NULL, 0);
	return idle || w->lease < 0 || poll(&gone, 1, 0) != 0;
}

static void watch(struct watch *w)
{
	for (;;) {
		struct pollfd p = {.fd = w->orphan ? -1 : w->pipe, .events = POLLIN};
		if (poll(&p, 1, TICK_MS) > 0)
			w->orphan = true;
		bool held = atomic_load(&w->s->share->held) != 0;
		int64_t late = atomic_load(&w->s->share->deadline_ns) + (int64_t)LATE_MS * 1000000;
		bool idle = lease_is_idle(w);
		if (held && idle && (w->orphan || kan_boot_ns() > late))
			act(w);
		else if (w->orphan && !held && lease_is_done(w, idle))
			return;
	}
}

static void run(const struct kan_lease_setup *s, pid_t lease, int pipe) __attribute__((noreturn));

static void run(const struct kan_lease_setup *s, pid_t lease, int pipe)
{
	char path[64];
	struct watch w = {.s = s, .lease = (int)syscall(SYS_pidfd_open, lease, 0), .pipe = pipe};
	sigset_t all;
	(void)setsid();
	(void)prctl(PR_SET_NAME, KAN_GUARD_NAME);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	kan_engine_watch(s->engine, NULL, NULL);
	kan_journal_drop(s->journal);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)lease);
	w.lease_stat = open(path, O_RDONLY | O_CLOEXEC);
	watch(&w);
	_exit(0);
}

int kan_guard_start(struct kan_guard **out, const struct kan_lease_setup *s,
		    struct kan_lease *lease, struct kan_err *err)
{
	int pair[2];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return kan_fail_sys(err, "guard: pipe");
	pid_t pid = fork();
	if (pid == 0) {
		pid_t of = kan_lease_pid(lease);
		(void)close(pair[1]);
		kan_lease_drop(lease);
		run(s, of, pair[0]);
	}
	(void)close(pair[0]);
	if (pid < 0) {
		(void)kan_fail_sys(err, "guard: fork");
		(void)close(pair[1]);
		return -1;
	}
	struct kan_guard *g = kan_xalloc(sizeof(*g));
	*g = (struct kan_guard){.pid = pid, .pipe = pair[1]};
	*out = g;
	return 0;
}

void kan_guard_free(struct kan_guard *g)
{
	if (!g)
		return;
	(void)close(g->pipe);
	(void)kill(g->pid, SIGKILL); /* the conductor lives, and has seen to the pause */
	(void)waitpid(g->pid, NULL, 0);
	free(g);
}

void kan_guard_drop(struct kan_guard *g)
{
	if (!g)
		return;
	(void)close(g->pipe);
	free(g);
}
