/* Manifests: what parses is what would be built, and everything else is refused with its line. */
#include "evidence/manifest.h"

#include "world.h"

#define A "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define B "1712ecfb074bf29c4188ad3421032509159a09739fd604f8fe57038b4ddefcc9"

static int parse(struct kan_manifest *m, const char *text, bool payload, struct kan_err *err)
{
	*err = (struct kan_err){0};
	return kan_manifest_parse(m, kan_bytes_of(text), payload, err);
}

Test(manifest, what_is_parsed_is_built_again_byte_for_byte)
{
	static const char text[] = A "  data/a\n" B "  data/b/c.json\n";
	struct kan_manifest m = {0};
	struct kan_err err;
	kan_auto_buf struct kan_buf again = KAN_BUF(1 << 10);
	cr_assert_eq(parse(&m, text, true, &err), 0, "%s", err.text);
	cr_assert_eq(m.n, 2);
	kan_manifest_build(&again, &m);
	cr_assert_str_eq(kan_buf_str(&again), text);
	cr_assert_str_eq(kan_manifest_find(&m, "data/b/c.json")->sha256, B);
	cr_assert_null(kan_manifest_find(&m, "data/c"));
	kan_manifest_free(&m);
}

Test(manifest, any_order_of_adding_is_sorted_by_the_bytes_of_the_path)
{
	struct kan_manifest m = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 10);
	cr_assert_null(kan_manifest_find(&m, "data/a"));
	kan_manifest_sort(&m);
	kan_manifest_add(&m, "data/b", A, 1);
	kan_manifest_add(&m, "data/a.b", A, 1);
	kan_manifest_add(&m, "data/a/b", A, 1);
	kan_manifest_sort(&m);
	kan_manifest_build(&text, &m);
	cr_assert_str_eq(kan_buf_str(&text), A "  data/a.b\n" A "  data/a/b\n" A "  data/b\n");
	kan_manifest_free(&m);
}

Test(manifest, what_is_not_of_the_form_is_refused_with_its_line)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{A "  data/a", "no end"},
		{A " data/a\n", "line 1"},
		{A " *data/a\n", "line 1"},
		{A "  \n", "line 1"},
		{"\n", "line 1"},
		{A "\tdata/a\n", "line 1"},
		{"\xef\xbb\xbf" A "  data/a\n", "line 1"},
		{"E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  data/a\n",
		 "line 1"},
		{A "  data/a\r\n", "line 1"},
		{A "  bagit.txt\n", "not a path of the payload"},
		{A "  data/\n", "not a path of the payload"},
		{A "  data/../x\n", "not a path of the payload"},
		{A "  /data/a\n", "not a path of the payload"},
		{A "  data//a\n", "not a path of the payload"},
		{A "  data/.git\n", "not a path of the payload"},
		{A "  data/UPPER\n", "not a path of the payload"},
		{A "  data/nul\n", "not a path of the payload"},
		{A "  data/1/2/3/4/5/6/7/8\n", "not a path of the payload"},
		{A "  data/a\n" A "  data/a\n", "line 2: the same path twice"},
		{A "  data/b\n" A "  data/a\n", "line 2: not sorted"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kan_manifest m = {0};
		struct kan_err err;
		cr_expect_eq(parse(&m, cases[i].text, true, &err), -1, "%s", cases[i].text);
		cr_expect_eq(err.code, KAN_EFORMAT);
		cr_expect(strstr(err.text, cases[i].why), "%s: %s", cases[i].text, err.text);
		cr_expect_null(m.files, "untouched on failure");
	}
}

Test(manifest, a_nul_in_a_path_is_refused)
{
	struct kan_manifest m = {0};
	struct kan_err err = {0};
	cr_assert_eq(kan_manifest_parse(&m, KAN_LIT(A "  data/a\0b\n"), true, &err), -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
}

Test(manifest, more_files_than_a_bundle_may_have_are_refused)
{
	struct kan_manifest m = {0};
	struct kan_err err = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(4 << 20);
	for (int i = 0; i <= 20000; i++)
		kan_buf_addf(&text, A "  data/f%05d\n", i);
	cr_assert_eq(kan_manifest_parse(&m, kan_buf_bytes(&text), true, &err), -1);
	cr_assert(strstr(err.text, "line 20001"), "%s", err.text);
}

static const char tags[] =
	A "  README-verify.txt\n" A "  bag-info.txt\n" A "  bagit.txt\n" A "  capture.json\n" A
	  "  gaps.ndjson\n" A "  journal.ndjson\n" A "  manifest-sha256.txt\n";

Test(manifest, a_tag_manifest_has_the_seven_in_their_order_and_no_other)
{
	struct kan_manifest m = {0};
	struct kan_err err;
	cr_assert_eq(parse(&m, tags, false, &err), 0, "%s", err.text);
	cr_assert_eq(m.n, 7);
	kan_manifest_free(&m);
	for (size_t line = 0; line < 7; line++) {
		kan_auto_buf struct kan_buf text = KAN_BUF(1 << 10);
		const char *at = tags;
		for (size_t i = 0; i < 7; i++) {
			const char *end = strchr(at, '\n') + 1;
			if (i != line)
				kan_buf_add(&text, at, (size_t)(end - at));
			at = end;
		}
		cr_expect_eq(parse(&m, kan_buf_str(&text), false, &err), -1, "without line %zu",
			     line);
	}
	cr_expect_eq(parse(&m, A "  data/a\n", false, &err), -1);
	cr_expect_eq(parse(&m, "", false, &err), -1);
}

Test(manifest, an_empty_payload_manifest_lists_nothing)
{
	struct kan_manifest m = {0};
	struct kan_err err;
	cr_assert_eq(parse(&m, "", true, &err), 0);
	cr_assert_eq(m.n, 0);
}
