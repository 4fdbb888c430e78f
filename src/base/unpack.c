/* Decompression by libarchive's filters, around nothing but raw bytes. */
#include "base/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

struct kan_unpacker {
	struct kan_unpack u;
	struct archive *a;
	struct kan_err err; /* of in */
	uint64_t out;
	bool empty;
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **p)
{
	struct kan_unpacker *s = arg;
	ssize_t n = s->u.in(s->u.in_arg, p, &s->err);
	if (n < 0)
		archive_set_error(a, EIO, "%s", s->err.text);
	return n;
}

static int fail(const struct kan_unpacker *s, struct kan_err *err)
{
	const char *why = archive_error_string(s->a);
	if (s->err.code != KAN_OK && err)
		*err = s->err;
	if (s->err.code != KAN_OK)
		return -1;
	return kan_fail(err, KAN_EFORMAT, "unpack: %.200s", why ? why : "malformed");
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

static int begin(struct kan_unpacker *s, struct kan_err *err)
{
	struct archive_entry *e = NULL;
	if (prepare(s->a) < 0)
		return kan_fail(err, KAN_EUNSUPPORTED, "unpack: libarchive without gzip or zstd");
	if (archive_read_open(s->a, s, NULL, on_read, NULL) != ARCHIVE_OK)
		return fail(s, err);
	int rc = archive_read_next_header(s->a, &e);
	s->empty = rc == ARCHIVE_EOF;
	return rc < ARCHIVE_WARN ? fail(s, err) : 0;
}

int kan_unpacker_open(struct kan_unpacker **out, const struct kan_unpack *u, struct kan_err *err)
{
	struct archive *a = archive_read_new();
	if (!a)
		return kan_fail(err, KAN_EIO, "unpack: libarchive cannot read");
	struct kan_unpacker *s = kan_xalloc(sizeof(*s));
	*s = (struct kan_unpacker){.u = *u, .a = a};
	if (begin(s, err) < 0) {
		kan_unpacker_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

ssize_t kan_unpacker_next(const void **p, struct kan_unpacker *s, struct kan_err *err)
{
	size_t n = 0;
	la_int64_t at = 0;
	int rc = s->empty ? ARCHIVE_EOF : ARCHIVE_OK;
	while (rc != ARCHIVE_EOF && n == 0) {
		rc = archive_read_data_block(s->a, p, &n, &at);
		if (rc < ARCHIVE_WARN)
			return fail(s, err);
	}
	if (rc == ARCHIVE_EOF)
		return 0;
	s->out += n;
	if (s->out > s->u.max)
		return kan_fail(err, KAN_ELIMIT, "unpack: over %llu bytes",
				(unsigned long long)s->u.max);
	return (ssize_t)n;
}

void kan_unpacker_free(struct kan_unpacker *s)
{
	if (s)
		(void)archive_read_free(s->a);
	free(s);
}

int kan_unpack(const struct kan_unpack *u, struct kan_err *err)
{
	struct kan_unpacker *s = NULL;
	const void *p = NULL;
	ssize_t n = 0;
	int rc = kan_unpacker_open(&s, u, err);
	while (rc == 0 && (n = kan_unpacker_next(&p, s, err)) > 0)
		rc = u->out((struct kan_bytes){p, (size_t)n}, u->out_arg, err);
	kan_unpacker_free(s);
	return n < 0 || rc < 0 ? -1 : 0;
}

static ssize_t all_at_once(void *arg, const void **p, struct kan_err *err)
{
	struct kan_bytes *rest = arg;
	(void)err;
	ssize_t n = (ssize_t)rest->n;
	*p = rest->p;
	rest->n = 0;
	return n;
}

int kan_unpack_bytes(struct kan_bytes packed, uint64_t max, kan_unpack_out_fn *out, void *arg,
		     struct kan_err *err)
{
	const struct kan_unpack u = {
		.in = all_at_once, .in_arg = &packed, .out = out, .out_arg = arg, .max = max};
	return kan_unpack(&u, err);
}
