/* What an operator looks for: strings, hex patterns and SHA-256 digests, one a line of a file. */
#ifndef KAN_KERNEL_INDICATORS_H
#define KAN_KERNEL_INDICATORS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

#include "kernel/patterns.h"

enum {
	KAN_INDICATORS_MAX = 4096,
	KAN_INDICATORS_FILE = 1 << 20, /* octets */
	KAN_INDICATOR_SHORTEST = 4,    /* shorter strings are everywhere */
	KAN_INDICATOR_LONGEST = 1024,
	KAN_INDICATOR_DIGEST = 32,
};

struct kan_indicator {
	unsigned line;
	bool digest;
	struct kan_bytes bytes; /* the string, or the 32 octets of the digest */
};
struct kan_indicators {
	struct kan_buf text; /* the file as it was: what line numbers refer to */
	struct kan_indicator *v;
	size_t n;
	size_t *strings, n_strings;    /* indices; the order of the patterns */
	size_t *digests, n_digests;    /* indices, sorted by digest */
	struct kan_patterns *patterns; /* NULL: no string among them */
	uint8_t *octets;
};
/*
 * A line is the bytes of a string; "text:...", where it begins as something else; "hex:" and an
 * even number of digits; "sha256:" and 64 digits, or 64 digits alone. Empty ones and those that
 * begin with # are none. usage, with the line's number, on the first that is wrong, and when there
 * is none at all. The text is copied.
 */
int kan_indicators_parse(struct kan_indicators **out, struct kan_bytes text, struct kan_err *err);
void kan_indicators_free(struct kan_indicators *i);
/* Each indicator that is this digest. */
typedef void kan_indicator_fn(size_t indicator, void *arg);
void kan_indicators_digest(const struct kan_indicators *i,
			   const uint8_t digest[KAN_INDICATOR_DIGEST], kan_indicator_fn *fn,
			   void *arg);

#endif
