/* Who belongs to a container. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "kernel/members.h"
#include "subjects.h"

#define NOBODY "0000000000000000000000000000000000000000000000000000000000000000"

static struct subjects *s;
static struct kan_members m;

static void setup(void)
{
	s = subjects_new();
}

static void teardown(void)
{
	kan_members_free(&m);
	subjects_free(s);
}

TestSuite(members, .init = setup, .fini = teardown);

static void find(bool pid_private, bool neighbours)
{
	struct kan_err err = {0};
	struct kan_members_ask ask = {.proc_fd = s->proc_fd,
				      .init_dir = s->init_dir,
				      .id = NOBODY,
				      .pid_private = pid_private,
				      .neighbours = neighbours};
	cr_assert_eq(kan_members_find(&m, &ask, &err), 0, "%s", err.text);
}

static const struct kan_member *member(pid_t pid)
{
	for (size_t i = 0; i < m.n; i++)
		if (m.v[i].pid == pid)
			return &m.v[i];
	return NULL;
}

Test(members, a_private_pid_namespace_is_the_containers_zombies_too)
{
	pid_t other = subject(s, subject_wait, NULL), zombie = subject_zombie(s, 3);
	find(true, false);
	cr_assert_eq(m.n, 3);
	cr_assert_eq(m.seen, 3);
	cr_assert_eq(member(s->init)->by, KAN_BY_PIDNS);
	cr_assert_eq(member(other)->by, KAN_BY_PIDNS);
	cr_assert_eq(member(zombie)->by, KAN_BY_PIDNS);
	cr_assert_null(member(getpid()));
}

Test(members, a_shared_pid_namespace_makes_no_members)
{
	(void)subject(s, subject_wait, NULL);
	find(false, false);
	cr_assert_eq(m.n, 0);
}

Test(members, strangers_of_a_shared_pid_namespace_are_neighbours)
{
	pid_t other = subject(s, subject_wait, NULL);
	find(false, true);
	cr_assert_eq(m.n, 2);
	cr_assert_eq(member(other)->by, 0);
	cr_assert_geq(member(other)->dir, 0);
}

Test(members, strangers_that_are_known_are_passed_over_and_who_comes_after_is_found)
{
	struct kan_seen strangers = {0};
	struct kan_members_ask ask = {.proc_fd = s->proc_fd,
				      .init_dir = s->init_dir,
				      .id = NOBODY,
				      .pid_private = true,
				      .learn = &strangers};
	cr_assert_eq(kan_members_find(&m, &ask, NULL), 0);
	cr_assert_gt(strangers.n, 1, "the test and its keepers are none of the container's");
	kan_members_free(&m);
	pid_t after = subject(s, subject_wait, NULL);
	ask.learn = NULL;
	ask.strangers = &strangers;
	cr_assert_eq(kan_members_find(&m, &ask, NULL), 0);
	cr_assert_eq(m.n, 2);
	cr_assert_not_null(member(s->init));
	cr_assert_not_null(member(after));
	kan_seen_free(&strangers);
}

Test(members, they_come_in_the_order_of_their_pids)
{
	for (int i = 0; i < 10; i++)
		(void)subject(s, subject_wait, NULL);
	find(true, false);
	cr_assert_eq(m.n, 11);
	for (size_t i = 1; i < m.n; i++)
		cr_assert_lt(m.v[i - 1].pid, m.v[i].pid);
}

Test(members, the_hosts_mount_namespace_makes_no_members)
{
	/* The subjects share the mount namespace of the test, which is not pid 1's everywhere: ours
	 * counts alike. */
	find(true, false);
	for (size_t i = 0; i < m.n; i++)
		cr_assert_eq(m.v[i].by & KAN_BY_MNTNS, 0);
}
