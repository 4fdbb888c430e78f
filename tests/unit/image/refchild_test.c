/* What the process that reads a reference has left of its parent's powers, looked at while it
 * reads. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "image/reference.h"
#include "integrity_made.h"

struct seen {
	pid_t pid;
	uint64_t permitted, effective;
	long privileges, seccomp;
	size_t descriptors;
	bool unboxed;
};

static uint64_t field(const char *text, const char *key, int base)
{
	const char *at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, base) : 0;
}

static void read_proc(char out[4096], pid_t pid, const char *name)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(out, 1, 4095, f) : 0;
	out[n] = 0;
	if (f)
		(void)fclose(f);
}

/* This process has no other child. */
static pid_t child_of(pid_t parent)
{
	DIR *all = opendir("/proc");
	pid_t found = 0;
	char text[4096];
	for (const struct dirent *e = readdir(all); e; e = readdir(all)) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid < 1)
			continue;
		read_proc(text, pid, "status");
		if ((pid_t)field(text, "\nPPid:\t", 10) == parent)
			found = pid;
	}
	(void)closedir(all);
	return found;
}

static size_t descriptors_of(pid_t pid)
{
	char path[64];
	size_t n = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *all = opendir(path);
	cr_assert_not_null(all);
	for (const struct dirent *e = readdir(all); e; e = readdir(all))
		n += e->d_name[0] != '.';
	(void)closedir(all);
	return n;
}

static int on_config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	struct seen *s = arg;
	char text[4096];
	(void)raw;
	(void)err;
	s->pid = child_of(getpid());
	cr_assert_gt(s->pid, 0);
	read_proc(text, s->pid, "status");
	s->permitted = field(text, "\nCapPrm:\t", 16);
	s->effective = field(text, "\nCapEff:\t", 16);
	s->privileges = (long)field(text, "\nNoNewPrivs:\t", 10);
	s->seccomp = (long)field(text, "\nSeccomp:\t", 10);
	s->descriptors = descriptors_of(s->pid);
	return 0;
}

static void on_unboxed(bool privileges, bool landlock, bool seccomp, void *arg)
{
	struct seen *s = arg;
	(void)privileges;
	(void)landlock;
	(void)seccomp;
	s->unboxed = true;
}

/* As if a lock had been held by another thread at the fork. Shared: how many were forked. */
static atomic_int *forks;
static void the_first_waits_for_ever(void)
{
	if (atomic_fetch_add(forks, 1) == 0)
		for (;;)
			(void)pause();
}

static void count_forks(void)
{
	forks = mmap(NULL, sizeof(*forks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	cr_assert_neq(forks, MAP_FAILED);
}

/* left_ns: in which it has to be read; 0: no matter when. */
static int reads(struct seen *s, const char *shape, int64_t left_ns, struct kan_err *err)
{
	struct world *w = image_new();
	kan_auto_close int fd = -1;
	char path[256];
	const struct kan_reference_visit v = {on_config,      image_no_layer, image_no_data,
					      image_no_layer, on_unboxed,     s};
	world_sh(w, "python3 %s/reference_make.py %s ref", KAN_TEST_SOURCE, shape);
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	cr_assert_eq(kan_reference_open(&fd, path, err), 0, "%s", err->text);
	const struct kan_reference_from from = {.fd = fd,
						.image_id = w->target.image_id,
						.until_ns = left_ns ? kan_boot_ns() + left_ns : 0};
	if (forks)
		cr_assert_eq(pthread_atfork(NULL, NULL, the_first_waits_for_ever), 0);
	int rc = kan_reference_apart(&from, &v, err);
	image_free(w);
	return rc;
}

static struct seen looked_at(const char *shape)
{
	struct seen s = {0};
	struct kan_err err = {0};
	cr_assert_eq(reads(&s, shape, 0, &err), 0, "%s", err.text);
	return s;
}

Test(refchild, the_reader_of_an_archive_has_no_power_of_root_and_two_descriptors)
{
	struct seen s = looked_at("legacy");
	cr_assert_eq(s.permitted, 0, "%llx", (unsigned long long)s.permitted);
	cr_assert_eq(s.effective, 0);
	cr_assert_eq(s.privileges, 1);
	cr_assert_eq(s.seccomp, 2, "a filter");
	cr_assert_leq(s.descriptors, 4, "%zu: the archive, the pipe, and parts of it",
		      s.descriptors);
	cr_assert_not(s.unboxed);
}

Test(refchild, the_reader_of_a_directory_may_read_what_is_not_its_own_and_no_more)
{
	struct seen s = looked_at("dir-oci");
	cr_assert_eq(s.permitted, 1u << 2, "%llx: CAP_DAC_READ_SEARCH",
		     (unsigned long long)s.permitted);
	cr_assert_eq(s.effective, s.permitted);
	cr_assert_leq(s.descriptors, 4, "%zu", s.descriptors);
}

Test(refchild, a_reader_that_does_not_begin_is_ended_and_another_one_is_made)
{
	count_forks();
	struct seen s = looked_at("legacy");
	cr_assert_gt(s.pid, 0, "it was read");
	cr_assert_geq(atomic_load(forks), 2);
}

Test(refchild, beyond_its_time_nothing_is_read_and_no_other_reader_is_waited_for)
{
	static const int64_t left[] = {-1, 100000000};
	for (size_t i = 0; i < 2; i++) {
		struct seen s = {0};
		struct kan_err err = {0};
		if (i)
			count_forks();
		cr_expect_eq(reads(&s, "legacy", left[i], &err), -1);
		cr_expect_eq(err.code, KAN_ELIMIT, "%s", err.text);
		cr_expect_not_null(strstr(err.text, "no time"), "%s", err.text);
		cr_expect_eq(s.pid, 0, "nothing of it came here");
	}
}
