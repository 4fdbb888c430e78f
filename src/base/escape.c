/* Escapes, one a sink. */
#include "base/escape.h"

#include <string.h>

#include "base/row.h"

/* Length of a UTF-8 character by its first byte; 1 for a byte that cannot begin one. */
static size_t length_of(uint8_t first)
{
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
}

typedef void literal_fn(struct kan_buf *out, struct kan_bytes character);

/* How a sink writes what may go through, and what must not. */
struct form {
	literal_fn *literal, *hidden;
};

static void as_is(struct kan_buf *out, struct kan_bytes c)
{
	kan_buf_addb(out, c);
}

/* Plain characters from i on that may go through together. */
static size_t run_of(struct kan_bytes v, size_t i, const struct form *form)
{
	size_t end = i + 1;
	while (form->literal == as_is && end < v.n && v.p[end] >= 0x20 && v.p[end] < 0x7f)
		end++;
	return end - i;
}

/*
 * Character by character: what a display would act on goes through hidden, the rest through
 * literal. kan_text_clean is the one place that knows which characters those are.
 */
static void in_form(struct kan_buf *out, struct kan_bytes v, const struct form *form)
{
	struct kan_buf probe = KAN_BUF(16);
	for (size_t i = 0; i < v.n;) {
		uint8_t c = v.p[i];
		if (c >= 0x20 && c < 0x7f) {
			size_t n = run_of(v, i, form);
			form->literal(out, (struct kan_bytes){v.p + i, n});
			i += n;
			continue;
		}
		size_t len = length_of(c) <= v.n - i ? length_of(c) : 1;
		kan_buf_reset(&probe);
		if (kan_text_clean(&probe, (struct kan_bytes){v.p + i, len})) {
			form->literal(out, (struct kan_bytes){v.p + i, len});
			i += len;
			continue;
		}
		/* A hidden character is escaped whole, an invalid byte alone. */
		size_t bad = probe.len == 3 ? len : 1;
		form->hidden(out, (struct kan_bytes){v.p + i, bad});
		i += bad;
	}
	kan_buf_free(&probe);
}

static void octets(struct kan_buf *out, struct kan_bytes c)
{
	for (size_t i = 0; i < c.n; i++)
		kan_buf_addf(out, "\\x%02x", c.p[i]);
}

static void visible(struct kan_buf *out, struct kan_bytes v, literal_fn *literal)
{
	const struct form form = {literal, octets};
	in_form(out, v, &form);
}

void kan_escape_terminal(struct kan_buf *out, struct kan_bytes v)
{
	visible(out, v, as_is);
}

/* All that is hidden lies below U+10000. */
static void code_point(struct kan_buf *out, struct kan_bytes c)
{
	unsigned v = c.n == 1 ? c.p[0] : c.p[0] & (0xffu >> (c.n + 1));
	for (size_t i = 1; i < c.n; i++)
		v = v << 6 | (c.p[i] & 0x3fu);
	kan_buf_addf(out, "\\u%04x", v);
}

void kan_escape_json(struct kan_buf *out, struct kan_bytes v)
{
	static const struct form form = {as_is, code_point};
	in_form(out, v, &form);
}

static void html(struct kan_buf *out, struct kan_bytes c)
{
	switch (c.p[0]) {
	case '&':
		kan_buf_adds(out, "&amp;");
		return;
	case '<':
		kan_buf_adds(out, "&lt;");
		return;
	case '>':
		kan_buf_adds(out, "&gt;");
		return;
	case '"':
		kan_buf_adds(out, "&quot;");
		return;
	case '\'':
		kan_buf_adds(out, "&#39;");
		return;
	default:
		kan_buf_addb(out, c);
	}
}

void kan_escape_html(struct kan_buf *out, struct kan_bytes v)
{
	visible(out, v, html);
}

static size_t longest_run(struct kan_bytes v, char c)
{
	size_t best = 0, run = 0;
	for (size_t i = 0; i < v.n; i++) {
		run = v.p[i] == (uint8_t)c ? run + 1 : 0;
		best = run > best ? run : best;
	}
	return best;
}

/* CommonMark 6.1: a code span; a backtick string inside needs a longer fence and a space at a
 * touching end. */
void kan_escape_markdown(struct kan_buf *out, struct kan_bytes v)
{
	struct kan_buf text = KAN_BUF(v.n * 4 + 1);
	visible(&text, v, as_is);
	struct kan_bytes t = kan_buf_bytes(&text);
	size_t fence = longest_run(t, '`') + 1;
	bool space = t.n == 0 || t.p[0] == '`' || t.p[t.n - 1] == '`' || t.p[0] == ' ';
	for (size_t i = 0; i < fence; i++)
		kan_buf_addc(out, '`');
	if (space)
		kan_buf_addc(out, ' ');
	/* A cell of a table ends at |, also inside a span. */
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '|')
			kan_buf_adds(out, "\\");
		kan_buf_addc(out, (char)t.p[i]);
	}
	if (space && t.n)
		kan_buf_addc(out, ' ');
	for (size_t i = 0; i < fence; i++)
		kan_buf_addc(out, '`');
	kan_buf_free(&text);
}

void kan_escape_csv(struct kan_buf *out, struct kan_bytes v)
{
	kan_buf_addc(out, '"');
	if (v.n && memchr("=+-@\t\r", v.p[0], 6))
		kan_buf_addc(out, '\'');
	for (size_t i = 0; i < v.n;) {
		const uint8_t *quote = memchr(v.p + i, '"', v.n - i);
		size_t n = quote ? (size_t)(quote - v.p) - i + 1 : v.n - i;
		kan_buf_add(out, v.p + i, n);
		if (quote)
			kan_buf_addc(out, '"');
		i += n;
	}
	kan_buf_addc(out, '"');
}

struct range {
	uint32_t first, last;
};

static bool within(uint32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

/* Unicode 15 East Asian Width W and F, in coarse blocks; combining marks and joiners have no
 * column. */
static const struct range wide[] = {
	{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
	{0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
static const struct range none[] = {{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},
				    {0x064b, 0x065f}, {0x200b, 0x200d}, {0x20d0, 0x20ff},
				    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef}};

static size_t width_at(size_t *len, struct kan_bytes v, size_t i)
{
	uint8_t b = v.p[i];
	size_t n = length_of(b);
	if (b < 0x80) {
		*len = 1;
		return 1;
	}
	uint32_t c = n == 1 ? b : b & (0xffu >> (n + 1));
	if (n > v.n - i)
		n = 1;
	for (size_t k = 1; k < n; k++)
		c = c << 6 | (v.p[i + k] & 0x3f);
	*len = n;
	if (within(c, none, sizeof(none) / sizeof(none[0])))
		return 0;
	return within(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

size_t kan_columns(struct kan_bytes v)
{
	size_t columns = 0, len = 1;
	for (size_t i = 0; i < v.n; i += len)
		columns += width_at(&len, v, i);
	return columns;
}

void kan_cut_columns(struct kan_buf *out, struct kan_bytes v, size_t columns)
{
	size_t used = 0, len = 1, i = 0;
	if (kan_columns(v) <= columns) {
		kan_buf_addb(out, v);
		return;
	}
	if (columns == 0)
		return;
	for (; i < v.n; i += len) {
		size_t w = width_at(&len, v, i);
		if (used + w > columns - 1)
			break;
		used += w;
	}
	kan_buf_add(out, v.p, i);
	kan_buf_adds(out, "…");
}
