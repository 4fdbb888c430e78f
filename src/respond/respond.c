/* The acts themselves: look, call once, look again. */
#include "respond/respond.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/row.h"
#include "engine/control.h"
#include "respond/doing.h"
#include "respond/state.h"

enum {
	ENDED_WAIT_MS =
		10000, /* SIGKILL is out: what is not stuck in the kernel has ended by then */
	FROZEN_WAIT_MS = 1500, /* the engine may leave a killed container frozen: then we thaw it */
	LOOK_EVERY_MS = 50,
};

const char *const kan_respond_words[] = {"pause",      "disconnect", "kill", "stop",
					 "no-restart", "label",      NULL};

static void nap(void)
{
	struct timespec t = {0, LOOK_EVERY_MS * 1000000L};
	(void)nanosleep(&t, NULL);
}

static int let_run(struct kan_doing *d, struct kan_err *err)
{
	return d->r->held && d->r->let_run ? d->r->let_run(d->r->arg, err) : 0;
}

/* By the engine, and seen to be so. */
static int engine_pause(const struct kan_respond *r, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	int rc = kan_control_pause(&status, r->engine, r->id, &why);
	if (kan_state_look(&now, r->engine, r->id, err) < 0)
		return -1;
	if (now.paused)
		return 0;
	return kan_fail(err, KAN_EENGINE, "it is not paused: %.300s",
			rc < 0 ? why.text : "the engine said so, and it runs");
}

/* Held by the kernel, behind the engine's back: the engine pauses only what runs. */
static int pause_after_all(struct kan_doing *d, struct kan_err *err)
{
	struct kan_err first = {0};
	if (engine_pause(d->r, &first) == 0)
		return 0;
	if (!d->r->held) {
		*err = first;
		return -1;
	}
	if (let_run(d, err) < 0 || engine_pause(d->r, err) < 0)
		return -1;
	kan_doing_changed(d, "ran for a moment between the freezer's hold and the engine's pause");
	return 0;
}

/* Of an act that is found done: was it not so when the evidence was sealed? */
static bool ran_when_sealed(const struct kan_doing *d, bool unpaused)
{
	struct kan_seen_state then = {0};
	if (!d->r->sealed)
		return false;
	kan_state_read(&then, d->r->sealed);
	return then.live && !(unpaused && then.paused);
}

static int found_ended(struct kan_doing *d, const struct kan_seen_state *s)
{
	kan_doing_undo(d, s->doc ? "start" : NULL);
	return s->doc && ran_when_sealed(d, false) ? kan_doing_since_seal(d) : kan_doing_already(d);
}

/* The capture's own pause is the act, when there is one: then no call is needed. */
static int pause_it(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	if (!s->live || (s->paused && !d->r->held)) {
		kan_doing_undo(d, s->live ? "unpause" : NULL);
		return s->live && ran_when_sealed(d, true) ? kan_doing_since_seal(d)
							   : kan_doing_already(d);
	}
	if (!s->paused && pause_after_all(d, err) < 0)
		return -1;
	kan_doing_undo(d, "unpause");
	kan_doing_changed(d, "paused until somebody resumes it");
	return 0;
}

/* Has it ended? Waits for it; 1 ended, 0 not within ms, -1 the engine cannot say. */
static int ended(const struct kan_respond *r, int ms, struct kan_err *err)
{
	int64_t until = kan_boot_ns() + (int64_t)ms * 1000000;
	for (;;) {
		kan_auto_state struct kan_seen_state now = {0};
		if (kan_state_look(&now, r->engine, r->id, err) < 0)
			return -1;
		if (!now.live)
			return 1;
		/* A killed task of a frozen cgroup (v1) ends when it is thawed, and not before. */
		if ((now.paused || r->held) && ms > FROZEN_WAIT_MS &&
		    kan_boot_ns() > until - (int64_t)(ms - FROZEN_WAIT_MS) * 1000000)
			return 0;
		if (kan_boot_ns() > until)
			return 0;
		nap();
	}
}

static int thaw_killed(struct kan_doing *d, struct kan_err *err)
{
	int status = 0;
	kan_auto_state struct kan_seen_state now = {0};
	if (let_run(d, err) < 0 || kan_state_look(&now, d->r->engine, d->r->id, err) < 0)
		return -1;
	return now.paused ? kan_control_unpause(&status, d->r->engine, d->r->id, err) : 0;
}

static const char *const with_the_process[] = {"its processes and their memory",
					       "connections that were open",
					       "what lay in its tmpfs mounts", NULL};
static const char *const with_the_original[] = {
	"its processes and their memory", "connections that were open",
	"what lay in its tmpfs mounts", "the container: the engine removes it", NULL};

static void describe_end(struct kan_doing *d)
{
	kan_auto_state struct kan_seen_state now = {0};
	bool there = kan_state_look(&now, d->r->engine, d->r->id, NULL) == 0 && now.doc &&
		     !json_is_true(
			     json_object_get(json_object_get(now.doc, "HostConfig"), "AutoRemove"));
	kan_doing_undo(d, there ? "start" : NULL);
	kan_doing_lost(d, there ? with_the_process : with_the_original);
}

static int kill_it(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	if (!s->live)
		return found_ended(d, s);
	/* Frozen by the kernel alone: an engine that owns the pause also ends it after the kill. */
	if (d->r->held && !s->paused)
		(void)kan_control_pause(&status, d->r->engine, d->r->id, NULL);
	int rc = kan_control_kill(&status, d->r->engine, d->r->id, &why);
	int end = ended(d->r, rc == 0 ? ENDED_WAIT_MS : 0, err);
	if (end == 0 && rc == 0) {
		if (thaw_killed(d, err) < 0)
			return -1;
		end = ended(d->r, ENDED_WAIT_MS, err);
	}
	if (end < 0)
		return -1;
	if (end == 0)
		return kan_fail(err, KAN_EENGINE, "it still runs: %.300s",
				rc < 0 ? why.text : "SIGKILL did not end it");
	kan_doing_changed(d, "ended by SIGKILL");
	describe_end(d);
	return 0;
}

/* It must run to see the signal. One that somebody else had paused is resumed by the engine. */
static int stop_it(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	if (!s->live)
		return found_ended(d, s);
	if (let_run(d, err) < 0)
		return -1;
	int rc = kan_control_stop(&status, d->r->engine, d->r->id, &why);
	int end = ended(d->r, rc == 0 ? ENDED_WAIT_MS : 0, err);
	if (end < 0)
		return -1;
	if (end == 0)
		return kan_fail(err, KAN_EENGINE, "it still runs: %.300s",
				rc < 0 ? why.text : "the engine said that it stopped");
	kan_doing_changed(d, "ended by SIGTERM, or by SIGKILL ten seconds later");
	describe_end(d);
	return 0;
}

/* One network. A reply that says no is no answer: what inspect says then is. */
static int leave(const struct kan_respond *r, const json_t *n, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const char *id = kan_json_str(n, "id"), *name = kan_json_str(n, "name");
	int rc = kan_control_disconnect(&status, r->engine, r->id, *id ? id : name, &why);
	if (kan_state_look(&now, r->engine, r->id, err) < 0)
		return -1;
	if (now.doc && kan_state_on(now.doc, n))
		return kan_fail(err, KAN_EENGINE, "it is still on network %.200s: %.200s", name,
				rc < 0 ? why.text : "the engine said that it left");
	return 0;
}

static int leave_all(struct kan_doing *d, const json_t *networks, json_t *left, struct kan_err *err)
{
	size_t i = 0;
	json_t *n = NULL;
	json_array_foreach (networks, i, n) {
		kan_auto_buf struct kan_buf b = KAN_BUF(1024);
		if (leave(d->r, n, err) < 0)
			return -1;
		kan_buf_addf(&b, "network %.255s detached",
			     json_string_value(json_object_get(n, "name")));
		kan_doing_changed(d, kan_buf_str(&b));
		json_array_append(left, n);
	}
	return 0;
}

/* What it was on when the evidence was sealed, and is not now: a run that was cut off took it off.
 */
static void left_before(struct kan_doing *d, const struct kan_seen_state *s, json_t *left)
{
	size_t i = 0;
	json_t *n = NULL;
	json_auto_t *then = d->r->sealed ? kan_state_networks(d->r->sealed) : NULL;
	json_array_foreach (then, i, n)
		if (s->doc && !kan_state_on(s->doc, n))
			json_array_append(left, n);
	if (json_array_size(left))
		(void)kan_doing_since_seal(d);
}

static int disconnect_it(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	json_auto_t *networks = kan_state_networks(s->doc), *left = json_array();
	kan_auto_buf struct kan_buf undo = KAN_BUF(64 << 10);
	left_before(d, s, left);
	int rc = leave_all(d, networks, left, err);
	kan_undo_connect(&undo, kan_engine_host(d->engine), left, d->r->id);
	json_object_set_new(d->act, "undo", json_string(kan_buf_str(&undo)));
	if (json_array_size(left)) {
		json_object_set(d->act, "networks", left);
		json_object_set_new(d->act, "lost", kan_undo_lost(left));
	}
	if (rc < 0)
		return -1;
	if (!json_array_size(left))
		(void)kan_doing_already(d);
	return 0;
}

static int one_act(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	switch (d->r->what) {
	case KAN_RESPOND_PAUSE:
		return pause_it(d, s, err);
	case KAN_RESPOND_DISCONNECT:
		return disconnect_it(d, s, err);
	case KAN_RESPOND_KILL:
		return kill_it(d, s, err);
	case KAN_RESPOND_STOP:
		return stop_it(d, s, err);
	case KAN_RESPOND_NO_RESTART:
		return kan_act_no_restart(d, s, err);
	case KAN_RESPOND_LABEL:
		return kan_act_label(d, s, err);
	}
	return kan_fail(err, KAN_EUSAGE, "no such act");
}

/* What neither stands still nor has ended afterwards runs on. */
static int dispatch(struct kan_doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	bool runs = d->r->what == KAN_RESPOND_DISCONNECT || d->r->what == KAN_RESPOND_NO_RESTART ||
		    d->r->what == KAN_RESPOND_LABEL;
	if (one_act(d, s, err) < 0)
		return -1;
	return runs ? let_run(d, err) : 0;
}

int kan_respond(json_t **act, const struct kan_respond *r, struct kan_err *err)
{
	kan_auto_state struct kan_seen_state s = {0};
	struct kan_doing d = {.engine = r->engine,
			      .id = r->id,
			      .r = r,
			      .act = kan_doing_begin(kan_respond_words[r->what], r->id),
			      .impact = json_array()};
	int rc = kan_state_look(&s, r->engine, r->id, err);
	if (rc == 0) {
		kan_json_set_bytes(d.act, "before",
				   kan_bytes_of(r->held && s.paused ? "running" : s.status));
		rc = dispatch(&d, &s, err);
	}
	/* An engine that just failed to answer is not waited for once more. */
	if (rc == 0)
		kan_doing_state(d.act, "after", r->engine, r->id);
	kan_doing_end(&d);
	*act = d.act;
	return rc < 0 ? -1 : 0;
}
