/* Text twins of sock_diag. */
#include <criterion/criterion.h>
#include <string.h>

#include "kernel/sockdiag.h"

enum { MOST = 8 };

struct got {
	struct kan_sock v[MOST];
	size_t n;
};

static int keep(const struct kan_sock *s, void *arg, struct kan_err *err)
{
	struct got *g = arg;
	(void)err;
	cr_assert_lt(g->n, MOST);
	g->v[g->n++] = *s;
	return 0;
}

static struct got read_text(const char *name, struct kan_bytes text, uint64_t bad)
{
	struct got g = {.n = 0};
	uint64_t seen = 0;
	for (size_t i = 0; i < KAN_SOCK_KINDS; i++)
		if (strcmp(kan_sock_kinds[i].name, name) == 0)
			cr_assert_eq(kan_sock_text(&seen, &kan_sock_kinds[i], text, keep, &g, NULL),
				     0);
	cr_assert_eq(seen, bad, "%llu", (unsigned long long)seen);
	return g;
}

#define INET_HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  " \
	"timeout inode\n"

Test(socktext, a_line_of_tcp_is_a_socket)
{
	struct got g = read_text(
		"tcp",
		KAN_LIT(INET_HEAD
			"   0: 020011AC:A03E 076433C6:01BB 01 00000006:00000005 02:000006D1 "
			"00000003    33        0 90211 2 0000000000000000 20 4 30 10 -1\n"),
		0);
	cr_assert_eq(g.n, 1);
	cr_assert_str_eq(g.v[0].laddr, "172.17.0.2");
	cr_assert_str_eq(g.v[0].raddr, "198.51.100.7");
	cr_assert_eq(g.v[0].lport, 41022);
	cr_assert_eq(g.v[0].rport, 443);
	cr_assert_str_eq(g.v[0].state, "ESTABLISHED");
	cr_assert_eq(g.v[0].rqueue, 5);
	cr_assert_eq(g.v[0].wqueue, 6);
	cr_assert_eq(g.v[0].timer, 2);
	cr_assert_eq(g.v[0].retrans, 3);
	cr_assert_eq(g.v[0].uid, 33);
	cr_assert_eq(g.v[0].ino, 90211);
}

Test(socktext, a_line_of_raw6_has_its_protocol_and_address)
{
	struct got g = read_text(
		"raw6",
		KAN_LIT(INET_HEAD "   58: 00000000000000000000000001000000:003A "
				  "B80D0120000000000000000001000000:0000 07 00000000:00000000 "
				  "00:00000000 00000000     0        0 77 2 0000000000000000 0\n"),
		0);
	cr_assert_eq(g.n, 1);
	cr_assert_str_eq(g.v[0].laddr, "::1");
	cr_assert_str_eq(g.v[0].raddr, "2001:db8::1");
	cr_assert(g.v[0].has_protocol && g.v[0].protocol == 58);
	cr_assert_not(g.v[0].has_ports);
}

Test(socktext, a_name_with_spaces_is_whole_and_a_forged_line_counts_as_what_it_shows)
{
	struct got g =
		read_text("unix",
			  KAN_LIT("Num       RefCount Protocol Flags    Type St Inode Path\n"
				  "0000000088622c65: 00000003 00000000 00010000 0001 01 584 @a b\n"
				  "0000000088622c65: 00000003 00000000 00000000 0002 03 585\n"
				  "no socket at all\n"),
			  1);
	cr_assert_eq(g.n, 2);
	cr_assert_str_eq(g.v[0].state, "LISTEN");
	cr_assert(kan_bytes_eq(g.v[0].name, KAN_LIT("@a b")));
	cr_assert_str_eq(g.v[1].type, "dgram");
	cr_assert_null(g.v[1].name.p);
}

Test(socktext, packet_and_netlink_have_their_own_columns)
{
	struct got g = read_text(
		"packet",
		KAN_LIT("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"
			"ffff888003b3a000 3      3    0003   5     1 0      0      1234  \n"),
		0);
	cr_assert_eq(g.n, 1);
	cr_assert_eq(g.v[0].protocol, 3);
	cr_assert_eq(g.v[0].ifindex, 5);
	cr_assert_eq(g.v[0].ino, 1234);
	g = read_text("netlink",
		      KAN_LIT("sk               Eth Pid        Groups   Rmem     Wmem     Dump  "
			      "Locks    Drops    Inode\n"
			      "00000000b821ed8d 15  4242       00000002 0        0        0     2  "
			      "      0        88      \n"),
		      0);
	cr_assert_eq(g.n, 1);
	cr_assert_eq(g.v[0].protocol, 15);
	cr_assert_eq(g.v[0].portid, 4242);
	cr_assert_eq(g.v[0].ino, 88);
}

Test(socktext, numbers_that_are_none_or_too_long_make_a_bad_line)
{
	(void)read_text("tcp",
			KAN_LIT(INET_HEAD
				"0: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 -5 1\n"
				"0: 0100007F 00000000:0000 0A 0:0 0:0 0 0 0 5 1\n"
				"0: 0100007F:0016 00000000:0000 0A 0:0 0:0 0 0 0 99999999999 1\n"
				"\n"),
			4);
}

Test(socktext, a_protocol_is_registered_when_its_line_begins_so)
{
	struct kan_bytes text =
		KAN_LIT("protocol  size sockets\nTCPv6     2432      0\nUDP-Lite 1 2\n");
	cr_assert(kan_sock_registered(text, "TCPv6"));
	cr_assert(kan_sock_registered(text, "UDP-Lite"));
	cr_assert_not(kan_sock_registered(text, "TCP"));
	cr_assert_not(kan_sock_registered((struct kan_bytes){0}, "TCP"));
}
