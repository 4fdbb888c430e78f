/* Overlay's marks: an origin handle stays inside its bytes, a redirect that is taken leads nowhere
 * else. */
#include "image/overlay.h"

#include <stdlib.h>
#include <string.h>

static void origin(struct kan_bytes v)
{
	uint64_t ino = 0, again = 0;
	uint32_t gen = 0, gen_again = 0;
	if (!kan_overlay_origin(&ino, &gen, v))
		return;
	/* What lies behind the length it names means nothing. */
	if (ino == 0 || v.p[2] > v.n ||
	    !kan_overlay_origin(&again, &gen_again, (struct kan_bytes){v.p, v.p[2]}) ||
	    again != ino || gen_again != gen)
		abort();
}

static void redirect(struct kan_bytes v)
{
	bool up = (v.n == 2 && memcmp(v.p, "..", 2) == 0) || (v.n && memmem(v.p, v.n, "/../", 4)) ||
		  (v.n > 2 && memcmp(v.p + v.n - 3, "/..", 3) == 0);
	if (kan_overlay_redirect_ok(v) && (up || memchr(v.p, 0, v.n)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy that ends where its bytes end, so that a read behind them is seen. */
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	origin((struct kan_bytes){copy, size});
	redirect((struct kan_bytes){copy, size});
	free(copy);
	return 0;
}
