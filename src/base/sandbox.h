/* The readers' sandbox: no_new_privs, Landlock, seccomp, rlimits; and a clean process to start
 * from. */
#ifndef KAN_BASE_SANDBOX_H
#define KAN_BASE_SANDBOX_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

/* Descriptors 0-2 open (/dev/null), umask 077, SIGPIPE and SIGXFSZ ignored, environment cut to a
 * short list, LC_ALL=C. */
int kan_process_clean(struct kan_err *err);

struct kan_sandbox_state {
	bool no_new_privs, landlock, seccomp;
};
/*
 * Before the first foreign byte: read only below the read paths (and the system's locales), write
 * only below the write paths (NULL-terminated), a seccomp allow-list without socket, exec, ptrace,
 * mount, fork, a mode or time that is set by path, and terminals; RLIMIT_AS 512 MiB (not under
 * sanitizers), CPU 600 s. What the kernel lacks is told in state, never silent. -1 only when
 * something that should work failed.
 */
int kan_sandbox_reader(struct kan_sandbox_state *state, const char *const *read_paths,
		       const char *const *write_paths, struct kan_err *err);
/*
 * A child at the writing end of a pipe, this process at the reading one: *pid is 0 in the child.
 * Whoever ends this process ends it. Both ends are yours to close.
 */
int kan_sandbox_fork(pid_t *pid, int *end, struct kan_err *err);
/* What a child writes to its end of a pipe in work, then it is ended. text is capped by its max. */
int kan_sandbox_ask(struct kan_buf *text, void (*work)(int end, void *arg), void *arg,
		    struct kan_err *err);
/* It is ended, also one that said it is done and sleeps, and waited for. */
void kan_sandbox_end(pid_t pid);
/* A child alone with its task: every descriptor is closed but these two, which differ. */
bool kan_sandbox_close_others(int a, int b);
/* Root's powers go; may_read keeps the one to read what is somebody else's. */
bool kan_sandbox_drop_powers(bool may_read);

#endif
