/* A case: bundles and what people did, on one timeline, with what they share. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "incident.h"
#include "reports/case.h"

enum { FILE_MAX = 16 << 20 };

static const char first_seal[] = "53e081b7a2631869061c36289b6355934d447878c299fc4973b8d87a9b5f70cf";

static json_t *part_of(size_t max)
{
	json_t *doc = incident();
	struct kan_model *m = model_of(doc, NULL);
	json_t *part = kan_case_part(m, max);
	kan_model_free(m);
	json_decref(doc);
	return part;
}

static json_t *small(const char *name, const char *digest, const char *peer, long long ns)
{
	return json_pack("{s:{s:s},s:I,s:s,s:[],s:[],s:[{s:s,s:I,s:s,s:s,s:s}],s:[{s:s,s:s},{s:s,s:"
			 "s}],s:[{s:s,s:i,s:s,s:s,s:s,s:[]}]}",
			 "container", "name", name, "started_ns", (json_int_t)ns, "level",
			 "intrusion", "headline", "not_seen", "timeline", "time",
			 "2026-11-22T05:00:00Z", "time_ns", (json_int_t)ns, "message", name, "desc",
			 "process start", "trust", "storage", "marks", "kind", "digest", "value",
			 digest, "kind", "peer", "value", peer, "findings", "id", "F-e24b6005", "n",
			 1, "rule", "exe.foreign", "severity", "critical", "title",
			 "Runs a foreign executable", "parts");
}

static json_t *two_bundles(void)
{
	return json_pack("[{s:s,s:s,s:o},{s:s,s:s,s:o}]", "bundle", "one", "seal", first_seal,
			 "part", small("web", "aa", "198.51.100.7", 20), "bundle", "two", "seal",
			 first_seal, "part", small("db", "aa", "198.51.100.7", 10));
}

static void event(json_t *list, const char *type, json_t *more)
{
	json_int_t n = (json_int_t)json_array_size(list) + 1;
	json_t *o = json_pack("{s:I,s:s,s:I,s:s,s:b}", "seq", n, "type", type, "time_ns", 100 * n,
			      "who", "Aiko Mori", "ok", 1);
	json_object_update(o, more);
	json_decref(more);
	json_array_append_new(list, o);
}

static json_t *act(const char *word, const char *target)
{
	return json_pack("{s:s,s:s,s:s}", "do", word, "target", target, "undo",
			 "docker network connect shop 3f2a");
}

static json_t *merge(json_t *bundles, json_t *events)
{
	const struct kan_case_input in = {
		.case_id = "inc-42", .bundles = bundles, .events = events};
	json_t *doc = kan_case_merge(&in);
	json_decref(bundles);
	json_decref(events);
	return doc;
}

static const json_t *at(const json_t *list, size_t i)
{
	return json_array_get(list, i);
}

Test(case_report, what_two_bundles_share_is_named_with_both)
{
	json_t *doc = merge(two_bundles(), json_array());
	const json_t *shared = json_object_get(doc, "shared");
	cr_assert_eq(json_array_size(shared), 2);
	cr_assert_str_eq(kan_json_str(at(shared, 0), "kind"), "digest");
	cr_assert_str_eq(kan_json_str(at(shared, 0), "value"), "aa");
	cr_assert_str_eq(kan_json_str(at(shared, 1), "value"), "198.51.100.7");
	for (size_t i = 0; i < 2; i++) {
		const json_t *in = json_object_get(at(shared, i), "bundles");
		cr_assert_eq(json_array_size(in), 2);
		cr_assert_eq(json_integer_value(at(in, 0)), 1);
		cr_assert_eq(json_integer_value(at(in, 1)), 2);
	}
	json_decref(doc);
}

Test(case_report, what_one_bundle_has_alone_is_not_shared)
{
	json_t *bundles =
		json_pack("[{s:s,s:s,s:o},{s:s,s:s,s:o}]", "bundle", "one", "seal", first_seal,
			  "part", small("web", "aa", "192.0.2.1", 20), "bundle", "two", "seal",
			  first_seal, "part", small("db", "bb", "192.0.2.2", 10));
	json_t *doc = merge(bundles, json_array());
	cr_assert_eq(json_array_size(json_object_get(doc, "shared")), 0);
	json_decref(doc);
}

Test(case_report, moments_acts_and_notes_are_on_one_timeline)
{
	json_t *events = json_array();
	event(events, "collect", json_pack("{s:s}", "bundle", "one"));
	event(events, "derive", json_object());
	event(events, "act", act("disconnect", "3f2a9c41d0be5d7e"));
	event(events, "note", json_pack("{s:s}", "text", "called the owner"));
	json_t *doc = merge(two_bundles(), events);
	const json_t *line = json_object_get(doc, "timeline");
	cr_assert_eq(json_array_size(line), 5, "a derive event is no moment of the case");
	cr_assert_str_eq(kan_json_str(at(line, 0), "message"), "db");
	cr_assert_eq(kan_json_int(at(line, 0), "bundle"), 2);
	cr_assert_str_eq(kan_json_str(at(line, 1), "message"), "web");
	cr_assert_str_eq(kan_json_str(at(line, 2), "message"), "collect: one");
	cr_assert_str_eq(kan_json_str(at(line, 3), "message"),
			 "act: disconnect 3f2a9c41d0be, undo: docker network connect shop 3f2a");
	cr_assert_str_eq(kan_json_str(at(line, 3), "who"), "Aiko Mori");
	cr_assert_str_eq(kan_json_str(at(line, 4), "message"), "note: called the owner");
	json_decref(doc);
}

Test(case_report, one_moment_in_two_bundles_of_one_container_is_told_once)
{
	json_t *bundles = two_bundles();
	for (size_t i = 0; i < 2; i++) {
		json_t *part = json_object_get(at(bundles, i), "part");
		json_object_set_new(json_object_get(part, "container"), "id", json_string("3f2a"));
		json_object_set_new(json_array_get(json_object_get(part, "timeline"), 0), "message",
				    json_string("the image was built"));
		json_object_set_new(json_array_get(json_object_get(part, "timeline"), 0), "time_ns",
				    json_integer(5));
	}
	json_t *other = json_deep_copy(bundles);
	json_object_set_new(json_object_get(json_object_get(at(other, 1), "part"), "container"),
			    "id", json_string("77aa"));
	json_t *same = merge(bundles, json_array()), *two = merge(other, json_array());
	const json_t *line = json_object_get(same, "timeline");
	cr_assert_eq(json_array_size(line), 1);
	cr_assert_eq(kan_json_int(at(line, 0), "bundle"), 1);
	cr_assert_eq(json_integer_value(at(json_object_get(at(line, 0), "also"), 0)), 2);
	cr_assert_eq(json_array_size(json_object_get(two, "timeline")), 2, "of another container");
	json_decref(same);
	json_decref(two);
}

static int64_t seq_of(const json_t *doc, const char *key)
{
	return kan_json_int(json_object_get(json_object_get(doc, "times"), key), "seq");
}

Test(case_report, contained_is_the_first_act_that_was_not_undone)
{
	json_t *events = json_array();
	event(events, "collect", json_object());
	event(events, "act", act("pause", "3f2a"));
	event(events, "act", act("resume", "3f2a"));
	event(events, "act", act("disconnect", "3f2a"));
	event(events, "act", act("connect", "77aa")); /* of another container */
	event(events, "collect", json_object());
	event(events, "close", json_object());
	json_t *doc = merge(two_bundles(), events);
	cr_assert_eq(seq_of(doc, "detected"), 1);
	cr_assert_eq(seq_of(doc, "contained"), 4);
	cr_assert_eq(seq_of(doc, "resolved"), 7);
	json_decref(doc);
}

Test(case_report, an_act_that_failed_contains_nothing_and_a_missing_time_is_a_blank)
{
	kan_auto_buf struct kan_buf md = KAN_BUF(FILE_MAX);
	json_t *events = json_array(), *failed = act("kill", "3f2a");
	json_object_set_new(failed, "ok", json_false());
	event(events, "import", json_object());
	event(events, "act", failed);
	json_t *doc = merge(two_bundles(), events);
	cr_assert_eq(json_object_size(json_object_get(doc, "times")), 0);
	cr_assert_eq(kan_case_md(&md, doc, NULL), 0);
	cr_assert_not_null(strstr(kan_buf_str(&md),
				  "- Detected: _____\n- Contained: _____\n- Resolved: _____\n"));
	json_decref(doc);
}

Test(case_report, a_judgement_stands_beside_the_finding_and_changes_no_verdict)
{
	json_t *events = json_array();
	event(events, "note",
	      json_pack("{s:s,s:s,s:s}", "finding", "F-e24b6005", "as", "dismissed", "text",
			"our own tool"));
	event(events, "note", json_pack("{s:s,s:s}", "finding", "F-00000000", "as", "confirmed"));
	json_t *doc = merge(two_bundles(), events);
	const json_t *findings = json_object_get(doc, "findings");
	cr_assert_eq(json_array_size(findings), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *said = json_object_get(at(findings, i), "judgements");
		cr_assert_eq(json_array_size(said), 1);
		cr_assert_str_eq(kan_json_str(at(said, 0), "as"), "dismissed");
		cr_assert_str_eq(kan_json_str(at(said, 0), "who"), "Aiko Mori");
		cr_assert_eq(kan_json_int(at(said, 0), "time_ns"), 100);
		cr_assert_str_eq(kan_json_str(at(findings, i), "severity"), "critical");
		cr_assert_str_eq(kan_json_str(kan_case_bundle(doc, 1), "level"), "intrusion");
	}
	const json_t *lost = json_object_get(doc, "judgements_unmatched");
	cr_assert_eq(json_array_size(lost), 1);
	cr_assert_str_eq(kan_json_str(at(lost, 0), "finding"), "F-00000000");
	json_decref(doc);
}

Test(case_report, a_bundle_that_is_not_used_is_named_and_none_of_its_rows)
{
	kan_auto_buf struct kan_buf html = KAN_BUF(FILE_MAX), md = KAN_BUF(FILE_MAX);
	json_t *bundles = two_bundles();
	json_object_del((json_t *)(uintptr_t)at(bundles, 1), "part");
	json_object_set_new((json_t *)(uintptr_t)at(bundles, 1), "why",
			    json_string("its verification failed: data/x: altered"));
	json_t *doc = merge(bundles, json_array());
	cr_assert(json_is_false(json_object_get(kan_case_bundle(doc, 2), "used")));
	cr_assert_eq(json_array_size(json_object_get(doc, "timeline")), 1);
	cr_assert_eq(json_array_size(json_object_get(doc, "findings")), 1);
	cr_assert_eq(json_array_size(json_object_get(doc, "shared")), 0);
	cr_assert_eq(kan_case_html(&html, doc, NULL), 0);
	cr_assert_eq(kan_case_md(&md, doc, NULL), 0);
	cr_assert_not_null(strstr(kan_buf_str(&html), "NOT USED"));
	cr_assert_not_null(strstr(kan_buf_str(&html), "data/x: altered"));
	cr_assert_not_null(strstr(kan_buf_str(&md), "data/x: altered"));
	json_decref(doc);
}

Test(case_report, a_part_keeps_to_its_room_and_counts_what_it_left)
{
	json_t *whole = part_of(KAN_CASE_PART), *less = part_of(8 << 10);
	cr_assert_leq(json_dumpb(less, NULL, 0, JSON_COMPACT), 8 << 10);
	cr_assert_eq(json_array_size(json_object_get(less, "findings")) +
			     (size_t)kan_json_int(less, "findings_left_out"),
		     json_array_size(json_object_get(whole, "findings")));
	cr_assert_eq(json_array_size(json_object_get(less, "timeline")) +
			     (size_t)kan_json_int(less, "timeline_left_out"),
		     json_array_size(json_object_get(whole, "timeline")) +
			     (size_t)kan_json_int(whole, "timeline_left_out"));
	cr_assert_gt(kan_json_int(less, "findings_left_out"), 0);
	cr_assert_str_eq(kan_json_str(at(json_object_get(less, "findings"), 0), "id"),
			 kan_json_str(at(json_object_get(whole, "findings"), 0), "id"));
	json_decref(whole);
	json_decref(less);
}

Test(case_report, of_too_many_moments_what_people_did_stays)
{
	json_t *events = json_array(), *bundles = two_bundles();
	json_t *line = json_object_get(json_object_get(at(bundles, 0), "part"), "timeline");
	for (int i = 0; i < KAN_CASE_TIMELINE; i++)
		json_array_append_new(line, json_deep_copy(at(line, 0)));
	event(events, "note", json_pack("{s:I,s:s}", "time_ns", (json_int_t)1, "text", "early"));
	json_t *doc = merge(bundles, events);
	const json_t *all = json_object_get(doc, "timeline");
	cr_assert_eq(json_array_size(all), KAN_CASE_TIMELINE);
	cr_assert_str_eq(kan_json_str(at(all, 0), "message"), "note: early");
	cr_assert_eq(kan_json_int(doc, "timeline_left_out"), 3);
	json_decref(doc);
}

static const char attack[] = "\x1b[2J\r\n<script>alert(1)</script>\"' onload=\"x\" "
			     "](javascript:alert(3)) ```` ` | [a](http://evil.example) "
			     "\xe2\x80\xae\xe2\x81\xa6 \xff\xfe \xc2\x9b\n# heading\n</style>";

/* Bytes of an attacker, or of a responder, in every text that is not ours. */
static json_t *hostile(struct kan_bytes with)
{
	static const char *const texts[] = {"text", "who", "host", "undo", NULL};
	json_t *events = json_array(), *bundles = two_bundles();
	event(events, "collect", json_object());
	event(events, "act", act("kill", "3f2a"));
	event(events, "close", json_object());
	event(events, "note", json_pack("{s:s,s:s}", "finding", "F-e24b6005", "as", "dismissed"));
	for (size_t i = 0; i < json_array_size(events); i++)
		for (const char *const *key = texts; *key; key++)
			kan_json_set_bytes(json_array_get(events, i), *key, with);
	json_t *part = json_object_get(at(bundles, 0), "part");
	kan_json_set_bytes(json_array_get(json_object_get(part, "timeline"), 0), "message", with);
	kan_json_set_bytes(json_object_get(part, "container"), "name", with);
	kan_json_set_bytes(json_array_get(json_object_get(part, "marks"), 0), "value", with);
	json_object_set(json_object_get(at(bundles, 1), "part"), "marks",
			json_object_get(part, "marks"));
	json_array_append_new(bundles, json_pack("{s:s,s:s}", "bundle", "three", "seal", "x"));
	kan_json_set_bytes(json_array_get(bundles, 2), "why", with);
	return merge(bundles, events);
}

static size_t count(const struct kan_buf *b, const char *needle)
{
	size_t n = 0, k = strlen(needle);
	for (size_t i = 0; i + k <= b->len; i++)
		n += memcmp(b->data + i, needle, k) == 0;
	return n;
}

Test(case_report, whatever_a_note_or_a_bundle_says_is_inert)
{
	json_t *calm = hostile(KAN_LIT("calm")), *hot = hostile(KAN_LIT(attack));
	for (const struct kan_case_report *r = kan_case_reports; r->name; r++) {
		kan_auto_buf struct kan_buf a = KAN_BUF(FILE_MAX), b = KAN_BUF(FILE_MAX);
		bool lines = strcmp(r->name, "json") != 0;
		cr_assert_eq(r->render(&a, calm, NULL), 0, "%s", r->name);
		cr_assert_eq(r->render(&b, hot, NULL), 0, "%s", r->name);
		cr_assert_eq(count(&b, "\x1b"), 0, "%s", r->name);
		cr_assert_eq(count(&b, "\xe2\x80\xae"), 0, "%s", r->name);
		cr_assert_eq(count(&b, "\xc2\x9b"), 0, "%s", r->name);
		if (lines)
			cr_assert_eq(count(&b, "\n"), count(&a, "\n"), "%s", r->name);
		if (strcmp(r->name, "html") == 0) {
			cr_assert_eq(count(&b, "<"), count(&a, "<"));
			cr_assert_eq(count(&b, "\""), count(&a, "\""));
			cr_assert_eq(count(&b, "default-src 'none'"), 1);
		}
	}
	json_decref(calm);
	json_decref(hot);
}

Test(case_report, the_same_rows_give_the_same_bytes)
{
	json_t *one = hostile(KAN_LIT("calm")), *two = hostile(KAN_LIT("calm"));
	for (const struct kan_case_report *r = kan_case_reports; r->name; r++) {
		kan_auto_buf struct kan_buf a = KAN_BUF(FILE_MAX), b = KAN_BUF(FILE_MAX);
		cr_assert_eq(r->render(&a, one, NULL), 0);
		cr_assert_eq(r->render(&b, two, NULL), 0);
		cr_assert(kan_bytes_eq(kan_buf_bytes(&a), kan_buf_bytes(&b)), "%s", r->name);
	}
	json_decref(one);
	json_decref(two);
}

Test(case_report, a_format_that_tells_of_one_container_is_refused_with_a_reason)
{
	cr_assert_null(kan_case_refused("html"));
	cr_assert_null(kan_case_refused("csv"));
	cr_assert_not_null(kan_case_refused("bodyfile"));
	cr_assert_not_null(kan_case_refused("sarif"));
}
