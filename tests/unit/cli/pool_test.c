/* Children that read many bundles: every answer comes, in order, whatever one of them does. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/row.h"
#include "cli/cmd.h"
#include "cli/pool.h"

enum { MANY = 3 * KAN_POOL_BATCH + 5 };

const struct kan_command *const kan_commands[] = {NULL};

struct seen {
	size_t next, lost, at[MANY];
	char why[64];
};

static json_t *number(size_t i)
{
	return json_pack("{s:I}", "n", (json_int_t)i);
}

static json_t *good(size_t i, void *arg)
{
	(void)arg;
	return number(i);
}

static json_t *some_die(size_t i, void *arg)
{
	(void)arg;
	if (i == 0 || i == 70 || i == 71 || i == MANY - 1)
		_exit(7);
	if (i == 100)
		(void)raise(SIGKILL);
	return i == 130 ? json_string("no object") : number(i);
}

static void take(size_t i, const json_t *answer, const char *why, void *arg)
{
	struct seen *s = arg;
	cr_assert_eq(i, s->next++);
	if (json_is_object(answer)) {
		cr_assert_eq(kan_json_int(answer, "n"), (json_int_t)i);
		return;
	}
	s->at[s->lost++] = i;
	if (why)
		(void)snprintf(s->why, sizeof s->why, "%s", why);
}

static struct seen run(size_t n, json_t *(*work)(size_t, void *))
{
	static const char *const readable[] = {"/", NULL};
	struct seen s = {0};
	struct kan_err err = {0};
	const struct kan_pool pool = {n, readable, work, take, &s};
	cr_assert_eq(kan_pool_run(&pool, &err), 0, "%s", err.text);
	cr_assert_eq(s.next, n);
	return s;
}

Test(cli_pool, answers_come_in_order_from_many_children)
{
	cr_assert_eq(run(MANY, good).lost, 0);
	cr_assert_eq(run(1, good).lost, 0);
	cr_assert_eq(run(0, good).lost, 0);
}

Test(cli_pool, a_reader_that_dies_costs_what_it_was_at_and_nothing_else)
{
	static const size_t lost[] = {0, 70, 71, 100, 130, MANY - 1};
	const struct seen s = run(MANY, some_die);
	cr_assert_eq(s.lost, sizeof lost / sizeof *lost);
	for (size_t i = 0; i < s.lost; i++)
		cr_assert_eq(s.at[i], lost[i]);
	cr_assert_str_eq(s.why, "its reader ended (status 7)");
}

static json_t *reads(size_t i, void *arg)
{
	(void)i;
	return json_pack("{s:b,s:b}", "here", access("/usr/bin/env", R_OK) == 0, "there",
			 access(arg, R_OK) == 0);
}

Test(cli_pool, a_reader_is_asked_alone)
{
	struct kan_err err = {0};
	json_t *answer = NULL;
	char nowhere[] = "/nonexistent";
	cr_assert_eq(kan_pool_ask(&answer, "/usr", reads, nowhere, &err), 0, "%s", err.text);
	cr_assert(json_is_true(json_object_get(answer, "here")));
	cr_assert_not(json_is_true(json_object_get(answer, "there")));
	json_decref(answer);
}
