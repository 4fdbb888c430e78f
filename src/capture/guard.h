/* The guard: a second process beside the pause lease, that acts only when lease and conductor both
 * cannot: killed, stopped, in whatever order. */
#ifndef KAN_CAPTURE_GUARD_H
#define KAN_CAPTURE_GUARD_H

#include "capture/lease.h"

#define KAN_GUARD_NAME "kanshiki-guard"

struct kan_guard;

/* Fork it, after the lease; s->share must be there. */
int kan_guard_start(struct kan_guard **out, const struct kan_lease_setup *s,
		    struct kan_lease *lease, struct kan_err *err);
/* The conductor has seen to the pause: the guard ends at once. NULL allowed. */
void kan_guard_free(struct kan_guard *g);
void kan_guard_drop(struct kan_guard *g); /* in another child after fork */

#endif
