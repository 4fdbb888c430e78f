/* The pause lease: pauses, watches the clock and the conductor, resumes. */
#include "capture/lease.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/bytes.h>
#include <kanshiki/engine.h>

#include "base/clock.h"
#include "capture/pause.h"
#include "engine/control.h"
#include "evidence/channel.h"
#include "evidence/journal.h"
#include "kernel/cgroup.h"

enum {
	FREEZE_LEAST_MS = 200,
	FREEZE_WAIT_MS = 2000, /* a task stuck in the kernel never freezes: then we go on live */
	TELL_EVERY_MS = 500,
	TELL_S = 60,
	END_MS = 15000, /* the longest way from a word to the lease to its end */
	STOPPED_LOOK_MS = 250,
	REAP_US = 1000,
	REAP_TRIES = 100,
};

enum order { ORDER_PAUSE = 1, ORDER_RESUME, ORDER_QUIT, ORDER_KEEP };
struct order_msg {
	uint32_t order, deadline_ms;
};

struct kan_lease {
	pid_t pid;
	int socket;
};

static const char no_freeze[] = "a task did not freeze in 2 s";

/* The child's side. */
struct holder {
	const struct kan_lease_setup *s;
	int socket;
	bool holding, orphan, kept;
	bool owes; /* the engine still believes in our pause, or may yet carry it out */
	int64_t paused_ns, resumed_ns;
	char last[KAN_ERR_TEXT];
};

static void report(struct holder *h, uint32_t what, int64_t asked, int64_t engine, const char *text)
{
	struct kan_lease_report r = {.what = what,
				     .asked_ns = asked,
				     .done_ns = kan_boot_ns(),
				     .engine_ns = engine,
				     .by_kernel = kan_pause_by_kernel(h->s)};
	(void)snprintf(r.text, sizeof(r.text), "%.255s", text ? text : "");
	if (send(h->socket, &r, sizeof(r), MSG_NOSIGNAL) < 0)
		h->orphan = true; /* the conductor is gone: lease.json will tell */
}

static void note_retry(const char *text, void *arg)
{
	struct holder *h = arg;
	(void)snprintf(h->last, sizeof(h->last), "%s", text);
	report(h, KAN_LEASE_RETRIED, 0, 0, text);
}

/* Ours from now on, or no more; what the guard goes by, too. */
static void holding(struct holder *h, bool held)
{
	h->holding = held;
	kan_pause_held(h->s, held);
}

static void let_go(struct holder *h)
{
	struct kan_err err = {0};
	int64_t asked = kan_boot_ns(), engine = 0;
	int rc = kan_lease_thaw(&h->owes, &engine, h->s, note_retry, h, &err);
	h->resumed_ns = kan_boot_ns();
	h->holding = false;
	if (rc < 0)
		(void)snprintf(h->last, sizeof(h->last), "%s", err.text);
	report(h, rc < 0 ? KAN_LEASE_FAILED : KAN_LEASE_RESUMED, asked, engine,
	       rc < 0 ? err.text : NULL);
	if (rc == 0 && kan_pause_by_kernel(h->s) && kan_pause_of_another(h->s))
		note_retry("somebody paused it while it was frozen by us; that pause stays", h);
}

/* What was asked for: it stays paused. Who acts on it, or the person who said so, has it now. */
static void keep(struct holder *h, const char *why)
{
	holding(h, false); /* and not the guard's either */
	h->kept = true;
	(void)snprintf(h->last, sizeof(h->last), "%s", why);
	report(h, KAN_LEASE_KEPT, h->paused_ns, 0, why);
}

static bool wait_frozen(const struct kan_lease_setup *s, bool engine_said_so)
{
	if (!s->cgroup || !engine_said_so)
		return engine_said_so;
	if (kan_pause_wait(s, false, kan_boot_ns() + (int64_t)FREEZE_WAIT_MS * 1000000))
		return true;
	return kan_pause_frozen(s) < 0 && !kan_pause_gone(s);
}

/* It could not be frozen: whatever came of the attempt is taken back. */
static void take_back(struct holder *h, int64_t engine_ns, const char *why)
{
	int64_t thaw = 0;
	(void)kan_lease_thaw(&h->owes, &thaw, h->s, note_retry, h, NULL);
	h->resumed_ns = kan_boot_ns();
	holding(h, false);
	report(h, KAN_LEASE_NOT_FROZEN, h->paused_ns, engine_ns, why);
}

/* Through the cgroup's own file. refusal: why the engine would not; NULL: it was not asked. */
static void take_by_kernel(struct holder *h, int64_t engine_ns, const char *refusal)
{
	if (kan_pause_frozen(h->s) < 0) {
		report(h, KAN_LEASE_NOT_FROZEN, h->paused_ns, engine_ns,
		       "no freezer of the container's cgroup is mounted here");
		return;
	}
	atomic_store(&h->s->share->by_kernel, 1);
	holding(h, true);
	/* What the engine has tried counts: half frozen is worse than not. */
	int64_t until = h->paused_ns + (int64_t)FREEZE_WAIT_MS * 1000000,
		least = kan_boot_ns() + (int64_t)FREEZE_LEAST_MS * 1000000;
	if (kan_pause_freeze(h->s, until > least ? until : least))
		report(h, KAN_LEASE_PAUSED, h->paused_ns, engine_ns, refusal);
	else
		take_back(h, engine_ns, no_freeze);
}

/* The engine has answered, and its answer is no; the kernel sees the container run. */
static bool refused(const struct kan_lease_setup *s, int status)
{
	return status >= 400 && s->share && s->how == KAN_LEASE_EITHER && kan_pause_thawed(s) > 0 &&
	       !kan_pause_gone(s);
}

static void take(struct holder *h)
{
	struct kan_err err = {0};
	int status = 0;
	if (kan_pause_frozen(h->s) > 0) {
		report(h, KAN_LEASE_FOUND, 0, 0, "found paused");
		return;
	}
	h->paused_ns = kan_boot_ns();
	if (h->s->how == KAN_LEASE_KERNEL) {
		take_by_kernel(h, 0, NULL);
		return;
	}
	holding(h, true); /* from here on a pause may be ours, whatever the reply says */
	int rc = kan_control_pause(&status, h->s->engine, h->s->id, &err);
	int64_t engine = kan_boot_ns() - h->paused_ns;
	const char *why = rc == 0 ? "the engine says it cannot be paused now (409)" : err.text;
	if (refused(h->s, status)) {
		take_by_kernel(h, engine, why);
	} else if (rc == 0 && status == 409) {
		holding(h, false);
		report(h, KAN_LEASE_NOT_FROZEN, h->paused_ns, engine, why);
	} else if (wait_frozen(h->s, rc == 0)) {
		report(h, KAN_LEASE_PAUSED, h->paused_ns, engine, NULL);
	} else {
		h->owes |= rc < 0 && status == 0; /* it may lie in the engine's queue */
		take_back(h, engine, rc < 0 ? err.text : no_freeze);
	}
}

/* Nobody else is left to say it. */
static void say_kept(const struct holder *h)
{
	char by_hand[KAN_PAUSE_BY_HAND];
	kan_pause_by_hand(by_hand, h->s);
	(void)dprintf(STDERR_FILENO,
		      "kanshiki: the capture is dead; the container stays paused, as --on-fail "
		      "says; resume it by hand: %s\n",
		      by_hand);
}

/* Milliseconds poll may wait: until the deadline while holding, else for ever. */
static int patience(const struct holder *h, int64_t deadline)
{
	if (!h->holding)
		return h->owes ? TELL_EVERY_MS : -1;
	int64_t left = deadline - kan_boot_ns();
	return left <= 0 ? 0 : (int)(left / 1000000 + 1);
}

/* Nobody spoke: the deadline of a pause, or time to tell the engine again. */
static void on_silence(struct holder *h)
{
	if (h->holding && h->s->stay_paused) {
		keep(h, "deadline; --on-fail stay-paused");
	} else if (h->holding) {
		(void)snprintf(h->last, sizeof(h->last), "deadline");
		let_go(h);
	} else if (h->owes) {
		if (kan_pause_frozen(h->s) > 0)
			note_retry("the engine carried out the pause late; it is resumed again", h);
		h->owes = !kan_lease_settle(h->s);
	}
}

static void hold(struct holder *h)
{
	int64_t deadline = 0;
	for (;;) {
		struct pollfd p = {.fd = h->socket, .events = POLLIN};
		int n = poll(&p, 1, patience(h, deadline));
		if (n == 0) {
			on_silence(h);
			continue;
		}
		struct order_msg m = {0};
		ssize_t got = n > 0 ? recv(h->socket, &m, sizeof(m), 0) : -1;
		if (n < 0 || (got < 0 && errno == EINTR))
			continue;
		if (got <= 0 || m.order == ORDER_QUIT) {
			h->orphan |= got <= 0;
			return;
		}
		if (m.order == ORDER_PAUSE) {
			deadline = kan_boot_ns() + (int64_t)m.deadline_ms * 1000000;
			if (h->s->share)
				atomic_store(&h->s->share->deadline_ns, deadline);
			take(h);
		} else if (m.order == ORDER_RESUME && h->holding) {
			let_go(h);
		} else if (m.order == ORDER_KEEP && h->holding) {
			keep(h, "");
		}
	}
}

/*
 * The container runs, but the engine did not answer yet: it may still believe in the pause, so that
 * docker exec and stop fail, or find our pause in its queue and carry it out. Nobody waits for
 * this: socket, streams and the journal's lock are given back first.
 */
static void keep_telling(struct holder *h)
{
	int64_t until = kan_boot_ns() + (int64_t)TELL_S * 1000000000;
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; nowhere >= 0 && fd <= 2; fd++)
		(void)dup2(nowhere, fd);
	kan_journal_drop(h->s->journal);
	(void)close(h->socket);
	while (!kan_lease_settle(h->s) && kan_boot_ns() < until) {
		if (kan_pause_thawed(h->s) == 0)
			(void)kan_cgroup_thaw(h->s->cgroup, NULL);
		kan_pause_nap((long)TELL_EVERY_MS * 1000);
	}
}

static void ignore_signals(void)
{
	static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				      SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run(const struct kan_lease_setup *s, int socket) __attribute__((noreturn));

static void run(const struct kan_lease_setup *s, int socket)
{
	struct holder h = {.s = s, .socket = socket};
	(void)setsid();
	(void)prctl(PR_SET_NAME, KAN_LEASE_NAME);
	ignore_signals();
	kan_engine_watch(s->engine, NULL, NULL);
	hold(&h);
	if (h.holding && h.orphan && s->stay_paused) {
		keep(&h, "the conductor is gone; --on-fail stay-paused");
		say_kept(&h);
	}
	if (h.holding)
		let_go(&h);
	const struct kan_pause_end end = {.by = "lease",
					  .paused_ns = h.paused_ns,
					  .resumed_ns = h.resumed_ns,
					  .kept = h.kept,
					  .why = h.last};
	if (h.orphan && h.paused_ns)
		kan_pause_write(s->bundle_fd, &end);
	if (h.owes)
		keep_telling(&h);
	_exit(0);
}

int kan_lease_start(struct kan_lease **out, const struct kan_lease_setup *s, struct kan_err *err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return kan_fail_sys(err, "pause lease: socketpair");
	pid_t pid = fork();
	if (pid < 0) {
		(void)kan_fail_sys(err, "pause lease: fork");
		(void)close(pair[0]);
		(void)close(pair[1]);
		return -1;
	}
	if (pid == 0) {
		(void)close(pair[0]);
		run(s, pair[1]);
	}
	(void)close(pair[1]);
	struct kan_lease *l = kan_xalloc(sizeof(*l));
	l->pid = pid;
	l->socket = pair[0];
	*out = l;
	return 0;
}

static int tell(struct kan_lease *l, enum order order, unsigned deadline_ms, struct kan_err *err)
{
	struct order_msg m = {.order = order, .deadline_ms = deadline_ms};
	if (send(l->socket, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		return kan_fail_sys(err, "pause lease");
	return 0;
}

int kan_lease_pause(struct kan_lease *l, unsigned deadline_ms, struct kan_err *err)
{
	return tell(l, ORDER_PAUSE, deadline_ms, err);
}

int kan_lease_resume(struct kan_lease *l, struct kan_err *err)
{
	return tell(l, ORDER_RESUME, 0, err);
}

int kan_lease_keep(struct kan_lease *l, struct kan_err *err)
{
	return tell(l, ORDER_KEEP, 0, err);
}

pid_t kan_lease_pid(const struct kan_lease *l)
{
	return l->pid;
}

int kan_lease_fd(const struct kan_lease *l)
{
	return l->socket;
}

int kan_lease_read(struct kan_lease_report *r, struct kan_lease *l, struct kan_err *err)
{
	struct kan_lease_report got;
	ssize_t n = recv(l->socket, &got, sizeof(got), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n != (ssize_t)sizeof(got))
		return n < 0 ? kan_fail_sys(err, "pause lease")
			     : kan_fail(err, KAN_EFORMAT, "pause lease: short report");
	got.text[sizeof(got.text) - 1] = 0;
	*r = got;
	return 1;
}

bool kan_lease_stopped(const struct kan_lease *l)
{
	siginfo_t info = {0};
	return waitid(P_PID, (id_t)l->pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == l->pid;
}

void kan_lease_quit(struct kan_lease *l)
{
	(void)tell(l, ORDER_QUIT, 0, NULL); /* gone already: nothing to tell */
}

void kan_lease_free(struct kan_lease *l)
{
	if (!l)
		return;
	kan_lease_quit(l);
	int64_t until = kan_boot_ns() + (int64_t)END_MS * 1000000;
	bool ended = false;
	while (!ended && !kan_lease_stopped(l) && kan_boot_ns() < until) {
		struct pollfd p = {.fd = l->socket, .events = POLLIN};
		struct kan_lease_report r;
		ended = poll(&p, 1, STOPPED_LOOK_MS) > 0 && kan_lease_read(&r, l, NULL) == 0;
	}
	if (!ended)
		(void)kill(l->pid, SIGKILL);
	(void)close(l->socket);
	/* One that still tells the engine has given its socket back, and is left to that. */
	for (int i = 0; i < REAP_TRIES && waitpid(l->pid, NULL, WNOHANG) == 0; i++)
		kan_pause_nap(REAP_US);
	free(l);
}

void kan_lease_drop(struct kan_lease *l)
{
	if (!l)
		return;
	(void)close(l->socket);
	free(l);
}
