/* Differences of texts: applied to one side, they give the other; and the work is bounded. */
#include "analyze/diff.h"

#include <stdlib.h>
#include <string.h>

struct patched {
	struct kan_buf old, new;
	unsigned hunks;
};

static void apply(char mark, struct kan_bytes line, void *arg)
{
	struct patched *p = arg;
	struct kan_buf *sides[] = {mark != '+' ? &p->old : NULL, mark != '-' ? &p->new : NULL};
	p->hunks += mark == '@';
	for (size_t i = 0; i < 2 && mark != '@' && mark != '\\'; i++) {
		if (!sides[i])
			continue;
		kan_buf_addb(sides[i], line);
		kan_buf_addc(sides[i], '\n');
	}
}

/* A side is its hunks' lines, and between them what the other has there, too: so each line that a
 * hunk tells of a side is in that side, in order. */
static void in_order(const struct kan_buf *told, struct kan_bytes side)
{
	size_t at = 0;
	for (size_t i = 0; i < told->len;) {
		const uint8_t *lf = memchr(told->data + i, '\n', told->len - i);
		size_t n = (size_t)(lf - told->data) - i;
		for (;; at++) {
			if (at + n > side.n)
				abort();
			bool begins = at == 0 || side.p[at - 1] == '\n';
			bool ends = at + n == side.n || side.p[at + n] == '\n';
			if (begins && ends && memcmp(side.p + at, told->data + i, n) == 0)
				break;
		}
		at += n + 1;
		i += n + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	struct kan_bytes a = {data, cut ? (size_t)(cut - data) : size}, b = {NULL, 0};
	if (cut)
		b = (struct kan_bytes){cut + 1, size - a.n - 1};
	for (uint64_t most = 1; most <= 1 << 20; most <<= 20) {
		uint64_t work = most;
		struct patched p = {KAN_BUF(1 << 20), KAN_BUF(1 << 20), 0};
		if (!kan_diff(a, b, &work, apply, &p) || kan_bytes_eq(a, b) != (p.hunks == 0))
			abort();
		in_order(&p.old, a);
		in_order(&p.new, b);
		kan_buf_free(&p.old);
		kan_buf_free(&p.new);
	}
	return 0;
}
