/* A network device as RTNETLINK tells it: where its other end is, who sniffs, what filters. */
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/rtfields.h"

static const char *const operstates[] = {"unknown", "notpresent", "down", "lowerlayerdown",
					 "testing", "dormant",    "up"};
static const char *const xdp_modes[] = {"none", "drv", "skb", "hw", "multi"};

static void xdp(struct kan_row *r, struct kan_bytes nested)
{
	struct kan_bytes v[IFLA_XDP_PROG_ID + 1];
	struct kan_attrs a = {v, IFLA_XDP_PROG_ID};
	uint8_t mode = 0;
	if (!nested.p || kan_netlink_attrs(&a, nested, 0, NULL) < 0)
		return;
	if (kan_attr_u8(&mode, &a, IFLA_XDP_ATTACHED))
		kan_rt_word(r, "xdp", xdp_modes, sizeof(xdp_modes) / sizeof(xdp_modes[0]), mode);
	kan_rt_int(r, "xdp_prog", &a, IFLA_XDP_PROG_ID);
}

static void counters(struct kan_row *r, struct kan_bytes stats)
{
	struct rtnl_link_stats64 s = {0};
	if (!stats.p || stats.n < offsetof(struct rtnl_link_stats64, rx_errors))
		return;
	memcpy(&s, stats.p, stats.n < sizeof(s) ? stats.n : sizeof(s));
	kan_row_uint(r, "rx_packets", s.rx_packets);
	kan_row_uint(r, "tx_packets", s.tx_packets);
	kan_row_uint(r, "rx_bytes", s.rx_bytes);
	kan_row_uint(r, "tx_bytes", s.tx_bytes);
}

static void kind(struct kan_row *r, struct kan_bytes nested)
{
	struct kan_bytes v[IFLA_INFO_KIND + 1];
	struct kan_attrs a = {v, IFLA_INFO_KIND};
	if (nested.p && kan_netlink_attrs(&a, nested, 0, NULL) == 0)
		kan_rt_text(r, "kind", &a, IFLA_INFO_KIND);
}

int kan_rt_link(struct kan_row *r, struct kan_bytes payload, struct kan_err *err)
{
	struct kan_bytes v[IFLA_XDP + 1];
	struct kan_attrs a = {v, IFLA_XDP};
	struct ifinfomsg m;
	uint8_t state = 0;
	if (payload.n < sizeof(m))
		return kan_fail(err, KAN_EFORMAT, "a link of %zu bytes", payload.n);
	memcpy(&m, payload.p, sizeof(m));
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	kan_row_int(r, "ifindex", m.ifi_index);
	kan_rt_text(r, "name", &a, IFLA_IFNAME);
	kan_rt_text(r, "alias", &a, IFLA_IFALIAS);
	kind(r, v[IFLA_LINKINFO]);
	kan_row_int(r, "arphrd", m.ifi_type);
	kan_row_mask(r, "flags", m.ifi_flags);
	kan_row_bool(r, "up", (m.ifi_flags & IFF_UP) != 0);
	if (kan_attr_u8(&state, &a, IFLA_OPERSTATE))
		kan_rt_word(r, "operstate", operstates, sizeof(operstates) / sizeof(operstates[0]),
			    state);
	kan_rt_mac(r, "mac", &a, IFLA_ADDRESS);
	kan_rt_int(r, "mtu", &a, IFLA_MTU);
	kan_rt_int(r, "iflink", &a, IFLA_LINK);
	kan_rt_int(r, "link_netnsid", &a, IFLA_LINK_NETNSID);
	kan_rt_int(r, "master", &a, IFLA_MASTER);
	kan_rt_int(r, "group", &a, IFLA_GROUP);
	kan_rt_int(r, "promiscuity", &a, IFLA_PROMISCUITY);
	kan_rt_text(r, "qdisc", &a, IFLA_QDISC);
	xdp(r, v[IFLA_XDP]);
	counters(r, v[IFLA_STATS64]);
	return rc;
}

static struct kan_bytes words(struct kan_bytes v)
{
	const uint8_t *end = v.p ? memchr(v.p, 0, v.n) : NULL;
	return (struct kan_bytes){v.p, end ? (size_t)(end - v.p) : v.n};
}

static bool link_ends(struct kan_rt_ends *out, struct kan_bytes payload)
{
	struct kan_bytes v[IFLA_LINK_NETNSID + 1], w[IFLA_INFO_KIND + 1];
	struct kan_attrs a = {v, IFLA_LINK_NETNSID}, info = {w, IFLA_INFO_KIND};
	struct ifinfomsg m;
	uint32_t number = 0;
	if (kan_netlink_attrs(&a, payload, sizeof(m), NULL) < 0)
		return false;
	memcpy(&m, payload.p, sizeof(m));
	*out = (struct kan_rt_ends){.ifindex = m.ifi_index, .name = words(v[IFLA_IFNAME])};
	if (kan_attr_u32(&number, &a, IFLA_LINK))
		out->iflink = (int32_t)number;
	if (kan_attr_u32(&number, &a, IFLA_MASTER))
		out->master = (int32_t)number;
	out->elsewhere = kan_attr_u32(&number, &a, IFLA_LINK_NETNSID);
	if (out->elsewhere)
		out->netnsid = (int32_t)number;
	if (v[IFLA_LINKINFO].p && kan_netlink_attrs(&info, v[IFLA_LINKINFO], 0, NULL) == 0)
		out->kind = words(w[IFLA_INFO_KIND]);
	return true;
}

static bool address_ends(struct kan_rt_ends *out, struct kan_bytes payload)
{
	struct kan_bytes v[IFA_LOCAL + 1];
	struct kan_attrs a = {v, IFA_LOCAL};
	struct ifaddrmsg m;
	if (kan_netlink_attrs(&a, payload, sizeof(m), NULL) < 0)
		return false;
	memcpy(&m, payload.p, sizeof(m));
	*out = (struct kan_rt_ends){.ifindex = (int32_t)m.ifa_index,
				    .prefix = m.ifa_prefixlen,
				    .scope = m.ifa_scope,
				    .address = v[v[IFA_LOCAL].p ? IFA_LOCAL : IFA_ADDRESS]};
	return true;
}

bool kan_rt_ends(struct kan_rt_ends *out, enum kan_rt_kind kind, struct kan_bytes payload)
{
	return kind == KAN_RT_LINKS       ? link_ends(out, payload)
	       : kind == KAN_RT_ADDRESSES ? address_ends(out, payload)
					  : false;
}

uint16_t kan_rt_nsid_ask(uint8_t out[KAN_RT_NSID_OCTETS], int ns_fd)
{
	const uint32_t fd = (uint32_t)ns_fd;
	const struct nlattr a = {NLA_HDRLEN + sizeof(fd), NETNSA_FD};
	_Static_assert(NLMSG_ALIGN(sizeof(struct rtgenmsg)) + NLA_HDRLEN + sizeof(fd) ==
			       KAN_RT_NSID_OCTETS,
		       "a header and one number");
	memset(out, 0, KAN_RT_NSID_OCTETS);
	memcpy(out + NLMSG_ALIGN(sizeof(struct rtgenmsg)), &a, sizeof(a));
	memcpy(out + NLMSG_ALIGN(sizeof(struct rtgenmsg)) + NLA_HDRLEN, &fd, sizeof(fd));
	return RTM_GETNSID;
}

bool kan_rt_nsid(int32_t *out, struct kan_bytes payload)
{
	struct kan_bytes v[NETNSA_NSID + 1];
	struct kan_attrs a = {v, NETNSA_NSID};
	uint32_t number = 0;
	if (kan_netlink_attrs(&a, payload, sizeof(struct rtgenmsg), NULL) < 0 ||
	    !kan_attr_u32(&number, &a, NETNSA_NSID) || (int32_t)number < 0)
		return false;
	*out = (int32_t)number;
	return true;
}
