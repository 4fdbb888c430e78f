/* The container's cgroups, v1, v2 and hybrid: members and the freezer's state. */
#ifndef KAN_KERNEL_CGROUP_H
#define KAN_KERNEL_CGROUP_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

struct kan_cgroup;

/* cgroup_host.c: what this host has. "v1", "v2", "hybrid" or "none". */
const char *kan_cgroup_mode(void);
/* 0: a freezer is mounted at its usual place, and a file of it could be written; nothing is. -1:
 * unsupported, or denied: mounted read-only. */
int kan_cgroup_freezer(struct kan_err *err);

/* Pure: does one component of a line of /proc/PID/cgroup name the container ("ID",
 * "docker-ID.scope", "libpod-ID", ...)? */
bool kan_cgroup_names(struct kan_bytes proc_cgroup_text, const char *id);

/*
 * Directories of the container in each hierarchy, from /proc/PID/cgroup (pid_dir) and our own
 * mountinfo. Never built from "/" or an empty path (the root cgroup is every process of the host):
 * refused.
 */
int kan_cgroup_open(struct kan_cgroup **out, int proc_fd, int pid_dir, const char *id,
		    struct kan_err *err);
void kan_cgroup_free(struct kan_cgroup *c);
bool kan_cgroup_v2(const struct kan_cgroup *c); /* the freezer is v2's */

/* Is the freezer frozen? v2 cgroup.events "frozen 1", v1 freezer.state FROZEN. 1, 0, or -1. Cheap:
 * kept open. */
int kan_cgroup_frozen(struct kan_cgroup *c, struct kan_err *err);
/* Is it wholly open: not frozen and not on its way there (v1 FREEZING, v2 cgroup.freeze 1)? 1, 0,
 * or -1. */
int kan_cgroup_thawed(struct kan_cgroup *c, struct kan_err *err);
/* Freeze through the cgroup's own file: only to let an engine take back a pause that it believes in
 * and that the kernel has ended. */
int kan_cgroup_freeze(struct kan_cgroup *c, struct kan_err *err);
/* Has the freezer's cgroup been removed? Then nothing is left in it that could be frozen. */
bool kan_cgroup_gone(const struct kan_cgroup *c);
/* Thaw through the cgroup's own file: the last resort of the lease. */
int kan_cgroup_thaw(struct kan_cgroup *c, struct kan_err *err);
/* The file's path on this host, for a person who must do it by hand. */
int kan_cgroup_freezer_path(char *out, size_t cap, const struct kan_cgroup *c);

/* Every pid of cgroup.procs, recursively, of the hierarchy with the freezer (else any); duplicates
 * possible. */
typedef int kan_cgroup_pid_fn(pid_t pid, void *arg);
int kan_cgroup_pids(struct kan_cgroup *c, kan_cgroup_pid_fn *fn, void *arg, struct kan_err *err);
enum { KAN_CGROUP_DIRS = 4096, KAN_CGROUP_FILE = 1 << 20 };
/* One file of a directory. */
struct kan_cgroup_file {
	const char *controllers; /* "" is v2 */
	struct kan_bytes dir;
	const char *group, *key; /* of our words: "memory", "max"; the same in both versions where
				    they mean the same */
	struct kan_bytes content;
	bool lines; /* of many facts, one a line */
	bool cut;   /* above KAN_CGROUP_FILE */
};
/* Each directory in turn and its files. limit when there are more than KAN_CGROUP_DIRS. */
typedef int kan_cgroup_file_fn(const struct kan_cgroup_file *f, void *arg);
int kan_cgroup_files(struct kan_cgroup *c, kan_cgroup_file_fn *fn, void *arg, struct kan_err *err);

#endif
