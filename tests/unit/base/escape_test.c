/* Escapes: whatever goes in, nothing active comes out. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "random.h"

enum { ROUNDS = 3000, VALUE = 200 };
typedef void escape_fn(struct kan_buf *out, struct kan_bytes v);

static void gives(escape_fn *escape, struct kan_bytes in, const char *want)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1024);
	escape(&out, in);
	cr_assert_str_eq(kan_buf_str(&out), want);
}

Test(escape, a_terminal_sees_control_and_bidi_as_text)
{
	gives(kan_escape_terminal, KAN_LIT("a\x1b[31m\n"), "a\\x1b[31m\\x0a");
	gives(kan_escape_terminal,
	      KAN_LIT("\xe2\x80\xae"
		      "fdp.exe"),
	      "\\xe2\\x80\\xae"
	      "fdp.exe");
	gives(kan_escape_terminal,
	      KAN_LIT("\xc2\x9b"
		      "1m\xff\xe9\x91\x91"),
	      "\\xc2\\x9b"
	      "1m\\xff\xe9\x91\x91");
	gives(kan_escape_terminal, KAN_LIT("\xe2\x80"), "\\xe2\\x80");
}

Test(escape, html_has_no_markup_left)
{
	gives(kan_escape_html, KAN_LIT("<script a='\"&'>"),
	      "&lt;script a=&#39;&quot;&amp;&#39;&gt;");
	gives(kan_escape_html, KAN_LIT("\xc0\xbc"), "\\xc0\\xbc");
}

Test(escape, markdown_is_a_code_span_that_the_data_cannot_close)
{
	gives(kan_escape_markdown, KAN_LIT("a b"), "`a b`");
	gives(kan_escape_markdown, KAN_LIT("a``b"), "```a``b```");
	gives(kan_escape_markdown, KAN_LIT("`"), "`` ` ``");
	gives(kan_escape_markdown, KAN_LIT("[x](javascript:1)|"), "`[x](javascript:1)\\|`");
	gives(kan_escape_markdown, KAN_LIT(""), "` `");
}

Test(escape, csv_has_no_formula_and_no_open_quote)
{
	gives(kan_escape_csv, KAN_LIT("=1+1"), "\"'=1+1\"");
	gives(kan_escape_csv, KAN_LIT("-x\"y\""), "\"'-x\"\"y\"\"\"");
	gives(kan_escape_csv, KAN_LIT("\t1"), "\"'\t1\"");
	gives(kan_escape_csv, KAN_LIT(""), "\"\"");
}

static size_t run_of(const char *s, char c)
{
	size_t n = 0;
	while (s[n] == c)
		n++;
	return n;
}

static void inert_markdown(const char *s)
{
	size_t n = strlen(s), fence = run_of(s, '`'), inside = 0;
	cr_assert_gt(fence, 0);
	for (const char *at = s + fence; at < s + n - fence; at++) {
		inside = *at == '`' ? inside + 1 : 0;
		cr_assert_neq(inside, fence, "closed early: %s", s);
	}
}

static void inert_csv(struct kan_bytes b)
{
	cr_assert(b.n >= 2 && b.p[0] == '"' && b.p[b.n - 1] == '"');
	cr_assert_null(memchr("=+-@\t\r", b.p[1], 6));
	for (size_t i = 1; i + 1 < b.n; i++)
		if (b.p[i] == '"')
			cr_assert_eq(b.p[++i], '"');
}

Test(escape, no_bytes_leave_an_active_character)
{
	uint64_t seed = 5;
	for (int i = 0; i < ROUNDS; i++) {
		uint8_t raw[VALUE];
		struct kan_bytes v = {raw, test_bytes(raw, sizeof(raw), &seed)};
		kan_auto_buf struct kan_buf term = KAN_BUF(4096), html = KAN_BUF(8192),
					    md = KAN_BUF(8192);
		kan_auto_buf struct kan_buf csv = KAN_BUF(4096), probe = KAN_BUF(8192);
		kan_escape_terminal(&term, v);
		kan_escape_html(&html, v);
		kan_escape_markdown(&md, v);
		kan_escape_csv(&csv, v);
		cr_assert_not(term.failed || html.failed || md.failed || csv.failed);
		cr_assert(kan_text_clean(&probe, kan_buf_bytes(&term)));
		kan_buf_reset(&probe);
		cr_assert(kan_text_clean(&probe, kan_buf_bytes(&html)));
		cr_assert_null(strpbrk(kan_buf_str(&html), "<>\"'"));
		kan_buf_reset(&probe);
		cr_assert(kan_text_clean(&probe, kan_buf_bytes(&md)));
		inert_markdown(kan_buf_str(&md));
		inert_csv(kan_buf_bytes(&csv));
	}
}

Test(escape, columns_count_what_a_terminal_shows)
{
	cr_assert_eq(kan_columns(KAN_LIT("abc")), 3);
	cr_assert_eq(kan_columns(KAN_LIT("\xe9\x91\x91\xe8\xad\x98")), 4);
	cr_assert_eq(kan_columns(KAN_LIT("e\xcc\x81")), 1);
	cr_assert_eq(kan_columns(KAN_LIT("")), 0);
}

static void cut(const char *in, size_t columns, const char *want)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(64);
	kan_cut_columns(&out, kan_bytes_of(in), columns);
	cr_assert_str_eq(kan_buf_str(&out), want);
	cr_assert_leq(kan_columns(kan_buf_bytes(&out)), columns);
}

Test(escape, a_cut_text_fits_and_shows_that_it_was_cut)
{
	cut("abcdef", 6, "abcdef");
	cut("abcdef", 5, "abcd\xe2\x80\xa6");
	cut("\xe9\x91\x91\xe8\xad\x98x", 4, "\xe9\x91\x91\xe2\x80\xa6");
	cut("abc", 1, "\xe2\x80\xa6");
	cut("abc", 0, "");
}

static void json_is(const char *in, const char *want)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(256);
	kan_escape_json(&out, kan_bytes_of(in));
	cr_assert_str_eq(kan_buf_str(&out), want);
}

Test(escape, a_json_line_has_nothing_in_it_that_a_terminal_acts_on)
{
	json_is("{\"a\":\"b \\u001b\"}", "{\"a\":\"b \\u001b\"}");
	json_is("\"x\x7f\xc2\x9b"
		"2J\xe2\x80\xae\xc3\xa9\"",
		"\"x\\u007f\\u009b2J\\u202e\xc3\xa9\"");
	json_is("\"\xd8\x9c\xe2\x81\xa9\xf0\x9f\x98\x80\"", "\"\\u061c\\u2069\xf0\x9f\x98\x80\"");
}
