/* One at a time: a lock of this process alone, which ends with it. */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/turn.h"
#include "fixture.h"

const struct kan_command *const kan_commands[] = {NULL};

static char home[64];

static void make_home(void)
{
	(void)snprintf(home, sizeof home, "/tmp/kan-test-turn-XXXXXX");
	cr_assert_not_null(mkdtemp(home));
}

static void clear_home(void)
{
	char command[128];
	(void)snprintf(command, sizeof command, "rm -rf %s", home);
	(void)!system(command);
}

/* A process that has the turn until it is killed; it has said so. */
static pid_t holder(const char *key)
{
	int pipe_fd[2];
	char ready = 0;
	cr_assert_eq(pipe(pipe_fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = -1;
		ready = kan_take_turn(&fd, home, key, 0, NULL) == 0;
		(void)!write(pipe_fd[1], &ready, 1);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(pipe_fd[0], &ready, 1), 1);
	cr_assert(ready);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

Test(turn, who_comes_second_is_told_whom_he_waits_for_and_gives_up_in_time, .init = make_home,
     .fini = clear_home)
{
	char said[512], want[64];
	struct kan_err err = {0};
	int fd = -1;
	cr_redirect_stderr();
	pid_t pid = holder("web");
	cr_expect_eq(kan_take_turn(&fd, home, "web", 0, &err), -1);
	cr_expect_eq(err.code, KAN_EREFUSED);
	(void)snprintf(want, sizeof want, "process %ld,", (long)pid);
	cr_expect_not_null(strstr(test_said(said, sizeof said), want), "%s", said);
	end(pid);
	cr_expect_eq(kan_take_turn(&fd, home, "web", 0, &err), 0,
		     "whoever dies lets the next go on");
	(void)close(fd);
}

Test(turn, others_do_not_wait_and_nor_does_who_comes_after_a_close, .init = make_home,
     .fini = clear_home)
{
	int fd = -1, other = -1;
	struct kan_err err = {0};
	pid_t pid = holder("web");
	cr_expect_eq(kan_take_turn(&fd, home, "db", 0, &err), 0, "%s", err.text);
	cr_expect_eq(kan_take_turn(&other, home, "cache", 0, &err), 0, "%s", err.text);
	(void)close(fd);
	(void)close(other);
	end(pid);
}

Test(turn, a_child_that_outlives_us_keeps_no_lock, .init = make_home, .fini = clear_home)
{
	int fd = -1;
	struct kan_err err = {0};
	int pipe_fd[2];
	pid_t child = 0;
	cr_assert_eq(pipe(pipe_fd), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)kan_take_turn(&fd, home, "web", 0, NULL);
		child = fork(); /* with its copy of the descriptor */
		if (child == 0)
			for (;;)
				(void)pause();
		(void)!write(pipe_fd[1], &child, sizeof child);
		_exit(0);
	}
	cr_assert_eq(read(pipe_fd[0], &child, sizeof child), (ssize_t)sizeof child);
	(void)waitpid(pid, NULL, 0);
	cr_expect_eq(kan_take_turn(&fd, home, "web", 0, &err), 0, "%s", err.text);
	(void)kill(child, SIGKILL);
	(void)close(fd);
}

Test(turn, a_place_that_is_a_link_is_refused, .init = make_home, .fini = clear_home)
{
	char locks[96];
	int fd = -1;
	struct kan_err err = {0};
	(void)snprintf(locks, sizeof locks, "%s/locks", home);
	cr_assert_eq(symlink("/tmp", locks), 0);
	cr_expect_eq(kan_take_turn(&fd, home, "web", 0, &err), -1);
	cr_expect_eq(err.code, KAN_EREFUSED);
}
