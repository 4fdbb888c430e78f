/* The SSH wire format: length-prefixed strings, and base64 between two marker lines. */
#include "custody/sshwire.h"

#include "base/row.h"

#include <string.h>

static struct kan_bytes take(struct kan_wire *w, size_t n)
{
	struct kan_bytes v = {0};

	if (w->bad || n > w->rest.n) {
		w->bad = true;
		return v;
	}
	v = (struct kan_bytes){w->rest.p, n};
	if (n)
		w->rest.p += n;
	w->rest.n -= n;
	return v;
}

uint32_t kan_wire_u32(struct kan_wire *w)
{
	struct kan_bytes v = take(w, 4);

	if (w->bad)
		return 0;
	return (uint32_t)v.p[0] << 24 | (uint32_t)v.p[1] << 16 | (uint32_t)v.p[2] << 8 | v.p[3];
}

struct kan_bytes kan_wire_str(struct kan_wire *w)
{
	return take(w, kan_wire_u32(w));
}

struct kan_bytes kan_wire_mpint(struct kan_wire *w)
{
	struct kan_bytes v = kan_wire_str(w);
	bool zero = v.n && v.p[0] == 0;

	/* Negative, 0, or a zero in front that nothing needs: RFC 4251 section 5 has none of it. */
	if (!v.n || v.p[0] >= 0x80 || (zero && (v.n < 2 || v.p[1] < 0x80)))
		w->bad = true;
	if (w->bad)
		return (struct kan_bytes){0};
	return (struct kan_bytes){v.p + zero, v.n - zero};
}

void kan_wire_expect(struct kan_wire *w, struct kan_bytes magic)
{
	struct kan_bytes v = take(w, magic.n);

	if (!w->bad && !kan_bytes_eq(v, magic))
		w->bad = true;
}

bool kan_wire_done(const struct kan_wire *w)
{
	return !w->bad && w->rest.n == 0;
}

void kan_wire_put_u32(struct kan_buf *out, uint32_t v)
{
	const uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
			       (uint8_t)v};

	kan_buf_add(out, be, sizeof(be));
}

void kan_wire_put_str(struct kan_buf *out, struct kan_bytes v)
{
	kan_wire_put_u32(out, (uint32_t)v.n);
	kan_buf_addb(out, v);
}

void kan_wire_put_mpint(struct kan_buf *out, struct kan_bytes v)
{
	bool high = v.n && v.p[0] >= 0x80;

	kan_wire_put_u32(out, (uint32_t)(v.n + high));
	if (high)
		kan_buf_addc(out, 0);
	kan_buf_addb(out, v);
}

void kan_wire_armour(struct kan_buf *out, const char *what, struct kan_bytes body)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(2 * KAN_WIRE_MAX);

	kan_base64(&text, body);
	if (text.failed)
		out->failed = true;
	kan_buf_addf(out, "-----BEGIN %s-----\n", what);
	for (size_t at = 0; at < text.len; at += KAN_WIRE_ARMOUR_COLUMNS) {
		size_t n = text.len - at;

		kan_buf_add(out, text.data + at,
			    n < KAN_WIRE_ARMOUR_COLUMNS ? n : KAN_WIRE_ARMOUR_COLUMNS);
		kan_buf_addc(out, '\n');
	}
	kan_buf_addf(out, "-----END %s-----\n", what);
}

/* Cut a whole marker line off the front of *text. */
static bool marker(struct kan_bytes *text, const char *edge, const char *what, bool last)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(256);

	kan_buf_addf(&line, "-----%s %s-----", edge, what);
	if (line.failed || text->n < line.len || memcmp(text->p, line.data, line.len) != 0)
		return false;
	text->p += line.len;
	text->n -= line.len;
	if (text->n == 0)
		return last;
	if (text->p[0] != '\n')
		return false;
	text->p++;
	text->n--;
	return true;
}

int kan_wire_dearmour(struct kan_buf *out, const char *what, struct kan_bytes text,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(2 * KAN_WIRE_MAX);

	if (!text.n || !marker(&text, "BEGIN", what, false))
		return kan_fail(err, KAN_EFORMAT, "no line BEGIN %s", what);
	while (text.n && text.p[0] != '-') {
		const uint8_t *end = memchr(text.p, '\n', text.n);

		if (!end)
			return kan_fail(err, KAN_EFORMAT, "no line END %s", what);
		kan_buf_add(&body, text.p, (size_t)(end - text.p));
		text.n -= (size_t)(end - text.p) + 1;
		text.p = end + 1;
	}
	if (!marker(&text, "END", what, true))
		return kan_fail(err, KAN_EFORMAT, "no line END %s", what);
	if (text.n)
		return kan_fail(err, KAN_EFORMAT, "bytes after the line END %s", what);
	if (body.failed)
		return kan_fail(err, KAN_ELIMIT, "%s longer than %d bytes", what, KAN_WIRE_MAX);
	return kan_base64_decode(out, kan_buf_bytes(&body), err);
}
