/* Gzip or zstd, told by magic, as plain bytes: streamed, counted, with a bound on what comes out.
 */
#ifndef KAN_BASE_UNPACK_H
#define KAN_BASE_UNPACK_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

typedef ssize_t kan_unpack_in_fn(void *arg, const void **p,
				 struct kan_err *err); /* 0: end, -1: error */
typedef int kan_unpack_out_fn(struct kan_bytes piece, void *arg, struct kan_err *err);
struct kan_unpack {
	kan_unpack_in_fn *in;
	void *in_arg;
	kan_unpack_out_fn *out;
	void *out_arg;
	uint64_t max;   /* bytes that may come out; beyond: limit */
	unsigned ratio; /* out to in, at most, above 64 MiB; 0: 1100, which no plain tar reaches */
};
/*
 * What is not compressed comes through as it is. No program is ever run for it. -1: limit, format,
 * or what in and out said.
 */
int kan_unpack(const struct kan_unpack *u, struct kan_err *err);

#endif
