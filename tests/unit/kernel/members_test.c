/* Who belongs to a container. */
#include <criterion/criterion.h>
#include <stdlib.h>
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

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

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

Test(members, a_stranger_is_looked_at_once)
{
	struct kan_strangers strangers = {0};
	struct kan_members_ask ask = {.proc_fd = s->proc_fd,
				      .init_dir = s->init_dir,
				      .id = NOBODY,
				      .pid_private = true,
				      .note = &strangers};
	cr_assert_eq(kan_members_find(&m, &ask, NULL), 0);
	size_t others = 0;
	for (size_t i = 0; i < strangers.n; i++) {
		cr_assert_null(member(strangers.v[i]));
		cr_assert(i == 0 || strangers.v[i - 1] < strangers.v[i], "sorted");
		others += strangers.v[i] == getpid();
	}
	cr_assert_eq(others, 1, "we are none of the container's");
	/* Who came since is found; who is called a stranger is not looked at. */
	pid_t late = subject(s, subject_wait, NULL);
	pid_t *called = realloc(strangers.v, (strangers.n + 1) * sizeof(*called));
	called[strangers.n++] = s->init;
	qsort(called, strangers.n, sizeof(*called), by_number);
	strangers.v = called;
	kan_members_free(&m);
	ask.known = &strangers;
	ask.note = NULL;
	cr_assert_eq(kan_members_find(&m, &ask, NULL), 0);
	cr_assert_eq(m.n, 1);
	cr_assert_eq(member(late)->by, KAN_BY_PIDNS);
	kan_strangers_free(&strangers);
}
