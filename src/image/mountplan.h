/* The mounts of a container, from every mount namespace, with what is to be done about each. */
#ifndef KAN_IMAGE_MOUNTPLAN_H
#define KAN_IMAGE_MOUNTPLAN_H

#include "image/mountclass.h"
#include "image/mountcovers.h"
#include "kernel/mountinfo.h"

enum {
	KAN_PLAN_LINES = 400000, /* of all namespaces together */
	KAN_PLAN_SPACES = 1024,
};

/* One mount namespace. root_fd: where its paths begin; -1: unknown. */
struct kan_space {
	uint64_t ino;
	int root_fd;
	bool host;            /* the host's own: listed, never entered */
	struct kan_buf *text; /* what the views of its mounts are of; own memory */
};

struct kan_planned {
	struct kan_mount m;
	struct kan_bytes host_path; /* empty: unknown */
	const struct kan_space *space;
	size_t order;
	enum kan_mount_class class;
	struct kan_mount_rule rule;
	int small;   /* when measured: 1 it is, -1 it is not */
	int through; /* id of the mount that can hang on the way to it; 0 */
	struct kan_planned
		*first; /* the first of the same (device, root) and act: itself, mostly */
	int taken;      /* of the first: id of the mount by which it was taken; 0 */
	struct kan_covered covered;
};

struct kan_plan {
	enum kan_mounts asked;
	struct kan_space *spaces;
	size_t n_spaces;
	struct kan_planned *v;
	size_t n, cap;
	uint64_t seen; /* lines; more than n: KAN_PLAN_LINES */
};

/*
 * Adds a namespace and its lines. root_fd is the caller's until it is in the plan; host may be
 * NULL. -1 format or limit: what came before the bad line is in the plan.
 */
int kan_plan_add(struct kan_plan *p, struct kan_space space, struct kan_bytes mountinfo,
		 const struct kan_hostmap *host, struct kan_err *err);
/* When all are added: duplicates, and who is reached through what. */
void kan_plan_finish(struct kan_plan *p);
void kan_plan_free(struct kan_plan *p); /* closes no descriptor */

#endif
