/* A row of mounts.ndjson. */
#ifndef KAN_COLLECTORS_MOUNTROW_H
#define KAN_COLLECTORS_MOUNTROW_H

#include <kanshiki/sink.h>

struct kan_planned;
struct kan_mounttaken;

int kan_mountrow_put(struct kan_rows *rows, const struct kan_planned *m,
		     const struct kan_mounttaken *taken, struct kan_err *err);

#endif
