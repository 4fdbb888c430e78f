/* Many strings searched for at once, in a stream of bytes: time and memory do not depend on what
 * the bytes are. */
#ifndef KAN_KERNEL_PATTERNS_H
#define KAN_KERNEL_PATTERNS_H

#include <kanshiki/bytes.h>

enum { KAN_PATTERNS_OCTETS = 256 << 10 /* of all strings together */ };

struct kan_patterns;
/* The strings are copied; none is empty. At most KAN_PATTERNS_OCTETS together. */
struct kan_patterns *kan_patterns_new(const struct kan_bytes *strings, size_t n);
void kan_patterns_free(struct kan_patterns *p);

/* string: its number; end: octets of the stream up to its end. */
typedef void kan_patterns_fn(size_t string, uint64_t end, void *arg);
/* Where a search stands: zeroed, at the begin of a stream. */
struct kan_patterns_at {
	uint32_t state;
	uint64_t octets;
};
/* Every place of every string, overlaps too, by where they end. */
void kan_patterns_find(struct kan_patterns_at *at, const struct kan_patterns *p,
		       struct kan_bytes piece, kan_patterns_fn *fn, void *arg);

#endif
