/* Who belongs to the container: by cgroup, by a scan of /proc, by private pid and mount namespaces.
 */
#ifndef KAN_KERNEL_MEMBERS_H
#define KAN_KERNEL_MEMBERS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

struct kan_cgroup;

enum { KAN_MEMBERS_MAX = 65536 };

/* Why a process counts. scan finds zombies, which cgroup.procs leaves out. */
enum kan_member_by { KAN_BY_CGROUP = 1, KAN_BY_SCAN = 2, KAN_BY_PIDNS = 4, KAN_BY_MNTNS = 8 };

struct kan_member {
	pid_t pid;
	int dir;               /* /proc/PID, held: never becomes another process. -1: not held */
	unsigned by;           /* 0: a neighbour, a stranger in a shared pid namespace */
	struct kan_buf cgroup; /* its /proc/PID/cgroup, when that was asked for */
	uint64_t starttime;    /* of one that is not held: by it the process is known again */
};
struct kan_members {
	struct kan_member *v; /* sorted by pid */
	size_t n;
	uint64_t seen;  /* more than n: limit */
	uint64_t limit; /* KAN_MEMBERS_MAX, or less where our own descriptors end before */
};
/* Processes that were looked at and found to be none of the target's: pid, and the inode of its
 * directory in /proc, which no later process of that pid has. */
struct kan_strangers {
	struct kan_stranger {
		pid_t pid;
		uint64_t ino;
	} * v; /* sorted by pid */
	size_t n, cap;
};
struct kan_members_ask {
	int proc_fd, init_dir;
	const char *id;
	struct kan_cgroup *cgroup;
	bool pid_private; /* only then does the pid namespace count */
	bool neighbours;  /* list strangers of a shared pid namespace, too */
	/*
	 * Or NULL. Who stands in it is passed over, unless a cgroup lists it; who is found to be
	 * none of ours is added. A host has hundreds of them: they are looked at before the pause,
	 * not in it.
	 */
	struct kan_strangers *strangers;
	bool texts;  /* keep what was read of each */
	bool unheld; /* when our descriptors end, go on without holding: see kan_member_open */
};
/*
 * Now. A pid that was given to somebody else between listing and open is left out: cgroup and
 * namespaces are read again through the held directory.
 */
int kan_members_find(struct kan_members *out, const struct kan_members_ask *ask,
		     struct kan_err *err);
void kan_members_free(struct kan_members *m); /* closes what is not -1, frees texts */
void kan_strangers_free(struct kan_strangers *s);
/* Holds one that was not held, when it is the same process still; not-found when it is not. */
int kan_member_open(struct kan_member *m, int proc_fd, struct kan_err *err);

#endif
