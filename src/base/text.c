/* Text for display out of any bytes, and base64 of the exact ones. */
#include <string.h>

#include "base/row.h"

static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */

/* Length of the UTF-8 character at p (RFC 3629: no overlongs, no surrogates, up to U+10FFFF), 0
 * when invalid. */
static size_t utf8_at(uint32_t *c, const uint8_t *p, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80                   ? 1
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		     : (p[0] & 0xf0) == 0xe0       ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						   : 0;
	if (len == 0 || len > n)
		return 0;
	uint32_t v = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*c = v;
	return len;
}

static bool hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Printable ASCII from p on: most of all text, taken in one piece. */
static size_t plain(const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (i < n && p[i] >= 0x20 && p[i] < 0x7f)
		i++;
	return i;
}

static bool replaced(struct kan_buf *out, struct kan_bytes v, bool keep_hidden)
{
	bool clean = true;
	for (size_t i = 0; i < v.n;) {
		uint32_t c = 0;
		size_t len = plain(v.p + i, v.n - i);
		bool good = len > 0;
		if (!good) {
			len = utf8_at(&c, v.p + i, v.n - i);
			good = len && (keep_hidden || !hidden(c));
		}
		if (good)
			kan_buf_add(out, v.p + i, len);
		else
			kan_buf_add(out, replacement, sizeof(replacement));
		clean &= good;
		i += len ? len : 1;
	}
	return clean;
}

bool kan_text_clean(struct kan_buf *out, struct kan_bytes v)
{
	return replaced(out, v, false);
}

bool kan_text_utf8(struct kan_buf *out, struct kan_bytes v)
{
	return replaced(out, v, true);
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void kan_base64(struct kan_buf *out, struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i += 3) {
		size_t left = v.n - i;
		uint32_t w = (uint32_t)v.p[i] << 16 | (left > 1 ? (uint32_t)v.p[i + 1] << 8 : 0) |
			     (left > 2 ? v.p[i + 2] : 0);
		char four[4] = {digits[w >> 18], digits[w >> 12 & 63],
				left > 1 ? digits[w >> 6 & 63] : '=',
				left > 2 ? digits[w & 63] : '='};
		kan_buf_add(out, four, sizeof(four));
	}
}

static int digit_of(uint8_t c)
{
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static int decode_four(struct kan_buf *out, const uint8_t *p, bool last)
{
	size_t pad = p[3] == '=' ? p[2] == '=' ? 2 : 1 : 0;
	uint32_t w = 0;
	if (pad && !last)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int d = i < 4 - pad ? digit_of(p[i]) : 0;
		if (d < 0)
			return -1;
		w = w << 6 | (uint32_t)d;
	}
	if ((pad == 1 && (w & 0xff)) || (pad == 2 && (w & 0xffff)))
		return -1; /* bits behind the end: two spellings of one value */
	uint8_t three[3] = {(uint8_t)(w >> 16), (uint8_t)(w >> 8), (uint8_t)w};
	kan_buf_add(out, three, 3 - pad);
	return 0;
}

int kan_base64_decode(struct kan_buf *out, struct kan_bytes text, struct kan_err *err)
{
	if (text.n % 4)
		return kan_fail(err, KAN_EFORMAT, "base64: length is no multiple of 4");
	for (size_t i = 0; i < text.n; i += 4)
		if (decode_four(out, text.p + i, i + 4 == text.n) < 0)
			return kan_fail(err, KAN_EFORMAT, "base64: bad character at %zu", i);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "base64: over %zu bytes", out->max) : 0;
}
