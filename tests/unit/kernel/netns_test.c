/* Which network namespaces the members are in. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>
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
	kan_netns_add(l, &all);
	kan_netns_add(l, &all);
	cr_assert_eq(l->n, KAN_NETNS_MAX);
	cr_assert_eq(l->more.n, 2, "the suspect's and its thread's, not %zu", l->more.n);
	free_list(l);
	l = all_but(1);
	kan_netns_add(l, &all);
	kan_netns_add(l, &all);
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
	kan_netns_add(l, &all);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_assert_eq(l->n, 0);
	cr_assert_eq(l->more.n, 0);
	cr_assert_eq(l->refused.n, 1);
	cr_assert_eq(l->refused_why, EMFILE);
	free_list(l);
	suspect_end(&s);
}
