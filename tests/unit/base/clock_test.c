/* Times at the edges. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "random.h"

static int64_t taken(const char *text)
{
	int64_t ns = -1;
	struct kan_err err = {0};
	cr_assert_eq(kan_rfc3339_parse(&ns, text, &err), 0, "%s: %s", text, err.text);
	return ns;
}

Test(clock, times_have_the_documented_forms)
{
	char out[KAN_RFC3339], compact[KAN_COMPACT];
	const int64_t t = 1795325592123456789;
	kan_rfc3339(out, t);
	cr_assert_str_eq(out, "2026-11-22T05:33:12.123456789Z");
	kan_rfc3339_s(out, t);
	cr_assert_str_eq(out, "2026-11-22T05:33:12Z");
	kan_compact_utc(compact, t);
	cr_assert_str_eq(compact, "20261122t053312z");
	kan_rfc3339(out, -1);
	cr_assert_str_eq(out, "1969-12-31T23:59:59.999999999Z");
}

Test(clock, times_of_engines_are_read_with_offset_and_fraction)
{
	cr_assert_eq(taken("1970-01-01T00:00:00Z"), 0);
	cr_assert_eq(taken("2026-11-22T05:33:12.123456789Z"), 1795325592123456789);
	cr_assert_eq(taken("2026-11-22T14:33:12.5+09:00"), 1795325592500000000);
	cr_assert_eq(taken("2024-02-29T23:59:59-00:30"), taken("2024-03-01T00:29:59Z"));
	cr_assert_eq(taken("0001-01-01T00:00:00Z"), 0, "an engine's way to say never");
	cr_assert_eq(taken("2026-11-22T05:33:12.1234567891234Z"), 1795325592123456789);
}

Test(clock, what_is_no_time_is_refused)
{
	static const char *const bad[] = {"",
					  "2026-11-22",
					  "2026-11-22T05:33:12",
					  "2026-13-22T05:33:12Z",
					  "2026-02-29T05:33:12Z",
					  "2026-11-00T05:33:12Z",
					  "2026-11-22T24:33:12Z",
					  "2026-11-22T05:60:12Z",
					  "2026-11-22T05:33:12.Z",
					  "2026-11-22T05:33:12Zx",
					  "2026-11-22T05:33:12+9:00",
					  "2026-11-22T05:33:12+09:60",
					  "2026-11-22 05:33:12Z",
					  "9999-11-22T05:33:12Z",
					  "2026-11-22T05:33:12.00000000000000000000000000000Z"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ns = 42;
		cr_assert_eq(kan_rfc3339_parse(&ns, bad[i], NULL), -1, "%s", bad[i]);
		cr_assert_eq(ns, 42);
	}
}

Test(clock, what_is_written_is_read_back)
{
	uint64_t seed = 9;
	for (int i = 0; i < 5000; i++) {
		char out[KAN_RFC3339];
		int64_t t = (int64_t)(test_next(&seed) >> 1);
		kan_rfc3339(out, t);
		if (t < INT64_C(9183110400000000000)) /* 2261 */
			cr_assert_eq(taken(out), t, "%s", out);
	}
}
