/* Reading rows: the same rows however the bytes come in pieces. */
#include "evidence/rowread.h"

#include "base/row.h"
#include "world.h"

#define HEAD \
	"{\"schema\":\"kanshiki.logs.files/1\",\"bundle\":\"" WORLD_BUNDLE \
	"\",\"collector\":\"logs\"}\n"

static int collect(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	(void)err;
	kan_buf_addf(arg, "%llu:%lld ", (unsigned long long)line,
		     (long long)json_integer_value(json_object_get(row, "n")));
	return 0;
}

static int in_pieces(struct kan_buf *out, struct kan_bytes text, size_t piece, bool whole,
		     struct kan_err *err)
{
	struct kan_rowread r;
	kan_rowread_init(&r, "data/logs/files.ndjson", WORLD_BUNDLE, whole);
	r.fn = collect;
	r.arg = out;
	for (size_t at = 0; at < text.n; at += piece) {
		size_t n = text.n - at < piece ? text.n - at : piece;
		cr_assert_eq(kan_rowread_add((struct kan_bytes){text.p + at, n}, &r, err), 0);
	}
	int rc = kan_rowread_end(&r, err);
	kan_rowread_free(&r);
	return rc;
}

Test(rowread, pieces_of_any_size_give_the_same_rows)
{
	static const char text[] = HEAD "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
	for (size_t piece = 1; piece < sizeof(text) + 1; piece++) {
		struct kan_err err = {0};
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 10);
		cr_assert_eq(in_pieces(&out, kan_bytes_of(text), piece, true, &err), 0, "%s",
			     err.text);
		cr_assert_str_eq(kan_buf_str(&out), "2:1 3:2 4:3 ", "%zu", piece);
	}
}

Test(rowread, nothing_is_handed_out_behind_a_broken_row)
{
	static const char text[] = HEAD "{\"n\":1}\n{\"n\":\n{\"n\":3}\n";
	for (size_t piece = 1; piece < 40; piece += 3) {
		struct kan_err err = {0};
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 10);
		cr_assert_eq(in_pieces(&out, kan_bytes_of(text), piece, true, &err), -1);
		cr_assert_eq(err.code, KAN_ETAMPER);
		cr_assert(strstr(err.text, "data/logs/files.ndjson: line 3"), "%s", err.text);
		cr_assert_str_eq(kan_buf_str(&out), "2:1 ");
		err = (struct kan_err){0};
		cr_assert_eq(in_pieces(&out, kan_bytes_of(text), piece, false, &err), 0,
			     "cut off there");
	}
}

Test(rowread, a_line_of_a_mebibyte_is_read_and_a_longer_one_refused_before_it_is_parsed)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4 << 20), out = KAN_BUF(1 << 10);
	for (int over = 0; over < 2; over++) {
		struct kan_err err = {0};
		static const char before[] = "{\"n\":7,\"x\":\"", after[] = "\"}\n";
		kan_buf_reset(&text);
		kan_buf_reset(&out);
		kan_buf_adds(&text, HEAD);
		kan_buf_adds(&text, before);
		for (size_t i = 0; i < KAN_ROW_MAX - strlen(before) - strlen(after) + (size_t)over;
		     i++)
			kan_buf_addc(&text, 'x');
		kan_buf_adds(&text, after);
		cr_assert_eq(in_pieces(&out, kan_buf_bytes(&text), 4096, true, &err), -over, "%s",
			     err.text);
		cr_assert_str_eq(kan_buf_str(&out), over ? "" : "2:7 ");
	}
}

Test(rowread, headers_of_tag_files_are_the_conductors)
{
	struct kan_rowread r;
	struct kan_err err = {0};
	static const char text[] = "{\"schema\":\"kanshiki.gaps/1\",\"bundle\":\"" WORLD_BUNDLE
				   "\",\"collector\":\"conductor\"}\n";
	kan_rowread_init(&r, "gaps.ndjson", WORLD_BUNDLE, true);
	cr_assert_eq(kan_rowread_add(kan_bytes_of(text), &r, NULL), 0);
	cr_assert_eq(kan_rowread_end(&r, &err), 0, "%s", err.text);
	kan_rowread_free(&r);
}

Test(rowread, a_header_of_another_bundle_collector_or_schema_is_refused)
{
	static const char *const heads[] = {
		"{\"schema\":\"kanshiki.logs.files/1\",\"bundle\":\"x\",\"collector\":\"logs\"}\n",
		"{\"schema\":\"kanshiki.logs.files/2\",\"bundle\":\"" WORLD_BUNDLE
		"\",\"collector\":\"logs\"}\n",
		"{\"schema\":\"kanshiki.logs.files/1\",\"bundle\":\"" WORLD_BUNDLE
		"\",\"collector\":\"x\"}\n",
		"{\"schema\":1}\n",
		"{}\n",
		"[]\n",
		"\n",
		"x\n"};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct kan_err err = {0};
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 10);
		cr_expect_eq(in_pieces(&out, kan_bytes_of(heads[i]), 64, true, &err), -1, "%s",
			     heads[i]);
		cr_expect(strstr(err.text, "line 1"), "%s", err.text);
	}
}
