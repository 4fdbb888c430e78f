/* The password of a key, typed on a terminal that the test holds. */
#include "cli/password.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { GOT = 10, REFUSED = 20, OTHER = 30, ECHOES = 40, WAIT_MS = 20000 };

/* In the child, whose terminal it is: what came of it, as its status. */
static int ask(const char *want)
{
	kan_auto_buf struct kan_buf password = KAN_BUF(2048);
	struct kan_err err = {0};
	struct termios after;
	int rc = kan_ask_password(&password, "/keys/\033me.pem", NULL, &err);

	if (tcgetattr(0, &after) < 0 || !(after.c_lflag & ECHO) || !(after.c_lflag & ISIG))
		return ECHOES;
	if (rc < 0)
		return err.code == KAN_EDENIED ? REFUSED : OTHER;
	return kan_bytes_eq(kan_buf_bytes(&password), kan_bytes_of(want)) ? GOT : OTHER;
}

/* The terminal's output until it ends; typed is written once the question is there. */
static void talk(struct kan_buf *seen, int terminal, struct kan_bytes typed)
{
	char piece[256];
	bool sent = false;

	for (;;) {
		struct pollfd p = {.fd = terminal, .events = POLLIN};
		ssize_t n;

		cr_assert_eq(poll(&p, 1, WAIT_MS), 1, "%s", kan_buf_str(seen));
		n = read(terminal, piece, sizeof(piece));
		if (n <= 0)
			return;
		kan_buf_add(seen, piece, (size_t)n);
		if (!sent && strstr(kan_buf_str(seen), "me.pem: ")) {
			cr_assert_eq(write(terminal, typed.p, typed.n), (ssize_t)typed.n);
			sent = true;
		}
	}
}

static int typed(struct kan_buf *seen, struct kan_bytes keys, const char *want)
{
	int terminal, status;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	cr_assert_geq(pid, 0);
	if (pid == 0)
		_exit(ask(want));
	talk(seen, terminal, keys);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	close(terminal);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(password, what_is_typed_is_read_and_not_shown)
{
	kan_auto_buf struct kan_buf seen = KAN_BUF(1 << 16);

	cr_assert_eq(typed(&seen, KAN_LIT("open sesame\n"), "open sesame"), GOT);
	cr_assert(!strstr(kan_buf_str(&seen), "sesame"), "%s", kan_buf_str(&seen));
	cr_assert(!strchr(kan_buf_str(&seen), '\033'), "%s", kan_buf_str(&seen));
	kan_buf_reset(&seen);
	cr_assert_eq(typed(&seen, KAN_LIT("\n"), ""), GOT);
	kan_buf_reset(&seen);
	cr_assert_eq(typed(&seen,
			   KAN_LIT("no\x15"
				   "op\xc3\xa9\x7f\x7fk\r"),
			   "ok"),
		     GOT);
}

Test(password, an_interrupt_is_no_password_and_leaves_the_terminal_as_it_was)
{
	kan_auto_buf struct kan_buf seen = KAN_BUF(1 << 16);

	cr_assert_eq(typed(&seen, KAN_LIT("op\3"), ""), REFUSED);
	kan_buf_reset(&seen);
	cr_assert_eq(typed(&seen, KAN_LIT("\4"), ""), REFUSED);
}

Test(password, without_a_terminal_it_is_said)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		kan_auto_buf struct kan_buf password = KAN_BUF(2048);
		struct kan_err err = {0};

		(void)setsid();
		_exit(kan_ask_password(&password, "k", NULL, &err) == -1 &&
				      err.code == KAN_EUNSUPPORTED &&
				      strstr(err.text, "no terminal")
			      ? GOT
			      : OTHER);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(WEXITSTATUS(status), GOT);
}
