/* bag-info.txt: golden bytes, clean values, and a parser that takes only what would be built. */
#include "evidence/baginfo.h"

#include "world.h"

static const char golden[] =
	"Bagging-Date: 2026-11-22\n"
	"Bag-Software-Agent: kanshiki 0.1.0 (9c1e55ab0d7f4c3e8a6b21d0f5e7c9843b1a2d6f)\n"
	"Payload-Oxum: 48211934.37\n"
	"External-Identifier: 20261122t053312z-3f2a9c41d0be-7c1e\n"
	"Kanshiki-Format: kanshiki-bag/1\n"
	"Kanshiki-Case: inc-42\n"
	"Kanshiki-Host: web-03\n"
	"Kanshiki-Container: 3f2a9c41d0be5d7e0c6a1b9f48e2d37750aa6c1f9be4d2830717c5e6a9b0f3d1\n"
	"Kanshiki-Gaps: 1\n"
	"Kanshiki-Status: complete\n";

static struct kan_baginfo example(void)
{
	struct kan_baginfo i = {.octets = 48211934, .files = 37, .gaps = 1};
	kan_baginfo_set(i.date, KAN_LIT("2026-11-22"));
	kan_baginfo_set(i.agent,
			KAN_LIT("kanshiki 0.1.0 (9c1e55ab0d7f4c3e8a6b21d0f5e7c9843b1a2d6f)"));
	kan_baginfo_set(i.bundle, KAN_LIT(WORLD_BUNDLE));
	kan_baginfo_set(i.case_id, KAN_LIT("inc-42"));
	kan_baginfo_set(i.host, KAN_LIT("web-03"));
	kan_baginfo_set(i.container, KAN_LIT(WORLD_ID));
	return i;
}

Test(baginfo, it_is_built_as_the_format_has_it)
{
	struct kan_baginfo i = example();
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 16);
	kan_baginfo_build(&text, &i);
	cr_assert_str_eq(kan_buf_str(&text), golden);
}

Test(baginfo, a_partial_one_has_its_reason_last)
{
	struct kan_baginfo i = example(), back;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 16);
	i.partial = true;
	kan_baginfo_set(i.reason, KAN_LIT("interrupted"));
	kan_baginfo_build(&text, &i);
	cr_assert(strstr(kan_buf_str(&text),
			 "Kanshiki-Status: partial\nKanshiki-Partial-Reason: interrupted\n"));
	cr_assert_eq(kan_baginfo_parse(&back, kan_buf_bytes(&text), NULL), 0);
	cr_assert(back.partial);
	cr_assert_str_eq(back.reason, "interrupted");
}

Test(baginfo, what_was_built_is_read_back)
{
	struct kan_baginfo i;
	struct kan_err err = {0};
	cr_assert_eq(kan_baginfo_parse(&i, kan_bytes_of(golden), &err), 0, "%s", err.text);
	cr_assert_eq(i.octets, 48211934);
	cr_assert_eq(i.files, 37);
	cr_assert_eq(i.gaps, 1);
	cr_assert(!i.partial);
	cr_assert_str_eq(i.bundle, WORLD_BUNDLE);
}

Test(baginfo, hostile_values_are_made_visible_cut_at_a_character_and_never_empty)
{
	kan_baginfo_value v;
	char wide[600];
	kan_baginfo_set(v, KAN_LIT("a\nKanshiki-Status: complete\x1b[31m\xff\0z"));
	cr_assert_null(strchr(v, '\n'));
	cr_assert_null(strchr(v, '\x1b'));
	kan_baginfo_set(v, (struct kan_bytes){0});
	cr_assert_str_eq(v, "unknown");
	for (size_t i = 0; i < sizeof(wide) - 3; i += 3)
		memcpy(wide + i, "\xe2\x82\xac", 3);
	kan_baginfo_set(v, (struct kan_bytes){(const uint8_t *)wide, 597});
	cr_assert_eq(strlen(v), 255);
}

Test(baginfo, each_line_dropped_doubled_or_changed_is_refused)
{
	struct kan_baginfo i;
	for (const char *at = golden; *at; at = strchr(at, '\n') + 1) {
		size_t before = (size_t)(at - golden), n = (size_t)(strchr(at, '\n') + 1 - at);
		kan_auto_buf struct kan_buf without = KAN_BUF(4096), twice = KAN_BUF(4096);
		kan_buf_add(&without, golden, before);
		kan_buf_adds(&without, at + n);
		cr_expect_eq(kan_baginfo_parse(&i, kan_buf_bytes(&without), NULL), -1, "%s", at);
		kan_buf_add(&twice, golden, before + n);
		kan_buf_adds(&twice, at);
		cr_expect_eq(kan_baginfo_parse(&i, kan_buf_bytes(&twice), NULL), -1, "%s", at);
	}
}

Test(baginfo, other_spellings_of_the_same_are_refused)
{
	static const char *const edits[][2] = {
		{"48211934.37", "048211934.37"},
		{"48211934.37", "48211934,37"},
		{"48211934.37", "99999999999999999999999.1"},
		{"Gaps: 1", "Gaps: +1"},
		{"Gaps: 1", "Gaps: 1 "},
		{"inc-42", ""},
		{"complete", "Complete"},
		{"complete", "partial"},
		{"kanshiki-bag/1", "kanshiki-bag/2"},
		{"web-03", "web\t03"},
		{"web-03\n", "web-03\r\n"},
		{"web-03", "web\n 03"},
	};
	for (size_t k = 0; k < sizeof(edits) / sizeof(edits[0]); k++) {
		struct kan_baginfo i;
		struct kan_err err = {0};
		const char *at = strstr(golden, edits[k][0]);
		kan_auto_buf struct kan_buf text = KAN_BUF(4096);
		kan_buf_add(&text, golden, (size_t)(at - golden));
		kan_buf_adds(&text, edits[k][1]);
		kan_buf_adds(&text, at + strlen(edits[k][0]));
		cr_expect_eq(kan_baginfo_parse(&i, kan_buf_bytes(&text), &err), -1, "%s",
			     edits[k][1]);
		cr_expect_eq(err.code, KAN_EFORMAT);
	}
}
