/* Inside the kernel room: the two passes over one process. */
#ifndef KAN_KERNEL_PASSES_H
#define KAN_KERNEL_PASSES_H

#include "kernel/bounded.h"
#include "kernel/process.h"

void kan_proc_missed(struct kan_processes *all, pid_t pid, const char *what, const struct kan_err *err);
/* A file of p could not be read. The first word of its end is told, and what else is missing then is not. */
void kan_proc_refused(struct kan_processes *all, struct kan_process *p, const char *what, const struct kan_err *err);

/* Nothing here waits for the memory of the process. */
void kan_pass_a(struct kan_processes *all, struct kan_process *p);
/* exe of a process whose stat is read. */
void kan_pass_exe(struct kan_processes *all, struct kan_process *p, int dir);
/* The directory that facts come from: the process's, or that of a dead leader's live thread (then *own is to be closed). */
int kan_pass_dir(int *own, struct kan_process *p);

/* root_fd: where the path of the executable is looked up again; -1: the process's own root. */
struct kan_pass_b {
	struct kan_bounded *bounded;
	int root_fd;
	bool argv_only;
};
/* argv, environ, maps, io and what the executable's path names now; true when the thread was left behind. */
bool kan_pass_b(struct kan_processes *all, struct kan_process *p, const struct kan_pass_b *how);

#endif
