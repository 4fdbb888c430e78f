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
	uint64_t max; /* bytes that may come out; beyond: limit. How well it packs says nothing */
};
/*
 * What is not compressed comes through as it is. No program is ever run for it. -1: limit, format,
 * or what in and out said.
 */
int kan_unpack(const struct kan_unpack *u, struct kan_err *err);
/* As kan_unpack, of bytes that are there as a whole. */
int kan_unpack_bytes(struct kan_bytes packed, uint64_t max, kan_unpack_out_fn *out, void *arg,
		     struct kan_err *err);
/* The same by the piece, for who wants to stop: out is not called. u is copied. */
struct kan_unpacker;
int kan_unpacker_open(struct kan_unpacker **out, const struct kan_unpack *u, struct kan_err *err);
/* *p is valid until the next call. 0: the end. */
ssize_t kan_unpacker_next(const void **p, struct kan_unpacker *s, struct kan_err *err);
void kan_unpacker_free(struct kan_unpacker *s);

#endif
