/* Rules against their fixtures: what they must hit, and what they must miss. */
#include "analyze/rule_test.h"

#include <string.h>
#include <sys/stat.h>

#include "analyze/analyze.h"

enum { PATH_OCTETS = 4096 };

static bool told_by(const json_t *findings, const char *id)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)findings, i, v)
		if (strcmp(kan_json_str(v, "rule"), id) == 0)
			return true;
	return false;
}

bool kan_rule_fires(const json_t *doc, const struct kan_rule *r)
{
	size_t i = 0;
	json_t *h = NULL;
	if (strcmp(kan_json_str(r->doc, "class"), "context") != 0)
		return told_by(json_object_get(doc, "findings"), r->id);
	json_array_foreach (json_object_get(json_object_get(doc, "verdict"), "hypotheses"), i, h)
		if (kan_json_has_word(json_object_get(h, "for"), r->id) ||
		    kan_json_has_word(json_object_get(h, "against"), r->id))
			return true;
	return false;
}

/* All rules on their way past their fixtures. */
struct testing {
	const char *fixtures, *base; /* NULL: there is none */
	const json_t *attack;
	json_t *faults;
	json_int_t n;
};

static int run_one(bool *out, const struct testing *t, const struct kan_rule *r, const char *name,
		   struct kan_err *err)
{
	char dir[PATH_OCTETS];
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	struct kan_rules alone = {(struct kan_rule *)(uintptr_t)r, 1,
				  (json_t *)(uintptr_t)t->attack};
	int n = snprintf(dir, sizeof dir, "%s/%s", t->fixtures, name);
	if (n < 0 || (size_t)n >= sizeof dir || strchr(name, '/') || *name == '.')
		return kan_fail(err, KAN_EUSAGE, "not the name of a fixture");
	if (kan_source_dir(&s, dir, t->base, err) < 0)
		return -1;
	int rc = kan_analyze_source(&doc, s, &alone, err);
	*out = rc == 0 && kan_rule_fires(doc, r);
	json_decref(doc);
	kan_source_free(s);
	return rc;
}

static void test_list(struct testing *t, const struct kan_rule *r, const char *expected)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(json_object_get(r->doc, "tests"), expected), i, v) {
		struct kan_err err = {0};
		bool fires = false, hit = strcmp(expected, "hit") == 0;
		int rc = run_one(&fires, t, r, json_string_value(v), &err);
		t->n++;
		if (rc == 0 && fires == hit)
			continue;
		json_t *fault = json_pack("{s:s,s:O,s:s}", "rule", r->id, "fixture", v, "expected",
					  expected);
		const char *other = hit ? "it did not hit" : "it hit";
		kan_json_set_bytes(fault, "why", kan_bytes_of(rc < 0 ? err.text : other));
		json_array_append_new(t->faults, fault);
	}
}

json_t *kan_rules_test(const struct kan_rules *r, const char *fixtures)
{
	char base[PATH_OCTETS];
	struct stat st;
	struct testing t = {.fixtures = fixtures, .attack = r->attack, .faults = json_array()};
	int n = snprintf(base, sizeof base, "%s/base", fixtures);
	if (n > 0 && (size_t)n < sizeof base && stat(base, &st) == 0 && S_ISDIR(st.st_mode))
		t.base = base;
	for (size_t i = 0; i < r->n; i++) {
		test_list(&t, &r->rules[i], "hit");
		test_list(&t, &r->rules[i], "miss");
	}
	return json_pack("{s:s,s:I,s:I,s:I,s:o}", "schema", "kanshiki.rules-test/1", "rules",
			 (json_int_t)r->n, "fixtures", t.n, "failed",
			 (json_int_t)json_array_size(t.faults), "faults", t.faults);
}
