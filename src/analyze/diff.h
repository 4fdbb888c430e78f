/* What differs between two texts, line by line, as the hunks of a unified diff. Pure and bounded.
 */
#ifndef KAN_ANALYZE_DIFF_H
#define KAN_ANALYZE_DIFF_H

#include <kanshiki/bytes.h>

enum {
	KAN_DIFF_OCTETS = 4 << 20, /* of one side */
	KAN_DIFF_EDITS = 2047,     /* more than that: the middle is told as replaced */
	KAN_DIFF_CONTEXT = 3,
};

/*
 * One line of output. mark: '@' a hunk's header, ' ', '-', '+' a line without its line feed,
 * '\\' "No newline at end of file" of the line before.
 */
typedef void kan_diff_fn(char mark, struct kan_bytes line, void *arg);

bool kan_diff_is_text(struct kan_bytes v); /* no NUL in it */
/* false: a side is over KAN_DIFF_OCTETS, and nothing was told. work: comparisons that may still be
 * made; what is left when it is used up is told as replaced. */
bool kan_diff(struct kan_bytes a, struct kan_bytes b, uint64_t *work, kan_diff_fn *fn, void *arg);

#endif
