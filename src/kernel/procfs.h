/* What /proc says of a process: parsers are pure functions over bytes; reads go through a held
 * /proc/PID. */
#ifndef KAN_KERNEL_PROCFS_H
#define KAN_KERNEL_PROCFS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

/* /proc/PID/stat, proc(5). comm is between the first '(' and the last ')'. */
struct kan_proc_stat {
	pid_t pid, ppid, pgrp, session;
	char state;
	int tty, threads;
	unsigned long flags;
	uint64_t utime, stime, starttime, vsize;
	int64_t rss;
	uint64_t arg_start, arg_end, env_start, env_end; /* 0: not told */
	int exit_code;
	struct kan_bytes comm; /* borrowed from the text */
};
int kan_proc_stat_parse(struct kan_proc_stat *out, struct kan_bytes text, struct kan_err *err);

/* /proc/PID/status */
enum { KAN_PROC_GROUPS = 256, KAN_PROC_NSPIDS = 33 /* MAX_PID_NS_LEVEL and the first */ };
struct kan_proc_status {
	uint32_t uid[4], gid[4];
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	int no_new_privs, seccomp, seccomp_filters;
	pid_t tracer;
	pid_t nspid[KAN_PROC_NSPIDS];
	size_t n_nspid;
	uint32_t groups[KAN_PROC_GROUPS];
	size_t n_groups, groups_seen;
	uint64_t vm_rss_kb;
};
int kan_proc_status_parse(struct kan_proc_status *out, struct kan_bytes text, struct kan_err *err);

/* "/proc" opened O_PATH and proven: PROC_SUPER_MAGIC, self is us, NSpid has one number. refused
 * otherwise. */
int kan_proc_open(int *proc_fd, struct kan_err *err);
/* /proc/PID as O_PATH|O_DIRECTORY. pid < 1 is refused. */
int kan_proc_pid_dir(int *fd, int proc_fd, pid_t pid, struct kan_err *err);
int kan_pidfd_open(int *fd, pid_t pid, struct kan_err *err);
/* A file of a held /proc/PID, whole (capped by out->max). ESRCH becomes not-found. */
int kan_proc_read(struct kan_buf *out, int pid_dir, const char *file, struct kan_err *err);
/* The same of a file that the kernel writes in one piece (stat, status, cgroup ...): a short read
 * is its end. */
int kan_proc_read_piece(struct kan_buf *out, int pid_dir, const char *file, struct kan_err *err);
int kan_proc_stat_read(struct kan_proc_stat *out, struct kan_buf *text, int pid_dir,
		       struct kan_err *err);
/* Inode number of a namespace ("net"), of a held /proc/PID. */
int kan_proc_ns(uint64_t *ino, int pid_dir, const char *name, struct kan_err *err);
/* The same by the link's path: "self/ns/net" below /proc. Reading the link costs half of following
 * it. */
int kan_proc_ns_link(uint64_t *ino, int dir, const char *path, struct kan_err *err);
/* readlink of "exe", "cwd", "root", "fd/3": bytes. */
int kan_proc_link(struct kan_buf *out, int pid_dir, const char *name, struct kan_err *err);
/* Magic link opened O_PATH: "exe", "root", "fd/3", "ns/net" (ns: O_RDONLY). */
int kan_proc_magic(int *fd, int pid_dir, const char *name, struct kan_err *err);
/* When the host was started: btime of /proc/stat. That file is long on big machines: ask once. */
int kan_proc_btime(int64_t *btime_ns, int proc_fd, struct kan_err *err);
/* A starttime in clock ticks, as UTC. */
int64_t kan_proc_started(int64_t btime_ns, uint64_t starttime);
/* Both: start_ns = btime + starttime / hz. */
int kan_proc_start_ns(int64_t *ns, int proc_fd, uint64_t starttime, struct kan_err *err);
/* Every number in /proc: return -1 to stop. */
typedef int kan_proc_pid_fn(pid_t pid, void *arg);
typedef int kan_proc_pid_ino_fn(pid_t pid, uint64_t ino, void *arg);
/* With the inode of each process's directory: never that of an earlier process of the same pid. */
int kan_proc_each_ino(int proc_fd, kan_proc_pid_ino_fn *fn, void *arg, struct kan_err *err);
int kan_proc_each(int proc_fd, kan_proc_pid_fn *fn, void *arg, struct kan_err *err);

#endif
