/* What zlib packed, looked at before somebody else unpacks it. */
#include "base/deflated.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PIECE = 64 << 10 };

static void keep_head(struct kan_zlib_seen *out, const uint8_t *piece, size_t n)
{
	size_t room = sizeof(out->head) - out->n_head, some = n < room ? n : room;
	memcpy(out->head + out->n_head, piece, some);
	out->n_head += some;
}

bool kan_zlib_look(struct kan_zlib_seen *out, struct kan_bytes packed, uint64_t max)
{
	z_stream z = {0};
	int rc = Z_OK;
	*out = (struct kan_zlib_seen){.n_head = 0};
	if (packed.n > UINT32_MAX || inflateInit(&z) != Z_OK)
		return false;
	uint8_t *piece = kan_xalloc(PIECE);
	z.next_in = (Bytef *)(uintptr_t)packed.p;
	z.avail_in = (uInt)packed.n;
	while (rc == Z_OK && z.total_out <= max) {
		z.next_out = piece;
		z.avail_out = PIECE;
		rc = inflate(&z, Z_NO_FLUSH);
		keep_head(out, piece, PIECE - z.avail_out);
	}
	out->octets = z.total_out;
	(void)inflateEnd(&z);
	free(piece);
	return rc == Z_STREAM_END || (rc == Z_OK && out->octets > max);
}
