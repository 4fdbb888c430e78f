/* Where rows come from: a sealed bundle, or a plain folder laid out like one (rule fixtures). */
#include "analyze/source.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tar.h"
#include "evidence/pull.h"

enum {
	FOLDER_FILE_MAX = 64 << 20,
	DOCUMENT_DEPTH = 128, /* what an engine's answer may have */
	EVENTS_MAX = 20000,
};

struct kan_source {
	const struct kan_bundle *bundle; /* or */
	int dir_fd, below_fd;
	char *name, *extra_path; /* rows that are no artefact; NULL: none */
	struct kan_bytes extra;
};

struct kan_source *kan_source_bundle(const struct kan_bundle *b)
{
	struct kan_source *s = kan_xalloc(sizeof *s);
	s->bundle = b;
	s->dir_fd = s->below_fd = -1;
	s->name = kan_xstrdup(kan_bundle_name(b));
	return s;
}

int kan_source_dir(struct kan_source **out, const char *dir, const char *below, struct kan_err *err)
{
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), below_fd = -1;
	if (fd < 0)
		return kan_fail_sys(err, "%s", dir);
	if (below)
		below_fd = open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (below && below_fd < 0)
		return kan_fail_sys(err, "%s", below);
	struct kan_source *s = kan_xalloc(sizeof *s);
	const char *slash = strrchr(dir, '/');
	s->dir_fd = kan_take_fd(&fd);
	s->below_fd = kan_take_fd(&below_fd);
	s->name = kan_xstrdup(slash ? slash + 1 : dir);
	*out = s;
	return 0;
}

void kan_source_free(struct kan_source *s)
{
	if (!s)
		return;
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	if (s->below_fd >= 0)
		close(s->below_fd);
	free(s->name);
	free(s->extra_path);
	free((void *)(uintptr_t)s->extra.p);
	free(s);
}

void kan_source_extra(struct kan_source *s, const char *path, struct kan_bytes rows)
{
	assert(!s->extra_path);
	uint8_t *own = kan_xalloc(rows.n + 1);
	if (rows.n)
		memcpy(own, rows.p, rows.n);
	s->extra_path = kan_xstrdup(path);
	s->extra = (struct kan_bytes){own, rows.n};
}

static bool is_extra(const struct kan_source *s, const char *path)
{
	return s->extra_path && strcmp(s->extra_path, path) == 0;
}

const char *kan_source_name(const struct kan_source *s)
{
	return s->name;
}

const char *kan_source_seal(const struct kan_source *s)
{
	return s->bundle ? kan_bundle_seal(s->bundle) : "";
}

static bool is_file(int dir_fd, const char *path)
{
	struct stat st;
	return dir_fd >= 0 && fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* The folder that has it. */
static int folder_of(const struct kan_source *s, const char *path)
{
	return is_file(s->dir_fd, path) ? s->dir_fd : s->below_fd;
}

bool kan_source_has(const struct kan_source *s, const char *path)
{
	if (is_extra(s, path))
		return true;
	if (s->bundle)
		return kan_bundle_find(s->bundle, path) != NULL;
	return is_file(folder_of(s, path), path);
}

static int folder_line(struct kan_bytes line, uint64_t number, kan_bundle_row_fn *fn, void *arg,
		       struct kan_err *err)
{
	json_t *row = NULL;
	if (kan_row_parse(&row, line, err) < 0)
		return kan_wrap(err, "line %llu", (unsigned long long)number);
	int rc = 0;
	if (!json_object_get(row, "schema"))
		rc = fn(row, number, arg, err);
	json_decref(row);
	return rc;
}

static int text_rows(struct kan_bytes text, const char *path, kan_bundle_row_fn *fn, void *arg,
		     struct kan_err *err)
{
	uint64_t number = 0;
	for (size_t at = 0; at < text.n;) {
		const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
		size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
		if (n &&
		    folder_line((struct kan_bytes){text.p + at, n}, ++number, fn, arg, err) < 0)
			return kan_wrap(err, "%s", path);
		at += n + 1;
	}
	return 0;
}

static int folder_rows(const struct kan_source *s, const char *path, kan_bundle_row_fn *fn,
		       void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FOLDER_FILE_MAX);
	if (kan_read_file(&text, folder_of(s, path), path, err) < 0)
		return -1;
	return text_rows(kan_buf_bytes(&text), path, fn, arg, err);
}

int kan_source_rows(const struct kan_source *s, const char *path, kan_bundle_row_fn *fn, void *arg,
		    struct kan_err *err)
{
	if (!kan_source_has(s, path))
		return kan_fail(err, KAN_ENOTFOUND, "%s: not in %s", path, s->name);
	if (is_extra(s, path))
		return text_rows(s->extra, path, fn, arg, err);
	if (s->bundle)
		return kan_bundle_rows(s->bundle, path, fn, arg, err);
	return folder_rows(s, path, fn, arg, err);
}

int kan_source_read(struct kan_buf *out, const struct kan_source *s, const char *path,
		    struct kan_err *err)
{
	if (!kan_source_has(s, path))
		return kan_fail(err, KAN_ENOTFOUND, "%s: not in %s", path, s->name);
	return s->bundle ? kan_bundle_read(out, s->bundle, path, err)
			 : kan_read_file(out, folder_of(s, path), path, err);
}

int kan_source_stream(const struct kan_source *s, const char *path, kan_bundle_data_fn *fn,
		      void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FOLDER_FILE_MAX);
	if (s->bundle)
		return kan_bundle_stream(s->bundle, path, fn, arg, err);
	if (kan_source_read(&text, s, path, err) < 0)
		return -1;
	return fn(kan_buf_bytes(&text), arg, err);
}

static ssize_t folder_next(void *arg, const void **p, struct kan_err *err)
{
	struct kan_bytes *rest = arg;
	(void)err;
	ssize_t n = (ssize_t)rest->n;
	*p = rest->p;
	rest->n = 0;
	return n;
}

static int folder_tar(const struct kan_source *s, const char *path, const struct kan_tar_visit *v,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FOLDER_FILE_MAX);
	if (kan_read_file(&text, folder_of(s, path), path, err) < 0)
		return -1;
	struct kan_bytes rest = kan_buf_bytes(&text);
	return kan_tar_read(folder_next, &rest, v, err);
}

/* The digest is looked at in every case: altered bytes are that, and no malformed tar. */
int kan_source_tar(const struct kan_source *s, const char *path, const struct kan_tar_visit *v,
		   struct kan_err *err)
{
	struct kan_bundle_pull *pull = NULL;
	struct kan_err why = {0};
	if (!kan_source_has(s, path))
		return kan_fail(err, KAN_ENOTFOUND, "%s: not in %s", path, s->name);
	if (!s->bundle)
		return folder_tar(s, path, v, err);
	if (kan_bundle_pull_open(&pull, s->bundle, path, err) < 0)
		return -1;
	int rc = kan_tar_read(kan_bundle_pull_next, pull, v, &why);
	int sealed = kan_bundle_pull_end(pull, err);
	kan_bundle_pull_free(pull);
	if (sealed == 0 && rc < 0 && err)
		*err = why;
	return sealed < 0 ? -1 : rc;
}

static int skip(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	(void)piece;
	(void)arg;
	(void)err;
	return 0;
}

int kan_source_intact(const struct kan_source *s, const char *path, struct kan_err *err)
{
	struct kan_err why = {0};
	if (!s->bundle || !kan_source_has(s, path) ||
	    kan_bundle_stream(s->bundle, path, skip, NULL, &why) == 0 || why.code != KAN_ETAMPER)
		return 0;
	return kan_fail(err, KAN_ETAMPER, "%s", why.text);
}

/* An engine's word for an empty list. */
static bool is_null(struct kan_bytes text)
{
	while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == ' '))
		text.n--;
	return text.n == 4 && memcmp(text.p, "null", 4) == 0;
}

int kan_source_json(json_t **out, const struct kan_source *s, const char *path, size_t max,
		    struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(max);
	if (kan_source_read(&text, s, path, err) < 0)
		return -1;
	if (is_null(kan_buf_bytes(&text))) {
		*out = json_null();
		return 0;
	}
	return kan_json_parse(out, kan_buf_bytes(&text), max, DOCUMENT_DEPTH, err);
}

/* Each document of the stream is on a line of its own. One that does not parse ends the reading:
 * what came stays. */
int kan_source_events(json_t **out, const struct kan_source *s, const char *path,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(FOLDER_FILE_MAX);
	if (kan_source_read(&text, s, path, err) < 0)
		return -1;
	json_t *list = NULL, *one = NULL;
	struct kan_err ignored = {0};
	if (text.len && text.data[0] == '[')
		return kan_json_parse(out, kan_buf_bytes(&text), FOLDER_FILE_MAX, DOCUMENT_DEPTH,
				      err);
	list = json_array();
	for (size_t at = 0; at < text.len && json_array_size(list) < EVENTS_MAX;) {
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		size_t n = end ? (size_t)(end - text.data) - at : text.len - at;
		struct kan_bytes line = {text.data + at, n};
		if (n && kan_json_parse(&one, line, n, DOCUMENT_DEPTH, &ignored) < 0)
			break;
		if (n)
			json_array_append_new(list, one);
		at += n + 1;
	}
	*out = list;
	return 0;
}

void kan_source_digest(char hex[65], const struct kan_source *s, const char *path)
{
	hex[0] = '\0';
	if (s->bundle) {
		const struct kan_bundle_file *f = kan_bundle_find(s->bundle, path);
		if (f && f->sha256)
			memcpy(hex, f->sha256, 65);
		return;
	}
	kan_auto_buf struct kan_buf text = KAN_BUF(FOLDER_FILE_MAX);
	struct kan_err ignored = {0};
	if (kan_read_file(&text, folder_of(s, path), path, &ignored) == 0)
		kan_sha256_hex(hex, kan_buf_bytes(&text));
}
