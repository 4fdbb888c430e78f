/* Decompression by libarchive's filters, around nothing but raw bytes. */
#include "base/unpack.h"

#include <archive.h>
#include <archive_entry.h>

enum { RATIO = 1100, RATIO_FROM = 64 << 20 };

struct state {
	const struct kan_unpack *u;
	struct kan_err err; /* of in */
	uint64_t in, out;
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **p)
{
	struct state *s = arg;
	ssize_t n = s->u->in(s->u->in_arg, p, &s->err);
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->err.text);
	else
		s->in += (uint64_t)n;
	return n;
}

static int fail(struct archive *a, const struct state *s, struct kan_err *err)
{
	const char *why = archive_error_string(a);
	if (s->err.code != KAN_OK && err)
		*err = s->err;
	if (s->err.code != KAN_OK)
		return -1;
	return kan_fail(err, KAN_EFORMAT, "unpack: %.200s", why ? why : "malformed");
}

/* A bomb is told by how little it took to make so much. */
static int bounded(const struct state *s, struct kan_err *err)
{
	uint64_t ratio = s->u->ratio ? s->u->ratio : RATIO;
	if (s->out > s->u->max)
		return kan_fail(err, KAN_ELIMIT, "unpack: over %llu bytes",
				(unsigned long long)s->u->max);
	if (s->out > RATIO_FROM && s->out / ratio > s->in)
		return kan_fail(err, KAN_ELIMIT, "unpack: over %llu times its size",
				(unsigned long long)ratio);
	return 0;
}

static int pump(struct archive *a, struct state *s, struct kan_err *err)
{
	for (;;) {
		const void *p = NULL;
		size_t n = 0;
		la_int64_t at = 0;
		int rc = archive_read_data_block(a, &p, &n, &at);
		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc < ARCHIVE_WARN)
			return fail(a, s, err);
		s->out += n;
		if (bounded(s, err) < 0)
			return -1;
		if (n && s->u->out((struct kan_bytes){p, n}, s->u->out_arg, err) < 0)
			return -1;
	}
}

/* ARCHIVE_WARN would mean that libarchive wants to run a program for it. */
static int prepare(struct archive *a)
{
	if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK)
		return -1;
	return archive_read_support_format_empty(a) == ARCHIVE_OK ? 0 : -1;
}

static int run(struct archive *a, struct state *s, struct kan_err *err)
{
	struct archive_entry *e = NULL;
	if (prepare(a) < 0)
		return kan_fail(err, KAN_EUNSUPPORTED, "unpack: libarchive without gzip or zstd");
	if (archive_read_open(a, s, NULL, on_read, NULL) != ARCHIVE_OK)
		return fail(a, s, err);
	int rc = archive_read_next_header(a, &e);
	if (rc == ARCHIVE_EOF)
		return 0;
	return rc < ARCHIVE_WARN ? fail(a, s, err) : pump(a, s, err);
}

int kan_unpack(const struct kan_unpack *u, struct kan_err *err)
{
	struct state s = {.u = u};
	struct archive *a = archive_read_new();
	if (!a)
		return kan_fail(err, KAN_EIO, "unpack: libarchive cannot read");
	int rc = run(a, &s, err);
	(void)archive_read_free(a);
	return rc;
}
