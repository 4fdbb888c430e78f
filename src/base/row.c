/* One row of NDJSON, field by field into one buffer. */
#include "base/row.h"

#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

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
	r->comma = r->cut = false;
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

static void quoted(struct kan_buf *out, struct kan_bytes clean)
{
	kan_buf_addc(out, '"');
	for (size_t i = 0; i < clean.n; i++) {
		uint8_t c = clean.p[i];
		if (c == '"' || c == '\\')
			kan_buf_addc(out, '\\');
		kan_buf_addc(out, (char)c);
	}
	kan_buf_addc(out, '"');
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
		kan_buf_adds(&r->buf, "\":");
	}
}

/* The display form; true when it is the bytes themselves. */
static bool text(struct kan_row *r, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(KAN_ROW_MAX);
	bool same = kan_text_clean(&clean, v);
	r->buf.failed |= clean.failed;
	quoted(&r->buf, kan_buf_bytes(&clean));
	return same;
}

static void base64(struct kan_row *r, struct kan_bytes v)
{
	kan_buf_addc(&r->buf, '"');
	kan_base64(&r->buf, v);
	kan_buf_addc(&r->buf, '"');
}

void kan_row_str(struct kan_row *r, const char *name, const char *ascii)
{
	key(r, name, "");
	(void)text(r, kan_bytes_of(ascii)); /* ours: always clean, and harmless if not */
}

static struct kan_bytes cut_to(struct kan_row *r, const char *name, struct kan_bytes v, size_t max)
{
	if (v.n <= max || !name)
		return v;
	key(r, name, "_len");
	kan_buf_addf(&r->buf, "%zu", v.n);
	r->cut = true;
	return (struct kan_bytes){v.p, max};
}

void kan_row_bytes(struct kan_row *r, const char *name, struct kan_bytes v)
{
	v = cut_to(r, name, v, KAN_ROW_PATH_MAX);
	key(r, name, "");
	if (text(r, v) || !name)
		return;
	key(r, name, "_b64");
	base64(r, v);
}

void kan_row_argv(struct kan_row *r, const char *name, const struct kan_bytes *v, size_t n)
{
	bool clean = true;
	key(r, name, "");
	kan_buf_addc(&r->buf, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			kan_buf_addc(&r->buf, ',');
		clean &= text(r, v[i]);
	}
	kan_buf_addc(&r->buf, ']');
	if (clean)
		return;
	key(r, name, "_b64");
	kan_buf_addc(&r->buf, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			kan_buf_addc(&r->buf, ',');
		base64(r, v[i]);
	}
	kan_buf_addc(&r->buf, ']');
}

/* The next piece up to a NUL; the last may have none. */
static struct kan_bytes piece(struct kan_bytes *rest)
{
	const uint8_t *nul = memchr(rest->p, 0, rest->n);
	struct kan_bytes one = {rest->p, nul ? (size_t)(nul - rest->p) : rest->n};
	size_t used = one.n + (nul ? 1 : 0);
	rest->p += used;
	rest->n -= used;
	return one;
}

static bool array0(struct kan_row *r, struct kan_bytes v, bool exact)
{
	bool clean = true, first = true;
	kan_buf_addc(&r->buf, '[');
	while (v.n) {
		struct kan_bytes one = piece(&v);
		if (!first)
			kan_buf_addc(&r->buf, ',');
		first = false;
		if (exact)
			base64(r, one);
		else
			clean &= text(r, one);
	}
	kan_buf_addc(&r->buf, ']');
	return clean;
}

void kan_row_argv0(struct kan_row *r, const char *name, struct kan_bytes nul_separated)
{
	struct kan_bytes v = cut_to(r, name, nul_separated, KAN_ROW_ARGV_MAX);
	key(r, name, "");
	if (array0(r, v, false))
		return;
	key(r, name, "_b64");
	(void)array0(r, v, true);
}

void kan_row_int(struct kan_row *r, const char *name, int64_t v)
{
	key(r, name, "");
	kan_buf_addf(&r->buf, "%" PRId64, v);
}

void kan_row_uint(struct kan_row *r, const char *name, uint64_t v)
{
	key(r, name, "");
	kan_buf_addf(&r->buf, "%" PRIu64, v > INT64_MAX ? (uint64_t)INT64_MAX : v);
}

void kan_row_bool(struct kan_row *r, const char *name, bool v)
{
	key(r, name, "");
	kan_buf_adds(&r->buf, v ? "true" : "false");
}

void kan_row_dec(struct kan_row *r, const char *name, uint64_t v)
{
	key(r, name, "");
	kan_buf_addf(&r->buf, "\"%" PRIu64 "\"", v);
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
