/* patterns: the first bytes are strings, the rest is searched; the number of hits is that of a
 * plain search. */
#include "kernel/patterns.h"

#include <stdlib.h>
#include <string.h>

enum { STRINGS = 16 };

static void on_hit(size_t string, uint64_t end, void *arg)
{
	uint64_t *sum = arg;
	*sum += (string + 1) * (end + 1);
}

static size_t cut(struct kan_bytes v[STRINGS], const uint8_t **data, size_t *size)
{
	size_t n = 0;
	while (n<STRINGS && * size> 1) {
		size_t octets = 1 + **data % 8;
		if (octets >= *size)
			break;
		v[n++] = (struct kan_bytes){*data + 1, octets};
		*data += octets + 1;
		*size -= octets + 1;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes v[STRINGS];
	struct kan_patterns_at at = {0};
	uint64_t sum = 0, plain = 0;
	size_t n = cut(v, &data, &size);
	if (n == 0)
		return 0;
	struct kan_patterns *p = kan_patterns_new(v, n);
	kan_patterns_find(&at, p, (struct kan_bytes){data, size / 2}, on_hit, &sum);
	kan_patterns_find(&at, p, (struct kan_bytes){data + size / 2, size - size / 2}, on_hit,
			  &sum);
	for (size_t s = 0; s < n; s++)
		for (size_t i = 0; i + v[s].n <= size; i++)
			if (memcmp(data + i, v[s].p, v[s].n) == 0)
				on_hit(s, i + v[s].n, &plain);
	kan_patterns_free(p);
	if (sum != plain)
		abort();
	return 0;
}
