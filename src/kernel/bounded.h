/* Work that may block in the kernel, done by a thread that can be left behind. */
#ifndef KAN_KERNEL_BOUNDED_H
#define KAN_KERNEL_BOUNDED_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_BOUNDED_MS = 2000 }; /* a page on FUSE or userfaultfd, a permission mark, dead storage */

struct kan_bounded;
struct kan_bounded *kan_bounded_new(void); /* its thread starts with the first work */
void kan_bounded_free(struct kan_bounded *b);

/*
 * Run work(job) in the thread and wait at most KAN_BOUNDED_MS. 0: done, job is the caller's again. -1 with sys
 * ETIMEDOUT: the thread is left behind and job is its own; should the work return one day, drop(job) frees it.
 * -1 otherwise: no thread could be had, job is still the caller's.
 */
typedef void kan_bounded_fn(void *job);
int kan_bounded_run(struct kan_bounded *b, kan_bounded_fn *work, void *job, kan_bounded_fn *drop, struct kan_err *err);

#endif
