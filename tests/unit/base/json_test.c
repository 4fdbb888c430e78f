/* Documents and rows from outside: limits first, then the parser. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/row.h"

static void refused(const char *line, enum kan_code code)
{
	json_t *row = NULL;
	struct kan_err err = {0};
	cr_assert_eq(kan_row_parse(&row, kan_bytes_of(line), &err), -1, "taken: %s", line);
	cr_assert_eq(err.code, code, "%s: %s", line, err.text);
	cr_assert_null(row, "out parameters stay untouched");
}

Test(json, a_row_is_one_object_with_keys_of_the_grammar)
{
	static const char *const bad[] = {"",
					  "[]",
					  "7",
					  "{\"a\":1} ",
					  "{\"a\":1}x",
					  "{\"a\":1}{}",
					  "{\"a\":1,\"a\":2}",
					  "{\"o\":{\"a\":1,\"a\":2}}",
					  "{\"A\":1}",
					  "{\"\":1}",
					  "{\"1a\":1}",
					  "{\"a-b\":1}",
					  "{\"a\":null}",
					  "{\"a\":1.5}",
					  "{\"a\":1e3}",
					  "{\"a\":[1,null]}",
					  "{\"a\":9223372036854775808}",
					  "{\"a\":\"\\u0000\"}",
					  "{\"a\":\"\xff\"}",
					  "{\"a\":\"\xed\xa0\x80\"}",
					  "{\"a\":1",
					  "{\"abcdefghijklmnopqrstuvwxyz0123456\":1}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], KAN_EFORMAT);
	json_t *row = NULL;
	cr_assert_eq(
		kan_row_parse(
			&row,
			KAN_LIT("{\"abcdefghijklmnopqrstuvwxyz012345\":{\"x_1\":[true,\"s\",-1]}}"),
			NULL),
		0);
	json_decref(row);
}

Test(json, depth_is_counted_before_the_parser_sees_it)
{
	static char text[2 << 20];
	json_t *doc = NULL;
	struct kan_err err = {0};
	memset(text, '[', sizeof(text));
	cr_assert_eq(kan_json_parse(&doc, (struct kan_bytes){(uint8_t *)text, sizeof(text)},
				    sizeof(text), 128, &err),
		     -1);
	cr_assert(strstr(err.text, "deeper than 128") != NULL, "%s", err.text);
	cr_assert_eq(kan_json_parse(&doc, KAN_LIT("[[[\"[[[[[[\\\"[[[\"]]]"), 100, 3, &err), 0);
	json_decref(doc);
	refused("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", KAN_EFORMAT);
}

enum { ROOM_TEXT = 128 << 10, ROOM_STEP = 48 << 10, ROOM_STEPS = 300 };

static size_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%lu", &pages), 1);
	(void)fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A document of one form, repeated; its numbers make keys and names differ. */
static void fill(struct kan_buf *text, const char *begin, const char *each, const char *end)
{
	kan_buf_adds(text, begin);
	for (unsigned i = 0; text->len < ROOM_TEXT; i++) {
		const char *at = strchr(each, '#');
		if (text->len > strlen(begin) && begin[1] != '"')
			kan_buf_addc(text, ',');
		kan_buf_addf(text, "%.*s", (int)(at ? at - each : (int)strlen(each)), each);
		if (at)
			kan_buf_addf(text, "%06x%s", i, at + 1);
	}
	kan_buf_adds(text, end);
}

/* Where memory ends, for a while: whole, or the limit is said, and never in the midst of a token.
 */
static void parse_at_the_end_of_memory(const char *begin, const char *each, const char *end)
{
	struct rlimit was;
	unsigned parsed = 0, limited = 0;
	kan_auto_buf struct kan_buf text = KAN_BUF(2 * ROOM_TEXT);
	fill(&text, begin, each, end);
	cr_assert_eq(getrlimit(RLIMIT_AS, &was), 0);
	for (size_t i = 0; i < ROOM_STEPS; i++) {
		struct kan_err err = {0};
		json_t *doc = NULL;
		struct rlimit most = {address_space() + i * ROOM_STEP, was.rlim_max};
		cr_assert_eq(setrlimit(RLIMIT_AS, &most), 0);
		int rc = kan_json_parse(&doc, kan_buf_bytes(&text), 2 * ROOM_TEXT, 8, &err);
		cr_assert_eq(setrlimit(RLIMIT_AS, &was), 0);
		parsed += rc == 0;
		limited += rc < 0;
		cr_assert(rc == 0 || err.code == KAN_ELIMIT, "%s: %s", each, err.text);
		json_decref(doc);
		(void)malloc_trim(0); /* each begins with as little */
	}
	cr_expect_gt(parsed, 0, "%s", each);
	cr_expect_gt(limited, 0, "%s", each);
}

Test(json, what_has_no_room_is_refused_before_the_parser_writes_past_its_buffer)
{
#ifdef KAN_SANITIZED
	cr_skip_test("the memory of a sanitizer cannot be limited");
#endif
	parse_at_the_end_of_memory("[\"", "nnnnnnnn", "\"]");
	parse_at_the_end_of_memory("[\"", "\\u0041", "\"]");
	parse_at_the_end_of_memory("[", "{\"a\":{}}", "]");
	parse_at_the_end_of_memory("[", "{\"id\":\"#\"}", "]");
	parse_at_the_end_of_memory("[", "\"#\"", "]");
	parse_at_the_end_of_memory("[", "[]", "]");
	parse_at_the_end_of_memory("[", "7", "]");
	parse_at_the_end_of_memory("{", "\"#\":7", "}");
	parse_at_the_end_of_memory("{", "\"#\":\"x\"", "}");
	parse_at_the_end_of_memory("{", "\"#\":[1]", "}");
}

Test(json, a_line_over_one_mebibyte_is_refused_unread)
{
	static char line[KAN_ROW_MAX + 1];
	memset(line, ' ', sizeof(line) - 1);
	line[0] = '{';
	line[KAN_ROW_MAX - 1] = '}';
	refused(line, KAN_ELIMIT);
}

Test(json, documents_are_written_in_one_form)
{
	json_t *doc = json_pack("{s:i,s:[i,s]}", "b", 1, "a", 2, "x");
	kan_auto_buf struct kan_buf text = KAN_BUF(1024);
	cr_assert_eq(kan_json_dump(&text, doc, NULL), 0);
	cr_assert_str_eq(kan_buf_str(&text), "{\n \"a\": [\n  2,\n  \"x\"\n ],\n \"b\": 1\n}\n");
	struct kan_buf small = KAN_BUF(8);
	cr_assert_eq(kan_json_dump(&small, doc, NULL), -1, "a cut document is no document");
	kan_buf_free(&small);
	json_decref(doc);
}

Test(json, bytes_set_in_a_document_come_back)
{
	json_t *doc = json_object();
	kan_auto_buf struct kan_buf back = KAN_BUF(64);
	struct kan_err err = {0};
	kan_json_set_bytes(doc, "path", KAN_LIT("/tmp/\xff\n"));
	kan_json_set_bytes(doc, "name", KAN_LIT("web"));
	cr_assert_null(json_object_get(doc, "name_b64"));
	cr_assert_eq(kan_json_bytes(&back, doc, "path", &err), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&back), KAN_LIT("/tmp/\xff\n")));
	cr_assert_eq(kan_json_bytes(&back, doc, "gone", &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	json_object_set_new(doc, "path_b64", json_string("!!!!"));
	kan_buf_reset(&back);
	cr_assert_eq(kan_json_bytes(&back, doc, "path", &err), -1,
		     "a broken twin is no reason to take the display form");
	json_decref(doc);
}

Test(json, a_value_set_anew_has_no_twin_of_the_one_before)
{
	json_t *doc = json_object();
	kan_auto_buf struct kan_buf back = KAN_BUF(64);
	struct kan_err err = {0};
	kan_json_set_bytes(doc, "path", KAN_LIT("/tmp/\xff"));
	kan_json_set_bytes(doc, "path", KAN_LIT("/tmp/calm"));
	cr_assert_eq(kan_json_bytes(&back, doc, "path", &err), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&back), KAN_LIT("/tmp/calm")));
	json_decref(doc);
}

/* Rows in our own form are read by a reader of their own, others by one of all JSON. */
Test(json, a_row_is_the_same_in_whatever_form_it_is_written)
{
	static const char *const forms[][2] = {
		{"{\"a\":[1,-2,true,false],\"b\":{\"c_1\":\"\"}}",
		 " { \"a\" : [1, -2, true, false], \"b\": {\"c_1\": \"\"}}"},
		{"{\"a\":\"q\\\"s\\\\e\xc3\xa9\"}", "{\"a\":\"q\\u0022s\\u005ce\\u00e9\"}"},
		{"{\"n\":9223372036854775807,\"m\":-9223372036854775808}",
		 "{ \"n\":9223372036854775807,\"m\":-9223372036854775808}"},
		{"{}", "{ }"}};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		json_t *a = NULL, *b = NULL;
		cr_assert_eq(kan_row_parse(&a, kan_bytes_of(forms[i][0]), NULL), 0);
		cr_assert_eq(kan_row_parse(&b, kan_bytes_of(forms[i][1]), NULL), 0);
		cr_assert(json_equal(a, b), "%s", forms[i][0]);
		json_decref(a);
		json_decref(b);
	}
}

Test(json, a_line_reads_back_as_what_it_was_and_has_nothing_hidden_in_it)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 10);
	json_t *doc = json_loads(
		       "{\"b\":[1,-9223372036854775808,null,true,0.5,{}],\"a\":\"q\\\"s\\\\n\\n"
		       "\\u0001\\u007f\\u009b\\u202ee\\u00e9\\ud83d\\ude00\"}",
		       0, NULL),
	       *back = NULL;
	cr_assert_not_null(doc);
	cr_assert_eq(kan_json_line(&out, doc, true, NULL), 0);
	cr_assert_str_eq(
		kan_buf_str(&out),
		"{\"a\":"
		"\"q\\\"s\\\\n\\u000a\\u0001\\u007f\\u009b\\u202ee\xc3\xa9\xf0\x9f\x98\x80\","
		"\"b\":[1,-9223372036854775808,null,true,0.5,{}]}\n");
	back = json_loadb((const char *)out.data, out.len, 0, NULL);
	cr_assert(json_equal(doc, back));
	json_decref(back);
	kan_buf_reset(&out);
	cr_assert_eq(kan_json_line(&out, doc, false, NULL), 0);
	back = json_loadb((const char *)out.data, out.len, 0, NULL);
	cr_assert(json_equal(doc, back));
	json_decref(back);
	json_decref(doc);
	cr_assert_lt(kan_json_line(&out, NULL, false, NULL), 0);
}
