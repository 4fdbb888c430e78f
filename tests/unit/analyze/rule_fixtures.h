/* The fixtures of the shipped rules, and what a set of rules makes of them. */
#ifndef KAN_TEST_RULE_FIXTURES_H
#define KAN_TEST_RULE_FIXTURES_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/rule_test.h"
#include "base/row.h"

#define FIXTURES TOP "/tests/fixtures/rules"

static inline struct kan_rules *shipped(void)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	return r;
}

static inline json_t *analysis_of(const char *dir, const char *below, const struct kan_rules *r)
{
	struct kan_err err = {0};
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_eq(kan_source_dir(&s, dir, below, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s: %s", dir, err.text);
	kan_source_free(s);
	return doc;
}

static inline json_t *fixture(const char *name, const struct kan_rules *r)
{
	char dir[512];
	(void)snprintf(dir, sizeof dir, "%s/%s", FIXTURES, name);
	return analysis_of(dir, FIXTURES "/base", r);
}

static inline bool has(const json_t *doc, const char *list, const char *rule)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(doc, list), i, v)
		if (strcmp(json_string_value(json_object_get(v, "rule")), rule) == 0)
			return true;
	return false;
}

static inline const json_t *names(const struct kan_rule *r, const char *which)
{
	return json_object_get(json_object_get(r->doc, "tests"), which);
}

/* Does the set of one rule do on its fixtures what they say? */
static inline bool as_expected(const struct kan_rules *set, const struct kan_rule *r,
			       const char *which, bool expected)
{
	size_t i = 0;
	json_t *name = NULL;
	bool all = true;
	json_array_foreach ((json_t *)(uintptr_t)names(r, which), i, name) {
		json_t *doc = fixture(json_string_value(name), set);
		all &= kan_rule_fires(doc, r) == expected;
		json_decref(doc);
	}
	return all;
}

#endif
