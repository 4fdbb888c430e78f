/* Events: written in one form, read back under its rules. */
#include "custody/event.h"

#include "base/row.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char seal[] = "53e081b7a2631869061c36289b6355934d447878c299fc4973b8d87a9b5f70cf";

static void make(struct kan_buf *out, const struct kan_act *act, const char *note)
{
	json_auto_t *what = json_pack("{s:s,s:s,s:i,s:i}", "bundle", BUNDLE_A, "seal", seal,
				      "octets", 48211934, "files", 37);
	const struct kan_event_input in = {.case_id = "inc-42",
					   .type = note ? "note" : "collect",
					   .prev = kan_event_first,
					   .seq = 1,
					   .utc_ns = 1795325599210000000,
					   .act = act,
					   .home = "/var/lib/kanshiki",
					   .key_fpr = "SHA256:x",
					   .host_key = true,
					   .what = what,
					   .note = note};
	struct kan_err err = {0};

	cr_assert_eq(kan_event_make(out, &in, &err), 0, "%s", err.text);
}

static const char *at(const json_t *doc, const char *a, const char *b)
{
	return json_string_value(json_object_get(json_object_get(doc, a), b));
}

Test(event, says_who_when_where_why_and_how)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	json_auto_t *impact = json_pack("[s]", "network shop_default detached");
	struct kan_act act = fixture_act;
	json_auto_t *doc = NULL;

	act.impact = impact;
	act.request_id = "req-1";
	make(&text, &act, NULL);
	doc = json_loads(kan_buf_str(&text), JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(doc);
	cr_assert_str_eq(at(doc, "who", "name"), "Aiko Mori");
	cr_assert_str_eq(at(doc, "who", "email"), "aiko@example.org");
	cr_assert_str_eq(at(doc, "who", "key"), "host");
	cr_assert_str_eq(at(doc, "who", "key_fpr"), "SHA256:x");
	cr_assert_str_eq(at(doc, "why", "purpose"), "miner seen by monitoring");
	cr_assert_str_eq(at(doc, "where", "path"), "/var/lib/kanshiki");
	cr_assert_str_eq(at(doc, "how", "tool"), "kanshiki");
	cr_assert_str_eq(json_string_value(json_array_get(
				 json_object_get(json_object_get(doc, "how"), "argv"), 1)),
			 "capture");
	cr_assert_str_eq(json_string_value(json_array_get(json_object_get(doc, "impact"), 0)),
			 "network shop_default detached");
	cr_assert_str_eq(json_string_value(json_object_get(doc, "request_id")), "req-1");
	cr_assert_str_eq(json_string_value(json_object_get(doc, "schema")), "kanshiki.event/1");
	cr_assert_eq(json_integer_value(json_object_get(json_object_get(doc, "when"), "utc_ns")),
		     1795325599210000000);
}

Test(event, comes_back_as_it_was_written)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	kan_auto_event struct kan_event e = {0};
	struct kan_err err = {0};

	make(&text, &fixture_act, NULL);
	cr_assert_eq(kan_event_parse(&e, kan_buf_bytes(&text), &err), 0, "%s", err.text);
	cr_assert_str_eq(e.case_id, "inc-42");
	cr_assert_str_eq(e.type, "collect");
	cr_assert_eq(e.seq, 1);
	cr_assert_str_eq(e.bundle, BUNDLE_A);
	cr_assert_str_eq(e.seal, seal);
	cr_assert_eq(e.octets, 48211934);
	cr_assert_eq(e.files, 37);
	cr_assert_null(e.request_id);
}

Test(event, is_sorted_indented_by_one_and_ends_in_lf)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	auto_fixture struct fixture f;

	fixture_make(&f);
	make(&text, &fixture_act, "found at once");
	fixture_write(f.dir, "e.json", text.data, text.len);
	/* Python's own writer makes the same bytes of the same document (an empty list apart). */
	free(fixture_must(f.dir, "python3 -c \"import json;d=json.load(open('e.json'));"
				 "open('p.json','w').write(json.dumps(d,indent=1,sort_keys=True,"
				 "ensure_ascii=False)+chr(10))\" && cmp e.json p.json"));
}

Test(event, bytes_that_are_no_text_never_lose_a_key)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	kan_auto_event struct kan_event e = {0};
	struct kan_act act = fixture_act;
	struct kan_err err = {0};

	act.purpose = "a\xff"
		      "b";
	make(&text, &act, "\x1b[31m\xc0");
	cr_assert_eq(kan_event_parse(&e, kan_buf_bytes(&text), &err), 0, "%s", err.text);
	cr_assert_str_eq(at(e.doc, "why", "purpose"), "a\uFFFDb");
	cr_assert_str_eq(at(e.doc, "note", "text"), "\uFFFD[31m\uFFFD");
}

static void refuse(json_t *doc, const char *what)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	kan_auto_event struct kan_event e = {0};
	struct kan_err err = {0};

	cr_assert_eq(kan_json_dump(&text, doc, NULL), 0);
	cr_expect_eq(kan_event_parse(&e, kan_buf_bytes(&text), &err), -1, "%s", what);
	cr_expect_eq(err.code, KAN_EFORMAT, "%s: %s", what, err.text);
}

static json_t *good(void)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);

	make(&text, &fixture_act, NULL);
	return json_loads(kan_buf_str(&text), 0, NULL);
}

Test(event, without_any_one_of_its_keys_is_refused)
{
	static const char *const keys[] = {"schema", "case",   "seq",   "type", "prev",
					   "who",    "when",   "where", "why",  "how",
					   "what",   "result", "impact"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_auto_t *doc = good();

		json_object_del(doc, keys[i]);
		refuse(doc, keys[i]);
	}
}

Test(event, with_a_value_that_the_format_does_not_have_is_refused)
{
	static const struct {
		const char *key, *value;
	} bad[] = {{"schema", "\"kanshiki.event/2\""},
		   {"seq", "0"},
		   {"seq", "1000000"},
		   {"seq", "\"1\""},
		   {"type", "\"erase\""},
		   {"case", "\"../x\""},
		   {"case", "\"\""},
		   {"prev", "\"00\""},
		   {"what", "[{}]"},
		   {"what", "[1,2]"},
		   {"who", "{}"},
		   {"extra", "1"}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_auto_t *doc = good();

		json_object_set_new(doc, bad[i].key,
				    json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
		refuse(doc, bad[i].value);
	}
}

Test(event, has_one_spelling)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	kan_auto_event struct kan_event e = {0};

	make(&text, &fixture_act, NULL);
	kan_buf_addc(&text, '\n');
	cr_assert_eq(kan_event_parse(&e, kan_buf_bytes(&text), NULL), -1);
	text.len -= 2;
	cr_assert_eq(kan_event_parse(&e, kan_buf_bytes(&text), NULL), -1);
}
