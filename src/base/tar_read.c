/* The tar reader, by libarchive: streamed, counted, never extracted. */
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>

#include "base/tar.h"

enum { MEMBERS_DEFAULT = 20000 };
static const uint64_t bytes_default = (uint64_t)64 << 30;

struct source {
	kan_tar_in_fn *in;
	void *arg;
	struct kan_err err;
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **p)
{
	struct source *s = arg;
	ssize_t n = s->in(s->arg, p, &s->err);
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->err.text);
	return n;
}

static int fail(struct archive *a, const struct source *s, struct kan_err *err)
{
	const char *why = archive_error_string(a);
	if (s->err.code != KAN_OK && err)
		*err = s->err;
	if (s->err.code != KAN_OK)
		return -1;
	return kan_fail(err, KAN_EFORMAT, "tar: %.200s", why ? why : "malformed");
}

static struct kan_bytes text(const char *s)
{
	return kan_bytes_of(s);
}

/* A header may say any second: at the ends of what nanoseconds can hold it stays there. */
static int64_t mtime_of(struct archive_entry *e)
{
	int64_t ns = 0;
	if (__builtin_mul_overflow((int64_t)archive_entry_mtime(e), 1000000000, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)archive_entry_mtime_nsec(e), &ns))
		return archive_entry_mtime(e) < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static struct kan_tar_member describe(struct archive_entry *e)
{
	return (struct kan_tar_member){
		.path = text(archive_entry_pathname(e)),
		.link = text(archive_entry_symlink(e)),
		.hardlink = text(archive_entry_hardlink(e)),
		.mode = archive_entry_mode(e),
		.uid = (uint64_t)archive_entry_uid(e),
		.gid = (uint64_t)archive_entry_gid(e),
		.size = (uint64_t)archive_entry_size(e),
		.mtime_ns = mtime_of(e),
		.sparse = archive_entry_sparse_count(e) > 0,
	};
}

struct count {
	uint64_t members, bytes, max_members, max_bytes;
};

static const uint8_t zeros[64 << 10];

static int hand(struct kan_bytes piece, const struct kan_tar_visit *v, struct count *c,
		struct kan_err *err)
{
	c->bytes += piece.n;
	if (c->bytes > c->max_bytes)
		return kan_fail(err, KAN_ELIMIT, "tar: over %llu bytes",
				(unsigned long long)c->max_bytes);
	return piece.n && v->data ? v->data(piece, v->arg, err) : 0;
}

/* A hole up to offset, as the zeros that it is. */
static int hole(uint64_t *at, uint64_t offset, const struct kan_tar_visit *v, struct count *c,
		struct kan_err *err)
{
	while (*at < offset) {
		uint64_t rest = offset - *at;
		struct kan_bytes piece = {zeros,
					  rest < sizeof(zeros) ? (size_t)rest : sizeof(zeros)};
		if (hand(piece, v, c, err) < 0)
			return -1;
		*at += piece.n;
	}
	return 0;
}

static int content(struct archive *a, struct source *s, uint64_t size,
		   const struct kan_tar_visit *v, struct count *c, struct kan_err *err)
{
	const void *p = NULL;
	size_t n = 0;
	la_int64_t offset = 0;
	uint64_t at = 0;
	for (;;) {
		int rc = archive_read_data_block(a, &p, &n, &offset);
		if (rc == ARCHIVE_EOF)
			return hole(&at, size, v, c, err);
		if (rc < ARCHIVE_WARN)
			return fail(a, s, err);
		if (offset < 0 || (uint64_t)offset < at)
			return kan_fail(err, KAN_EFORMAT, "tar: a sparse map that runs backwards");
		if (hole(&at, (uint64_t)offset, v, c, err) < 0 ||
		    hand((struct kan_bytes){p, n}, v, c, err) < 0)
			return -1;
		at += n;
	}
}

static int members(struct archive *a, struct source *s, const struct kan_tar_visit *v,
		   struct kan_err *err)
{
	struct count c = {.max_members = v->max_members ? v->max_members : MEMBERS_DEFAULT,
			  .max_bytes = v->max_bytes ? v->max_bytes : bytes_default};
	struct archive_entry *e = NULL;
	for (;;) {
		int rc = archive_read_next_header(a, &e);
		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc < ARCHIVE_WARN)
			return fail(a, s, err);
		if (++c.members > c.max_members)
			return kan_fail(err, KAN_ELIMIT, "tar: more than %llu members",
					(unsigned long long)c.max_members);
		struct kan_tar_member m = describe(e);
		int next = v->member(&m, v->arg, err);
		if (next < 0)
			return -1;
		if (next == 0 && content(a, s, m.size, v, &c, err) < 0)
			return -1;
	}
}

static int open_and_read(struct source *s, const struct kan_tar_visit *v, struct kan_err *err)
{
	struct archive *a = archive_read_new();
	if (!a)
		return kan_fail(err, KAN_EIO, "tar: libarchive cannot read");
	int rc = archive_read_support_format_tar(a);
	if (rc == ARCHIVE_OK && v->gzip)
		rc = archive_read_support_filter_gzip(a);
	if (rc == ARCHIVE_OK)
		rc = archive_read_open(a, s, NULL, on_read, NULL);
	int done = rc == ARCHIVE_OK ? members(a, s, v, err) : fail(a, s, err);
	(void)archive_read_free(a);
	return done;
}

/*
 * pax names are UTF-8, and libarchive converts them to the locale's charset: in the C locale it
 * would put '?' for what is not ASCII. So the thread reads in a UTF-8 locale. Names of plain
 * headers and BINARY ones (ours) stay as they are; accents in a UTF-8 pax name of another writer
 * come composed (NFC), and that cannot be turned off.
 */
int kan_tar_read(kan_tar_in_fn *in, void *in_arg, const struct kan_tar_visit *v,
		 struct kan_err *err)
{
	struct source s = {.in = in, .arg = in_arg};
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!utf8)
		return kan_fail(err, KAN_EUNSUPPORTED, "tar: no locale C.UTF-8");
	locale_t before = uselocale(utf8);
	int done = open_and_read(&s, v, err);
	(void)uselocale(before);
	freelocale(utf8);
	return done;
}
