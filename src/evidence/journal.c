/* Writing the journal: each line carries the digest of the line before it. */
#include "evidence/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "evidence/journalread.h"

enum {
	FOLDS = 64,           /* collectors whose gaps are counted */
	TORN_MAX = 512 << 10, /* octets of a broken line that are kept: base64 of it fits one row */
	MODE_OPEN = 0600,     /* 0400 when sealed: a crash has to leave it writable for its owner */
};

static const char journal_file[] = "journal.ndjson";

struct fold {
	char collector[104];
	uint64_t seen, counted;
};

struct kan_journal {
	int fd;
	char bundle[128];
	char prev[65];
	uint64_t lines, octets, gaps;
	struct kan_row row;
	bool failed;
	struct fold folds[FOLDS];
	size_t n_folds;
};

static struct kan_journal *fresh(int *fd, const char *bundle)
{
	struct kan_journal *j = kan_xalloc(sizeof(*j));
	j->fd = kan_take_fd(fd);
	(void)snprintf(j->bundle, sizeof(j->bundle), "%s", bundle);
	memset(j->prev, '0', sizeof(j->prev) - 1);
	kan_row_init(&j->row);
	return j;
}

static int take_lock(int fd, struct kan_err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return kan_fail(err, KAN_EREFUSED, "%s is locked: a capture is still running",
				journal_file);
	return kan_fail_sys(err, "%s", journal_file);
}

int kan_journal_new(struct kan_journal **out, int bundle_fd, const char *bundle,
		    struct kan_err *err)
{
	kan_auto_close int fd = -1;
	if (kan_create(&fd, bundle_fd, journal_file, MODE_OPEN, err) < 0 || take_lock(fd, err) < 0)
		return -1;
	*out = fresh(&fd, bundle);
	return 0;
}

static int open_writable(int *fd, int bundle_fd, struct kan_err *why)
{
	*why = (struct kan_err){0};
	return kan_open_beneath(fd, bundle_fd, journal_file, O_RDWR | O_APPEND | O_NONBLOCK, 0,
				why);
}

int kan_journal_lock(int *out, int bundle_fd, struct kan_err *err)
{
	struct stat st;
	struct kan_err why;
	kan_auto_close int fd = -1;
	if (kan_open_beneath(&fd, bundle_fd, journal_file, O_PATH, 0, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "%s is not a regular file", journal_file);
	if (st.st_nlink > 1) /* before its mode is touched */
		return kan_fail(err, KAN_EREFUSED, "%s has a second name (a hard link)",
				journal_file);
	(void)close(kan_take_fd(&fd));
	int rc = open_writable(&fd, bundle_fd, &why);
	/* Stopped after the seal line it is 0400, which keeps out an owner who is not root. */
	if (rc < 0 && why.code == KAN_EDENIED &&
	    fchmodat(bundle_fd, journal_file, MODE_OPEN, 0) == 0)
		rc = open_writable(&fd, bundle_fd, &why);
	if (rc < 0) {
		if (err)
			*err = why;
		return -1;
	}
	if (take_lock(fd, err) < 0)
		return -1;
	*out = kan_take_fd(&fd);
	return 0;
}

static int recount(const json_t *record, void *arg, struct kan_err *err)
{
	struct kan_journal *j = arg;
	(void)err;
	j->gaps += kan_journal_counts(record);
	return 0;
}

static int write_torn(struct kan_journal *j, struct kan_bytes torn, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(TORN_MAX * 2);
	struct kan_bytes kept = {torn.p, torn.n < TORN_MAX ? torn.n : TORN_MAX};
	kan_base64(&text, kept);
	struct kan_row *row = kan_journal_begin(j, "torn");
	kan_row_uint(row, "octets", torn.n);
	kan_row_str(row, "line_b64", kan_buf_str(&text));
	return kan_journal_end(j, err);
}

static int take_over(struct kan_journal *j, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_JOURNAL_MAX);
	struct kan_journal_end end;
	if (kan_read_all(&text, j->fd, err) < 0 ||
	    kan_journal_read(&end, kan_buf_bytes(&text), recount, j, err) < 0)
		return kan_wrap(err, "%s", journal_file);
	j->lines = end.lines;
	j->octets = text.len - end.torn.n;
	memcpy(j->prev, end.prev, sizeof(j->prev));
	if (!end.torn.n)
		return 0;
	if (ftruncate(j->fd, (off_t)j->octets) < 0)
		return kan_fail_sys(err, "%s", journal_file);
	return write_torn(j, end.torn, err);
}

int kan_journal_adopt(struct kan_journal **out, int *fd, const char *bundle, struct kan_err *err)
{
	struct kan_journal *j = fresh(fd, bundle);
	if (take_over(j, err) < 0) {
		kan_journal_free(j);
		return -1;
	}
	*out = j;
	return 0;
}

int kan_journal_reopen(struct kan_journal **out, int bundle_fd, const char *bundle,
		       struct kan_err *err)
{
	kan_auto_close int fd = -1;
	return kan_journal_lock(&fd, bundle_fd, err) < 0 ? -1
							 : kan_journal_adopt(out, &fd, bundle, err);
}

void kan_journal_free(struct kan_journal *j)
{
	if (!j)
		return;
	kan_auto_close_fn(&j->fd); /* the lock goes with the last descriptor of this open */
	kan_row_free(&j->row);
	free(j);
}

void kan_journal_drop(struct kan_journal *j)
{
	kan_journal_free(j); /* closes our copy only: unlocking would unlock the conductor's */
}

struct kan_row *kan_journal_begin(struct kan_journal *j, const char *type)
{
	struct kan_row *r = &j->row;
	kan_row_begin(r);
	if (j->lines == 0) {
		kan_row_str(r, "schema", "kanshiki.journal/1");
		kan_row_str(r, "bundle", j->bundle);
		kan_row_str(r, "collector", "conductor");
	}
	kan_row_uint(r, "seq", j->lines + 1);
	kan_row_str(r, "prev", j->prev);
	kan_row_int(r, "t_ns", kan_now_ns());
	kan_row_int(r, "boot_ns", kan_boot_ns());
	kan_row_str(r, "type", type);
	return r;
}

/* One write, so that a reader never sees half a line of a living conductor. */
static int put(struct kan_journal *j, struct kan_bytes line, struct kan_err *err)
{
	ssize_t n = 0;
	do
		n = write(j->fd, line.p, line.n);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)line.n)
		return 0;
	j->failed = true;
	if (n >= 0)
		errno = ENOSPC; /* a regular file takes a part only when there is no more space */
	kan_err_set(err, KAN_EIO, errno, "%s: %s", journal_file, strerror(errno));
	return -1;
}

int kan_journal_end(struct kan_journal *j, struct kan_err *err)
{
	struct kan_bytes line = {0};
	if (j->failed)
		return kan_fail(err, KAN_EIO, "%s: an earlier write failed", journal_file);
	if (kan_row_end(&line, &j->row, err) < 0)
		return kan_wrap(err, "%s", journal_file);
	if (j->octets + line.n > KAN_JOURNAL_MAX)
		return kan_fail(err, KAN_ELIMIT, "%s: over %d octets", journal_file,
				KAN_JOURNAL_MAX);
	if (put(j, line, err) < 0)
		return -1;
	kan_sha256_hex(j->prev, line);
	j->octets += line.n;
	j->lines++;
	return 0;
}

int kan_journal_sync(struct kan_journal *j, struct kan_err *err)
{
	if (!j->failed && fdatasync(j->fd) == 0)
		return 0;
	j->failed = true;
	return kan_fail(err, KAN_EIO, "%s: it cannot be synced", journal_file);
}

/* Is the list too long already? Then this one is counted for its collector. */
static bool folded(struct kan_journal *j, const char *collector, bool counts)
{
	if (j->octets < KAN_JOURNAL_LIST)
		return false;
	size_t i = 0;
	while (i < j->n_folds && strcmp(j->folds[i].collector, collector) != 0)
		i++;
	/* With more collectors than any build has, the last place counts for all of the others. */
	if (i >= FOLDS - 1)
		i = FOLDS - 1;
	else if (i == j->n_folds)
		(void)snprintf(j->folds[i].collector, sizeof(j->folds[i].collector), "%s",
			       collector);
	if (i >= j->n_folds)
		j->n_folds = i + 1;
	j->folds[i].seen++;
	j->folds[i].counted += counts;
	return true;
}

int kan_journal_gap(struct kan_journal *j, const char *collector, const char *what,
		    const char *code, const char *why, struct kan_err *err)
{
	bool counts = strcmp(code, "not-applicable") != 0;
	j->gaps += counts;
	if (folded(j, collector, counts))
		return 0;
	struct kan_row *row = kan_journal_begin(j, "gap");
	kan_row_bytes(row, "collector", kan_bytes_of(collector));
	kan_row_bytes(row, "what", kan_bytes_of(what));
	kan_row_str(row, "code", code);
	kan_row_bytes(row, "why", kan_bytes_of(why));
	return kan_journal_end(j, err);
}

static struct kan_row *limit_row(struct kan_journal *j, const char *collector, const char *what,
				 const char *why)
{
	struct kan_row *row = kan_journal_begin(j, "limit");
	kan_row_bytes(row, "collector", kan_bytes_of(collector));
	kan_row_bytes(row, "what", kan_bytes_of(what));
	kan_row_str(row, "code", "limit");
	kan_row_bytes(row, "why", kan_bytes_of(why));
	return row;
}

int kan_journal_limit(struct kan_journal *j, const char *collector, const char *what,
		      const char *why, const uint64_t seen_kept_limit[3], struct kan_err *err)
{
	static const char *const keys[] = {"seen", "kept", "limit"};
	j->gaps++;
	if (folded(j, collector, true))
		return 0;
	struct kan_row *row = limit_row(j, collector, what, why);
	for (size_t i = 0; seen_kept_limit && i < 3; i++)
		kan_row_uint(row, keys[i], seen_kept_limit[i]);
	return kan_journal_end(j, err);
}

int kan_journal_fold(struct kan_journal *j, struct kan_err *err)
{
	for (size_t i = 0; i < j->n_folds; i++) {
		const struct fold *f = &j->folds[i];
		const char *name = f->collector[0] ? f->collector : "others";
		struct kan_row *row =
			limit_row(j, name, "gaps", "the journal is full: counted, not listed");
		kan_row_uint(row, "seen", f->seen);
		kan_row_uint(row, "kept", 0);
		kan_row_uint(row, "limit", KAN_JOURNAL_LIST);
		kan_row_uint(row, "folded", f->counted);
		if (kan_journal_end(j, err) < 0)
			return -1;
	}
	j->n_folds = 0;
	return 0;
}

unsigned kan_journal_gaps(const struct kan_journal *j)
{
	return (unsigned)j->gaps;
}
