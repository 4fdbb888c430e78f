/* What is told of one rule on the rows of a fixture. */
#include <stdlib.h>

#include "analyze/explain.h"
#include "rule_fixtures.h"

static json_t *explained(const char *name, const char *rule)
{
	char dir[512];
	struct kan_err err = {0};
	struct kan_source *s = NULL;
	json_t *o = NULL;
	struct kan_rules *r = shipped();
	(void)snprintf(dir, sizeof dir, "%s/%s", FIXTURES, name);
	cr_assert_eq(kan_source_dir(&s, dir, FIXTURES "/base", &err), 0, "%s", err.text);
	cr_assert_eq(kan_explain(&o, s, r, rule, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	return o;
}

static const json_t *at(const json_t *o, const char *list, size_t i)
{
	return json_array_get(json_object_get(o, list), i);
}

Test(explain, a_match_says_how_many_rows_its_joins_have)
{
	json_t *o = explained("exe-foreign", "exe.foreign");
	const json_t *match = at(o, "matches", 0);
	cr_assert_not_null(match);
	cr_expect_eq(json_array_size(json_object_get(match, "joins")), 2);
	cr_expect_str_eq(kan_json_str(match, "joined"), "true");
	cr_expect_eq(kan_json_int(match, "met"), kan_json_int(match, "of"));
	json_decref(o);
}

/* The row that ends it, not those before. */
Test(explain, a_sequence_is_one_clause_with_the_values_that_it_reads)
{
	json_t *o = explained("login-guessed", "login.bruteforce-success");
	cr_expect_eq(kan_json_int(o, "seen"), 11);
	cr_expect_eq(kan_json_int(o, "matched"), 1);
	const json_t *match = at(o, "matches", 0);
	cr_expect_eq(kan_json_int(match, "row"), 11);
	cr_expect_str_eq(kan_json_str(match, "artefact"), "data/logs/json-file/0.log");
	const json_t *values = json_object_get(at(match, "clauses", 0), "values");
	cr_expect_str_eq(kan_json_str(values, "source"), "203.0.113.9");
	cr_expect_str_eq(kan_json_str(values, "result"), "accepted");
	json_decref(o);
}

Test(explain, the_nearest_are_bounded_and_in_order)
{
	json_t *o = explained("web-requests", "web.search-then-post");
	cr_expect_eq(kan_json_int(o, "seen"), 40);
	cr_assert_eq(json_array_size(json_object_get(o, "nearest")), KAN_EXPLAIN_NEAR);
	for (size_t i = 0; i < KAN_EXPLAIN_NEAR; i++)
		cr_expect_eq(kan_json_int(at(o, "nearest", i), "row"), i + 1);
	json_decref(o);
}

Test(explain, a_secret_is_masked_in_the_values_too)
{
	json_t *o = explained("secret-history", "image.secret-in-history");
	char *text = json_dumps(o, 0);
	cr_expect_eq(kan_json_int(o, "matched"), 1);
	cr_expect(strstr(text, "DB_PASSWORD"));
	cr_expect_null(strstr(text, "Vb7uk29xQ1"));
	free(text);
	json_decref(o);
}

Test(explain, the_value_of_a_variable_that_is_named_as_a_secret_is_masked)
{
	json_t *o = explained("honest-postgres", "priv.preload-env");
	char *text = json_dumps(o, 0);
	cr_expect(strstr(text, "POSTGRES_PASSWORD"), "it is among the nearest: %s", text);
	cr_expect_null(strstr(text, "Vb7uk29xQ1"));
	free(text);
	json_decref(o);
}

Test(explain, a_rule_that_is_not_there_is_not_found)
{
	struct kan_err err = {0};
	struct kan_rules *r = shipped();
	json_t *o = NULL;
	cr_expect_eq(kan_explain(&o, NULL, r, "exe.none", &err), -1);
	cr_expect_eq(err.code, KAN_ENOTFOUND);
	kan_rules_free(r);
}
