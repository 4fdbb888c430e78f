/* Every clause and every vote of every shipped rule matters to some fixture. */
#include <stdlib.h>

#include "rule_fixtures.h"

/* The n-th clause of a condition, negated in place. false: there is none. */
static bool negate(json_t *cond, size_t *n)
{
	const char *key = json_object_iter_key(json_object_iter(cond));
	json_t *v = json_object_get(cond, key);
	if (strcmp(key, "all") == 0 || strcmp(key, "any") == 0) {
		size_t i = 0;
		json_t *kid = NULL;
		json_array_foreach (v, i, kid)
			if (negate(kid, n))
				return true;
		return false;
	}
	if (strcmp(key, "not") == 0)
		return negate(v, n);
	if (strcmp(key, "count") == 0 && json_object_get(v, "where") &&
	    negate(json_object_get(v, "where"), n))
		return true;
	if (strcmp(key, "sequence") == 0) {
		size_t i = 0;
		json_t *step = NULL;
		json_array_foreach (json_object_get(v, "steps"), i, step)
			if (negate(json_object_get(step, "where"), n))
				return true;
	}
	if ((*n)-- > 0)
		return false;
	json_t *inner = json_copy(cond);
	json_object_clear(cond);
	json_object_set_new(cond, "not", inner);
	*n = SIZE_MAX;
	return true;
}

/* The rule with its n-th clause negated, alone in a set; NULL when there is no such clause. */
static struct kan_rules *mutant(const struct kan_rule *r, size_t n)
{
	struct kan_err err = {0};
	struct kan_rules *set = NULL;
	json_t *doc = json_deep_copy(r->doc);
	size_t i = 0;
	json_t *join = NULL;
	bool done = negate(json_object_get(doc, "where"), &n);
	json_array_foreach (json_object_get(doc, "join"), i, join)
		if (!done && !json_is_true(json_object_get(join, "optional")) &&
		    json_object_get(join, "where"))
			done = negate(json_object_get(join, "where"), &n);
	if (done) {
		char *text = json_dumps(doc, 0);
		cr_assert_eq(kan_rules_begin(&set, &err), 0);
		cr_assert_eq(kan_rules_add(set, "mutant", kan_bytes_of(text), &err), 0, "%s",
			     err.text);
		cr_assert_eq(kan_rules_finish(set, &err), 0);
		free(text);
	}
	json_decref(doc);
	return set;
}

Test(clauses, some_fixture_notices_every_clause_that_is_negated)
{
	struct kan_rules *r = shipped();
	for (size_t i = 0; i < r->n; i++) {
		struct kan_rules *set = NULL;
		for (size_t n = 0; (set = mutant(&r->rules[i], n)) != NULL; n++) {
			cr_expect(!as_expected(set, &r->rules[i], "hit", true) ||
					  !as_expected(set, &r->rules[i], "miss", false),
				  "%s: nobody notices clause %zu", r->rules[i].id, n);
			kan_rules_free(set);
		}
	}
	kan_rules_free(r);
}

/* The rule with its n-th vote alone; NULL when there is no such vote. */
static struct kan_rules *only_vote(const struct kan_rule *r, size_t n)
{
	struct kan_err err = {0};
	struct kan_rules *set = NULL;
	json_t *vote = json_array_get(json_object_get(r->doc, "votes"), n);
	if (!vote)
		return NULL;
	json_t *doc = json_deep_copy(r->doc);
	json_object_set_new(doc, "votes", json_pack("[O]", vote));
	char *text = json_dumps(doc, 0);
	cr_assert_eq(kan_rules_begin(&set, &err), 0);
	cr_assert_eq(kan_rules_add(set, "vote", kan_bytes_of(text), &err), 0, "%s", err.text);
	cr_assert_eq(kan_rules_finish(set, &err), 0);
	free(text);
	json_decref(doc);
	return set;
}

static bool is_cast(const struct kan_rules *set, const char *name)
{
	json_t *doc = fixture(name, set), *h = NULL;
	size_t i = 0;
	bool cast = false;
	json_array_foreach (json_object_get(json_object_get(doc, "verdict"), "hypotheses"), i, h)
		cast |= kan_json_int(h, "weight_for") || kan_json_int(h, "weight_against");
	json_decref(doc);
	return cast;
}

Test(clauses, some_hit_casts_every_vote)
{
	struct kan_rules *r = shipped();
	for (size_t i = 0; i < r->n; i++) {
		struct kan_rules *set = NULL;
		for (size_t n = 0; (set = only_vote(&r->rules[i], n)) != NULL; n++) {
			size_t k = 0;
			json_t *name = NULL;
			bool cast = false;
			json_array_foreach ((json_t *)(uintptr_t)names(&r->rules[i], "hit"), k,
					    name)
				cast = cast || is_cast(set, json_string_value(name));
			cr_expect(cast, "%s: no hit casts vote %zu", r->rules[i].id, n);
			kan_rules_free(set);
		}
	}
	kan_rules_free(r);
}
