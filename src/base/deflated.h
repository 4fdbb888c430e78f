/* What zlib packed, unpacked with a bound. */
#ifndef KAN_BASE_DEFLATED_H
#define KAN_BASE_DEFLATED_H

#include <kanshiki/bytes.h>

/* Appends what comes out. false: it is no such stream, stops before its end, or has more than
 * out->max: then out->failed, and out has the first of it. */
bool kan_zlib_take(struct kan_buf *out, struct kan_bytes packed);

#endif
