/* What zlib packed, looked at before somebody else unpacks it. */
#ifndef KAN_BASE_DEFLATED_H
#define KAN_BASE_DEFLATED_H

#include <kanshiki/bytes.h>

enum { KAN_ZLIB_HEAD = 64 };

struct kan_zlib_seen {
	uint8_t head[KAN_ZLIB_HEAD]; /* the first octets that come out, n_head of them */
	size_t n_head;
	uint64_t octets; /* that come out; over max: there may be more */
};

/* false: it is no such stream, or stops before its end. Over max it was not looked at to its end.
 */
bool kan_zlib_look(struct kan_zlib_seen *out, struct kan_bytes packed, uint64_t max);

#endif
