/* The acts themselves: look, call once, look again. */
#include "respond/respond.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/row.h"
#include "engine/control.h"
#include "respond/state.h"

enum {
	ENDED_WAIT_MS =
		10000, /* SIGKILL is out: what is not stuck in the kernel has ended by then */
	FROZEN_WAIT_MS = 1500, /* the engine may leave a killed container frozen: then we thaw it */
	LOOK_EVERY_MS = 50,
};

const char *const kan_respond_words[] = {"pause", "disconnect", "kill", "stop", NULL};

static bool is_swarm(const struct kan_target *t)
{
	const json_t *labels = json_object_get(json_object_get(t->inspect, "Config"), "Labels");
	return json_object_get(labels, "com.docker.swarm.task.id") ||
	       json_object_get(labels, "com.docker.swarm.service.id");
}

static int keeps_original(const struct kan_target *t, const char *what, struct kan_err *err)
{
	if (t->auto_remove)
		return kan_fail(err, KAN_EREFUSED,
				"%.64s was started with --rm: the engine removes it when it ends, "
				"so %s loses the original; --then pause keeps it, "
				"--yes-loses-original does it all the same",
				t->name, what);
	if (is_swarm(t))
		return kan_fail(err, KAN_EREFUSED,
				"%.64s is a task of Swarm, which replaces and removes what ends, "
				"so %s loses the original; --then pause keeps it, "
				"--yes-loses-original does it all the same",
				t->name, what);
	return 0;
}

/* What has no network of its own cannot be taken off one. */
static int has_own_network(const struct kan_target *t, struct kan_err *err)
{
	const char *mode = json_string_value(
		json_object_get(json_object_get(t->inspect, "HostConfig"), "NetworkMode"));
	if (t->net_host)
		return kan_fail(err, KAN_EREFUSED,
				"%.64s uses the host's own network and cannot be disconnected "
				"from it: use --then pause, or filter on the host",
				t->name);
	if (mode && strncmp(mode, "container:", 10) == 0)
		return kan_fail(err, KAN_EREFUSED,
				"%.64s uses the network of container %.12s: disconnect that one",
				t->name, mode + 10);
	return 0;
}

int kan_respond_allowed(const struct kan_target *t, enum kan_respond_do what, bool loses,
			struct kan_err *err)
{
	switch (what) {
	case KAN_RESPOND_PAUSE:
		return 0;
	case KAN_RESPOND_DISCONNECT:
		return has_own_network(t, err);
	case KAN_RESPOND_KILL:
	case KAN_RESPOND_STOP:
		return loses ? 0 : keeps_original(t, kan_respond_words[what], err);
	}
	return 0;
}

static void nap(void)
{
	struct timespec t = {0, LOOK_EVERY_MS * 1000000L};
	(void)nanosleep(&t, NULL);
}

/* One act while it is being done. */
struct doing {
	const struct kan_respond *r;
	json_t *act, *impact;
};

static void changed(struct doing *d, const char *text)
{
	json_array_append_new(d->impact, json_string(text));
}

static void set_undo(struct doing *d, const char *verb)
{
	kan_auto_buf struct kan_buf b = KAN_BUF(8192);
	if (verb)
		kan_undo_simple(&b, kan_engine_host(d->r->engine), verb, d->r->id);
	json_object_set_new(d->act, "undo", json_string(kan_buf_str(&b)));
}

static void lost(struct doing *d, const char *const *texts)
{
	json_t *list = json_array();
	for (; *texts; texts++)
		json_array_append_new(list, json_string(*texts));
	json_object_set_new(d->act, "lost", list);
}

static int let_run(struct doing *d, struct kan_err *err)
{
	return d->r->held && d->r->let_run ? d->r->let_run(d->r->arg, err) : 0;
}

static int found_done(struct doing *d)
{
	json_object_set_new(d->act, "already", json_true());
	return 0;
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
static int pause_after_all(struct doing *d, struct kan_err *err)
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
	changed(d, "ran for a moment between the freezer's hold and the engine's pause");
	return 0;
}

/* The capture's own pause is the act, when there is one: then no call is needed. */
static int pause_it(struct doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	if (!s->live || (s->paused && !d->r->held)) {
		set_undo(d, s->live ? "unpause" : NULL);
		return found_done(d);
	}
	if (!s->paused && pause_after_all(d, err) < 0)
		return -1;
	set_undo(d, "unpause");
	changed(d, "paused until somebody resumes it");
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

static int thaw_killed(struct doing *d, struct kan_err *err)
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

static void describe_end(struct doing *d)
{
	kan_auto_state struct kan_seen_state now = {0};
	bool there = kan_state_look(&now, d->r->engine, d->r->id, NULL) == 0 && now.doc &&
		     !json_is_true(
			     json_object_get(json_object_get(now.doc, "HostConfig"), "AutoRemove"));
	set_undo(d, there ? "start" : NULL);
	lost(d, there ? with_the_process : with_the_original);
}

static int kill_it(struct doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	if (!s->live) {
		set_undo(d, s->doc ? "start" : NULL);
		return found_done(d);
	}
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
	changed(d, "ended by SIGKILL");
	describe_end(d);
	return 0;
}

/* It must run to see the signal. One that somebody else had paused is resumed by the engine. */
static int stop_it(struct doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	if (!s->live) {
		set_undo(d, s->doc ? "start" : NULL);
		return found_done(d);
	}
	if (let_run(d, err) < 0)
		return -1;
	int rc = kan_control_stop(&status, d->r->engine, d->r->id, &why);
	int end = ended(d->r, rc == 0 ? ENDED_WAIT_MS : 0, err);
	if (end < 0)
		return -1;
	if (end == 0)
		return kan_fail(err, KAN_EENGINE, "it still runs: %.300s",
				rc < 0 ? why.text : "the engine said that it stopped");
	changed(d, "ended by SIGTERM, or by SIGKILL ten seconds later");
	describe_end(d);
	return 0;
}

/* One network. A reply that says no is no answer: what inspect says then is. */
static int leave(const struct kan_respond *r, const json_t *n, struct kan_err *err)
{
	int status = 0;
	struct kan_err why = {0};
	kan_auto_state struct kan_seen_state now = {0};
	const char *id = json_string_value(json_object_get(n, "id")),
		   *name = json_string_value(json_object_get(n, "name"));
	if (!id)
		return kan_fail(err, KAN_EENGINE, "network %.200s has no id in inspect", name);
	int rc = kan_control_disconnect(&status, r->engine, r->id, id, &why);
	if (kan_state_look(&now, r->engine, r->id, err) < 0)
		return -1;
	if (now.doc && kan_state_on(now.doc, id))
		return kan_fail(err, KAN_EENGINE, "it is still on network %.200s: %.200s", name,
				rc < 0 ? why.text : "the engine said that it left");
	return 0;
}

static int leave_all(struct doing *d, const json_t *networks, json_t *left, struct kan_err *err)
{
	size_t i = 0;
	json_t *n = NULL;
	json_array_foreach (networks, i, n) {
		kan_auto_buf struct kan_buf b = KAN_BUF(1024);
		if (leave(d->r, n, err) < 0)
			return -1;
		kan_buf_addf(&b, "network %.255s detached",
			     json_string_value(json_object_get(n, "name")));
		changed(d, kan_buf_str(&b));
		json_array_append(left, n);
	}
	return 0;
}

static int disconnect_it(struct doing *d, const struct kan_seen_state *s, struct kan_err *err)
{
	json_auto_t *networks = kan_state_networks(s->doc), *left = json_array();
	kan_auto_buf struct kan_buf undo = KAN_BUF(64 << 10);
	int rc = leave_all(d, networks, left, err);
	kan_undo_connect(&undo, kan_engine_host(d->r->engine), left, d->r->id);
	json_object_set_new(d->act, "undo", json_string(kan_buf_str(&undo)));
	if (json_array_size(left)) {
		json_object_set(d->act, "networks", left);
		json_object_set_new(d->act, "lost", kan_undo_lost(left));
	}
	if (rc < 0)
		return -1;
	if (!json_array_size(left))
		(void)found_done(d);
	return let_run(d, err);
}

static int dispatch(struct doing *d, const struct kan_seen_state *s, struct kan_err *err)
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
	}
	return kan_fail(err, KAN_EUSAGE, "no such act");
}

static json_t *begin(const char *what, const char *id)
{
	json_t *act = json_object();
	json_object_set_new(act, "do", json_string(what));
	kan_json_set_bytes(act, "target", kan_bytes_of(id));
	json_object_set_new(act, "undo", json_string(""));
	json_object_set_new(act, "began_ns", json_integer(kan_now_ns()));
	return act;
}

static void set_state(json_t *act, const char *key, struct kan_engine *e, const char *id)
{
	kan_auto_state struct kan_seen_state now = {0};
	if (kan_state_look(&now, e, id, NULL) == 0)
		kan_json_set_bytes(act, key, kan_bytes_of(now.status));
}

int kan_respond(json_t **act, const struct kan_respond *r, struct kan_err *err)
{
	kan_auto_state struct kan_seen_state s = {0};
	struct doing d = {
		.r = r, .act = begin(kan_respond_words[r->what], r->id), .impact = json_array()};
	int rc = kan_state_look(&s, r->engine, r->id, err);
	if (rc == 0) {
		kan_json_set_bytes(d.act, "before",
				   kan_bytes_of(r->held && s.paused ? "running" : s.status));
		rc = dispatch(&d, &s, err);
	}
	/* An engine that just failed to answer is not waited for once more. */
	if (rc == 0)
		set_state(d.act, "after", r->engine, r->id);
	json_object_set_new(d.act, "impact", d.impact);
	json_object_set_new(d.act, "ended_ns", json_integer(kan_now_ns()));
	*act = d.act;
	return rc < 0 ? -1 : 0;
}

void kan_respond_left_paused(json_t **act, const char *host, const char *id, const char *by_hand)
{
	kan_auto_buf struct kan_buf undo = KAN_BUF(128 << 10);
	const char *before = NULL;
	if (!*act) {
		*act = begin("pause", id);
		json_object_set_new(*act, "before", json_string("running"));
		json_object_set_new(*act, "impact", json_array());
		json_object_set_new(*act, "ended_ns", json_integer(kan_now_ns()));
	}
	if (by_hand)
		kan_buf_adds(&undo, by_hand);
	else
		kan_undo_simple(&undo, host, "unpause", id);
	before = json_string_value(json_object_get(*act, "undo"));
	if (before && *before)
		kan_buf_addf(&undo, " && %s", before);
	json_object_set_new(*act, "undo", json_string(kan_buf_str(&undo)));
	json_object_set_new(*act, "after", json_string("paused"));
	json_array_append_new(json_object_get(*act, "impact"),
			      json_string("left paused: --on-fail stay-paused"));
}

/* What it is now, and what it was found as when there was nothing to do. */
static const char *now_words(const json_t *act, bool already)
{
	const char *what = json_string_value(json_object_get(act, "do")),
		   *after = json_string_value(json_object_get(act, "after"));
	if (strcmp(what, "pause") == 0 && already)
		return after && strcmp(after, "paused") != 0
			       ? "does not run: there is nothing to pause"
			       : "was paused already, not by this capture, and is left so";
	if (strcmp(what, "pause") == 0)
		return "is paused and stays so";
	if (strcmp(what, "disconnect") == 0 && already)
		return after && strcmp(after, "gone") == 0 ? "is gone: the engine has it no more"
							   : "was on no network already";
	if (strcmp(what, "disconnect") == 0)
		return "is off all its networks";
	if (strcmp(what, "kill") == 0)
		return already ? "had ended already" : "is ended (SIGKILL)";
	return already ? "had ended already" : "is stopped";
}

void kan_respond_sentence(struct kan_buf *out, const json_t *act, const char *name)
{
	bool already = json_is_true(json_object_get(act, "already"));
	const char *undo = json_string_value(json_object_get(act, "undo"));
	kan_buf_addf(out, "container %s %s", name, now_words(act, already));
	if (undo && *undo)
		kan_buf_addf(out, "; undo: %s", undo);
	else if (!already)
		kan_buf_adds(out, "; it cannot be undone");
}
