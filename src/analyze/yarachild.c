/* The scanner of YARA rules, in a child: it has the bundle, the rules and a pipe. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "analyze/source.h"
#include "analyze/yaraengine.h"
#include "analyze/yaraline.h"
#include "base/file.h"
#include "base/row.h"
#include "base/sandbox.h"

static int put(int fd, enum kan_yara_kind kind, uint64_t number, struct kan_bytes v,
	       struct kan_err *err)
{
	struct kan_yara_message m = {kind, (uint32_t)v.n, number};
	if (kan_write_all(fd, &m, sizeof m, err) < 0)
		return -1;
	return v.n ? kan_write_all(fd, v.p, v.n, err) : 0;
}

static int put_row(int fd, enum kan_yara_kind kind, uint64_t number, const json_t *row,
		   struct kan_err *err)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(KAN_ROW_MAX);
	if (kan_json_line(&line, row, true, err) < 0)
		return -1;
	return put(fd, kind, number, kan_buf_bytes(&line), err);
}

static int tell_begin(const json_t *place, uint64_t number, void *arg, struct kan_err *err)
{
	return put_row(*(int *)arg, KAN_YARA_BEGIN, number, place, err);
}

static int tell_row(const json_t *row, bool gap, void *arg, struct kan_err *err)
{
	return put_row(*(int *)arg, gap ? KAN_YARA_GAP : KAN_YARA_HIT, 0, row, err);
}

/* Whoever takes the scanner over has no terminal to type into or to read, and no file to write. */
static bool leave_terminal(void)
{
	const struct rlimit none = {0, 0}; /* of files: a pipe has no size */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool left = null >= 0 && dup2(null, STDERR_FILENO) >= 0;
	if (null > STDERR_FILENO)
		(void)close(null);
	return setrlimit(RLIMIT_FSIZE, &none) == 0 && setsid() >= 0 && left;
}

static int put_box(int out, const struct kan_yara_job *job, struct kan_err *err)
{
	struct kan_sandbox_state state = {0};
	const char *const readable[] = {job->bundle, job->rules, NULL};
	bool alone = leave_terminal() && kan_sandbox_close_others(STDERR_FILENO, out) &&
		     kan_sandbox_drop_powers(true);
	if (kan_sandbox_reader(&state, readable, NULL, err) < 0)
		return -1;
	uint32_t box = (alone && state.no_new_privs ? KAN_YARA_BOX_PRIVILEGES : 0) |
		       (state.landlock ? KAN_YARA_BOX_LANDLOCK : 0) |
		       (state.seccomp ? KAN_YARA_BOX_SECCOMP : 0);
	struct kan_yara_message m = {KAN_YARA_BOX, box, 0};
	return kan_write_all(out, &m, sizeof m, err);
}

static int put_about(int out, const struct kan_yara *y, struct kan_err *err)
{
	json_t *about = kan_yara_about(y);
	json_object_set_new(about, "type", json_string("scan"));
	int rc = put_row(out, KAN_YARA_SCAN, 0, about, err);
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

_Noreturn void kan_yara_child(int out, const struct kan_yara_job *job, uint64_t from)
{
	struct kan_err err = {0};
	int rc = put_box(out, job, &err);
	if (rc == 0)
		rc = work(out, job, from, &err);
	struct kan_yara_failure f = {.code = (uint32_t)err.code};
	memcpy(f.text, err.text, sizeof f.text);
	if (rc == 0)
		(void)put(out, KAN_YARA_DONE, 0, (struct kan_bytes){0}, NULL);
	else
		(void)put(out, KAN_YARA_FAILED, 0, (struct kan_bytes){(uint8_t *)&f, sizeof f},
			  NULL);
	_exit(0);
}
