/* The IPC namespaces of a container's processes: files of each are opened by a child inside it,
 * before the pause; in the pause they are only read. */
#ifndef KAN_KERNEL_IPCSPACE_H
#define KAN_KERNEL_IPCSPACE_H

#include "kernel/mqueue.h"
#include "kernel/seen.h"
#include "kernel/sysvipc.h"

struct kan_bounded;

enum {
	KAN_IPCSPACES_MAX = 64,
	KAN_SYSV_OCTETS = 4 << 20, /* of one file */
};

struct kan_ipcspace {
	uint64_t ino;
	bool host;             /* the host's own: not everything in it is the container's */
	bool frozen;           /* it was read while the target was frozen */
	struct kan_err closed; /* it could not be entered */
	int ns;                /* the namespace itself */
	int fds[KAN_SYSV_KINDS];
	struct kan_buf text[KAN_SYSV_KINDS];
	struct kan_err err[KAN_SYSV_KINDS];
	struct kan_mqueues queues;
	struct kan_err no_queues; /* why there is no mount to list them from */
};
struct kan_ipcspaces {
	struct kan_ipcspace *v[KAN_IPCSPACES_MAX];
	size_t n;
	struct kan_seen beyond; /* for which there was no room: KAN_IPCSPACES_MAX */
};

/* What a look at them needs. frozen and stuck as of kan_processes_ask. */
struct kan_ipcspaces_ask {
	int proc_fd;
	struct kan_bounded *worker;
	unsigned *blocked; /* how often it was left behind */
	bool (*frozen)(const void *arg);
	void (*stuck)(void *arg);
	void *arg;
	/* Of the init, which may see less than there is. */
	int init_dir, init_root;
	struct kan_bytes init_mounts; /* empty: as /proc has it */
};

/* The namespace that dir (a held /proc/PID, or that of a thread) is in, when it is new. -1: it has
 * ended. */
int kan_ipcspaces_add(struct kan_ipcspaces *l, const struct kan_ipcspaces_ask *ask, int dir,
		      struct kan_err *err);
bool kan_ipcspaces_have(const struct kan_ipcspaces *l, uint64_t ino);
/* Everything of one, now. */
void kan_ipcspace_read(struct kan_ipcspace *s, const struct kan_ipcspaces_ask *ask);
/* Are the queues that were listed those of this namespace? Asked inside it, by some of their names;
 * false too when all of those have gone. Not for the pause: a child is made. */
bool kan_ipcspace_has_queues(const struct kan_ipcspace *s);
void kan_ipcspaces_free(struct kan_ipcspaces *l);

#endif
