/* RTNETLINK: requests, the smaller kinds of answers, and the fields that all share. */
#include "kernel/rtnetlink.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/digest.h"
#include "kernel/rtfields.h"

enum { HARDWARE_OCTETS = 32, ADDRESS_OCTETS = 48 };

const struct kan_rt kan_rts[KAN_RT_KINDS] = {
	[KAN_RT_LINKS] = {"links", RTM_GETLINK, RTM_NEWLINK},
	[KAN_RT_ADDRESSES] = {"addresses", RTM_GETADDR, RTM_NEWADDR},
	[KAN_RT_ROUTES] = {"routes", RTM_GETROUTE, RTM_NEWROUTE},
	[KAN_RT_RULES] = {"rules", RTM_GETRULE, RTM_NEWRULE},
	[KAN_RT_NEIGHBOURS] = {"neighbours", RTM_GETNEIGH, RTM_NEWNEIGH},
	[KAN_RT_PROXIES] = {"neighbours", RTM_GETNEIGH, RTM_NEWNEIGH},
	[KAN_RT_FDB] = {"neighbours", RTM_GETNEIGH, RTM_NEWNEIGH},
	[KAN_RT_QDISCS] = {"tc", RTM_GETQDISC, RTM_NEWQDISC},
	[KAN_RT_FILTERS] = {"tc", RTM_GETTFILTER, RTM_NEWTFILTER},
};

static const size_t headers[KAN_RT_KINDS] = {
	sizeof(struct ifinfomsg),    sizeof(struct ifaddrmsg), sizeof(struct rtmsg),
	sizeof(struct fib_rule_hdr), sizeof(struct ndmsg),     sizeof(struct ndmsg),
	sizeof(struct ndmsg),        sizeof(struct tcmsg),     sizeof(struct tcmsg)};

void kan_rt_request(struct kan_buf *out, enum kan_rt_kind kind)
{
	/* The family is the first octet of each header; AF_UNSPEC is all of them. */
	static const uint8_t all[sizeof(struct tcmsg)];
	static const struct ndmsg proxies = {.ndm_flags = NTF_PROXY};
	static const struct ndmsg bridges = {.ndm_family = AF_BRIDGE};
	const void *request = kind == KAN_RT_PROXIES ? (const void *)&proxies
			      : kind == KAN_RT_FDB   ? (const void *)&bridges
						     : (const void *)all;
	kan_buf_add(out, request, headers[kind]);
}

void kan_rt_int(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	uint32_t v = 0;
	if (kan_attr_u32(&v, a, type))
		kan_row_int(r, key, v);
}

void kan_rt_text(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	struct kan_bytes v = a->v[type];
	if (!v.p)
		return;
	const uint8_t *end = memchr(v.p, 0, v.n);
	kan_row_bytes(r, key, (struct kan_bytes){v.p, end ? (size_t)(end - v.p) : v.n});
}

void kan_rt_ip(struct kan_row *r, const char *key, struct kan_bytes v)
{
	char text[ADDRESS_OCTETS];
	if (v.p && (v.n == 4 || v.n == 16) &&
	    inet_ntop(v.n == 4 ? AF_INET : AF_INET6, v.p, text, sizeof(text)))
		kan_row_str(r, key, text);
}

void kan_rt_address(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	kan_rt_ip(r, key, a->v[type]);
}

void kan_rt_mac(struct kan_row *r, const char *key, const struct kan_attrs *a, uint16_t type)
{
	static const char digits[] = "0123456789abcdef";
	char text[HARDWARE_OCTETS * 3];
	struct kan_bytes v = a->v[type];
	if (!v.p || v.n == 0 || v.n > HARDWARE_OCTETS)
		return;
	for (size_t i = 0; i < v.n; i++) {
		text[3 * i] = digits[v.p[i] >> 4];
		text[3 * i + 1] = digits[v.p[i] & 15];
		text[3 * i + 2] = ':';
	}
	text[3 * v.n - 1] = 0;
	kan_row_str(r, key, text);
}

void kan_rt_family(struct kan_row *r, unsigned family)
{
	if (family == AF_INET || family == AF_INET6)
		kan_row_str(r, "family", family == AF_INET ? "inet" : "inet6");
	else if (family == AF_BRIDGE)
		kan_row_str(r, "family", "bridge");
	else
		kan_row_int(r, "family_number", family);
}

void kan_rt_word(struct kan_row *r, const char *key, const char *const *words, size_t n,
		 unsigned value)
{
	if (value < n)
		kan_row_str(r, key, words[value]);
	else
		kan_row_int(r, key, value);
}

/* With a peer at the other end the own address is IFA_LOCAL; else IPv6 has IFA_ADDRESS alone. */
static int address(struct kan_row *r, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[IFA_FLAGS + 1];
	struct kan_attrs a = {v, IFA_FLAGS};
	struct ifaddrmsg m;
	uint32_t flags = 0;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "an address of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	uint16_t own = v[IFA_LOCAL].p ? IFA_LOCAL : IFA_ADDRESS;
	kan_row_int(r, "ifindex", m.ifa_index);
	kan_rt_family(r, m.ifa_family);
	kan_rt_address(r, "address", &a, own);
	kan_row_int(r, "prefix", m.ifa_prefixlen);
	if (own == IFA_LOCAL && v[IFA_ADDRESS].p && !kan_bytes_eq(v[IFA_ADDRESS], v[IFA_LOCAL]))
		kan_rt_address(r, "peer", &a, IFA_ADDRESS);
	kan_rt_address(r, "broadcast", &a, IFA_BROADCAST);
	kan_rt_text(r, "label", &a, IFA_LABEL);
	kan_row_int(r, "scope", m.ifa_scope);
	kan_row_mask(r, "flags", kan_attr_u32(&flags, &a, IFA_FLAGS) ? flags : m.ifa_flags);
	return rc;
}

static void neighbour_state(struct kan_row *r, unsigned state)
{
	static const char *const words[] = {"incomplete", "reachable", "stale", "delay",
					    "probe",      "failed",    "noarp", "permanent"};
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (state == 1U << i)
			kan_row_str(r, "state", words[i]);
}

static int neighbour(struct kan_row *r, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[NDA_MASTER + 1];
	struct kan_attrs a = {v, NDA_MASTER};
	struct ndmsg m;
	uint16_t vlan = 0;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "a neighbour of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	kan_row_int(r, "ifindex", m.ndm_ifindex);
	kan_rt_family(r, m.ndm_family);
	kan_rt_address(r, "address", &a, NDA_DST);
	kan_rt_mac(r, "mac", &a, NDA_LLADDR);
	neighbour_state(r, m.ndm_state);
	kan_row_mask(r, "flags", m.ndm_flags);
	kan_row_int(r, "type", m.ndm_type);
	kan_rt_int(r, "master", &a, NDA_MASTER);
	if (v[NDA_VLAN].p && v[NDA_VLAN].n == sizeof(vlan)) {
		memcpy(&vlan, v[NDA_VLAN].p, sizeof(vlan));
		kan_row_int(r, "vlan", vlan);
	}
	return rc;
}

static int rule(struct kan_row *r, struct kan_bytes payload, struct kan_err *err)
{
	static const char *const actions[] = {"unspec",    "table",       "goto",
					      "nop",       "res3",        "res4",
					      "blackhole", "unreachable", "prohibit"};
	struct kan_bytes v[FRA_UID_RANGE + 1];
	struct kan_attrs a = {v, FRA_UID_RANGE};
	struct fib_rule_hdr m;
	uint32_t table = 0;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "a rule of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	kan_rt_family(r, m.family);
	kan_row_int(r, "priority", kan_attr_u32(&table, &a, FRA_PRIORITY) ? table : 0);
	kan_rt_word(r, "action", actions, sizeof(actions) / sizeof(actions[0]), m.action);
	kan_row_int(r, "table", kan_attr_u32(&table, &a, FRA_TABLE) ? table : m.table);
	kan_rt_address(r, "src", &a, FRA_SRC);
	kan_row_int(r, "src_prefix", m.src_len);
	kan_rt_address(r, "dst", &a, FRA_DST);
	kan_row_int(r, "prefix", m.dst_len);
	kan_rt_text(r, "iif", &a, FRA_IFNAME);
	kan_rt_text(r, "oif", &a, FRA_OIFNAME);
	kan_rt_int(r, "mark", &a, FRA_FWMARK);
	kan_rt_int(r, "mask", &a, FRA_FWMASK);
	kan_rt_int(r, "goto", &a, FRA_GOTO);
	kan_row_mask(r, "flags", m.flags);
	return rc;
}

void kan_rt_raw(struct kan_row *r, struct kan_bytes v)
{
	size_t kept = v.n < KAN_RT_RAW_MAX ? v.n : KAN_RT_RAW_MAX;
	kan_auto_free char *text = kan_xalloc(2 * kept + 1);
	kan_hex(text, (struct kan_bytes){v.p, kept});
	kan_row_str(r, "raw", text);
	if (kept < v.n)
		kan_row_uint(r, "raw_len", v.n);
}

int kan_rt_row(struct kan_row *r, enum kan_rt_kind kind, struct kan_bytes payload,
	       struct kan_err *err)
{
	int rc = 0;
	switch (kind) {
	case KAN_RT_LINKS:
		rc = kan_rt_link(r, payload, err);
		break;
	case KAN_RT_ADDRESSES:
		rc = address(r, payload, err);
		break;
	case KAN_RT_ROUTES:
		rc = kan_rt_route(r, payload, err);
		break;
	case KAN_RT_RULES:
		rc = rule(r, payload, err);
		break;
	case KAN_RT_NEIGHBOURS:
	case KAN_RT_PROXIES:
	case KAN_RT_FDB:
		rc = neighbour(r, payload, err);
		break;
	case KAN_RT_QDISCS:
	case KAN_RT_FILTERS:
		rc = kan_rt_tc(r, kind, payload, err);
		break;
	case KAN_RT_KINDS:
		rc = kan_fail(err, KAN_EUSAGE, "no such kind");
		break;
	}
	if (kind < KAN_RT_KINDS && payload.n > headers[kind])
		kan_rt_raw(r, (struct kan_bytes){payload.p + headers[kind],
						 payload.n - headers[kind]});
	return rc;
}
