/* Runs of pages: from words, and from the kernel about memory that the test touched. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/bounded.h"
#include "kernel/pagemap.h"

enum { PAGE = 4096 };
static const uint64_t present = UINT64_C(1) << 63, swapped = UINT64_C(1) << 62,
		      file = UINT64_C(1) << 61;

struct runs {
	size_t n;
	uint64_t start[64], octets[64];
};

/* Neighbours are one: the kernel may tell them in two. */
static int on_run(uint64_t start, uint64_t octets, void *arg)
{
	struct runs *r = arg;
	if (r->n && r->start[r->n - 1] + r->octets[r->n - 1] == start) {
		r->octets[r->n - 1] += octets;
		return 0;
	}
	cr_assert_lt(r->n, 64);
	r->start[r->n] = start;
	r->octets[r->n++] = octets;
	return 0;
}

Test(pagemap, present_and_swapped_pages_are_there_and_others_are_not)
{
	const uint64_t words[] = {0, present, swapped, file, present | file, 0, 0, swapped};
	struct runs r = {0};
	cr_assert_eq(kan_pagemap_words(words, 8, 0x10000, PAGE, on_run, &r), 0);
	cr_assert_eq(r.n, 3);
	cr_assert(r.start[0] == 0x11000 && r.octets[0] == 2 * PAGE);
	cr_assert(r.start[1] == 0x14000 && r.octets[1] == PAGE);
	cr_assert(r.start[2] == 0x17000 && r.octets[2] == PAGE);
}

Test(pagemap, none_of_no_words)
{
	struct runs r = {0};
	cr_assert_eq(kan_pagemap_words(NULL, 0, 0, PAGE, on_run, &r), 0);
	cr_assert_eq(r.n, 0);
}

static void ask(struct runs *r, char *p, size_t n, bool words_only)
{
	kan_auto_close int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct kan_pagemap_ask a = {.fd = fd,
				    .start = (uintptr_t)p,
				    .end = (uintptr_t)p + n,
				    .page = PAGE,
				    .until_ns = INT64_MAX,
				    .fn = on_run,
				    .arg = r,
				    .words_only = words_only};
	cr_assert_eq(kan_pagemap_runs(&a, NULL), 0);
}

static char *sparse(size_t n)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	cr_assert_neq(p, MAP_FAILED);
	(void)madvise(p, n, MADV_NOHUGEPAGE);
	return p;
}

Test(pagemap, the_touched_pages_of_a_gigabyte_are_found_by_scan_and_by_words)
{
	size_t n = 1UL << 30;
	char *p = sparse(n);
	p[0] = p[PAGE] = p[n / 2] = p[n - 1] = 1;
	for (int words = 0; words < 2; words++) {
		struct runs r = {0};
		ask(&r, p, n, words);
		cr_assert_eq(r.n, 3, "words %d", words);
		cr_assert(r.start[0] == (uintptr_t)p && r.octets[0] == 2 * PAGE);
		cr_assert(r.start[1] == (uintptr_t)p + n / 2 && r.octets[1] == PAGE);
		cr_assert(r.start[2] == (uintptr_t)p + n - PAGE && r.octets[2] == PAGE);
	}
}

Test(pagemap, more_runs_than_one_answer_holds_are_all_told)
{
	enum { PAGES = 4000 };
	char *p = sparse((size_t)PAGES * PAGE);
	uint64_t total[2] = {0};
	for (size_t i = 0; i < PAGES; i += 2)
		p[i * PAGE] = 1;
	for (int words = 0; words < 2; words++)
		for (size_t i = 0; i < PAGES; i += 100) {
			struct runs r = {0};
			ask(&r, p + i * PAGE, 100 * PAGE, words);
			total[words] += r.n;
		}
	cr_assert(total[0] == PAGES / 2 && total[1] == PAGES / 2);
}

static int count(uint64_t start, uint64_t octets, void *arg)
{
	(void)start;
	(void)octets;
	return ++*(size_t *)arg, 0;
}

Test(pagemap, the_scan_goes_on_where_its_answer_was_full)
{
	enum { PAGES = 4000 };
	size_t n = 0;
	char *p = sparse((size_t)PAGES * PAGE);
	kan_auto_close int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct kan_pagemap_ask a = {.fd = fd,
				    .start = (uintptr_t)p,
				    .end = (uintptr_t)p + (size_t)PAGES * PAGE,
				    .page = PAGE,
				    .until_ns = INT64_MAX,
				    .fn = count,
				    .arg = &n};
	for (size_t i = 0; i < PAGES; i += 2)
		p[i * PAGE] = 1;
	cr_assert_eq(kan_pagemap_runs(&a, NULL), 0);
	cr_assert_eq(n, PAGES / 2);
}

Test(pagemap, terabytes_take_no_more_than_the_time_allowed)
{
	struct kan_err err = {0};
	size_t n = 0;
	char *p = mmap(NULL, 1UL << 42, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0);
	kan_auto_close int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	cr_assert_neq(p, MAP_FAILED);
	struct kan_pagemap_ask a = {.fd = fd,
				    .start = (uintptr_t)p,
				    .end = (uintptr_t)p + (1UL << 42),
				    .page = PAGE,
				    .until_ns = kan_bounded_now() + 20000000,
				    .fn = count,
				    .arg = &n,
				    .words_only = true};
	cr_assert_eq(kan_pagemap_runs(&a, &err), -1);
	cr_assert_eq(err.sys, ETIMEDOUT, "%s", err.text);
}
