/* /proc/PID/pagemap: runs of pages that are there, by the scan of the kernel or word by word. */
#include "kernel/pagemap.h"

#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel/bounded.h"

enum { WORDS = 8192, RANGES = 512 };
static const uint64_t there = UINT64_C(3)
			      << 62; /* present, swapped: Documentation/.../pagemap.rst */

/* include/uapi/linux/fs.h since 6.7; headers of older systems lack it. */
struct range {
	uint64_t start, end, categories;
};
struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted,
		category_mask, category_anyof_mask, return_mask;
};
enum { IS_PRESENT = 1 << 3, IS_SWAPPED = 1 << 4 };
#define SCAN _IOWR('f', 16, struct scan)

int kan_pagemap_words(const uint64_t *words, size_t n, uint64_t start, uint64_t page,
		      kan_run_fn *fn, void *arg)
{
	for (size_t i = 0; i < n;) {
		size_t from = i;
		while (i < n && words[i] & there)
			i++;
		if (i > from && fn(start + from * page, (i - from) * page, arg))
			return 1;
		i += i == from;
	}
	return 0;
}

static int too_late(const struct kan_pagemap_ask *ask, uint64_t at, struct kan_err *err)
{
	if (kan_bounded_now() < ask->until_ns)
		return 0;
	kan_err_set(err, KAN_ELIMIT, ETIMEDOUT, "%llu of %llu octets looked at in time",
		    (unsigned long long)(at - ask->start),
		    (unsigned long long)(ask->end - ask->start));
	return -1;
}

static int by_words(const struct kan_pagemap_ask *ask, struct kan_err *err)
{
	uint64_t words[WORDS];
	for (uint64_t at = ask->start; at < ask->end;) {
		uint64_t left = (ask->end - at) / ask->page, n = left < WORDS ? left : WORDS;
		ssize_t got = pread(ask->fd, words, n * sizeof(*words),
				    (off_t)(at / ask->page * sizeof(*words)));
		if (got < 0)
			return kan_fail_sys(err, "pagemap");
		if (got < (ssize_t)sizeof(*words))
			return 0; /* it has ended, or unmapped this */
		n = (uint64_t)got / sizeof(*words);
		if (kan_pagemap_words(words, n, at, ask->page, ask->fn, ask->arg))
			return 0;
		at += n * ask->page;
		if (at < ask->end && too_late(ask, at, err) < 0)
			return -1;
	}
	return 0;
}

/* 1: the kernel cannot. */
static int by_scan(const struct kan_pagemap_ask *ask, struct kan_err *err)
{
	struct range found[RANGES];
	for (uint64_t at = ask->start; at < ask->end;) {
		struct scan s = {.size = sizeof(s),
				 .start = at,
				 .end = ask->end,
				 .vec = (uint64_t)(uintptr_t)found,
				 .vec_len = RANGES,
				 .category_anyof_mask = IS_PRESENT | IS_SWAPPED,
				 .return_mask = IS_PRESENT | IS_SWAPPED};
		int n = ioctl(ask->fd, SCAN, &s);
		if (n < 0)
			return at == ask->start ? 1 : kan_fail_sys(err, "pagemap");
		for (int i = 0; i < n; i++)
			if (ask->fn(found[i].start, found[i].end - found[i].start, ask->arg))
				return 0;
		if (s.walk_end <= at)
			return 0;
		at = s.walk_end;
		if (at < ask->end && too_late(ask, at, err) < 0)
			return -1;
	}
	return 0;
}

int kan_pagemap_runs(const struct kan_pagemap_ask *ask, struct kan_err *err)
{
	int rc = ask->words_only ? 1 : by_scan(ask, err);
	return rc == 1 ? by_words(ask, err) : rc;
}
