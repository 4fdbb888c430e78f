/* Decompression: never more than the maximum comes out. */
#include "base/unpack.h"

#include <stdlib.h>

enum { MAX = 1 << 20 };

static ssize_t pull(void *arg, const void **p, struct kan_err *err)
{
	struct kan_bytes *rest = arg;
	size_t n = rest->n < 512 ? rest->n : 512;
	(void)err;
	*p = rest->p;
	rest->p += n;
	rest->n -= n;
	return (ssize_t)n;
}

static int push(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	uint64_t *total = arg;
	(void)err;
	*total += piece.n;
	if (*total > MAX)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_bytes rest = {data, size};
	uint64_t total = 0;
	const struct kan_unpack u = {
		.in = pull, .in_arg = &rest, .out = push, .out_arg = &total, .max = MAX};
	(void)kan_unpack(&u, NULL);
	return 0;
}
