/* Random bytes from a fixed seed: the same in every run. */
#ifndef KAN_TEST_RANDOM_H
#define KAN_TEST_RANDOM_H

#include <kanshiki/bytes.h>

static inline uint64_t test_next(uint64_t *state)
{
	uint64_t x = *state ? *state : 88172645463325252u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*state = x;
	return x;
}

/* Any byte, but text, controls, bidi and broken sequences more often than chance would give them.
 */
static inline size_t test_bytes(uint8_t *out, size_t max, uint64_t *state)
{
	static const char *const pieces[] = {"\xe2\x80\xae",
					     "\xc2\x85",
					     "\xf0\x9f\x98\x80",
					     "\xed\xa0\x80",
					     "\"",
					     "\\",
					     "\n",
					     "abc",
					     "\xe2\x80",
					     "\xc0\xaf",
					     "\xf4\x90\x80\x80",
					     "\x7f",
					     "|",
					     "`"};
	size_t n = 0, want = test_next(state) % (max + 1);
	while (n < want) {
		const char *piece = pieces[test_next(state) % (sizeof(pieces) / sizeof(pieces[0]))];
		if (test_next(state) % 3) {
			out[n++] = (uint8_t)test_next(state);
			continue;
		}
		for (; *piece && n < want; piece++)
			out[n++] = (uint8_t)*piece;
	}
	return n;
}

#endif
