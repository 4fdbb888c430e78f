/* Which pages of a range are there, in memory or swapped out: runs of them, from /proc/PID/pagemap.
 */
#ifndef KAN_KERNEL_PAGEMAP_H
#define KAN_KERNEL_PAGEMAP_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/* Return 1 to stop without error. */
typedef int kan_run_fn(uint64_t start, uint64_t octets, void *arg);

/* Pure: the words of the pages from start on, as the kernel writes them. Runs that touch are one,
 * within the words. */
int kan_pagemap_words(const uint64_t *words, size_t n, uint64_t start, uint64_t page,
		      kan_run_fn *fn, void *arg);
/*
 * Runs in [start, end), in order; neighbours may touch. until_ns (kan_bounded_now): sys ETIMEDOUT
 * when it takes longer, what was told before stands. The kernel passes over what is empty since
 * 6.7; before that each page of the range is a word to read.
 */
struct kan_pagemap_ask {
	int fd;
	uint64_t start, end, page;
	int64_t until_ns;
	kan_run_fn *fn;
	void *arg;
	bool words_only; /* as a kernel before 6.7 (tests) */
};
int kan_pagemap_runs(const struct kan_pagemap_ask *ask, struct kan_err *err);

#endif
