/* What a capture would do: asked of the engine and the kernel, and nothing is changed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/row.h"
#include "capture/conductor.h"

enum {
	COPIES = 2, /* of a changed file: as it is, and as it was */
	PATH_OCTETS = 512,
};

static json_t *container(const struct kan_target *t)
{
	json_t *o = json_object();
	kan_json_set_bytes(o, "id", kan_bytes_of(t->id));
	kan_json_set_bytes(o, "name", kan_bytes_of(t->name));
	kan_json_set_bytes(o, "image", kan_bytes_of(t->image));
	kan_json_set_bytes(
		o, "state",
		kan_bytes_of(kan_json_str(json_object_get(t->inspect, "State"), "Status")));
	return o;
}

static json_t *said(const char *name, const char *key, const char *text)
{
	json_t *o = json_object();
	json_object_set_new(o, "name", json_string(name));
	kan_json_set_bytes(o, key, kan_bytes_of(text));
	return o;
}

static void collectors(json_t *plan, const struct kan_conductor *c)
{
	json_t *collect = json_array(), *leave = json_array();
	for (const struct kan_collector *const *k = kan_collectors; *k; k++) {
		const char *why = kan_left_out(c->req, *k);
		if (!why)
			(void)kan_not_applicable(&why, c->target, (*k)->needs);
		if (why)
			json_array_append_new(leave, said((*k)->name, "why", why));
		else
			json_array_append_new(collect, said((*k)->name, "summary", (*k)->summary));
	}
	json_object_set_new(plan, "collect", collect);
	json_object_set_new(plan, "leave_out", leave);
}

/* Why it is not paused, or NULL. */
static const char *no_pause(const struct kan_conductor *c)
{
	if (c->target->depth == KAN_DEPTH_OFFLINE)
		return "nothing runs in a data root";
	if (c->target->state == KAN_STATE_PAUSED)
		return "it is paused already, and stays so";
	if (c->target->state != KAN_STATE_RUNNING)
		return "it does not run";
	if (c->req->policy.freeze == KAN_FREEZE_NEVER)
		return "--freeze never";
	if (c->target->depth != KAN_DEPTH_HOST && !c->req->then.act)
		return "only the engine is asked: what it gives needs no pause";
	return NULL;
}

static void pause_of(json_t *plan, const struct kan_conductor *c)
{
	static const char *const modes[] = {"auto", "full", "never", "cgroup"};
	const char *why = no_pause(c);
	json_t *o = json_object();
	json_object_set_new(o, "mode", json_string(why ? "none" : modes[c->req->policy.freeze]));
	if (why)
		json_object_set_new(o, "why", json_string(why));
	else
		json_object_set_new(o, "max_ms", json_integer(c->req->policy.max_freeze_ms));
	json_object_set_new(plan, "pause", o);
}

/* The engine has counted what was written over the image; -1: it does not say. */
static json_int_t upper_size(const struct kan_conductor *c)
{
	char path[PATH_OCTETS];
	json_auto_t *list = NULL;
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	if (!c->engine)
		return -1;
	(void)snprintf(path, sizeof(path),
		       "/containers/json?all=1&size=1&filters=%%7B%%22id%%22%%3A%%5B%%22%.64s%%22"
		       "%%5D%%7D",
		       c->target->id);
	if (kan_engine_get_raw(&raw, c->engine, path, NULL) < 0 ||
	    kan_engine_parse(&list, kan_buf_bytes(&raw), NULL) < 0)
		return -1;
	/* Left out when it is nothing. */
	json_int_t size = json_integer_value(json_object_get(json_array_get(list, 0), "SizeRw"));
	return json_array_size(list) == 1 && size >= 0 ? size : -1;
}

static json_int_t log_size(const struct kan_target *t)
{
	struct stat st;
	kan_auto_close int fd = -1;
	if (!t->log_path || !*t->log_path || t->data_root_fd < 0 ||
	    kan_target_data_open(&fd, t, t->log_path, O_PATH, NULL) < 0 || fstat(fd, &st) < 0)
		return -1;
	return S_ISREG(st.st_mode) ? (json_int_t)st.st_size : -1;
}

static json_t *known_size(json_int_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

/* The place, or what there is of the way to it. */
static json_t *free_space(const char *place)
{
	struct statvfs v;
	kan_auto_free char *path = kan_xstrdup(place);
	for (char *slash; statvfs(path, &v) < 0;) {
		slash = strrchr(path, '/');
		if (!slash)
			return json_null();
		slash[slash == path] = 0;
		if (slash == path && statvfs("/", &v) < 0)
			return json_null();
	}
	uint64_t octets = (uint64_t)v.f_bavail * v.f_frsize;
	return json_integer((json_int_t)octets);
}

static void space(json_t *plan, const struct kan_conductor *c)
{
	json_int_t upper = upper_size(c), log = log_size(c->target);
	json_t *o = json_object();
	kan_json_set_bytes(o, "place", kan_bytes_of(c->req->parent_dir));
	json_object_set_new(o, "free", free_space(c->req->parent_dir));
	json_object_set_new(o, "upper", known_size(upper));
	json_object_set_new(o, "log", known_size(log));
	json_object_set_new(o, "needed",
			    json_integer(KAN_CAPTURE_SPACE_MIN + (upper > 0 ? COPIES * upper : 0) +
					 (log > 0 ? log : 0)));
	json_object_set_new(plan, "space", o);
}

static json_t *describe(const struct kan_conductor *c)
{
	static const char *const depths[] = {"host", "api-only", "offline"};
	json_t *plan = json_object();
	if (c->engine)
		kan_json_set_bytes(plan, "engine", kan_bytes_of(kan_engine_host(c->engine)));
	json_object_set_new(plan, "container", container(c->target));
	json_object_set_new(plan, "depth", json_string(depths[c->target->depth]));
	pause_of(plan, c);
	collectors(plan, c);
	space(plan, c);
	json_object_set(plan, "inspect", c->target->inspect);
	return plan;
}

static int look(json_t **out, struct kan_conductor *c, struct kan_err *err)
{
	kan_auto_free struct kan_early *early = kan_xalloc(sizeof(*early));
	if (kan_known_collectors(c->req, err) < 0 || kan_source_open(c, early, err) < 0)
		return -1;
	if (c->req->api_only)
		kan_target_api_only(c->target);
	if ((c->req->then.allowed && c->req->then.allowed(c->target, c->req->arg, err) < 0) ||
	    kan_place_reach(c, err) < 0)
		return -1;
	*out = describe(c);
	return 0;
}

int kan_capture_plan(json_t **out, bool *left_behind, const struct kan_capture_request *request,
		     struct kan_err *err)
{
	struct kan_capture_request r = *request;
	struct kan_conductor c = {.req = &r, .parent_fd = -1, .bundle_fd = -1, .signal_fd = -1};
	sigset_t before;
	*out = NULL;
	kan_capture_defaults(&r);
	c.started_boot = kan_boot_ns();
	c.deadline_boot = c.started_boot + (int64_t)r.policy.timeout_s * 1000000000;
	int rc = kan_listen_to_signals(&c, &before, err);
	if (rc == 0)
		rc = look(out, &c, err);
	*left_behind = c.left_behind;
	kan_conductor_release(&c);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
