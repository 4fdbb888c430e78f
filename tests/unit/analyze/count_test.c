/* The operator count: what is certain, what could still be, and what a rule may not ask. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "analyze/count.h"

/* Sockets, one an element: the row, and its joined columns. */
struct seen {
	const char *row, *extra;
};

static enum kan_truth ask(const char *spec, const struct seen *rows, size_t n, bool lost,
			  const char *asks)
{
	struct kan_err err = {0};
	struct kan_count *c = NULL;
	const struct kan_kind *own = kan_kind_find("process"), *kind = kan_kind_find("socket");
	json_t *json = json_loads(spec, 0, NULL);
	cr_assert_not_null(json, "%s", spec);
	cr_assert_eq(kan_count_parse(&c, json, own, &err), 0, "%s: %s", spec, err.text);
	struct kan_counts *counts = kan_counts_new();
	kan_counts_want(counts, c, lost);
	for (size_t i = 0; i < n; i++) {
		struct kan_view v = {kind, json_loads(rows[i].row, 0, NULL),
				     json_loads(rows[i].extra, 0, NULL), i};
		cr_assert(v.row && v.extra, "%zu", i);
		kan_counts_see(counts, &v, false);
		json_decref(v.row);
		json_decref(v.extra);
	}
	struct kan_view v = {own, json_loads(asks, 0, NULL), json_object(), 1};
	enum kan_truth t = kan_counts_ask(counts, c, &v);
	kan_counts_free(counts);
	kan_count_free(c);
	json_decref(v.row);
	json_decref(v.extra);
	json_decref(json);
	return t;
}

#define OF_7 "{\"pid\":[7]}"
#define TO(addr, port) "{\"raddr\":\"" addr "\",\"rport\":" port ",\"state\":\"ESTABLISHED\"}"
#define COUNT(rest, n) "{\"rows\":\"socket\",\"on\":[\"pid\"]," rest "\"ge\":" n "}"

static const struct seen peers[] = {{TO("10.0.0.1", "22"), OF_7},
				    {TO("10.0.0.2", "22"), OF_7},
				    {TO("10.0.0.2", "22"), OF_7},
				    {TO("10.0.0.3", "80"), "{\"pid\":[7,8]}"}};

static enum kan_truth of_peers(const char *spec, const char *pid)
{
	return ask(spec, peers, sizeof peers / sizeof *peers, false, pid);
}

Test(count, rows_that_meet_are_counted_and_no_others)
{
	cr_expect_eq(of_peers(COUNT("", "4"), "{\"pid\":7}"), KAN_TRUE);
	cr_expect_eq(of_peers(COUNT("", "5"), "{\"pid\":7}"), KAN_FALSE);
	cr_expect_eq(of_peers(COUNT("", "1"), "{\"pid\":8}"), KAN_TRUE,
		     "each value of a set meets");
	cr_expect_eq(of_peers(COUNT("", "2"), "{\"pid\":8}"), KAN_FALSE);
	cr_expect_eq(of_peers(COUNT("", "1"), "{\"pid\":9}"), KAN_FALSE);
	cr_expect_eq(of_peers(COUNT("", "1"), "{}"), KAN_FALSE, "what has no value meets nothing");
}

Test(count, equal_values_count_once_when_they_are_to_be_distinct)
{
	cr_expect_eq(of_peers(COUNT("\"distinct\":\"raddr\",", "3"), "{\"pid\":7}"), KAN_TRUE);
	cr_expect_eq(of_peers(COUNT("\"distinct\":\"raddr\",", "4"), "{\"pid\":7}"), KAN_FALSE);
}

Test(count, the_largest_group_is_compared)
{
	cr_expect_eq(of_peers(COUNT("\"group\":[\"rport\"],", "3"), "{\"pid\":7}"), KAN_TRUE);
	cr_expect_eq(of_peers(COUNT("\"group\":[\"rport\"],", "4"), "{\"pid\":7}"), KAN_FALSE);
	cr_expect_eq(of_peers(COUNT("\"distinct\":\"raddr\",\"group\":[\"rport\"],", "2"),
			      "{\"pid\":7}"),
		     KAN_TRUE);
	cr_expect_eq(of_peers(COUNT("\"distinct\":\"raddr\",\"group\":[\"rport\"],", "3"),
			      "{\"pid\":7}"),
		     KAN_FALSE);
}

Test(count, only_rows_that_its_condition_holds_for_are_counted)
{
	cr_expect_eq(of_peers(COUNT("\"where\":{\"rport\":22},", "3"), "{\"pid\":7}"), KAN_TRUE);
	cr_expect_eq(of_peers(COUNT("\"where\":{\"rport\":22},", "4"), "{\"pid\":7}"), KAN_FALSE);
}

Test(count, without_on_all_rows_are_counted_whoever_asks)
{
	cr_expect_eq(of_peers("{\"rows\":\"socket\",\"ge\":4}", "{}"), KAN_TRUE);
	cr_expect_eq(of_peers("{\"rows\":\"socket\",\"ge\":5}", "{}"), KAN_FALSE);
}

/* peer.scope null: it is not known whether the condition holds. */
static const struct seen unsure[] = {
	{TO("10.0.0.1", "22"), "{\"pid\":[7],\"peer.scope\":\"public\"}"},
	{TO("10.0.0.2", "22"), "{\"pid\":[7],\"peer.scope\":null}"},
	{TO("10.0.0.3", "22"), "{\"pid\":null,\"peer.scope\":\"public\"}"}};

static enum kan_truth of_unsure(const char *n, bool lost, const char *pid)
{
	char spec[256];
	(void)snprintf(spec, sizeof spec, COUNT("\"where\":{\"peer.scope\":\"public\"},", "%s"), n);
	return ask(spec, unsure, sizeof unsure / sizeof *unsure, lost, pid);
}

Test(count, it_is_true_as_soon_as_certain_rows_suffice)
{
	cr_expect_eq(of_unsure("1", false, "{\"pid\":7}"), KAN_TRUE);
	cr_expect_eq(of_unsure("1", true, "{\"pid\":7}"), KAN_TRUE);
}

Test(count, it_is_unknown_while_uncertain_rows_could_still_make_it_true)
{
	cr_expect_eq(of_unsure("2", false, "{\"pid\":7}"), KAN_UNDECIDED);
	cr_expect_eq(of_unsure("3", false, "{\"pid\":7}"), KAN_UNDECIDED,
		     "the socket of an unknown owner may be its own, too");
	cr_expect_eq(of_unsure("4", false, "{\"pid\":7}"), KAN_FALSE, "there are but three");
	cr_expect_eq(of_unsure("1", false, "{\"pid\":9}"), KAN_UNDECIDED);
	cr_expect_eq(of_unsure("2", false, "{\"pid\":9}"), KAN_FALSE);
}

Test(count, it_is_unknown_when_rows_are_missing)
{
	cr_expect_eq(of_unsure("4", true, "{\"pid\":7}"), KAN_UNDECIDED);
	cr_expect_eq(of_unsure("2", true, "{\"pid\":9}"), KAN_UNDECIDED);
}

Test(count, a_group_or_a_value_that_is_unknown_is_no_certain_row)
{
	static const struct seen rows[] = {
		{TO("10.0.0.1", "22"), "{\"pid\":[7],\"sock.dir\":null}"},
		{TO("10.0.0.2", "22"), "{\"pid\":[7]}"}};
	const char *spec = COUNT("\"group\":[\"sock.dir\"],", "1");
	cr_expect_eq(ask(spec, rows, 2, false, "{\"pid\":7}"), KAN_UNDECIDED);
	cr_expect_eq(ask(spec, rows + 1, 1, false, "{\"pid\":7}"), KAN_FALSE,
		     "a row without the value is in no group");
	spec = COUNT("\"distinct\":\"sock.dir\",", "1");
	cr_expect_eq(ask(spec, rows, 2, false, "{\"pid\":7}"), KAN_UNDECIDED);
}

Test(count, whose_values_are_unknown_asks_in_vain)
{
	struct kan_err err = {0};
	struct kan_count *c = NULL;
	json_t *json = json_loads("{\"rows\":\"process\",\"on\":[\"pid\"],\"ge\":1}", 0, NULL);
	cr_assert_eq(kan_count_parse(&c, json, kan_kind_find("socket"), &err), 0, "%s", err.text);
	struct kan_counts *counts = kan_counts_new();
	struct kan_view v = {kan_kind_find("socket"), json_object(), json_pack("{s:n}", "pid"), 1};
	cr_expect_eq(kan_counts_ask(counts, c, &v), KAN_UNDECIDED, "nobody counted for it");
	kan_counts_want(counts, c, false);
	cr_expect_eq(kan_counts_ask(counts, c, &v), KAN_UNDECIDED);
	kan_counts_free(counts);
	kan_count_free(c);
	json_decref(v.row);
	json_decref(v.extra);
	json_decref(json);
}

/* Beyond the budget a process that is not remembered may have any number of peers. */
Test(count, what_is_remembered_is_bounded_and_what_is_not_is_unknown)
{
	struct kan_err err = {0};
	struct kan_count *c = NULL;
	json_t *json = json_loads(COUNT("\"distinct\":\"raddr\",", "9000"), 0, NULL);
	cr_assert_eq(kan_count_parse(&c, json, kan_kind_find("process"), &err), 0, "%s", err.text);
	struct kan_counts *counts = kan_counts_new();
	kan_counts_want(counts, c, false);
	enum { TOO_MANY = KAN_COUNT_WEIGHT / 96 };
	for (int i = 0; i < TOO_MANY; i++) {
		char address[16];
		(void)snprintf(address, sizeof address, "10.%d.%d.%d", i >> 16 & 255, i >> 8 & 255,
			       i & 255);
		struct kan_view v = {kan_kind_find("socket"), json_pack("{s:s}", "raddr", address),
				     json_pack("{s:[i]}", "pid", 100 + i / 8000), 1};
		kan_counts_see(counts, &v, false);
		json_decref(v.row);
		json_decref(v.extra);
	}
	struct kan_view v = {kan_kind_find("process"), json_pack("{s:i}", "pid", 100),
			     json_object(), 1};
	cr_expect_eq(kan_counts_ask(counts, c, &v), KAN_UNDECIDED);
	kan_counts_free(counts);
	kan_count_free(c);
	json_decref(v.row);
	json_decref(v.extra);
	json_decref(json);
}

static void refused(const char *spec, const char *reason)
{
	struct kan_err err = {0};
	struct kan_cond *c = NULL;
	const struct kan_scope s = {.kind = kan_kind_find("process"), .counts = true};
	json_t *json = json_pack("{s:o}", "count", json_loads(spec, JSON_DECODE_ANY, NULL));
	cr_assert_not_null(json, "%s", spec);
	cr_expect_eq(kan_cond_new(&c, json, &s, &err), -1, "%s", spec);
	cr_expect_eq(err.code, KAN_EUSAGE);
	cr_expect_str_eq(err.text, reason);
	json_decref(json);
}

Test(count, a_spec_that_is_wrong_is_refused_with_its_place)
{
	refused("7", "count: not an object");
	refused("{\"rows\":\"socket\",\"ge\":1,\"le\":2}", "count: unknown key le");
	refused("{\"rows\":\"plug\",\"ge\":1}", "count: unknown row kind plug");
	refused("{\"ge\":1}", "count: unknown row kind ");
	refused(COUNT("\"distinct\":\"shape\",", "1"),
		"count: distinct: unknown column shape of socket");
	refused(COUNT("\"distinct\":7,", "1"), "count: distinct: a column");
	refused(COUNT("\"group\":[\"shape\"],", "1"),
		"count: group: unknown column shape of socket");
	refused(COUNT("\"group\":[],", "1"), "count: group: a list of 1 to 2 columns");
	refused(COUNT("\"group\":[7],", "1"), "count: group: not a list of strings");
	refused("{\"rows\":\"socket\",\"on\":[\"pid=shape\"],\"ge\":1}",
		"count: on: unknown column in pid=shape");
	refused("{\"rows\":\"socket\",\"on\":[\"pid\",\"pid\",\"pid\"],\"ge\":1}",
		"count: on: a list of 1 to 2 columns");
	refused(COUNT("", "0"), "count: ge: a number from 1 to 10000");
	refused(COUNT("", "10001"), "count: ge: a number from 1 to 10000");
	refused(COUNT("\"where\":{\"shape\":1},", "1"),
		"count: where: unknown column shape of socket");
	refused(COUNT("\"where\":{\"count\":{\"rows\":\"socket\",\"ge\":1}},", "1"),
		"count: where: count: only in where, excuse and votes of a rule");
}

static const char *trust_of(const char *own, const char *spec)
{
	struct kan_err err = {0};
	struct kan_count *c = NULL;
	const struct kan_kind *k = kan_kind_find(own);
	json_t *json = json_loads(spec, 0, NULL);
	cr_assert_eq(kan_count_parse(&c, json, k, &err), 0, "%s", err.text);
	const char *trust = kan_count_trust(c, k);
	kan_count_free(c);
	json_decref(json);
	return trust;
}

Test(count, its_class_is_the_weakest_of_the_rows_that_it_reads)
{
	cr_expect_str_eq(trust_of("change", "{\"rows\":\"socket\",\"ge\":1}"), "kernel-socket");
	cr_expect_str_eq(trust_of("target", "{\"rows\":\"process\",\"ge\":1}"), "kernel-process",
			 "only the rows that are counted are read");
	cr_expect_str_eq(trust_of("change", "{\"rows\":\"mountfile\",\"on\":[\"path\"],\"ge\":1}"),
			 "storage");
	cr_expect_str_eq(trust_of("baseline", "{\"rows\":\"change\",\"on\":[\"path\"],\"ge\":1}"),
			 "image");
}
