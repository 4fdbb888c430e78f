/* One record of a log in the form of its driver. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/loglines.h"
#include "base/clock.h"

enum { STAMP_MAX = 64, HEX = 16, HEX_DIGITS = 4, VARINT_BITS = 7, LENGTH = 4 };

/* The next line, without its end. */
static bool next_line(struct kan_bytes *line, struct kan_bytes *left)
{
	if (left->n == 0)
		return false;
	const uint8_t *end = memchr(left->p, '\n', left->n);
	line->p = left->p;
	line->n = end ? (size_t)(end - left->p) : left->n;
	size_t step = line->n + (end != NULL);
	left->p += step;
	left->n -= step;
	return true;
}

static int64_t stamp_of(struct kan_bytes text)
{
	char stamp[STAMP_MAX];
	int64_t ns = 0;
	struct kan_err ignored = {0};
	if (text.n == 0 || text.n >= sizeof(stamp))
		return 0;
	memcpy(stamp, text.p, text.n);
	stamp[text.n] = 0;
	return kan_rfc3339_parse(&ns, stamp, &ignored) == 0 ? ns : 0;
}

static void put_utf8(struct kan_buf *out, unsigned c)
{
	if (c < 0x80) {
		kan_buf_addc(out, (char)c);
	} else if (c < 0x800) {
		kan_buf_addc(out, (char)(0xc0 | c >> 6));
		kan_buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		kan_buf_addc(out, (char)(0xe0 | c >> 12));
		kan_buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		kan_buf_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* One escape of a JSON string, behind the backslash; octets of it. */
static size_t unescape(struct kan_buf *out, struct kan_bytes v)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *known = v.p[0] ? strchr(from, v.p[0]) : NULL;
	char digits[HEX_DIGITS + 1] = {0};
	if (v.p[0] == 'u' && v.n > HEX_DIGITS) {
		memcpy(digits, v.p + 1, HEX_DIGITS);
		put_utf8(out, (unsigned)strtoul(digits, NULL, HEX));
		return 1 + HEX_DIGITS;
	}
	kan_buf_addc(out, known ? to[known - from] : (char)v.p[0]);
	return 1;
}

/* The string behind "key":" in a flat object; *end is where it ends. decoded NULL: as it is. */
static bool string_of(struct kan_bytes *value, struct kan_bytes line, const char *key,
		      struct kan_buf *decoded)
{
	const uint8_t *at = memmem(line.p, line.n, key, strlen(key));
	if (!at)
		return false;
	size_t i = (size_t)(at - line.p) + strlen(key), from = i;
	while (i < line.n && line.p[i] != '"') {
		struct kan_bytes rest = {line.p + i + 1, line.n - i - 1};
		if (line.p[i] == '\\' && rest.n == 0)
			break;
		if (line.p[i] == '\\' && decoded)
			i += 1 + unescape(decoded, rest);
		else if (line.p[i] == '\\')
			i += 2;
		else {
			if (decoded)
				kan_buf_addc(decoded, (char)line.p[i]);
			i++;
		}
	}
	*value = decoded ? kan_buf_bytes(decoded) : (struct kan_bytes){line.p + from, i - from};
	return i < line.n;
}

static void without_end(struct kan_bytes *text)
{
	while (text->n && (text->p[text->n - 1] == '\n' || text->p[text->n - 1] == '\r'))
		text->n--;
}

/* {"log":"text\n","stream":"stdout","time":"..."} */
bool kan_log_json(struct kan_log_line *out, struct kan_bytes *left, struct kan_buf *decoded)
{
	struct kan_bytes line, stream = {0}, stamp = {0};
	if (!next_line(&line, left))
		return false;
	kan_buf_reset(decoded);
	out->text = (struct kan_bytes){0};
	(void)string_of(&out->text, line, "\"log\":\"", decoded);
	without_end(&out->text);
	/* Behind the text, whose own words may look like keys. */
	const uint8_t *tail = line.n ? memrchr(line.p, '}', line.n) : NULL;
	size_t keep = tail && line.n > STAMP_MAX * 2 ? STAMP_MAX * 2 : line.n;
	struct kan_bytes end = {line.p + line.n - keep, keep};
	(void)string_of(&stream, end, "\"stream\":\"", NULL);
	(void)string_of(&stamp, end, "\"time\":\"", NULL);
	out->stream = kan_bytes_eq(stream, KAN_LIT("stderr"))   ? "stderr"
		      : kan_bytes_eq(stream, KAN_LIT("stdout")) ? "stdout"
								: "";
	out->time_ns = stamp_of(stamp);
	return true;
}

/* "2026-11-22T05:23:17.1+00:00 stdout F text" */
bool kan_log_k8s(struct kan_log_line *out, struct kan_bytes *left)
{
	struct kan_bytes line, part[3] = {{0}};
	if (!next_line(&line, left))
		return false;
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *space = line.n ? memchr(line.p, ' ', line.n) : NULL;
		part[i] = (struct kan_bytes){line.p, space ? (size_t)(space - line.p) : line.n};
		size_t step = part[i].n + (space != NULL);
		line.p += step;
		line.n -= step;
	}
	out->time_ns = stamp_of(part[0]);
	out->stream = kan_bytes_eq(part[1], KAN_LIT("stderr"))   ? "stderr"
		      : kan_bytes_eq(part[1], KAN_LIT("stdout")) ? "stdout"
								 : "";
	out->text = line;
	return true;
}

static bool varint(uint64_t *v, struct kan_bytes *left)
{
	*v = 0;
	for (unsigned shift = 0; left->n && shift < 64; shift += VARINT_BITS) {
		uint8_t c = *left->p++;
		left->n--;
		*v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

/* A field of a protobuf: a number, or octets. */
static bool field(uint64_t *key, uint64_t *number, struct kan_bytes *octets, struct kan_bytes *left)
{
	enum { KIND = 7, OCTETS = 2 };
	if (!varint(key, left) || !varint(number, left))
		return false;
	*octets = (struct kan_bytes){0};
	if ((*key & KIND) == OCTETS) {
		if (*number > left->n)
			return false;
		*octets = (struct kan_bytes){left->p, (size_t)*number};
		left->p += octets->n;
		left->n -= octets->n;
	}
	return (*key & KIND) == OCTETS || (*key & KIND) == 0;
}

static uint32_t be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

/* Length, LogEntry{1: source, 2: time_nano, 3: line}, the length again. */
bool kan_log_local(struct kan_log_line *out, struct kan_bytes *left)
{
	enum { SOURCE = 1, TIME = 2, LINE = 3, SHIFT = 3 };
	uint64_t key = 0, number = 0;
	struct kan_bytes octets;
	*out = (struct kan_log_line){.stream = ""};
	if (left->n < 2 * LENGTH)
		return false;
	size_t n = be32(left->p);
	if (n > left->n - 2 * LENGTH || be32(left->p + LENGTH + n) != n)
		return false;
	struct kan_bytes entry = {left->p + LENGTH, n};
	left->p += n + 2 * LENGTH;
	left->n -= n + 2 * LENGTH;
	while (entry.n && field(&key, &number, &octets, &entry)) {
		if (key >> SHIFT == SOURCE)
			out->stream = kan_bytes_eq(octets, KAN_LIT("stderr")) ? "stderr" : "stdout";
		if (key >> SHIFT == TIME)
			out->time_ns = (int64_t)number;
		if (key >> SHIFT == LINE)
			out->text = octets;
	}
	without_end(&out->text);
	return true;
}
