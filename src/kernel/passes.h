/* Inside the kernel room: the two passes over one process. */
#ifndef KAN_KERNEL_PASSES_H
#define KAN_KERNEL_PASSES_H

#include "kernel/bounded.h"
#include "kernel/process.h"

void kan_proc_missed(struct kan_processes *all, pid_t pid, const char *what,
		     const struct kan_err *err);
/* A file of p could not be read. The first word of its end is told, and what else is missing then
 * is not. */
void kan_proc_refused(struct kan_processes *all, struct kan_process *p, const char *what,
		      const struct kan_err *err);

/* Nothing here waits for the memory of the process. */
void kan_pass_a(struct kan_processes *all, struct kan_process *p);
/*
 * The descriptor tables of all processes from first on, by a thread of their own: they are half of
 * what a busy container costs in the pause. join adds its counts and held files to all; what it
 * could not read, kan_pass_a_fds looks at again. start: NULL when it is not
 * worth it or no thread can be had.
 */
struct kan_pass_fds;
struct kan_pass_fds *kan_pass_fds_start(struct kan_processes *all, size_t first,
					const struct kan_processes_ask *ask);
/* Wait until the thread is done with the process of this index, so that its directory may go. */
void kan_pass_fds_wait(const struct kan_pass_fds *f, size_t index);
void kan_pass_fds_join(struct kan_processes *all, struct kan_pass_fds *f);
/* The table of p, when the thread did not get it: of a dead leader, through a thread that lives. */
void kan_pass_a_fds(struct kan_processes *all, struct kan_process *p);
void kan_pass_a_rest(struct kan_processes *all, struct kan_process *p,
		     const struct kan_processes_ask *ask);
/* exe of a process whose stat is read. */
void kan_pass_exe(struct kan_processes *all, struct kan_process *p, int dir);
/* The directory that facts come from: the process's, or that of a dead leader's live thread (then
 * *own is to be closed). */
int kan_pass_dir(int *own, struct kan_process *p);

struct kan_pass_b {
	struct kan_bounded *bounded;
	const struct kan_processes_ask *ask; /* frozen, stuck; NULL: nobody asks */
	int root_fd; /* where executables of mntns are looked up again; the others' below their own
			root */
	uint64_t mntns;
	bool argv_only;
	struct kan_pass_fds *tables; /* being read beside it, from first on; NULL: read before */
};
/*
 * argv, environ, maps, io and what the executable's path names now, of all processes from first on.
 * Many are handed to the thread at once: with two switches between threads for each, a busy machine
 * would hold the pause for long.
 */
void kan_pass_b(struct kan_processes *all, size_t first, const struct kan_pass_b *how);
bool kan_pass_frozen(const struct kan_processes_ask *ask);

/* One process of pass B: made and taken by who waits, done by the thread. */
struct kan_pass_job;
/* Takes the descriptor of p. */
struct kan_pass_job *kan_pass_job_new(struct kan_processes *all, struct kan_process *p,
				      bool argv_only, int root_fd);
void kan_pass_job_back(struct kan_pass_job *j); /* it was not begun: gives it back */
void kan_pass_job_do(struct kan_pass_job *j);
size_t kan_pass_job_octets(const struct kan_pass_job *j); /* done: what it has read */
void kan_pass_job_take(
	struct kan_pass_job *j); /* what is finished, even while the rest is being done */
void kan_pass_job_free(struct kan_pass_job *j);

#endif
