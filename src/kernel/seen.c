/* A set of numbers that were met: open addressing, at most half full. */
#include "kernel/seen.h"

#include <kanshiki/bytes.h>
#include <stdlib.h>

enum { FIRST = 64, HASH_BITS = 64 };

static const uint64_t golden = 0x9e3779b97f4a7c15ULL; /* Knuth: spreads what is close together */

static uint64_t *place(const struct kan_seen *s, uint64_t number)
{
	size_t i = (size_t)(number * golden >> (HASH_BITS / 2)) & (s->cap - 1);
	while (s->v[i] && s->v[i] != number)
		i = (i + 1) & (s->cap - 1);
	return &s->v[i];
}

static void grow(struct kan_seen *s)
{
	struct kan_seen bigger = {.cap = s->cap ? 2 * s->cap : FIRST, .n = s->n};
	bigger.v = kan_xalloc(bigger.cap * sizeof(*bigger.v));
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i])
			*place(&bigger, s->v[i]) = s->v[i];
	free(s->v);
	*s = bigger;
}

bool kan_seen_first(struct kan_seen *s, uint64_t number)
{
	if (number == 0)
		return true;
	if (s->n >= s->cap / 2)
		grow(s);
	uint64_t *at = place(s, number);
	if (*at)
		return false;
	*at = number;
	s->n++;
	return true;
}

bool kan_seen_has(const struct kan_seen *s, uint64_t number)
{
	return number && s->cap && *place(s, number) == number;
}

void kan_seen_free(struct kan_seen *s)
{
	free(s->v);
	*s = (struct kan_seen){0};
}
