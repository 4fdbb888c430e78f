/* The reference in a process of its own: its bytes are foreign, and this process is root's. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sandbox.h"
#include "image/reference.h"

enum kind { CONFIG = 1, LAYER, DATA, END_OF_LAYER, DONE, FAILED, BOX };
enum { DATA_MAX = 1 << 20, PATH = 64 };
/* Its first word comes before it reads a byte; then a layer that is hashed is silence. */
enum { START_MS = 10000, SILENCE_MS = 600000, STARTS = 3, NS_PER_MS = 1000000 };
enum { UNBOXED = -2, NO_CONFIG = -1 };
enum { BOX_PRIVILEGES = 1, BOX_LANDLOCK = 2, BOX_SECCOMP = 4 };

struct message {
	uint32_t kind, n; /* n: octets that follow, or the number of a layer */
};
struct failure {
	uint32_t code;
	char text[KAN_ERR_TEXT];
};

/* --- in the child: callbacks that write --- */

static int put(int fd, enum kind kind, uint32_t n, const void *p, struct kan_err *err)
{
	struct message m = {kind, n};
	if (kan_write_all(fd, &m, sizeof(m), err) < 0)
		return -1;
	return p && n ? kan_write_all(fd, p, n, err) : 0;
}

static int put_config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	return put(*(int *)arg, CONFIG, (uint32_t)raw.n, raw.p, err);
}

static int put_layer(size_t n, void *arg, struct kan_err *err)
{
	return put(*(int *)arg, LAYER, (uint32_t)n, NULL, err);
}

static int put_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	while (piece.n) {
		uint32_t n = piece.n < DATA_MAX ? (uint32_t)piece.n : DATA_MAX;
		if (put(*(int *)arg, DATA, n, piece.p, err) < 0)
			return -1;
		piece.p += n;
		piece.n -= n;
	}
	return 0;
}

static int put_end(size_t n, void *arg, struct kan_err *err)
{
	return put(*(int *)arg, END_OF_LAYER, (uint32_t)n, NULL, err);
}

/* Into what is left of this process nothing foreign has come yet. */
static int enter(uint32_t *box, const struct kan_reference_from *from, int out, struct kan_err *err)
{
	char path[PATH];
	struct kan_sandbox_state state = {0};
	struct stat st;
	const char *const readable[] = {path, NULL};
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", from->fd);
	if (fstat(from->fd, &st) < 0)
		return kan_fail_sys(err, "reference");
	bool alone = kan_sandbox_close_others(from->fd, out) &&
		     kan_sandbox_drop_powers(S_ISDIR(st.st_mode));
	if (kan_sandbox_reader(&state, readable, NULL, err) < 0)
		return -1;
	*box = (alone && state.no_new_privs ? BOX_PRIVILEGES : 0) |
	       (state.landlock ? BOX_LANDLOCK : 0) | (state.seccomp ? BOX_SECCOMP : 0);
	return 0;
}

/* The whole of a file system stays closed but for what fd leads to. */
_Noreturn static void child(const struct kan_reference_from *from, int out)
{
	uint32_t box = 0;
	struct kan_err err = {0};
	const struct kan_reference_visit v = {put_config, put_layer, put_data, put_end, NULL, &out};
	int rc = enter(&box, from, out, &err);
	if (rc == 0)
		rc = put(out, BOX, box, NULL, &err);
	if (rc == 0)
		rc = kan_reference_read(from, &v, &err);
	struct failure f = {.code = (uint32_t)err.code};
	memcpy(f.text, err.text, sizeof(f.text));
	if (rc == 0)
		(void)put(out, DONE, 0, NULL, NULL);
	else
		(void)put(out, FAILED, sizeof(f), &f, NULL);
	_exit(0);
}

/* --- in the parent: callbacks that are called --- */

struct line {
	int fd;
	int64_t until_ns; /* as of kan_reference_from */
};

static int64_t left_ms(const struct line *l)
{
	return l->until_ns ? (l->until_ns - kan_boot_ns()) / NS_PER_MS : INT64_MAX;
}

static int wait_for(const struct line *l, int ms, struct kan_err *err)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	int64_t left = left_ms(l);
	int rc = 0;
	while (left > 0 && (rc = poll(&p, 1, left < ms ? (int)left : ms)) < 0 && errno == EINTR)
		left = left_ms(l);
	if (rc > 0)
		return 0;
	if (left < ms)
		return kan_fail(err, KAN_ELIMIT,
				"reference: no time was left to read it to its end");
	return kan_fail(err, KAN_ELIMIT, "reference: its reader said nothing for %d s", ms / 1000);
}

static int get(const struct line *l, void *to, size_t n, struct kan_err *err)
{
	uint8_t *at = to;
	while (n) {
		if (wait_for(l, SILENCE_MS, err) < 0)
			return -1;
		ssize_t got = read(l->fd, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return kan_fail_sys(err, "reference");
		if (got == 0)
			return kan_fail(err, KAN_ELIMIT,
					"reference: its reader ended before it was read");
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static int failed(const struct line *l, const struct message *m, struct kan_err *err)
{
	struct failure f;
	if (m->n != sizeof(f) || get(l, &f, sizeof(f), err) < 0)
		return kan_fail(err, KAN_EFORMAT, "reference: its reader failed");
	f.text[sizeof(f.text) - 1] = 0;
	bool known = f.code > KAN_OK && f.code <= KAN_EREFUSED && f.code != KAN_EIO;
	return kan_fail(err, known ? (enum kan_code)f.code : KAN_EFORMAT, "%s", f.text);
}

static int octets(const struct line *l, const struct message *m,
		  const struct kan_reference_visit *v, uint8_t *buffer, struct kan_err *err)
{
	size_t max = m->kind == CONFIG ? KAN_REFERENCE_CONFIG : DATA_MAX;
	if (m->n > max)
		return kan_fail(err, KAN_ELIMIT, "reference: a message of %u bytes", m->n);
	kan_auto_free uint8_t *own = m->kind == CONFIG ? kan_xalloc(m->n + 1) : NULL;
	uint8_t *to = own ? own : buffer;
	if (get(l, to, m->n, err) < 0)
		return -1;
	struct kan_bytes b = {to, m->n};
	return m->kind == CONFIG ? v->config(b, v->arg, err) : v->data(b, v->arg, err);
}

/* Said before a byte of the reference was read. */
static void boxed(const struct message *m, const struct kan_reference_visit *v)
{
	const uint32_t whole = BOX_PRIVILEGES | BOX_LANDLOCK | BOX_SECCOMP;
	if ((m->n & whole) != whole && v->unboxed)
		v->unboxed(m->n & BOX_PRIVILEGES, m->n & BOX_LANDLOCK, m->n & BOX_SECCOMP, v->arg);
}

/* 1: done. What comes in another order than it should is refused by at: -2 the sandbox is not told
 * yet, -1 no config yet, else layers. */
static int one(const struct line *l, const struct kan_reference_visit *v, uint8_t *buffer,
	       int64_t *at, struct kan_err *err)
{
	struct message m;
	if (get(l, &m, sizeof(m), err) < 0)
		return -1;
	bool open = *at >= 0 && *at % 2;
	switch (m.kind) {
	case DONE:
		return *at >= 0 && !open ? 1 : kan_fail(err, KAN_EFORMAT, "reference: no end");
	case FAILED:
		return failed(l, &m, err);
	case BOX:
		if (*at != UNBOXED)
			break;
		*at = NO_CONFIG;
		boxed(&m, v);
		return 0;
	case CONFIG:
		if (*at != NO_CONFIG)
			break;
		*at = 0;
		return octets(l, &m, v, buffer, err);
	case DATA:
		if (open)
			return octets(l, &m, v, buffer, err);
		break;
	case LAYER:
	case END_OF_LAYER:
		if (*at < 0 || open != (m.kind == END_OF_LAYER) || m.n != *at / 2 ||
		    m.n >= KAN_REFERENCE_LAYERS)
			break;
		++*at;
		return open ? v->end(m.n, v->arg, err) : v->layer(m.n, v->arg, err);
	}
	return kan_fail(err, KAN_EFORMAT, "reference: a message out of its order");
}

static int listen_to(bool *heard, const struct line *l, const struct kan_reference_visit *v,
		     struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_xalloc(DATA_MAX);
	int64_t at = UNBOXED;
	int rc = wait_for(l, START_MS, err);
	*heard = rc == 0;
	while (rc == 0)
		rc = one(l, v, buffer, &at, err);
	return rc < 0 ? -1 : 0;
}

/* Before the sandbox; a FIFO is seen and not waited for. */
int kan_reference_open(int *fd, const char *path, struct kan_err *err)
{
	struct stat st;
	kan_auto_close int got = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (got < 0 || fstat(got, &st) < 0)
		return kan_fail_sys(err, "reference %s", path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "reference %s: neither file nor directory",
				path);
	*fd = kan_take_fd(&got);
	return 0;
}

static int apart(bool *heard, const struct kan_reference_from *from,
		 const struct kan_reference_visit *v, struct kan_err *err)
{
	kan_auto_close int end = -1;
	pid_t pid = -1;
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0)
		child(from, end);
	int rc = listen_to(heard, &(struct line){end, from->until_ns}, v, err);
	kan_sandbox_end(pid);
	return rc;
}

/* What was forked beside threads may wait for a lock that one of them had, for ever. */
int kan_reference_apart(const struct kan_reference_from *from, const struct kan_reference_visit *v,
			struct kan_err *err)
{
	bool heard = false;
	int rc = -1;
	for (int i = 0; i < STARTS && rc < 0 && !heard; i++)
		rc = apart(&heard, from, v, err);
	return rc;
}
