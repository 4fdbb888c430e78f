/* Inside the kernel room: the two passes over one process. */
#ifndef KAN_KERNEL_PASSES_H
#define KAN_KERNEL_PASSES_H

#include "kernel/bounded.h"
#include "kernel/process.h"

void kan_proc_missed(struct kan_processes *all, pid_t pid, const char *what, const struct kan_err *err);

/* Nothing here waits for the memory of the process. */
void kan_pass_a(struct kan_processes *all, struct kan_process *p);
/* Whole and O_PATH; exe of a process whose stat is read. */
void kan_pass_exe(struct kan_processes *all, struct kan_process *p, int dir);
/* The directory that facts come from: the process's, or that of a dead leader's live thread (then *own is to be closed). */
int kan_pass_dir(int *own, struct kan_process *p);

/* argv, environ, maps, io and what the executable's path names now; true when the thread was left behind. */
bool kan_pass_b(struct kan_processes *all, struct kan_process *p, struct kan_bounded *b, int root_fd, bool argv_only);

#endif
