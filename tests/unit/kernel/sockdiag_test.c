/* Answers of sock_diag, as octets of a little-endian machine. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/netlink.h"
#include "kernel/sockdiag.h"

static const struct kan_sock_kind *kind(const char *name)
{
	for (size_t i = 0; i < KAN_SOCK_KINDS; i++)
		if (strcmp(kan_sock_kinds[i].name, name) == 0)
			return &kan_sock_kinds[i];
	cr_assert_fail("no kind %s", name);
	return NULL;
}

/* 172.17.0.2:41022 to 198.51.100.7:443, established, inode 90211, uid 33. */
static const uint8_t established[] = {
	2,   1,  1,   3, 0xa0, 0x3e, 0x01, 0xbb, /* family, state, timer, retrans, ports */
	172, 17, 0,   2, 0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* source */
	198, 51, 100, 7, 0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* destination */
	2,   0,  0,   0, 0x0b, 0,    0,    0,    1, 0, 0, 0,             /* interface, cookie */
	0,   0,  0,   0, 5,    0,    0,    0,    6, 0, 0, 0,             /* expires, queues */
	33,  0,  0,   0, 0x63, 0x60, 0x01, 0,                            /* uid, inode */
	8,   0,  15,  0, 7,    0,    0,    0,                            /* mark */
	5,   0,  8,   0, 3,    0,    0,    0,                            /* shutdown */
	12,  0,  21,  0, 0xb2, 2,    0,    0,    0, 0, 0, 0,             /* cgroup */
};

Test(sockdiag, a_connection_has_both_ends_and_its_inode)
{
	struct kan_sock s;
	struct kan_err err = {0};
	cr_assert_eq(kan_sock_parse(&s, kind("tcp"),
				    (struct kan_bytes){established, sizeof(established)}, &err),
		     0);
	cr_assert_str_eq(s.family, "inet");
	cr_assert_str_eq(s.type, "stream");
	cr_assert_str_eq(s.proto, "tcp");
	cr_assert_str_eq(s.state, "ESTABLISHED");
	cr_assert_str_eq(s.laddr, "172.17.0.2");
	cr_assert_str_eq(s.raddr, "198.51.100.7");
	cr_assert_eq(s.lport, 41022);
	cr_assert_eq(s.rport, 443);
	cr_assert_eq(s.ino, 90211);
	cr_assert_eq(s.uid, 33);
	cr_assert_eq(s.ifindex, 2);
	cr_assert_eq(s.cookie, 0x10000000bULL);
	cr_assert_eq(s.rqueue, 5);
	cr_assert_eq(s.wqueue, 6);
	cr_assert_eq(s.timer, 1);
	cr_assert_eq(s.retrans, 3);
	cr_assert(s.has_mark && s.mark == 7);
	cr_assert(s.has_shutdown && s.shutdown == 3);
	cr_assert(s.has_cgroup && s.cgroup == 690);
	cr_assert(!s.has_sent && !s.has_received && !s.has_peer && !s.has_vfs);
}

Test(sockdiag, counters_are_known_only_as_far_as_the_kernel_tells_them)
{
	uint8_t answer[72 + 4 + 256] = {0};
	struct kan_sock s;
	memcpy(answer, established, 72);
	answer[72 + 2] = 2;          /* INET_DIAG_INFO */
	answer[72 + 4 + 120] = 9;    /* bytes acked */
	answer[72 + 4 + 128] = 120;  /* bytes received */
	answer[72 + 4 + 200] = 0xbb; /* bytes sent */
	answer[72 + 4 + 201] = 0x1f;
	const size_t lengths[] = {96, 136, 208};
	for (size_t i = 0; i < 3; i++) {
		answer[72] = (uint8_t)(4 + lengths[i]);
		cr_assert_eq(kan_sock_parse(&s, kind("tcp"),
					    (struct kan_bytes){answer, 72 + 4 + lengths[i]}, NULL),
			     0);
		cr_assert_eq(s.has_received, i >= 1);
		cr_assert_eq(s.has_sent, i >= 2);
	}
	cr_assert_eq(s.bytes_acked, 9);
	cr_assert_eq(s.bytes_received, 120);
	cr_assert_eq(s.bytes_sent, 8123);
}

Test(sockdiag, a_raw_socket_has_a_protocol_and_no_ports)
{
	uint8_t answer[72];
	struct kan_sock s;
	memcpy(answer, established, sizeof(answer));
	answer[4] = 0;
	answer[5] = 1;
	cr_assert_eq(
		kan_sock_parse(&s, kind("raw"), (struct kan_bytes){answer, sizeof(answer)}, NULL),
		0);
	cr_assert(s.has_protocol && s.protocol == 1);
	cr_assert_not(s.has_ports);
}

Test(sockdiag, an_abstract_name_keeps_its_nul_and_line_feed)
{
	static const uint8_t answer[] = {
		1,  1, 10, 0, 0x64, 0,    0,   0,   9,   0,   0,    0,
		0,  0, 0,  0, /* stream, LISTEN, inode 100 */
		12, 0, 0,  0, 0,    'r',  'e', 'l', 'a', 'y', '\n', 1, /* name */
		12, 0, 1,  0, 0x39, 0x30, 0,   0,   2,   0,   0x10, 0, /* file 12345 on 1:2 */
		8,  0, 2,  0, 0x65, 0,    0,   0,                      /* peer 101 */
		12, 0, 3,  0, 7,    0,    0,   0,   8,   0,   0,    0, /* waiting: 7, 8 */
		8,  0, 7,  0, 33,   0,    0,   0,                      /* uid */
	};
	struct kan_sock s;
	cr_assert_eq(
		kan_sock_parse(&s, kind("unix"), (struct kan_bytes){answer, sizeof(answer)}, NULL),
		0);
	cr_assert(kan_bytes_eq(s.name, KAN_LIT("\0relay\n\001")));
	cr_assert_str_eq(s.state, "LISTEN");
	cr_assert_str_eq(s.type, "stream");
	cr_assert_null(s.proto);
	cr_assert_eq(s.ino, 100);
	cr_assert(s.has_peer && s.peer_ino == 101);
	cr_assert(s.has_vfs && s.vfs_ino == 12345 && s.vfs_dev == 0x100002);
	cr_assert(s.has_uid && s.uid == 33);
	cr_assert_eq(s.icons.n, 8);
}

Test(sockdiag, a_packet_socket_tells_what_it_sniffs_and_by_which_filter)
{
	static const uint8_t answer[] = {
		17, 3, 3, 0, 0x64, 0, 0, 0, 9,    0,    0, 0, 0, 0, 0, 0, /* raw, ETH_P_ALL, inode
									     100 */
		28, 0, 0, 0, 5,    0, 0, 0, 2,    0,    0, 0, 0, 0, 0, 0, 0,
		0,  0, 0, 0, 0,    0, 0, 1, 0,    0,    0,    /* on 5 */
		8,  0, 4, 0, 1,    0, 2, 0,                   /* fanout */
		12, 0, 7, 0, 6,    0, 0, 0, 0xff, 0xff, 0, 0, /* one instruction */
	};
	struct kan_sock s;
	cr_assert_eq(kan_sock_parse(&s, kind("packet"), (struct kan_bytes){answer, sizeof(answer)},
				    NULL),
		     0);
	cr_assert_str_eq(s.type, "raw");
	cr_assert_eq(s.protocol, 3);
	cr_assert(s.has_ifindex && s.ifindex == 5);
	cr_assert(s.has_fanout && s.fanout == 0x20001);
	cr_assert_eq(s.filter.n, 8);
}

Test(sockdiag, a_cut_answer_says_so_and_touches_nothing_behind_its_end)
{
	struct kan_sock s;
	for (size_t k = 0; k < KAN_SOCK_KINDS; k++)
		for (size_t n = 0; n < sizeof(established); n++) {
			uint8_t *copy = kan_xalloc(n + 1);
			struct kan_err err = {0};
			memcpy(copy, established, n);
			int rc = kan_sock_parse(&s, &kan_sock_kinds[k], (struct kan_bytes){copy, n},
						&err);
			cr_assert(rc == 0 || err.code == KAN_EFORMAT);
			cr_assert(rc < 0 || n >= 16);
			free(copy);
		}
}

Test(sockdiag, every_state_and_type_has_its_word_and_others_have_none)
{
	cr_assert_str_eq(kan_sock_state(10), "LISTEN");
	cr_assert_str_eq(kan_sock_state(6), "TIME_WAIT");
	cr_assert_str_eq(kan_sock_state(7), "CLOSE");
	cr_assert_null(kan_sock_state(0));
	cr_assert_null(kan_sock_state(200));
	cr_assert_str_eq(kan_sock_type(SOCK_SEQPACKET), "seqpacket");
	cr_assert_null(kan_sock_type(77));
}

Test(sockdiag, a_request_without_locks_asks_for_no_tcp_info)
{
	kan_auto_buf struct kan_buf all = KAN_BUF(256), less = KAN_BUF(256), none = KAN_BUF(256);
	kan_sock_request(&all, kind("tcp"), KAN_SOCK_ALL);
	kan_sock_request(&less, kind("tcp"), KAN_SOCK_LESS);
	kan_sock_request(&none, kind("tcp"), KAN_SOCK_NONE);
	cr_assert_eq(all.data[2], 2);
	cr_assert_eq(less.data[2], 0);
	cr_assert_eq(memcmp(all.data + 4, "\377\377\377\377", 4), 0);
	cr_assert_eq(memcmp(none.data + 4, "\0\0\0\0", 4), 0);
}

/* A message of a dump: header and inet_diag_msg of that family, with a port to know it by. */
static void put_inet(struct kan_buf *out, uint8_t family, uint16_t port)
{
	struct inet_diag_msg m = {.idiag_family = family, .idiag_state = 10};
	struct nlmsghdr h = {.nlmsg_len = NLMSG_LENGTH(sizeof(m)), .nlmsg_type = TCPDIAG_GETSOCK};
	m.id.idiag_sport = htons(port);
	kan_buf_add(out, &h, sizeof(h));
	kan_buf_add(out, &m, sizeof(m));
}

static int port_of(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct kan_sock s;
	(void)type;
	cr_assert_eq(kan_sock_parse(&s, &kan_sock_kinds[KAN_SOCK_TCP], payload, err), 0);
	*(uint32_t *)arg = *(uint32_t *)arg * 100 + s.lport;
	return 0;
}

static uint32_t ports(const struct kan_buf *b)
{
	uint32_t all = 0;
	cr_assert_eq(kan_netlink_each(kan_buf_bytes(b), port_of, &all, NULL), 0);
	return all;
}

Test(sockdiag, a_dump_of_both_families_is_split_in_order_and_nothing_is_lost)
{
	kan_auto_buf struct kan_buf both = KAN_BUF(4096), six = KAN_BUF(4096);
	put_inet(&both, AF_INET, 11);
	put_inet(&both, AF_INET6, 22);
	put_inet(&both, AF_INET, 33);
	size_t whole = both.len;
	cr_assert_eq(kan_sock_split_tcp(&both, &six, NULL), 0);
	cr_assert_eq(ports(&both), 1133);
	cr_assert_eq(ports(&six), 22);
	cr_assert_eq(both.len + six.len, whole);
}

Test(sockdiag, a_cut_dump_gives_what_came_before)
{
	kan_auto_buf struct kan_buf both = KAN_BUF(4096), six = KAN_BUF(4096);
	struct kan_err err = {0};
	put_inet(&both, AF_INET6, 22);
	size_t whole = both.len;
	put_inet(&both, AF_INET, 33);
	both.len -= 4;
	cr_assert_lt(kan_sock_split_tcp(&both, &six, &err), 0);
	cr_assert_eq(err.code, KAN_EFORMAT);
	cr_assert_eq(six.len, whole);
	cr_assert_eq(both.len, 0);
}
