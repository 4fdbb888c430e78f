/* Which of many containers is not like the others. */
#include <criterion/criterion.h>

#include "analyze/compare_fleet.h"

Test(compare_fleet, an_image_is_named_by_its_reference_or_its_id)
{
	json_t *t = json_pack(
		"{s:s,s:s}", "image", "shop", "image_id",
		"sha256:53ce74db0ff4befd8e2784d56b804f4bdc640e7c7de6471c1109cfe5e9fbe1fd");
	cr_assert(kan_fleet_is_image(t, "shop"));
	cr_assert(kan_fleet_is_image(t, "shop:latest"));
	cr_assert(kan_fleet_is_image(t, "53ce74db0ff4"));
	cr_assert(kan_fleet_is_image(t, "sha256:53ce74db0ff4befd"));
	cr_assert_not(kan_fleet_is_image(t, "53ce74db0ff"), "too short to be sure");
	cr_assert_not(kan_fleet_is_image(t, "shop:2"));
	cr_assert_not(kan_fleet_is_image(t, "sho"));
	json_decref(t);
}

static struct kan_fleet_entry has(unsigned key, unsigned value, unsigned member)
{
	struct kan_fleet_entry e = {.member = member};
	e.key.v[0] = (uint8_t)key;
	e.value.v[0] = (uint8_t)value;
	return e;
}

static const struct kan_fleet_entry *judged(const struct kan_fleet_entry *e, size_t n, unsigned key,
					    unsigned member)
{
	for (size_t i = 0; i < n; i++)
		if (e[i].key.v[0] == key && e[i].member == member)
			return &e[i];
	cr_assert_fail("no entry");
	return NULL;
}

Test(compare_fleet, what_one_has_or_has_otherwise_stands_out_and_what_all_have_does_not)
{
	enum { MEMBERS = 4, N = 10 };
	struct kan_fleet_entry e[N] = {
		has(1, 7, 0), has(1, 7, 1), has(1, 7, 2), has(1, 7, 3), /* all, alike */
		has(2, 7, 0), has(2, 7, 1), has(2, 7, 2), has(2, 9, 3), /* all, one otherwise */
		has(3, 7, 2), has(4, 7, 1)};                            /* one alone */
	kan_fleet_judge(e, N, MEMBERS);
	for (unsigned m = 0; m < MEMBERS; m++) {
		cr_assert_eq(judged(e, N, 1, m)->why, KAN_FLEET_USUAL);
		cr_assert_eq(judged(e, N, 1, m)->others, 3);
		cr_assert_eq(judged(e, N, 2, m)->why, m == 3 ? KAN_FLEET_CONTENT : KAN_FLEET_USUAL);
	}
	cr_assert_eq(judged(e, N, 3, 2)->why, KAN_FLEET_ALONE);
	cr_assert_eq(judged(e, N, 4, 1)->others, 0);
}

Test(compare_fleet, a_log_that_is_another_in_each_container_does_not_stand_out)
{
	struct kan_fleet_entry e[] = {has(1, 1, 0), has(1, 2, 1), has(1, 3, 2), has(1, 4, 3)};
	kan_fleet_judge(e, 4, 4);
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(e[i].why, KAN_FLEET_USUAL);
}

Test(compare_fleet, of_many_containers_what_one_in_ten_has_is_rare)
{
	enum { MEMBERS = 40 };
	struct kan_fleet_entry e[] = {has(1, 1, 0), has(1, 1, 1), has(1, 1, 2),
				      has(1, 1, 3), has(2, 1, 0), has(2, 1, 1),
				      has(2, 1, 2), has(2, 1, 3), has(2, 1, 4)};
	kan_fleet_judge(e, 9, MEMBERS);
	cr_assert_eq(judged(e, 9, 1, 3)->why, KAN_FLEET_RARE);
	cr_assert_eq(judged(e, 9, 2, 3)->why, KAN_FLEET_USUAL);
}

Test(compare_fleet, one_container_alone_is_compared_with_nothing)
{
	struct kan_fleet_entry e[] = {has(1, 1, 0)};
	kan_fleet_judge(e, 1, 1);
	cr_assert_eq(e[0].why, KAN_FLEET_USUAL);
}

Test(compare_fleet, two_that_are_alike_do_not_hide_each_other_among_five)
{
	struct kan_fleet_entry e[] = {has(1, 1, 0), has(1, 1, 1), has(2, 1, 0), has(2, 1, 1),
				      has(2, 7, 2), has(2, 7, 3), has(2, 7, 4)};
	kan_fleet_judge(e, 7, 5);
	cr_assert_eq(judged(e, 7, 1, 1)->why, KAN_FLEET_RARE);
	cr_assert_eq(judged(e, 7, 2, 0)->why, KAN_FLEET_CONTENT);
	cr_assert_eq(judged(e, 7, 2, 3)->why, KAN_FLEET_USUAL);
}
