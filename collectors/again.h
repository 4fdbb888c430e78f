/* The self-check: members and established connections, listed again right after the resume. */
#ifndef KAN_COLLECTORS_AGAIN_H
#define KAN_COLLECTORS_AGAIN_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

/* members.ndjson and connections.ndjson, by the same rules as before; *n: rows of both. */
int kan_again(uint64_t *n, const struct kan_target *t, struct kan_sink *sink, struct kan_err *err);

#endif
