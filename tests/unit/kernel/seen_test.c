/* A set of numbers that were met. */
#include <criterion/criterion.h>

#include "kernel/seen.h"

Test(seen, each_number_is_new_exactly_once)
{
	struct kan_seen s = {0};
	for (uint64_t i = 1; i <= 10000; i++)
		cr_assert(kan_seen_first(&s, i << 32));
	for (uint64_t i = 1; i <= 10000; i++)
		cr_assert_not(kan_seen_first(&s, i << 32));
	cr_assert(kan_seen_first(&s, UINT64_MAX));
	cr_assert_not(kan_seen_first(&s, UINT64_MAX));
	kan_seen_free(&s);
}

Test(seen, what_was_met_is_known_and_asking_changes_nothing)
{
	struct kan_seen s = {0};
	cr_assert_not(kan_seen_has(&s, 7));
	cr_assert(kan_seen_first(&s, 7));
	cr_assert(kan_seen_has(&s, 7));
	cr_assert_not(kan_seen_has(&s, 8));
	cr_assert_not(kan_seen_has(&s, 0));
	cr_assert_eq(s.n, 1);
	kan_seen_free(&s);
}

Test(seen, zero_is_nobodys_number)
{
	struct kan_seen s = {0};
	cr_assert(kan_seen_first(&s, 0));
	cr_assert(kan_seen_first(&s, 0));
	kan_seen_free(&s);
}
