/* report.html of a case: times, findings with what people judged, not collected, custody. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/case_part.h"
#include "reports/html.h"

enum { LOW_SHOWN = 200 };

const struct kan_case_time kan_case_times[3] = {
	{"detected", "Detected", "at the latest: the first capture"},
	{"contained", "Contained", "the first act that was not undone"},
	{"resolved", "Resolved", "the case was closed"},
};

void kan_case_html_times(struct kan_buf *out, const json_t *doc)
{
	const json_t *times = json_object_get(doc, "times");
	kan_buf_adds(out, "<section id=\"times\"><h2>Times</h2>\n<dl class=\"panel\">\n");
	for (size_t i = 0; i < sizeof kan_case_times / sizeof *kan_case_times; i++) {
		const struct kan_case_time *t = &kan_case_times[i];
		const json_t *o = json_object_get(times, t->key);
		kan_buf_addf(out, "<dt>%s</dt>", t->title);
		if (!o) {
			kan_buf_adds(out, "<dd class=\"blank\"></dd>\n");
			continue;
		}
		kan_buf_adds(out, "<dd>");
		kan_html_time(out, kan_json_int(o, "time_ns"));
		kan_buf_addf(out, " %s", t->means);
		if (json_object_get(o, "do")) {
			kan_buf_adds(out, ", ");
			kan_html_text(out, kan_json_str(o, "do"));
		}
		kan_buf_addf(out, ", event %" PRId64 " of ", kan_json_int(o, "seq"));
		kan_html_value(out, o, "who");
		kan_buf_adds(out, "</dd>\n");
	}
	kan_buf_adds(out, "</dl>\n<p class=\"note\">A blank is for people: no custody event tells "
			  "it.</p>\n</section>\n");
}

static void judged(struct kan_buf *out, const json_t *j)
{
	kan_buf_adds(out, "<strong>");
	kan_html_text(out, kan_json_str(j, "as"));
	kan_buf_adds(out, "</strong> by ");
	kan_html_value(out, j, "who");
	kan_buf_adds(out, " ");
	kan_html_time(out, kan_json_int(j, "time_ns"));
	if (*kan_json_str(j, "text")) {
		kan_buf_adds(out, ": ");
		kan_html_value(out, j, "text");
	}
}

static void finding(struct kan_buf *out, const json_t *f)
{
	size_t i = 0;
	json_t *j = NULL;
	const char *severity = kan_json_str(f, "severity");
	kan_buf_adds(out, "<tr><td data-l=\"severity\"><span class=\"sev ");
	kan_html_text(out, severity);
	kan_buf_adds(out, "\">");
	kan_html_text(out, severity);
	kan_buf_adds(out, "</span></td><td data-l=\"finding\" class=\"word\">");
	kan_case_bundle_mark(out, kan_json_int(f, "bundle"));
	kan_buf_addf(out, " #%" PRId64 "<br>", kan_json_int(f, "n"));
	kan_html_value(out, f, "id");
	kan_buf_adds(out, "</td><td data-l=\"what\">");
	kan_html_text(out, kan_json_str(f, "title"));
	kan_buf_adds(out, "<br>");
	kan_html_parts(out, json_object_get(f, "parts"));
	kan_buf_adds(out, "</td><td data-l=\"people say\">");
	json_array_foreach (json_object_get(f, "judgements"), i, j) {
		kan_buf_adds(out, i ? "<br>" : "");
		judged(out, j);
	}
	kan_buf_adds(out, "</td></tr>\n");
}

/* Those of low severity may be too many for a page; no other is left out. */
static size_t finding_rows(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, low = 0;
	json_t *f = NULL;
	for (size_t rank = 4; rank-- > 0;)
		json_array_foreach (json_object_get(doc, "findings"), i, f) {
			if (strcmp(kan_json_str(f, "severity"), kan_model_severities[rank]) != 0)
				continue;
			low += rank == 0;
			if (low <= LOW_SHOWN)
				finding(out, f);
		}
	return low > LOW_SHOWN ? low - LOW_SHOWN : 0;
}

static uint64_t sum(const json_t *doc, const char *key)
{
	size_t i = 0;
	uint64_t n = 0;
	json_t *b = NULL;
	json_array_foreach (json_object_get(doc, "bundles"), i, b)
		n += (uint64_t)kan_json_int(b, key);
	return n;
}

void kan_case_html_findings(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0;
	json_t *e = NULL;
	kan_buf_adds(out,
		     "<section id=\"findings\"><h2>Findings</h2>\n<table><caption>As computed, "
		     "and what people say of them, which changes no verdict. Evidence and next "
		     "steps are in each bundle's own report.</caption><thead><tr><th "
		     "scope=\"col\">severity</th><th scope=\"col\">finding</th><th "
		     "scope=\"col\">what</th><th scope=\"col\">people say</th></tr></thead>"
		     "<tbody>\n");
	size_t left = finding_rows(out, doc);
	kan_buf_adds(out, "</tbody></table>\n");
	kan_html_more(out, left + sum(doc, "findings_left_out"), "in each bundle's own report");
	if (json_array_size(json_object_get(doc, "judgements_unmatched")))
		kan_buf_adds(out,
			     "<h3>Judged, but not a finding of a bundle used here</h3>\n<ul>\n");
	json_array_foreach (json_object_get(doc, "judgements_unmatched"), i, e) {
		kan_buf_adds(out, "<li>");
		kan_html_value(out, e, "finding");
		kan_buf_adds(out, " ");
		judged(out, e);
		kan_buf_adds(out, "</li>\n");
	}
	kan_buf_adds(out, i ? "</ul>\n</section>\n" : "</section>\n");
}

static void unseen_row(struct kan_buf *out, const json_t *b, const json_t *row)
{
	kan_buf_adds(out, "<tr><td data-l=\"bundle\">");
	kan_case_bundle_mark(out, kan_json_int(b, "n"));
	kan_buf_adds(out, "</td><td data-l=\"kind\">");
	kan_html_text(out, kan_json_str(row, "kind"));
	kan_buf_adds(out, "</td><td data-l=\"what\">");
	kan_html_value(out, row, "what");
	kan_buf_adds(out, "</td><td data-l=\"why\" class=\"why\">");
	kan_html_text(out, kan_json_str(row, "code"));
	kan_buf_adds(out, *kan_json_str(row, "code") && *kan_json_str(row, "why") ? ": " : "");
	kan_html_text(out, kan_json_str(row, "why"));
	kan_buf_adds(out, "</td><td data-l=\"could show\">");
	kan_html_text(out, kan_json_str(row, "could_show"));
	kan_buf_adds(out, "</td></tr>\n");
}

void kan_case_html_unseen(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0, k = 0, n = 0;
	json_t *b = NULL, *row = NULL;
	kan_buf_adds(out,
		     "<section id=\"not-seen\"><h2>Not collected, and why</h2>\n<table>"
		     "<caption>Of each bundle that was used. A bundle that was not used stands "
		     "at the top, with the reason.</caption><thead><tr><th "
		     "scope=\"col\">bundle</th><th scope=\"col\">kind</th><th "
		     "scope=\"col\">what</th><th scope=\"col\">why</th><th scope=\"col\">could "
		     "have shown</th></tr></thead><tbody>\n");
	json_array_foreach (json_object_get(doc, "bundles"), i, b)
		json_array_foreach (json_object_get(b, "not_seen"), k, row)
			if (n++ < KAN_MODEL_SECTION)
				unseen_row(out, b, row);
	kan_buf_adds(out, "</tbody></table>\n");
	kan_html_more(out,
		      (n > KAN_MODEL_SECTION ? n - KAN_MODEL_SECTION : 0) +
			      sum(doc, "not_seen_left_out"),
		      "in each bundle's own report");
	kan_buf_adds(out, "</section>\n");
}

void kan_case_html_custody(struct kan_buf *out, const json_t *doc)
{
	size_t i = 0;
	json_t *e = NULL;
	kan_buf_adds(out,
		     "<section id=\"custody\"><h2>Custody</h2>\n<table><caption>The events of "
		     "the case, oldest first. kanshiki verify checks their chain and "
		     "signatures.</caption><thead><tr><th scope=\"col\" class=\"num\">event</th>"
		     "<th scope=\"col\">time</th><th scope=\"col\">type</th><th "
		     "scope=\"col\">who</th><th scope=\"col\">host</th><th "
		     "scope=\"col\">commit</th></tr></thead><tbody>\n");
	json_array_foreach (json_object_get(doc, "events"), i, e) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_addf(out,
			     "<tr><td data-l=\"event\" class=\"num\">%" PRId64 "</td><td "
			     "data-l=\"time\">",
			     kan_json_int(e, "seq"));
		kan_html_time(out, kan_json_int(e, "time_ns"));
		kan_buf_adds(out, "</td><td data-l=\"type\" class=\"word\">");
		kan_html_text(out, kan_json_str(e, "type"));
		kan_buf_adds(out, "</td><td data-l=\"who\">");
		kan_html_value(out, e, "who");
		kan_buf_adds(out, "</td><td data-l=\"host\">");
		kan_html_value(out, e, "host");
		kan_buf_adds(out, "</td><td data-l=\"commit\">");
		kan_html_value(out, e, "commit");
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
	size_t n = json_array_size(json_object_get(doc, "events"));
	kan_html_more(out,
		      (n > KAN_MODEL_SECTION ? n - KAN_MODEL_SECTION : 0) +
			      (uint64_t)kan_json_int(doc, "events_left_out"),
		      "events: kanshiki custody log");
	kan_buf_adds(out, "</section>\n");
}

void kan_case_html_people(struct kan_buf *out)
{
	static const char *const blanks[] = {"Who was told, and when", "What was decided, by whom",
					     "What was affected", "Root cause",
					     "Actions, owner, date"};
	kan_buf_adds(out, "<section id=\"people\"><h2>For people</h2>\n<dl class=\"panel\">\n");
	for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
		kan_buf_addf(out, "<dt>%s</dt><dd class=\"blank\"></dd>\n", blanks[i]);
	kan_buf_adds(out, "</dl>\n</section>\n");
}
