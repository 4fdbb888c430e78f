/* The codes of gaps: each has its word, each error its code. */
#include "world.h"

Test(gap, each_code_has_the_word_of_the_format)
{
	static const char *const words[] = {
		"denied",  "vanished",     "limit",     "timeout",     "stuck",         "crashed",
		"changed", "contradicted", "malformed", "unsupported", "not-applicable"};
	for (int g = 0; g <= KAN_GAP_NOT_APPLICABLE; g++)
		cr_assert_str_eq(kan_gap_name((enum kan_gap)g), words[g]);
	cr_assert_str_eq(kan_gap_name((enum kan_gap)1000), "unsupported");
}

static enum kan_gap gap_of(enum kan_code code, int sys)
{
	struct kan_err err = {.code = code, .sys = sys};
	return kan_gap_of_err(&err);
}

Test(gap, an_error_becomes_the_code_that_says_why)
{
	cr_assert_eq(gap_of(KAN_EDENIED, EACCES), KAN_GAP_DENIED);
	cr_assert_eq(gap_of(KAN_ENOTFOUND, ESRCH), KAN_GAP_VANISHED);
	cr_assert_eq(gap_of(KAN_ELIMIT, 0), KAN_GAP_LIMIT);
	cr_assert_eq(gap_of(KAN_ELIMIT, ETIMEDOUT), KAN_GAP_STUCK, "too many did not return");
	cr_assert_eq(gap_of(KAN_EFORMAT, 0), KAN_GAP_MALFORMED);
	cr_assert_eq(gap_of(KAN_EENGINE, ETIMEDOUT), KAN_GAP_TIMEOUT);
	cr_assert_eq(gap_of(KAN_EENGINE, 0), KAN_GAP_MALFORMED);
	cr_assert_eq(gap_of(KAN_EIO, ETIMEDOUT), KAN_GAP_STUCK);
	cr_assert_eq(gap_of(KAN_EIO, EIO), KAN_GAP_UNSUPPORTED);
	cr_assert_eq(gap_of(KAN_EREFUSED, 0), KAN_GAP_CONTRADICTED);
	cr_assert_eq(gap_of(KAN_ETAMPER, 0), KAN_GAP_CONTRADICTED);
	cr_assert_eq(gap_of(KAN_EUNSUPPORTED, ENOSYS), KAN_GAP_UNSUPPORTED);
}
