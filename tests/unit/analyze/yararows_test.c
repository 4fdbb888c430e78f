/* Rows of a scan by YARA rules beside what else is known: what they raise, and what they do not. */
#include "rule_fixtures.h"

#include "analyze/yarascan.h"

enum { ROW_TEXT = 1024 };

/* The fixture exe-foreign-shm, and one hit in the bytes of that executable. */
static json_t *raised(const char *what, const char *trust, bool high)
{
	struct kan_err err = {0};
	struct kan_source *s = NULL;
	struct kan_rules *r = shipped();
	json_t *doc = fixture("exe-foreign-shm", r), *f = NULL;
	char row[ROW_TEXT];
	size_t i = 0;
	const char *hex = "";
	json_array_foreach (json_object_get(doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "rule"), "exe.foreign") == 0)
			hex = kan_json_str(json_array_get(json_object_get(f, "objects"), 0),
					   "exe_sha256");
	cr_assert_eq(strlen(hex), 64);
	(void)snprintf(row, sizeof row,
		       "{\"type\":\"hit\",\"rule\":\"R\",\"ruleset\":\"a.yar\",\"what\":\"%s\","
		       "\"trust\":\"%s\",\"file\":\"/x\",\"artefact\":\"data/x\",\"size\":1,"
		       "\"sha256\":\"%s\",\"marked_high\":%s}\n",
		       what, trust, hex, high ? "true" : "false");
	json_decref(doc);
	cr_assert_eq(kan_source_dir(&s, FIXTURES "/exe-foreign-shm", FIXTURES "/base", &err), 0);
	kan_source_extra(s, KAN_YARA_ROWS, kan_bytes_of(row));
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	return doc;
}

static const json_t *found(const json_t *doc, const char *rule)
{
	size_t i = 0;
	json_t *f = NULL;
	json_array_foreach (json_object_get(doc, "findings"), i, f)
		if (strcmp(kan_json_str(f, "rule"), rule) == 0)
			return f;
	cr_assert_fail("%s was not found", rule);
	return NULL;
}

static bool says(const json_t *finding, const char *words)
{
	return strstr(kan_json_str(finding, "says"), words) != NULL;
}

Test(yararows, a_rule_that_marks_itself_high_raises_what_is_found_of_the_same_bytes)
{
	json_t *doc = raised("carved", "kernel-process", true);
	const json_t *f = found(doc, "exe.foreign");
	cr_expect_str_eq(kan_json_str(f, "severity"), "critical");
	cr_expect(says(f, "; a YARA rule hits its bytes"), "%s", kan_json_str(f, "says"));
	cr_expect_str_eq(kan_json_str(found(doc, "foreign-pack.yara-high"), "severity"), "high");
	json_decref(doc);
}

Test(yararows, any_other_rule_raises_no_further_than_medium)
{
	json_t *doc = raised("carved", "kernel-process", false);
	const json_t *f = found(doc, "exe.foreign");
	cr_expect_str_eq(kan_json_str(f, "severity"), "high", "as without the hit");
	cr_expect_not(says(f, "YARA"));
	cr_expect_str_eq(kan_json_str(found(doc, "foreign-pack.yara"), "severity"), "medium");
	json_decref(doc);
}

Test(yararows, words_of_a_log_raise_nothing)
{
	json_t *doc = raised("log", "container-text", true);
	cr_expect_str_eq(kan_json_str(found(doc, "exe.foreign"), "severity"), "high");
	const json_t *f = found(doc, "foreign-pack.yara-log");
	cr_expect_str_eq(kan_json_str(f, "severity"), "low");
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(f, "classes"), 0)),
			 "container-text");
	json_decref(doc);
}

Test(yararows, a_hit_and_a_finding_of_the_same_bytes_are_one_story)
{
	json_t *doc = raised("carved", "kernel-process", false);
	int64_t of = kan_json_int(found(doc, "foreign-pack.yara"), "story");
	cr_expect_gt(of, 0);
	cr_expect_eq(of, kan_json_int(found(doc, "exe.foreign"), "story"));
	json_decref(doc);
}

/* A class is one of ours or it is not taken. */
Test(yararows, a_class_that_there_is_not_is_the_weakest)
{
	json_t *doc = raised("carved", "truth", false);
	const json_t *f = found(doc, "foreign-pack.yara");
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(f, "classes"), 0)),
			 "container-text");
	json_decref(doc);
}
