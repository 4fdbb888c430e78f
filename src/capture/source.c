/* Where the target comes from: an engine, or the data root that one has left. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/conductor.h"
#include "engine/dataroot.h"
#include "engine/offline.h"

enum { WHY_OCTETS = 512 };

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

/* From an engine, or from the files that one has left. */
int kan_source_open(struct kan_conductor *c, struct kan_early *early, struct kan_err *err)
{
	const struct kan_capture_request *r = c->req;
	if (r->root)
		return kan_target_open_offline(&c->target, r->root, r->container, &r->policy, err);
	if (kan_engine_open(&c->engine, r->host, err) < 0)
		return -1;
	kan_engine_watch(c->engine, remember_call, early);
	return kan_target_open(&c->target, c->engine, r->container, &r->policy, err);
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
			  "answers, its log, and its own list of changed files with their content"
			: "not root: taken are the engine's answers, its log, and its own list of "
			  "changed files with their content; as root also processes, sockets, "
			  "memory, mounts, and the image's side of each change";
	c->req->progress(&p, c->req->arg);
}
