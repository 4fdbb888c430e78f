/* Every network namespace that a member or one of its threads is in. */
#ifndef KAN_KERNEL_NETNS_H
#define KAN_KERNEL_NETNS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <stdbool.h>
#include <sys/types.h>

#include "kernel/seen.h"

enum { KAN_NETNS_MAX = 256, KAN_NETNS_PATH = 24 };

struct kan_members;

/* Found through one task: path is "" or "task/TID/" below its held /proc/PID. */
struct kan_netns {
	uint64_t ino;
	pid_t pid;
	int dir; /* its own descriptor */
	char path[KAN_NETNS_PATH];
	bool ended; /* when it was added to last */
};
struct kan_netns_list {
	struct kan_netns v[KAN_NETNS_MAX];
	size_t n;
	struct kan_seen more;    /* inodes of those that found no room: KAN_NETNS_MAX */
	struct kan_seen refused; /* of those that no descriptor could be had for */
	int refused_why;         /* errno */
};
/*
 * Adds what is not in out yet: first that of the init, which lives as long as the container, then
 * in the order of pids. One whose task has ended is held through another task from now on. A member
 * that ends meanwhile has none any more: that is no failure of ours.
 */
void kan_netns_add(struct kan_netns_list *out, const struct kan_members *m, pid_t init);
void kan_netns_free(struct kan_netns_list *l);
/* The namespace itself, for setns. fd is yours. */
int kan_netns_open(int *fd, const struct kan_netns *n, struct kan_err *err);
/* A file of its /proc/net, whole: "tcp". */
int kan_netns_read(struct kan_buf *out, const struct kan_netns *n, const char *file,
		   struct kan_err *err);

/* The inode of a process's network namespace; 0: unknown. */
uint64_t kan_netns_of(int proc_fd, pid_t pid);

#endif
