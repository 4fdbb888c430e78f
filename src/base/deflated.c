/* What zlib packed, looked at before somebody else unpacks it. */
#include "base/deflated.h"

#include <stdlib.h>
#include <zlib.h>

enum { PIECE = 64 << 10 };

bool kan_zlib_cut(struct kan_bytes packed, uint64_t max)
{
	z_stream z = {0};
	int rc = Z_OK;
	if (packed.n > UINT32_MAX || inflateInit(&z) != Z_OK)
		return false;
	uint8_t *piece = kan_xalloc(PIECE);
	z.next_in = (Bytef *)(uintptr_t)packed.p;
	z.avail_in = (uInt)packed.n;
	while (rc == Z_OK && z.total_out <= max) {
		z.next_out = piece;
		z.avail_out = PIECE;
		rc = inflate(&z, Z_NO_FLUSH);
	}
	/* It wants more bytes, and there are none. */
	bool cut = rc == Z_BUF_ERROR && z.avail_in == 0;
	(void)inflateEnd(&z);
	free(piece);
	return cut;
}
