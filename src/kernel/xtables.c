/* Entries of legacy iptables as rules and rows. Pure functions over bytes. */
#include "kernel/xtables.h"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/rtfields.h"

enum {
	MATCHES = 64, /* named in a row; "raw" has all */
	FIRST = 64,
	CHAINS_MAX = 1 << 20, /* whose names are known to jumps */
	HEAD = 32,            /* struct xt_entry_match and xt_entry_target, before their data */
	NAME = XT_EXTENSION_MAXNAMELEN,
	ADDRESS_OCTETS = 48,
};

_Static_assert(sizeof(struct xt_entry_target) == HEAD && sizeof(struct xt_entry_match) == HEAD,
	       "the kernel's own shape");

/* What differs between struct ipt_entry and struct ip6t_entry: only where things are. */
struct shape {
	size_t size, target_offset, next_offset, counters, src, dst, smask, dmask, in, out, inmask,
		outmask, proto, flags, inverse, address;
};
#define SHAPE(e, field, a) \
	{ \
		.size = sizeof(struct e), .target_offset = offsetof(struct e, target_offset), \
		.next_offset = offsetof(struct e, next_offset), \
		.counters = offsetof(struct e, counters), .src = offsetof(struct e, field.src), \
		.dst = offsetof(struct e, field.dst), .smask = offsetof(struct e, field.smsk), \
		.dmask = offsetof(struct e, field.dmsk), .in = offsetof(struct e, field.iniface), \
		.out = offsetof(struct e, field.outiface), \
		.inmask = offsetof(struct e, field.iniface_mask), \
		.outmask = offsetof(struct e, field.outiface_mask), \
		.proto = offsetof(struct e, field.proto), \
		.flags = offsetof(struct e, field.flags), \
		.inverse = offsetof(struct e, field.invflags), .address = (a) \
	}
static const struct shape shapes[2] = {SHAPE(ipt_entry, ip, 4), SHAPE(ip6t_entry, ipv6, 16)};

static const struct shape *shape_of(const struct kan_xt_table *t)
{
	return &shapes[t->six ? 1 : 0];
}

static uint32_t number16(struct kan_bytes b, size_t at)
{
	uint16_t v = 0;
	memcpy(&v, b.p + at, sizeof(v));
	return v;
}

static uint64_t number64(struct kan_bytes b, size_t at)
{
	uint64_t v = 0;
	memcpy(&v, b.p + at, sizeof(v));
	return v;
}

/* Up to its NUL. */
static struct kan_bytes text(struct kan_bytes b, size_t at, size_t n)
{
	const uint8_t *end = memchr(b.p + at, 0, n);
	return (struct kan_bytes){b.p + at, end ? (size_t)(end - (b.p + at)) : n};
}

/* A match or target: its length is its own word. */
static struct kan_bytes extension(struct kan_bytes b)
{
	size_t n = b.n < HEAD ? 0 : number16(b, 0);
	return n < HEAD || n > b.n ? (struct kan_bytes){0} : (struct kan_bytes){b.p, n};
}

static struct kan_bytes extension_name(struct kan_bytes e)
{
	return e.n < HEAD ? (struct kan_bytes){0} : text(e, sizeof(uint16_t), NAME);
}

/* The entry at an offset, within its bounds; empty: cut, and the walk ends. */
static struct kan_bytes entry_at(const struct kan_xt_table *t, size_t at)
{
	const struct shape *s = shape_of(t);
	struct kan_bytes all = kan_buf_bytes(&t->entries);
	if (at >= all.n || all.n - at < s->size)
		return (struct kan_bytes){0};
	struct kan_bytes e = {all.p + at, all.n - at};
	size_t next = number16(e, s->next_offset), target = number16(e, s->target_offset);
	if (next < s->size + HEAD || next > e.n || target < s->size || target > next - HEAD)
		return (struct kan_bytes){0};
	e.n = next;
	return e;
}

static struct kan_bytes target_of(const struct shape *s, struct kan_bytes e)
{
	size_t at = number16(e, s->target_offset);
	return extension((struct kan_bytes){e.p + at, e.n - at});
}

/* A chain of somebody's own begins behind a target that bears its name. */
static bool names_chain(struct kan_bytes *name, struct kan_bytes target)
{
	if (target.n < HEAD + NAME ||
	    !kan_bytes_eq(extension_name(target), KAN_LIT(XT_ERROR_TARGET)))
		return false;
	*name = text(target, HEAD, target.n - HEAD);
	return true;
}

static bool begins_hook(struct kan_bytes *name, const struct kan_xt_table *t, size_t at)
{
	static const char *const words[KAN_XT_HOOKS] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
							"POSTROUTING"};
	for (size_t i = 0; i < KAN_XT_HOOKS; i++)
		if (t->info.valid_hooks & 1U << i && t->info.hook_entry[i] == at) {
			*name = kan_bytes_of(words[i]);
			return true;
		}
	return false;
}

static bool ends_hook(const struct kan_xt_table *t, size_t at)
{
	for (size_t i = 0; i < KAN_XT_HOOKS; i++)
		if (t->info.valid_hooks & 1U << i && t->info.underflow[i] == at)
			return true;
	return false;
}

struct begin {
	size_t at;
	struct kan_bytes name;
};
struct kan_xt_chains {
	struct begin *v;
	size_t n, cap;
};

static void add_chain(struct kan_xt_chains *c, size_t at, struct kan_bytes name)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : FIRST;
		c->v = kan_xrealloc(c->v, c->cap, sizeof(*c->v));
	}
	c->v[c->n++] = (struct begin){at, name};
}

/* Entry after entry; fn NULL: only where chains begin is learnt. */
static int walk(uint64_t *bad, struct kan_xt_rule *r, struct kan_xt_chains *learnt, kan_xt_fn *fn,
		void *arg, struct kan_err *err)
{
	struct kan_bytes name = {0};
	const struct kan_xt_table *t = r->table;
	for (size_t at = 0; at < t->entries.len; at += r->entry.n) {
		r->entry = entry_at(t, at);
		r->target = r->entry.p ? target_of(shape_of(t), r->entry) : r->entry;
		if (!r->target.p) {
			++*bad;
			return 0;
		}
		bool named = names_chain(&name, r->target);
		if (named || begins_hook(&name, t, at)) {
			r->chain = name;
			r->n = 0;
		}
		if (named)
			continue;
		if (r->n == 0 && learnt)
			add_chain(learnt, at, r->chain);
		r->at = at;
		r->n++;
		r->policy = ends_hook(t, at);
		if (fn && fn(r, arg, err) < 0)
			return -1;
	}
	return 0;
}

int kan_xt_each(uint64_t *bad, const struct kan_xt_table *t, kan_xt_fn *fn, void *arg,
		struct kan_err *err)
{
	struct kan_xt_chains chains = {0};
	struct kan_xt_rule first = {.table = t}, r = {.table = t, .chains = &chains};
	uint64_t twice = 0;
	(void)walk(&twice, &first, &chains, NULL, NULL, NULL);
	int rc = walk(bad, &r, NULL, fn, arg, err);
	free(chains.v);
	return rc;
}

/* The first rule of a chain is what a jump names. p NULL: no chain begins there. */
static struct kan_bytes chain_at(const struct kan_xt_chains *c, size_t at)
{
	size_t low = 0, high = c->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (c->v[mid].at < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->n && c->v[low].at == at ? c->v[low].name : (struct kan_bytes){0};
}

static int mask_length(struct kan_bytes m)
{
	int n = 0;
	size_t i = 0;
	while (i < m.n * 8 && m.p[i / 8] & 0x80 >> i % 8)
		i++;
	n = (int)i;
	for (; i < m.n * 8; i++)
		if (m.p[i / 8] & 0x80 >> i % 8)
			return -1; /* not from the left alone */
	return n;
}

static void address(struct kan_row *r, const char *key, const char *mask_key,
		    struct kan_bytes address, struct kan_bytes mask)
{
	char words[ADDRESS_OCTETS];
	int length = mask_length(mask);
	kan_rt_ip(r, key, address);
	if (length >= 0)
		kan_row_int(r, mask_key, length);
	else if (inet_ntop(mask.n == 4 ? AF_INET : AF_INET6, mask.p, words, sizeof(words)))
		kan_row_str(r, mask_key, words);
}

/* "eth+" when only its beginning counts: as far as the mask goes. A whole name has its NUL in it.
 */
static void interface(struct kan_row *r, const char *key, struct kan_bytes name,
		      struct kan_bytes mask)
{
	char words[IFNAMSIZ + 2] = "";
	struct kan_bytes v = text(name, 0, name.n);
	size_t counts = 0;
	while (counts < mask.n && mask.p[counts])
		counts++;
	if (v.n == 0)
		return;
	v.n = v.n < counts ? v.n : counts;
	memcpy(words, v.p, v.n);
	if (v.n == counts && counts < mask.n)
		words[v.n] = '+';
	kan_row_bytes(r, key, kan_bytes_of(words));
}

static void matches(struct kan_row *r, struct kan_bytes list)
{
	if (!list.n)
		return;
	kan_row_arr(r, "matches");
	for (int i = 0; i < MATCHES && list.n; i++) {
		struct kan_bytes m = extension(list);
		if (!m.p)
			break;
		kan_row_bytes(r, NULL, extension_name(m));
		list.p += m.n;
		list.n -= m.n;
	}
	kan_row_arr_end(r);
}

static void verdict(struct kan_row *r, const struct kan_xt_rule *rule)
{
	int32_t v = 0;
	if (rule->target.n < HEAD + sizeof(v))
		return;
	memcpy(&v, rule->target.p + HEAD, sizeof(v));
	switch (v) {
	case -NF_ACCEPT - 1:
		kan_row_str(r, "verdict", "ACCEPT");
		return;
	case -NF_DROP - 1:
		kan_row_str(r, "verdict", "DROP");
		return;
	case -NF_QUEUE - 1:
		kan_row_str(r, "verdict", "QUEUE");
		return;
	case XT_RETURN:
		kan_row_str(r, "verdict", "RETURN");
		return;
	default:
		break;
	}
	if (v < 0)
		return;
	/* A jump to what follows is how an empty target looks. */
	if ((size_t)v == rule->at + rule->entry.n)
		return;
	struct kan_bytes to = chain_at(rule->chains, (size_t)v);
	kan_row_str(r, "verdict",
		    rule->entry.p[shape_of(rule->table)->flags] & IPT_F_GOTO ? "GOTO" : "JUMP");
	if (to.p)
		kan_row_bytes(r, "to", to);
}

static struct kan_bytes part(struct kan_bytes b, size_t at, size_t n)
{
	return (struct kan_bytes){b.p + at, n};
}

int kan_xt_row(struct kan_row *r, const struct kan_xt_rule *rule, struct kan_err *err)
{
	const struct shape *s = shape_of(rule->table);
	const struct kan_bytes e = rule->entry;
	if (e.n < s->size)
		return kan_fail(err, KAN_EFORMAT, "an entry of %zu bytes", e.n);
	kan_row_str(r, "family", rule->table->six ? "ip6" : "ip");
	kan_row_bytes(r, "table",
		      text((struct kan_bytes){(const uint8_t *)rule->table->info.name, KAN_XT_NAME},
			   0, KAN_XT_NAME));
	kan_row_bytes(r, "chain", rule->chain);
	kan_row_uint(r, "n", rule->n);
	if (rule->policy)
		kan_row_bool(r, "policy", true);
	kan_row_dec(r, "packets", number64(e, s->counters));
	kan_row_dec(r, "bytes", number64(e, s->counters + sizeof(uint64_t)));
	address(r, "src", "src_prefix", part(e, s->src, s->address), part(e, s->smask, s->address));
	address(r, "dst", "dst_prefix", part(e, s->dst, s->address), part(e, s->dmask, s->address));
	interface(r, "iif", part(e, s->in, IFNAMSIZ), part(e, s->inmask, IFNAMSIZ));
	interface(r, "oif", part(e, s->out, IFNAMSIZ), part(e, s->outmask, IFNAMSIZ));
	kan_row_int(r, "proto", number16(e, s->proto));
	kan_row_int(r, "inverse", e.p[s->inverse]);
	matches(r, part(e, s->size, number16(e, s->target_offset) - s->size));
	struct kan_bytes name = extension_name(rule->target);
	if (name.n)
		kan_row_bytes(r, "target", name);
	else
		verdict(r, rule);
	kan_rt_raw(r, e);
	return 0;
}
