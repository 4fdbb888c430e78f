/* What one collector's child tells another: who holds which socket. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence/channel.h"
#include "evidence/holders.h"

static struct kan_window window;

static void setup(void)
{
	window.holders = mmap(NULL, sizeof(*window.holders), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert_neq(window.holders, MAP_FAILED);
}

TestSuite(holders, .init = setup, .timeout = 30);

static struct kan_sink *sink(void)
{
	struct kan_sink *s = NULL;
	const struct kan_sink_opts o = {.bundle_fd = -1,
					.channel = -1,
					.collector = "test",
					.bundle = "b",
					.window = &window};
	cr_assert_eq(kan_sink_new(&s, &o, NULL), 0);
	return s;
}

Test(holders, what_a_child_tells_another_takes)
{
	struct kan_sink *mine = sink();
	kan_holders_promise(mine);
	pid_t pid = fork();
	if (pid == 0) {
		struct kan_owners o = {0};
		for (int i = 0; i < 3000; i++)
			kan_owners_add(&o, 100 + (uint64_t)i, 7, i);
		o.seen += 5;
		(void)usleep(20000);
		kan_holders_tell(mine, &o, true);
		_exit(0);
	}
	struct kan_owners got = {0};
	bool frozen = false;
	cr_assert(kan_holders_promised(mine));
	cr_assert(kan_holders_wait(&got, &frozen, mine));
	cr_assert_eq(got.n, 3000);
	cr_assert_eq(got.seen, 3005, "what found no room is counted");
	cr_assert(frozen);
	cr_assert(got.v[2999].ino == 3099 && got.v[2999].pid == 7 && got.v[2999].fd == 2999);
	(void)waitpid(pid, NULL, 0);
	kan_owners_free(&got);
	kan_sink_free(mine);
}

Test(holders, nothing_comes_where_nobody_promised_or_it_broke)
{
	struct kan_sink *mine = sink();
	struct kan_owners got = {0};
	bool frozen = false;
	cr_assert_not(kan_holders_promised(mine));
	cr_assert_not(kan_holders_wait(&got, &frozen, mine));
	kan_holders_tell(mine, &got, true);
	cr_assert_not(kan_holders_wait(&got, &frozen, mine), "it was not promised");
	kan_holders_promise(mine);
	kan_holders_tell(mine, NULL, false);
	cr_assert_not(kan_holders_wait(&got, &frozen, mine));
	kan_sink_free(mine);
}

Test(holders, nobody_waits_for_one_that_has_died)
{
	struct kan_sink *mine = sink();
	struct kan_owners got = {0};
	bool frozen = false;
	pid_t pid = fork();
	if (pid == 0) {
		kan_holders_promise(mine);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert(kan_holders_promised(mine));
	cr_assert_not(kan_holders_wait(&got, &frozen, mine)); /* in the time of the suite */
	kan_sink_free(mine);
}

Test(holders, a_capture_that_shares_nothing_promises_nothing)
{
	window.holders = NULL;
	struct kan_sink *mine = sink();
	kan_holders_promise(mine);
	cr_assert_not(kan_holders_promised(mine));
	kan_sink_free(mine);
}
