/* What zlib packed, unpacked with a bound. */
#include "base/deflated.h"

#include <stdlib.h>
#include <zlib.h>

enum { PIECE = 16 << 10 };

bool kan_zlib_take(struct kan_buf *out, struct kan_bytes packed)
{
	z_stream z = {0};
	int rc = Z_OK;
	if (packed.n > UINT32_MAX || inflateInit(&z) != Z_OK)
		return false;
	uint8_t *piece = kan_xalloc(PIECE);
	z.next_in = (Bytef *)(uintptr_t)packed.p;
	z.avail_in = (uInt)packed.n;
	while (rc == Z_OK && !out->failed) {
		z.next_out = piece;
		z.avail_out = PIECE;
		rc = inflate(&z, Z_NO_FLUSH);
		kan_buf_add(out, piece, PIECE - z.avail_out);
	}
	(void)inflateEnd(&z);
	free(piece);
	return rc == Z_STREAM_END && !out->failed;
}
