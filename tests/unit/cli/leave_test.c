/* The end of a capture whose engine does not answer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cmd.h"

enum { TAKEN_APART = 77 };

extern const struct kan_command kan_cmd_capture;
const struct kan_command *const kan_commands[] = {&kan_cmd_capture, NULL};

static void taken_apart(void)
{
	_exit(TAKEN_APART);
}

/* What exit takes apart, the thread that still waits for the engine may use. */
Test(leave, a_capture_that_leaves_a_thread_behind_takes_nothing_apart, .timeout = 60)
{
	char place[] = "/tmp/kan-leave-XXXXXX", host[128], home[128];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
	cr_assert_not_null(mkdtemp(place));
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", place);
	(void)snprintf(host, sizeof(host), "unix://%s", a.sun_path);
	(void)snprintf(home, sizeof(home), "%s/home", place);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(fd, 8), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char words[][16] = {"capture", "--host", "--home", "--timeout", "1", "x"};
		char *argv[] = {words[0], words[1], host,     words[2], home,
				words[3], words[4], words[5], NULL};
		struct kan_args args = {0};
		(void)atexit(taken_apart);
		if (kan_args_parse(&args, &kan_cmd_capture, 8, argv) < 0)
			_exit(1);
		exit(kan_cmd_capture.run(&args));
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status));
	cr_expect_eq(WEXITSTATUS(status), KAN_EXIT_TIME, "%d", WEXITSTATUS(status));
	(void)close(fd);
	(void)unlink(a.sun_path);
	(void)rmdir(home);
	(void)rmdir(place);
}
