/* Accepted findings: what is refused, what fits, and what becomes of the verdict. */
#include "analyze/accepted.h"
#include "analyze/rules.h"
#include "base/clock.h"
#include "rule_fixtures.h"

#define IMAGE "sha256:" DIGEST
#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static json_t *entry(void)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "rule", "exe.memfd", "key", "k", "image",
			 "*", "reason", "r", "by", "b", "added", "2026-10-01", "expires",
			 "2027-04-01");
}

static struct kan_accepted *parsed(json_t *list, struct kan_err *err)
{
	struct kan_accepted *a = NULL;
	char *text = json_dumps(list, 0);
	json_decref(list);
	(void)kan_accepted_parse(&a, "f", kan_bytes_of(text), err);
	free(text);
	return a;
}

static void refused(json_t *list, const char *reason)
{
	struct kan_err err = {0};
	cr_assert_null(parsed(list, &err), "%s", reason);
	cr_expect_eq(err.code, KAN_EUSAGE);
	cr_expect_not_null(strstr(err.text, reason), "expected \"%s\" in \"%s\"", reason, err.text);
}

static json_t *with(const char *key, const char *value)
{
	json_t *e = entry();
	json_object_set_new(e, key, json_loads(value, JSON_DECODE_ANY, NULL));
	return json_pack("[o]", e);
}

Test(accepted, a_file_that_is_not_right_as_a_whole_is_refused_with_its_place)
{
	static const char *const keys[] = {"rule", "key",   "image",  "reason",
					   "by",   "added", "expires"};
	struct kan_err err = {0};
	struct kan_accepted *a = NULL;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char reason[64];
		json_t *e = entry();
		json_object_del(e, keys[i]);
		(void)snprintf(reason, sizeof reason, "f: entry 2: no %s", keys[i]);
		refused(json_pack("[o,o]", entry(), e), reason);
	}
	refused(with("colour", "\"red\""), "f: entry 1: unknown key colour");
	refused(with("reason", "\"\""), "reason: a text of 1 to 1000 octets");
	refused(with("by", "7"), "by: a text");
	refused(with("key", "[]"), "key: a text, or 1 to 4 texts");
	refused(with("key", "[1]"), "key: a text, or 1 to 4 texts");
	refused(with("image", "\"shop:2.3\""), "image: the image's id, sha256:..., or *");
	refused(with("added", "\"yesterday\""), "added: a date, YYYY-MM-DD");
	refused(with("added", "\"2026-02-30\""), "added:");
	refused(with("expires", "\"2026-09-30\""), "expires: before added");
	refused(with("expires", "\"2027-11-06\""), "expires: more than 400 days after added");
	refused(json_pack("[o,o]", entry(), entry()),
		"entry 2: the same rule, key and image as entry 1");
	refused(json_pack("{}"), "f: not a list of entries");
	refused(json_pack("[s]", "x"), "entry 1: not an object");
	cr_assert_eq(kan_accepted_parse(&a, "f", KAN_LIT("[\n{]"), &err), -1);
	cr_expect_not_null(strstr(err.text, "f: JSON: line 2 column 2"), "%s", err.text);
	cr_assert_eq(kan_accepted_parse(&a, "f", KAN_LIT("[{\"by\":\"a\",\"by\":\"b\"}]"), &err),
		     -1);
}

Test(accepted, four_hundred_days_are_the_most)
{
	struct kan_err err = {0};
	struct kan_accepted *a = parsed(with("expires", "\"2027-11-05\""), &err);
	cr_assert_not_null(a, "%s", err.text);
	kan_accepted_free(a);
}

static int64_t at(const char *when)
{
	int64_t ns = 0;
	cr_assert_eq(kan_rfc3339_parse(&ns, when, NULL), 0);
	return ns;
}

static bool fits(struct kan_accepted *a, const char *rule, const char *key, const char *image,
		 const char *when)
{
	json_t *list = json_pack("[s]", key);
	const struct kan_acceptable f = {rule, list, image, at(when)};
	bool found = kan_accepted_find(a, &f) != NULL;
	json_decref(list);
	return found;
}

Test(accepted, rule_key_image_and_the_time_of_the_capture_decide)
{
	struct kan_err err = {0};
	struct kan_accepted *a = parsed(with("image", "\"" IMAGE "\""), &err);
	cr_assert_not_null(a, "%s", err.text);
	cr_expect(fits(a, "exe.memfd", "k", IMAGE, "2026-11-22T05:00:00Z"));
	cr_expect(fits(a, "exe.memfd", "k", IMAGE, "2027-04-01T23:59:59.9Z"), "the day itself");
	cr_expect_not(fits(a, "exe.memfd", "k", IMAGE, "2027-04-02T00:00:00Z"));
	cr_expect_not(fits(a, "exe.memfd", "K", IMAGE, "2026-11-22T05:00:00Z"));
	cr_expect_not(fits(a, "exe.foreign", "k", IMAGE, "2026-11-22T05:00:00Z"));
	cr_expect_not(fits(a, "exe.memfd", "k", "", "2026-11-22T05:00:00Z"), "not known");
	kan_accepted_free(a);
}

static void written(struct kan_bytes v, bool element, const char *as)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(1024);
	kan_accepted_value(&text, v, element);
	cr_expect_str_eq(kan_buf_str(&text), as);
}

Test(accepted, values_of_a_key_are_printable_and_no_two_are_alike)
{
	written(KAN_LIT("/tmp/\xe9\x91\x91"), false, "/tmp/\xe9\x91\x91");
	written(KAN_LIT("/tmp/\x1b[31m"), false, "/tmp/\\x1b[31m");
	written(KAN_LIT("/tmp/\\x1b[31m"), false, "/tmp/\\x5cx1b[31m");
	written(KAN_LIT("a\xff,\0b"), false, "a\\xff,\\x00b");
	written(KAN_LIT("a,b"), true, "a\\x2cb");
	written(KAN_LIT(""), false, "");
}

/* --- what becomes of a verdict --- */

static json_t *analyzed(const char *name, json_t *entries)
{
	struct kan_err err = {0};
	struct kan_rules *r = shipped();
	if (entries) {
		r->accepted = parsed(entries, &err);
		cr_assert_not_null(r->accepted, "%s", err.text);
	}
	json_t *doc = fixture(name, r);
	kan_rules_free(r);
	return doc;
}

static json_t *accepting(const json_t *f)
{
	json_t *e = entry();
	json_object_set(e, "rule", json_object_get(f, "rule"));
	json_object_set(e, "key", json_object_get(f, "key"));
	json_object_set_new(e, "expires", json_string("2027-10-01"));
	return e;
}

Test(accepted, what_is_accepted_leaves_verdict_stories_votes_and_counts_and_is_listed)
{
	json_t *before = analyzed("exe-memfd", NULL), *list = json_array(), *f = NULL;
	size_t i = 0;
	cr_assert_neq(json_array_size(json_object_get(before, "findings")), 0);
	cr_assert_str_neq(kan_json_str(json_object_get(before, "verdict"), "level"), "none");
	json_array_foreach (json_object_get(before, "findings"), i, f)
		json_array_append_new(list, accepting(f));
	json_array_append_new(list, entry()); /* it accepts nothing */
	size_t n = i;
	json_t *after = analyzed("exe-memfd", list);
	const json_t *verdict = json_object_get(after, "verdict");
	cr_expect_eq(json_array_size(json_object_get(after, "findings")), 0);
	cr_expect_eq(json_array_size(json_object_get(after, "stories")), 0);
	cr_expect_str_eq(kan_json_str(verdict, "level"), "none");
	cr_expect_eq(kan_json_int(json_object_get(after, "counts"), "critical"), 0);
	const json_t *suppressed = json_object_get(after, "suppressed");
	cr_assert_eq(json_array_size(suppressed), n + 1);
	for (i = 0; i < n; i++) {
		const json_t *was = json_array_get(json_object_get(before, "findings"), i),
			     *now = json_object_get(json_array_get(suppressed, i), "finding");
		cr_expect_str_eq(kan_json_str(now, "id"), kan_json_str(was, "id"));
		cr_expect(json_equal(json_object_get(now, "evidence"),
				     json_object_get(was, "evidence")));
		cr_expect_null(json_object_get(now, "n"));
	}
	cr_expect_str_eq(kan_json_str(json_array_get(suppressed, n), "state"), "unmatched");
	json_decref(before);
	json_decref(after);
}

Test(accepted, no_finding_of_an_accepted_hit_votes)
{
	json_t *before = analyzed("exe-foreign", NULL), *list = json_array(), *f = NULL;
	size_t i = 0, k = 0;
	json_array_foreach (json_object_get(before, "findings"), i, f)
		json_array_append_new(list, accepting(f));
	json_t *after = analyzed("exe-foreign", list), *h = NULL, *name = NULL;
	json_array_foreach (json_object_get(json_object_get(after, "verdict"), "hypotheses"), i, h)
		json_array_foreach (json_object_get(h, "for"), k, name)
			cr_expect_neq(strncmp(json_string_value(name), "F-", 2), 0);
	json_decref(before);
	json_decref(after);
}
