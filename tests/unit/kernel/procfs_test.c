/* /proc through held directories. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "kernel/procfs.h"
#include "subjects.h"

static struct subjects *s;

static void setup(void)
{
	s = subjects_new();
}

static void teardown(void)
{
	subjects_free(s);
}

TestSuite(procfs, .init = setup, .fini = teardown);

Test(procfs, the_hosts_proc_is_proven)
{
	int fd = -1;
	struct kan_err err = {0};
	cr_assert_eq(kan_proc_open(&fd, &err), 0, "%s", err.text);
	(void)close(fd);
}

static int in_own_namespace(void)
{
	int fd = -1;
	struct kan_err err = {0};
	return kan_proc_open(&fd, &err) < 0 && err.code == KAN_EREFUSED ? 0 : 1;
}

Test(procfs, a_proc_that_is_not_ours_is_refused)
{
	int status = 0;
	pid_t keeper = fork();
	if (keeper == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(2);
		pid_t pid = fork();
		if (pid == 0)
			_exit(in_own_namespace());
		(void)waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	cr_assert_eq(waitpid(keeper, &status, 0), keeper);
	cr_assert_eq(WEXITSTATUS(status), 0);
}

Test(procfs, no_pid_opens_more_than_a_process)
{
	static const pid_t bad[] = {0, -1, -2147483647, 2147483647, 4194305};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = -1;
		struct kan_err err = {0};
		cr_assert_lt(kan_proc_pid_dir(&fd, s->proc_fd, bad[i], &err), 0, "%d", (int)bad[i]);
		cr_assert_eq(err.code, KAN_EREFUSED);
		cr_assert_eq(fd, -1);
	}
}

Test(procfs, a_held_directory_never_becomes_another_process)
{
	int dir = -1;
	struct kan_err err = {0};
	struct kan_buf text = KAN_BUF(4096);
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			(void)pause();
	cr_assert_eq(kan_proc_pid_dir(&dir, s->proc_fd, pid, NULL), 0);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	cr_assert_lt(kan_proc_read(&text, dir, "stat", &err), 0);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	(void)close(dir);
	kan_buf_free(&text);
}

Test(procfs, no_link_leads_out_of_a_process)
{
	struct kan_buf text = KAN_BUF(4096);
	struct kan_err err = {0};
	cr_assert_lt(kan_proc_read(&text, s->init_dir, "root/etc/hostname", &err), 0);
	cr_assert_lt(kan_proc_read(&text, s->init_dir, "../version", NULL), 0);
	cr_assert_eq(text.len, 0);
	kan_buf_free(&text);
}

Test(procfs, a_file_above_the_maximum_is_cut_and_said)
{
	struct kan_buf text = KAN_BUF(16);
	struct kan_err err = {0};
	cr_assert_lt(kan_proc_read(&text, s->init_dir, "status", &err), 0);
	cr_assert_eq(err.code, KAN_ELIMIT);
	cr_assert_eq(text.len, 16);
	kan_buf_free(&text);
}

Test(procfs, a_start_is_now)
{
	int64_t ns = 0, now = kan_now_ns();
	struct kan_proc_stat st;
	struct kan_buf text = KAN_BUF(4096);
	cr_assert_eq(kan_proc_stat_read(&st, &text, s->init_dir, NULL), 0);
	cr_assert_eq(kan_proc_start_ns(&ns, s->proc_fd, st.starttime, NULL), 0);
	cr_assert(ns < now + 2000000000 && ns > now - 120000000000, "%lld of %lld", (long long)ns,
		  (long long)now);
	kan_buf_free(&text);
}

Test(procfs, ticks_become_nanoseconds_without_loss)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	cr_assert_eq(kan_proc_started(1000, 3 * hz), 3000001000);
	cr_assert_eq(kan_proc_started(0, hz / 2), 500000000);
	cr_assert_eq(kan_proc_started(0, hz * 100000000), INT64_C(100000000000000000));
}

Test(procfs, namespaces_and_links_are_the_kernels_own_words)
{
	uint64_t ino = 0;
	struct kan_buf link = KAN_BUF(4096);
	char *want = subject_line("readlink /proc/%d/ns/pid | tr -dc 0-9", (int)s->init);
	cr_assert_eq(kan_proc_ns(&ino, s->init_dir, "pid", NULL), 0);
	cr_assert_eq(ino, strtoull(want, NULL, 10));
	free(want);
	cr_assert_eq(kan_proc_link(&link, s->init_dir, "exe", NULL), 0);
	want = subject_line("readlink /proc/%d/exe", (int)s->init);
	cr_assert_str_eq(kan_buf_str(&link), want);
	free(want);
	kan_buf_free(&link);
}

static int count(pid_t pid, void *arg)
{
	pid_t *want = arg;
	if (pid == want[0])
		want[1]++;
	return want[1] ? -1 : 0;
}

Test(procfs, every_process_is_listed_until_somebody_says_stop)
{
	pid_t want[2] = {getpid(), 0};
	cr_assert_eq(kan_proc_each(s->proc_fd, count, want, NULL), 0);
	cr_assert_eq(want[1], 1);
}

enum { LIVES = 40 };

struct life {
	pid_t pid;
	uint64_t ino;
};

static int one_life(pid_t pid, uint64_t ino, void *arg)
{
	struct life *l = arg;
	if (pid == l->pid)
		l->ino = ino;
	return 0;
}

/* The next process has this pid: in a pid namespace of our own, that is ours to say. */
static bool next_is(pid_t pid)
{
	char text[16];
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof(text), "%d", (int)pid - 1);
	bool done = fd >= 0 && write(fd, text, (size_t)n) == n;
	(void)close(fd);
	return done;
}

/* Exit status: 0 as it should be, 1 one inode for two, 2 it cannot be tried here. */
static int live_again_and_again(void)
{
	uint64_t seen[LIVES];
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0)
		return 2;
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < LIVES; i++) {
		struct life l = {.pid = 50};
		pid_t pid = next_is(l.pid) ? fork() : -1;
		if (pid == 0)
			(void)pause();
		if (pid != l.pid || kan_proc_each_ino(proc, one_life, &l, NULL) < 0)
			return 2;
		seen[i] = l.ino;
		for (size_t k = 0; k < i; k++)
			if (seen[k] == l.ino)
				return 1;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	return 0;
}

Test(procfs, who_has_a_pid_again_has_another_inode)
{
	int status = 0;
	pid_t keeper = fork();
	if (keeper == 0) {
		if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
			_exit(2);
		pid_t pid = fork();
		if (pid == 0)
			_exit(live_again_and_again());
		_exit(waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 2);
	}
	cr_assert_eq(waitpid(keeper, &status, 0), keeper);
	if (WEXITSTATUS(status) == 2)
		cr_skip_test("no pid namespace of our own can be had here");
	cr_assert_eq(WEXITSTATUS(status), 0);
}
