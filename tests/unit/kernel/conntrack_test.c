/* Tracked connections, as another library writes the kernel's words. */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "decoded.h"
#include "kernel/conntrack.h"

enum { ROOM = 1024 };
enum { CLIENT = 0xac110002, SERVER = 0xc6336407 };

union message {
	char data[ROOM];
	struct nlmsghdr head;
};

static void tuple(struct nlmsghdr *h, uint16_t type, uint32_t src, uint32_t dst, uint16_t sport,
		  uint16_t dport)
{
	struct nlattr *t = mnl_attr_nest_start(h, type), *ip = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put_u32(h, CTA_IP_V4_SRC, htonl(src));
	mnl_attr_put_u32(h, CTA_IP_V4_DST, htonl(dst));
	mnl_attr_nest_end(h, ip);
	ip = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, IPPROTO_TCP);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(h, ip);
	mnl_attr_nest_end(h, t);
}

/* A connection that the host's address translation sends elsewhere. */
static struct kan_bytes connection(union message *m)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(m->data);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_INET;
	tuple(h, CTA_TUPLE_ORIG, CLIENT, SERVER, 41022, 443);
	tuple(h, CTA_TUPLE_REPLY, SERVER, 0x0a000001, 443, 61000);
	mnl_attr_put_u32(h, CTA_STATUS, htonl(IPS_SEEN_REPLY | IPS_ASSURED));
	mnl_attr_put_u32(h, CTA_TIMEOUT, htonl(431999));
	mnl_attr_put_u32(h, CTA_MARK, htonl(42));
	struct nlattr *info = mnl_attr_nest_start(h, CTA_PROTOINFO),
		      *tcp = mnl_attr_nest_start(h, CTA_PROTOINFO_TCP);
	mnl_attr_put_u8(h, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
	mnl_attr_nest_end(h, tcp);
	mnl_attr_nest_end(h, info);
	struct nlattr *counts = mnl_attr_nest_start(h, CTA_COUNTERS_ORIG);
	mnl_attr_put_u64(h, CTA_COUNTERS_PACKETS, htobe64(9));
	mnl_attr_put_u64(h, CTA_COUNTERS_BYTES, htobe64(8123));
	mnl_attr_nest_end(h, counts);
	return (struct kan_bytes){mnl_nlmsg_get_payload(h), mnl_nlmsg_get_payload_len(h)};
}

static json_t *row_of(struct kan_bytes payload, int want)
{
	struct kan_row r;
	struct kan_err err = {0};
	kan_row_init(&r);
	kan_row_begin(&r);
	cr_assert_eq(kan_ct_row(&r, payload, &err), want, "%s", err.text);
	cr_assert(want == 0 || err.code == KAN_EFORMAT);
	json_t *row = decoded(&r);
	kan_row_free(&r);
	return row;
}

Test(conntrack, a_translated_connection_has_both_directions_its_state_and_its_counts)
{
	union message m = {0};
	json_t *row = row_of(connection(&m), 0);
	same(row, "{\"family\":\"inet\",\"proto\":\"tcp\",\"protocol\":6,\"state\":\"ESTABLISHED\","
		  "\"orig\":{\"src\":\"172.17.0.2\",\"dst\":\"198.51.100.7\",\"sport\":41022,"
		  "\"dport\":443},"
		  "\"reply\":{\"src\":\"198.51.100.7\",\"dst\":\"10.0.0.1\",\"sport\":443,"
		  "\"dport\":61000},"
		  "\"timeout_s\":431999,\"mark\":42,\"status\":\"0x0000000000000006\","
		  "\"sent\":{\"packets\":\"9\",\"bytes\":\"8123\"}}");
	json_decref(row);
}

Test(conntrack, an_address_is_found_in_either_direction_and_only_as_a_whole)
{
	union message m = {0};
	const struct kan_bytes payload = connection(&m);
	const uint32_t inside = htonl(CLIENT), outside = htonl(0x0a000001),
		       nobody = htonl(CLIENT + 1);
	const struct kan_bytes us[] = {{(const uint8_t *)&nobody, 4},
				       {(const uint8_t *)&inside, 4}};
	const struct kan_bytes gate = {(const uint8_t *)&outside, 4};
	cr_assert(kan_ct_has(payload, us, 2));
	cr_assert(kan_ct_has(payload, &gate, 1));
	cr_assert_not(kan_ct_has(payload, us, 1));
	cr_assert_not(kan_ct_has(payload, us, 0));
}

Test(conntrack, a_message_that_is_cut_anywhere_keeps_what_came_before)
{
	union message m = {0};
	const struct kan_bytes whole = connection(&m);
	for (size_t n = 0; n < whole.n; n++) {
		uint8_t *exact = kan_xalloc(n + 1);
		struct kan_row r;
		memcpy(exact, whole.p, n);
		kan_row_init(&r);
		kan_row_begin(&r);
		int rc = kan_ct_row(&r, (struct kan_bytes){exact, n}, NULL);
		json_t *row = decoded(&r);
		cr_assert(n >= sizeof(struct nfgenmsg) || rc < 0);
		cr_assert(n < sizeof(struct nfgenmsg) ||
			  strcmp(json_string_value(json_object_get(row, "family")), "inet") == 0);
		json_decref(row);
		kan_row_free(&r);
		free(exact);
	}
}
