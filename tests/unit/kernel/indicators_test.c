/* The file of indicators: what a line means, and which lines are refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/indicators.h"

#define DIGITS "0123456789abcdef"
#define SIXTY_FOUR DIGITS DIGITS DIGITS DIGITS

static struct kan_indicators *parse(const char *text)
{
	struct kan_indicators *i = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_indicators_parse(&i, kan_bytes_of(text), &err), 0, "%s", err.text);
	return i;
}

static void is(const struct kan_indicators *i, size_t k, unsigned line, struct kan_bytes bytes)
{
	cr_assert_lt(k, i->n);
	cr_assert_eq(i->v[k].line, line);
	cr_assert(kan_bytes_eq(i->v[k].bytes, bytes), "line %u", line);
}

Test(indicators, a_line_is_a_string_a_pattern_or_a_digest)
{
	struct kan_indicators *i =
		parse("# campaign 7\n\nevil.example\r\nhex:DEADbeef00\n"
		      "sha256:" SIXTY_FOUR "\n" SIXTY_FOUR "\n"
		      "text:# not a comment\ntext:" SIXTY_FOUR "\n  spaces \nlast");
	cr_assert_eq(i->n, 8);
	is(i, 0, 3, KAN_LIT("evil.example"));
	is(i, 1, 4, KAN_LIT("\xde\xad\xbe\xef\x00"));
	cr_assert(i->v[2].digest && i->v[3].digest && i->v[2].line == 5);
	cr_assert(kan_bytes_eq(i->v[2].bytes, i->v[3].bytes) && i->v[2].bytes.n == 32);
	cr_assert_eq(i->v[2].bytes.p[1], 0x23);
	is(i, 4, 7, KAN_LIT("# not a comment"));
	is(i, 5, 8, KAN_LIT(SIXTY_FOUR));
	is(i, 6, 9, KAN_LIT("  spaces "));
	is(i, 7, 10, KAN_LIT("last"));
	cr_assert_eq(i->n_strings, 6);
	cr_assert_eq(i->n_digests, 2);
	kan_indicators_free(i);
}

Test(indicators, what_is_wrong_is_a_usage_error_with_its_line)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "no indicator"},
		{"# only this\n\n", "no indicator"},
		{"good\nabc\n", "line 2"},
		{"hex:abc\n", "line 1"},
		{"\n\nhex:zz00112233\n", "line 3"},
		{"hex:aabbcc\n", "line 1"},
		{"sha256:1234\n", "line 1"},
		{"sha256:" DIGITS DIGITS DIGITS "0123456789abcdeX\n", "line 1"},
		{"text:\n", "line 1"},
		{"good\n" SIXTY_FOUR "  a.out\n", "line 2: more than a digest"},
		{DIGITS DIGITS "\n", "line 1: a digest of 32 digits"},
		{DIGITS DIGITS "01234567\r\n", "line 1: a digest of 40 digits"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_indicators *out = NULL;
		struct kan_err err = {0};
		cr_expect_eq(kan_indicators_parse(&out, kan_bytes_of(bad[i].text), &err), -1, "%s",
			     bad[i].text);
		cr_expect_eq(err.code, KAN_EUSAGE);
		cr_expect_not_null(strstr(err.text, bad[i].says), "%s", err.text);
		cr_expect_null(out);
	}
}

Test(indicators, a_text_of_two_octets_a_letter_is_refused_and_a_mark_of_utf_8_is_passed_over)
{
	static const char wide[] = "\xff\xfe"
				   "e\0v\0i\0l\0\n";
	struct kan_indicators *out = NULL;
	struct kan_err err = {0};
	struct kan_bytes text = {(const uint8_t *)wide, sizeof(wide)};
	cr_assert_eq(kan_indicators_parse(&out, text, &err), -1);
	cr_assert_not_null(strstr(err.text, "UTF-16"), "%s", err.text);
	struct kan_indicators *i = parse("\xef\xbb\xbf"
					 "evil.example\r\n");
	is(i, 0, 1, KAN_LIT("evil.example"));
	kan_indicators_free(i);
	i = parse("text:" DIGITS DIGITS "\nhex:" DIGITS DIGITS "\n");
	is(i, 0, 1, KAN_LIT(DIGITS DIGITS));
	cr_assert_eq(i->v[1].bytes.n, 16);
	kan_indicators_free(i);
}

static int numbered(unsigned n, unsigned width, struct kan_err *err)
{
	struct kan_indicators *i = NULL;
	struct kan_buf text = KAN_BUF(8 << 20);
	for (unsigned k = 0; k < n; k++)
		kan_buf_addf(&text, "%0*u\n", (int)width, k);
	int rc = kan_indicators_parse(&i, kan_buf_bytes(&text), err);
	kan_buf_free(&text);
	if (rc == 0)
		cr_assert_eq(i->n, n);
	kan_indicators_free(i);
	return rc;
}

Test(indicators, there_are_as_many_as_allowed_and_no_more)
{
	struct kan_err err = {0};
	cr_assert_eq(numbered(4096, 8, &err), 0);
	cr_assert_eq(numbered(4097, 8, &err), -1);
	cr_assert_not_null(strstr(err.text, "line 4097"), "%s", err.text);
	cr_assert_eq(numbered(1, 1024, &err), 0);
	cr_assert_eq(numbered(1, 1025, &err), -1);
	cr_assert_eq(numbered(1000, 500, &err), -1, "all together are too long");
	cr_assert_not_null(strstr(err.text, "together"), "%s", err.text);
	cr_assert_eq(numbered(1050, 1000, &err), -1, "the file is too long");
}

static void on_digest(size_t indicator, void *arg)
{
	unsigned *mask = arg;
	*mask |= 1u << indicator;
}

Test(indicators, a_digest_names_every_line_that_has_it)
{
	uint8_t digest[32] = {0};
	unsigned mask = 0;
	struct kan_buf text = KAN_BUF(4096);
	for (unsigned i = 0; i < 6; i++)
		kan_buf_addf(&text, "sha256:%064x\n", i % 4);
	struct kan_indicators *i = parse(kan_buf_str(&text));
	digest[31] = 1;
	kan_indicators_digest(i, digest, on_digest, &mask);
	cr_assert_eq(mask, 1u << 1 | 1u << 5);
	mask = 0;
	digest[0] = 9;
	kan_indicators_digest(i, digest, on_digest, &mask);
	cr_assert_eq(mask, 0);
	kan_indicators_free(i);
	kan_buf_free(&text);
}
