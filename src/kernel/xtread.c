/* Reading legacy iptables: two questions a table, by getsockopt. */
#include <arpa/inet.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/xtables.h"

enum { TRIES = 3 };

_Static_assert(sizeof(struct kan_xt_info) == sizeof(struct ipt_getinfo), "the kernel's own shape");
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "of both families");
_Static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "and here");

size_t kan_xt_names(char out[KAN_XT_TABLES][KAN_XT_NAME], struct kan_bytes text)
{
	size_t seen = 0;
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;
		if (n > 0 && n < KAN_XT_NAME && !memchr(text.p, 0, n)) {
			if (seen < KAN_XT_TABLES) {
				memset(out[seen], 0, KAN_XT_NAME);
				memcpy(out[seen], text.p, n);
			}
			seen++;
		}
		text.p += n + (end ? 1 : 0);
		text.n -= n + (end ? 1 : 0);
	}
	return seen;
}

/* It alone tells the family: the options of both have the same numbers. */
static int level(const struct kan_xt_table *t)
{
	return t->six ? SOL_IPV6 : SOL_IP;
}

static int ask_info(struct kan_xt_table *t, int fd, const char *name)
{
	socklen_t n = sizeof(t->info);
	memset(&t->info, 0, sizeof(t->info));
	(void)memccpy(t->info.name, name, 0, sizeof(t->info.name) - 1);
	if (getsockopt(fd, level(t), IPT_SO_GET_INFO, &t->info, &n) < 0)
		return kan_fail_sys(&t->err, "table %.31s", name);
	if (t->info.size > KAN_XT_TABLE_MAX)
		return kan_fail(&t->err, KAN_ELIMIT, "table %.31s: %u bytes", name, t->info.size);
	return 0;
}

/* EAGAIN: somebody replaced the table since its size was told. */
static int ask_entries(struct kan_xt_table *t, int fd)
{
	socklen_t n = (socklen_t)(sizeof(struct ipt_get_entries) + t->info.size);
	kan_auto_free struct ipt_get_entries *e = kan_xalloc(n);
	memcpy(e->name, t->info.name, sizeof(e->name));
	e->size = t->info.size;
	if (getsockopt(fd, level(t), IPT_SO_GET_ENTRIES, e, &n) < 0)
		return kan_fail_sys(&t->err, "entries of table %.31s", t->info.name);
	kan_buf_add(&t->entries, e->entrytable, t->info.size);
	return 0;
}

void kan_xt_read(struct kan_xt_table *t, int fd, bool six, const char *name)
{
	*t = (struct kan_xt_table){.six = six, .entries = KAN_BUF(KAN_XT_TABLE_MAX)};
	for (int i = 0; i <= TRIES; i++) {
		t->err = (struct kan_err){0};
		if (ask_info(t, fd, name) < 0 || ask_entries(t, fd) == 0 || t->err.sys != EAGAIN)
			return;
	}
}

void kan_xt_free(struct kan_xt_table *t)
{
	kan_buf_free(&t->entries);
}
