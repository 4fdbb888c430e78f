/* The processes of a container as /proc shows them, read in two passes and kept in memory until the
 * pause is over. */
#ifndef KAN_KERNEL_PROCESS_H
#define KAN_KERNEL_PROCESS_H

#include <linux/stat.h>

#include "kernel/fds.h"
#include "kernel/held.h"
#include "kernel/members.h"
#include "kernel/procfs.h"

enum {
	KAN_PROC_ARG_MAX = 4 << 20,     /* argv, environ of one process */
	KAN_PROC_MAPS_MAX = 64 << 20,   /* maps of one process */
	KAN_PROC_RAW_TOTAL = 320 << 20, /* what is kept of all together */
	KAN_PROC_FDS_TOTAL = 1 << 20,
	KAN_PROC_LINKS_TOTAL = 128 << 20, /* octets of what the descriptors name */
	KAN_PROC_THREADS_TOTAL = 1 << 18,
	KAN_PROC_SOCKETS_WHOLE =
		1024, /* beyond: only what the link says, so that the pause is short */
	KAN_PROC_MISSES = 4096,
	KAN_PROC_UNLINKED_MAX = 1024, /* mappings of unlinked files of one process */
	KAN_PROC_STUCK_SLOW =
		8, /* so many may block for KAN_BOUNDED_MS each, then KAN_PROC_STUCK_MS has to do */
	KAN_PROC_STUCK_MS = 100,
	KAN_PROC_STUCK_MAX = 256, /* and then no more are tried: the collector's time is bounded */
};

/* The raw files kept, for proc.tar. From KAN_PF_IO on they may wait for the process's memory: pass
 * B. */
enum kan_proc_file {
	KAN_PF_STAT,
	KAN_PF_STATUS,
	KAN_PF_CGROUP,
	KAN_PF_LIMITS,
	KAN_PF_UID_MAP,
	KAN_PF_GID_MAP,
	KAN_PF_LOGINUID,
	KAN_PF_SESSIONID,
	KAN_PF_ATTR,
	KAN_PF_OOM_ADJ,
	KAN_PF_IO,
	KAN_PF_MAPS,
	KAN_PF_CMDLINE,
	KAN_PF_ENVIRON,
	KAN_PF_COUNT,
};
const char *kan_proc_file_name(enum kan_proc_file f); /* "attr/current" */

enum { KAN_NS_COUNT = 8 };
extern const char *const kan_ns_names[KAN_NS_COUNT]; /* cgroup ipc mnt net pid time user uts */
enum kan_ns {
	KAN_NS_CGROUP,
	KAN_NS_IPC,
	KAN_NS_MNT,
	KAN_NS_NET,
	KAN_NS_PID,
	KAN_NS_TIME,
	KAN_NS_USER,
	KAN_NS_UTS
};

/* exe, cwd, root: the kernel's text and the file itself. */
struct kan_proc_path {
	bool known;
	struct kan_buf link;
	struct statx st;
};
enum kan_path_now { KAN_PATH_UNKNOWN, KAN_PATH_SAME, KAN_PATH_OTHER, KAN_PATH_ABSENT };

/* Of a thread that is not the leader: what may differ from it. */
struct kan_thread {
	pid_t tid;
	char state;
	uint8_t name_n, name[64];
	bool has_status;
	uint64_t starttime;
	uint32_t uid[4], gid[4];
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	int no_new_privs, seccomp, seccomp_filters;
	uint64_t ns[KAN_NS_COUNT];
};

/* A mapping of an unlinked file. */
struct kan_unlinked {
	uint64_t start, size, ino;
	dev_t dev;
};

struct kan_process {
	struct kan_member who;   /* dir is closed and -1 after both passes */
	bool frozen_a, frozen_b; /* the facts of that pass were read while the target was frozen */
	bool gone;               /* ended before anything could be read */
	bool ended;              /* ended while it was read: the rest is not missing */
	bool stuck, leader_dead, has_fds;
	bool raw_left_out; /* all or some of its raw files: KAN_PROC_RAW_TOTAL */
	pid_t via_tid;     /* a dead leader's facts are those of this live thread; 0 */
	struct kan_proc_stat stat;
	struct kan_buf raw[KAN_PF_COUNT];
	uint32_t has, cut; /* bit per kan_proc_file: read; stopped at its maximum */
	uint64_t ns[KAN_NS_COUNT];
	struct kan_proc_path exe, cwd, root; /* exe: the file is in held, when there was room */
	enum kan_path_now path_now;
	struct kan_fds fds;
	struct kan_thread *threads;
	size_t n_threads;
	struct kan_unlinked *unlinked;
	size_t n_unlinked;
	uint64_t unlinked_seen; /* more than n_unlinked: KAN_PROC_UNLINKED_MAX */
};

/* What could not be had: the collector makes gaps of it. */
struct kan_proc_miss {
	pid_t pid;
	char what[32];
	struct kan_err err;
};
struct kan_processes {
	struct kan_process *v; /* sorted by pid */
	size_t n;
	struct kan_helds held; /* executables, unlinked files */
	uint64_t seen, limit;  /* processes that were found; how many may be kept */
	uint64_t fds_seen, fds_kept, link_bytes, threads_seen, threads_kept, raw_bytes;
	uint64_t sockets_whole, sockets_brief;
	uint64_t links_full; /* processes of which descriptors found no room for their links */
	uint64_t stuck, not_tried; /* in pass B; not_tried: behind KAN_PROC_STUCK_MAX */
	struct kan_proc_miss *miss;
	size_t n_miss;
	uint64_t misses; /* more than n_miss: KAN_PROC_MISSES */
};
struct kan_processes_ask {
	struct kan_members_ask members;
	int root_fd; /* the init's root, to see what an executable's path names now */
	bool (*frozen)(const void *arg); /* is the target frozen at this moment? */
	void (*stuck)(void *arg);        /* a read blocks: the pause has to end */
	void *arg;
};
/* Both passes over all members. -1 only when the members cannot be listed; what single reads refuse
 * is a miss. */
int kan_processes_read(struct kan_processes *out, const struct kan_processes_ask *ask,
		       struct kan_err *err);
/* Parents outside of all, up to host pid 1: stat, exe and argv only. misses as above. */
void kan_processes_ancestors(struct kan_processes *out, const struct kan_processes *all,
			     int proc_fd);
void kan_processes_free(struct kan_processes *p);
const struct kan_process *kan_processes_find(const struct kan_processes *all, pid_t pid);

/* Flag PF_KTHREAD of the kernel's include/linux/sched.h; never the name. */
bool kan_process_kthread(const struct kan_process *p);
/* Nothing behind it but an exit status: a zombie without live threads. */
bool kan_process_ended(const struct kan_process *p);

#endif
