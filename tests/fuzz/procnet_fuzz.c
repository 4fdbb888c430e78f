/* Text twins in /proc/net: every line is a socket or counted as bad, names lie within the text. */
#include <stdlib.h>
#include <string.h>

#include "kernel/sockdiag.h"

struct state {
	struct kan_bytes all;
	uint64_t good;
};

static int one(const struct kan_sock *s, void *arg, struct kan_err *err)
{
	struct state *st = arg;
	(void)err;
	st->good++;
	if (s->name.p && (s->name.p < st->all.p || s->name.p + s->name.n > st->all.p + st->all.n))
		abort();
	if (!memchr(s->laddr, 0, sizeof(s->laddr)) || !memchr(s->raddr, 0, sizeof(s->raddr)))
		abort();
	return 0;
}

static uint64_t lines(struct kan_bytes text)
{
	uint64_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n + (text.n && text.p[text.n - 1] != '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t bad = 0;
	if (size == 0)
		return 0;
	struct state s = {.all = {data + 1, size - 1}};
	const struct kan_sock_kind *kind = &kan_sock_kinds[*data % KAN_SOCK_KINDS];
	if (kan_sock_text(&bad, kind, s.all, one, &s, NULL) < 0)
		abort();
	if (s.good + bad + (s.all.n ? 1 : 0) != lines(s.all))
		abort();
	(void)kan_sock_registered(s.all, "TCP");
	return 0;
}
