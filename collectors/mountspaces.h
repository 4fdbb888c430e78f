/* The mount namespaces of the container's members, with their tables: raw, and as a plan. */
#ifndef KAN_COLLECTORS_MOUNTSPACES_H
#define KAN_COLLECTORS_MOUNTSPACES_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "image/mountplan.h"

/* Stores mountinfo-INODE.txt of each and fills the plan. -1: evidence cannot be written. */
int kan_mountspaces_read(struct kan_plan *p, const struct kan_target *t, struct kan_sink *sink,
			 struct kan_err *err);
void kan_mountspaces_close(struct kan_plan *p); /* descriptors and plan */

#endif
