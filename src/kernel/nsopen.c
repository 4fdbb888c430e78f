/* Open things inside a network or IPC namespace without entering it: a child enters, opens, and
 * hands them back. */
#include "kernel/nsopen.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	int entered;             /* 0, or errno of setns */
	int why[KAN_NSOPEN_MAX]; /* 0: its descriptor follows */
};
union control {
	char data[CMSG_SPACE(KAN_NSOPEN_MAX * sizeof(int))];
	struct cmsghdr align;
};

static struct msghdr message(struct iovec *io, union control *c, size_t n)
{
	return (struct msghdr){.msg_iov = io,
			       .msg_iovlen = 1,
			       .msg_control = n ? c->data : NULL,
			       .msg_controllen = n ? CMSG_SPACE(n * sizeof(int)) : 0};
}

/* In the child: nothing here may load code or look up names. */
static void answer(int channel, const struct answer *a, const int *fds, size_t n)
{
	int sent[KAN_NSOPEN_MAX];
	size_t k = 0;
	union control c = {0};
	struct answer copy = *a;
	struct iovec io = {&copy, sizeof(copy)};
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			sent[k++] = fds[i];
	struct msghdr m = message(&io, &c, k);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h) {
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(k * sizeof(int));
		memcpy(CMSG_DATA(h), sent, k * sizeof(int));
	}
	(void)sendmsg(channel, &m, MSG_NOSIGNAL);
}

static void child(int channel, size_t n, int ns_fd, int kind, kan_nsopen_fn *fn, const void *arg)
	__attribute__((noreturn));

static void child(int channel, size_t n, int ns_fd, int kind, kan_nsopen_fn *fn, const void *arg)
{
	struct answer a = {0};
	int fds[KAN_NSOPEN_MAX];
	for (size_t i = 0; i < KAN_NSOPEN_MAX; i++)
		fds[i] = -1;
	if (setns(ns_fd, kind) < 0)
		a.entered = errno;
	else
		fn(fds, a.why, n, arg);
	answer(channel, &a, fds, a.entered ? 0 : n);
	_exit(0);
}

static size_t descriptors(int *out, struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	if (!h || h->cmsg_type != SCM_RIGHTS)
		return 0;
	size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(out, CMSG_DATA(h), n * sizeof(int));
	return n;
}

static int take(int *fds, int *why, size_t n, int channel, struct kan_err *err)
{
	struct answer a = {0};
	union control c = {0};
	struct iovec io = {&a, sizeof(a)};
	struct msghdr m = message(&io, &c, KAN_NSOPEN_MAX);
	struct pollfd p = {.fd = channel, .events = POLLIN};
	int got[KAN_NSOPEN_MAX];
	if (poll(&p, 1, KAN_NSOPEN_MS) <= 0 ||
	    recvmsg(channel, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(a))
		return kan_fail(err, KAN_EUNSUPPORTED, "no answer from the namespace");
	size_t k = descriptors(got, &m), at = 0;
	if (a.entered) {
		errno = a.entered;
		return kan_fail_sys(err, "enter the namespace");
	}
	for (size_t i = 0; i < n; i++) {
		why[i] = a.why[i];
		fds[i] = a.why[i] == 0 && at < k ? got[at++] : -1;
	}
	return 0;
}

int kan_nsopen(int *fds, int *why, size_t n, int ns_fd, int kind, kan_nsopen_fn *fn,
	       const void *arg, struct kan_err *err)
{
	int pair[2];
	if (n > KAN_NSOPEN_MAX)
		return kan_fail(err, KAN_EUSAGE, "%zu descriptors at once", n);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return kan_fail_sys(err, "socketpair");
	pid_t pid = fork();
	if (pid == 0)
		child(pair[1], n, ns_fd, kind, fn, arg);
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return kan_fail_sys(err, "fork");
	}
	int rc = take(fds, why, n, pair[0], err);
	(void)close(pair[0]);
	if (rc < 0)
		(void)kill(pid, SIGKILL); /* ours, and not yet waited for */
	(void)waitpid(pid, NULL, 0);
	return rc;
}
