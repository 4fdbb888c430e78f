/* The terminal is asked, never standard input: a pipe is no person. */
#include "cli/password.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/file.h"

enum { WAIT_S = 120, NS_PER_MS = 1000000, LINE_OCTETS = 1024 };
enum { END_OF_TEXT = 3, END_OF_FILE = 4, BACKSPACE = 8, KILL = 21, DELETE = 127 };

static int given_up(const char *path, struct kan_err *err)
{
	return kan_fail(err, KAN_EDENIED, "key %s: no password was given", path);
}

/* The next key. -1: none came in time, or the terminal is gone. */
static int key(int tty, int64_t until)
{
	for (;;) {
		struct pollfd p = {.fd = tty, .events = POLLIN};
		int64_t left = until - kan_boot_ns();
		int ready = left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;
		unsigned char c;
		ssize_t n = ready > 0 ? read(tty, &c, 1) : ready;
		if (n > 0)
			return c;
		if (n == 0 || errno != EINTR)
			return -1;
	}
}

/* One character less: of UTF-8 all its octets. */
static size_t before(const char *line, size_t n)
{
	while (n && ((unsigned char)line[--n] & 0xc0) == 0x80)
		continue;
	return n;
}

static int read_line(struct kan_buf *out, int tty, const char *path, struct kan_err *err)
{
	const int64_t until = kan_boot_ns() + WAIT_S * (int64_t)1000 * NS_PER_MS;
	char line[LINE_OCTETS];
	size_t n = 0;
	int c = key(tty, until);
	for (; c != '\n' && c != '\r'; c = key(tty, until)) {
		if (c < 0 || c == END_OF_TEXT || c == END_OF_FILE || n == sizeof(line))
			break;
		if (c == BACKSPACE || c == DELETE)
			n = before(line, n);
		else if (c == KILL)
			n = 0;
		else
			line[n++] = (char)c;
	}
	bool whole = c == '\n' || c == '\r';
	if (whole)
		kan_buf_add(out, line, n);
	explicit_bzero(line, sizeof(line));
	return whole ? 0 : given_up(path, err);
}

/* Key by key and without signals: its settings come back whatever is typed. */
static int ask(struct kan_buf *out, int tty, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf question = KAN_BUF(8192);
	struct termios was, quiet;
	kan_buf_adds(&question, "Password of the key ");
	kan_escape_terminal(&question, kan_bytes_of(path));
	kan_buf_adds(&question, ": ");
	if (tcgetattr(tty, &was) < 0)
		return kan_fail_sys(err, "terminal");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG | ICANON);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0)
		return kan_fail_sys(err, "terminal");
	int rc = kan_write_all(tty, question.data, question.len, err);
	if (rc == 0)
		rc = read_line(out, tty, path, err);
	(void)tcsetattr(tty, TCSAFLUSH, &was); /* there is no other way to set it back */
	(void)kan_write_all(tty, "\n", 1, NULL);
	return rc;
}

int kan_ask_password(struct kan_buf *out, const char *path, void *arg, struct kan_err *err)
{
	(void)arg;
	kan_auto_close int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the key is encrypted, and there is no terminal to ask for its "
				"password on");
	return ask(out, tty, path, err);
}
