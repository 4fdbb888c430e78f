/* From what is here to what a collector can take: each reason, with what to do. */
#include <criterion/criterion.h>
#include <linux/capability.h>
#include <string.h>

#include "cli/able.h"

static const struct kan_collector processes = {.name = "processes",
					       .needs = KAN_NEEDS_HOST | KAN_NEEDS_PROCESS},
				  memory = {.name = "memory",
					    .needs = KAN_NEEDS_HOST | KAN_NEEDS_PROCESS |
						     KAN_NEEDS_ASKED},
				  filesystem = {.name = "filesystem"}, engine = {.name = "engine"},
				  later = {.name = "engine-after",
					   .needs = KAN_NEEDS_RESUME | KAN_NEEDS_ENGINE};

static struct kan_surroundings here(bool root, uint64_t caps, bool local)
{
	struct kan_surroundings s = {0};
	s.rights = json_pack("{s:b,s:I,s:s,s:s}", "root", (int)root, "cap_effective",
			     (json_int_t)caps, "proc", "", "memory", "");
	s.engine = json_pack("{s:b,s:s}", "local", (int)local, "why_not_local", "over tcp");
	return s;
}

static void is(const struct kan_collector *c, const struct kan_surroundings *s,
	       enum kan_able_state state, const char *why)
{
	struct kan_able a = kan_able_of(c, s);
	cr_assert_eq(a.state, state, "%s: %s", c->name, a.why);
	cr_assert_str_eq(a.why, why);
	cr_assert_eq(a.todo == NULL, state == KAN_ABLE, "%s: what to do", c->name);
}

Test(able, root_beside_its_engine_takes_all)
{
	struct kan_surroundings s = here(true, UINT64_C(0x1ffffffffff), true);
	const struct kan_collector *all[] = {&processes, &memory, &filesystem, &engine, &later};
	for (size_t i = 0; i < 5; i++)
		is(all[i], &s, KAN_ABLE, "");
	kan_surroundings_free(&s);
}

Test(able, without_the_host_there_is_the_engines_word)
{
	struct kan_surroundings user = here(false, 0, true),
				far = here(true, UINT64_MAX >> 1, false);
	is(&processes, &user, KAN_UNABLE, "not root");
	is(&filesystem, &user, KAN_ABLE_PARTLY, "not root");
	is(&engine, &user, KAN_ABLE, "");
	is(&later, &user, KAN_ABLE, "");
	is(&processes, &far, KAN_UNABLE, "over tcp");
	is(&filesystem, &far, KAN_ABLE_PARTLY, "over tcp");
	kan_surroundings_free(&user);
	kan_surroundings_free(&far);
}

Test(able, a_power_that_root_lacks_is_named)
{
	uint64_t all = UINT64_C(0x1ffffffffff), traced = UINT64_C(1) << CAP_SYS_PTRACE;
	uint64_t search = UINT64_C(1) << CAP_DAC_READ_SEARCH;
	struct kan_surroundings s = here(true, all & ~traced, true);
	is(&processes, &s, KAN_ABLE_PARTLY, "without cap_sys_ptrace");
	is(&filesystem, &s, KAN_ABLE, "");
	kan_surroundings_free(&s);
	s = here(true, all & ~search, true);
	is(&processes, &s, KAN_ABLE, "");
	kan_surroundings_free(&s);
	s = here(true, all & ~search & ~(UINT64_C(1) << CAP_DAC_OVERRIDE), true);
	is(&processes, &s, KAN_ABLE_PARTLY, "without cap_dac_read_search");
	kan_surroundings_free(&s);
}

Test(able, what_the_kernel_refuses_is_said_in_its_words)
{
	struct kan_surroundings s = here(true, UINT64_C(0x1ffffffffff), true);
	json_object_set_new(s.rights, "memory", json_string("Operation not permitted"));
	is(&memory, &s, KAN_UNABLE, "Operation not permitted");
	is(&processes, &s, KAN_ABLE, "");
	json_object_set_new(s.rights, "proc", json_string("another pid namespace"));
	is(&processes, &s, KAN_UNABLE, "another pid namespace");
	kan_surroundings_free(&s);
}

Test(able, without_an_engine_nothing_can_be_had_and_a_data_root_is_named)
{
	struct kan_surroundings s = here(true, UINT64_C(0x1ffffffffff), true);
	json_decref(s.engine);
	s.engine = NULL;
	struct kan_able a = kan_able_of(&filesystem, &s);
	cr_assert_eq(a.state, KAN_UNABLE);
	cr_assert_not_null(strstr(a.todo, "--root"));
	kan_surroundings_free(&s);
}
