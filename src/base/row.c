/* One row of NDJSON, field by field into one buffer. */
#include "base/row.h"

#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

/* A small value takes a few KiB at most; ROOM holds all of them that a row has. */
enum { SMALL = 256, ROOM = KAN_ROW_ROOM };

void kan_row_init(struct kan_row *r)
{
	*r = (struct kan_row){.buf = KAN_BUF(KAN_ROW_MAX)};
}

void kan_row_free(struct kan_row *r)
{
	kan_buf_free(&r->buf);
}

void kan_row_begin(struct kan_row *r)
{
	kan_buf_reset(&r->buf);
	r->depth = 1;
	r->comma = r->cut = r->xattrs_cut = false;
	r->subject = (struct kan_bytes){0};
	kan_buf_addc(&r->buf, '{');
}

int kan_row_end(struct kan_bytes *line, struct kan_row *r, struct kan_err *err)
{
	kan_buf_adds(&r->buf, "}\n");
	if (r->buf.failed)
		return kan_fail(err, KAN_ELIMIT, "a row is over %d bytes", KAN_ROW_MAX);
	*line = kan_buf_bytes(&r->buf);
	return 0;
}

/* What jansson and every other parser want escaped; clean text has no control characters left. */
static size_t specials(struct kan_bytes v)
{
	size_t n = 0;
	for (size_t i = 0; i < v.n; i++)
		n += v.p[i] == '"' || v.p[i] == '\\';
	return n;
}

static void escape_from(struct kan_row *r, size_t at)
{
	struct kan_bytes tail = {r->buf.data + at, r->buf.len - at};
	if (r->buf.failed || specials(tail) == 0)
		return;
	kan_auto_free uint8_t *copy = kan_xalloc(tail.n);
	memcpy(copy, tail.p, tail.n);
	r->buf.len = at;
	for (size_t i = 0, from = 0; i <= tail.n; i++) {
		if (i < tail.n && copy[i] != '"' && copy[i] != '\\')
			continue;
		kan_buf_add(&r->buf, copy + from, i - from);
		if (i < tail.n)
			kan_buf_addc(&r->buf, '\\');
		from = i; /* the special itself leads the next run */
	}
}

static void key(struct kan_row *r, const char *name, const char *suffix)
{
	if (r->comma)
		kan_buf_addc(&r->buf, ',');
	r->comma = true;
	if (name) {
		kan_buf_addc(&r->buf, '"');
		kan_buf_adds(&r->buf, name);
		kan_buf_adds(&r->buf, suffix);
		kan_buf_add(&r->buf, "\":", 2);
	}
}

/* The display form; true when it is the bytes themselves. */
static bool text(struct kan_row *r, struct kan_bytes v)
{
	kan_buf_addc(&r->buf, '"');
	size_t at = r->buf.len;
	bool same = kan_text_clean(&r->buf, v);
	escape_from(r, at);
	kan_buf_addc(&r->buf, '"');
	return same;
}

static void base64(struct kan_row *r, struct kan_bytes v)
{
	kan_buf_addc(&r->buf, '"');
	kan_base64(&r->buf, v);
	kan_buf_addc(&r->buf, '"');
}

static void decimal(struct kan_row *r, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	kan_buf_add(&r->buf, digits + at, sizeof(digits) - at);
}

void kan_row_str(struct kan_row *r, const char *name, const char *ascii)
{
	key(r, name, "");
	(void)text(r, kan_bytes_of(ascii)); /* ours: always clean, and harmless if not */
}

/*
 * Big values. Text and base64 of hostile bytes take over four times their size, so a value within
 * its own limit may still not fit: then it is halved until it does, and room stays for the small
 * values that follow.
 */
struct big {
	const char *name;
	const struct kan_bytes *v; /* one value, or the elements of a list */
	size_t n;
	bool list;
	size_t octets; /* before any cut */
};

static bool elements(struct kan_row *r, const struct big *b, size_t limit, bool exact)
{
	bool clean = true;
	kan_buf_addc(&r->buf, '[');
	for (size_t i = 0, used = 0; i < b->n && used < limit; used += b->v[i].n + 1, i++) {
		size_t room = limit - used;
		struct kan_bytes one = {b->v[i].p, b->v[i].n < room ? b->v[i].n : room};
		if (i)
			kan_buf_addc(&r->buf, ',');
		if (exact)
			base64(r, one);
		else
			clean &= text(r, one);
	}
	kan_buf_addc(&r->buf, ']');
	return clean;
}

static void put_big(struct kan_row *r, const struct big *b, size_t limit)
{
	if (limit < b->octets) {
		key(r, b->name, "_len");
		decimal(r, b->octets);
	}
	struct kan_bytes one = b->n ? b->v[0] : (struct kan_bytes){0};
	one.n = one.n < limit ? one.n : limit;
	key(r, b->name, "");
	if (b->list ? elements(r, b, limit, false) : text(r, one))
		return;
	key(r, b->name, "_b64");
	if (b->list)
		(void)elements(r, b, limit, true);
	else
		base64(r, one);
}

static void big(struct kan_row *r, const struct big *b, size_t limit)
{
	const size_t len = r->buf.len;
	const bool comma = r->comma;
	if (r->buf.failed)
		return;
	for (;; limit /= 2) {
		/* Cut to nothing, it is small whatever it was. */
		r->buf.max = b->octets > SMALL && limit ? KAN_ROW_MAX - ROOM : KAN_ROW_MAX;
		put_big(r, b, limit);
		if (!r->buf.failed || limit == 0)
			break;
		r->buf.failed = false;
		r->buf.len = len;
		r->comma = comma;
	}
	r->buf.max = KAN_ROW_MAX;
	r->cut |= limit < b->octets;
}

void kan_row_bytes(struct kan_row *r, const char *name, struct kan_bytes v)
{
	if (!name) {
		key(r, NULL, "");
		(void)text(r, v); /* an element has no twin: kan_row_argv keeps exact ones */
		return;
	}
	big(r, &(struct big){.name = name, .v = &v, .n = 1, .octets = v.n}, KAN_ROW_PATH_MAX);
}

void kan_row_argv(struct kan_row *r, const char *name, const struct kan_bytes *v, size_t n)
{
	size_t octets = 0;
	for (size_t i = 0; i < n; i++)
		octets += v[i].n + 1;
	big(r, &(struct big){.name = name, .v = v, .n = n, .list = true, .octets = octets},
	    KAN_ROW_ARGV_MAX);
}

/* Views of the pieces up to each NUL, and of what follows the last. Yours: free() it. */
static struct kan_bytes *split(size_t *count, struct kan_bytes all)
{
	size_t n = 0, at = 0;
	for (size_t i = 0; i < all.n; i++)
		n += all.p[i] == 0;
	struct kan_bytes *v = kan_xrealloc(NULL, n + 1, sizeof(*v));
	for (n = 0; at < all.n; n++) {
		const uint8_t *nul = memchr(all.p + at, 0, all.n - at);
		v[n] = (struct kan_bytes){all.p + at,
					  nul ? (size_t)(nul - all.p) - at : all.n - at};
		at += v[n].n + 1;
	}
	*count = n;
	return v;
}

void kan_row_argv0(struct kan_row *r, const char *name, struct kan_bytes nul_separated)
{
	size_t n = 0;
	struct kan_bytes head = nul_separated;
	head.n = head.n < KAN_ROW_ARGV_MAX ? head.n : KAN_ROW_ARGV_MAX;
	kan_auto_free struct kan_bytes *v = split(&n, head);
	big(r, &(struct big){.name = name, .v = v, .n = n, .list = true, .octets = nul_separated.n},
	    KAN_ROW_ARGV_MAX);
}

void kan_row_int(struct kan_row *r, const char *name, int64_t v)
{
	key(r, name, "");
	if (v < 0)
		kan_buf_addc(&r->buf, '-');
	decimal(r, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void kan_row_uint(struct kan_row *r, const char *name, uint64_t v)
{
	key(r, name, "");
	decimal(r, v > INT64_MAX ? (uint64_t)INT64_MAX
				 : v); /* JSON integers of jansson end there: masks are strings */
}

void kan_row_bool(struct kan_row *r, const char *name, bool v)
{
	key(r, name, "");
	kan_buf_adds(&r->buf, v ? "true" : "false");
}

void kan_row_dec(struct kan_row *r, const char *name, uint64_t v)
{
	key(r, name, "");
	kan_buf_addc(&r->buf, '"');
	decimal(r, v);
	kan_buf_addc(&r->buf, '"');
}

void kan_row_mask(struct kan_row *r, const char *name, uint64_t v)
{
	key(r, name, "");
	kan_buf_addf(&r->buf, "\"0x%016" PRIx64 "\"", v);
}

void kan_row_dev(struct kan_row *r, const char *name, dev_t dev)
{
	key(r, name, "");
	kan_buf_addf(&r->buf, "\"%u:%u\"", major(dev), minor(dev));
}

void kan_row_mode(struct kan_row *r, const char *name, mode_t mode)
{
	key(r, name, "");
	kan_buf_addf(&r->buf, "\"%07o\"", (unsigned)mode);
}

static void open_with(struct kan_row *r, const char *name, char bracket)
{
	key(r, name, "");
	kan_buf_addc(&r->buf, bracket);
	r->comma = false;
	r->buf.failed |= ++r->depth > KAN_ROW_DEPTH;
}

static void close_with(struct kan_row *r, char bracket)
{
	kan_buf_addc(&r->buf, bracket);
	r->comma = true;
	r->depth--;
}

void kan_row_obj(struct kan_row *r, const char *name)
{
	open_with(r, name, '{');
}

void kan_row_obj_end(struct kan_row *r)
{
	close_with(r, '}');
}

void kan_row_arr(struct kan_row *r, const char *name)
{
	open_with(r, name, '[');
}

void kan_row_arr_end(struct kan_row *r)
{
	close_with(r, ']');
}
