/* Open things inside a network or IPC namespace without entering it: a child enters, opens, and
 * hands them back. */
#ifndef KAN_KERNEL_NSOPEN_H
#define KAN_KERNEL_NSOPEN_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_NSOPEN_MAX = 16, KAN_NSOPEN_MS = 2000 };

/* Runs in the child, after setns. Fills fds (-1: could not, with errno in why); no NSS, no dlopen,
 * no exec. */
typedef void kan_nsopen_fn(int *fds, int *why, size_t n, const void *arg);
/*
 * A socket or a /proc/sysvipc file belongs for ever to the namespace it was opened in. kind:
 * CLONE_NEWNET or CLONE_NEWIPC. fds and why have n elements, n <= KAN_NSOPEN_MAX; descriptors are
 * yours, close-on-exec. -1: the namespace could not be entered (denied), or the child did not
 * answer.
 */
int kan_nsopen(int *fds, int *why, size_t n, int ns_fd, int kind, kan_nsopen_fn *fn,
	       const void *arg, struct kan_err *err);

#endif
