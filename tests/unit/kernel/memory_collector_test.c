/* The collector memory with a sink: regions and hits against what subjects have in theirs. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/row.h"
#include "evidence/channel.h"
#include "kernel/indicators.h"
#include "subjects.h"
#include "world.h"

extern const struct kan_collector kan_collector_memory;

enum { PAGE = 4096, BIG = 96 << 20 };
#define AT ((char *)0x7a0000000000)

/* A page there hangs, as one on FUSE does. */
#define HANGS ((char *)0x7b0000000000)

ssize_t __real_pread64(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t at);

ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t at)
{
	while (at <= (off_t)(uintptr_t)HANGS && (off_t)(uintptr_t)HANGS < at + (off_t)n)
		(void)pause();
	return __real_pread64(fd, to, n, at);
}

static struct subjects *s;
static struct world *w;
static struct kan_indicators *look;

static void setup(void)
{
	s = subjects_new();
	w = world_new(0);
	w->frozen = true;
	struct kan_target *t = &w->target;
	t->proc_fd = dup(s->proc_fd);
	t->pid_dir = dup(s->init_dir);
	t->root_fd = dup(s->root_fd);
	t->pid = s->init;
	t->pid_private = true;
	t->policy = &w->policy;
	(void)memset(t->id, '0', 64);
	w->policy.memory = KAN_MEMORY_WRITABLE;
}

static void teardown(void)
{
	json_decref(w->rows);
	(void)close(w->target.proc_fd);
	(void)close(w->target.pid_dir);
	kan_indicators_free(look);
	world_free(w);
	subjects_free(s);
}

TestSuite(memories, .init = setup, .fini = teardown);

static void search_for(const char *text)
{
	cr_assert_eq(kan_indicators_parse(&look, kan_bytes_of(text), NULL), 0);
	w->policy.indicators = look;
}

static void capture(void)
{
	cr_assert_eq(world_collect(w, &kan_collector_memory), 0);
}

static const json_t *rows(const char *artefact)
{
	json_decref(w->rows);
	w->rows = world_rows(w, artefact);
	return w->rows;
}

static json_int_t integer(const json_t *r, const char *key)
{
	return json_integer_value(json_object_get(r, key));
}

static const json_t *region(pid_t pid, const void *at)
{
	size_t i = 0;
	char start[32];
	const json_t *r = NULL, *table = rows("regions.ndjson");
	(void)snprintf(start, sizeof(start), "0x%016lx", (unsigned long)(uintptr_t)at);
	json_array_foreach (table, i, r)
		if (integer(r, "pid") == pid && strcmp(world_str(r, "start"), start) == 0)
			return r;
	cr_assert_fail("no region of %d at %s", (int)pid, start);
	return NULL;
}

static char *map_at(size_t n, int flags, int fd)
{
	char *p = mmap(AT, n, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd, 0);
	if (p != AT)
		_exit(1);
	return p;
}

static void plant(const char *word)
{
	char *p = map_at(3 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	(void)memset(p, 'x', PAGE);
	(void)strcpy(p + PAGE - 4, word);
	subject_wait(word);
}

static void hang(const char *word)
{
	char *p = mmap(HANGS - 2 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != HANGS - 2 * PAGE)
		_exit(1);
	(void)memset(map_at(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1), 'x', PAGE);
	(void)memset(p, 'h', 4 * PAGE);
	subject_wait(word);
}

static void fill(const char *word)
{
	(void)memset(map_at(BIG, MAP_PRIVATE | MAP_ANONYMOUS, -1), 'f', BIG);
	subject_wait(word);
}

static void hide(const char *word)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, 2 * PAGE) == 0)
		(void)memset(map_at(2 * PAGE, MAP_SHARED, fd), 's', 2 * PAGE);
	subject_wait(word);
}

Test(memories, a_region_is_told_with_the_digest_of_what_was_there)
{
	pid_t pid = subject(s, plant, "a word over two pages");
	uint8_t want[2 * PAGE] = {0};
	char sha256[65];
	capture();
	const json_t *r = region(pid, AT);
	(void)memset(want, 'x', PAGE);
	(void)strcpy((char *)want + PAGE - 4, "a word over two pages");
	kan_sha256_hex(sha256, (struct kan_bytes){want, sizeof(want)});
	cr_assert_str_eq(world_str(r, "sha256"), sha256);
	cr_assert_eq(integer(r, "bytes"), 2 * PAGE);
	cr_assert_eq(integer(r, "present"), 2 * PAGE);
	cr_assert(json_is_true(json_object_get(r, "frozen")));
	cr_assert_null(json_object_get(r, "why"));
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(memories, read_from_what_runs_it_says_so)
{
	pid_t pid = subject(s, plant, "live");
	w->frozen = false;
	capture();
	cr_assert(json_is_false(json_object_get(region(pid, AT), "frozen")));
}

Test(memories, a_zombie_is_no_gap)
{
	(void)subject_zombie(s, 0);
	capture();
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(memories, of_a_dead_leader_the_threads_memory_is_taken)
{
	size_t i = 0, n = 0;
	const json_t *r = NULL;
	pid_t pid = subject(s, subject_dead_leader, "");
	capture();
	json_array_foreach (rows("regions.ndjson"), i, r)
		n += integer(r, "pid") == pid && integer(r, "bytes") > 0;
	cr_assert_gt(n, 2);
}

Test(memories, when_the_time_is_over_the_rest_are_rows_without_bytes)
{
	pid_t pid = subject(s, fill, "");
	w->policy.max_freeze_ms = 1;
	capture();
	const struct world_gap *gap = world_gap(w, "deadline", KAN_GAP_LIMIT);
	cr_assert_not_null(gap);
	size_t i = 0, late = 0;
	const json_t *r = NULL;
	json_array_foreach (rows("regions.ndjson"), i, r) {
		if (strcmp(world_str(r, "why"), "deadline") != 0)
			continue;
		late++;
		cr_assert_lt(integer(r, "bytes"), BIG);
	}
	cr_assert(late > 0 || strstr(gap->why, "1 processes") || strstr(gap->why, "2 processes"),
		  "%s (%d)", gap->why, (int)pid);
}

Test(memories, pages_that_the_kernel_gives_to_nobody_are_a_gap_of_that_process_alone)
{
	pid_t hidden = subject(s, hide, ""), other = subject(s, plant, "seen");
	char what[32];
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0)
		cr_skip_test("this kernel has no secret memory");
	(void)close(fd);
	(void)snprintf(what, sizeof(what), "%d", (int)hidden);
	capture();
	const json_t *r = region(hidden, AT);
	cr_assert_str_eq(world_str(r, "why"), "denied");
	cr_assert_eq(integer(r, "bytes"), 0);
	cr_assert_not_null(world_gap(w, what, KAN_GAP_DENIED));
	cr_assert_eq(integer(region(other, AT), "bytes"), 2 * PAGE);
}

Test(memories, a_search_finds_each_place_in_each_process_and_stores_nothing)
{
	pid_t one = subject(s, plant, "planted word"), two = subject(s, plant, "planted word");
	char path[256];
	struct stat st;
	w->policy.memory = KAN_MEMORY_NONE;
	search_for("# list\nplanted word\nabsent word of which there is none\n");
	capture();
	size_t i = 0;
	unsigned found = 0;
	const json_t *r = NULL;
	json_array_foreach (rows("hits.ndjson"), i, r) {
		if (strcmp(world_str(r, "start"), "0x00007a0000000000") != 0)
			continue;
		cr_assert_eq(integer(r, "indicator"), 2);
		cr_assert_eq(integer(r, "offset"), PAGE - 4);
		cr_assert_str_eq(world_str(r, "before"), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		found |= (integer(r, "pid") == one) | (integer(r, "pid") == two) << 1;
	}
	cr_assert_eq(found, 3);
	(void)snprintf(path, sizeof(path), "%s/data/memory/core", w->bundle);
	cr_assert_eq(stat(path, &st), -1);
	cr_assert(json_is_false(json_object_get(region(one, AT), "stored")));
}

Test(memories, a_page_that_hangs_is_a_gap_of_that_process_alone_and_ends_the_pause)
{
	pid_t hangs = subject(s, hang, ""), other = subject(s, plant, "seen");
	char what[32];
	(void)snprintf(what, sizeof(what), "%d", (int)hangs);
	capture();
	const json_t *r = region(hangs, HANGS - 2 * PAGE);
	cr_assert_str_eq(world_str(r, "why"), "stuck");
	cr_assert_eq(integer(region(hangs, AT), "bytes"), PAGE, "what was read before is kept");
	cr_assert_eq(integer(region(other, AT), "bytes"), 2 * PAGE);
	cr_assert_not_null(world_gap(w, what, KAN_GAP_STUCK));
	cr_assert_eq(w->breaks, 1);
	char *sizes = subject_line("readelf -lW '%s/data/memory/core/'%d-*.elf 2>&1 | grep -c LOAD",
				   w->bundle, (int)hangs);
	cr_assert_gt(strtol(sizes, NULL, 10), 5, "a core that opens: %s", sizes);
	free(sizes);
}
