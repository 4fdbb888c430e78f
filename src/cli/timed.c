/* A child asks; what it has by then counts. */
#include "cli/timed.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"

enum {
	ANSWER_OCTETS = 4 << 20,
	PIECE_OCTETS = 4096,
	ANSWER_DEPTH = 16,
	MS_NS = 1000000,
	S_MS = 1000,
	END_TRIES = 100,
	END_NAP_MS = 10
};

static void answer(int end, kan_timed_fn *fn, const void *arg)
{
	struct kan_err why = {0};
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	if (fn(&doc, arg, &why) < 0) {
		doc = json_pack("{s:i,s:i}", "code", (int)why.code, "sys", why.sys);
		kan_json_set_bytes(doc, "text", kan_bytes_of(why.text));
	} else {
		doc = json_pack("{s:o}", "doc", doc);
	}
	if (kan_json_line(&text, doc, true, NULL) == 0)
		(void)kan_write_all(end, text.data, text.len, NULL);
}

/* false: not all of it in time. */
static bool listen_until(struct kan_buf *text, int end, int64_t until_ns)
{
	uint8_t piece[PIECE_OCTETS];
	for (;;) {
		int64_t left = (until_ns - kan_boot_ns()) / MS_NS;
		struct pollfd p = {.fd = end, .events = POLLIN};
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		ssize_t n = p.revents ? read(end, piece, sizeof(piece)) : 0;
		if (p.revents && n <= 0)
			return true;
		if (n > 0)
			kan_buf_add(text, piece, (size_t)n);
	}
}

/* One that hangs in the kernel does not die: it is not waited for without end. */
static void finish(pid_t pid)
{
	const struct timespec nap = {.tv_nsec = (long)END_NAP_MS * MS_NS};
	(void)kill(pid, SIGKILL);
	for (int i = 0; i < END_TRIES && waitpid(pid, NULL, WNOHANG) == 0; i++)
		(void)nanosleep(&nap, NULL);
}

static int read_answer(json_t **out, const struct kan_buf *text, struct kan_err *err)
{
	json_auto_t *got = NULL;
	if (kan_json_parse(&got, kan_buf_bytes(text), ANSWER_OCTETS, ANSWER_DEPTH, err) < 0)
		return kan_fail(err, KAN_EIO, "whoever asked has died");
	*out = json_incref(json_object_get(got, "doc"));
	if (*out)
		return 0;
	kan_err_set(err, (enum kan_code)kan_json_int(got, "code"), (int)kan_json_int(got, "sys"),
		    "%s", kan_json_str(got, "text"));
	return -1;
}

int kan_timed(json_t **out, unsigned seconds, kan_timed_fn *fn, const void *arg,
	      struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(ANSWER_OCTETS);
	int64_t until = kan_boot_ns() + (int64_t)seconds * S_MS * MS_NS;
	kan_auto_close int end = -1;
	pid_t pid = 0;
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0) {
		answer(end, fn, arg);
		_exit(0);
	}
	bool whole = listen_until(&text, end, until);
	finish(pid);
	if (whole)
		return read_answer(out, &text, err);
	kan_err_set(err, KAN_EENGINE, ETIMEDOUT, "no answer within %u s", seconds);
	return -1;
}
