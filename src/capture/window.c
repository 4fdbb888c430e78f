/* The loop that waits for children, lease and signals; and tiers 1 and 2 with the pause around
 * them. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/conductor.h"
#include "capture/pause.h"
#include "kernel/cgroup.h"

enum {
	TICK_MS = 250,      /* how late a time limit may be noticed */
	PREPARE_MS = 15000, /* who is not ready for the window by then is read live */
	AUTO_ENTRIES = 256,
	AUTO_BYTES = 4 << 20,
	LEASE_ANSWER_MS = 15000, /* above the longest way of the lease: pause, wait, thaw */
	SETTLE_NAP_MS = 100,
	SETTLE_MAX_MS = 5000,
};

void kan_fatal(struct kan_conductor *c, const struct kan_err *err)
{
	if (!c->fatal)
		c->fatal_err = *err;
	c->fatal = true;
}

static void on_signal(struct kan_conductor *c)
{
	struct signalfd_siginfo info;
	if (read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) && !c->stopped_by)
		c->stopped_by = (int)info.ssi_signo;
}

static void progress(struct kan_conductor *c, enum kan_capture_event event, double ms,
		     const char *why)
{
	struct kan_capture_progress p = {.event = event, .ms = ms, .why = why, .target = c->target};
	if (c->req->progress)
		c->req->progress(&p, c->req->arg);
}

static void on_lease(struct kan_conductor *c, const struct kan_lease_report *r)
{
	struct kan_freeze_record *f = &c->freeze;
	c->pause_out &= r->what == KAN_LEASE_PAUSED || r->what == KAN_LEASE_RETRIED;
	switch ((enum kan_lease_what)r->what) {
	case KAN_LEASE_PAUSED:
		f->paused_by_us = true;
		f->asked_ns = r->asked_ns;
		f->frozen_ns = r->done_ns;
		f->engine_ns += r->engine_ns;
		c->window_open = true;
		atomic_store(&c->window->frozen, 1);
		f->by_kernel = r->by_kernel != 0;
		(void)snprintf(f->why, sizeof(f->why), "%s", r->text);
		kan_record_lease(c, "paused", r); /* one unsynced write */
		kan_record_impact(c, f->by_kernel ? "froze the container's cgroup through the "
						    "kernel's own file, behind the engine's back, "
						    "for the time in freeze"
						  : "paused the container's cgroup for the time "
						    "in freeze");
		break;
	case KAN_LEASE_FOUND:
		f->found_paused = true;
		atomic_store(&c->window->frozen, 1);
		break;
	case KAN_LEASE_NOT_FROZEN:
		f->not_frozen = true;
		(void)snprintf(f->why, sizeof(f->why), "%s", r->text);
		break;
	case KAN_LEASE_RESUMED:
		f->resumed_ns = r->done_ns;
		f->engine_ns += r->engine_ns;
		c->window_open = false;
		atomic_store(&c->window->frozen, 0);
		kan_record_lease(c, "resumed", r);
		progress(c, KAN_CAPTURE_RESUMED, (double)(f->resumed_ns - f->asked_ns) / 1e6, NULL);
		break;
	case KAN_LEASE_RETRIED:
		kan_record_lease(c, "retried", r);
		break;
	case KAN_LEASE_KEPT:
		c->window_open = false;
		c->kept = true;
		kan_record_lease(c, "kept", r);
		break;
	case KAN_LEASE_FAILED:
		c->window_open = false;
		kan_record_gap(c, "conductor", "resume", "denied", r->text);
		progress(c, KAN_CAPTURE_WARNING, 0, r->text);
		break;
	}
}

static void note_lost(const char *text, void *arg)
{
	struct kan_lease_report r = {.what = KAN_LEASE_RETRIED};
	(void)snprintf(r.text, sizeof(r.text), "%.255s", text);
	kan_record_lease(arg, "retried", &r);
}

/* A pause that the lease had sent off may still take effect after our look at the freezer. */
static void settle(const struct kan_conductor *c)
{
	int64_t until = kan_boot_ns() + (int64_t)SETTLE_MAX_MS * 1000000;
	while (!kan_lease_settle(&c->lease_setup) && kan_boot_ns() < until)
		(void)poll(NULL, 0, SETTLE_NAP_MS); /* an engine that is gone answers at once */
}

/* The lease is dead, stopped or mute: what it held, we resume. A pause of somebody else stays. */
static void lease_lost(struct kan_conductor *c)
{
	struct kan_lease_report r = {.what = KAN_LEASE_RESUMED, .asked_ns = kan_boot_ns()};
	struct kan_err err = {0};
	bool held = c->pause_out, owes = false;
	bool stays = held && c->window_open && c->lease_setup.stay_paused && !c->lease_quits;
	kan_lease_free(c->lease);
	c->lease = NULL;
	kan_record_gap(c, "conductor", "pause lease", "crashed",
		       stays  ? "the lease was lost; the container stays paused (--on-fail)"
		       : held ? "the lease was lost; the conductor resumed the container"
			      : "the lease was lost; it held no pause");
	if (!held)
		return;
	r.by_kernel = c->freeze.by_kernel = kan_pause_by_kernel(&c->lease_setup);
	if (stays) {
		kan_pause_held(&c->lease_setup, false); /* or the guard would resume it */
		r.what = KAN_LEASE_KEPT;
		on_lease(c, &r);
		return;
	}
	if (kan_lease_thaw(&owes, &r.engine_ns, &c->lease_setup, note_lost, c, &err) < 0) {
		r.what = KAN_LEASE_FAILED;
		(void)snprintf(r.text, sizeof(r.text), "%.255s", err.text);
	}
	r.done_ns = kan_boot_ns();
	on_lease(c, &r);
	if (!c->freeze.by_kernel)
		settle(c);
}

static void attend_lease(struct kan_conductor *c)
{
	struct kan_lease_report r = {0};
	int got = kan_lease_read(&r, c->lease, NULL);
	if (got > 0) {
		on_lease(c, &r);
	} else if (got == 0 && c->lease_quits && !c->pause_out) {
		kan_lease_free(c->lease);
		c->lease = NULL;
	} else if (got == 0) {
		lease_lost(c);
	}
}

/* Who had it paused lets it run while we read: no later row may say "frozen". */
static void watch_found(struct kan_conductor *c)
{
	if (!c->freeze.found_paused || !c->target->cgroup || !atomic_load(&c->window->frozen) ||
	    kan_cgroup_frozen(c->target->cgroup, NULL) != 0)
		return;
	atomic_store(&c->window->frozen, 0);
	kan_record_gap(c, "conductor", "pause", "changed",
		       "found paused; somebody resumed it while it was being read");
}

/* The same with our own pause: docker unpause is for everybody. The lease marks an end of its own
 * before it thaws. */
static void watch_ours(struct kan_conductor *c)
{
	if (!c->window_open || !c->target->cgroup || !atomic_load(&c->window->frozen) ||
	    kan_cgroup_thawed(c->target->cgroup, NULL) <= 0 || kan_cgroup_gone(c->target->cgroup))
		return;
	atomic_store(&c->window->frozen, 0);
	c->freeze.resumed_ns = kan_boot_ns();
	kan_record_gap(c, "conductor", "pause", "changed",
		       "somebody else resumed or ended it in the pause: it ran from then on");
}

static size_t fill(struct pollfd *p, struct kan_child **who, struct kan_conductor *c)
{
	size_t n = 0;
	p[n++] = (struct pollfd){.fd = c->signal_fd, .events = POLLIN};
	p[n++] = (struct pollfd){.fd = c->lease ? kan_lease_fd(c->lease) : -1, .events = POLLIN};
	for (size_t i = 0; i < c->n_children; i++) {
		struct kan_child *k = &c->children[i];
		if (!kan_child_running(k))
			continue;
		who[n] = k;
		p[n++] = (struct pollfd){.fd = k->channel, .events = POLLIN};
		who[n] = k;
		p[n++] = (struct pollfd){.fd = k->pidfd, .events = POLLIN};
	}
	return n;
}

bool kan_loop_step(struct kan_conductor *c, int64_t until_ns)
{
	struct pollfd p[2 + 2 * KAN_CHILDREN];
	struct kan_child *who[2 + 2 * KAN_CHILDREN] = {0};
	size_t n = fill(p, who, c);
	int64_t left = (until_ns - kan_boot_ns()) / 1000000 + 1;
	int wait = left < 0 ? 0 : left > TICK_MS ? TICK_MS : (int)left;
	if (poll(p, n, wait) < 0 && errno != EINTR)
		return false;
	if (p[0].revents)
		on_signal(c);
	if (p[1].revents && c->lease)
		attend_lease(c);
	else if (c->lease && kan_lease_stopped(c->lease))
		lease_lost(c);
	for (size_t i = 2; i < n; i++) {
		if (!p[i].revents)
			continue;
		if (p[i].fd == who[i]->pidfd)
			who[i]->dead = true;
		kan_child_attend(c, who[i]);
	}
	watch_found(c);
	if (c->hold) /* a short pause is looked at once, at its end: a look costs time in it */
		watch_ours(c);
	int64_t now = kan_boot_ns();
	for (size_t i = 0; i < c->n_children; i++)
		kan_child_check_time(c, &c->children[i], now);
	kan_child_tell_running(c, now);
	if (now > c->deadline_boot && !c->stopped_by)
		c->stopped_by = SIGALRM;
	return !c->stopped_by && !c->fatal;
}

static bool tier_has(const struct kan_conductor *c, enum kan_tier low, enum kan_tier high,
		     enum kan_child_state state)
{
	for (size_t i = 0; i < c->n_children; i++) {
		const struct kan_child *k = &c->children[i];
		if (k->collector->tier >= low && k->collector->tier <= high && k->state == state)
			return true;
	}
	return false;
}

/* All that run have said that they are ready, or have ended. */
static bool prepare(struct kan_conductor *c)
{
	int64_t until = kan_boot_ns() + (int64_t)PREPARE_MS * 1000000;
	while (tier_has(c, KAN_TIER_PAUSED, KAN_TIER_FILES, KAN_CHILD_PREPARING) &&
	       kan_boot_ns() < until)
		if (!kan_loop_step(c, until))
			return false;
	return true;
}

static bool files_fit(const struct kan_conductor *c)
{
	uint64_t entries = 0, bytes = 0;
	if (c->req->policy.freeze == KAN_FREEZE_FULL)
		return true;
	for (size_t i = 0; i < c->n_children; i++) {
		if (c->children[i].collector->tier != KAN_TIER_FILES)
			continue;
		if (__builtin_add_overflow(entries, c->children[i].est_entries, &entries) ||
		    __builtin_add_overflow(bytes, c->children[i].est_bytes, &bytes))
			return false;
	}
	return entries <= AUTO_ENTRIES && bytes <= AUTO_BYTES;
}

/* What takes long, and was asked for, must not age what does not. */
static bool others_first(const struct kan_conductor *c, const struct kan_child *who)
{
	if (!(who->collector->needs & KAN_NEEDS_ASKED))
		return false;
	for (size_t i = 0; i < c->n_children; i++) {
		const struct kan_child *k = &c->children[i];
		if (k->collector->tier == who->collector->tier &&
		    !(k->collector->needs & KAN_NEEDS_ASKED) &&
		    (k->state == KAN_CHILD_PREPARING || k->state == KAN_CHILD_READY ||
		     k->state == KAN_CHILD_READING))
			return true;
	}
	return false;
}

static void let_go(struct kan_conductor *c, enum kan_tier tier, bool inside)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (c->children[i].collector->tier == tier &&
		    c->children[i].state == KAN_CHILD_READY && !others_first(c, &c->children[i]))
			kan_child_go(c, &c->children[i], inside);
}

static bool somebody_inside(const struct kan_conductor *c)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (c->children[i].state == KAN_CHILD_READING && c->children[i].in_window)
			return true;
	return false;
}

/* Ask for the pause and wait for the kernel's word. */
static void pause_target(struct kan_conductor *c)
{
	struct kan_err err = {0};
	kan_record_lease(c, "asked", NULL);
	kan_record_sync(c); /* on disk before the lease may call pause */
	if (c->fatal)
		return;
	if (kan_lease_pause(c->lease, c->req->policy.max_freeze_ms, &err) < 0) {
		kan_record_gap(c, "conductor", "pause", "crashed", err.text);
		return;
	}
	c->pause_out = true;
	int64_t until = kan_boot_ns() + (int64_t)LEASE_ANSWER_MS * 1000000;
	while (c->lease && !c->window_open && !c->freeze.found_paused && !c->freeze.not_frozen &&
	       kan_boot_ns() < until)
		if (!kan_loop_step(c, until))
			return;
	if (c->lease && c->pause_out && !c->window_open)
		lease_lost(c);
}

/* End the pause: rows from now on say "frozen":false, then the container runs. With --then it lasts
 * until the act. */
void kan_window_resume(struct kan_conductor *c)
{
	if (!c->lease || !c->window_open || c->hold)
		return;
	watch_ours(c);
	atomic_store(&c->window->frozen, 0);
	(void)kan_lease_resume(c->lease, NULL); /* it is gone: attend_lease resumes */
	int64_t until = kan_boot_ns() + (int64_t)LEASE_ANSWER_MS * 1000000;
	while (c->lease && c->window_open && kan_boot_ns() < until)
		(void)kan_loop_step(c, until);
	if (c->lease && c->window_open)
		lease_lost(c);
	kan_record_sync(c);
}

void kan_window_end(struct kan_conductor *c)
{
	if (!c->lease || c->hold)
		return;
	c->lease_quits = true;
	kan_lease_quit(c->lease);
	int64_t until = kan_boot_ns() + (int64_t)LEASE_ANSWER_MS * 1000000;
	while (c->lease && kan_boot_ns() < until)
		(void)kan_loop_step(c, until);
	if (c->lease)
		lease_lost(c);
}

static void read_paused(struct kan_conductor *c)
{
	bool files = files_fit(c);
	let_go(c, KAN_TIER_PAUSED, true);
	if (files)
		let_go(c, KAN_TIER_FILES, true);
	int64_t until = c->freeze.asked_ns + (int64_t)c->req->policy.max_freeze_ms * 1000000;
	while (c->window_open && somebody_inside(c) && !c->window_break && kan_boot_ns() < until) {
		if (!kan_loop_step(c, until))
			break;
		if (c->window_open && !c->window_break)
			let_go(c, KAN_TIER_PAUSED, true); /* who waited for others */
	}
}

static bool wants_pause(const struct kan_conductor *c)
{
	return c->lease && c->req->policy.freeze != KAN_FREEZE_NEVER &&
	       (c->hold || tier_has(c, KAN_TIER_PAUSED, KAN_TIER_FILES, KAN_CHILD_READY));
}

static void not_frozen(struct kan_conductor *c)
{
	struct kan_lease_report r = {.what = KAN_LEASE_NOT_FROZEN};
	char why[sizeof(c->freeze.why) + 128];
	(void)snprintf(r.text, sizeof(r.text), "%.255s", c->freeze.why);
	kan_record_lease(c, "not-frozen", &r);
	(void)snprintf(why, sizeof(why),
		       "the container could not be frozen; it was read live (rows say "
		       "frozen:false): %s",
		       c->freeze.why);
	kan_record_gap(c, "conductor", "pause", "timeout", why);
}

/* Who checks on the target starts when it runs again, or, without a pause, when tier 1 has read. */
static void start_checks(struct kan_conductor *c)
{
	bool reading = !c->freeze.resumed_ns &&
		       (tier_has(c, KAN_TIER_PAUSED, KAN_TIER_PAUSED, KAN_CHILD_PREPARING) ||
			tier_has(c, KAN_TIER_PAUSED, KAN_TIER_PAUSED, KAN_CHILD_READING));
	for (size_t i = 0; i < c->n_children && !reading; i++)
		if (c->children[i].collector->needs & KAN_NEEDS_RESUME &&
		    c->children[i].state == KAN_CHILD_IDLE)
			kan_child_start(c, &c->children[i]);
}

/* Go, paused or live, then wait for all of tiers 1 and 2. */
void kan_window_run(struct kan_conductor *c)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (c->children[i].collector->tier == KAN_TIER_PAUSED ||
		    c->children[i].collector->tier == KAN_TIER_FILES)
			kan_child_start(c, &c->children[i]);
	if (prepare(c) && wants_pause(c)) {
		pause_target(c);
		if (c->window_open) {
			read_paused(c);
			kan_window_resume(c);
		} else if (c->freeze.found_paused) {
			kan_record_lease(c, "found-paused", NULL);
		} else if (!c->stopped_by && !c->fatal) {
			not_frozen(c);
		}
	}
	while (!c->stopped_by && !c->fatal) {
		bool found = atomic_load(&c->window->frozen) != 0;
		let_go(c, KAN_TIER_PAUSED, found);
		let_go(c, KAN_TIER_FILES, found);
		start_checks(c);
		if (!tier_has(c, KAN_TIER_PAUSED, KAN_TIER_FILES, KAN_CHILD_PREPARING) &&
		    !tier_has(c, KAN_TIER_PAUSED, KAN_TIER_FILES, KAN_CHILD_READING) &&
		    !tier_has(c, KAN_TIER_PAUSED, KAN_TIER_FILES, KAN_CHILD_LEFT))
			break;
		(void)kan_loop_step(c, kan_boot_ns() + (int64_t)TICK_MS * 1000000);
	}
	kan_window_resume(c);
}
