/* Where the target comes from: an engine, or the data root that one has left. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/conductor.h"
#include "engine/dataroot.h"
#include "engine/offline.h"

enum { WHY_OCTETS = 512, NS_IN_MS = 1000000, WAIT_MS = 3600000 };

static void remember_call(const struct kan_engine_call *call, void *arg)
{
	struct kan_early *e = arg;
	if (e->n == KAN_EARLY_CALLS) {
		e->lost++;
		return;
	}
	(void)snprintf(e->calls[e->n].method, sizeof(e->calls[0].method), "%s", call->method);
	(void)snprintf(e->calls[e->n].path, sizeof(e->calls[0].path), "%s", call->path);
	memcpy(e->calls[e->n].sha256, call->sha256, sizeof(call->sha256));
	e->calls[e->n].status = call->status;
	e->calls[e->n].octets = call->octets;
	e->n++;
}

/*
 * Single opens and reads have a bound, but a file system that is dead holds whoever looks for a
 * name. So the target is opened by a thread that can be left behind: all it uses is its own, and
 * nothing was made yet.
 */
struct opening {
	struct kan_capture_request req;
	struct kan_engine *engine;
	struct kan_target *target;
	struct kan_early early;
	struct kan_err err;
	int rc, done_fd;
	atomic_bool given_up; /* by the first of the two that is done with it: the other frees it */
};

static void drop(struct opening *o)
{
	kan_target_free(o->target);
	kan_engine_free(o->engine);
	(void)close(o->done_fd);
	free(o);
}

/* From an engine, or from the files that one has left. */
static int find(struct opening *o)
{
	const struct kan_capture_request *r = &o->req;
	if (r->root)
		return kan_target_open_offline(&o->target, r->root, r->container, &r->policy,
					       &o->err);
	if (kan_engine_open(&o->engine, r->host, &o->err) < 0)
		return -1;
	kan_engine_watch(o->engine, remember_call, &o->early);
	return kan_target_open(&o->target, o->engine, r->container, &r->policy, &o->err);
}

static void *open_it(void *arg)
{
	struct opening *o = arg;
	o->rc = find(o);
	(void)eventfd_write(o->done_fd, 1);
	if (atomic_exchange(&o->given_up, true))
		drop(o);
	return NULL;
}

/* true: it has ended, whatever came of it. */
static bool ended_in_time(struct kan_conductor *c, const struct opening *o)
{
	struct pollfd p[2] = {{.fd = o->done_fd, .events = POLLIN},
			      {.fd = c->signal_fd, .events = POLLIN}};
	struct signalfd_siginfo info;
	for (;;) {
		int64_t left = (c->deadline_boot - kan_boot_ns()) / NS_IN_MS + 1;
		if (left <= 0) {
			c->stopped_by = SIGALRM;
			return false;
		}
		(void)poll(p, 2, left < WAIT_MS ? (int)left : WAIT_MS);
		if (p[0].revents)
			return true;
		if (p[1].revents &&
		    read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			c->stopped_by = (int)info.ssi_signo;
			return false;
		}
	}
}

/* What it was opened with lives as long as the conductor from here on. */
static int take_over(struct kan_conductor *c, struct kan_early *early, struct opening *o,
		     struct kan_err *err)
{
	int rc = o->rc;
	c->engine = o->engine;
	c->target = o->target;
	if (c->target)
		c->target->policy = &c->req->policy;
	*early = o->early;
	if (c->engine)
		kan_engine_watch(c->engine, remember_call, early);
	if (rc < 0 && err)
		*err = o->err;
	(void)close(o->done_fd);
	free(o);
	return rc;
}

/* It takes along all it has, and frees that should it come back. */
static void leave(struct kan_conductor *c, pthread_t thread, struct opening *o)
{
	if (!atomic_exchange(&o->given_up, true)) {
		(void)pthread_detach(thread);
		c->left_behind = true;
		return;
	}
	(void)pthread_join(thread, NULL);
	drop(o);
}

int kan_source_open(struct kan_conductor *c, struct kan_early *early, struct kan_err *err)
{
	pthread_t thread = 0;
	struct opening *o = kan_xalloc(sizeof(*o));
	o->req = *c->req;
	o->done_fd = eventfd(0, EFD_CLOEXEC);
	int failed = o->done_fd < 0 ? errno : pthread_create(&thread, NULL, open_it, o);
	if (failed) {
		kan_auto_close_fn(&o->done_fd);
		free(o);
		kan_err_sys(err, failed, "a thread");
		return -1;
	}
	if (ended_in_time(c, o)) {
		(void)pthread_join(thread, NULL);
		return take_over(c, early, o, err);
	}
	leave(c, thread, o);
	return kan_fail(
		err, KAN_EENGINE,
		c->stopped_by == SIGALRM
			? "the time limit was reached before the container was found: "
			  "nothing was written"
			: "interrupted before the container was found: nothing was written");
}

/* What a data root cannot be asked for, and what we cannot read of it. */
static void warn_offline(struct kan_conductor *c)
{
	struct kan_capture_progress p = {.event = KAN_CAPTURE_WARNING, .target = c->target};
	if (geteuid() != 0)
		kan_record_gap(
			c, "filesystem", "overlay attributes", "denied",
			"not root: opaque and moved directories of the overlay are not seen");
	kan_record_scope(c, "processes", "processes, sockets, memory, what the engine answers",
			 "--root: a data root has none of them");
	kan_auto_free char *place = kan_dataroot_place(c->target->data_root_fd);
	if (kan_dataroot_linked(c->req->root) && c->req->progress) {
		char why[WHY_OCTETS];
		(void)snprintf(why, sizeof(why),
			       "--root leads through a symbolic link to %s: is that the disk that "
			       "is meant?",
			       place ? place : "?");
		p.why = why;
		c->req->progress(&p, c->req->arg);
	}
	p.why = "a process of this machine holds the data root: its files may change while they "
		"are read; without --root the engine is asked, too";
	if (kan_dataroot_live(c->target->data_root_fd) && c->req->progress)
		c->req->progress(&p, c->req->arg);
}

void kan_source_warn(struct kan_conductor *c)
{
	struct kan_capture_progress p = {.event = KAN_CAPTURE_WARNING, .target = c->target};
	if (c->target->depth == KAN_DEPTH_OFFLINE)
		warn_offline(c);
	if (c->target->depth != KAN_DEPTH_API || c->req->api_only || !c->req->progress)
		return;
	p.why = geteuid() == 0
			? "this host could not prove what the engine claims: taken are its "
			  "answers, its log, its image, and its own list of changed files with "
			  "their content"
			: "not root: taken are the engine's answers, its log, its image, and its "
			  "own list of changed files with their content; as root also processes, "
			  "sockets, memory, mounts, packages, and how each change came about";
	c->req->progress(&p, c->req->arg);
}
