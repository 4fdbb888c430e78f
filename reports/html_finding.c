/* The findings of report.html: claim, evidence, why, benign reading, next step. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/exposure.h"
#include "reports/html.h"

enum {
	EVIDENCE_LISTED = 20,
	ROOM = 512 << 10, /* of the page, after which a finding is its title and its id */
};

static void list(struct kan_buf *out, const char *title, const json_t *items, bool code)
{
	size_t i = 0;
	json_t *v = NULL;
	if (!json_array_size(items))
		return;
	kan_buf_addf(out, "<dt>%s</dt><dd><ul>", title);
	json_array_foreach ((json_t *)(uintptr_t)items, i, v) {
		kan_buf_adds(out, code ? "<li><code>" : "<li>");
		kan_html_text(out, json_string_value(v));
		kan_buf_adds(out, code ? "</code></li>" : "</li>");
	}
	kan_buf_adds(out, "</ul></dd>\n");
}

static void attack(struct kan_buf *out, const struct kan_model *m, const json_t *ids)
{
	size_t i = 0, k = 0;
	json_t *id = NULL, *t = NULL;
	if (!json_array_size(ids))
		return;
	kan_buf_adds(out, "<dt>ATT&amp;CK</dt><dd>");
	json_array_foreach ((json_t *)(uintptr_t)ids, i, id) {
		kan_buf_adds(out, i ? ", " : "");
		kan_html_name(out, json_string_value(id));
		json_array_foreach (json_object_get(m->doc, "techniques"), k, t)
			if (json_equal(json_object_get(t, "id"), id)) {
				kan_buf_addc(out, ' ');
				kan_html_name(out, kan_json_str(t, "name"));
			}
	}
	kan_buf_adds(out, "</dd>\n");
}

static void classes(struct kan_buf *out, const json_t *f)
{
	size_t i = 0;
	json_t *v = NULL;
	kan_buf_addf(out, "<dt>Support</dt><dd>%s confidence, from ",
		     kan_json_str(f, "confidence"));
	json_array_foreach (json_object_get(f, "classes"), i, v) {
		kan_buf_adds(out, i ? ", " : "");
		kan_html_text(out, json_string_value(v));
	}
	kan_buf_adds(out, "</dd>\n");
}

/* Every fact of an object, one a line: the names are ours, the values are the evidence's. */
static void facts(struct kan_buf *out, const json_t *o)
{
	const char *key = NULL;
	json_t *v = NULL;
	kan_lang_keep(out);
	kan_buf_adds(out, "<ul>");
	json_object_foreach ((json_t *)(uintptr_t)o, key, v) {
		size_t n = strlen(key);
		bool twin = n > 4 && strcmp(key + n - 4, "_b64") == 0;
		if (twin || strcmp(key, "kind") == 0)
			continue;
		kan_buf_addf(out, "<li>%s ", key);
		if (n > 3 && strcmp(key + n - 3, "_ns") == 0)
			kan_html_time(out, json_integer_value(v));
		else if (json_is_boolean(v))
			kan_buf_adds(out, json_is_true(v) ? "yes" : "no");
		else if (json_is_array(v) && json_is_string(json_array_get(v, 0)))
			kan_html_list(out, o, key);
		else if (json_is_array(v))
			for (size_t i = 0; i < json_array_size(v); i++)
				kan_buf_addf(out, "%s%" PRId64, i ? ", " : "",
					     (int64_t)json_integer_value(json_array_get(v, i)));
		else
			kan_html_value(out, o, key);
		kan_buf_adds(out, "</li>");
	}
	kan_buf_adds(out, "</ul>");
	kan_lang_kept(out);
}

static void evidence(struct kan_buf *out, const struct kan_model *m, const json_t *f)
{
	const json_t *objects = json_object_get(f, "objects"),
		     *list_of = json_object_get(f, "evidence");
	size_t n = json_array_size(objects);
	kan_buf_addf(out, "<details><summary>Evidence: %zu row%s</summary><ol>", n,
		     n == 1 ? "" : "s");
	for (size_t i = 0; i < n && i < EVIDENCE_LISTED; i++) {
		const json_t *e = json_array_get(list_of, i);
		kan_buf_adds(out, "<li><code>");
		kan_html_name(out, kan_json_str(e, "artefact"));
		kan_buf_adds(out, "</code>");
		if (json_object_get(e, "row"))
			kan_buf_addf(out, " line %" PRId64, kan_json_int(e, "row"));
		if (*kan_json_str(e, "sha256")) /* an unsealed bundle has no digests yet */
			kan_buf_addf(out, ", sha256 <code>%.64s</code>", kan_json_str(e, "sha256"));
		kan_html_commit(out, m);
		facts(out, json_array_get(objects, i));
		kan_buf_adds(out, "</li>\n");
	}
	kan_buf_adds(out, "</ol>");
	kan_html_more(out, n > EVIDENCE_LISTED ? n - EVIDENCE_LISTED : 0, "in report.json");
	kan_buf_adds(out, "</details>");
}

static void finding_head(struct kan_buf *out, const json_t *f)
{
	int64_t n = kan_json_int(f, "n");
	const char *severity = kan_json_str(f, "severity");
	kan_buf_addf(out,
		     "<article id=\"f%" PRId64 "\"><h3><span class=\"num\">#%" PRId64 "</span>"
		     "<span class=\"sev %s\">%s</span><span>",
		     n, n, severity, severity);
	kan_html_text(out, kan_json_str(f, "title"));
	kan_buf_adds(out, "</span></h3>\n");
}

/* A finding that has no room: there, and named. */
static void short_finding(struct kan_buf *out, const json_t *f)
{
	finding_head(out, f);
	kan_buf_addf(out, "<p><code>%s</code> by rule <code>", kan_json_str(f, "id"));
	kan_html_name(out, kan_json_str(f, "rule"));
	kan_buf_adds(out, "</code></p></article>\n");
}

static void finding(struct kan_buf *out, const struct kan_model *m, const json_t *f)
{
	finding_head(out, f);
	kan_buf_adds(out, "<p class=\"says\">");
	kan_html_parts(out, json_object_get(f, "parts"));
	kan_buf_adds(out, "</p>\n<dl><dt>Why it matters</dt><dd>");
	kan_html_text(out, kan_json_str(f, "why"));
	kan_buf_adds(out, "</dd>\n");
	list(out, "It may be benign", json_object_get(f, "false_positives"), false);
	list(out, "Next", json_object_get(f, "next"), false);
	attack(out, m, json_object_get(f, "attack"));
	classes(out, f);
	kan_buf_addf(out, "<dt>Id</dt><dd><code>%s</code> by rule <code>", kan_json_str(f, "id"));
	kan_html_name(out, kan_json_str(f, "rule"));
	kan_buf_adds(out, "</code></dd></dl>\n");
	evidence(out, m, f);
	kan_buf_adds(out, "</article>\n");
}

/* A cap never drops a finding of medium or more. */
void kan_html_findings_at(struct kan_buf *out, const struct kan_model *m, enum kan_place place)
{
	size_t i = 0, n = 0, left_out = 0, shortened = 0;
	json_t *f = NULL;
	if (place != KAN_PLACE_FINDINGS && kan_model_placed(m, place))
		kan_buf_adds(out, "<h3>Findings about exposure</h3>\n");
	json_array_foreach (json_object_get(m->doc, "findings"), i, f) {
		if (kan_model_place(f) != place)
			continue;
		if (n++ >= KAN_MODEL_SECTION && strcmp(kan_json_str(f, "severity"), "low") == 0)
			left_out++;
		else if (out->len < ROOM)
			finding(out, m, f);
		else {
			short_finding(out, f);
			shortened++;
		}
	}
	kan_html_more(out, shortened,
		      "of these findings by name alone: their evidence is in "
		      "report.json");
	kan_html_more(out, left_out, "of low severity, in report.json");
}

void kan_html_findings(struct kan_buf *out, const struct kan_model *m)
{
	size_t apart =
		kan_model_placed(m, KAN_PLACE_IMAGE) + kan_model_placed(m, KAN_PLACE_POSTURE);
	kan_buf_adds(out, "<section id=\"findings\"><h2>Findings</h2>\n");
	if (!kan_model_placed(m, KAN_PLACE_FINDINGS))
		kan_buf_adds(out, "<p>None.</p>\n");
	if (apart)
		kan_buf_addf(
			out,
			"<p class=\"note\">%zu about exposure stand apart, under <a "
			"href=\"#image\">Image</a> and <a href=\"#posture\">Posture</a>.</p>\n",
			apart);
	kan_html_findings_at(out, m, KAN_PLACE_FINDINGS);
	kan_buf_adds(out, "</section>\n");
}
