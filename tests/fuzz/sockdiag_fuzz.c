/* Dumps of sock_diag: every view lies within the answer, every word is one of ours, a row of it can
 * be read again. */
#include "kernel/sockdiag.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/netlink.h"

struct state {
	struct kan_bytes all;
	const struct kan_sock_kind *kind;
};

static void within(struct kan_bytes all, struct kan_bytes v)
{
	if (v.p && (v.p < all.p || v.n > all.n || v.p + v.n > all.p + all.n))
		abort();
}

static void text(const char *s, size_t n)
{
	if (!memchr(s, 0, n))
		abort();
}

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	const struct state *s = arg;
	struct kan_sock k;
	(void)type;
	(void)kan_sock_parse(&k, s->kind, payload, err);
	within(s->all, k.name);
	within(s->all, k.icons);
	within(s->all, k.filter);
	within(s->all, k.groups);
	text(k.laddr, sizeof(k.laddr));
	text(k.raddr, sizeof(k.raddr));
	return 0;
}

/* What is split is all there, or it is malformed. */
static void split(struct kan_bytes all)
{
	kan_auto_buf struct kan_buf both = KAN_BUF(1 << 20), six = KAN_BUF(1 << 20);
	kan_buf_addb(&both, all);
	if (!both.failed && kan_sock_split_tcp(&both, &six, NULL) == 0 &&
	    both.len + six.len != all.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kan_err err = {0};
	if (size == 0)
		return 0;
	struct state s = {.all = {data + 1, size - 1},
			  .kind = &kan_sock_kinds[*data % KAN_SOCK_KINDS]};
	(void)kan_netlink_each(s.all, answer, &s, &err);
	(void)answer(0, s.all, &s, &err);
	split(s.all);
	return 0;
}
