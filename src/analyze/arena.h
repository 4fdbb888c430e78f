/* Text that lives as long as its holder, up to a limit. */
#ifndef KAN_ANALYZE_ARENA_H
#define KAN_ANALYZE_ARENA_H

#include <kanshiki/bytes.h>

struct kan_arena {
	uint8_t *at;
	size_t left, used, max;
	void **blocks;
	size_t n_blocks;
	bool full; /* something did not fit */
};
/* A copy with a NUL behind it. false: the limit is reached. */
bool kan_arena_keep(struct kan_arena *a, struct kan_bytes *v);
void kan_arena_free(struct kan_arena *a);

#endif
