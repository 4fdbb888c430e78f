/* Messages and attributes of netlink. */
#include <criterion/criterion.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/netlink.h"

static int count(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	size_t *sum = arg;
	(void)err;
	*sum += type * 100U + payload.n;
	return 0;
}

Test(netlink, each_message_is_met_once_with_its_payload)
{
	static const uint8_t dump[] = {20, 0,  0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3,
				       4,  17, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	size_t sum = 0;
	cr_assert_eq(kan_netlink_each((struct kan_bytes){dump, sizeof(dump)}, count, &sum, NULL),
		     0);
	cr_assert_eq(sum, 304 + 501);
}

Test(netlink, a_message_beyond_the_end_ends_the_walk)
{
	static const uint8_t dump[] = {200, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	size_t sum = 0;
	struct kan_err err = {0};
	for (size_t n = 1; n <= sizeof(dump); n++) {
		err = (struct kan_err){0};
		cr_assert_eq(kan_netlink_each((struct kan_bytes){dump, n}, count, &sum, &err), -1);
		cr_assert_eq(err.code, KAN_EFORMAT);
	}
	cr_assert_eq(sum, 0);
}

Test(netlink, the_last_of_equal_attributes_wins_and_flags_of_a_type_are_ignored)
{
	static const uint8_t payload[] = {8, 0, 1, 0, 1, 0, 0, 0, 8, 0, 1, 0x80,
					  2, 0, 0, 0, 5, 0, 9, 0, 7, 0, 0, 0};
	struct kan_bytes v[3];
	struct kan_attrs a = {v, 2};
	uint32_t n = 0;
	uint8_t small = 0;
	cr_assert_eq(kan_netlink_attrs(&a, (struct kan_bytes){payload, sizeof(payload)}, 0, NULL),
		     0);
	cr_assert(kan_attr_u32(&n, &a, 1));
	cr_assert_eq(n, 2);
	cr_assert_not(kan_attr_u32(&n, &a, 2));
	cr_assert_not(kan_attr_u32(&n, &a, 9), "beyond what was asked for");
	cr_assert_not(kan_attr_u8(&small, &a, 1), "of another length");
}

Test(netlink, an_attribute_of_no_length_is_refused_and_those_before_stand)
{
	static const uint8_t payload[] = {8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 2, 0, 9, 9, 9, 9};
	struct kan_bytes v[3];
	struct kan_attrs a = {v, 2};
	struct kan_err err = {0};
	uint32_t n = 0;
	cr_assert_eq(kan_netlink_attrs(&a, (struct kan_bytes){payload, sizeof(payload)}, 0, &err),
		     -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
	cr_assert(kan_attr_u32(&n, &a, 1));
	cr_assert_eq(n, 1);
}

static int only_links(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	size_t *n = arg;
	(void)payload;
	(void)err;
	cr_assert_eq(type, RTM_NEWLINK);
	++*n;
	return 0;
}

Test(netlink, what_another_process_sends_to_our_socket_is_no_answer)
{
	static const struct ifinfomsg all;
	kan_auto_buf struct kan_buf out = KAN_BUF(KAN_NETLINK_DUMP_MAX);
	struct sockaddr_nl ours = {.nl_family = AF_NETLINK}, theirs = {.nl_family = AF_NETLINK};
	struct nlmsghdr forged = {.nlmsg_len = sizeof(forged), .nlmsg_type = NLMSG_DONE};
	socklen_t length = sizeof(ours);
	size_t n = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
	    other = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	cr_assert(bind(fd, (struct sockaddr *)&ours, sizeof(ours)) == 0 &&
		  bind(other, (struct sockaddr *)&theirs, sizeof(theirs)) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&ours, &length), 0);
	for (int i = 0; i < 8; i++)
		if (sendto(other, &forged, sizeof(forged), 0, (struct sockaddr *)&ours,
			   sizeof(ours)) < 0)
			cr_skip_test("root is needed");
	cr_assert_eq(kan_netlink_prepare(fd, NULL), 0);
	cr_assert_eq(kan_netlink_dump(&out, fd, RTM_GETLINK,
				      (struct kan_bytes){(const uint8_t *)&all, sizeof(all)}, NULL),
		     0);
	cr_assert_eq(kan_netlink_each(kan_buf_bytes(&out), only_links, &n, NULL), 0);
	cr_assert_gt(n, 0);
	(void)close(fd);
	(void)close(other);
}

Test(netlink, a_question_with_two_names_of_256_octets_is_asked)
{
	enum { LONGEST = 4 + 2 * (4 + 256) }; /* for the elements of a set of nftables */
	static const struct ifinfomsg all;
	uint8_t request[LONGEST] = {0};
	const struct nlattr unknown = {LONGEST - sizeof(all), (uint16_t)NLA_TYPE_MASK};
	kan_auto_buf struct kan_buf out = KAN_BUF(KAN_NETLINK_DUMP_MAX);
	struct kan_err err = {0};
	size_t n = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	memcpy(request + sizeof(all), &unknown, sizeof(unknown));
	cr_assert_eq(kan_netlink_prepare(fd, NULL), 0);
	cr_assert_eq(kan_netlink_dump(&out, fd, RTM_GETLINK,
				      (struct kan_bytes){request, sizeof(request)}, &err),
		     0, "%s", err.text);
	cr_assert_eq(kan_netlink_each(kan_buf_bytes(&out), only_links, &n, NULL), 0);
	cr_assert_gt(n, 0);
	(void)close(fd);
}

Test(netlink, a_family_that_the_kernel_does_not_know_is_unsupported)
{
	static const uint8_t request[] = {44, 0, 0, 0,
					  0,  0, 0, 0}; /* AF_XDP: no such request here */
	kan_auto_buf struct kan_buf out = KAN_BUF(KAN_NETLINK_DUMP_MAX);
	struct kan_err err = {0};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	cr_assert_eq(kan_netlink_prepare(fd, NULL), 0);
	if (kan_netlink_dump(&out, fd, 20, (struct kan_bytes){request, sizeof(request)}, &err) < 0)
		cr_assert(err.code == KAN_EUNSUPPORTED || err.sys == EINVAL, "%s", err.text);
	(void)close(fd);
}
