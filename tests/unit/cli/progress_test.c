/* A collector's line of progress: it fits, it has a bar where a total is known, and is the same as
 * ever when it has ended. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/progress.h"

const struct kan_command *const kan_commands[] = {NULL};

static const char *line(const struct kan_progress_row *r, size_t width)
{
	static char text[KAN_PROGRESS_LINE];
	kan_progress_line(text, r, width);
	return text;
}

Test(progress, one_that_has_ended_is_the_plain_line)
{
	struct kan_progress_row r = {.name = "processes",
				     .status = "ok",
				     .items = 12,
				     .bytes = 4711,
				     .ms = 9.14,
				     .ended = true};
	cr_assert_str_eq(line(&r, 0),
			 "  processes      ok                    12 items     4.7 kB      9.1 ms");
	r.gaps = 1;
	cr_assert_str_eq(
		line(&r, 0),
		"  processes      ok                    12 items     4.7 kB      9.1 ms  gaps");
}

Test(progress, a_bar_is_there_where_a_total_is_known_and_is_full_at_most)
{
	struct kan_progress_row r = {
		.name = "filesystem", .status = "reading", .bytes = 500, .ms = 1200};
	cr_assert_null(strchr(line(&r, 0), '['));
	r.total = 1000;
	cr_assert_not_null(strstr(line(&r, 0), "reading   [##########..........]"), "%s",
			   line(&r, 0));
	r.bytes = 0;
	cr_assert_not_null(strstr(line(&r, 0), "[....................]"));
	r.bytes = UINT64_MAX;
	cr_assert_not_null(strstr(line(&r, 0), "[####################]"));
	r.total = UINT64_MAX;
	cr_assert_not_null(strstr(line(&r, 0), "[####################]"));
}

Test(progress, no_line_is_longer_than_asked_nor_has_what_a_terminal_would_act_on)
{
	struct kan_progress_row r = {.name = "a\033[2Jb\xff", .status = "read\ning", .ms = 1e9};
	for (size_t width = 1; width < KAN_PROGRESS_LINE; width++)
		cr_assert_leq(strlen(line(&r, width)), width);
	for (const char *at = line(&r, 0); *at; at++)
		cr_assert(*at >= ' ' && *at <= '~');
	cr_assert_not_null(strstr(line(&r, 0), "a?[2Jb?"), "%s", line(&r, 0));
}
