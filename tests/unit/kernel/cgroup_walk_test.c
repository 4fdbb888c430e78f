/* The walk over cgroup directories, on directories that the test has made. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/cgroup_walk.h"

static char top[] = "/tmp/kan-walk-XXXXXX";
static int dir;
static struct kan_buf seen;

static void setup(void)
{
	cr_assert_not_null(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	seen = KAN_BUF(16 << 20);
}

static void teardown(void)
{
	char command[64];
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	pid_t pid = fork();
	if (pid == 0)
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	(void)waitpid(pid, NULL, 0);
	kan_buf_free(&seen);
	(void)close(dir);
}

TestSuite(cgroup_walk, .init = setup, .fini = teardown);

static int note(int at, const char *path, void *arg)
{
	(void)at;
	(void)arg;
	kan_buf_addf(&seen, "%s\n", path);
	return 0;
}

static struct kan_cgroup_walk walk(void)
{
	struct kan_cgroup_walk w = {.fn = note};
	cr_assert_eq(kan_cgroup_walk(&w, dir, "/c"), 0);
	return w;
}

/* name/d/d/d...: so many below name. */
static void nested(const char *name, unsigned levels)
{
	int at = -1;
	cr_assert_eq(mkdirat(dir, name, 0755), 0);
	at = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < levels; i++) {
		cr_assert_eq(mkdirat(at, "d", 0755), 0);
		int next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	(void)close(at);
}

Test(cgroup_walk, every_directory_is_visited_and_files_are_not)
{
	nested("a", 1);
	nested("b", 0);
	cr_assert_geq(openat(dir, "cgroup.procs", O_CREAT | O_WRONLY | O_CLOEXEC, 0644), 0);
	struct kan_cgroup_walk w = walk();
	cr_assert_eq(w.seen, 4);
	cr_assert_not(w.left_out);
	cr_assert(strstr(kan_buf_str(&seen), "/c/a/d\n") && strstr(kan_buf_str(&seen), "/c/b\n"));
}

Test(cgroup_walk, one_that_is_nested_too_deep_costs_none_of_its_siblings)
{
	char name[16];
	nested("deep", 2 * KAN_CGROUP_DEPTH);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "s%02d", i);
		nested(name, 0);
	}
	struct kan_cgroup_walk w = walk();
	cr_assert(w.left_out);
	cr_assert_eq(w.seen, 1 + KAN_CGROUP_DEPTH + 20);
	for (int i = 0; i < 20; i++) {
		char want[32];
		(void)snprintf(want, sizeof(want), "/c/s%02d\n", i);
		cr_assert_not_null(strstr(kan_buf_str(&seen), want), "%s", want);
	}
}

Test(cgroup_walk, more_than_there_may_be_are_left_out_and_told)
{
	char name[16];
	for (int i = 0; i < KAN_CGROUP_DIRS; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		cr_assert_eq(mkdirat(dir, name, 0755), 0);
	}
	struct kan_cgroup_walk w = walk();
	cr_assert_eq(w.seen, KAN_CGROUP_DIRS);
	cr_assert(w.left_out);
}
