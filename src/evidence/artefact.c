/* Artefacts: created exclusively, hashed while written, reported when closed. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "evidence/late.h"
#include "evidence/sink_state.h"
#include "evidence/spool.h"
#include "evidence/writer.h"

enum {
	FILES_MAX = 20000,       /* of a bundle; a collector has no more */
	BUFFER_WINDOW = 8 << 20, /* rows stay in memory that long while the target is paused */
	BUFFER = 1 << 20,
};

struct kan_artefact {
	struct kan_sink *sink;
	struct kan_artefact *next;
	int fd;
	char path[224]; /* below data/<collector>/ */
	char dir[128];  /* of content: where the digest's name goes; else empty */
	struct kan_digest *digest;
	struct kan_writer *writer; /* from the first full buffer on; NULL: none is needed */
	uint8_t *buffer;
	size_t used, size;
	uint64_t octets, rows;
	bool broken;
	bool late; /* has no buffer; the digest is made when all is written */
	bool read; /* late, and it is made */
};

static bool allowed(const struct kan_sink *s, const char *name)
{
	if (!s->artefacts)
		return true;
	for (const char *const *a = s->artefacts; *a; a++) {
		size_t n = strlen(*a);
		bool folder = n && (*a)[n - 1] == '/';
		if (folder ? strncmp(*a, name, n) == 0
			   : fnmatch(*a, name, FNM_PATHNAME | FNM_NOESCAPE) == 0)
			return true;
	}
	return false;
}

static int own_dir(struct kan_sink *s, struct kan_err *err)
{
	char path[80];
	if (s->dir >= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "data/%s", s->collector);
	if (kan_mkdirs(s->bundle, path, err) < 0)
		return -1;
	return kan_open_beneath(&s->dir, s->bundle, path, O_RDONLY | O_DIRECTORY, 0, err);
}

static int parent_dirs(const struct kan_sink *s, const char *name, struct kan_err *err)
{
	char dir[224];
	const char *slash = strrchr(name, '/');
	if (!slash)
		return 0;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - name), name);
	return kan_mkdirs(s->dir, dir, err);
}

/* Every failure to write is an end of the capture: the caller sees io, the conductor hears it at
 * the end. */
static int broken(struct kan_sink *s, struct kan_err *err)
{
	kan_sink_broken(s);
	if (err && err->code != KAN_OK)
		err->code = KAN_EIO;
	return kan_wrap(err, "%s", s->collector);
}

static int create(struct kan_artefact **out, struct kan_sink *s, const char *name,
		  struct kan_err *err)
{
	kan_auto_close int fd = -1;
	if (++s->files > FILES_MAX)
		return kan_fail(err, KAN_ELIMIT, "more than %d artefacts", FILES_MAX);
	if (own_dir(s, err) < 0 || parent_dirs(s, name, err) < 0 ||
	    kan_create(&fd, s->dir, name, 0400, err) < 0)
		return broken(s, err);
	struct kan_artefact *a = kan_xalloc(sizeof(*a));
	a->sink = s;
	a->fd = kan_take_fd(&fd);
	(void)snprintf(a->path, sizeof(a->path), "%s", name);
	a->digest = kan_digest_new();
	a->size = s->inside ? BUFFER_WINDOW : BUFFER;
	a->buffer = kan_io_buffer(a->size);
	a->next = s->open;
	s->open = a;
	*out = a;
	return 0;
}

int kan_sink_open(struct kan_artefact **out, struct kan_sink *s, const char *name,
		  struct kan_err *err)
{
	if (!kan_path_ok(name) || !allowed(s, name))
		return kan_fail(err, KAN_EUSAGE, "%s: no artefact of %s", name, s->collector);
	return create(out, s, name, err);
}

int kan_sink_content(struct kan_artefact **out, struct kan_sink *s, const char *dir,
		     struct kan_err *err)
{
	char name[224], want[130];
	(void)snprintf(want, sizeof(want), "%s/", dir);
	if (!kan_path_ok(dir) || !allowed(s, want))
		return kan_fail(err, KAN_EUSAGE, "%s: no directory of %s", dir, s->collector);
	(void)snprintf(name, sizeof(name), "%s/unnamed-%u", dir, s->temporary++);
	if (create(out, s, name, err) < 0)
		return -1;
	(void)snprintf((*out)->dir, sizeof((*out)->dir), "%s", dir);
	return 0;
}

static int fails(struct kan_artefact *a, struct kan_err *err)
{
	a->broken = true;
	(void)kan_wrap(err, "%s", a->path);
	return broken(a->sink, err);
}

static int was_broken(const struct kan_artefact *a, struct kan_err *err)
{
	return kan_fail(err, KAN_EIO, "%s could not be written before", a->path);
}

/* What is in the buffer is hashed and written here. */
static int flush(struct kan_artefact *a, struct kan_err *err)
{
	size_t n = a->used;
	a->used = 0;
	if (a->broken)
		return was_broken(a, err);
	kan_digest_add(a->digest, a->buffer, n);
	return kan_write_all(a->fd, a->buffer, n, err) < 0 ? fails(a, err) : 0;
}

/* A full buffer is the writer's: what fails there is told by the next one, or at the end. Where no
 * thread is to be had it is written here. */
static int hand_on(struct kan_artefact *a, struct kan_err *err)
{
	if (!a->writer && !a->broken)
		a->writer = kan_writer_new(a->fd, a->digest, a->size);
	if (!a->writer || a->broken)
		return flush(a, err);
	a->used = 0;
	return kan_writer_give(&a->buffer, a->writer, err) < 0 ? fails(a, err) : 0;
}

static int end_writer(struct kan_artefact *a, struct kan_err *err)
{
	if (!a->writer)
		return 0;
	return kan_writer_end(kan_take_ptr(a->writer), err) < 0 && !a->broken ? fails(a, err) : 0;
}

void kan_artefact_late(struct kan_artefact *a)
{
	free(kan_take_ptr(a->buffer));
	a->late = true;
}

static int write_late(struct kan_artefact *a, const void *p, size_t n, struct kan_err *err)
{
	if (a->broken)
		return was_broken(a, err);
	a->octets += n;
	return kan_write_all(a->fd, p, n, err) < 0 ? fails(a, err) : 0;
}

int kan_artefact_patch(struct kan_artefact *a, uint64_t offset, struct kan_bytes v,
		       struct kan_err *err)
{
	if (a->broken || !a->late || a->read || offset + v.n > a->octets)
		return was_broken(a, err);
	while (v.n) {
		ssize_t n = pwrite(a->fd, v.p, v.n, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			(void)kan_fail_sys(err, "write");
			return fails(a, err);
		}
		v.p += n;
		v.n -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

struct reader {
	int fd;
	uint8_t *piece;
	kan_artefact_piece_fn *fn;
	void *arg;
};

/* What was written is what is read: a byte less or more is a broken file. */
static int read_back(struct kan_artefact *a, const struct reader *r, struct kan_err *err)
{
	uint64_t at = 0;
	for (ssize_t n = 1; n > 0; at += (uint64_t)n) {
		n = read(r->fd, r->piece, KAN_IO_READ);
		if (n < 0)
			return kan_fail_sys(err, "read back");
		kan_digest_add(a->digest, r->piece, (size_t)n);
		if (n && r->fn && r->fn((struct kan_bytes){r->piece, (size_t)n}, r->arg, err) < 0)
			return -1;
	}
	if (at != a->octets)
		return kan_fail(err, KAN_EIO, "%llu octets instead of %llu", (unsigned long long)at,
				(unsigned long long)a->octets);
	return 0;
}

int kan_artefact_pieces(struct kan_artefact *a, kan_artefact_piece_fn *fn, void *arg,
			struct kan_err *err)
{
	char path[64];
	struct reader r = {.fd = -1, .fn = fn, .arg = arg};
	if (a->broken || !a->late || a->read)
		return was_broken(a, err);
	a->read = true;
	/* By its descriptor: the same file for certain. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", a->fd);
	r.fd = open(path, O_RDONLY | O_CLOEXEC);
	r.piece = kan_io_buffer(KAN_IO_READ);
	int rc = r.fd < 0 ? kan_fail_sys(err, "read back") : read_back(a, &r, err);
	kan_auto_close_fn(&r.fd);
	free(r.piece);
	return rc < 0 ? fails(a, err) : 0;
}

int kan_artefact_write(struct kan_artefact *a, const void *p, size_t n, struct kan_err *err)
{
	const uint8_t *at = p;
	if (a->late)
		return write_late(a, p, n, err);
	a->octets += n;
	while (n) {
		size_t room = a->size - a->used, step = n < room ? n : room;
		memcpy(a->buffer + a->used, at, step);
		a->used += step;
		at += step;
		n -= step;
		if (a->used == a->size && hand_on(a, err) < 0)
			return -1;
	}
	return 0;
}

void kan_artefact_count_row(struct kan_artefact *a)
{
	a->rows++;
}

static void unlink_from(struct kan_artefact *a)
{
	struct kan_artefact **at = &a->sink->open;
	while (*at && *at != a)
		at = &(*at)->next;
	if (*at)
		*at = a->next;
}

static void release(struct kan_artefact *a)
{
	unlink_from(a);
	kan_auto_close_fn(&a->fd);
	kan_digest_free(a->digest);
	free(a->buffer);
	free(a);
}

static void announce(const struct kan_artefact *a, const char *sha256, bool whole)
{
	struct kan_msg m = {.type = KAN_MSG_ARTEFACT, .n = {a->octets, a->rows, whole}};
	(void)snprintf(m.what, sizeof(m.what), "data/%s/%s", a->sink->collector, a->path);
	(void)snprintf(m.sha256, sizeof(m.sha256), "%s", sha256);
	kan_sink_send(a->sink, &m);
}

/* The last bytes, the digest, the file closed. */
static int finish(char sha256[KAN_SHA256_HEX], struct kan_artefact *a, struct kan_err *err)
{
	if (a->late && !a->read && !a->broken && kan_artefact_pieces(a, NULL, NULL, err) < 0)
		return -1;
	if (end_writer(a, err) < 0 || flush(a, err) < 0)
		return -1;
	kan_digest_finish(sha256, a->digest);
	if (close(kan_take_fd(&a->fd)) < 0) {
		(void)kan_fail_sys(err, "%s", a->path);
		return broken(a->sink, err);
	}
	return 0;
}

int kan_artefact_close(struct kan_artefact *a, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	int rc = finish(sha256, a, err);
	if (rc == 0)
		announce(a, sha256, true);
	release(a);
	return rc;
}

void kan_artefact_abandon(struct kan_artefact *a)
{
	char sha256[KAN_SHA256_HEX];
	if (finish(sha256, a, NULL) ==
	    0) /* content keeps its unnamed name: a digest's would say whole */
		announce(a, sha256, false);
	release(a);
}

/* unnamed-N becomes its digest; stored before: the second copy goes. */
static int take_name(struct kan_artefact *a, const char *sha256, struct kan_err *err)
{
	char name[sizeof(a->path)];
	int dir = a->sink->dir;
	if ((size_t)snprintf(name, sizeof(name), "%s/%s", a->dir, sha256) >= sizeof(name)) {
		(void)kan_fail(err, KAN_EIO, "%s: the name is too long", a->dir);
		return broken(a->sink, err);
	}
	if (renameat2(dir, a->path, dir, name, RENAME_NOREPLACE) == 0) {
		memcpy(a->path, name, sizeof(name));
		announce(a, sha256, true);
		return 0;
	}
	if (errno == EEXIST && unlinkat(dir, a->path, 0) == 0) {
		a->sink->files--;
		return 0;
	}
	(void)kan_fail_sys(err, "%s", name);
	return broken(a->sink, err);
}

int kan_artefact_close_content(char sha256[65], struct kan_artefact *a, struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	int rc = finish(hex, a, err);
	if (rc == 0)
		rc = take_name(a, hex, err);
	if (rc == 0)
		memcpy(sha256, hex, sizeof(hex));
	release(a);
	return rc;
}

int kan_sink_put(struct kan_sink *s, const char *name, struct kan_bytes content,
		 struct kan_err *err)
{
	struct kan_artefact *a = NULL;
	if (kan_sink_open(&a, s, name, err) < 0)
		return -1;
	if (kan_artefact_write(a, content.p, content.n, err) < 0) {
		kan_artefact_abandon(a);
		return -1;
	}
	return kan_artefact_close(a, err);
}

int kan_sink_spool(int *fd, struct kan_sink *s, struct kan_err *err)
{
	if (own_dir(s, err) < 0)
		return broken(s, err);
	kan_auto_close int got = openat(s->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (got < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the bundle's file system has no files without a name");
	if (got < 0)
		return kan_fail_sys(err, "a file without a name");
	*fd = kan_take_fd(&got);
	return 0;
}
