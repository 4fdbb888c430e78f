/* The conductor: target, place, tiers, seal. */
#include "capture/capture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "capture/conductor.h"
#include "evidence/holders.h"

enum {
	DEFAULT_TIMEOUT_S = 3600,
	DEFAULT_FREEZE_MS = 2000,
	FULL_FREEZE_MS = 10000,
	STOP_WAIT_S = 5
};

static void record_call(const struct kan_engine_call *call, void *arg)
{
	kan_record_request(arg, call->method, call->path, call->status, call->octets, call->sha256);
}

static void record_early(struct kan_conductor *c, const struct kan_early *e)
{
	for (size_t i = 0; i < e->n; i++)
		kan_record_request(c, e->calls[i].method, e->calls[i].path, e->calls[i].status,
				   e->calls[i].octets, e->calls[i].sha256);
	kan_engine_watch(c->engine, record_call, c);
}

/* A claim of the engine that the kernel contradicts is a gap; one that could not be proven is in
 * capture.json alone. */
static void record_contradictions(struct kan_conductor *c)
{
	size_t i = 0;
	json_t *claim = NULL;
	json_array_foreach (c->target->claims, i, claim) {
		const char *verdict = json_string_value(json_object_get(claim, "verdict"));
		if (verdict && strcmp(verdict, "contradicted") == 0)
			kan_record_gap(c, "conductor",
				       json_string_value(json_object_get(claim, "claim")), verdict,
				       json_string_value(json_object_get(claim, "proof")));
	}
}

static void choose_collectors(struct kan_conductor *c)
{
	for (const struct kan_collector *const *k = kan_collectors;
	     *k && c->n_children < KAN_CHILDREN; k++) {
		const char *why = kan_left_out(c->req, *k);
		if (why) {
			kan_record_scope(c, (*k)->name, (*k)->name, why);
			continue;
		}
		c->children[c->n_children++] = (struct kan_child){
			.collector = *k, .state = KAN_CHILD_IDLE, .channel = -1, .pidfd = -1};
	}
}

static void run_tier(struct kan_conductor *c, enum kan_tier tier)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (c->children[i].collector->tier == tier &&
		    c->children[i].state == KAN_CHILD_IDLE && !c->stopped_by && !c->fatal)
			kan_child_start(c, &c->children[i]);
	for (;;) {
		bool running = false;
		for (size_t i = 0; i < c->n_children; i++) {
			running |= c->children[i].collector->tier == tier &&
				   kan_child_running(&c->children[i]);
			/* Outside tiers 1 and 2 there is nothing to wait for. */
			if (c->children[i].collector->tier == tier &&
			    c->children[i].state == KAN_CHILD_READY)
				kan_child_go(c, &c->children[i], false);
		}
		if (!running || c->stopped_by || c->fatal)
			return;
		(void)kan_loop_step(c, kan_boot_ns() + 1000000000);
	}
}

static bool somebody_runs(const struct kan_conductor *c)
{
	for (size_t i = 0; i < c->n_children; i++)
		if (kan_child_running(&c->children[i]))
			return true;
	return false;
}

/* Stop what still runs: an interrupt, the time limit, or evidence that cannot be written. */
static void stop_children(struct kan_conductor *c)
{
	for (size_t i = 0; i < c->n_children; i++)
		kan_child_kill(&c->children[i]);
	int64_t until = kan_boot_ns() + (int64_t)STOP_WAIT_S * 1000000000;
	while (somebody_runs(c) && kan_boot_ns() < until)
		(void)kan_loop_step(c, kan_boot_ns() + 100000000);
	for (size_t i = 0; i < c->n_children; i++)
		if (!c->children[i].status)
			c->children[i].status = "skipped";
}

static void event(struct kan_conductor *c, enum kan_capture_event what, const char *path)
{
	struct kan_capture_progress p = {.event = what, .path = path, .target = c->target};
	if (c->req->progress)
		c->req->progress(&p, c->req->arg);
}

static void start_lease(struct kan_conductor *c)
{
	struct kan_err err = {0};
	if (c->target->depth == KAN_DEPTH_OFFLINE) /* whatever the files say of its state */
		return;
	if (c->target->state == KAN_STATE_PAUSED)
		c->freeze.found_paused = true;
	if (c->freeze.found_paused)
		atomic_store(&c->window->frozen, 1);
	if (c->target->state != KAN_STATE_RUNNING || c->req->policy.freeze == KAN_FREEZE_NEVER ||
	    (c->target->depth != KAN_DEPTH_HOST && !c->req->then.act))
		return;
	c->lease_setup = (struct kan_lease_setup){.how = c->req->policy.freeze == KAN_FREEZE_CGROUP
								 ? KAN_LEASE_KERNEL
								 : KAN_LEASE_EITHER,
						  .engine = c->engine,
						  .cgroup = c->target->cgroup,
						  .id = c->target->id,
						  .bundle_fd = c->bundle_fd,
						  .window = c->window,
						  .journal = c->journal,
						  .stay_paused = c->req->then.stay_paused};
	if (kan_lease_share_new(&c->lease_setup.share, &err) < 0 ||
	    kan_lease_start(&c->lease, &c->lease_setup, &err) < 0)
		kan_record_gap(c, "conductor", "pause lease", "crashed", err.text);
	else if (kan_guard_start(&c->guard, &c->lease_setup, c->lease, &err) < 0)
		kan_record_gap(c, "conductor", "guard of the pause", "crashed", err.text);
	c->hold = c->lease && c->req->then.act;
}

static void tier_mark(struct kan_conductor *c, int tier)
{
	static const char *const names[] = {"0", "1-2", "3"};
	kan_record_word(c, "tier", "tier", names[tier]);
}

static void collect(struct kan_conductor *c, const char *partial)
{
	bool was_live = c->target->pid > 0;
	start_lease(c);
	tier_mark(c, 0);
	run_tier(c, KAN_TIER_BEFORE);
	if (!c->stopped_by && !c->fatal) {
		tier_mark(c, 1);
		kan_window_run(c);
	}
	/* There will be no act: nothing is held through the seal for it. */
	if ((c->stopped_by || c->fatal) && !c->lease_setup.stay_paused)
		c->hold = false;
	kan_window_resume(c);
	kan_window_end(c);
	if (!c->stopped_by && !c->fatal) {
		event(c, KAN_CAPTURE_FIRST_SCREEN, partial);
		tier_mark(c, 2);
		run_tier(c, KAN_TIER_AFTER);
	}
	stop_children(c);
	if (was_live && !kan_target_alive(c->target))
		kan_record_gap(c, "conductor", "container", "vanished",
			       "the container ended or was restarted while it was being collected");
}

static const char *stop_reason(int sig)
{
	return sig == SIGALRM ? "timeout" : sig ? "interrupted" : NULL;
}

static int seal(struct kan_capture_result *out, struct kan_conductor *c, struct kan_err *err)
{
	if (c->stopped_by) {
		kan_record_word(c, "interrupted", "why",
				c->stopped_by == SIGALRM ? "time limit" : strsignal(c->stopped_by));
		out->partial = true;
		out->stopped_by = c->stopped_by;
	}
	if (c->fatal) {
		*err = c->fatal_err;
		return kan_wrap(err, "evidence could not be preserved");
	}
	event(c, KAN_CAPTURE_SEALING, NULL);
	if (kan_record_document(&out->capture, c, err) < 0)
		return -1;
	json_t *host = kan_host_json();
	const char *host_name = json_string_value(json_object_get(host, "name"));
	struct kan_seal_request r = {
		.parent_fd = c->parent_fd,
		.bundle = c->bundle,
		.journal = c->journal,
		.capture = out->capture,
		.case_id = c->req->case_id,
		.host = host_name ? host_name : "unknown",
		.container = c->target->id,
		.started_ns = c->started_ns,
		.partial_reason = stop_reason(c->stopped_by),
	};
	c->closed = true;
	kan_engine_watch(c->engine, NULL, NULL);
	int rc = kan_seal(out->seal, &r, err);
	json_decref(host);
	return rc < 0 ? kan_wrap(err, "seal") : 0;
}

static char *join(const char *dir, const char *name, const char *suffix)
{
	struct kan_buf b = KAN_BUF(8192);
	kan_buf_addf(&b, "%s/%s%s", dir, name, suffix);
	return (char *)b.data;
}

static void fill_result(struct kan_capture_result *out, const struct kan_conductor *c)
{
	memcpy(out->bundle, c->bundle, sizeof(out->bundle));
	memcpy(out->id, c->target->id, sizeof(out->id));
	out->name = kan_xstrdup(c->target->name);
	out->image = kan_xstrdup(c->target->image);
	out->image_id = kan_xstrdup(c->target->image_id);
	out->engine = c->engine ? kan_xstrdup(kan_engine_host(c->engine)) : NULL;
	out->gap_list = json_incref(c->gaps);
	out->gaps = c->journal ? kan_journal_gaps(c->journal) : 0;
	out->seconds = (double)(kan_boot_ns() - c->started_boot) / 1e9;
}

/*
 * Whoever interrupts the seal or an act, which take their time, means what would come next: another
 * container. Unread, the signal would end us behind the seal, before it is committed and before the
 * act is told.
 */
static void late_signal(struct kan_capture_result *out, struct kan_conductor *c)
{
	(void)kan_loop_step(c, kan_boot_ns());
	if (!out->stopped_by && c->stopped_by != SIGALRM) /* the limit is over; all is done */
		out->stopped_by = c->stopped_by;
}

static int run_placed(struct kan_capture_result *out, struct kan_conductor *c,
		      const struct kan_early *early, struct kan_err *err)
{
	out->path = join(c->req->parent_dir, c->bundle, ".partial");
	if (kan_record_start(c, err) < 0)
		return -1;
	record_early(c, early);
	record_contradictions(c);
	choose_collectors(c);
	event(c, KAN_CAPTURE_TARGET, out->path);
	kan_source_warn(c);
	collect(c, out->path);
	int rc = seal(out, c, err);
	kan_hand_over(out, c, rc == 0);
	late_signal(out, c);
	if (rc < 0)
		return -1;
	free(out->path);
	out->path = join(c->req->parent_dir, c->bundle, "");
	return 0;
}

static int find_and_run(struct kan_capture_result *out, struct kan_conductor *c,
			struct kan_err *err)
{
	kan_auto_free struct kan_early *early = kan_xalloc(sizeof(*early));
	if (kan_known_collectors(c->req, err) < 0)
		return -1;
	if (kan_source_open(c, early, err) < 0) {
		out->stopped_by = c->stopped_by;
		out->left_behind = c->left_behind;
		return -1;
	}
	c->started_ns = kan_now_ns();
	int rc = c->req->then.allowed ? c->req->then.allowed(c->target, c->req->arg, err) : 0;
	if (rc == 0)
		rc = kan_place_reach(c, err);
	if (rc == 0 && c->req->ready)
		rc = c->req->ready(c->req->arg, err);
	if (rc == 0)
		rc = kan_place_check(c, err);
	if (rc == 0)
		rc = kan_place_make(c, err);
	if (c->req->api_only)
		kan_target_api_only(c->target);
	if (rc == 0)
		rc = run_placed(out, c, early, err);
	fill_result(out, c);
	return rc;
}

int kan_listen_to_signals(struct kan_conductor *c, sigset_t *before, struct kan_err *err)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, before) < 0)
		return kan_fail_sys(err, "signals");
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd < 0 ? kan_fail_sys(err, "signals") : 0;
}

void kan_conductor_release(struct kan_conductor *c)
{
	kan_lease_free(c->lease);
	kan_guard_free(c->guard);
	kan_lease_share_free(c->lease_setup.share);
	kan_journal_free(c->journal);
	kan_target_free(c->target);
	kan_engine_free(c->engine);
	if (c->window && c->window->holders)
		(void)munmap(c->window->holders, sizeof(*c->window->holders));
	if (c->window)
		(void)munmap(c->window, sizeof(*c->window));
	json_decref(c->gaps);
	json_decref(c->scope);
	json_decref(c->impact);
	int *fds[] = {&c->parent_fd, &c->bundle_fd, &c->signal_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		kan_auto_close_fn(fds[i]);
}

/* With every process that comes from here; NULL: no memory. */
static void *share(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void kan_capture_defaults(struct kan_capture_request *r)
{
	if (!r->policy.timeout_s)
		r->policy.timeout_s = DEFAULT_TIMEOUT_S;
	if (r->root) /* nothing runs there */
		r->policy.freeze = KAN_FREEZE_NEVER;
	bool full = r->policy.freeze == KAN_FREEZE_FULL || kan_asks_for_memory(&r->policy);
	if (r->then.act) /* held until the act: nothing shorter would reach it */
		r->policy.max_freeze_ms = r->policy.timeout_s * 1000;
	if (!r->policy.max_freeze_ms)
		r->policy.max_freeze_ms = full ? FULL_FREEZE_MS : DEFAULT_FREEZE_MS;
}

int kan_capture_run(struct kan_capture_result *out, const struct kan_capture_request *request,
		    struct kan_err *err)
{
	struct kan_capture_request r = *request;
	struct kan_conductor c = {.req = &r, .parent_fd = -1, .bundle_fd = -1, .signal_fd = -1};
	sigset_t before;
	*out = (struct kan_capture_result){0};
	kan_capture_defaults(&r);
	c.started_boot = kan_boot_ns();
	c.deadline_boot = c.started_boot + (int64_t)r.policy.timeout_s * 1000000000;
	c.gaps = json_array();
	c.scope = json_array();
	c.impact = json_array();
	c.window = share(sizeof(*c.window));
	if (!c.window) {
		(void)kan_fail_sys(err, "memory");
		kan_conductor_release(&c);
		return -1;
	}
	c.window->holders = share(sizeof(*c.window->holders));
	int rc = kan_listen_to_signals(&c, &before, err);
	if (rc == 0)
		rc = find_and_run(out, &c, err);
	kan_conductor_release(&c);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

void kan_capture_result_free(struct kan_capture_result *r)
{
	free(r->path);
	free(r->name);
	free(r->image);
	free(r->image_id);
	free(r->engine);
	free(r->by_hand);
	json_decref(r->capture);
	json_decref(r->gap_list);
	*r = (struct kan_capture_result){0};
}
