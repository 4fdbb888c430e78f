/* dpkg's own log, as testimony. */
#include "image/pkg_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct kan_pkg_log *read_log(const char *text, size_t step)
{
	struct kan_pkg_log *l = kan_pkg_log_new();
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i += step)
		kan_pkg_log_read(l, (struct kan_bytes){(const uint8_t *)text + i,
						       n - i < step ? n - i : step});
	kan_pkg_log_done(l);
	return l;
}

static bool says(const struct kan_pkg_log *l, const char *name, const char *state,
		 const char *version)
{
	return kan_pkg_log_says(l, kan_bytes_of(name), KAN_LIT("amd64"), kan_bytes_of(state),
				kan_bytes_of(version));
}

static const char text[] = "2026-11-26 17:00:00 startup packages configure\n"
			   "2026-11-26 17:00:01 install hello:amd64 <none> 1\n"
			   "2026-11-26 17:00:02 status half-installed hello:amd64 1\n"
			   "2026-11-26 17:00:03 status installed hello:amd64 1\n"
			   "rubbish\n"
			   "2026-11-26 17:01:00 status installed gone:amd64 2\n"
			   "2026-11-26 17:02:00 status not-installed gone:amd64 <none>";

Test(pkg_log, the_last_record_of_a_package_counts_however_it_is_cut)
{
	for (size_t step = 1; step < sizeof text; step += 7) {
		struct kan_pkg_log *l = read_log(text, step);
		cr_assert(says(l, "hello", "installed", "1"));
		cr_assert_not(says(l, "hello", "installed", "2"));
		cr_assert_not(says(l, "hello", "half-installed", "1"));
		cr_assert(says(l, "gone", "not-installed", ""));
		cr_assert_not(says(l, "gone", "installed", "2"));
		cr_assert_not(says(l, "other", "installed", "1"));
		cr_assert_not(kan_pkg_log_says(l, KAN_LIT("hello"), KAN_LIT("i386"),
					       KAN_LIT("installed"), KAN_LIT("1")));
		kan_pkg_log_free(l);
	}
}

Test(pkg_log, a_long_line_is_passed_over_and_the_next_one_is_read)
{
	struct kan_pkg_log *l = kan_pkg_log_new();
	for (int i = 0; i < 10000; i++)
		kan_pkg_log_read(l, KAN_LIT("x"));
	kan_pkg_log_read(l, KAN_LIT("\n2026-11-26 17:00:03 status installed hello:amd64 1\n"));
	kan_pkg_log_done(l);
	cr_assert(says(l, "hello", "installed", "1"));
	kan_pkg_log_free(l);
}

Test(pkg_log, a_log_of_years_keeps_what_it_said_last)
{
	struct kan_pkg_log *l = kan_pkg_log_new();
	char line[128];
	for (int i = 0; i < 5000; i++) {
		int n = snprintf(line, sizeof line,
				 "2026-11-26 17:00:03 status installed p%d:amd64 %d\n", i % 300, i);
		kan_pkg_log_read(l, (struct kan_bytes){(uint8_t *)line, (size_t)n});
	}
	kan_pkg_log_done(l);
	cr_assert(says(l, "p0", "installed", "4800"));
	cr_assert(says(l, "p199", "installed", "4999"));
	cr_assert(says(l, "p299", "installed", "4799"));
	cr_assert_not(says(l, "p299", "installed", "299"));
	kan_pkg_log_free(l);
}
