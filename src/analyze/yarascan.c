/* A user's YARA rules over a bundle, in a child of its own: it has the bundle, the rules and a
 * pipe, and it is ended when it takes too long. What it says is rows. */
#include "analyze/yaraline.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
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

enum { MS = 1000, NS_PER_MS = 1000000, START_MS = 10000 };

static enum kan_yara_outcome wait_for(const struct kan_yara_hearing *s, int fd, int ms)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = (s->until_ns - kan_boot_ns()) / NS_PER_MS;
		if (left <= 0)
			return KAN_YARA_TIME_UP;
		int rc = poll(&p, 1, left < ms ? (int)left : ms);
		if (rc > 0)
			return KAN_YARA_GO_ON;
		if (rc == 0 && left >= ms)
			return KAN_YARA_SILENT;
		if (rc < 0 && errno != EINTR)
			return KAN_YARA_ENDED;
	}
}

static enum kan_yara_outcome get(const struct kan_yara_hearing *s, int fd, int ms, void *to,
				 size_t n)
{
	uint8_t *at = to;
	while (n) {
		enum kan_yara_outcome o = wait_for(s, fd, ms);
		if (o != KAN_YARA_GO_ON)
			return o;
		ssize_t got = read(fd, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return KAN_YARA_ENDED;
		at += got;
		n -= (size_t)got;
	}
	return KAN_YARA_GO_ON;
}

/* How long the child may be silent where it is. */
static int patience(const struct kan_yara_hearing *s)
{
	const struct kan_yara_limits *l = &s->job->limits;
	if (!s->boxed)
		return START_MS;
	return (s->subject ? l->file_s + l->grace_s : l->compile_s) * MS;
}

static void say_unboxed(struct kan_yara_hearing *s, uint32_t box)
{
	if ((box & KAN_YARA_BOX_WHOLE) == KAN_YARA_BOX_WHOLE)
		return;
	(void)snprintf(s->unboxed, KAN_YARA_UNBOXED, "%s%s%s",
		       box & KAN_YARA_BOX_PRIVILEGES ? "" : " no_new_privs",
		       box & KAN_YARA_BOX_LANDLOCK ? "" : " landlock",
		       box & KAN_YARA_BOX_SECCOMP ? "" : " seccomp");
}

static enum kan_yara_outcome keep(struct kan_yara_hearing *s, enum kan_yara_kind kind,
				  struct kan_bytes line, uint64_t *n, uint64_t *over, unsigned max)
{
	json_t *row = s->about ? kan_yara_take(kind, line, s->subject) : NULL;
	if (!row)
		return KAN_YARA_BAD;
	json_decref(row);
	if (*n == max) {
		++*over;
		return KAN_YARA_GO_ON;
	}
	++*n;
	kan_buf_addb(s->rows, line);
	return s->rows->failed ? KAN_YARA_BAD : KAN_YARA_GO_ON;
}

static enum kan_yara_outcome failed(struct kan_bytes v, struct kan_err *err)
{
	struct kan_yara_failure f;
	if (v.n != sizeof f)
		return KAN_YARA_BAD;
	memcpy(&f, v.p, sizeof f);
	f.text[sizeof f.text - 1] = 0;
	bool known = f.code > KAN_OK && f.code <= KAN_EREFUSED;
	kan_err_set(err, known ? (enum kan_code)f.code : KAN_EFORMAT, 0, "%s", f.text);
	return KAN_YARA_OVER;
}

static enum kan_yara_outcome begin(struct kan_yara_hearing *s, uint64_t number,
				   struct kan_bytes line)
{
	if (!s->about || number < s->next)
		return KAN_YARA_BAD;
	s->next = number;
	s->files++;
	json_decref(s->subject);
	s->subject = kan_yara_take(KAN_YARA_BEGIN, line, NULL);
	return s->subject ? KAN_YARA_GO_ON : KAN_YARA_BAD;
}

static enum kan_yara_outcome about(struct kan_yara_hearing *s, struct kan_bytes line)
{
	uint64_t n = 0, over = 0;
	bool first = !s->about;
	s->about = true;
	return first ? keep(s, KAN_YARA_SCAN, line, &n, &over, 1) : KAN_YARA_GO_ON;
}

static enum kan_yara_outcome take(struct kan_yara_hearing *s, const struct kan_yara_message *m,
				  struct kan_bytes v, struct kan_err *err)
{
	const struct kan_yara_limits *l = &s->job->limits;
	switch (m->kind) {
	case KAN_YARA_SCAN:
		return about(s, v);
	case KAN_YARA_BEGIN:
		return begin(s, m->number, v);
	case KAN_YARA_HIT:
		return keep(s, KAN_YARA_HIT, v, &s->hits, &s->hits_left_out, l->hits);
	case KAN_YARA_GAP:
		return keep(s, KAN_YARA_GAP, v, &s->gaps, &s->gaps_left_out, l->gaps);
	case KAN_YARA_FAILED:
		return failed(v, err);
	case KAN_YARA_DONE:
		return KAN_YARA_OVER;
	default:
		return KAN_YARA_BAD;
	}
}

/* KAN_YARA_OVER with err set: it failed. */
static enum kan_yara_outcome one(struct kan_yara_hearing *s, int fd, uint8_t *buffer,
				 struct kan_err *err)
{
	struct kan_yara_message m;
	enum kan_yara_outcome o = get(s, fd, patience(s), &m, sizeof m);
	if (o != KAN_YARA_GO_ON)
		return o;
	if (m.kind == KAN_YARA_BOX && !s->boxed) {
		s->boxed = true;
		say_unboxed(s, m.n);
		return KAN_YARA_GO_ON;
	}
	/* That there is no sandbox to be had is a failure, too. */
	if ((!s->boxed && m.kind != KAN_YARA_FAILED) || m.kind == KAN_YARA_BOX || m.n > KAN_ROW_MAX)
		return KAN_YARA_BAD;
	o = get(s, fd, patience(s), buffer, m.n);
	return o == KAN_YARA_GO_ON ? take(s, &m, (struct kan_bytes){buffer, m.n}, err) : o;
}

static int add_row(struct kan_yara_hearing *s, const json_t *row, struct kan_err *err)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(KAN_ROW_MAX);
	if (kan_json_line(&line, row, true, err) < 0)
		return -1;
	kan_buf_addb(s->rows, kan_buf_bytes(&line));
	return s->rows->failed ? kan_fail(err, KAN_ELIMIT, "YARA: its rows are too many") : 0;
}

/* What ended it is told of what it was at. Not counted against the limit of gaps: there are at most
 * as many as restarts. */
static int tell_end(struct kan_yara_hearing *s, enum kan_yara_outcome o, struct kan_err *err)
{
	json_t *row = s->subject ? json_incref(s->subject)
		      : s->about
			      ? json_pack("{s:s,s:s}", "artefact", "", "what", "all that follows")
			      : NULL;
	if (!row)
		return kan_fail(err, KAN_ELIMIT, "YARA: %s",
				o == KAN_YARA_SILENT || o == KAN_YARA_TIME_UP
					? "the rules were not compiled within their time"
					: "the scanner ended while it compiled the rules");
	const char *code = o == KAN_YARA_SILENT || o == KAN_YARA_TIME_UP ? "timeout" : "crashed";
	const char *why = o == KAN_YARA_SILENT ? "its scan did not end in its time, and was ended"
			  : o == KAN_YARA_TIME_UP
				  ? "the time of all scans was up: it and what follows were "
				    "not scanned to the end"
				  : "the scanner ended at it";
	json_object_set_new(row, "type", json_string("gap"));
	json_object_set_new(row, "code", json_string(code));
	json_object_set_new(row, "why", json_string(why));
	int rc = add_row(s, row, err);
	json_decref(row);
	return rc;
}

static int too_often(struct kan_yara_hearing *s, struct kan_err *err)
{
	json_t *row = json_pack(
		"{s:s,s:s,s:s,s:s,s:s}", "type", "gap", "artefact", "", "what", "all that follows",
		"code", "limit", "why",
		"the scanner had to be started again too often: the rest was not scanned");
	int rc = add_row(s, row, err);
	json_decref(row);
	return rc;
}

enum kan_yara_outcome kan_yara_hear(struct kan_yara_hearing *s, int fd, struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_xalloc(KAN_ROW_MAX);
	enum kan_yara_outcome o = KAN_YARA_GO_ON;
	s->boxed = false;
	json_decref(s->subject);
	s->subject = NULL;
	while (o == KAN_YARA_GO_ON)
		o = one(s, fd, buffer, err);
	return o;
}

static int start(enum kan_yara_outcome *out, struct kan_yara_hearing *s, struct kan_err *err)
{
	kan_auto_close int end = -1;
	pid_t pid = -1;
	(void)fflush(NULL);
	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0)
		kan_yara_child(end, s->job, s->next);
	*out = kan_yara_hear(s, end, err);
	kan_sandbox_end(pid);
	return 0;
}

/* false: it is over, in one way or another. */
static bool again(int *rc, struct kan_yara_hearing *s, struct kan_err *err)
{
	enum kan_yara_outcome o = KAN_YARA_GO_ON;
	*rc = start(&o, s, err);
	if (*rc < 0)
		return false;
	if (o == KAN_YARA_OVER) {
		*rc = err->code == KAN_OK ? 0 : -1;
		return false;
	}
	*rc = tell_end(s, o, err);
	s->next++;
	if (*rc == 0 && o != KAN_YARA_TIME_UP && s->restarts-- > 0)
		return true;
	if (*rc == 0 && o != KAN_YARA_TIME_UP)
		*rc = too_often(s, err);
	return false;
}

static int add_end(struct kan_yara_hearing *s, struct kan_err *err)
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
	struct kan_yara_hearing s = {
		.job = job, .rows = rows, .unboxed = unboxed, .restarts = job->limits.restarts};
	int rc = 0;
	unboxed[0] = 0;
	s.until_ns = kan_boot_ns() + (int64_t)job->limits.total_s * MS * NS_PER_MS;
	while (again(&rc, &s, &why))
		continue;
	json_decref(s.subject);
	if (rc == 0)
		return add_end(&s, err);
	return kan_fail(err, why.code, "%s", why.text);
}
