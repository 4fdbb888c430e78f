/* What zlib packed, looked at before somebody else unpacks it. */
#ifndef KAN_BASE_DEFLATED_H
#define KAN_BASE_DEFLATED_H

#include <kanshiki/bytes.h>

/* It is a zlib stream that stops before its end. false: it is whole, no such stream, or over max.
 */
bool kan_zlib_cut(struct kan_bytes packed, uint64_t max);

#endif
