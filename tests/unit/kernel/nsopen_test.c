/* Descriptors of another network namespace. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/nsopen.h"
#include "subjects.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static void in_own_net(const char *word)
{
	if (unshare(CLONE_NEWNET) == 0)
		subject_wait(word);
}

static void two_and_a_failure(int *fds, int *why, size_t n, const void *arg)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		if (i == 1)
			why[i] = ENOPROTOOPT;
		else
			fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static uint64_t cookie(int fd)
{
	uint64_t v = 0;
	socklen_t n = sizeof(v);
	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &v, &n) == 0 ? v : 0;
}

Test(nsopen, sockets_come_back_in_their_places_and_belong_to_the_namespace)
{
	char path[64];
	int fds[3] = {-1, -1, -1}, why[3] = {0};
	struct kan_err err = {0};
	struct subjects *s = subjects_new();
	pid_t pid = subject(s, in_own_net, NULL);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC),
	    ours = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(kan_nsopen(fds, why, 3, ns, CLONE_NEWNET, two_and_a_failure, NULL, &err), 0,
		     "%s", err.text);
	cr_assert(fds[0] >= 0 && fds[2] >= 0 && fds[1] == -1);
	cr_assert(why[0] == 0 && why[1] == ENOPROTOOPT && why[2] == 0);
	cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	if (cookie(ours)) {
		cr_assert_neq(cookie(fds[0]), cookie(ours));
		cr_assert_eq(cookie(fds[0]), cookie(fds[2]));
	}
	subjects_free(s);
}

Test(nsopen, what_is_no_namespace_is_refused)
{
	int fds[1] = {-1}, why[1] = {0};
	struct kan_err err = {0};
	int ns = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cr_assert_lt(kan_nsopen(fds, why, 1, ns, CLONE_NEWNET, two_and_a_failure, NULL, &err), 0);
	cr_assert_eq(fds[0], -1);
	cr_assert_lt(kan_nsopen(fds, why, KAN_NSOPEN_MAX + 1, ns, CLONE_NEWNET, two_and_a_failure,
				NULL, &err),
		     0);
}

static void no_answer(int *fds, int *why, size_t n, const void *arg)
{
	(void)fds;
	(void)why;
	(void)n;
	(void)arg;
	_exit(9);
}

Test(nsopen, a_child_that_dies_is_no_answer)
{
	int fds[1] = {-1}, why[1] = {0};
	struct kan_err err = {0};
	int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	cr_assert_lt(kan_nsopen(fds, why, 1, ns, CLONE_NEWNET, no_answer, NULL, &err), 0);
	cr_assert_eq(err.code, KAN_EUNSUPPORTED);
}
