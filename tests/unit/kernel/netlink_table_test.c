/* Which protocols of netlink are loaded: the kernel's own ends in /proc/net/netlink. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "kernel/netlink.h"

static const char head[] = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks "
			   "   Drops    Inode\n";

Test(netlink_table, only_the_kernels_own_end_tells_that_a_protocol_is_loaded)
{
	char text[512];
	(void)snprintf(
		text, sizeof(text),
		"%s000000000333c06c 0   0          00000000 0        0        0     2        0 4\n"
		"00000000b51bab9a 4   0          00000000 0        0        0     2        0 9\n"
		"000000009c666108 12  4242       00000000 0        0        0     2        0 7",
		head);
	struct kan_bytes table = kan_bytes_of(text);
	cr_assert(kan_netlink_loaded(table, 0));
	cr_assert(kan_netlink_loaded(table, 4));
	cr_assert_not(kan_netlink_loaded(table, 12), "a process's socket is no kernel");
	cr_assert_not(kan_netlink_loaded(table, 1));
}

Test(netlink_table, odd_tables_name_nothing)
{
	cr_assert_not(kan_netlink_loaded(KAN_LIT(""), 0));
	cr_assert_not(kan_netlink_loaded(KAN_LIT("\n\n\n"), 0));
	cr_assert_not(kan_netlink_loaded(KAN_LIT("x 4"), 4));
	cr_assert_not(kan_netlink_loaded(KAN_LIT("x four 0"), 4));
}
