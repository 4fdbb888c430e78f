/* Another version of the format is told from a form that is wrong. */
#include "evidence/format.h"

#include <criterion/criterion.h>
#include <string.h>

#include "evidence/tags.h"

static int known(size_t tag, const char *text, struct kan_err *err)
{
	*err = (struct kan_err){0};
	return kan_format_known(tag, kan_bytes_of(text), err);
}

Test(format, another_version_is_refused_by_its_name)
{
	struct kan_err err;
	cr_assert_eq(known(KAN_TAG_INFO, "New-Label: x\nKanshiki-Format: kanshiki-bag/2\n", &err),
		     -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
	cr_assert(strstr(err.text, "kanshiki-bag/2") && strstr(err.text, "kanshiki-bag/1"), "%s",
		  err.text);
	cr_assert_eq(known(KAN_TAG_INFO, "Kanshiki-Format: kanshiki-bag/10", &err), -1);
	cr_assert_eq(known(KAN_TAG_CAPTURE, "{\"schema\":\"kanshiki.acquisition/2\"}", &err), -1);
	cr_assert(strstr(err.text, "capture.json: "), "%s", err.text);
}

Test(format, ours_and_what_has_no_form_are_the_parsers_to_judge)
{
	static const char *const infos[] = {"",
					    "\n\n",
					    "Kanshiki-Format: kanshiki-bag/1\n",
					    "Kanshiki-Format: other/2\n",
					    "Kanshiki-Format:",
					    " Kanshiki-Format: kanshiki-bag/2\n"};
	static const char *const captures[] = {
		"", "{", "[]", "{}", "{\"schema\":7}", "{\"schema\":\"kanshiki.acquisition/1\"}"};
	struct kan_err err;
	for (size_t i = 0; i < sizeof infos / sizeof *infos; i++)
		cr_assert_eq(known(KAN_TAG_INFO, infos[i], &err), 0, "%s", infos[i]);
	for (size_t i = 0; i < sizeof captures / sizeof *captures; i++)
		cr_assert_eq(known(KAN_TAG_CAPTURE, captures[i], &err), 0, "%s", captures[i]);
	cr_assert_eq(known(KAN_TAG_README, "Kanshiki-Format: kanshiki-bag/2\n", &err), 0);
}

Test(format, a_name_without_end_is_cut)
{
	struct kan_err err;
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 16);
	kan_buf_adds(&text, "Kanshiki-Format: kanshiki-bag/");
	while (text.len < 10000)
		kan_buf_addc(&text, '9');
	cr_assert_eq(kan_format_known(KAN_TAG_INFO, kan_buf_bytes(&text), &err), -1);
	cr_assert(strstr(err.text, "kanshiki-bag/1 alone"), "%s", err.text);
}
