/* Records of /dev/kmsg. */
#include <criterion/criterion.h>

#include "kernel/kmsg.h"

Test(kmsg, numbers_and_text_without_the_dictionary)
{
	struct kan_kmsg m;
	cr_assert_eq(kan_kmsg_parse(&m,
				    KAN_LIT("6,2211,98765432,-,caller=T1;x[4711]: segfault; at "
					    "\\x1b[2J\n SUBSYSTEM=pci\n"),
				    NULL),
		     0);
	cr_assert(m.prio == 6 && m.seq == 2211 && m.us == 98765432);
	cr_assert(kan_bytes_eq(m.text, KAN_LIT("x[4711]: segfault; at \\x1b[2J")));
}

Test(kmsg, what_is_no_record_is_refused)
{
	static const char *const bad[] = {"",
					  ";",
					  "6",
					  "6,1,2",
					  "6,1;x",
					  "-6,1,2,-;x",
					  "6,99999999999999999999,2,-;x",
					  "99999999,1,2,-;x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_kmsg m;
		struct kan_err err = {0};
		cr_assert_lt(kan_kmsg_parse(&m, kan_bytes_of(bad[i]), &err), 0, "%s", bad[i]);
		cr_assert_eq(err.code, KAN_EFORMAT);
	}
}

static bool is_4711(pid_t pid, void *arg)
{
	(void)arg;
	return pid == 4711;
}

static bool names(const char *text)
{
	return kan_kmsg_pids(kan_bytes_of(text), is_4711, NULL);
}

Test(kmsg, a_pid_stands_in_brackets_or_behind_its_key)
{
	cr_assert(names("x[4711]: segfault at 0"));
	cr_assert(names("task_memcg=/docker/1,task=x,pid=4711,uid=0"));
	cr_assert(names("a] [b [12] [4711]"));
	cr_assert(names("pid=4711"));
}

Test(kmsg, other_numbers_are_none)
{
	static const char *const none[] = {"",
					   "4711",
					   "[4711",
					   "[ 4711.123456]",
					   "[04711x]",
					   "ppid=4711",
					   "pid=47110",
					   "pid=4711x",
					   "[47110]",
					   "[-4711]",
					   "pid=",
					   "old_pid=4711",
					   "[99999999999999999999]"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_assert_not(names(none[i]), "%s", none[i]);
}
