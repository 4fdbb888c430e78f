/* The target: found, every claim proven against the kernel, handles held. */
#include <kanshiki/target.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/claims.h"
#include "engine/overlaydirs.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

enum { RESTART_TRIES = 20, RESTART_NAP_MS = 100 };

struct kan_target *kan_target_new(struct kan_engine *e, const struct kan_policy *policy)
{
	struct kan_target *t = kan_xalloc(sizeof(*t));
	t->engine = e;
	t->policy = policy;
	t->claims = json_array();
	t->inspect_raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	t->proc_fd = t->pid_fd = t->pid_dir = t->root_fd = t->space_fd = t->engine_root_fd =
		t->data_root_fd = t->upper_fd = -1;
	t->depth = KAN_DEPTH_API;
	return t;
}

/* All that was opened of the host. */
static void close_host(struct kan_target *t)
{
	int *fds[] = {&t->proc_fd,  &t->pid_fd,         &t->pid_dir,      &t->root_fd,
		      &t->space_fd, &t->engine_root_fd, &t->data_root_fd, &t->upper_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		kan_auto_close_fn(fds[i]);
		*fds[i] = -1;
	}
	kan_overlay_drop(t);
	kan_cgroup_free(t->cgroup);
	free(t->data_root);
	t->cgroup = NULL;
	free(t->uids);
	t->data_root = NULL;
	t->uids = NULL;
	t->pid = 0;
	t->starttime = 0;
}

void kan_target_api_only(struct kan_target *t)
{
	close_host(t);
	t->depth = KAN_DEPTH_API;
}

void kan_target_free(struct kan_target *t)
{
	if (!t)
		return;
	close_host(t);
	char *texts[] = {t->name,     t->image,   t->image_id,   t->log_driver,
			 t->log_path, t->storage, t->lowers_lost};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	kan_buf_free(&t->inspect_raw);
	kan_buf_free(&t->mountinfo);
	json_decref(t->inspect);
	json_decref(t->claims);
	free(t);
}

static char *or_null(const char *s)
{
	return *s ? kan_xstrdup(s) : NULL;
}

int kan_take_claims(struct kan_target *t, struct kan_inspect *i, struct kan_err *err)
{
	if (kan_inspect_read(i, t->inspect, err) < 0 || kan_state_of(&t->state, i->status, err) < 0)
		return -1;
	memcpy(t->id, i->id, sizeof(t->id));
	t->name = kan_xstrdup(i->name);
	t->image = kan_xstrdup(i->image_ref);
	t->image_id = kan_xstrdup(i->image);
	t->log_driver = or_null(i->log_driver);
	t->log_path = or_null(i->log_path);
	t->storage = or_null(i->driver);
	t->tty = i->tty;
	t->auto_remove = i->auto_remove;
	t->pid_private = !*i->pid_mode || strcmp(i->pid_mode, "private") == 0;
	t->net_host = strcmp(i->network_mode, "host") == 0;
	(void)kan_rfc3339_parse(&t->created_ns, i->created,
				NULL); /* 0: not known; the claim is in inspect */
	(void)kan_rfc3339_parse(&t->started_ns, i->started_at, NULL);
	return 0;
}

/* Restarting: up to two seconds for a live process, else it is taken as it stands. */
static int settle(struct kan_target *t, const char *asked, struct kan_err *err)
{
	struct kan_inspect i;
	for (int n = 0; n < RESTART_TRIES; n++) {
		if (kan_inspect_read(&i, t->inspect, err) < 0)
			return -1;
		if (strcmp(i.status, "restarting") != 0)
			return 0;
		struct timespec nap = {0, RESTART_NAP_MS * 1000000L};
		(void)nanosleep(&nap, NULL);
		json_t *doc = NULL;
		kan_buf_reset(&t->inspect_raw);
		if (kan_find_container(&doc, &t->inspect_raw, t->engine, asked, err) < 0)
			return -1;
		json_decref(t->inspect);
		t->inspect = doc;
	}
	return 0;
}

static bool live(enum kan_state s)
{
	return s == KAN_STATE_RUNNING || s == KAN_STATE_PAUSED || s == KAN_STATE_RESTARTING;
}

/* No process was found of one that the engine called running: has it ended since it was asked? */
static bool ended_meanwhile(struct kan_target *t)
{
	json_t *doc = NULL;
	struct kan_inspect i;
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	bool known = kan_find_container(&doc, &raw, t->engine, t->id, NULL) == 0 &&
		     kan_inspect_read(&i, doc, NULL) == 0 && strcmp(i.id, t->id) == 0 &&
		     kan_state_of(&t->state, i.status, NULL) == 0;
	json_decref(doc);
	return known && t->state != KAN_STATE_RUNNING && t->state != KAN_STATE_PAUSED;
}

static void prove(struct kan_target *t, int64_t pid)
{
	struct kan_err why = {0};
	if (geteuid() != 0) {
		kan_claim(t, "host", "", KAN_UNPROVEN,
			  "not root: nothing of another user can be read");
		return;
	}
	if (kan_proc_open(&t->proc_fd, &why) < 0 || kan_prove_engine(t, t->engine, &why) < 0) {
		kan_claim(t, "host", "", KAN_UNPROVEN, why.text);
		return;
	}
	t->depth = KAN_DEPTH_HOST;
	/* Between two lives a restarting one has no process, and is taken like one that ended. */
	bool between = t->state == KAN_STATE_RESTARTING && pid <= 0;
	if (live(t->state) && !between) {
		kan_prove_pid(t, pid);
		if (t->pid <= 0 && t->state != KAN_STATE_RESTARTING && !ended_meanwhile(t)) {
			t->depth = KAN_DEPTH_API;
			return;
		}
	}
	kan_prove_layers(t);
}

static int open_found(struct kan_target *t, const char *asked, struct kan_err *err)
{
	struct kan_inspect i;
	if (kan_find_container(&t->inspect, &t->inspect_raw, t->engine, asked, err) < 0 ||
	    settle(t, asked, err) < 0 || kan_take_claims(t, &i, err) < 0)
		return -1;
	if (t->state == KAN_STATE_REMOVING)
		return kan_fail(err, KAN_ENOTFOUND,
				"the engine is removing %.64s: nothing can be taken any more",
				asked);
	prove(t, i.pid);
	return 0;
}

int kan_target_open(struct kan_target **out, struct kan_engine *e, const char *asked,
		    const struct kan_policy *policy, struct kan_err *err)
{
	struct kan_target *t = kan_target_new(e, policy);
	if (open_found(t, asked, err) < 0) {
		kan_target_free(t);
		return -1;
	}
	*out = t;
	return 0;
}
