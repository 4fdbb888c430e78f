/* Reads files that are held by descriptor: once each, bounded in time and size, into digest or
 * content. */
#include "collectors/carve.h"

#include <fcntl.h>
#include <kanshiki/sink.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/tree.h"
#include "kernel/bounded.h"

static const int64_t ns_per_s = 1000000000;

/* One open, or one read: whatever blocks is left behind together with it. */
struct job {
	int pin, fd; /* own */
	bool noatime;
	uint8_t *buffer;
	uint64_t offset;
	ssize_t got;
	struct stat st;
	struct kan_err err;
};

struct carver {
	struct kan_sink *sink;
	struct kan_bounded *bounded;
	struct kan_digest *digest;
	int64_t until_ns;
	uint64_t kept, left_out; /* octets; the latter of files beyond KAN_CARVE_TOTAL */
	unsigned stuck, not_opened, late;
	bool atime;
};

/* Where the bytes of one file go. */
struct where {
	const char *name;
	uint64_t size;
	bool stored, blocked;
	struct kan_artefact *artefact; /* hashes what it writes */
};

static void drop(void *arg)
{
	struct job *j = arg;
	kan_auto_close_fn(&j->pin);
	kan_auto_close_fn(&j->fd);
	free(j->buffer);
	free(j);
}

static void open_it(void *arg)
{
	struct job *j = arg;
	if (kan_tree_open(&j->fd, &j->noatime, j->pin, &j->err) == 0 && fstat(j->fd, &j->st) < 0)
		(void)kan_fail_sys(&j->err, "stat");
}

static void read_it(void *arg)
{
	struct job *j = arg;
	j->got = pread(j->fd, j->buffer, KAN_IO_READ, (off_t)j->offset);
	if (j->got < 0)
		(void)kan_fail_sys(&j->err, "read");
}

/* false: a gap was recorded; *j is NULL when the work was left behind. */
static bool bounded(struct carver *c, struct where *to, struct job **j, kan_bounded_fn *work)
{
	struct kan_err why = {0};
	struct kan_bounded_work what = {
		.job = *j, .ms = KAN_BOUNDED_MS, .work = work, .drop = drop};
	int rc = kan_bounded_run(c->bounded, &what, &why);
	if (rc == 0 && (*j)->err.code == KAN_OK)
		return true;
	if (rc < 0 && why.sys == ETIMEDOUT) {
		*j = NULL;
		c->stuck++;
		to->blocked = true;
		kan_sink_gap(c->sink, kan_bytes_of(to->name), KAN_GAP_STUCK, "%s", why.text);
		return false;
	}
	kan_sink_gap_err(c->sink, kan_bytes_of(to->name), rc < 0 ? &why : &(*j)->err);
	return false;
}

static bool changed(const struct job *j)
{
	struct stat now;
	return fstat(j->fd, &now) < 0 || now.st_size != j->st.st_size ||
	       now.st_mtim.tv_sec != j->st.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != j->st.st_mtim.tv_nsec;
}

/* 0: read to its end; 1: a gap was recorded; -1: evidence cannot be written. */
static int read_all(struct carver *c, struct where *to, struct job **j, struct kan_carved *file,
		    struct kan_err *err)
{
	while (file->octets < to->size) {
		(*j)->offset = file->octets;
		if (!bounded(c, to, j, read_it))
			return 1;
		uint64_t left = to->size - file->octets,
			 n = (uint64_t)(*j)->got < left ? (uint64_t)(*j)->got : left;
		if (n == 0)
			break;
		if (!to->artefact)
			kan_digest_add(c->digest, (*j)->buffer, (size_t)n);
		else if (kan_artefact_write(to->artefact, (*j)->buffer, (size_t)n, err) < 0)
			return -1;
		file->octets += n;
		if (kan_boot_ns() > c->until_ns) {
			kan_sink_gap(c->sink, kan_bytes_of(to->name), KAN_GAP_TIMEOUT,
				     "%llu bytes of %llu in the time there was",
				     (unsigned long long)file->octets,
				     (unsigned long long)to->size);
			return 1;
		}
	}
	file->whole = !changed(*j) && file->octets == to->size;
	if (!file->whole)
		kan_sink_gap(c->sink, kan_bytes_of(to->name), KAN_GAP_CHANGED,
			     "it changed while it was read; %llu bytes are kept",
			     (unsigned long long)file->octets);
	return 0;
}

/* Digest or content by size and by what was kept already. */
static int choose(struct carver *c, struct where *to, enum kan_carve_want want, struct kan_err *err)
{
	bool fits = to->size <= KAN_CARVE_FILE;
	to->stored = want == KAN_CARVE_CONTENT && fits && c->kept + to->size <= KAN_CARVE_TOTAL;
	if (want == KAN_CARVE_CONTENT && !fits)
		kan_sink_limit(c->sink, kan_bytes_of(to->name), to->size, 0, KAN_CARVE_FILE);
	else if (want == KAN_CARVE_CONTENT && !to->stored)
		c->left_out += to->size;
	if (!to->stored) {
		kan_digest_start(c->digest);
		return 0;
	}
	c->kept += to->size;
	return kan_sink_content(&to->artefact, c->sink, "content", err);
}

static int finish(struct carver *c, struct where *to, struct kan_carved *file, struct kan_err *err)
{
	if (!to->artefact) {
		kan_digest_finish(file->sha256, c->digest);
	} else if (kan_artefact_close_content(file->sha256, kan_take_ptr(to->artefact), err) < 0) {
		return -1;
	}
	file->digested = true;
	file->content = to->stored;
	return 0;
}

static int take(struct carver *c, struct where *to, struct job **j, struct kan_carved *file,
		struct kan_err *err)
{
	if (!bounded(c, to, j, open_it))
		return 0;
	c->atime |= !(*j)->noatime;
	to->size = (uint64_t)(*j)->st.st_size;
	if (to->size > KAN_CARVE_DIGESTED) {
		kan_sink_limit(c->sink, kan_bytes_of(to->name), to->size, 0, KAN_CARVE_DIGESTED);
		return 0;
	}
	if (choose(c, to, file->want, err) < 0)
		return -1;
	int rc = read_all(c, to, j, file, err);
	if (rc == 0)
		rc = finish(c, to, file, err);
	if (to->artefact)
		kan_artefact_abandon(kan_take_ptr(to->artefact));
	return rc < 0 ? -1 : 0;
}

static int one(struct carver *c, const struct kan_held *held, struct kan_carved *file,
	       struct kan_err *err)
{
	struct where to = {.name = file->who};
	struct job *j = kan_xalloc(sizeof(*j));
	j->fd = -1;
	j->noatime = true;
	j->pin = fcntl(held->fd, F_DUPFD_CLOEXEC, 0);
	j->buffer = kan_io_buffer(KAN_IO_READ);
	int rc = take(c, &to, &j, file, err);
	if (j)
		drop(j);
	return rc;
}

static void sum_up(struct carver *c)
{
	if (c->atime)
		kan_sink_impact(c->sink,
				"access times of executables changed: O_NOATIME was refused");
	if (c->left_out)
		kan_sink_limit(c->sink, KAN_LIT("content"), c->kept + c->left_out, c->kept,
			       KAN_CARVE_TOTAL);
	if (c->not_opened)
		kan_sink_gap(c->sink, KAN_LIT("content"), KAN_GAP_STUCK,
			     "%u files were not opened: %u before them blocked", c->not_opened,
			     c->stuck);
	if (c->late)
		kan_sink_gap(c->sink, KAN_LIT("content"), KAN_GAP_TIMEOUT,
			     "%u files were not read in %d s", c->late, KAN_CARVE_S);
}

int kan_carve(struct kan_carved *files, const struct kan_helds *held, struct kan_sink *sink,
	      struct kan_err *err)
{
	struct carver c = {.sink = sink, .until_ns = kan_boot_ns() + KAN_CARVE_S * ns_per_s};
	int rc = 0;
	c.bounded = kan_bounded_new();
	c.digest = kan_digest_new();
	for (size_t i = 0; i < held->n && rc == 0; i++) {
		if (files[i].want == KAN_CARVE_NOTHING)
			continue;
		if (c.stuck >= KAN_CARVE_STUCK)
			c.not_opened++;
		else if (kan_boot_ns() > c.until_ns)
			c.late++;
		else
			rc = one(&c, &held->v[i], &files[i], err);
	}
	if (rc == 0)
		sum_up(&c);
	kan_digest_free(c.digest);
	kan_bounded_free(c.bounded);
	return rc;
}
