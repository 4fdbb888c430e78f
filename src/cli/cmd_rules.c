/* rules: what the analysis looks for, how a rule got on with a bundle, and rules against their
 * fixtures. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kanshiki/bundle.h>
#include <kanshiki/rule.h>

#include "analyze/analyze.h"
#include "analyze/explain.h"
#include "analyze/rule_test.h"
#include "cli/box.h"
#include "cli/cmd.h"

/* Where the shipped rules have theirs, seen from the top of the sources. */
static const char shipped_fixtures[] = "tests/fixtures/rules";

enum { WORDS_EXPLAIN = 3 };

static const struct kan_option rules_options[] = {
	{"rules", 0, "DIR",
	 "list, explain: the shipped ones with what these add, replace and turn off"},
	{"fixtures", 0, "DIR", "test: the fixtures (else fixtures below the rules)"},
	{NULL, 0, NULL, NULL},
};

/* Words of a rule may be a user's own. */
static void print_rule(const json_t *one)
{
	const char *origin = json_string_value(json_object_get(one, "origin"));
	bool off = strcmp(origin, "disabled") == 0;
	const char *says = json_string_value(json_object_get(one, off ? "disabled" : "title"));
	(void)printf("%-28s %-9s ", json_string_value(json_object_get(one, "id")),
		     off ? "off" : json_string_value(json_object_get(one, "severity")));
	kan_print(stdout, kan_bytes_of(says));
	(void)puts(strcmp(origin, "own") == 0        ? " (yours)"
		   : strcmp(origin, "replaces") == 0 ? " (yours, replaces the shipped one)"
						     : "");
}

static int list(const struct kan_args *a)
{
	struct kan_rules *r = NULL;
	struct kan_err err = {0};
	if (kan_take_rules(&r, kan_arg(a, "rules"), &err) < 0)
		return kan_say_err(&err);
	json_t *rules = kan_rules_list(r), *one = NULL;
	size_t i = 0;
	json_array_foreach (rules, i, one)
		if (!kan_flag(a, "json"))
			print_rule(one);
	json_auto_t *doc = json_pack("{s:s,s:o}", "schema", "kanshiki.rules/1", "rules", rules);
	int status = kan_flag(a, "json") ? kan_print_json(doc) : KAN_EXIT_OK;
	kan_rules_free(r);
	return status;
}

/* What a rule or a row says, on the line. */
static void print_value(const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	kan_print(stdout, kan_bytes_of(text ? text : ""));
	free(text);
}

static void print_names(const json_t *clause, const char *key)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(clause, key), i, v)
		(void)printf("  %s %s", json_string_value(v), key);
}

static void print_clause(const json_t *clause)
{
	const char *name = NULL;
	json_t *v = NULL;
	(void)printf("    %-8s", json_string_value(json_object_get(clause, "result")));
	print_value(json_object_get(clause, "clause"));
	json_object_foreach (json_object_get(clause, "values"), name, v) {
		(void)printf("  %s ", name);
		print_value(v);
	}
	print_names(clause, "absent");
	print_names(clause, "unknown");
	(void)fputc('\n', stdout);
}

static void print_row(const json_t *row, const char *word)
{
	size_t i = 0;
	json_t *v = NULL;
	(void)printf("%s %s row %lld: %lld of %lld clauses hold\n    ", word,
		     json_string_value(json_object_get(row, "artefact")),
		     (long long)json_integer_value(json_object_get(row, "row")),
		     (long long)json_integer_value(json_object_get(row, "met")),
		     (long long)json_integer_value(json_object_get(row, "of")));
	print_value(json_object_get(row, "object"));
	(void)fputc('\n', stdout);
	json_array_foreach (json_object_get(row, "clauses"), i, v)
		print_clause(v);
	json_array_foreach (json_object_get(row, "joins"), i, v)
		(void)printf("    join %s: %lld rows of %s%s%s\n",
			     json_string_value(json_object_get(v, "as")),
			     (long long)json_integer_value(json_object_get(v, "rows")),
			     json_string_value(json_object_get(v, "kind")),
			     json_is_true(json_object_get(v, "optional"))
				     ? ", which it can do without"
				     : "",
			     json_is_true(json_object_get(v, "unknown"))
				     ? ", and some that could not be judged"
				     : "");
	if (json_is_true(json_object_get(row, "excused")))
		(void)puts("    explained by records of the image or the container: low");
}

static void print_missing(const json_t *o)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(o, "not_assessed"), i, v) {
		(void)fputs("not assessed in full: ", stdout);
		print_value(json_object_get(v, "gap"));
		(void)fputc('\n', stdout);
	}
}

static void print_explained(const json_t *o)
{
	size_t i = 0;
	json_t *v = NULL;
	(void)printf("%s  %s\n", json_string_value(json_object_get(o, "rule")),
		     json_string_value(json_object_get(o, "title")));
	(void)printf("%s: %lld rows, %lld hold, %lld findings\n",
		     json_string_value(json_object_get(o, "kind")),
		     (long long)json_integer_value(json_object_get(o, "seen")),
		     (long long)json_integer_value(json_object_get(o, "matched")),
		     (long long)json_integer_value(json_object_get(o, "findings")));
	print_missing(o);
	json_array_foreach (json_object_get(o, "matches"), i, v)
		print_row(v, "match");
	json_array_foreach (json_object_get(o, "nearest"), i, v)
		print_row(v, "near");
}

/* From here on nothing but those directories can be read. */
static int enter(const char *one, const char *other, struct kan_err *err)
{
	const char *read_paths[] = {one, other, NULL}, *write_paths[] = {NULL};
	return kan_box(read_paths, write_paths, err);
}

static int explain(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_bundle *b = NULL;
	struct kan_rules *r = NULL;
	json_t *o = NULL;
	kan_auto_free char *path = NULL;
	const char *dir = kan_arg(a, "rules"),
		   *word = a->n_words == WORDS_EXPLAIN ? a->words[2] : NULL;
	int rc = kan_find_bundle(&path, a, word, &err);
	if (rc == 0)
		rc = kan_check_given(dir, NULL, &err);
	if (rc == 0)
		rc = enter(path, dir, &err);
	if (rc == 0)
		rc = kan_take_rules(&r, dir, &err);
	if (rc == 0)
		rc = kan_bundle_open(&b, path, false, &err);
	if (rc == 0) {
		struct kan_source *s = kan_source_bundle(b);
		rc = kan_explain(&o, s, r, a->words[1], &err);
		kan_source_free(s);
	}
	int status = KAN_EXIT_OK;
	if (rc < 0)
		status = kan_say_err(&err);
	else if (kan_flag(a, "json"))
		status = kan_print_json(o);
	else
		print_explained(o);
	json_decref(o);
	kan_rules_free(r);
	kan_bundle_free(b);
	return status;
}

static void print_tested(const json_t *o)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(o, "faults"), i, v) {
		(void)printf("failed %s: %s ", json_string_value(json_object_get(v, "rule")),
			     json_string_value(json_object_get(v, "expected")));
		print_value(json_object_get(v, "fixture"));
		(void)fputs(": ", stdout);
		kan_print(stdout, kan_bytes_of(json_string_value(json_object_get(v, "why"))));
		(void)fputc('\n', stdout);
	}
	(void)printf("%lld rules, %lld fixtures, %lld failed\n",
		     (long long)json_integer_value(json_object_get(o, "rules")),
		     (long long)json_integer_value(json_object_get(o, "fixtures")),
		     (long long)json_integer_value(json_object_get(o, "failed")));
}

/* They are to fit beside the shipped ones; only they are tested. */
static int take_own(struct kan_rules **out, const char *dir, struct kan_err *err)
{
	if (kan_take_rules(out, dir, err) < 0 || !dir)
		return *out ? 0 : -1;
	kan_rules_free(*out);
	*out = NULL;
	return kan_rules_load(out, dir, err);
}

static int test(const struct kan_args *a)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	const char *dir = a->n_words > 1 ? a->words[1] : NULL, *given = kan_arg(a, "fixtures");
	kan_auto_free char *below = dir ? kan_path(dir, kan_rule_fixtures) : NULL;
	const char *fixtures = given ? given : below ? below : shipped_fixtures;
	if (access(fixtures, R_OK) < 0) {
		kan_say("%s: no fixtures there: name them with --fixtures", fixtures);
		return KAN_EXIT_NOT_FOUND;
	}
	if (enter(fixtures, dir, &err) < 0 || take_own(&r, dir, &err) < 0)
		return kan_say_err(&err);
	json_t *o = kan_rules_test(r, fixtures);
	bool failed = json_integer_value(json_object_get(o, "failed")) > 0;
	int status = KAN_EXIT_OK;
	if (kan_flag(a, "json"))
		status = kan_print_json(o);
	else
		print_tested(o);
	json_decref(o);
	kan_rules_free(r);
	return failed ? kan_status_worst(status, KAN_EXIT_FAILED) : status;
}

static int rules(const struct kan_args *a)
{
	const char *verb = a->words[0];
	if (strcmp(verb, "list") == 0 && a->n_words == 1)
		return list(a);
	if (strcmp(verb, "explain") == 0 && a->n_words > 1)
		return explain(a);
	if (strcmp(verb, "test") == 0 && a->n_words < WORDS_EXPLAIN)
		return test(a);
	kan_say("usage: kanshiki rules list | explain RULE [BUNDLE] | test [DIR]");
	return KAN_EXIT_USAGE;
}

extern const struct kan_command kan_cmd_rules;
const struct kan_command kan_cmd_rules = {
	.name = "rules",
	.args = "list | explain RULE [BUNDLE] | test [DIR]",
	.summary = "what the analysis looks for, what a rule saw, whether its fixtures hold",
	.options = rules_options,
	.min_words = 1,
	.max_words = WORDS_EXPLAIN,
	.run = rules,
};
