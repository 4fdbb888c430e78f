/* The pause and the mounts: what fits into it is read by all readers at once, and written
 * afterwards. */
#ifndef KAN_COLLECTORS_MOUNTWINDOW_H
#define KAN_COLLECTORS_MOUNTWINDOW_H

#include <kanshiki/sink.h>

#include "image/entermount.h"
#include "image/mountplan.h"
#include "kernel/bounded.h"

struct kan_mountfiles;
struct kan_mountread;

struct kan_mountwindow {
	struct kan_sink *sink;
	struct kan_plan *plan;
	struct kan_mountfiles *files;
	struct kan_bounded *thread;
	struct kan_mountread **ahead; /* one for each of the plan; NULL: not read yet */
	unsigned stuck;
};
void kan_mountwindow_init(struct kan_mountwindow *c, struct kan_sink *sink, struct kan_plan *plan,
			  struct kan_mountfiles *files);
void kan_mountwindow_free(struct kan_mountwindow *c); /* what is still being read is given up */

extern const struct kan_small kan_mount_bind_limit;
bool kan_mount_only_small(const struct kan_planned *m); /* is its size asked before it is taken? */
/* limit ends as well when too many did not answer. */
int kan_mountwindow_enter(struct kan_entered *e, struct kan_mountwindow *c,
			  const struct kan_planned *m, struct kan_small limit, struct kan_err *why);
/* Stat only, given up where the window ends. true: all of it fits. */
bool kan_mountwindow_fits(struct kan_mountwindow *c, uint64_t *entries, uint64_t *octets);
/* Walk and read; nothing is written until the container runs again. */
void kan_mountwindow_read(struct kan_mountwindow *c);

#endif
