/* A route as RTNETLINK tells it: of every table, blackholes and several next hops included. */
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/rtfields.h"

enum { HOPS_MAX = 256 }; /* in a row; "raw" has all */

static const char *const types[] = {"unspec",   "unicast",   "local",     "broadcast",
				    "anycast",  "multicast", "blackhole", "unreachable",
				    "prohibit", "throw",     "nat",       "xresolve"};

/* What is wrapped around the packet; "raw" has the rest. */
static void encap(struct kan_row *r, const struct kan_attrs *a)
{
	static const char *const words[] = {"none", "mpls",      "ip",  "ila",   "ip6", "seg6",
					    "bpf",  "seg6local", "rpl", "ioam6", "xfrm"};
	uint16_t type = 0;
	if (!a->v[RTA_ENCAP_TYPE].p || a->v[RTA_ENCAP_TYPE].n != sizeof(type))
		return;
	memcpy(&type, a->v[RTA_ENCAP_TYPE].p, sizeof(type));
	kan_rt_word(r, "encap", words, sizeof(words) / sizeof(words[0]), type);
}

/* The way to a gateway of another family: its family, then its address. */
static void via(struct kan_row *r, struct kan_bytes v)
{
	const size_t head = sizeof(struct rtvia);
	if (v.p && v.n > head)
		kan_rt_ip(r, "via", (struct kan_bytes){v.p + head, v.n - head});
}

static void one_hop(struct kan_row *r, const struct rtnexthop *h, struct kan_bytes attributes)
{
	struct kan_bytes v[RTA_ENCAP_TYPE + 1];
	struct kan_attrs a = {v, RTA_ENCAP_TYPE};
	kan_row_obj(r, NULL);
	kan_row_int(r, "oif", h->rtnh_ifindex);
	kan_row_int(r, "weight", h->rtnh_hops + 1);
	kan_row_int(r, "flags", h->rtnh_flags);
	if (kan_netlink_attrs(&a, attributes, 0, NULL) == 0) {
		kan_rt_address(r, "gateway", &a, RTA_GATEWAY);
		via(r, v[RTA_VIA]);
		encap(r, &a);
	}
	kan_row_obj_end(r);
}

static void hops(struct kan_row *r, struct kan_bytes list)
{
	if (!list.p)
		return;
	kan_row_arr(r, "hops");
	for (int i = 0; i < HOPS_MAX && list.n >= sizeof(struct rtnexthop); i++) {
		struct rtnexthop h;
		memcpy(&h, list.p, sizeof(h));
		if (h.rtnh_len < sizeof(h) || h.rtnh_len > list.n)
			break;
		one_hop(r, &h, (struct kan_bytes){list.p + sizeof(h), h.rtnh_len - sizeof(h)});
		size_t used = RTNH_ALIGN((size_t)h.rtnh_len) < list.n
				      ? RTNH_ALIGN((size_t)h.rtnh_len)
				      : list.n;
		list.p += used;
		list.n -= used;
	}
	kan_row_arr_end(r);
}

static void destination(struct kan_row *r, const struct rtmsg *m, const struct kan_attrs *a)
{
	static const uint8_t any[16];
	if (a->v[RTA_DST].p)
		kan_rt_address(r, "dst", a, RTA_DST);
	else if (m->rtm_family == AF_INET || m->rtm_family == AF_INET6)
		kan_rt_ip(r, "dst", (struct kan_bytes){any, m->rtm_family == AF_INET ? 4 : 16});
	kan_row_int(r, "prefix", m->rtm_dst_len);
	if (a->v[RTA_SRC].p) {
		kan_rt_address(r, "src", a, RTA_SRC);
		kan_row_int(r, "src_prefix", m->rtm_src_len);
	}
}

int kan_rt_route(struct kan_row *r, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[RTA_NH_ID + 1];
	struct kan_attrs a = {v, RTA_NH_ID};
	struct rtmsg m;
	uint32_t table = 0;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "a route of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	kan_rt_family(r, m.rtm_family);
	kan_rt_word(r, "type", types, sizeof(types) / sizeof(types[0]), m.rtm_type);
	kan_row_int(r, "table", kan_attr_u32(&table, &a, RTA_TABLE) ? table : m.rtm_table);
	destination(r, &m, &a);
	kan_rt_address(r, "gateway", &a, RTA_GATEWAY);
	via(r, v[RTA_VIA]);
	encap(r, &a);
	kan_rt_int(r, "oif", &a, RTA_OIF);
	kan_rt_int(r, "iif", &a, RTA_IIF);
	kan_rt_address(r, "prefsrc", &a, RTA_PREFSRC);
	kan_rt_int(r, "metric", &a, RTA_PRIORITY);
	kan_rt_int(r, "mark", &a, RTA_MARK);
	kan_rt_int(r, "nexthop", &a, RTA_NH_ID);
	kan_row_int(r, "protocol", m.rtm_protocol);
	kan_row_int(r, "scope", m.rtm_scope);
	kan_row_int(r, "tos", m.rtm_tos);
	kan_row_mask(r, "flags", m.rtm_flags);
	hops(r, v[RTA_MULTIPATH]);
	return rc;
}
