/* POSIX message queues: the names in an mqueue mount of a process, and the figures of each. No
 * message is received. */
#ifndef KAN_KERNEL_MQUEUE_H
#define KAN_KERNEL_MQUEUE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

enum { KAN_MQUEUES_MAX = 4096 };

struct kan_mqueue {
	char name[256]; /* without '/'; bytes of the container's making */
	dev_t dev;
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool known; /* the figures are */
	long maxmsg, msgsize, curmsgs;
};
struct kan_mqueues {
	int dir;   /* the mount's root; -1 */
	dev_t dev; /* an IPC namespace has one such superblock, and it no other */
	struct kan_mqueue *v;
	size_t n;
	uint64_t seen;      /* more than n: KAN_MQUEUES_MAX */
	struct kan_err err; /* why there are none, or of the first without figures */
};

/*
 * The mqueue mount that pid_dir's process sees, below root_fd (its root), into out->dir. May block
 * where a path leads through a file system of the process's own. -1 unsupported: it sees none.
 */
int kan_mqueues_open(struct kan_mqueues *out, struct kan_bytes mountinfo, int root_fd,
		     struct kan_err *err);
/* List and ask, now. May block on a permission mark. */
void kan_mqueues_read(struct kan_mqueues *q);
void kan_mqueues_free(struct kan_mqueues *q);

#endif
