/* Level, strength and the grades of the hypotheses, at their borders. */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/verdict.h"
#include "base/row.h"

#define FIXTURES TOP "/tests/fixtures/rules"

/* A rule of one kind of rows, without what does not matter here. */
struct spec {
	const char *id, *class, *severity, *confidence, *rows, *where, *key, *votes, *join;
};

static void add_rule(struct kan_rules *set, const struct spec *s)
{
	char text[4096];
	struct kan_err err = {0};
	(void)snprintf(
		text, sizeof(text),
		"{\"schema\":\"kanshiki.rule/1\",\"id\":\"%s\",\"version\":1,\"class\":\"%s\","
		"\"title\":\"t\",\"rows\":\"%s\",\"where\":%s,\"key\":[\"%s\"],\"severity\":\"%s\","
		"\"confidence\":\"%s\",\"attack\":[],\"says\":\"s\",\"why\":\"w\","
		"\"false_positives\":[\"f\"],\"next\":[\"n\"],\"votes\":%s,\"join\":%s,"
		"\"tests\":{\"hit\":[\"x\"],\"miss\":[\"x\"]}}",
		s->id, s->class ? s->class : "intrusion", s->rows ? s->rows : "process",
		s->where ? s->where : "{\"pid\":4711}", s->key ? s->key : "pid",
		s->severity ? s->severity : "high", s->confidence ? s->confidence : "high",
		s->votes ? s->votes : "[]", s->join ? s->join : "[]");
	cr_assert_eq(kan_rules_add(set, "t.json", kan_bytes_of(text), &err), 0, "%s", err.text);
}

/* The document of a fixture, judged by these rules alone. */
static json_t *judged(const char *fixture, const struct spec *specs, size_t n)
{
	char dir[512];
	struct kan_err err = {0};
	struct kan_rules *set = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_eq(kan_rules_begin(&set, &err), 0, "%s", err.text);
	for (size_t i = 0; i < n; i++)
		add_rule(set, &specs[i]);
	cr_assert_eq(kan_rules_finish(set, &err), 0, "%s", err.text);
	(void)snprintf(dir, sizeof(dir), "%s/%s", FIXTURES, fixture);
	cr_assert_eq(kan_source_dir(&s, dir, FIXTURES "/base", &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, set, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(set);
	return doc;
}

static const json_t *verdict(const json_t *doc)
{
	return json_object_get(doc, "verdict");
}

static bool level_is(const struct spec *s, const char *level, const char *confidence)
{
	json_t *doc = judged("exe-foreign", s, 1);
	bool same = strcmp(kan_json_str(verdict(doc), "level"), level) == 0 &&
		    strcmp(kan_json_str(verdict(doc), "confidence"), confidence) == 0;
	json_decref(doc);
	return same;
}

Test(verdict, the_level_follows_the_heaviest_finding_and_how_sure_its_rule_is)
{
	cr_expect(level_is(&(struct spec){.id = "a.a", .severity = "critical"}, "intrusion",
			   "moderate"));
	cr_expect(level_is(
		&(struct spec){.id = "a.a", .severity = "critical", .confidence = "moderate"},
		"suspicious", "moderate"));
	cr_expect(level_is(&(struct spec){.id = "a.a"}, "suspicious", "moderate"));
	cr_expect(level_is(&(struct spec){.id = "a.a", .severity = "medium"}, "suspicious",
			   "moderate"));
	cr_expect(level_is(&(struct spec){.id = "a.a", .severity = "low"}, "none", ""));
	cr_expect(level_is(&(struct spec){.id = "a.a", .where = "{\"pid\":1}"}, "none", ""));
}

Test(verdict, exposure_and_context_never_move_it)
{
	cr_expect(level_is(&(struct spec){.id = "a.a", .severity = "critical", .class = "posture"},
			   "none", ""));
	cr_expect(level_is(&(struct spec){.id = "a.a", .severity = "critical", .class = "context"},
			   "none", ""));
}

static const struct spec of_process = {.id = "a.process"};
static const struct spec of_file = {
	.id = "b.file", .rows = "change", .where = "{\"path\":\"/tmp/.x/miner\"}", .key = "path"};
static const struct spec of_init = {.id = "b.init", .where = "{\"pid\":4650}"};

Test(verdict, a_heavy_story_of_two_kinds_of_witnesses_is_an_intrusion)
{
	const struct spec two[] = {of_process, of_file};
	json_t *doc = judged("exe-foreign", two, 2);
	const json_t *stories = json_object_get(doc, "stories");
	cr_assert_eq(json_array_size(stories), 1);
	cr_expect_eq(json_array_size(json_object_get(json_array_get(stories, 0), "findings")), 2);
	cr_expect_str_eq(kan_json_str(verdict(doc), "level"), "intrusion");
	cr_expect_str_eq(kan_json_str(verdict(doc), "confidence"), "high");
	json_decref(doc);
}

Test(verdict, what_shares_nothing_is_told_apart)
{
	const struct spec two[] = {of_process, of_init};
	json_t *doc = judged("exe-foreign", two, 2);
	cr_expect_eq(json_array_size(json_object_get(doc, "findings")), 2);
	cr_expect_eq(json_array_size(json_object_get(doc, "stories")), 2,
		     "the init is nobody's link");
	cr_expect_str_eq(kan_json_str(verdict(doc), "level"), "suspicious");
	json_decref(doc);
}

static const json_t *hypothesis(const json_t *doc, const char *name)
{
	size_t i = 0;
	json_t *h = NULL;
	json_array_foreach (json_object_get(verdict(doc), "hypotheses"), i, h)
		if (strcmp(kan_json_str(h, "name"), name) == 0)
			return h;
	cr_assert_fail("no hypothesis %s", name);
	return NULL;
}

/* What votes of a process and of a file make of "operator", all it needs being seen. */
static void grades(int process_for, int file_for, int process_against, const char *grade,
		   const char *strength)
{
	char own[256] = "[]", file[256] = "[]";
	if (process_for)
		(void)snprintf(own, sizeof(own),
			       "[{\"for\":\"operator\",\"if\":{\"pid\":4711},\"weight\":%d}]",
			       process_for);
	if (process_against)
		(void)snprintf(own, sizeof(own),
			       "[{\"against\":\"operator\",\"if\":{\"pid\":4711},\"weight\":%d}]",
			       process_against);
	if (file_for)
		(void)snprintf(file, sizeof(file),
			       "[{\"for\":\"operator\",\"if\":{\"type\":\"file\"},\"weight\":%d}]",
			       file_for);
	struct spec two[] = {of_process, of_file};
	two[0].votes = own;
	two[1].votes = file;
	json_t *doc = judged("exe-foreign", two, 2);
	const json_t *h = hypothesis(doc, "operator");
	cr_expect_str_eq(kan_json_str(h, "grade"), grade, "%d %d %d: %s", process_for, file_for,
			 process_against, kan_json_str(h, "grade"));
	cr_expect_str_eq(kan_json_str(h, "strength"), strength, "%d %d %d", process_for, file_for,
			 process_against);
	json_decref(doc);
}

Test(verdict, a_hypothesis_is_graded_by_the_sums_and_by_how_many_classes_speak)
{
	grades(2, 2, 0, "supported", "high");
	grades(2, 1, 0, "supported", "moderate");
	grades(3, 0, 0, "weakly supported", "low");
	grades(1, 0, 0, "weakly supported", "low");
	grades(0, 0, 0, "not supported", "");
	grades(0, 0, 2, "not supported", "");
	grades(0, 0, 3, "contradicted", "");
	grades(0, 1, 3, "contradicted", "");
	grades(0, 2, 3, "not supported", "");
	grades(0, 3, 2, "weakly supported", "low");
}

Test(verdict, of_one_class_only_the_strongest_vote_counts)
{
	struct spec one = of_process;
	one.votes = "[{\"for\":\"operator\",\"if\":{\"pid\":4711},\"weight\":1},"
		    "{\"for\":\"operator\",\"if\":{\"ppid\":4650},\"weight\":2}]";
	json_t *doc = judged("exe-foreign", &one, 1);
	cr_expect_eq(kan_json_int(hypothesis(doc, "operator"), "weight_for"), 2);
	cr_expect_eq(json_array_size(json_object_get(hypothesis(doc, "operator"), "for")), 1,
		     "one finding, named once");
	json_decref(doc);
}

Test(verdict, what_was_not_seen_makes_a_hypothesis_not_assessable_with_its_gap)
{
	struct spec one = of_init;
	one.votes = "[{\"for\":\"exec\",\"if\":{\"pid\":4650},\"weight\":2}]";
	json_t *doc = judged("events-late", &one, 1);
	const json_t *h = hypothesis(doc, "exec");
	cr_expect_str_eq(kan_json_str(h, "grade"), "not assessable");
	cr_expect_str_eq(kan_json_str(json_object_get(h, "missing"), "collector"), "engine");
	json_decref(doc);
	one.votes = "[{\"for\":\"exec\",\"if\":{\"pid\":4650},\"weight\":3}]";
	doc = judged("events-late", &one, 1);
	cr_expect_str_eq(kan_json_str(hypothesis(doc, "exec"), "grade"), "weakly supported");
	json_decref(doc);
}

Test(verdict, a_vote_on_a_joined_row_needs_one_that_holds)
{
	struct spec one = of_process;
	one.join = "[{\"as\":\"c\",\"rows\":\"change\",\"on\":[\"exe.sha256=sha256\"],"
		   "\"optional\":true}]";
	one.votes = "[{\"for\":\"operator\",\"if\":{\"c.type\":\"file\"},\"weight\":2},"
		    "{\"for\":\"lateral\",\"if\":{\"c.type\":\"dir\"},\"weight\":2}]";
	json_t *doc = judged("exe-foreign", &one, 1);
	cr_expect_eq(kan_json_int(hypothesis(doc, "operator"), "weight_for"), 2);
	cr_expect_eq(kan_json_int(hypothesis(doc, "lateral"), "weight_for"), 0);
	json_decref(doc);
}

Test(verdict, a_rule_that_only_votes_speaks_under_its_own_name)
{
	struct spec one = of_process;
	one.class = "context";
	one.votes = "[{\"against\":\"operator\",\"if\":{\"pid\":4711},\"weight\":2}]";
	json_t *doc = judged("exe-foreign", &one, 1);
	const json_t *names = json_object_get(hypothesis(doc, "operator"), "against");
	cr_assert_eq(json_array_size(names), 1);
	cr_expect_str_eq(json_string_value(json_array_get(names, 0)), "a.process");
	cr_expect_eq(json_array_size(json_object_get(doc, "findings")), 0);
	json_decref(doc);
}
