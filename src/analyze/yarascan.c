/* A user's YARA rules over a bundle, in a child of its own: it has the bundle, the rules and a
 * pipe, and it is ended when it takes too long. What it says is rows. */
#include "analyze/yarascan.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/source.h"
#include "analyze/yaraengine.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"

const struct kan_yara_limits kan_yara_defaults = {
	.compile_s = 60,
	.file_s = 30,
	.total_s = 600,
	.grace_s = 15,
	.file_octets = 64 << 20,
	.hits = 1000,
	.gaps = 200,
	.restarts = 8,
};

enum kind { BOX = 1, SCAN, BEGIN, HIT, GAP, DONE, FAILED };
enum { BOX_PRIVILEGES = 1, BOX_LANDLOCK = 2, BOX_SECCOMP = 4, BOX_WHOLE = 7 };
enum { MS = 1000, NS_PER_MS = 1000000, START_MS = 10000 };

struct message {
	uint32_t kind, n; /* n: octets that follow, or the bits of the box */
	uint64_t number;  /* of a subject */
};
struct failure {
	uint32_t code;
	char text[KAN_ERR_TEXT];
};

/* --- in the child --- */

static int put(int fd, enum kind kind, uint64_t number, struct kan_bytes v, struct kan_err *err)
{
	struct message m = {kind, (uint32_t)v.n, number};
	if (kan_write_all(fd, &m, sizeof m, err) < 0)
		return -1;
	return v.n ? kan_write_all(fd, v.p, v.n, err) : 0;
}

static int put_row(int fd, enum kind kind, uint64_t number, const json_t *row, struct kan_err *err)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(KAN_ROW_MAX);
	if (kan_json_line(&line, row, true, err) < 0)
		return -1;
	return put(fd, kind, number, kan_buf_bytes(&line), err);
}

static int tell_begin(const json_t *place, uint64_t number, void *arg, struct kan_err *err)
{
	return put_row(*(int *)arg, BEGIN, number, place, err);
}

static int tell_row(const json_t *row, bool gap, void *arg, struct kan_err *err)
{
	return put_row(*(int *)arg, gap ? GAP : HIT, 0, row, err);
}

static int put_box(int out, const struct kan_yara_job *job, struct kan_err *err)
{
	struct kan_sandbox_state state = {0};
	const char *const readable[] = {job->bundle, job->rules, NULL};
	bool alone = kan_sandbox_close_others(STDERR_FILENO, out) && kan_sandbox_drop_powers(true);
	if (kan_sandbox_reader(&state, readable, NULL, err) < 0)
		return -1;
	uint32_t box = (alone && state.no_new_privs ? BOX_PRIVILEGES : 0) |
		       (state.landlock ? BOX_LANDLOCK : 0) | (state.seccomp ? BOX_SECCOMP : 0);
	struct message m = {BOX, box, 0};
	return kan_write_all(out, &m, sizeof m, err);
}

static int put_about(int out, const struct kan_yara *y, struct kan_err *err)
{
	json_t *about = kan_yara_about(y);
	json_object_set_new(about, "type", json_string("scan"));
	int rc = put_row(out, SCAN, 0, about, err);
	json_decref(about);
	return rc;
}

static int work(int out, const struct kan_yara_job *job, uint64_t from, struct kan_err *err)
{
	struct kan_yara *y = NULL;
	struct kan_bundle *b = NULL;
	struct kan_source *s = NULL;
	const struct kan_yara_tell tell = {tell_begin, tell_row, &out};
	int rc = kan_yara_compile(&y, job->rules, err);
	if (rc == 0)
		rc = put_about(out, y, err);
	if (rc == 0)
		rc = kan_bundle_open(&b, job->bundle, false, err);
	if (rc == 0) {
		s = kan_source_bundle(b);
		rc = kan_yara_walk(y, s, b, &job->limits, from, &tell, err);
	}
	kan_source_free(s);
	kan_bundle_free(b);
	kan_yara_free(y);
	return rc;
}

_Noreturn static void child(int out, const struct kan_yara_job *job, uint64_t from)
{
	struct kan_err err = {0};
	int rc = put_box(out, job, &err);
	if (rc == 0)
		rc = work(out, job, from, &err);
	struct failure f = {.code = (uint32_t)err.code};
	memcpy(f.text, err.text, sizeof f.text);
	if (rc == 0)
		(void)put(out, DONE, 0, (struct kan_bytes){0}, NULL);
	else
		(void)put(out, FAILED, 0, (struct kan_bytes){(uint8_t *)&f, sizeof f}, NULL);
	_exit(0);
}

/* --- in the parent --- */

struct scan {
	const struct kan_yara_job *job;
	struct kan_buf *rows;
	char *unboxed;
	int64_t until_ns;
	unsigned restarts;
	uint64_t next; /* the subject to go on with */
	bool boxed, about;
	struct kan_buf place; /* what the child is at; empty: at none yet */
	uint64_t files, hits, gaps, hits_left_out, gaps_left_out;
};

enum outcome { GO_ON, ENDED, SILENT, TIME_UP, OVER, BAD };

/* SILENT: nothing came for as long as one step may take. TIME_UP: nor may anything more. */
static enum outcome wait_for(const struct scan *s, int fd, int ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = (s->until_ns - kan_boot_ns()) / NS_PER_MS;
		if (left <= 0)
			return TIME_UP;
		int rc = poll(&p, 1, left < ms ? (int)left : ms);
		if (rc > 0)
			return GO_ON;
		if (rc == 0 && left >= ms)
			return SILENT;
		if (rc < 0 && errno != EINTR)
			return ENDED;
	}
}

static enum outcome get(const struct scan *s, int fd, int ms, void *to, size_t n)
{
	uint8_t *at = to;
	while (n) {
		enum outcome o = wait_for(s, fd, ms);
		if (o != GO_ON)
			return o;
		ssize_t got = read(fd, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ENDED;
		at += got;
		n -= (size_t)got;
	}
	return GO_ON;
}

/* How long the child may be silent where it is. */
static int patience(const struct scan *s)
{
	const struct kan_yara_limits *l = &s->job->limits;
	if (!s->boxed)
		return START_MS;
	return (s->place.len ? l->file_s + l->grace_s : l->compile_s) * MS;
}

static void say_unboxed(struct scan *s, uint32_t box)
{
	if ((box & BOX_WHOLE) == BOX_WHOLE)
		return;
	(void)snprintf(s->unboxed, KAN_YARA_UNBOXED, "%s%s%s",
		       box & BOX_PRIVILEGES ? "" : " no_new_privs",
		       box & BOX_LANDLOCK ? "" : " landlock", box & BOX_SECCOMP ? "" : " seccomp");
}

/* A row is one line, or it is not taken. */
static enum outcome keep(struct scan *s, struct kan_bytes line, uint64_t *n, uint64_t *over,
			 unsigned max)
{
	if (!line.n || memchr(line.p, '\n', line.n) != line.p + line.n - 1)
		return BAD;
	if (*n == max) {
		++*over;
		return GO_ON;
	}
	++*n;
	kan_buf_addb(s->rows, line);
	return s->rows->failed ? BAD : GO_ON;
}

static enum outcome failed(struct kan_bytes v, struct kan_err *err)
{
	struct failure f;
	if (v.n != sizeof f)
		return BAD;
	memcpy(&f, v.p, sizeof f);
	f.text[sizeof f.text - 1] = 0;
	bool known = f.code > KAN_OK && f.code <= KAN_EREFUSED;
	kan_err_set(err, known ? (enum kan_code)f.code : KAN_EFORMAT, 0, "%s", f.text);
	return OVER;
}

static enum outcome begin(struct scan *s, uint64_t number, struct kan_bytes line)
{
	if (!s->about || number < s->next)
		return BAD;
	s->next = number;
	s->files++;
	kan_buf_reset(&s->place);
	kan_buf_addb(&s->place, line);
	return s->place.failed || !line.n ? BAD : GO_ON;
}

static enum outcome about(struct scan *s, struct kan_bytes line)
{
	uint64_t n = 0, over = 0;
	bool first = !s->about;
	s->about = true;
	return first ? keep(s, line, &n, &over, 1) : GO_ON;
}

static enum outcome take(struct scan *s, const struct message *m, struct kan_bytes v,
			 struct kan_err *err)
{
	const struct kan_yara_limits *l = &s->job->limits;
	switch (m->kind) {
	case SCAN:
		return about(s, v);
	case BEGIN:
		return begin(s, m->number, v);
	case HIT:
		return keep(s, v, &s->hits, &s->hits_left_out, l->hits);
	case GAP:
		return keep(s, v, &s->gaps, &s->gaps_left_out, l->gaps);
	case FAILED:
		return failed(v, err);
	case DONE:
		return OVER;
	default:
		return BAD;
	}
}

/* OVER with err set: it failed. */
static enum outcome one(struct scan *s, int fd, uint8_t *buffer, struct kan_err *err)
{
	struct message m;
	enum outcome o = get(s, fd, patience(s), &m, sizeof m);
	if (o != GO_ON)
		return o;
	if (m.kind == BOX && !s->boxed) {
		s->boxed = true;
		say_unboxed(s, m.n);
		return GO_ON;
	}
	/* That there is no sandbox to be had is a failure, too. */
	if ((!s->boxed && m.kind != FAILED) || m.n > KAN_ROW_MAX)
		return BAD;
	o = get(s, fd, patience(s), buffer, m.n);
	return o == GO_ON ? take(s, &m, (struct kan_bytes){buffer, m.n}, err) : o;
}

static int add_row(struct scan *s, const json_t *row, struct kan_err *err)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(KAN_ROW_MAX);
	if (kan_json_line(&line, row, true, err) < 0)
		return -1;
	kan_buf_addb(s->rows, kan_buf_bytes(&line));
	return s->rows->failed ? kan_fail(err, KAN_ELIMIT, "YARA: its rows are too many") : 0;
}

/* What ended it is told of what it was at. Not counted against the limit of gaps: there are at most
 * as many as restarts. */
static int tell_end(struct scan *s, enum outcome o, struct kan_err *err)
{
	json_t *row = NULL;
	struct kan_bytes line = kan_buf_bytes(&s->place);
	if (!line.n && s->about)
		row = json_pack("{s:s,s:s}", "artefact", "", "what", "all that follows");
	else if (!line.n || kan_row_parse(&row, (struct kan_bytes){line.p, line.n - 1}, err) < 0)
		return kan_fail(err, KAN_ELIMIT, "YARA: %s",
				o == SILENT || o == TIME_UP
					? "the rules were not compiled within their time"
					: "the scanner ended while it compiled the rules");
	const char *code = o == SILENT || o == TIME_UP ? "timeout" : "crashed";
	const char *why = o == SILENT    ? "its scan did not end in its time, and was ended"
			  : o == TIME_UP ? "the time of all scans was up: it and what follows were "
					   "not scanned to the end"
					 : "the scanner ended at it";
	json_object_set_new(row, "type", json_string("gap"));
	json_object_set_new(row, "code", json_string(code));
	json_object_set_new(row, "why", json_string(why));
	int rc = add_row(s, row, err);
	json_decref(row);
	return rc;
}

static int too_often(struct scan *s, struct kan_err *err)
{
	json_t *row = json_pack(
		"{s:s,s:s,s:s,s:s,s:s}", "type", "gap", "artefact", "", "what", "all that follows",
		"code", "limit", "why",
		"the scanner had to be started again too often: the rest was not scanned");
	int rc = add_row(s, row, err);
	json_decref(row);
	return rc;
}

static enum outcome listen_to(struct scan *s, int fd, struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_xalloc(KAN_ROW_MAX);
	enum outcome o = GO_ON;
	s->boxed = false;
	kan_buf_reset(&s->place);
	while (o == GO_ON)
		o = one(s, fd, buffer, err);
	return o;
}

static int start(enum outcome *out, struct scan *s, struct kan_err *err)
{
	int ends[2], status = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return kan_fail_sys(err, "pipe");
	kan_auto_close int in = ends[0], to = ends[1];
	(void)fflush(NULL);
	pid_t self = getpid(), pid = fork();
	if (pid < 0)
		return kan_fail_sys(err, "fork");
	if (pid == 0) {
		/* Whoever ends this process ends its scanner. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != self)
			_exit(1);
		child(to, s->job, s->next);
	}
	(void)close(kan_take_fd(&to));
	*out = listen_to(s, in, err);
	if (*out != OVER)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return 0;
}

/* false: it is over, in one way or another. */
static bool again(int *rc, struct scan *s, struct kan_err *err)
{
	enum outcome o = GO_ON;
	*rc = start(&o, s, err);
	if (*rc < 0)
		return false;
	if (o == OVER) {
		*rc = err->code == KAN_OK ? 0 : -1;
		return false;
	}
	*rc = tell_end(s, o, err);
	s->next++;
	if (*rc == 0 && o != TIME_UP && s->restarts-- > 0)
		return true;
	if (*rc == 0 && o != TIME_UP)
		*rc = too_often(s, err);
	return false;
}

static int add_end(struct scan *s, struct kan_err *err)
{
	json_t *row = json_pack("{s:s,s:I,s:I,s:I}", "type", "end", "files", (json_int_t)s->files,
				"hits_left_out", (json_int_t)s->hits_left_out, "gaps_left_out",
				(json_int_t)s->gaps_left_out);
	int rc = add_row(s, row, err);
	json_decref(row);
	return rc;
}

int kan_yara_scan(struct kan_buf *rows, char unboxed[KAN_YARA_UNBOXED],
		  const struct kan_yara_job *job, struct kan_err *err)
{
	struct kan_err why = {0};
	struct stat st;
	if (stat(job->rules, &st) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s: no file or folder of YARA rules", job->rules);
	struct scan s = {.job = job,
			 .rows = rows,
			 .unboxed = unboxed,
			 .restarts = job->limits.restarts,
			 .place = KAN_BUF(KAN_ROW_MAX)};
	int rc = 0;
	unboxed[0] = 0;
	s.until_ns = kan_boot_ns() + (int64_t)job->limits.total_s * MS * NS_PER_MS;
	while (again(&rc, &s, &why))
		continue;
	kan_buf_free(&s.place);
	if (rc == 0)
		return add_end(&s, err);
	return kan_fail(err, why.code, "%s", why.text);
}
