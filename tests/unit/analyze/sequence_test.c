/* The operator sequence: rows that follow one another within a time, and what is not known of it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "analyze/cond.h"
#include "analyze/sequence.h"
#include "base/row.h"

/* A login, as far as sequences look at it: a letter of a result, from whom, at which second. */
struct seen {
	char result;        /* f, a; '?': not known */
	const char *source; /* NULL: not known */
	int second;         /* 0: not known */
};

enum { NS = 1000000000, MAX = 64 };

static struct kan_view view_of(const struct seen *s, uint64_t line)
{
	struct kan_view v = {kan_kind_find("login"), json_object(), json_object(), line};
	json_object_set_new(v.extra, "result",
			    s->result == '?'
				    ? json_null()
				    : json_string(s->result == 'f' ? "failed" : "accepted"));
	json_object_set_new(v.extra, "source", s->source ? json_string(s->source) : json_null());
	if (s->second)
		json_object_set_new(v.row, "time_ns", json_integer((json_int_t)s->second * NS));
	return v;
}

static void drop(struct kan_view *v)
{
	json_decref(v->row);
	json_decref(v->extra);
}

/* Where each row stands: '1' it ends a sequence, '0' it does not, '?' unknown. */
static void judge(char *out, const char *spec, const struct seen *rows, size_t n, bool lost)
{
	struct kan_err err = {0};
	struct kan_sequence *s = NULL;
	json_t *json = json_loads(spec, 0, NULL);
	cr_assert_eq(kan_sequence_parse(&s, json, kan_kind_find("login"), &err), 0, "%s", err.text);
	struct kan_sequences *all = kan_sequences_new();
	kan_sequences_want(all, s, lost);
	for (size_t i = 0; i < n; i++) {
		struct kan_view v = view_of(&rows[i], i + 1);
		kan_sequences_see(all, &v, false);
		drop(&v);
	}
	for (size_t i = 0; i < n; i++) {
		struct kan_view v = view_of(&rows[i], i + 1);
		out[i] = "0?1"[kan_sequences_ask(all, s, &v, false)];
		drop(&v);
	}
	out[n] = 0;
	kan_sequences_free(all);
	kan_sequence_free(s);
	json_decref(json);
}

#define STEP(result, more) "{\"where\":{\"result\":\"" result "\"}" more "}"
#define THREE_THEN_IN \
	"{\"by\":[\"source\"],\"within\":60,\"steps\":[" STEP("failed", ",\"min\":3") "," STEP( \
		"accepted", "") "]}"

#define JUDGED(spec, lost, expected, ...) \
	do { \
		static const struct seen rows[] = {__VA_ARGS__}; \
		char got[MAX]; \
		judge(got, spec, rows, sizeof rows / sizeof *rows, lost); \
		cr_expect_str_eq(got, expected); \
	} while (0)

Test(sequence, it_holds_for_the_row_that_ends_it)
{
	JUDGED(THREE_THEN_IN, false, "0001", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'a', "x", 4});
	JUDGED(THREE_THEN_IN, false, "000", {'f', "x", 1}, {'f', "x", 2}, {'a', "x", 3});
	JUDGED(THREE_THEN_IN, false, "00010", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'a', "x", 4}, {'f', "x", 5});
}

Test(sequence, the_order_is_that_of_the_rows)
{
	JUDGED(THREE_THEN_IN, false, "0000", {'a', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'f', "x", 4});
	JUDGED(THREE_THEN_IN, false, "0000", {'f', "x", 1}, {'f', "x", 2}, {'a', "x", 3},
	       {'f', "x", 4});
}

Test(sequence, the_first_row_and_the_last_are_no_further_apart)
{
	JUDGED(THREE_THEN_IN, false, "0001", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'a', "x", 61});
	JUDGED(THREE_THEN_IN, false, "0000", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'a', "x", 62});
	JUDGED(THREE_THEN_IN, false, "00001", {'f', "x", 1}, {'f', "x", 20}, {'f', "x", 30},
	       {'f', "x", 40}, {'a', "x", 80});
}

Test(sequence, rows_of_others_do_not_count)
{
	JUDGED(THREE_THEN_IN, false, "00000", {'f', "x", 1}, {'f', "y", 2}, {'f', "x", 3},
	       {'a', "x", 4}, {'a', "y", 5});
}

Test(sequence, a_row_is_taken_by_one_step_alone)
{
	const char *twice = "{\"by\":[\"source\"],\"within\":60,\"steps\":[" STEP(
		"failed", "") "," STEP("failed", ",\"min\":2") "]}";
	JUDGED(twice, false, "0011", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3}, {'f', "x", 4});
}

Test(sequence, what_may_have_happened_is_unknown)
{
	JUDGED(THREE_THEN_IN, false, "000?", {'f', "x", 1}, {'?', "x", 2}, {'f', "x", 3},
	       {'a', "x", 4});
	JUDGED(THREE_THEN_IN, false, "00001", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'f', "x", 4}, {'a', "x", 5});
	JUDGED(THREE_THEN_IN, false, "0?0", {'f', "x", 1}, {'a', NULL, 2}, {'f', "x", 3});
	JUDGED(THREE_THEN_IN, false, "000?", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 0},
	       {'a', "x", 4});
}

Test(sequence, rows_that_are_missing_may_have_begun_it)
{
	JUDGED(THREE_THEN_IN, true, "0?", {'f', "x", 1}, {'a', "x", 2});
	JUDGED(THREE_THEN_IN, true, "0001", {'f', "x", 1}, {'f', "x", 2}, {'f', "x", 3},
	       {'a', "x", 4});
}

/* Beyond the budget groups are not remembered, and then nobody knows. */
Test(sequence, what_is_remembered_is_bounded)
{
	struct kan_err err = {0};
	struct kan_sequence *s = NULL;
	json_t *json = json_loads(THREE_THEN_IN, 0, NULL);
	cr_assert_eq(kan_sequence_parse(&s, json, kan_kind_find("login"), &err), 0, "%s", err.text);
	struct kan_sequences *all = kan_sequences_new();
	kan_sequences_want(all, s, false);
	for (int i = 0; i < KAN_SEQUENCE_WEIGHT / 96; i++) {
		char source[24];
		(void)snprintf(source, sizeof source, "2001:db8::%x", i);
		struct kan_view v = view_of(&(struct seen){'f', source, 1}, (uint64_t)i + 1);
		kan_sequences_see(all, &v, false);
		drop(&v);
	}
	struct kan_view v = view_of(&(struct seen){'a', "2001:db8::0", 2}, 1);
	cr_expect_eq(kan_sequences_ask(all, s, &v, false), KAN_UNDECIDED);
	drop(&v);
	kan_sequences_free(all);
	kan_sequence_free(s);
	json_decref(json);
}

static void refused(const char *kind, const char *spec, const char *reason)
{
	struct kan_err err = {0};
	struct kan_cond *c = NULL;
	const struct kan_scope scope = {.kind = kan_kind_find(kind), .counts = true};
	json_t *json = json_pack("{s:o}", "sequence", json_loads(spec, JSON_DECODE_ANY, NULL));
	cr_assert_not_null(json, "%s", spec);
	cr_expect_eq(kan_cond_new(&c, json, &scope, &err), -1, "%s", spec);
	cr_expect_eq(err.code, KAN_EUSAGE);
	cr_expect_str_eq(err.text, reason);
	json_decref(json);
}

Test(sequence, a_spec_that_is_wrong_is_refused_with_its_place)
{
	refused("login", "7", "sequence: not an object");
	refused("login", "{\"order\":1}", "sequence: unknown key order");
	refused("process", "{\"within\":1}", "sequence: rows of process have no time");
	refused("login", "{\"within\":0}", "sequence: within: seconds from 1 to 2678400");
	refused("login", "{\"within\":9}", "sequence: by: a list of 1 to 2 columns");
	refused("login", "{\"within\":9,\"by\":[\"shape\"]}",
		"sequence: by: unknown column shape of login");
	refused("login", "{\"within\":9,\"by\":[\"source\"],\"steps\":[" STEP("failed", "") "]}",
		"sequence: steps: a list of 2 to 8");
	refused("login",
		"{\"within\":9,\"by\":[\"source\"],\"steps\":[" STEP(
			"failed", ",\"min\":0") "," STEP("accepted", "") "]}",
		"sequence: step 1: min: a number from 1 to 1000");
	refused("login",
		"{\"within\":9,\"by\":[\"source\"],\"steps\":[" STEP("failed", "") ",{\"min\":1}]}",
		"sequence: step 2: where: a condition is an object with one key");
}
