/* Binary formats that the kernel hands to an interpreter: binfmt.ndjson of the collector host. */
#ifndef KAN_COLLECTORS_BINFMT_H
#define KAN_COLLECTORS_BINFMT_H

#include <kanshiki/err.h>

struct kan_sink;
struct kan_target;

enum { KAN_BINFMT_MAX = 1024 };

/* Not mounted or waiting for an automount: said, and nothing is written. -1 when evidence cannot be
 * written. */
int kan_binfmt(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err);

#endif
