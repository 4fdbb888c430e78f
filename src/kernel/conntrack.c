/* Connections that the kernel tracks, as ctnetlink tells them. Pure functions over bytes. */
#include "kernel/conntrack.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/rtfields.h"

enum { HEADER = sizeof(struct nfgenmsg) };
_Static_assert(KAN_CT_ASK_OCTETS == sizeof(struct nfgenmsg), "the request is its header");

uint16_t kan_ct_ask(uint8_t out[KAN_CT_ASK_OCTETS])
{
	const struct nfgenmsg all = {.version = NFNETLINK_V0};
	memcpy(out, &all, sizeof(all));
	return NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
}

bool kan_ct_is(uint16_t type)
{
	return type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW);
}

struct tuple {
	struct kan_bytes src, dst, proto[CTA_PROTO_MAX + 1];
	bool has_zone;
	uint32_t zone;
};

static void read_tuple(struct tuple *t, struct kan_bytes nested)
{
	struct kan_bytes v[CTA_TUPLE_ZONE + 1], ip[CTA_IP_V6_DST + 1];
	struct kan_attrs a = {v, CTA_TUPLE_ZONE}, i = {ip, CTA_IP_V6_DST};
	struct kan_attrs p = {t->proto, CTA_PROTO_MAX};
	*t = (struct tuple){0};
	if (!nested.p || kan_netlink_attrs(&a, nested, 0, NULL) < 0)
		return;
	if (v[CTA_TUPLE_IP].p && kan_netlink_attrs(&i, v[CTA_TUPLE_IP], 0, NULL) == 0) {
		t->src = ip[CTA_IP_V4_SRC].p ? ip[CTA_IP_V4_SRC] : ip[CTA_IP_V6_SRC];
		t->dst = ip[CTA_IP_V4_DST].p ? ip[CTA_IP_V4_DST] : ip[CTA_IP_V6_DST];
	}
	if (v[CTA_TUPLE_PROTO].p)
		(void)kan_netlink_attrs(&p, v[CTA_TUPLE_PROTO], 0, NULL);
	t->has_zone = kan_attr_be16(&t->zone, &a, CTA_TUPLE_ZONE);
}

static void number16(struct kan_row *r, const char *key, const struct tuple *t, uint16_t type)
{
	uint32_t v = 0;
	const struct kan_attrs a = {(struct kan_bytes *)(uintptr_t)t->proto, CTA_PROTO_MAX};
	if (kan_attr_be16(&v, &a, type))
		kan_row_int(r, key, v);
}

static void tuple(struct kan_row *r, const char *key, const struct tuple *t)
{
	if (!t->src.p && !t->dst.p)
		return;
	kan_row_obj(r, key);
	kan_rt_ip(r, "src", t->src);
	kan_rt_ip(r, "dst", t->dst);
	number16(r, "sport", t, CTA_PROTO_SRC_PORT);
	number16(r, "dport", t, CTA_PROTO_DST_PORT);
	number16(r, "id", t, CTA_PROTO_ICMP_ID);
	number16(r, "id6", t, CTA_PROTO_ICMPV6_ID);
	if (t->has_zone)
		kan_row_int(r, "zone", t->zone);
	kan_row_obj_end(r);
}

static void protocol(struct kan_row *r, const struct tuple *t)
{
	uint8_t number = 0;
	const struct kan_attrs a = {(struct kan_bytes *)(uintptr_t)t->proto, CTA_PROTO_MAX};
	if (!kan_attr_u8(&number, &a, CTA_PROTO_NUM))
		return;
	kan_row_int(r, "protocol", number);
	if (number == IPPROTO_TCP || number == IPPROTO_UDP)
		kan_row_str(r, "proto", number == IPPROTO_TCP ? "tcp" : "udp");
}

static void tcp_state(struct kan_row *r, struct kan_bytes nested)
{
	static const char *const words[] = {"NONE",     "SYN_SENT",   "SYN_RECV", "ESTABLISHED",
					    "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
					    "CLOSE",    "SYN_SENT2"};
	struct kan_bytes v[CTA_PROTOINFO_TCP + 1], w[CTA_PROTOINFO_TCP_STATE + 1];
	struct kan_attrs a = {v, CTA_PROTOINFO_TCP}, tcp = {w, CTA_PROTOINFO_TCP_STATE};
	uint8_t state = 0;
	if (nested.p && kan_netlink_attrs(&a, nested, 0, NULL) == 0 && v[CTA_PROTOINFO_TCP].p &&
	    kan_netlink_attrs(&tcp, v[CTA_PROTOINFO_TCP], 0, NULL) == 0 &&
	    kan_attr_u8(&state, &tcp, CTA_PROTOINFO_TCP_STATE))
		kan_rt_word(r, "state", words, sizeof(words) / sizeof(words[0]), state);
}

static void counters(struct kan_row *r, const char *key, struct kan_bytes nested)
{
	struct kan_bytes v[CTA_COUNTERS_BYTES + 1];
	struct kan_attrs a = {v, CTA_COUNTERS_BYTES};
	uint64_t n = 0;
	if (!nested.p || kan_netlink_attrs(&a, nested, 0, NULL) < 0)
		return;
	kan_row_obj(r, key);
	if (kan_attr_be64(&n, &a, CTA_COUNTERS_PACKETS))
		kan_row_dec(r, "packets", n);
	if (kan_attr_be64(&n, &a, CTA_COUNTERS_BYTES))
		kan_row_dec(r, "bytes", n);
	kan_row_obj_end(r);
}

static void helper(struct kan_row *r, struct kan_bytes nested)
{
	struct kan_bytes v[CTA_HELP_NAME + 1];
	struct kan_attrs a = {v, CTA_HELP_NAME};
	if (nested.p && kan_netlink_attrs(&a, nested, 0, NULL) == 0)
		kan_rt_text(r, "helper", &a, CTA_HELP_NAME);
}

static void number32(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	uint32_t v = 0;
	if (kan_attr_be32(&v, a, type))
		kan_row_uint(r, key, v);
}

static void status(struct kan_row *r, const struct kan_attrs *a)
{
	uint32_t v = 0;
	if (kan_attr_be32(&v, a, CTA_STATUS))
		kan_row_mask(r, "status", v);
	if (kan_attr_be16(&v, a, CTA_ZONE))
		kan_row_uint(r, "zone", v);
}

int kan_ct_row(struct kan_row *r, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[CTA_MAX + 1];
	struct kan_attrs a = {v, CTA_MAX};
	struct nfgenmsg m;
	struct tuple t;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "a connection of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	kan_rt_family(r, m.nfgen_family);
	read_tuple(&t, v[CTA_TUPLE_ORIG]);
	protocol(r, &t);
	tcp_state(r, v[CTA_PROTOINFO]);
	tuple(r, "orig", &t);
	read_tuple(&t, v[CTA_TUPLE_REPLY]);
	tuple(r, "reply", &t);
	read_tuple(&t, v[CTA_TUPLE_MASTER]);
	tuple(r, "master", &t);
	status(r, &a);
	number32(r, "timeout_s", &a, CTA_TIMEOUT);
	number32(r, "mark", &a, CTA_MARK);
	number32(r, "id", &a, CTA_ID);
	counters(r, "sent", v[CTA_COUNTERS_ORIG]);
	counters(r, "received", v[CTA_COUNTERS_REPLY]);
	helper(r, v[CTA_HELP]);
	if (payload.n > HEADER)
		kan_rt_raw(r, (struct kan_bytes){payload.p + HEADER, payload.n - HEADER});
	return rc;
}

bool kan_ct_has(struct kan_bytes payload, const struct kan_bytes *of, size_t n)
{
	struct kan_bytes v[CTA_TUPLE_REPLY + 1];
	struct kan_attrs a = {v, CTA_TUPLE_REPLY};
	if (kan_netlink_attrs(&a, payload, HEADER, NULL) < 0)
		return false;
	for (unsigned k = CTA_TUPLE_ORIG; k <= CTA_TUPLE_REPLY; k++) {
		struct tuple t;
		read_tuple(&t, v[k]);
		for (size_t i = 0; i < n; i++)
			if (kan_bytes_eq(t.src, of[i]) || kan_bytes_eq(t.dst, of[i]))
				return true;
	}
	return false;
}
