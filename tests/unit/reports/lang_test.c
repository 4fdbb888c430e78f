/* Pages in another language: everything of ours is translated, and nothing of the evidence is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/redact.h"
#include "analyze/rules.h"
#include "base/row.h"
#include "incident.h"
#include "reports/drain.h"
#include "reports/lang.h"

static const struct kan_report *report(const char *name)
{
	const struct kan_report *const *r = kan_reports;
	while (strcmp((*r)->name, name) != 0)
		r++;
	return *r;
}

static json_t *catalogue(void)
{
	struct kan_err err = {0};
	json_t *o = NULL;
	cr_assert_eq(kan_lang_load(&o, "ja", &err), 0, "%s", err.text);
	return o;
}

static void page(struct kan_buf *out, const char *name, const json_t *doc, const json_t *receipt,
		 const struct kan_lang *lang)
{
	struct kan_err err = {0};
	struct kan_model *m = model_of(doc, receipt);
	kan_model_speak(m, lang);
	cr_assert_eq(report(name)->render(out, m, &err), 0, "%s", err.text);
	kan_model_free(m);
}

/* The incident, as rules in that language tell it. */
static json_t *spoken(void)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL, *english = incident();
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_rules_speak(r, "ja", &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, TOP "/tests/fixtures/report/hostile", NULL, &err), 0);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	json_object_set(doc, "seal", json_object_get(english, "seal"));
	json_object_set(doc, "packages", json_object_get(english, "packages"));
	json_object_set(doc, "generator", json_object_get(english, "generator"));
	json_decref(english);
	return doc;
}

/* Nothing happened, and little was seen. */
static json_t *quiet(void)
{
	json_t *doc = spoken();
	static const char *const lists[] = {"findings", "stories",    "not_seen",  "not_assessed",
					    "timeline", "techniques", "suppressed"};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		json_object_set_new(doc, lists[i], json_array());
	json_object_set_new(json_object_get(doc, "verdict"), "level", json_string("none"));
	json_object_del(json_object_get(doc, "verdict"), "confidence");
	json_object_set_new(json_object_get(doc, "record"), "depth", json_string("offline"));
	return doc;
}

static json_t *given_away(void)
{
	struct kan_redactor *r = kan_redactor_new();
	json_t *doc = spoken();
	kan_redact_document(r, doc);
	kan_redactor_free(r);
	json_object_set_new(doc, "tlp", json_string("TLP:AMBER"));
	return doc;
}

static json_t *receipt_of(void)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:b}", "repo", "/r", "case", "c", "bundle",
			 "b", "commit", "9c1e55ab0d7f4c3e8a6b21d0f5e7c9843b1a2d6f", "event",
			 (json_int_t)1, "signer", "SHA256:x", "seal", seal_text, "host_key", 1);
}

Test(lang, everything_of_ours_has_its_words_in_japanese)
{
	json_t *(*const docs[])(void) = {spoken, quiet, given_away};
	json_t *words = catalogue(), *missing = json_array(), *receipt = receipt_of();
	const struct kan_lang ja = {"ja", words, missing};
	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
		json_t *doc = docs[i]();
		static const char *const names[] = {"html", "md"};
		for (size_t k = 0; k < 2; k++) {
			kan_auto_buf struct kan_buf out = KAN_BUF(16 << 20);
			page(&out, names[k], doc, i ? NULL : receipt, &ja);
		}
		json_decref(doc);
	}
	size_t i = 0;
	json_t *v = NULL;
	if (getenv("KAN_LANG_MISSING")) /* to be filled in, one JSON string a line */
		json_array_foreach (missing, i, v) {
			char *text = json_dumps(v, JSON_ENCODE_ANY);
			(void)fprintf(stderr, "MISSING %s\n", text);
			free(text);
		}
	json_array_foreach (missing, i, v)
		cr_expect(false, "reports/lang/ja.json lacks: %s", json_string_value(v));
	json_decref(words);
	json_decref(missing);
	json_decref(receipt);
}

static json_t *as_words(void)
{
	json_t *doc = spoken();
	json_array_append_new(json_object_get(json_object_get(doc, "processes"), "rows"),
			      json_pack("{s:s,s:i,s:i,s:[s,s],s:s,s:s}", "kind", "process", "pid",
					4900, "ppid", 1, "argv", "Summary", "supported", "comm",
					"critical", "exe_link", "/Findings/Timeline"));
	return doc;
}

static void holds(const struct kan_buf *text, const char *word)
{
	cr_expect_not_null(memmem(text->data, text->len, word, strlen(word)), "%s", word);
}

Test(lang, evidence_that_reads_like_a_word_of_ours_stays_as_it_is)
{
	json_t *words = catalogue(), *doc = as_words();
	const struct kan_lang ja = {"ja", words, NULL};
	kan_auto_buf struct kan_buf out = KAN_BUF(16 << 20);
	page(&out, "html", doc, NULL, &ja);
	holds(&out, "<html lang=\"ja\">");
	holds(&out, "<code>Summary supported</code>");
	holds(&out, "<code>/Findings/Timeline</code>");
	holds(&out, "<h2>\xe6\xa6\x82\xe8\xa6\x81</h2>"); /* Summary */
	for (size_t i = 0; i < out.len; i++)
		cr_assert(out.data[i] >= 0x20 || out.data[i] == '\n' || out.data[i] == '\t',
			  "a mark is left at %zu", i);
	json_decref(words);
	json_decref(doc);
}

static void finished(const char *page_text, enum kan_lang_page kind, const char *catalogue_text,
		     const char *as)
{
	json_t *words = json_loads(catalogue_text, 0, NULL);
	const struct kan_lang lang = {"xx", words, NULL};
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
	kan_buf_adds(&out, page_text);
	kan_lang_finish(&out, kind, words ? &lang : NULL);
	cr_expect_str_eq(kan_buf_str(&out), as);
	json_decref(words);
}

Test(lang, a_text_is_what_stands_between_two_tags_and_its_words_change_places)
{
	finished("<p>\1<code>a</code>\2 has 12 of \1b\2.</p>", KAN_LANG_HTML,
		 "{\"{0} has {1} of {2}.\":\"{2}: {1} ({0})\"}", "<p>b: 12 (<code>a</code>)</p>");
	finished("<p>\1<code>a</code>\2 has 12 of \1b\2.</p>", KAN_LANG_HTML, "",
		 "<p><code>a</code> has 12 of b.</p>");
	finished("<p> Run <code>ls</code> &#39;now&#39; </p>", KAN_LANG_HTML,
		 "{\"Run {0} &#39;now&#39;\":\"{0} !\"}", "<p> <code>ls</code> ! </p>");
	finished("<td data-l=\"kind\">\3gap\4</td><style>kind</style>", KAN_LANG_HTML,
		 "{\"kind\":\"K\",\"gap\":\"G\"}", "<td data-l=\"K\">G</td><style>kind</style>");
	finished("## Kind\n- Why: \1Kind|\n\2\n| Kind |\n", KAN_LANG_MARKDOWN,
		 "{\"Kind\":\"K\",\"Why: {0}\":\"W {0}\"}", "## K\n- W Kind|\n\n| K |\n");
}

Test(lang, a_sentence_that_is_not_known_is_translated_in_parts)
{
	finished("<p>public  \1a\2:80  out, 12 B sent; new</p>", KAN_LANG_HTML,
		 "{\"public\":\"P\",\"out\":\"O\",\"{0} B sent\":\"S {0}\"}",
		 "<p>P  a:80  O, S 12; new</p>");
	finished("<p>\3exec (inside)\4: 7 of 9</p>", KAN_LANG_HTML,
		 "{\"exec\":\"E\",\"inside\":\"I\",\"{0} of {1}\":\"{1}/{0}\"}",
		 "<p>E (I): 9/7</p>");
}

Test(lang, what_nobody_made_ends_all_the_same)
{
	static const char *const pages[] = {
		"\1",     "\3", "\3\1",          "<",       "<html", "<code>",
		"<style", "&#", "<td data-l=\"", "\1\1\1\2"};
	json_t *words = catalogue();
	const struct kan_lang lang = {"ja", words, NULL};
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		kan_auto_buf struct kan_buf out = KAN_BUF(1 << 16);
		kan_buf_adds(&out, pages[i]);
		kan_lang_finish(&out, KAN_LANG_HTML, &lang);
		cr_expect_not(out.failed);
	}
	json_decref(words);
}

Test(lang, a_language_that_is_not_there_is_refused)
{
	struct kan_err err = {0};
	json_t *o = NULL;
	cr_assert_eq(kan_lang_load(&o, "tlh", &err), -1);
	cr_expect_eq(err.code, KAN_EUSAGE);
}

Test(lang, every_translation_has_the_blanks_of_its_english)
{
	json_t *words = catalogue(), *v = NULL;
	const char *key = NULL;
	json_object_foreach (words, key, v)
		for (unsigned n = 0; n < 40; n++) {
			char blank[8];
			(void)snprintf(blank, sizeof blank, "{%u}", n);
			cr_expect_eq(strstr(key, blank) != NULL,
				     strstr(json_string_value(v), blank) != NULL, "%s: %s", key,
				     blank);
		}
	json_decref(words);
}
