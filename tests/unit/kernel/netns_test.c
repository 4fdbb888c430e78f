/* Which network namespaces the members are in. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/members.h"
#include "kernel/netns.h"
#include "suspect.h"

static struct kan_netns_list *all_but(size_t room)
{
	struct kan_netns_list *l = kan_xalloc(sizeof(*l));
	for (l->n = 0; l->n < KAN_NETNS_MAX - room; l->n++)
		l->v[l->n] = (struct kan_netns){.ino = 1 + l->n, .dir = -1};
	return l;
}

static void free_list(struct kan_netns_list *l)
{
	kan_netns_free(l);
	free(l);
}

Test(netns, namespaces_beyond_the_most_are_counted_once_each_and_not_once_a_look)
{
	struct suspect s;
	cr_assert(suspect_start(&s, SUSPECT_THREAD));
	struct kan_member m[2] = {{.pid = s.pid, .dir = s.dir}, {.pid = s.pid, .dir = s.dir}};
	struct kan_members all = {.v = m, .n = 2};
	struct kan_netns_list *l = all_but(0);
	kan_netns_add(l, &all, 0);
	kan_netns_add(l, &all, 0);
	cr_assert_eq(l->n, KAN_NETNS_MAX);
	cr_assert_eq(l->more.n, 2, "the suspect's and its thread's, not %zu", l->more.n);
	free_list(l);
	l = all_but(1);
	kan_netns_add(l, &all, 0);
	kan_netns_add(l, &all, 0);
	cr_assert_eq(l->v[KAN_NETNS_MAX - 1].ino, s.truth.netns);
	cr_assert_eq(l->more.n, 1);
	free_list(l);
	suspect_end(&s);
}

Test(netns, a_descriptor_that_cannot_be_had_is_not_told_as_a_full_list)
{
	struct suspect s;
	cr_assert(suspect_start(&s, SUSPECT_ALONE));
	struct kan_member m = {.pid = s.pid, .dir = s.dir};
	struct kan_members all = {.v = &m, .n = 1};
	struct kan_netns_list *l = all_but(KAN_NETNS_MAX);
	struct rlimit none = {.rlim_cur = 1}, before;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	kan_netns_add(l, &all, 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(l->n, 0);
	cr_assert_eq(l->more.n, 0);
	cr_assert_eq(l->refused.n, 1);
	cr_assert_eq(l->refused_why, EMFILE);
	free_list(l);
	suspect_end(&s);
}

/* A process in our own namespace that waits to be ended. */
static struct kan_member waiting_child(void)
{
	char path[32];
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return (struct kan_member){.pid = pid, .dir = open(path, O_PATH | O_DIRECTORY)};
}

static void end_child(const struct kan_member *m)
{
	kill(m->pid, SIGKILL);
	waitpid(m->pid, NULL, 0);
}

Test(netns, the_namespace_of_the_init_is_held_through_the_init_whatever_its_pid)
{
	struct kan_member m[2] = {waiting_child(), waiting_child()};
	struct kan_members all = {.v = m, .n = 2};
	for (size_t i = 0; i < 2; i++) {
		struct kan_netns_list *l = kan_xalloc(sizeof(*l));
		kan_netns_add(l, &all, m[i].pid);
		cr_assert_eq(l->n, 1);
		cr_assert_eq(l->v[0].pid, m[i].pid);
		free_list(l);
	}
	end_child(&m[0]);
	end_child(&m[1]);
}

Test(netns, a_namespace_whose_task_has_ended_is_held_through_another)
{
	struct kan_member m[2] = {waiting_child(), waiting_child()};
	struct kan_members one = {.v = m, .n = 1}, both = {.v = m, .n = 2};
	struct kan_netns_list *l = kan_xalloc(sizeof(*l));
	struct kan_err err = {0};
	int fd = -1;
	kan_netns_add(l, &one, 0);
	end_child(&m[0]);
	cr_assert_lt(kan_netns_open(&fd, &l->v[0], &err), 0);
	kan_netns_add(l, &both, 0);
	cr_assert_eq(l->n, 1);
	cr_assert_eq(l->v[0].pid, m[1].pid);
	cr_assert_eq(kan_netns_open(&fd, &l->v[0], &err), 0, "%s", err.text);
	close(fd);
	free_list(l);
	end_child(&m[1]);
}
