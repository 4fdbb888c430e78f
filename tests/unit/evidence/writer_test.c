/* The thread behind an artefact: the same bytes and digests with it and without, and its failures
 * are the artefact's. */
#include "world.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

enum { MIB = 1 << 20, MANY = 24 };

/* The linker knows them, no header does. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static bool no_threads;
static unsigned asked;

int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	asked++;
	return no_threads ? EAGAIN : __real_pthread_create(t, attr, fn, arg);
}

static int n_threads(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/task");
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* One that was joined can be listed for a moment. */
static void are_threads(int want)
{
	for (int i = 0; i < 100 && n_threads() != want; i++)
		(void)usleep(10000);
	cr_expect_eq(n_threads(), want);
}

/* No two of its blocks are alike. */
static uint8_t *content(size_t n)
{
	uint8_t *p = kan_xalloc(n + 1);
	uint32_t x = 1;
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
	return p;
}

static void is_told(struct world *w, const char *name, struct kan_bytes want, bool whole)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(16 << 20);
	char path[128], sha256[65];
	struct kan_msg m = {0};
	(void)snprintf(path, sizeof(path), "data/logs/%s", name);
	cr_assert(world_receive(w, &m));
	cr_assert_eq(m.type, KAN_MSG_ARTEFACT);
	cr_assert_str_eq(m.what, path);
	cr_expect_eq(m.n[0], want.n);
	cr_expect_eq(m.n[2], whole);
	kan_sha256_hex(sha256, want);
	cr_expect_str_eq(m.sha256, sha256, "%s", name);
	world_read(&text, w->dir, path);
	cr_expect(kan_bytes_eq(kan_buf_bytes(&text), want), "%s", name);
}

/* In steps, each of them written at once. */
static void write_all(struct kan_artefact *a, const uint8_t *p, size_t n, size_t step)
{
	for (size_t at = 0; at < n; at += step)
		cr_assert_eq(kan_artefact_write(a, p + at, n - at < step ? n - at : step, NULL), 0);
}

static void sizes(void)
{
	static const size_t made[] = {0,       1,           MIB - 1, MIB,
				      MIB + 1, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1,
				      3 * MIB, 3 * MIB + 7, 5 * MIB, 8 * MIB + 1};
	static const size_t steps[] = {4099, MIB - 1, MIB, MIB + 1, 16 * MIB};
	auto_world struct world w;
	kan_auto_free uint8_t *bytes = content(9 * MIB);
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	int before = n_threads();
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			struct kan_artefact *a = NULL;
			char name[64];
			(void)snprintf(name, sizeof(name), "%zu-%zu", made[i], steps[k]);
			asked = 0;
			cr_assert_eq(kan_sink_open(&a, s, name, NULL), 0);
			write_all(a, bytes, made[i], steps[k]);
			cr_assert_eq(kan_artefact_close(a, NULL), 0);
			is_told(&w, name, (struct kan_bytes){bytes, made[i]}, true);
			cr_expect_eq(asked > 0, made[i] >= MIB, "%s: a small one has none", name);
		}
	are_threads(before);
	cr_expect(!kan_sink_failed(s));
	kan_sink_free(s);
}

Test(writer, bytes_and_digest_are_right_at_every_size_around_the_buffers, .timeout = 60)
{
	sizes();
}

Test(writer, where_no_thread_is_to_be_had_the_artefact_is_the_same, .timeout = 60)
{
	no_threads = true;
	sizes();
}

Test(writer, many_at_a_time_keep_their_bytes_apart, .timeout = 60)
{
	auto_world struct world w;
	struct kan_artefact *a[MANY];
	char name[16];
	kan_auto_free uint8_t *bytes = content(3 * MIB);
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	int before = n_threads();
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		cr_assert_eq(kan_sink_open(&a[i], s, name, NULL), 0);
	}
	for (size_t at = 0; at < 2 * MIB + MIB / 2; at += MIB / 4)
		for (int i = 0; i < MANY; i++)
			write_all(a[i], bytes + i + at, MIB / 4, MIB / 4);
	are_threads(before + MANY);
	for (int i = 0; i < MANY; i++) {
		struct kan_bytes want = {bytes + i, 2 * MIB + MIB / 2};
		(void)snprintf(name, sizeof(name), "%d", i);
		if (i % 2)
			kan_artefact_abandon(a[i]);
		else
			cr_assert_eq(kan_artefact_close(a[i], NULL), 0);
		is_told(&w, name, want, i % 2 == 0);
	}
	are_threads(before);
	kan_sink_free(s);
}

/* Content has a thread too, and its name is the digest. */
Test(writer, large_content_has_its_digest_for_a_name)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	char sha256[65], want[65], name[80];
	kan_auto_free uint8_t *bytes = content(3 * MIB + 1);
	const struct kan_bytes all = {bytes, 3 * MIB + 1};
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	cr_assert_eq(kan_sink_content(&a, s, "content", NULL), 0);
	write_all(a, bytes, all.n, 256 << 10);
	cr_assert_eq(kan_artefact_close_content(sha256, a, NULL), 0);
	kan_sha256_hex(want, all);
	cr_assert_str_eq(sha256, want);
	(void)snprintf(name, sizeof(name), "content/%s", want);
	is_told(&w, name, all, true);
	kan_sink_free(s);
}

/* A full disk, as far as one process can have it. */
static void no_more_than(rlim_t n)
{
	const struct rlimit l = {n, n};
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void only_the_end_is_told(struct world *w, struct kan_sink *s)
{
	struct kan_msg m;
	kan_sink_end(s, 0, "");
	cr_assert(world_receive(w, &m));
	cr_expect_eq(m.type, KAN_MSG_END);
	cr_expect_eq(m.n[0], 2, "fatal");
}

Test(writer, what_fails_behind_the_last_write_is_told_by_close)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	struct kan_err err = {0};
	kan_auto_free uint8_t *bytes = content(2 * MIB);
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	int before = n_threads();
	cr_assert_eq(kan_sink_open(&a, s, "x", NULL), 0);
	no_more_than(MIB + MIB / 2);
	write_all(a, bytes, 2 * MIB, 2 * MIB);
	cr_assert_eq(kan_artefact_close(a, &err), -1);
	cr_expect_eq(err.code, KAN_EIO);
	cr_expect_eq(err.sys, EFBIG, "%s", err.text);
	cr_expect_not_null(strstr(err.text, "x: "), "%s", err.text);
	cr_expect(kan_sink_failed(s));
	are_threads(before);
	only_the_end_is_told(&w, s);
	kan_sink_free(s);
}

Test(writer, one_that_failed_takes_no_more_and_is_given_up_without_a_word)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	struct kan_err err = {0};
	kan_auto_free uint8_t *bytes = content(4 * MIB);
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	int before = n_threads();
	cr_assert_eq(kan_sink_open(&a, s, "x", NULL), 0);
	no_more_than(MIB / 2);
	cr_expect_eq(kan_artefact_write(a, bytes, 4 * MIB, &err), -1);
	cr_expect_eq(err.sys, EFBIG, "%s", err.text);
	for (int i = 0; i < 3; i++) {
		err = (struct kan_err){0};
		cr_expect_eq(kan_artefact_write(a, bytes, 2 * MIB, &err), -1);
		cr_expect_eq(err.code, KAN_EIO, "%s", err.text);
	}
	cr_expect(kan_sink_failed(s));
	kan_artefact_abandon(a);
	are_threads(before);
	only_the_end_is_told(&w, s);
	kan_sink_free(s);
}

Test(writer, what_the_sink_gives_up_at_its_end_is_written_to_its_end)
{
	auto_world struct world w;
	struct kan_artefact *a = NULL;
	kan_auto_free uint8_t *bytes = content(3 * MIB + 5);
	world_begin(&w);
	struct kan_sink *s = world_sink(&w, "logs", NULL);
	int before = n_threads();
	cr_assert_eq(kan_sink_open(&a, s, "x", NULL), 0);
	write_all(a, bytes, 3 * MIB + 5, MIB);
	kan_sink_free(s);
	is_told(&w, "x", (struct kan_bytes){bytes, 3 * MIB + 5}, false);
	are_threads(before);
}
