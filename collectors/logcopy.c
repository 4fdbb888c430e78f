/* One file of a log into the bundle; a hole that a limit makes is a gap, and its place is told. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/raised.h"
#include "base/row.h"
#include "collectors/logfile.h"

enum { NAME_OCTETS = 64, NS = 1000000000 };

/* Where the octets go, and what came of them. */
struct copy {
	struct kan_artefact *artefact;
	struct kan_digest *digest;
	uint64_t kept, hole_at, hole;
	struct kan_err unread; /* the file could not be read on: the world's fault, not ours */
	uint8_t last;
};

/* From offset, n octets at most. -1: evidence cannot be written. */
static int copy_range(struct copy *c, int fd, uint64_t offset, uint64_t n, struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_io_buffer(KAN_IO_READ);
	while (n && c->unread.code == KAN_OK) {
		ssize_t got =
			pread(fd, buffer, n < KAN_IO_READ ? (size_t)n : KAN_IO_READ, (off_t)offset);
		if (got < 0) {
			kan_err_sys(&c->unread, errno, "read at %llu", (unsigned long long)offset);
			return 0;
		}
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

/* max: what may be kept. Its begin, and the rest from the end. */
static int copy_file(struct copy *c, int fd, uint64_t size, uint64_t max, struct kan_err *err)
{
	if (size <= max)
		return copy_range(c, fd, 0, size, err);
	uint64_t head = max / 2 < KAN_LOG_HEAD ? max / 2 : KAN_LOG_HEAD, tail = max - head;
	c->hole_at = head;
	c->hole = size - max;
	if (copy_range(c, fd, 0, head, err) < 0)
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

/* Who writes much can choose what is left out: it was asked for, and it is missing. */
static void tell(const struct kan_logstore *l, const char *name, uint64_t size, uint64_t max,
		 const struct copy *c)
{
	if (c->hole)
		kan_sink_limit(l->sink, kan_bytes_of(name), size, c->kept, max);
	if (c->unread.code != KAN_OK)
		kan_sink_gap_err(l->sink, kan_bytes_of(name), &c->unread);
	else if (c->kept + c->hole < size)
		kan_sink_gap(l->sink, kan_bytes_of(name), KAN_GAP_CHANGED,
			     "it shrank while it was read");
}

/* What was read stays; it is whole only when all that was meant to be read was. */
static int end(struct copy *c, struct kan_err *err)
{
	if (c->unread.code == KAN_OK)
		return kan_artefact_close(c->artefact, err);
	kan_artefact_abandon(c->artefact);
	return 0;
}

uint64_t kan_log_room(const struct kan_target *t, uint64_t usual)
{
	return kan_raised(t->policy->max_bytes, usual);
}

struct kan_logstore kan_logstore_of(const struct kan_target *t, struct kan_sink *sink)
{
	return (struct kan_logstore){.t = t,
				     .sink = sink,
				     .each = kan_log_room(t, KAN_LOG_SOURCE),
				     .left = kan_log_room(t, KAN_LOG_ALL)};
}

int kan_logfile_store(struct kan_logstore *l, const struct kan_logfile *f, struct kan_err *err)
{
	struct stat st;
	char sha256[KAN_SHA256_HEX], name[NAME_OCTETS];
	struct copy c = {.last = '\n'};
	uint64_t max = l->left < l->each ? l->left : l->each;
	(void)snprintf(name, sizeof(name), "%s/%d.log%s", l->dir, f->n, f->packed ? ".gz" : "");
	if (fstat(f->fd, &st) < 0) {
		kan_err_sys(&c.unread, errno, "stat");
		kan_sink_gap_err(l->sink, kan_bytes_of(name), &c.unread);
		return 0;
	}
	if (kan_sink_open(&c.artefact, l->sink, name, err) < 0)
		return -1;
	c.digest = kan_digest_new();
	int rc = copy_file(&c, f->fd, (uint64_t)st.st_size, max, err);
	kan_digest_finish(sha256, c.digest);
	kan_digest_free(c.digest);
	if (rc < 0) {
		kan_artefact_abandon(c.artefact);
		return -1;
	}
	l->left -= c.kept;
	tell(l, name, (uint64_t)st.st_size, max, &c);
	if (end(&c, err) < 0)
		return -1;
	return put_row(l, f, &st, &c, sha256, err);
}
