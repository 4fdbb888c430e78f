/* Answers of nftables as rows: tables, chains, rules, sets and their elements. Pure functions over
 * bytes. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "kernel/nft.h"
#include "kernel/rtfields.h"

enum {
	HEADER = sizeof(struct nfgenmsg),
	LAST = 20,         /* no kind of ours has a higher attribute that is read */
	EXPRESSIONS = 256, /* named in a row; "raw" has all */
	COMMENT = 0,       /* type of a rule's comment in its user data, by convention */
	DEVICES = 64,
};

/* Where each kind keeps what all have. 0: it has none. */
static const struct {
	const char *what, *name_key;
	uint16_t answer, table, name, handle;
} shapes[KAN_NFT_KINDS] = {
	[KAN_NFT_TABLES] = {"table", "table", NFT_MSG_NEWTABLE, 0, NFTA_TABLE_NAME,
			    NFTA_TABLE_HANDLE},
	[KAN_NFT_CHAINS] = {"chain", "chain", NFT_MSG_NEWCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME,
			    NFTA_CHAIN_HANDLE},
	[KAN_NFT_RULES] = {"rule", "chain", NFT_MSG_NEWRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN,
			   NFTA_RULE_HANDLE},
	[KAN_NFT_SETS] = {"set", "set", NFT_MSG_NEWSET, NFTA_SET_TABLE, NFTA_SET_NAME,
			  NFTA_SET_HANDLE},
	[KAN_NFT_OBJECTS] = {"object", "name", NFT_MSG_NEWOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME,
			     NFTA_OBJ_HANDLE},
	[KAN_NFT_FLOWTABLES] = {"flowtable", "name", NFT_MSG_NEWFLOWTABLE, NFTA_FLOWTABLE_TABLE,
				NFTA_FLOWTABLE_NAME, NFTA_FLOWTABLE_HANDLE},
	[KAN_NFT_ELEMENTS] = {"element", "set", NFT_MSG_NEWSETELEM, NFTA_SET_ELEM_LIST_TABLE,
			      NFTA_SET_ELEM_LIST_SET, 0},
};

static void family(struct kan_row *r, unsigned number)
{
	static const char *const words[] = {
		[NFPROTO_INET] = "inet",     [NFPROTO_IPV4] = "ip",       [NFPROTO_ARP] = "arp",
		[NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge", [NFPROTO_IPV6] = "ip6"};
	if (number < sizeof(words) / sizeof(words[0]) && words[number])
		kan_row_str(r, "family", words[number]);
	else
		kan_row_int(r, "family_number", number);
}

static void number32(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	uint32_t v = 0;
	if (kan_attr_be32(&v, a, type))
		kan_row_uint(r, key, v);
}

static void number64(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	uint64_t v = 0;
	if (kan_attr_be64(&v, a, type))
		kan_row_dec(r, key, v);
}

static void hex(struct kan_row *r, const char *key, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_ROW_PATH_MAX);
	for (size_t i = 0; i < v.n && !text.failed; i++)
		kan_buf_addf(&text, "%02x", v.p[i]);
	if (v.p)
		kan_row_str(r, key, kan_buf_str(&text));
}

/* Both have bytes first, then packets. */
static void counters(struct kan_row *r, struct kan_bytes nested)
{
	struct kan_bytes v[NFTA_COUNTER_PACKETS + 1];
	struct kan_attrs a = {v, NFTA_COUNTER_PACKETS};
	if (!nested.p || kan_netlink_attrs(&a, nested, 0, NULL) < 0)
		return;
	number64(r, "packets", &a, NFTA_COUNTER_PACKETS);
	number64(r, "bytes", &a, NFTA_COUNTER_BYTES);
}

static void devices(struct kan_row *r, const struct kan_attrs *hook)
{
	struct kan_bytes list = hook->v[NFTA_HOOK_DEVS], name = {0};
	uint16_t type = 0;
	kan_rt_text(r, "dev", hook, NFTA_HOOK_DEV);
	if (!list.p)
		return;
	kan_row_arr(r, "devs");
	for (int i = 0; i < DEVICES && kan_attr_next(&type, &name, &list); i++) {
		const struct kan_attrs one = {&name, 0};
		kan_rt_text(r, NULL, &one, 0);
	}
	kan_row_arr_end(r);
}

static void hook(struct kan_row *r, unsigned proto, struct kan_bytes nested)
{
	static const char *const usual[] = {"prerouting", "input",       "forward",
					    "output",     "postrouting", "ingress"};
	static const char *const netdev[] = {"ingress", "egress"};
	static const char *const arp[] = {"input", "output", "forward"};
	struct kan_bytes v[NFTA_HOOK_DEVS + 1];
	struct kan_attrs a = {v, NFTA_HOOK_DEVS};
	uint32_t number = 0, priority = 0;
	if (!nested.p || kan_netlink_attrs(&a, nested, 0, NULL) < 0)
		return;
	if (kan_attr_be32(&number, &a, NFTA_HOOK_HOOKNUM)) {
		if (proto == NFPROTO_NETDEV)
			kan_rt_word(r, "hook", netdev, sizeof(netdev) / sizeof(netdev[0]), number);
		else if (proto == NFPROTO_ARP)
			kan_rt_word(r, "hook", arp, sizeof(arp) / sizeof(arp[0]), number);
		else
			kan_rt_word(r, "hook", usual, sizeof(usual) / sizeof(usual[0]), number);
	}
	if (kan_attr_be32(&priority, &a, NFTA_HOOK_PRIORITY))
		kan_row_int(r, "prio", (int32_t)priority);
	devices(r, &a);
}

static void verdict_word(struct kan_row *r, int32_t code)
{
	static const char *const done[] = {"drop", "accept", "stolen", "queue", "repeat", "stop"};
	static const char *const goes_on[] = {"", "continue", "break", "jump", "goto", "return"};
	if (code < 0 && code >= NFT_RETURN)
		kan_row_str(r, "verdict", goes_on[-code]);
	else
		kan_rt_word(r, "verdict", done, sizeof(done) / sizeof(done[0]),
			    (uint32_t)code & NF_VERDICT_MASK);
}

/* Of a rule or of an element of a map. */
static void data(struct kan_row *r, const char *key, struct kan_bytes nested)
{
	struct kan_bytes v[NFTA_DATA_VERDICT + 1], w[NFTA_VERDICT_CHAIN + 1];
	struct kan_attrs a = {v, NFTA_DATA_VERDICT}, verdict = {w, NFTA_VERDICT_CHAIN};
	uint32_t code = 0;
	if (!nested.p || kan_netlink_attrs(&a, nested, 0, NULL) < 0)
		return;
	if (key)
		hex(r, key, v[NFTA_DATA_VALUE]);
	if (!v[NFTA_DATA_VERDICT].p ||
	    kan_netlink_attrs(&verdict, v[NFTA_DATA_VERDICT], 0, NULL) < 0)
		return;
	if (kan_attr_be32(&code, &verdict, NFTA_VERDICT_CODE))
		verdict_word(r, (int32_t)code);
	kan_rt_text(r, "to", &verdict, NFTA_VERDICT_CHAIN);
}

struct expression {
	struct kan_bytes name, data;
};

static bool next_expression(struct expression *e, struct kan_bytes *list)
{
	struct kan_bytes v[NFTA_EXPR_DATA + 1], value = {0};
	struct kan_attrs a = {v, NFTA_EXPR_DATA};
	uint16_t type = 0;
	if (!kan_attr_next(&type, &value, list))
		return false;
	(void)kan_netlink_attrs(&a, value, 0, NULL);
	const struct kan_bytes name = v[NFTA_EXPR_NAME];
	const uint8_t *end = name.p ? memchr(name.p, 0, name.n) : NULL;
	*e = (struct expression){{name.p, end ? (size_t)(end - name.p) : name.n},
				 v[NFTA_EXPR_DATA]};
	return true;
}

static bool is(const struct expression *e, const char *name)
{
	return kan_bytes_eq(e->name, kan_bytes_of(name));
}

static void attribute_of(struct kan_row *r, const struct expression *e, uint16_t wanted)
{
	struct kan_bytes v[LAST + 1];
	struct kan_attrs a = {v, LAST};
	if (e->data.p && kan_netlink_attrs(&a, e->data, 0, NULL) == 0)
		kan_rt_text(r, NULL, &a, wanted);
}

/* Names inside expressions of one kind: matches and targets of xtables, sets that are looked up. */
static void names(struct kan_row *r, const char *key, struct kan_bytes list, const char *kind,
		  uint16_t wanted)
{
	struct expression e;
	bool open = false;
	for (int i = 0; i < EXPRESSIONS && next_expression(&e, &list); i++) {
		if (!is(&e, kind))
			continue;
		if (!open)
			kan_row_arr(r, key);
		open = true;
		attribute_of(r, &e, wanted);
	}
	if (open)
		kan_row_arr_end(r);
}

static void expressions(struct kan_row *r, struct kan_bytes list)
{
	struct kan_bytes rest = list, verdict = {0}, count = {0};
	struct expression e;
	kan_row_arr(r, "exprs");
	for (int i = 0; i < EXPRESSIONS && next_expression(&e, &rest); i++) {
		kan_row_bytes(r, NULL, e.name);
		if (is(&e, "counter"))
			count = e.data;
		if (is(&e, "immediate"))
			verdict = e.data;
	}
	kan_row_arr_end(r);
	names(r, "matches", list, "match", NFTA_MATCH_NAME);
	names(r, "targets", list, "target", NFTA_TARGET_NAME);
	names(r, "lookups", list, "lookup", NFTA_LOOKUP_SET);
	counters(r, count);
	struct kan_bytes v[NFTA_IMMEDIATE_DATA + 1];
	struct kan_attrs a = {v, NFTA_IMMEDIATE_DATA};
	if (verdict.p && kan_netlink_attrs(&a, verdict, 0, NULL) == 0)
		data(r, NULL, v[NFTA_IMMEDIATE_DATA]);
}

/* Type and length are an octet each. */
static void comment(struct kan_row *r, struct kan_bytes userdata)
{
	while (userdata.n > 2 && userdata.p[1] <= userdata.n - 2) {
		size_t n = userdata.p[1];
		if (userdata.p[0] == COMMENT) {
			struct kan_bytes text = {userdata.p + 2, n};
			const struct kan_attrs one = {&text, 0};
			kan_rt_text(r, "comment", &one, 0);
			return;
		}
		userdata.p += 2 + n;
		userdata.n -= 2 + n;
	}
}

static void table(struct kan_row *r, const struct kan_attrs *a)
{
	number32(r, "flags", a, NFTA_TABLE_FLAGS);
	number32(r, "use", a, NFTA_TABLE_USE);
	number32(r, "owner", a, NFTA_TABLE_OWNER);
}

static void chain(struct kan_row *r, unsigned proto, const struct kan_attrs *a)
{
	static const char *const policies[] = {"drop", "accept"};
	uint32_t policy = 0;
	hook(r, proto, a->v[NFTA_CHAIN_HOOK]);
	kan_rt_text(r, "type", a, NFTA_CHAIN_TYPE);
	if (kan_attr_be32(&policy, a, NFTA_CHAIN_POLICY))
		kan_rt_word(r, "policy", policies, sizeof(policies) / sizeof(policies[0]), policy);
	number32(r, "use", a, NFTA_CHAIN_USE);
	number32(r, "flags", a, NFTA_CHAIN_FLAGS);
	counters(r, a->v[NFTA_CHAIN_COUNTERS]);
}

static void set(struct kan_row *r, const struct kan_attrs *a)
{
	number32(r, "flags", a, NFTA_SET_FLAGS);
	number32(r, "key_type", a, NFTA_SET_KEY_TYPE);
	number32(r, "key_len", a, NFTA_SET_KEY_LEN);
	number32(r, "data_type", a, NFTA_SET_DATA_TYPE);
	number32(r, "data_len", a, NFTA_SET_DATA_LEN);
	number64(r, "timeout_ms", a, NFTA_SET_TIMEOUT);
}

static void key_of(struct kan_row *r, const char *key, struct kan_bytes nested)
{
	struct kan_bytes v[NFTA_DATA_VALUE + 1];
	struct kan_attrs a = {v, NFTA_DATA_VALUE};
	if (nested.p && kan_netlink_attrs(&a, nested, 0, NULL) == 0)
		hex(r, key, v[NFTA_DATA_VALUE]);
}

static int element(struct kan_row *r, struct kan_bytes nested, struct kan_err *err)
{
	struct kan_bytes v[LAST + 1];
	struct kan_attrs a = {v, LAST};
	int rc = kan_netlink_attrs(&a, nested, 0, err);
	key_of(r, "key", v[NFTA_SET_ELEM_KEY]);
	key_of(r, "key_end", v[NFTA_SET_ELEM_KEY_END]);
	data(r, "data", v[NFTA_SET_ELEM_DATA]);
	number32(r, "flags", &a, NFTA_SET_ELEM_FLAGS);
	number64(r, "timeout_ms", &a, NFTA_SET_ELEM_TIMEOUT);
	number64(r, "expires_ms", &a, NFTA_SET_ELEM_EXPIRATION);
	comment(r, v[NFTA_SET_ELEM_USERDATA]);
	kan_rt_raw(r, nested);
	return rc;
}

static void shared(struct kan_row *r, enum kan_nft_kind kind, const struct kan_attrs *a)
{
	if (shapes[kind].table)
		kan_rt_text(r, "table", a, shapes[kind].table);
	kan_rt_text(r, shapes[kind].name_key, a, shapes[kind].name);
	if (shapes[kind].handle)
		number64(r, "handle", a, shapes[kind].handle);
}

static void own(struct kan_row *r, const struct kan_nft_item *i, unsigned proto,
		const struct kan_attrs *a)
{
	switch (i->kind) {
	case KAN_NFT_TABLES:
		table(r, a);
		break;
	case KAN_NFT_CHAINS:
		chain(r, proto, a);
		break;
	case KAN_NFT_RULES:
		expressions(r, a->v[NFTA_RULE_EXPRESSIONS]);
		comment(r, a->v[NFTA_RULE_USERDATA]);
		if (i->text.n)
			kan_row_bytes(r, "text", i->text);
		break;
	case KAN_NFT_SETS:
		set(r, a);
		break;
	case KAN_NFT_OBJECTS:
		number32(r, "object_type", a, NFTA_OBJ_TYPE);
		number32(r, "use", a, NFTA_OBJ_USE);
		break;
	case KAN_NFT_FLOWTABLES:
		hook(r, NFPROTO_NETDEV, a->v[NFTA_FLOWTABLE_HOOK]);
		break;
	case KAN_NFT_ELEMENTS:
	case KAN_NFT_KINDS:
		break;
	}
}

static int head(unsigned *proto, struct kan_bytes payload, struct kan_err *err)
{
	struct nfgenmsg m;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "nftables: %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	*proto = m.nfgen_family;
	return 0;
}

int kan_nft_row(struct kan_row *r, const struct kan_nft_item *i, struct kan_err *err)
{
	struct kan_bytes v[LAST + 1];
	struct kan_attrs a = {v, LAST};
	unsigned proto = 0;
	kan_row_str(r, "what", shapes[i->kind].what);
	if (head(&proto, i->payload, err) < 0)
		return -1;
	int rc = kan_netlink_attrs(&a, i->payload, HEADER, err);
	family(r, proto);
	shared(r, i->kind, &a);
	if (i->element.p)
		return element(r, i->element, err) < 0 ? -1 : rc;
	own(r, i, proto, &a);
	if (i->payload.n > HEADER)
		kan_rt_raw(r, (struct kan_bytes){i->payload.p + HEADER, i->payload.n - HEADER});
	return rc;
}

struct kan_bytes kan_nft_words(const struct kan_nft_item *i)
{
	struct kan_bytes v[NFTA_RULE_EXPRESSIONS + 1];
	struct kan_attrs a = {v, NFTA_RULE_EXPRESSIONS};
	if (i->element.p)
		return i->element;
	if (i->kind != KAN_NFT_RULES || kan_netlink_attrs(&a, i->payload, HEADER, NULL) < 0)
		return (struct kan_bytes){0};
	return v[NFTA_RULE_EXPRESSIONS];
}

struct walk {
	enum kan_nft_kind kind;
	kan_nft_fn *fn;
	void *arg;
	uint64_t *bad;
	struct kan_err stopped; /* by fn */
};

static int tell(struct walk *w, const struct kan_nft_item *item)
{
	return w->fn(item, w->arg, &w->stopped) < 0 ? -1 : 0;
}

static int message(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	struct kan_bytes v[NFTA_SET_ELEM_LIST_ELEMENTS + 1];
	struct kan_attrs a = {v, NFTA_SET_ELEM_LIST_ELEMENTS};
	struct kan_nft_item item = {.kind = w->kind, .payload = payload};
	uint16_t ignored = 0;
	(void)err;
	if (type != (NFNL_SUBSYS_NFTABLES << 8 | shapes[w->kind].answer))
		return 0;
	if (w->kind != KAN_NFT_ELEMENTS)
		return tell(w, &item);
	*w->bad += kan_netlink_attrs(&a, payload, HEADER, NULL) < 0;
	for (struct kan_bytes list = v[NFTA_SET_ELEM_LIST_ELEMENTS];
	     kan_attr_next(&ignored, &item.element, &list);)
		if (tell(w, &item) < 0)
			return -1;
	return 0;
}

int kan_nft_each(uint64_t *bad, enum kan_nft_kind kind, struct kan_bytes dump, kan_nft_fn *fn,
		 void *arg, struct kan_err *err)
{
	struct walk w = {.kind = kind, .fn = fn, .arg = arg, .bad = bad};
	if (kan_netlink_each(dump, message, &w, NULL) == 0)
		return 0;
	if (w.stopped.code != KAN_OK) {
		if (err)
			*err = w.stopped;
		return -1;
	}
	++*bad;
	return 0;
}

static void attribute(struct kan_buf *out, uint16_t type, struct kan_bytes v)
{
	static const uint8_t padding[NLA_ALIGN(1)];
	const struct nlattr a = {(uint16_t)(sizeof(a) + v.n), type};
	kan_buf_add(out, &a, sizeof(a));
	kan_buf_addb(out, v);
	kan_buf_add(out, padding, NLA_ALIGN(v.n) - v.n);
}

int kan_nft_set_request(struct kan_buf *out, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[NFTA_SET_NAME + 1];
	struct kan_attrs a = {v, NFTA_SET_NAME};
	struct nfgenmsg m = {.version = NFNETLINK_V0};
	unsigned proto = 0;
	if (head(&proto, payload, err) < 0 || kan_netlink_attrs(&a, payload, HEADER, err) < 0)
		return -1;
	if (!v[NFTA_SET_TABLE].p || !v[NFTA_SET_NAME].p ||
	    v[NFTA_SET_TABLE].n + v[NFTA_SET_NAME].n > UINT16_MAX / 2)
		return kan_fail(err, KAN_EFORMAT, "nftables: a set without a name");
	m.nfgen_family = (uint8_t)proto;
	kan_buf_add(out, &m, sizeof(m));
	attribute(out, NFTA_SET_ELEM_LIST_TABLE, v[NFTA_SET_TABLE]);
	attribute(out, NFTA_SET_ELEM_LIST_SET, v[NFTA_SET_NAME]);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "nftables: names of a set") : 0;
}
