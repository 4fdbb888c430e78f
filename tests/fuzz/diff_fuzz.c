/* Differences of texts: applied to one side, they give the other; and the work is bounded. */
#include "analyze/diff.h"

#include <stdlib.h>
#include <string.h>

struct patched {
	struct kan_buf old, new;
	unsigned hunks;
	struct kan_bytes from; /* what is left of the old side */
	unsigned long at;      /* its first line */
	char last;             /* mark of the line before */
	struct kan_buf made;   /* the new side, as the hunks make it */
};

/* One line of the old side goes by; taken over, unless the hunk drops it. */
static void pass_line(struct patched *p, bool keep)
{
	const uint8_t *lf = p->from.n ? memchr(p->from.p, '\n', p->from.n) : NULL;
	size_t n = lf ? (size_t)(lf - p->from.p) + 1 : p->from.n;
	if (keep)
		kan_buf_add(&p->made, p->from.p, n);
	p->from.p += n;
	p->from.n -= n;
	p->at++;
}

/* "@@ -FIRST,COUNT +...": all before it is the same on both sides. */
static void up_to(struct patched *p, struct kan_bytes header)
{
	char text[128] = "", *end = NULL;
	memcpy(text, header.p, header.n < sizeof text - 1 ? header.n : sizeof text - 1);
	unsigned long first = strtoul(text + 4, &end, 10), count = strtoul(end + 1, NULL, 10);
	while (p->from.n && p->at < first + (count == 0))
		pass_line(p, true);
}

static void patch(struct patched *p, char mark, struct kan_bytes line)
{
	if (mark == '@')
		up_to(p, line);
	if (mark == ' ' || mark == '-')
		pass_line(p, mark == ' ');
	if (mark == '+') {
		kan_buf_addb(&p->made, line);
		kan_buf_addc(&p->made, '\n');
	}
	/* "No newline at end of file" of a line that was added */
	if (mark == '\\' && p->last == '+')
		p->made.len--;
	p->last = mark;
}

static void apply(char mark, struct kan_bytes line, void *arg)
{
	struct patched *p = arg;
	struct kan_buf *sides[] = {mark != '+' ? &p->old : NULL, mark != '-' ? &p->new : NULL};
	p->hunks += mark == '@';
	patch(p, mark, line);
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
		struct patched p = {.old = KAN_BUF(16 << 20),
				    .new = KAN_BUF(16 << 20),
				    .from = a,
				    .at = 1,
				    .made = KAN_BUF(16 << 20)};
		if (!kan_diff(a, b, &work, apply, &p) || kan_bytes_eq(a, b) != (p.hunks == 0))
			abort();
		while (p.from.n)
			pass_line(&p, true);
		if (!kan_bytes_eq(kan_buf_bytes(&p.made), b))
			abort();
		in_order(&p.old, a);
		in_order(&p.new, b);
		kan_buf_free(&p.old);
		kan_buf_free(&p.new);
		kan_buf_free(&p.made);
	}
	return 0;
}
