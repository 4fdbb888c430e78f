/* Work that may block in the kernel, done by a thread that can be left behind. */
#ifndef KAN_KERNEL_BOUNDED_H
#define KAN_KERNEL_BOUNDED_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_BOUNDED_MS = 2000 }; /* a page on FUSE or userfaultfd, a permission mark, dead storage */

struct kan_bounded;
int64_t kan_bounded_now(void);
struct kan_bounded *kan_bounded_new(void); /* its thread starts with the first work */
void kan_bounded_free(struct kan_bounded *b);

typedef void kan_bounded_fn(void *job);
struct kan_bounded_work {
	void *job;
	unsigned ms;
	const _Atomic int64_t *began_ns; /* of work in steps: when the one in hand began
					    (kan_bounded_now); NULL: one step */
	kan_bounded_fn *work;
	kan_bounded_fn
		*drop; /* frees a job whose thread was left behind, should it return one day */
	/*
	 * Before a thread is left behind: takes out of the job what is finished, while the work
	 * still runs beside it. NULL: nothing.
	 */
	kan_bounded_fn *salvage;
};
/*
 * Run the work in the thread and wait for it. 0: done, job is the caller's again. -1 with sys
 * ETIMEDOUT: the thread is left behind and the job with it. -1 otherwise: no thread could be had,
 * the job is still the caller's.
 */
int kan_bounded_run(struct kan_bounded *b, const struct kan_bounded_work *what,
		    struct kan_err *err);

/* The same in two steps, for a caller that has something to do meanwhile; each begin has its wait.
 */
int kan_bounded_begin(struct kan_bounded *b, const struct kan_bounded_work *what,
		      struct kan_err *err);
int kan_bounded_wait(struct kan_bounded *b, struct kan_err *err);

#endif
