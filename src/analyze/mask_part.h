/* The pieces of mask.c. Each looks at one place of a text, and at a bounded part of it but for what
 * it takes as a secret. */
#ifndef KAN_ANALYZE_MASK_PART_H
#define KAN_ANALYZE_MASK_PART_H

#include <ctype.h>
#include <string.h>

#include "analyze/mask.h"

/* A place in a text where a secret is: *from and its length; 0: none. */
struct kan_secret {
	size_t from, n;
	const char *kind;
};

static inline bool kan_mask_in(uint8_t c, const char *set)
{
	return isalnum(c) || (c && strchr(set, c));
}

static inline size_t kan_mask_run(struct kan_bytes t, size_t at, const char *set)
{
	size_t n = 0;
	while (at + n < t.n && kan_mask_in(t.p[at + n], set))
		n++;
	return n;
}

static inline bool kan_mask_begins(struct kan_bytes t, size_t at, const char *word)
{
	size_t n = strlen(word);
	return at <= t.n && t.n - at >= n && memcmp(t.p + at, word, n) == 0;
}

/* Letters in either case; word is in small ones. */
static inline bool kan_mask_reads(struct kan_bytes t, size_t at, const char *word)
{
	for (; *word; word++, at++)
		if (at >= t.n || tolower(t.p[at]) != *word)
			return false;
	return true;
}

/* By its own form: tokens, hashes, keys, userinfo of a URL. */
bool kan_mask_form(struct kan_secret *out, struct kan_bytes t, size_t at);
/* By the name in front of it. */
bool kan_mask_named(struct kan_secret *out, struct kan_bytes t, size_t at);
/* By the option of a tool that is known to take one: -p of mysql, -u of curl. */
bool kan_mask_option(struct kan_secret *out, struct kan_bytes t, size_t at);
/* Does that option of that tool take a secret? NULL: no. Else how: "" all of its value is, else the
 * character behind which it begins. tool: a path or a name. */
const char *kan_mask_takes(struct kan_bytes tool, uint8_t letter);

#endif
