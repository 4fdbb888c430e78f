/* One supervised process per collector: forked, listened to, limited, killed, left behind. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "capture/conductor.h"

enum {
	MEMORY_MAX = 1 << 30,
	OPEN_FILES = 65536, /* a process collector holds descriptors of every member */
	KILL_WAIT_S = 2,    /* after SIGKILL: then it is stuck in the kernel and left behind */
	LINGER_S = 3,       /* after its last word */
	DRAIN_MAX = 256, /* messages read in one go, so that one child cannot starve the others */
	CHANNEL_BYTES = 1 << 20,
	TELL_MS = 100,
	UNKNOWN_ENTRIES = 1 << 30, /* collectors that cannot tell say so */
};

/* Wall-clock limit of a collector, by tier. */
static int64_t limit_s(enum kan_tier tier)
{
	switch (tier) {
	case KAN_TIER_BEFORE:
		return 90;
	case KAN_TIER_PAUSED:
		return 120;
	case KAN_TIER_FILES:
		return 900;
	case KAN_TIER_AFTER:
		return KAN_CHILD_AFTER_S;
	}
	return 90;
}

void kan_child_progress(struct kan_conductor *c, const struct kan_child *k,
			enum kan_capture_event event)
{
	if (!c->req->progress)
		return;
	struct kan_capture_progress p = {
		.event = event,
		.collector = k->collector->name,
		.status = k->status,
		.items = k->items,
		.bytes = k->bytes,
		.ms = k->began_ns && k->ended_ns ? (double)(k->ended_ns - k->began_ns) / 1e6 : 0,
		.gaps = k->gaps,
		.target = c->target,
	};
	c->req->progress(&p, c->req->arg);
}

/* What it has written until now, by the kernel's count; no less than what it has told. */
static uint64_t written(const struct kan_child *k)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/io", (int)k->pid);
	if (kan_read_pseudo(&text, AT_FDCWD, path, NULL) < 0)
		return k->bytes;
	const char *at = strstr(kan_buf_str(&text), "wchar: ");
	uint64_t n = at ? strtoull(at + strlen("wchar: "), NULL, 10) : 0;
	return n > k->bytes ? n : k->bytes;
}

static const char *doing(const struct kan_child *k)
{
	if (k->killed_ns)
		return "stopping";
	return k->state == KAN_CHILD_PREPARING ? "preparing"
	       : k->state == KAN_CHILD_READY   ? "waiting"
					       : "reading";
}

void kan_child_tell_running(struct kan_conductor *c, int64_t now)
{
	struct kan_capture_progress p = {.event = KAN_CAPTURE_TICK, .target = c->target};
	if (!c->req->watch || now - c->told_ns < (int64_t)TELL_MS * 1000000)
		return;
	c->told_ns = now;
	for (size_t i = 0; i < c->n_children; i++) {
		const struct kan_child *k = &c->children[i];
		if (!kan_child_running(k))
			continue;
		struct kan_capture_progress one = {
			.event = KAN_CAPTURE_RUNNING,
			.collector = k->collector->name,
			.status = doing(k),
			.bytes = written(k),
			.total = k->est_entries < UNKNOWN_ENTRIES ? k->est_bytes : 0,
			.ms = (double)(now - k->began_ns) / 1e6,
			.gaps = k->gaps,
			.target = c->target,
		};
		c->req->progress(&one, c->req->arg);
	}
	c->req->progress(&p, c->req->arg);
}

bool kan_child_running(const struct kan_child *k)
{
	return k->state != KAN_CHILD_IDLE && k->state != KAN_CHILD_ENDED;
}

static void set_limit(int what, rlim_t value)
{
	struct rlimit r = {value, value};
	(void)setrlimit(what,
			&r); /* a limit that cannot be lowered is one that somebody set lower */
}

static void confine(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	static const int restored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGCHLD};
	for (size_t i = 0; i < sizeof(restored) / sizeof(restored[0]); i++)
		(void)signal(restored[i], SIG_DFL);
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
#ifndef KAN_SANITIZED
	set_limit(RLIMIT_AS, MEMORY_MAX);
#endif
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, OPEN_FILES);
}

static void run(struct kan_conductor *c, const struct kan_child *k, int channel)
	__attribute__((noreturn));

static void run(struct kan_conductor *c, const struct kan_child *k, int channel)
{
	confine();
	kan_journal_drop(c->journal);
	kan_lease_drop(c->lease);
	kan_guard_drop(c->guard);
	kan_lease_share_free(c->lease_setup.share);
	(void)close(c->signal_fd);
	for (size_t i = 0; i < c->n_children; i++)
		if (c->children[i].channel >= 0)
			(void)close(c->children[i].channel);
	struct kan_sink_opts o = {
		.bundle_fd = c->bundle_fd,
		.channel = channel,
		.collector = k->collector->name,
		.bundle = c->bundle,
		.window = c->window,
		.artefacts = k->collector->artefacts,
	};
	struct kan_sink *sink = NULL;
	struct kan_err err = {0};
	if (kan_sink_new(&sink, &o, &err) < 0)
		_exit(1);
	if (c->engine)
		kan_engine_watch(c->engine, kan_sink_request, sink);
	int rc = k->collector->collect(c->target, sink, &err);
	bool failed =
		kan_sink_failed(sink) || (rc < 0 && err.code == KAN_EIO && err.sys != ETIMEDOUT);
	if (rc < 0 && !failed)
		kan_sink_gap_err(sink, kan_bytes_of(k->collector->name), &err);
	kan_sink_end(sink, failed ? 2 : rc < 0 ? 1 : 0, rc < 0 || failed ? err.text : "");
	kan_sink_free(sink);
	_exit(0);
}

static void finish(struct kan_conductor *c, struct kan_child *k, const char *status)
{
	k->status = status;
	k->state = KAN_CHILD_ENDED;
	k->ended_ns = kan_boot_ns();
	if (k->channel >= 0)
		(void)close(k->channel);
	if (k->pidfd >= 0)
		(void)close(k->pidfd);
	k->channel = k->pidfd = -1;
	kan_record_collector(c, k, false);
	kan_child_progress(c, k, KAN_CAPTURE_END);
}

/* Is something missing that the collector cannot do without? Then the reason is recorded. */
static bool applicable(struct kan_conductor *c, struct kan_child *k)
{
	const char *why = NULL, *code = kan_not_applicable(&why, c->target, k->collector->needs);
	if (!code)
		return true;
	bool asked = c->req->api_only && strcmp(code, "denied") == 0;
	if (asked)
		kan_record_scope(c, k->collector->name, k->collector->name, "--depth api");
	else
		kan_record_gap(c, k->collector->name, k->collector->name, code, why);
	k->gaps += !asked && strcmp(code, "not-applicable") != 0;
	finish(c, k, strcmp(code, "not-applicable") == 0 ? "not-applicable" : "skipped");
	return false;
}

void kan_child_start(struct kan_conductor *c, struct kan_child *k)
{
	int pair[2];
	kan_record_collector(c, k, true);
	k->began_ns = kan_boot_ns();
	if (!applicable(c, k))
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		kan_record_gap(c, k->collector->name, k->collector->name, "crashed",
			       strerror(errno));
		k->gaps++;
		finish(c, k, "failed");
		return;
	}
	int size = CHANNEL_BYTES;
	(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		run(c, k, pair[1]);
	}
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		kan_record_gap(c, k->collector->name, k->collector->name, "crashed",
			       "fork: no process to be had");
		k->gaps++;
		finish(c, k, "failed");
		return;
	}
	k->pid = pid;
	k->channel = pair[0];
	k->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (k->pidfd >= 0)
		(void)fcntl(k->pidfd, F_SETFD, FD_CLOEXEC);
	k->state = KAN_CHILD_PREPARING;
	kan_child_progress(c, k, KAN_CAPTURE_BEGIN);
}

void kan_child_go(struct kan_conductor *c, struct kan_child *k, bool inside)
{
	struct kan_msg m = {.type = KAN_MSG_GO, .n = {inside}};
	(void)c;
	k->state = KAN_CHILD_READING;
	k->in_window = inside;
	if (k->collector->tier == KAN_TIER_AFTER)
		k->began_ns = kan_boot_ns(); /* it waited for the tiers before its own */
	(void)send(k->channel, &m, sizeof(m),
		   MSG_NOSIGNAL | MSG_DONTWAIT); /* it died: its end will tell */
}

void kan_child_kill(struct kan_child *k)
{
	if (!kan_child_running(k) || k->killed_ns)
		return;
	k->killed_ns = kan_boot_ns();
	(void)kill(-k->pid, SIGKILL); /* its session: it and its workers */
	(void)kill(k->pid, SIGKILL);
}

static void on_gap(struct kan_conductor *c, struct kan_child *k, const struct kan_msg *m)
{
	/* kan_msg_ok has refused a code that is none. */
	const char *code = kan_gap_name((enum kan_gap)m->code);
	if (c->req->api_only && m->code == KAN_GAP_DENIED) { /* what only the host has */
		char why[sizeof(m->why) + sizeof("--depth api: ")];
		(void)snprintf(why, sizeof(why), "--depth api: %s", m->why);
		kan_record_scope(c, k->collector->name, m->what, why);
		return;
	}
	kan_record_gap(c, k->collector->name, m->what, code, m->why);
	bool counts = m->code != KAN_GAP_NOT_APPLICABLE;
	k->gaps += counts;
	k->not_applicable |= !counts;
}

static void on_end(struct kan_conductor *c, struct kan_child *k, const struct kan_msg *m)
{
	k->said_end = true;
	k->end_ns = kan_boot_ns();
	k->gave_up = m->n[0] == 1;
	if (m->n[0] == 2) {
		struct kan_err err = {0};
		kan_err_set(&err, KAN_EIO, 0, "collect %s: %s", k->collector->name,
			    m->why[0] ? m->why : "evidence cannot be written");
		kan_fatal(c, &err);
	}
}

static void on_message(struct kan_conductor *c, struct kan_child *k, const struct kan_msg *m)
{
	switch ((enum kan_msg_type)m->type) {
	case KAN_MSG_READY:
		k->est_entries = m->n[0];
		k->est_bytes = m->n[1];
		if (k->state == KAN_CHILD_PREPARING)
			k->state = KAN_CHILD_READY;
		break;
	case KAN_MSG_LEAVE:
		if (k->state == KAN_CHILD_READING)
			k->state = KAN_CHILD_LEFT;
		break;
	case KAN_MSG_BREAK:
		c->window_break = true;
		break;
	case KAN_MSG_ARTEFACT:
		kan_record_artefact(c, k, m);
		break;
	case KAN_MSG_GAP:
		on_gap(c, k, m);
		break;
	case KAN_MSG_LIMIT:
		kan_record_limit(c, k->collector->name, m);
		k->gaps++;
		break;
	case KAN_MSG_SCOPE:
		kan_record_scope(c, k->collector->name, m->what, m->why);
		k->left_out = true;
		break;
	case KAN_MSG_IMPACT:
		kan_record_impact(c, m->why);
		break;
	case KAN_MSG_ITEMS:
		k->items = m->n[0];
		break;
	case KAN_MSG_REQUEST:
		kan_record_request(c, m->why, m->what, (int)m->n[0], m->n[1], m->sha256);
		break;
	case KAN_MSG_END:
		on_end(c, k, m);
		break;
	case KAN_MSG_GO:
		break;
	}
}

static void say_crashed(struct kan_conductor *c, struct kan_child *k, int status)
{
	char why[128];
	if (k->timed_out)
		(void)snprintf(why, sizeof(why), "not done after %lld s",
			       (long long)limit_s(k->collector->tier));
	else if (k->killed_ns)
		(void)snprintf(why, sizeof(why), "stopped with the capture");
	else if (WIFSIGNALED(status))
		(void)snprintf(why, sizeof(why), "ended by signal %d", WTERMSIG(status));
	else
		(void)snprintf(why, sizeof(why), "ended with status %d and no last word",
			       WEXITSTATUS(status));
	kan_record_gap(c, k->collector->name, k->collector->name,
		       k->timed_out ? "timeout" : "crashed", why);
	k->gaps++;
}

/* ok, partial, failed or not-applicable: what it said itself, and whether it lived to say it. */
static const char *outcome(const struct kan_child *k)
{
	if (!k->said_end || k->gave_up)
		return "failed";
	if (k->gaps)
		return "partial";
	return k->artefacts == 0 && k->not_applicable ? "not-applicable" : "ok";
}

/* It has ended, or its channel has: then it is looked for again at each step of the loop. Never a
 * wait: a thread that is stuck in the kernel may keep a process from ending. */
static void reap(struct kan_conductor *c, struct kan_child *k)
{
	int status = 0;
	siginfo_t ended = {0};
	if (waitid(P_PID, (id_t)k->pid, &ended, WEXITED | WNOWAIT | WNOHANG) == 0 &&
	    ended.si_pid == 0) {
		kan_auto_close_fn(&k->channel);
		k->channel = -1;
		return;
	}
	/* What it left in its session, while its number is still its own. */
	(void)kill(-k->pid, SIGKILL);
	(void)waitpid(k->pid, &status, 0);
	if (!k->said_end)
		say_crashed(c, k, status);
	else if (!k->gave_up && k->artefacts == 0 && k->gaps == 0 && !k->not_applicable &&
		 !k->left_out) {
		kan_record_gap(c, k->collector->name, k->collector->name, "crashed",
			       "ended without artefact or gap");
		k->gaps++;
	}
	finish(c, k, outcome(k));
}

void kan_child_attend(struct kan_conductor *c, struct kan_child *k)
{
	struct kan_msg m;
	for (int i = 0; i < DRAIN_MAX && k->channel >= 0; i++) {
		ssize_t n = recv(k->channel, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && !k->dead)
			return;
		/* Its end: the channel is closed, or it is dead and a worker of its still holds the
		 * channel. */
		if (n <= 0) {
			reap(c, k);
			return;
		}
		if (!kan_msg_ok(&m, (size_t)n)) {
			kan_record_gap(c, k->collector->name, k->collector->name, "malformed",
				       "a bad message from the collector");
			k->gaps++;
			kan_child_kill(k);
			continue;
		}
		on_message(c, k, &m);
	}
}

/* After SIGKILL it did not end. What it said before counts; what it had to say is a gap. */
static void leave_behind(struct kan_conductor *c, struct kan_child *k)
{
	kan_record_word(c, "abandoned", "collector", k->collector->name);
	if (!k->said_end) {
		kan_record_gap(c, k->collector->name, k->collector->name, "stuck",
			       "blocked in the kernel; left behind");
		k->gaps++;
	}
	finish(c, k, outcome(k));
}

void kan_child_check_time(struct kan_conductor *c, struct kan_child *k, int64_t now)
{
	if (kan_child_running(k) && k->channel < 0)
		reap(c, k);
	if (!kan_child_running(k))
		return;
	if (!k->killed_ns && now - k->began_ns > limit_s(k->collector->tier) * 1000000000) {
		k->timed_out = true;
		kan_child_kill(k);
	}
	/* Done, and still there: a reader that it left behind holds it. */
	if (!k->killed_ns && k->said_end && now - k->end_ns > (int64_t)LINGER_S * 1000000000)
		kan_child_kill(k);
	if (k->killed_ns && now - k->killed_ns > (int64_t)KILL_WAIT_S * 1000000000)
		leave_behind(c, k);
}
