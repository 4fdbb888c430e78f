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

/* The second of two searches that share a list of strangers. */
static void find_again(struct kan_members_ask *ask)
{
	struct kan_err err = {0};
	kan_members_free(&m);
	cr_assert_eq(kan_members_find(&m, ask, &err), 0, "%s", err.text);
}

Test(members, strangers_are_looked_at_once_and_who_came_since_is_found)
{
	struct kan_strangers known = {0};
	struct kan_members_ask ask = {.proc_fd = s->proc_fd,
				      .init_dir = s->init_dir,
				      .id = NOBODY,
				      .pid_private = true,
				      .strangers = &known};
	find_again(&ask);
	size_t strangers = known.n;
	cr_assert_gt(strangers, 0, "this test itself");
	pid_t other = subject(s, subject_wait, NULL), zombie = subject_zombie(s, 3);
	find_again(&ask);
	cr_assert_eq(m.n, 3);
	cr_assert_not_null(member(other));
	cr_assert_not_null(member(zombie));
	cr_assert_not_null(member(s->init));
	kan_strangers_free(&known);
}

Test(members, a_pid_that_was_a_strangers_and_is_a_new_process_is_looked_at)
{
	pid_t other = subject(s, subject_wait, NULL);
	/* The same pid, as of an earlier process: its directory had another inode. */
	struct kan_stranger before = {.pid = other, .ino = 1};
	struct kan_strangers known = {.v = kan_xalloc(sizeof(before)), .n = 1, .cap = 1};
	struct kan_members_ask ask = {.proc_fd = s->proc_fd,
				      .init_dir = s->init_dir,
				      .id = NOBODY,
				      .pid_private = true,
				      .strangers = &known};
	known.v[0] = before;
	find_again(&ask);
	cr_assert_not_null(member(other));
	kan_strangers_free(&known);
}
