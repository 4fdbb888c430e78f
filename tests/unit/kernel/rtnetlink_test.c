/* Answers of RTNETLINK, as octets of a little-endian machine. */
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "decoded.h"
#include "kernel/rtnetlink.h"

static json_t *decode(enum kan_rt_kind kind, struct kan_bytes payload, int want)
{
	struct kan_row r;
	struct kan_err err = {0};
	kan_row_init(&r);
	kan_row_begin(&r);
	cr_assert_eq(kan_rt_row(&r, kind, payload, &err), want, "%s", err.text);
	cr_assert(want == 0 || err.code == KAN_EFORMAT);
	json_t *row = decoded(&r);
	kan_row_free(&r);
	return row;
}

Test(rtnetlink, a_link_tells_its_other_end_who_sniffs_and_what_filters)
{
	static const uint8_t link[] =
		{
			0,  0, 1,  0,    5,    0,    0,    0,    0x43, 0x11, 1,   0,
			0,  0, 0,  0, /* ether, index 5, UP */
			9,  0, 3,  0,    'e',  't',  'h',  '0',  0,    0,    0,   0, /* name */
			10, 0, 1,  0,    2,    0x42, 0xac, 0x11, 0,    3,    0,   0, /* mac */
			8,  0, 4,  0,    0xdc, 5,    0,    0,    8,    0,    5,   0,
			6,  0, 0,  0, /* mtu, other end */
			8,  0, 37, 0,    0,    0,    0,    0,    8,    0,    30,  0,
			1,  0, 0,  0,                         /* namespace of it, promiscuity */
			5,  0, 16, 0,    6,    0,    0,    0, /* operstate */
			16, 0, 18, 0,    9,    0,    1,    0,    'v',  'e',  't', 'h',
			0,  0, 0,  0, /* kind */
			20, 0, 43, 0x80, 5,    0,    2,    0,    2,    0,    0,   0,
			8,  0, 4,  0,    0x2a, 0,    0,    0, /* xdp */
		};
	json_t *row = decode(KAN_RT_LINKS, (struct kan_bytes){link, sizeof(link)}, 0);
	same(row, "{\"ifindex\":5,\"name\":\"eth0\",\"kind\":\"veth\",\"mac\":\"02:42:ac:11:00:"
		  "03\",\"mtu\":1500,"
		  "\"iflink\":6,\"link_netnsid\":0,\"promiscuity\":1,\"operstate\":\"up\",\"up\":"
		  "true,\"xdp\":\"skb\","
		  "\"xdp_prog\":42,\"flags\":\"0x0000000000011143\"}");
	const char *raw = json_string_value(json_object_get(row, "raw"));
	cr_assert_eq(strlen(raw), 2 * (sizeof(link) - 16));
	cr_assert_eq(strncmp(raw, "0900030065746830", 16), 0);
	json_decref(row);
}

Test(rtnetlink, an_address_is_the_own_one_and_the_peer_is_apart)
{
	static const uint8_t address[] = {2,  24, 0x80, 0, 5,   0,   0,   0,   8,  0, 1, 0,
					  10, 0,  0,    2, 8,   0,   2,   0,   10, 0, 0, 1,
					  9,  0,  3,    0, 't', 'u', 'n', '0', 0,  0, 0, 0};
	static const uint8_t six[] = {10, 64, 0x80, 253, 5, 0, 0, 0, 20, 0, 1, 0, 0xfe, 0x80,
				      0,  0,  0,    0,   0, 0, 0, 0, 0,  0, 0, 0, 0,    1};
	json_t *row = decode(KAN_RT_ADDRESSES, (struct kan_bytes){address, sizeof(address)}, 0);
	same(row, "{\"family\":\"inet\",\"address\":\"10.0.0.1\",\"peer\":\"10.0.0.2\",\"prefix\":"
		  "24,\"label\":\"tun0\"}");
	json_decref(row);
	row = decode(KAN_RT_ADDRESSES, (struct kan_bytes){six, sizeof(six)}, 0);
	same(row, "{\"family\":\"inet6\",\"address\":\"fe80::1\",\"prefix\":64,\"scope\":253}");
	json_decref(row);
}

Test(rtnetlink, default_blackhole_and_multipath_routes_are_told_apart)
{
	static const uint8_t by_gateway[] = {2,   0,  0,  0, 254,  3, 0, 1, 0, 0, 0, 0,
					     8,   0,  15, 0, 0xe8, 3, 0, 0, 8, 0, 5, 0,
					     172, 17, 0,  1, 8,    0, 4, 0, 5, 0, 0, 0};
	static const uint8_t blackhole[] = {2, 24, 0, 0, 254, 4, 0,   6, 0, 0,
					    0, 0,  8, 0, 1,   0, 192, 0, 2, 0};
	static const uint8_t two[] = {2,  0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 36, 0, 9, 0,
				      16, 0, 0, 0, 5,   0, 0, 0, 8, 0, 5, 0, 10, 0, 0, 1,
				      16, 0, 0, 4, 6,   0, 0, 0, 8, 0, 5, 0, 10, 0, 0, 2};
	json_t *row = decode(KAN_RT_ROUTES, (struct kan_bytes){by_gateway, sizeof(by_gateway)}, 0);
	same(row, "{\"family\":\"inet\",\"type\":\"unicast\",\"table\":1000,\"dst\":\"0.0.0.0\","
		  "\"prefix\":0,"
		  "\"gateway\":\"172.17.0.1\",\"oif\":5}");
	json_decref(row);
	row = decode(KAN_RT_ROUTES, (struct kan_bytes){blackhole, sizeof(blackhole)}, 0);
	same(row, "{\"type\":\"blackhole\",\"dst\":\"192.0.2.0\",\"prefix\":24,\"table\":254}");
	json_decref(row);
	row = decode(KAN_RT_ROUTES, (struct kan_bytes){two, sizeof(two)}, 0);
	same(row, "{\"hops\":[{\"oif\":5,\"weight\":1,\"flags\":0,\"gateway\":\"10.0.0.1\"},"
		  "{\"oif\":6,\"weight\":5,\"flags\":0,\"gateway\":\"10.0.0.2\"}]}");
	json_decref(row);
}

Test(rtnetlink, neighbours_and_rules_have_their_words)
{
	static const uint8_t neighbour[] = {2, 0, 0, 0,    5,    0,    0,  0, 2, 0,  0,
					    1, 8, 0, 1,    0,    172,  17, 0, 2, 10, 0,
					    2, 0, 2, 0x42, 0xac, 0x11, 0,  2, 0, 0};
	static const uint8_t rule[] = {2,  0,   8, 0, 0, 0, 0, 1,  0, 0,    0,  0, 8, 0, 6,
				       0,  100, 0, 0, 0, 8, 0, 15, 0, 0xe8, 3,  0, 0, 8, 0,
				       10, 0,   1, 0, 0, 0, 8, 0,  2, 0,    10, 0, 0, 0};
	json_t *row =
		decode(KAN_RT_NEIGHBOURS, (struct kan_bytes){neighbour, sizeof(neighbour)}, 0);
	same(row, "{\"address\":\"172.17.0.2\",\"mac\":\"02:42:ac:11:00:02\",\"state\":"
		  "\"reachable\",\"ifindex\":5}");
	json_decref(row);
	row = decode(KAN_RT_RULES, (struct kan_bytes){rule, sizeof(rule)}, 0);
	same(row,
	     "{\"family\":\"inet\",\"priority\":100,\"action\":\"table\",\"table\":1000,\"mark\":1,"
	     "\"src\":\"10.0.0.0\",\"src_prefix\":8}");
	json_decref(row);
}

Test(rtnetlink, a_cut_answer_keeps_what_came_before_the_cut)
{
	static const uint8_t cut[] = {2, 0, 0,   0,  254, 3, 0,   1, 0, 0, 0, 0, 8, 0,
				      5, 0, 172, 17, 0,   1, 200, 0, 4, 0, 5, 0, 0, 0};
	json_t *row = decode(KAN_RT_ROUTES, (struct kan_bytes){cut, sizeof(cut)}, -1);
	same(row, "{\"gateway\":\"172.17.0.1\"}");
	cr_assert_null(json_object_get(row, "oif"));
	json_decref(row);
	for (size_t k = 0; k < KAN_RT_KINDS; k++)
		for (size_t n = 0; n < 8; n++)
			json_decref(decode((enum kan_rt_kind)k, (struct kan_bytes){cut, n}, -1));
}

/* struct tcmsg of device 3 with handle ffff:, then TCA_KIND. */
static const uint8_t clsact[] = {0,    0,    0,    0,    3,    0,   0,   0,   0, 0,  0xff,
				 0xff, 0xf1, 0xff, 0xff, 0xff, 1,   0,   0,   0, 11, 0,
				 1,    0,    'c',  'l',  's',  'a', 'c', 't', 0, 0};

Test(rtnetlink, filters_are_asked_for_at_each_place_where_they_can_hang)
{
	static const uint8_t ingress[] = {3, 0, 0, 0, 0, 0, 0, 0, 0xf2, 0xff, 0xff, 0xff};
	static const uint8_t egress[] = {3, 0, 0, 0, 0, 0, 0, 0, 0xf3, 0xff, 0xff, 0xff};
	uint8_t requests[KAN_RT_PLACES][KAN_RT_FILTER_OCTETS];
	cr_assert_eq(kan_rt_filter_requests(requests, (struct kan_bytes){clsact, sizeof(clsact)}),
		     2);
	cr_assert_eq(memcmp(requests[0] + 4, ingress, sizeof(ingress)), 0);
	cr_assert_eq(memcmp(requests[1] + 4, egress, sizeof(egress)), 0);
	cr_assert_eq(kan_rt_filter_requests(requests, (struct kan_bytes){clsact, 12}), 0);
}

Test(rtnetlink, a_filter_tells_its_hook_its_order_and_its_program)
{
	static const uint8_t filter[] = {
		0,  0, 0,  0, 3,    0,   0,   0, 1,   0, 0, 0, 0xf2, 0xff, 0xff, 0xff, /* ingress */
		0,  3, 7,  0,                                  /* every protocol, priority 7 */
		8,  0, 1,  0, 'b',  'p', 'f', 0,               /* TCA_KIND */
		20, 0, 2,  0, 6,    0,   7,   0, 'x', 0, 0, 0, /* TCA_OPTIONS: name, */
		8,  0, 11, 0, 0x2a, 0,   0,   0,               /* and id */
	};
	json_t *row = decode(KAN_RT_QDISCS, (struct kan_bytes){clsact, sizeof(clsact)}, 0);
	same(row, "{\"what\":\"qdisc\",\"ifindex\":3,\"tc_kind\":\"clsact\"}");
	json_decref(row);
	row = decode(KAN_RT_FILTERS, (struct kan_bytes){filter, sizeof(filter)}, 0);
	same(row, "{\"what\":\"filter\",\"hook\":\"ingress\",\"prio\":7,\"protocol\":3,\"tc_kind\":"
		  "\"bpf\",\"bpf_name\":\"x\",\"bpf_prog\":42}");
	json_decref(row);
}

Test(rtnetlink, the_ends_of_a_device_join_it_with_its_bridge_and_its_peer)
{
	static const uint8_t link[] = {
		0, 0, 1, 0, 5,   0,   0,   0,   0x43, 0x11, 1,  0, 0, 0, 0, 0, /* index 5 */
		9, 0, 3, 0, 'v', 'e', 't', 'h', 0,    0,    0,  0,             /* name */
		8, 0, 5, 0, 6,   0,   0,   0,   8,    0,    10, 0, 2, 0, 0, 0, /* peer, bridge */
	};
	struct kan_rt_ends e;
	cr_assert(kan_rt_ends(&e, KAN_RT_LINKS, (struct kan_bytes){link, sizeof(link)}));
	cr_assert_eq(e.ifindex, 5);
	cr_assert_eq(e.iflink, 6);
	cr_assert_eq(e.master, 2);
	cr_assert(kan_bytes_eq(e.name, KAN_LIT("veth")));
	cr_assert_not(kan_rt_ends(&e, KAN_RT_LINKS, (struct kan_bytes){link, 12}));
	cr_assert_not(kan_rt_ends(&e, KAN_RT_ROUTES, (struct kan_bytes){link, sizeof(link)}));
}

Test(rtnetlink, the_other_end_of_a_device_is_elsewhere_only_when_the_kernel_says_so)
{
	uint8_t link[sizeof(struct ifinfomsg) + 8] = {0};
	const struct nlattr a = {8, IFLA_LINK_NETNSID};
	struct kan_rt_ends e;
	memcpy(link + sizeof(struct ifinfomsg), &a, sizeof(a));
	link[sizeof(link) - 4] = 3;
	cr_assert(kan_rt_ends(&e, KAN_RT_LINKS, (struct kan_bytes){link, sizeof(link)}));
	cr_assert(e.elsewhere);
	cr_assert_eq(e.netnsid, 3);
	cr_assert(
		kan_rt_ends(&e, KAN_RT_LINKS, (struct kan_bytes){link, sizeof(struct ifinfomsg)}));
	cr_assert_not(e.elsewhere, "both ends are in one namespace");
}

Test(rtnetlink, a_namespace_without_a_number_has_none)
{
	uint8_t answer[KAN_RT_NSID_OCTETS] = {0, 0, 0, 0, 8, 0, NETNSA_NSID, 0, 7};
	int32_t n = 0;
	cr_assert(kan_rt_nsid(&n, (struct kan_bytes){answer, sizeof(answer)}));
	cr_assert_eq(n, 7);
	cr_assert_not(kan_rt_nsid(&n, (struct kan_bytes){answer, 4}));
	cr_assert_not(kan_rt_nsid(&n, (struct kan_bytes){answer, 11}), "cut");
	memset(answer + 8, 0xff, 4); /* NETNSA_NSID_NOT_ASSIGNED */
	cr_assert_not(kan_rt_nsid(&n, (struct kan_bytes){answer, sizeof(answer)}));
}
