/* The mounts of a container without a process: what its configuration names. */
#ifndef KAN_COLLECTORS_MOUNTNAMED_H
#define KAN_COLLECTORS_MOUNTNAMED_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#define KAN_MOUNTNAMED_ROWS "named.ndjson"

/* named.ndjson, and the content of volumes that lie in the data root. */
int kan_mountnamed_take(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err);

#endif
