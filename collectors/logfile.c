/* Open all, then read; a hole that a budget makes is told with its place. */
#include "collectors/logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"
#include "engine/dataroot.h"

enum { PATH_OCTETS = 4096, NAME_OCTETS = 64, TRIES = 4, NAP_NS = 20000000, NS = 1000000000 };

/* A regular file, pinned and looked at before it is opened. */
static int open_one(int *fd, const struct kan_target *t, const char *path, struct kan_err *err)
{
	struct stat st;
	bool noatime = false;
	kan_auto_close int pin = -1;
	if (kan_target_data_open(&pin, t, path, O_PATH | O_NOFOLLOW, err) < 0)
		return -1;
	if (fstat(pin, &st) < 0 || !S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "the engine's log is no regular file");
	return kan_tree_open(fd, &noatime, pin, err);
}

static void close_all(struct kan_logset *s)
{
	for (size_t i = 0; i < s->n; i++)
		kan_auto_close_fn(&s->v[i].fd);
	*s = (struct kan_logset){0};
}

/* While the engine packs one, both forms are there. */
static bool open_number(struct kan_logset *s, const struct kan_target *t, const char *path, int n)
{
	static const char *const forms[] = {"", ".gz"};
	bool found = false;
	for (size_t i = 0; i < 2; i++) {
		char name[PATH_OCTETS + 16];
		struct kan_logfile *f = &s->v[s->n];
		*f = (struct kan_logfile){.n = n, .fd = -1, .packed = i == 1};
		(void)snprintf(name, sizeof(name), "%.4000s.%d%s", path, n, forms[i]);
		if (open_one(&f->fd, t, name, NULL) < 0)
			continue;
		s->n++;
		found = true;
	}
	return found;
}

static bool same_file(int fd, int other)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* The engine renames from the oldest to the live one: a file that was passed may be met again. */
static bool twice(const struct kan_logset *s)
{
	for (size_t i = 1; i < s->n; i++)
		if (same_file(s->v[i - 1].fd, s->v[i].fd))
			return true;
	return false;
}

/* Did it happen while they were opened? A live file that is there no more was not rotated. */
static bool rotated(const struct kan_logset *s, const struct kan_target *t, const char *path)
{
	kan_auto_close int fd = -1;
	if (twice(s))
		return true;
	return kan_target_data_open(&fd, t, path, O_PATH | O_NOFOLLOW, NULL) == 0 &&
	       !same_file(fd, s->v[0].fd);
}

static int open_all(struct kan_logset *s, const struct kan_target *t, const char *path,
		    struct kan_err *err)
{
	close_all(s);
	s->v[0] = (struct kan_logfile){.fd = -1};
	int rc = open_one(&s->v[0].fd, t, path, err);
	s->n = rc == 0;
	for (int n = 1, gap = 0; n < KAN_LOG_ROTATIONS; n++) {
		bool found = open_number(s, t, path, n);
		if (found && gap && !s->missing)
			s->missing = gap;
		if (!found && !gap)
			gap = n;
	}
	return rc;
}

int kan_logset_open(struct kan_logset **out, const struct kan_target *t, const char *path,
		    struct kan_err *err)
{
	struct kan_logset *s = *out = kan_xalloc(sizeof(*s));
	const struct timespec nap = {0, NAP_NS}; /* a rotation is some renames */
	for (int i = 0; i < TRIES; i++) {
		int rc = open_all(s, t, path, err);
		bool moved = rc == 0 && rotated(s, t, path),
		     whole = rc == 0 && !moved && !s->missing;
		if (whole || i == TRIES - 1) {
			s->moved = moved;
			return rc;
		}
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

void kan_logset_free(struct kan_logset *s)
{
	if (s)
		close_all(s);
	free(s);
}

/* Where the octets go, and what came of them. */
struct copy {
	struct kan_artefact *artefact;
	struct kan_digest *digest;
	uint64_t kept, hole_at, hole;
	uint8_t last;
};

/* From offset, n octets at most. */
static int copy_range(struct copy *c, int fd, uint64_t offset, uint64_t n, struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_io_buffer(KAN_IO_READ);
	while (n) {
		ssize_t got =
			pread(fd, buffer, n < KAN_IO_READ ? (size_t)n : KAN_IO_READ, (off_t)offset);
		if (got < 0)
			return kan_fail_sys(err, "read");
		if (got == 0)
			return 0; /* it shrank: kept tells */
		kan_digest_add(c->digest, buffer, (size_t)got);
		if (kan_artefact_write(c->artefact, buffer, (size_t)got, err) < 0)
			return -1;
		c->last = buffer[got - 1];
		c->kept += (uint64_t)got;
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

static int copy_file(struct copy *c, int fd, uint64_t size, struct kan_err *err)
{
	if (size <= KAN_LOG_SOURCE)
		return copy_range(c, fd, 0, size, err);
	uint64_t tail = KAN_LOG_SOURCE - KAN_LOG_HEAD;
	c->hole_at = KAN_LOG_HEAD;
	c->hole = size - KAN_LOG_SOURCE;
	if (copy_range(c, fd, 0, KAN_LOG_HEAD, err) < 0)
		return -1;
	return copy_range(c, fd, size - tail, tail, err);
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

static int put_row(struct kan_logstore *l, const struct kan_logfile *f, const struct stat *st,
		   const struct copy *c, const char *sha256, struct kan_err *err)
{
	struct kan_row *r = kan_rows_begin(l->rows);
	kan_row_int(r, "n", f->n);
	kan_row_str(r, "driver", l->t->log_driver ? l->t->log_driver : l->dir);
	kan_row_str(r, "dir", l->dir);
	kan_row_bool(r, "packed", f->packed);
	kan_row_uint(r, "size", (uint64_t)st->st_size);
	kan_row_uint(r, "kept", c->kept);
	if (c->hole) {
		kan_row_uint(r, "hole_at", c->hole_at);
		kan_row_uint(r, "hole", c->hole);
	}
	kan_row_str(r, "sha256", sha256);
	kan_row_int(r, "mtime_ns", ns_of(st->st_mtim));
	kan_row_int(r, "ctime_ns", ns_of(st->st_ctim));
	kan_row_bool(r, "tty", l->t->tty);
	kan_row_bool(r, "tail_partial",
		     f->n == 0 && c->last != '\n' && strcmp(l->dir, "json-file") == 0);
	l->files++;
	return kan_rows_end(l->rows, err);
}

static void tell(const struct kan_logstore *l, const char *name, uint64_t size,
		 const struct copy *c)
{
	if (c->hole)
		kan_sink_scope(l->sink, kan_bytes_of(name), "over 1 GiB: the middle is left out");
	if (c->kept + c->hole < size)
		kan_sink_gap(l->sink, kan_bytes_of(name), KAN_GAP_CHANGED,
			     "it shrank while it was read");
}

int kan_logfile_store(struct kan_logstore *l, const struct kan_logfile *f, struct kan_err *err)
{
	struct stat st;
	char sha256[KAN_SHA256_HEX], name[NAME_OCTETS];
	struct copy c = {.last = '\n'};
	(void)snprintf(name, sizeof(name), "%s/%d.log%s", l->dir, f->n, f->packed ? ".gz" : "");
	if (fstat(f->fd, &st) < 0)
		return kan_fail_sys(err, "%s", name);
	if (kan_sink_open(&c.artefact, l->sink, name, err) < 0)
		return -1;
	c.digest = kan_digest_new();
	int rc = copy_file(&c, f->fd, (uint64_t)st.st_size, err);
	kan_digest_finish(sha256, c.digest);
	kan_digest_free(c.digest);
	if (rc < 0) {
		kan_artefact_abandon(c.artefact);
		return -1;
	}
	tell(l, name, (uint64_t)st.st_size, &c);
	if (kan_artefact_close(c.artefact, err) < 0)
		return -1;
	return put_row(l, f, &st, &c, sha256, err);
}
