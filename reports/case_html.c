/* report.html of a case: the same look and policy as a bundle's, no script, no request. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/case_part.h"
#include "reports/html.h"

static const char *const sections[][2] = {
	{"summary", "Bundles"},   {"times", "Times"},       {"shared", "Shared"},
	{"timeline", "Timeline"}, {"findings", "Findings"}, {"not-seen", "Not collected"},
	{"custody", "Custody"},   {"people", "For people"},
};

static void top(struct kan_buf *out, const json_t *doc)
{
	size_t n = json_array_size(json_object_get(doc, "bundles")),
	       acts = json_array_size(json_object_get(doc, "events"));
	kan_buf_adds(out, "<body>\n<a class=\"skip\" href=\"#summary\">Skip to the "
			  "summary</a>\n<header>\n");
	kan_html_label(out, doc);
	kan_buf_adds(out, "<h1>Case ");
	kan_html_value(out, doc, "case");
	kan_buf_addf(out,
		     "</h1>\n<p class=\"meta\">%zu bundle%s, %zu custody event%s</p>\n"
		     "<nav aria-label=\"Sections\"><ul>",
		     n, n == 1 ? "" : "s", acts, acts == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		kan_buf_addf(out, "<li><a href=\"#%s\">%s</a></li>", sections[i][0],
			     sections[i][1]);
	kan_buf_adds(out, "</ul></nav>\n</header>\n<main>\n");
}

void kan_case_bundle_mark(struct kan_buf *out, int64_t n)
{
	if (n)
		kan_buf_addf(out, "<a class=\"mark\" href=\"#b%" PRId64 "\">B%" PRId64 "</a>", n,
			     n);
}

static const char *gravest(const json_t *counts)
{
	for (size_t i = 4; i-- > 0;)
		if (kan_json_int(counts, kan_model_severities[i]))
			return kan_model_severities[i];
	return "none";
}

static void bundle_facts(struct kan_buf *out, const json_t *b)
{
	static const char *const facts[][2] = {
		{"Container", "id"}, {"Image", "image"}, {"State", "state"}};
	const json_t *c = json_object_get(b, "container"), *counts = json_object_get(b, "counts");
	kan_buf_adds(out, "<dl>\n<dt>Bundle</dt><dd>");
	kan_html_value(out, b, "bundle");
	kan_buf_adds(out, "</dd>\n<dt>Seal</dt><dd>");
	kan_html_value(out, b, "seal");
	kan_buf_adds(out, "</dd>\n");
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		if (!json_object_get(c, facts[i][1]))
			continue;
		kan_buf_addf(out, "<dt>%s</dt><dd>", facts[i][0]);
		kan_html_value(out, c, facts[i][1]);
		kan_buf_adds(out, "</dd>\n");
	}
	if (kan_json_int(b, "started_ns")) {
		kan_buf_adds(out, "<dt>Captured</dt><dd>");
		kan_html_time(out, kan_json_int(b, "started_ns"));
		kan_buf_adds(out, "</dd>\n");
	}
	if (counts)
		kan_buf_addf(out,
			     "<dt>Findings</dt><dd>%" PRId64 " critical, %" PRId64 " high, %" PRId64
			     " medium, %" PRId64 " low</dd>\n",
			     kan_json_int(counts, "critical"), kan_json_int(counts, "high"),
			     kan_json_int(counts, "medium"), kan_json_int(counts, "low"));
	kan_buf_adds(out, "</dl>\n");
}

static void bundle(struct kan_buf *out, const json_t *b)
{
	int64_t n = kan_json_int(b, "n");
	bool used = json_is_true(json_object_get(b, "used"));
	kan_buf_addf(out, "<div class=\"verdict %s\" id=\"b%" PRId64 "\">\n<p>B%" PRId64 " ",
		     used ? gravest(json_object_get(b, "counts")) : "critical", n, n);
	if (used) {
		kan_html_value(out, json_object_get(b, "container"), "name");
		kan_buf_adds(out, ": ");
		kan_html_parts(out, json_object_get(b, "headline"));
	} else {
		kan_buf_adds(out, "NOT USED: none of its rows is in this report");
	}
	kan_buf_adds(out, "</p>\n");
	if (!used) {
		kan_buf_adds(out, "<p class=\"note\">");
		kan_html_value(out, b, "why");
		kan_buf_adds(out, "</p>\n");
	}
	bundle_facts(out, b);
	kan_buf_adds(out, "</div>\n");
}

static void summary(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0;
	json_t *b = NULL;
	kan_buf_adds(out,
		     "<section id=\"summary\"><h2>Bundles</h2>\n<p class=\"note\">Each "
		     "verdict is the computed one of that bundle alone: strength of support by "
		     "independent witnesses, not a probability.</p>\n");
	json_array_foreach (json_object_get(doc, "bundles"), i, b)
		bundle(out, b);
	kan_html_more(out, (uint64_t)kan_json_int(doc, "bundles_left_out"),
		      "bundles of this case, not read: a report holds 64");
	kan_buf_adds(out, "</section>\n");
}

static void shared(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, k = 0;
	json_t *o = NULL, *n = NULL;
	const json_t *list = json_object_get(doc, "shared");
	kan_buf_adds(out, "<section id=\"shared\"><h2>In more than one bundle</h2>\n");
	if (!json_array_size(list))
		kan_buf_adds(out, "<p>No digest, peer, account or rule occurs in more than one "
				  "bundle.</p>\n");
	else
		kan_buf_adds(out,
			     "<table><caption>Digests of findings and of unexplained changes, "
			     "peers, accounts, rules. A thing in two bundles is no proof of one "
			     "cause.</caption><thead><tr><th scope=\"col\">kind</th><th "
			     "scope=\"col\">value</th><th scope=\"col\">bundles</th></tr>"
			     "</thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, o) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "<tr><td data-l=\"kind\" class=\"word\">");
		kan_html_text(out, kan_json_str(o, "kind"));
		kan_buf_adds(out, "</td><td data-l=\"value\">");
		kan_html_value(out, o, "value");
		kan_buf_adds(out, "</td><td data-l=\"bundles\">");
		json_array_foreach (json_object_get(o, "bundles"), k, n) {
			kan_buf_adds(out, k ? " " : "");
			kan_case_bundle_mark(out, json_integer_value(n));
		}
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, json_array_size(list) ? "</tbody></table>\n" : "");
	size_t all = json_array_size(list);
	kan_html_more(out,
		      (all > KAN_MODEL_SECTION ? all - KAN_MODEL_SECTION : 0) +
			      (uint64_t)kan_json_int(doc, "shared_left_out"),
		      "shared things");
	kan_buf_adds(out, "</section>\n");
}

static void moment(struct kan_buf *out, const json_t *e)
{
	int64_t b = kan_json_int(e, "bundle");
	size_t i = 0;
	json_t *n = NULL;
	kan_buf_adds(out, "<tr><td data-l=\"time\">");
	kan_html_time(out, kan_json_int(e, "time_ns"));
	kan_buf_adds(out, "</td><td data-l=\"of\" class=\"word\">");
	kan_case_bundle_mark(out, b);
	json_array_foreach (json_object_get(e, "also"), i, n) {
		kan_buf_addc(out, ' ');
		kan_case_bundle_mark(out, json_integer_value(n));
	}
	if (!b)
		kan_html_value(out, e, "who");
	kan_buf_adds(out, "</td><td data-l=\"what\">");
	kan_html_value(out, e, "message");
	kan_buf_adds(out, "</td><td data-l=\"time of\" class=\"word\">");
	kan_html_text(out, kan_json_str(e, "desc"));
	kan_buf_adds(out, "</td><td data-l=\"class\" class=\"word\">");
	kan_html_text(out, kan_json_str(e, "trust"));
	kan_buf_adds(out, "</td></tr>\n");
}

/* The last ones, and every custody event that the document has. */
static void timeline(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, left = 0;
	json_t *e = NULL;
	const json_t *list = json_object_get(doc, "timeline");
	size_t n = json_array_size(list), skip = 0;
	skip = n > 2 * (size_t)KAN_MODEL_SECTION ? n - 2 * (size_t)KAN_MODEL_SECTION : 0;
	kan_buf_adds(out, "<section id=\"timeline\"><h2>Timeline</h2>\n<table><caption>UTC, all "
			  "bundles and what people did. B1 is a bundle; a name is who "
			  "acted.</caption><thead><tr><th scope=\"col\">time</th><th "
			  "scope=\"col\">of</th><th scope=\"col\">what</th><th scope=\"col\">time "
			  "of</th><th scope=\"col\">class</th></tr></thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, e) {
		if (i < skip && json_object_get(e, "bundle"))
			left++;
		else
			moment(out, e);
	}
	kan_buf_adds(out, "</tbody></table>\n");
	kan_html_more(out, left + (uint64_t)kan_json_int(doc, "timeline_left_out"),
		      "earlier, in report.json and in each bundle's own report");
	kan_buf_adds(out, "</section>\n");
}

int kan_case_html(struct kan_buf *out, const json_t *doc, struct kan_err *err)
{
	json_t *named = json_pack("{s:s+}", "name", "case ", kan_json_str(doc, "case"));
	kan_html_head(out, doc, named);
	json_decref(named);
	top(out, doc);
	summary(out, doc);
	kan_case_html_times(out, doc);
	shared(out, doc);
	timeline(out, doc);
	kan_case_html_findings(out, doc);
	kan_case_html_unseen(out, doc);
	kan_case_html_custody(out, doc);
	kan_case_html_people(out);
	kan_buf_adds(out, "</main>\n<footer>");
	kan_html_label(out, doc);
	kan_buf_adds(out, "Made by kanshiki from the bundles and the custody events alone: the "
			  "same ones, rules and options give the same bytes.</footer>\n</body>\n"
			  "</html>\n");
	kan_lang_finish(out, KAN_LANG_HTML, NULL);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "report.html: the buffer is full") : 0;
}
