/* A set of numbers that were met: nothing is told twice. */
#ifndef KAN_KERNEL_SEEN_H
#define KAN_KERNEL_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kan_seen {
	uint64_t *v; /* 0: free */
	size_t n, cap;
};
/* true: for the first time. 0 is nobody's number and always new. */
bool kan_seen_first(struct kan_seen *s, uint64_t number);
bool kan_seen_has(const struct kan_seen *s, uint64_t number);
void kan_seen_free(struct kan_seen *s);

#endif
