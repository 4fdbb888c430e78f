/* The pause lease: pauses, watches the clock and the conductor, resumes. */
#include "capture/lease.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kanshiki/bytes.h>
#include <kanshiki/engine.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/row.h"
#include "engine/control.h"
#include "evidence/channel.h"
#include "evidence/journal.h"
#include "kernel/cgroup.h"

enum {
	FREEZE_WAIT_MS = 2000, /* a task stuck in the kernel never freezes: then we go on live */
	POLL_FREEZER_US = 500,
	RETRY_FIRST_MS = 100,
	RETRY_LAST_MS = 3200,
	THAW_AFTER_MS = 2000, /* the engine had its chance: then the kernel is told */
	BLIND_MS = 8000, /* without a cgroup there is only the engine; with both calls it is below
			    END_MS */
	TELL_EVERY_MS = 500,
	TELL_S = 60,
	SETTLE_MS = 300, /* a pause that the engine still had in hand takes effect in it */
	REFREEZE_TRIES = 400,
	END_MS = 15000, /* the longest way from a word to the lease to its end */
	STOPPED_LOOK_MS = 250,
	REAP_US = 1000,
	REAP_TRIES = 100,
	NO_SUCH_CONTAINER = 404,
};

enum order { ORDER_PAUSE = 1, ORDER_RESUME, ORDER_QUIT, ORDER_KEEP };
struct order_msg {
	uint32_t order, deadline_ms;
};

struct kan_lease {
	pid_t pid;
	int socket;
};

/* The child's side. */
struct holder {
	const struct kan_lease_setup *s;
	int socket;
	bool holding, orphan, kept;
	bool owes; /* the engine still believes in our pause, or may yet carry it out */
	int64_t paused_ns, resumed_ns;
	char last[KAN_ERR_TEXT];
};

static void nap_us(long us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};
	(void)nanosleep(&t, NULL);
}

/* 1 frozen, 0 not, -1 unknown: without a cgroup only the engine's word is left. */
static int frozen(const struct kan_lease_setup *s)
{
	return s->cgroup ? kan_cgroup_frozen(s->cgroup, NULL) : -1;
}

/* 1 nothing is held, not even by half; 0 not so; -1 unknown. */
static int thawed(const struct kan_lease_setup *s)
{
	return s->cgroup ? kan_cgroup_thawed(s->cgroup, NULL) : -1;
}

/* What was to be paused has ended. With a restart policy there may be a new life under its id. */
static bool gone(const struct kan_lease_setup *s)
{
	return s->cgroup && kan_cgroup_gone(s->cgroup);
}

static bool unpause_once(int64_t *engine_ns, const struct kan_lease_setup *s, struct kan_err *err)
{
	int status = 0;
	int64_t before = kan_boot_ns();
	int rc = kan_control_unpause(&status, s->engine, s->id, err);
	*engine_ns += kan_boot_ns() - before;
	int state = thawed(s);
	/* The freezer decides: a lost reply after success is a success, and a 204 that thawed
	 * nothing is none. */
	if (state >= 0 && !gone(s))
		return state > 0;
	if (rc == 0 || status == NO_SUCH_CONTAINER)
		return true;
	/* A pause of ours may have met the new life: it must not stay paused either. */
	return gone(s) && kan_control_paused(s->engine, s->id) == 0;
}

int kan_lease_thaw(bool *owes, int64_t *engine_ns, const struct kan_lease_setup *s,
		   kan_lease_note_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_err why = {0};
	int64_t until = kan_boot_ns() + (int64_t)(s->cgroup ? THAW_AFTER_MS : BLIND_MS) * 1000000;
	*engine_ns = 0;
	if (s->window) /* before anything runs: no later row may say "frozen" */
		atomic_store(&s->window->frozen, 0);
	for (long ms = RETRY_FIRST_MS; ms <= RETRY_LAST_MS; ms *= 2) {
		if (unpause_once(engine_ns, s, &why))
			return 0;
		fn(why.text, arg);
		if (kan_boot_ns() + ms * 1000000 > until)
			break;
		nap_us(ms * 1000);
	}
	*owes = true;
	bool open = s->cgroup && kan_cgroup_thaw(s->cgroup, &why) == 0 && thawed(s) > 0;
	fn(open ? "thawed through the cgroup's own file" : why.text, arg);
	if (open)
		return 0;
	return kan_fail(err, KAN_EENGINE, "still paused; resume it by hand: docker unpause %.12s",
			s->id);
}

/*
 * The kernel has ended the pause and the engine still believes in it: runc refuses to resume what
 * is not paused, so that the engine would believe it for ever and refuse exec and stop. So the
 * freezer is shut once more, for the time of one unpause, by an engine that does answer.
 */
static bool unpause_refrozen(const struct kan_lease_setup *s)
{
	int64_t engine = 0;
	if (!s->cgroup || kan_cgroup_freeze(s->cgroup, NULL) < 0)
		return false;
	for (int i = 0; i < REFREEZE_TRIES && frozen(s) == 0; i++)
		nap_us(POLL_FREEZER_US);
	bool done = unpause_once(&engine, s, NULL);
	if (!done)
		(void)kan_cgroup_thaw(s->cgroup, NULL);
	return done;
}

bool kan_lease_settle(const struct kan_lease_setup *s)
{
	int status = 0, rc = kan_control_unpause(&status, s->engine, s->id, NULL);
	if (rc < 0 &&
	    (!status || (kan_control_paused(s->engine, s->id) > 0 && !unpause_refrozen(s))))
		return false;
	nap_us((long)SETTLE_MS * 1000);
	return thawed(s) != 0;
}

static void report(struct holder *h, uint32_t what, int64_t asked, int64_t engine, const char *text)
{
	struct kan_lease_report r = {
		.what = what, .asked_ns = asked, .done_ns = kan_boot_ns(), .engine_ns = engine};
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
}

/* What was asked for: it stays paused. Who acts on it, or the person who said so, has it now. */
static void keep(struct holder *h, const char *why)
{
	h->holding = false;
	h->kept = true;
	(void)snprintf(h->last, sizeof(h->last), "%s", why);
	report(h, KAN_LEASE_KEPT, h->paused_ns, 0, why);
}

static bool wait_frozen(const struct kan_lease_setup *s, bool engine_said_so)
{
	if (!s->cgroup)
		return engine_said_so;
	int64_t until = kan_boot_ns() + (int64_t)FREEZE_WAIT_MS * 1000000;
	for (;;) {
		int state = frozen(s);
		if (state > 0)
			return true;
		if (state < 0 || !engine_said_so || kan_boot_ns() > until)
			return state < 0 && engine_said_so && !gone(s);
		nap_us(POLL_FREEZER_US);
	}
}

static void take(struct holder *h)
{
	if (frozen(h->s) > 0) {
		report(h, KAN_LEASE_FOUND, 0, 0, "found paused");
		return;
	}
	struct kan_err err = {0};
	int status = 0;
	h->holding = true; /* from here on a pause may be ours, whatever the reply says */
	h->paused_ns = kan_boot_ns();
	int rc = kan_control_pause(&status, h->s->engine, h->s->id, &err);
	int64_t engine = kan_boot_ns() - h->paused_ns;
	if (rc == 0 && status == 409) {
		h->holding = false;
		report(h, KAN_LEASE_NOT_FROZEN, h->paused_ns, engine,
		       "the engine says it cannot be paused now (409)");
		return;
	}
	if (wait_frozen(h->s, rc == 0)) {
		report(h, KAN_LEASE_PAUSED, h->paused_ns, engine, NULL);
		return;
	}
	int64_t asked = h->paused_ns, thaw = 0;
	h->owes |= rc < 0 && status == 0; /* it may lie in the engine's queue */
	(void)kan_lease_thaw(&h->owes, &thaw, h->s, note_retry, h, NULL);
	h->resumed_ns = kan_boot_ns();
	h->holding = false;
	report(h, KAN_LEASE_NOT_FROZEN, asked, engine,
	       rc < 0 ? err.text : "a task did not freeze in 2 s");
}

/* Nobody else is left to say it. */
static void say_kept(const struct holder *h)
{
	(void)dprintf(STDERR_FILENO,
		      "kanshiki: the capture is dead; the container stays paused, as --on-fail "
		      "says; resume it by hand: docker unpause %.12s\n",
		      h->s->id);
}

/* A whole bag is not written into any more: that would be an alteration. */
static bool sealed(const struct holder *h)
{
	return faccessat(h->s->bundle_fd, "bagit.txt", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void write_lease_json(const struct holder *h)
{
	if (sealed(h))
		return;
	struct kan_row row;
	struct kan_bytes line = {0};
	kan_row_init(&row);
	kan_row_begin(&row);
	kan_row_str(&row, "what", h->kept ? "kept" : h->resumed_ns ? "resumed" : "ended");
	kan_row_str(&row, "by", "lease");
	kan_row_int(&row, "t_ns", kan_now_ns());
	kan_row_int(&row, "boot_ns", kan_boot_ns());
	if (h->paused_ns)
		kan_row_int(&row, "paused_boot_ns", h->paused_ns);
	if (h->resumed_ns)
		kan_row_int(&row, "resumed_boot_ns", h->resumed_ns);
	kan_row_str(&row, "why", h->last[0] ? h->last : "the conductor is gone");
	if (kan_row_end(&line, &row, NULL) == 0)
		(void)kan_put_file(h->s->bundle_fd, "lease.json", 0400, line, NULL);
	kan_row_free(&row);
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
		if (frozen(h->s) > 0)
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
		if (thawed(h->s) == 0)
			(void)kan_cgroup_thaw(h->s->cgroup, NULL);
		nap_us((long)TELL_EVERY_MS * 1000);
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
	ignore_signals();
	kan_engine_watch(s->engine, NULL, NULL);
	hold(&h);
	if (h.holding && h.orphan && s->stay_paused) {
		keep(&h, "the conductor is gone; --on-fail stay-paused");
		say_kept(&h);
	}
	if (h.holding)
		let_go(&h);
	if (h.orphan && h.paused_ns)
		write_lease_json(&h);
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
		nap_us(REAP_US);
	free(l);
}

void kan_lease_drop(struct kan_lease *l)
{
	if (!l)
		return;
	(void)close(l->socket);
	free(l);
}
