/* Texts of a comparison: many small ones, freed together. */
#include <stdlib.h>
#include <string.h>

#include "analyze/arena.h"

enum { BLOCK = 1 << 20 };

static bool more(struct kan_arena *a, size_t need)
{
	size_t size = need > BLOCK ? need : BLOCK;
	if (a->used + size > a->max)
		return false;
	if ((a->n_blocks & (a->n_blocks - 1)) == 0)
		a->blocks = kan_xrealloc(a->blocks, a->n_blocks ? a->n_blocks * 2 : 1,
					 sizeof *a->blocks);
	a->at = kan_xalloc(size);
	a->blocks[a->n_blocks++] = a->at;
	a->left = size;
	a->used += size;
	return true;
}

bool kan_arena_keep(struct kan_arena *a, struct kan_bytes *v)
{
	if (a->full || (v->n + 1 > a->left && !more(a, v->n + 1))) {
		a->full = true;
		return false;
	}
	if (v->n)
		memcpy(a->at, v->p, v->n);
	a->at[v->n] = 0;
	v->p = a->at;
	a->at += v->n + 1;
	a->left -= v->n + 1;
	return true;
}

void kan_arena_free(struct kan_arena *a)
{
	for (size_t i = 0; i < a->n_blocks; i++)
		free(a->blocks[i]);
	free(a->blocks);
	*a = (struct kan_arena){.max = a->max};
}
