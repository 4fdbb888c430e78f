/* Messages and attributes of netlink. */
#include <criterion/criterion.h>
#include <linux/netlink.h>
#include <string.h>

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
