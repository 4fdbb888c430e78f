/* Whatever the evidence holds, it is inert in each sink. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "incident.h"
#include "reports/model.h"

enum { FILE_MAX = 16 << 20, LARGE = 1 << 20 };

static void render(struct kan_buf *out, const char *name, const json_t *doc)
{
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, NULL);
	for (const struct kan_report *const *r = kan_reports; *r; r++)
		if (strcmp((*r)->name, name) == 0)
			cr_assert_eq((*r)->render(out, m, &err), 0, "%s", err.text);
	kan_model_free(m);
	cr_assert_gt(out->len, 0, "there is no report %s", name);
}

/* Every string of the evidence replaced by these bytes. */
static void poison(json_t *row, struct kan_bytes with)
{
	static const char *const keys[] = {
		"comm",  "exe_link",   "path",         "name",    "message", "says",
		"value", "what",       "why",          "diff_id", "shown",   "created_by",
		"user",  "source",     "subject",      "comment", "proof",   "hidden_by",
		"mode",  "found_mode", "architecture", "about"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_is_string(json_object_get(row, keys[i])))
			kan_json_set_bytes(row, keys[i], with);
	if (json_object_get(row, "argv")) {
		json_t *one = json_object(), *text = json_array(), *twin = json_array();
		kan_auto_buf struct kan_buf b64 = KAN_BUF(2 * LARGE);
		kan_base64(&b64, with);
		kan_json_set_bytes(one, "v", with);
		json_array_append(text, json_object_get(one, "v"));
		json_array_append_new(twin, json_string(kan_buf_str(&b64)));
		json_object_set_new(row, "argv", text);
		json_object_set_new(row, "argv_b64", twin);
		json_decref(one);
	}
}

static void poison_all(json_t *v, struct kan_bytes with)
{
	const char *key = NULL;
	size_t i = 0;
	json_t *kid = NULL;
	if (json_is_object(v)) {
		poison(v, with);
		json_object_foreach (v, key, kid)
			if (strcmp(key, "rules") != 0 && strcmp(key, "techniques") != 0)
				poison_all(kid, with);
	}
	json_array_foreach (v, i, kid)
		poison_all(kid, with);
}

static const char attack[] = "\x1b[2J\x1b]0;pwn\x07\r\n<script>alert(1)</script><img src=x "
			     "onerror=alert(2)>\"' onload=\"x\" "
			     "](javascript:alert(3)) ```` ` | [a](http://evil.example) "
			     "\xe2\x80\xae\xe2\x81\xa6 \xff\xfe\xc0\x80 "
			     "\xc2\x9b=cmd|' /C calc'!A0\n# heading\n</style><svg/onload=alert(4)>";

/* A path that differs, which the incident itself does not have. */
static void damage(json_t *doc)
{
	json_t *section = json_object_get(json_object_get(doc, "image"), "damaged");
	json_t *row =
		json_pack("{s:s,s:i,s:s,s:[s],s:s,s:s}", "kind", "integrity", "layer", 1, "path",
			  "x", "differs", "content", "found_mode", "0100755", "what", "x");
	json_array_append_new(json_object_get(section, "rows"), row);
	json_object_set_new(section, "count", json_integer(1));
}

static json_t *poisoned(struct kan_bytes with)
{
	json_t *doc = incident();
	damage(doc);
	poison_all(doc, with);
	return doc;
}

static size_t count(const struct kan_buf *b, const char *needle)
{
	size_t n = 0, k = strlen(needle);
	for (size_t i = 0; i + k <= b->len; i++)
		n += memcmp(b->data + i, needle, k) == 0;
	return n;
}

/* No control byte but line feed, no C1, no bidi control. */
static void no_active_character(const struct kan_buf *b, const char *name)
{
	for (size_t i = 0; i < b->len; i++)
		cr_assert(b->data[i] == '\n' || (b->data[i] >= 0x20 && b->data[i] != 0x7f),
			  "%s: byte %zu", name, i);
	cr_assert_eq(count(b, "\xe2\x80\xae"), 0, "%s", name);
	cr_assert_eq(count(b, "\xe2\x81\xa6"), 0, "%s", name);
	cr_assert_eq(count(b, "\xc2\x9b"), 0, "%s", name);
}

Test(inert, html_has_the_elements_of_the_page_and_no_others)
{
	static const char *const counted[] = {"<script", "<img",    "</style",
					      "<svg/",   "onerror", " onload"};
	kan_auto_buf struct kan_buf calm = KAN_BUF(FILE_MAX), hot = KAN_BUF(FILE_MAX);
	json_t *a = poisoned(KAN_LIT("calm")), *b = poisoned(KAN_LIT(attack));
	render(&calm, "html", a);
	render(&hot, "html", b);
	no_active_character(&hot, "html");
	cr_assert_eq(count(&hot, "<"), count(&calm, "<"), "as many tags as without the attack");
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(count(&hot, counted[i]), count(&calm, counted[i]), "%s", counted[i]);
	cr_assert_eq(count(&hot, "\""), count(&calm, "\""), "no attribute of the data");
	json_decref(a);
	json_decref(b);
}

Test(inert, html_asks_for_nothing)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(FILE_MAX);
	json_t *doc = poisoned(KAN_LIT(attack));
	render(&out, "html", doc);
	cr_assert_eq(count(&out, "<script"), 0);
	cr_assert_eq(count(&out, "src="), count(&out, "img src=x"), "only as text");
	cr_assert_eq(count(&out, "href=\"http"), 0);
	cr_assert_eq(count(&out, "style=\""), 0);
	cr_assert_eq(count(&out, "url("), 0);
	cr_assert_eq(count(&out, "default-src 'none'"), 1);
	json_decref(doc);
}

static size_t ticks(const struct kan_buf *b, size_t at)
{
	size_t n = 0;
	while (at + n < b->len && b->data[at + n] == '`')
		n++;
	return n;
}

/* What is outside of code spans: a span ends at as many backticks as it began with. */
static void outside(struct kan_buf *out, const struct kan_buf *b)
{
	for (size_t i = 0; i < b->len;) {
		size_t n = ticks(b, i), end = i + n;
		if (!n) {
			kan_buf_addc(out, (char)b->data[i++]);
			continue;
		}
		while (end < b->len && ticks(b, end) != n)
			end += ticks(b, end) ? ticks(b, end) : 1;
		i = end + n;
	}
}

/* Elsewhere the words of ours are poisoned with the rest. */
Test(inert, image_and_posture_in_markdown_have_nothing_of_the_evidence_outside_of_code_spans)
{
	static const char *const active[] = {"<script", "<img", "](", "evil.example", "alert("};
	kan_auto_buf struct kan_buf hot = KAN_BUF(FILE_MAX), rest = KAN_BUF(FILE_MAX);
	json_t *doc = poisoned(KAN_LIT(attack)), *f = NULL;
	size_t k = 0;
	json_array_foreach (json_object_get(doc, "findings"), k, f) /* the rule's word, not data */
		json_object_set_new(f, "why", json_string("calm"));
	render(&hot, "md", doc);
	const char *from = strstr(kan_buf_str(&hot), "\n## Image\n"),
		   *to = strstr(kan_buf_str(&hot), "\n## What went well");
	cr_assert(from && to && from < to);
	kan_auto_buf struct kan_buf part = KAN_BUF(FILE_MAX);
	kan_buf_add(&part, from, (size_t)(to - from));
	outside(&rest, &part);
	cr_assert_gt(rest.len, 1000, "the words of ours");
	for (size_t i = 0; i < sizeof active / sizeof *active; i++)
		cr_assert_eq(count(&rest, active[i]), 0, "%s", active[i]);
	json_decref(doc);
}

Test(inert, markdown_keeps_the_evidence_in_code_spans)
{
	kan_auto_buf struct kan_buf calm = KAN_BUF(FILE_MAX), hot = KAN_BUF(FILE_MAX);
	json_t *a = poisoned(KAN_LIT("calm")), *b = poisoned(KAN_LIT(attack));
	render(&calm, "md", a);
	render(&hot, "md", b);
	no_active_character(&hot, "md");
	cr_assert_eq(count(&hot, "\n"), count(&calm, "\n"), "no line of the data's own");
	cr_assert_eq(count(&hot, "\n# "), count(&calm, "\n# "));
	json_decref(a);
	json_decref(b);
}

Test(inert, json_is_json_and_keeps_the_exact_bytes)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(FILE_MAX), raw = KAN_BUF(4096);
	struct kan_err err = {0};
	json_t *doc = poisoned(KAN_LIT(attack)), *back = NULL;
	render(&out, "json", doc);
	cr_assert_eq(kan_json_parse(&back, kan_buf_bytes(&out), FILE_MAX, 32, &err), 0, "%s",
		     err.text);
	const json_t *row =
		json_array_get(json_object_get(json_object_get(back, "changes"), "rows"), 0);
	cr_assert_eq(kan_json_bytes(&raw, row, "path", &err), 0);
	cr_assert(kan_bytes_eq(kan_buf_bytes(&raw), KAN_LIT(attack)));
	json_decref(doc);
	json_decref(back);
}

Test(inert, a_field_of_a_megabyte_is_cut_with_its_length)
{
	kan_auto_buf struct kan_buf large = KAN_BUF(2 * LARGE), out = KAN_BUF(FILE_MAX);
	while (large.len < LARGE)
		kan_buf_adds(&large, "<b>");
	json_t *doc = incident();
	kan_json_set_bytes(json_object_get(doc, "container"), "image", kan_buf_bytes(&large));
	render(&out, "html", doc);
	cr_assert_lt(out.len, 2 << 20);
	cr_assert_gt(count(&out, "cut, 1048578 octets"), 0);
	json_decref(doc);
}
