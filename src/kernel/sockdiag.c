/* Answers of sock_diag: internet sockets, and what all kinds share. */
#include "kernel/sockdiag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"
#include "kernel/sockparse.h"

enum {
	NEWEST_ATTRIBUTE = INET_DIAG_CGROUP_ID,
	EVERY_STATE = -1,
	TCP_ESTABLISHED = 1,
	PACKET_SHOW = PACKET_SHOW_INFO | PACKET_SHOW_FANOUT | PACKET_SHOW_FILTER,
	UNIX_SHOW = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS |
		    UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID,
};

const struct kan_sock_kind kan_sock_kinds[KAN_SOCK_KINDS] = {
	{"tcp", "inet", "tcp", "stream", "TCP", AF_INET, IPPROTO_TCP, true, true},
	{"tcp6", "inet6", "tcp", "stream", "TCPv6", AF_INET6, IPPROTO_TCP, true, true},
	{"udp", "inet", "udp", "dgram", "UDP", AF_INET, IPPROTO_UDP, true, true},
	{"udp6", "inet6", "udp", "dgram", "UDPv6", AF_INET6, IPPROTO_UDP, true, true},
	{"udplite", "inet", "udplite", "dgram", "UDP-Lite", AF_INET, IPPROTO_UDPLITE, true, true},
	{"udplite6", "inet6", "udplite", "dgram", "UDPLITEv6", AF_INET6, IPPROTO_UDPLITE, true,
	 true},
	{"raw", "inet", "raw", "raw", "RAW", AF_INET, IPPROTO_RAW, true, true},
	{"raw6", "inet6", "raw", "raw", "RAWv6", AF_INET6, IPPROTO_RAW, true, true},
	{"icmp", "inet", "icmp", "dgram", "PING", AF_INET, IPPROTO_ICMP, false, true},
	{"icmp6", "inet6", "icmp6", "dgram", "PINGv6", AF_INET6, IPPROTO_ICMPV6, false, true},
	{"sctp", "inet", "sctp", NULL, "SCTP", AF_INET, IPPROTO_SCTP, true, false},
	{"sctp6", "inet6", "sctp", NULL, "SCTPv6", AF_INET6, IPPROTO_SCTP, true, false},
	{"dccp", "inet", "dccp", NULL, "DCCP", AF_INET, IPPROTO_DCCP, true, false},
	{"unix", "unix", NULL, NULL, "UNIX", AF_UNIX, 0, true, true},
	{"packet", "packet", NULL, NULL, "PACKET", AF_PACKET, 0, true, true},
	{"netlink", "netlink", NULL, NULL, "NETLINK", AF_NETLINK, NDIAG_PROTO_ALL, true, true},
	{"vsock", "vsock", NULL, NULL, "AF_VSOCK", AF_VSOCK, 0, true, false},
};

const char *kan_sock_state(unsigned state)
{
	static const char *const words[] = {NULL,         "ESTABLISHED",   "SYN_SENT",  "SYN_RECV",
					    "FIN_WAIT1",  "FIN_WAIT2",     "TIME_WAIT", "CLOSE",
					    "CLOSE_WAIT", "LAST_ACK",      "LISTEN",    "CLOSING",
					    "SYN_RECV",   "BOUND_INACTIVE"};
	return state < sizeof(words) / sizeof(words[0]) ? words[state] : NULL;
}

const char *kan_sock_type(unsigned type)
{
	switch (type) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_RAW:
		return "raw";
	case SOCK_SEQPACKET:
		return "seqpacket";
	default:
		return NULL;
	}
}

static uint32_t states_of(enum kan_sock_ask ask)
{
	if (ask == KAN_SOCK_ESTABLISHED)
		return 1U << TCP_ESTABLISHED;
	return ask == KAN_SOCK_NONE ? 0 : (uint32_t)EVERY_STATE;
}

void kan_sock_request(struct kan_buf *out, const struct kan_sock_kind *k, enum kan_sock_ask ask)
{
	uint32_t states = states_of(ask);
	if (k->af == AF_UNIX) {
		struct unix_diag_req q = {
			.sdiag_family = k->af, .udiag_states = states, .udiag_show = UNIX_SHOW};
		kan_buf_add(out, &q, sizeof(q));
	} else if (k->af == AF_PACKET) {
		struct packet_diag_req q = {.sdiag_family = k->af, .pdiag_show = PACKET_SHOW};
		kan_buf_add(out, &q, sizeof(q));
	} else if (k->af == AF_NETLINK) {
		struct netlink_diag_req q = {.sdiag_family = k->af,
					     .sdiag_protocol = k->protocol,
					     .ndiag_show = NDIAG_SHOW_GROUPS};
		kan_buf_add(out, &q, sizeof(q));
	} else if (k->af == AF_VSOCK) {
		struct vsock_diag_req q = {.sdiag_family = k->af, .vdiag_states = states};
		kan_buf_add(out, &q, sizeof(q));
	} else {
		struct inet_diag_req_v2 q = {.sdiag_family = k->af,
					     .sdiag_protocol = k->protocol,
					     .idiag_states = states};
		q.idiag_ext = ask == KAN_SOCK_ALL ? 1 << (INET_DIAG_INFO - 1) : 0;
		kan_buf_add(out, &q, sizeof(q));
	}
}

void kan_sock_request_tcp(struct kan_buf *out, enum kan_sock_ask ask)
{
	struct inet_diag_req q = {.idiag_states = states_of(ask)};
	q.idiag_ext = ask == KAN_SOCK_ALL ? 1 << (INET_DIAG_INFO - 1) : 0;
	kan_buf_add(out, &q, sizeof(q));
}

int kan_sock_split_tcp(struct kan_buf *both, struct kan_buf *six, struct kan_err *err)
{
	size_t kept = 0, at = 0, n = 0;
	int rc = 0;
	for (; rc == 0 && at < both->len; at += n) {
		struct nlmsghdr h = {0};
		size_t left = both->len - at;
		const uint8_t *p = both->data + at;
		memcpy(&h, p, left < sizeof(h) ? left : sizeof(h));
		if (left < sizeof(h) || h.nlmsg_len < sizeof(h) + 1 || h.nlmsg_len > left) {
			rc = kan_fail(err, KAN_EFORMAT, "netlink: a message of %u bytes in %zu",
				      h.nlmsg_len, left);
			break;
		}
		n = NLMSG_ALIGN((size_t)h.nlmsg_len);
		n = n < left ? n : left;
		if (p[sizeof(h)] == AF_INET6) {
			kan_buf_add(six, p, n);
		} else {
			memmove(both->data + kept, p, n);
			kept += n;
		}
	}
	both->len = kept;
	return rc;
}

/* The kernel appends fields over the years: one is there when the attribute is long enough. */
static void tcp_info(struct kan_sock *s, struct kan_bytes v)
{
	struct tcp_info i = {0};
	if (!v.p)
		return;
	memcpy(&i, v.p, v.n < sizeof(i) ? v.n : sizeof(i));
	s->bytes_acked = i.tcpi_bytes_acked;
	s->bytes_received = i.tcpi_bytes_received;
	s->bytes_sent = i.tcpi_bytes_sent;
	s->has_received = v.n >= offsetof(struct tcp_info, tcpi_bytes_received) +
					 sizeof(i.tcpi_bytes_received);
	s->has_sent = v.n >= offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof(i.tcpi_bytes_sent);
}

static void inet_attributes(struct kan_sock *s, const struct kan_sock_kind *k,
			    const struct kan_attrs *a)
{
	uint8_t bits = 0;
	if (k->protocol == IPPROTO_TCP)
		tcp_info(s, a->v[INET_DIAG_INFO]);
	s->has_mark = kan_attr_u32(&s->mark, a, INET_DIAG_MARK);
	s->has_shutdown = kan_attr_u8(&bits, a, INET_DIAG_SHUTDOWN);
	s->shutdown = bits;
	if (a->v[INET_DIAG_CGROUP_ID].p && a->v[INET_DIAG_CGROUP_ID].n == sizeof(s->cgroup)) {
		memcpy(&s->cgroup, a->v[INET_DIAG_CGROUP_ID].p, sizeof(s->cgroup));
		s->has_cgroup = true;
	}
}

static int inet(struct kan_sock *s, const struct kan_sock_kind *k, struct kan_bytes payload,
		struct kan_err *err)
{
	struct kan_bytes v[NEWEST_ATTRIBUTE + 1];
	struct kan_attrs a = {v, NEWEST_ATTRIBUTE};
	struct inet_diag_msg m;
	if (!kan_sock_head(&m, sizeof(m), payload, err))
		return -1;
	int rc = kan_netlink_attrs(&a, payload, sizeof(m), err);
	s->state = kan_sock_state(m.idiag_state);
	s->ino = m.idiag_inode;
	s->uid = m.idiag_uid;
	s->has_uid = true;
	s->ifindex = m.id.idiag_if;
	s->has_ifindex = m.id.idiag_if != 0;
	s->rqueue = m.idiag_rqueue;
	s->wqueue = m.idiag_wqueue;
	s->has_queues = true;
	s->timer = m.idiag_timer;
	s->retrans = m.idiag_retrans;
	s->has_timer = true;
	kan_sock_cookie(s, m.id.idiag_cookie);
	(void)inet_ntop(k->af, m.id.idiag_src, s->laddr, sizeof(s->laddr));
	(void)inet_ntop(k->af, m.id.idiag_dst, s->raddr, sizeof(s->raddr));
	kan_sock_ports(s, k, ntohs(m.id.idiag_sport), ntohs(m.id.idiag_dport));
	inet_attributes(s, k, &a);
	return rc;
}

int kan_sock_parse(struct kan_sock *out, const struct kan_sock_kind *k, struct kan_bytes payload,
		   struct kan_err *err)
{
	*out = (struct kan_sock){.family = k->family, .proto = k->proto, .type = k->type};
	switch (k->af) {
	case AF_UNIX:
		return kan_sock_unix(out, payload, err);
	case AF_PACKET:
		return kan_sock_packet(out, payload, err);
	case AF_NETLINK:
		return kan_sock_netlink(out, payload, err);
	case AF_VSOCK:
		return kan_sock_vsock(out, payload, err);
	default:
		return inet(out, k, payload, err);
	}
}
