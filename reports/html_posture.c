/* Section Posture of report.html: exposure, which is no intrusion, each with where it was read. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/exposure.h"
#include "reports/html.h"

static void value(struct kan_buf *out, const json_t *row)
{
	kan_buf_adds(out, "<td data-l=\"value\">");
	if (json_object_get(row, "missing"))
		kan_html_missing(out, json_object_get(row, "missing"));
	else
		kan_html_value(out, row, "value");
	kan_html_mark(out, kan_json_int(row, "n"));
	kan_buf_adds(out, "</td>");
}

static void where(struct kan_buf *out, const json_t *row)
{
	kan_buf_adds(out, "<td data-l=\"read in\"><code>");
	kan_html_name(out, kan_json_str(row, "artefact"));
	kan_buf_adds(out, "</code>");
	if (json_object_get(row, "row"))
		kan_buf_addf(out, " line %" PRId64, kan_json_int(row, "row"));
	if (json_object_get(row, "source")) {
		kan_buf_adds(out, ", from ");
		kan_html_value(out, row, "source");
	}
	kan_buf_adds(out, "</td>");
}

static void benchmark(struct kan_buf *out, const json_t *row)
{
	size_t i = 0;
	json_t *v = NULL;
	kan_buf_adds(out, "<td data-l=\"benchmark\" class=\"word\">");
	json_array_foreach (json_object_get(row, "cis"), i, v) {
		kan_buf_adds(out, i ? "; " : "");
		kan_html_name(out, json_string_value(v));
	}
	kan_buf_adds(out, "</td>");
}

static void line(struct kan_buf *out, const json_t *row)
{
	kan_buf_adds(out, "<tr><td data-l=\"of\" class=\"word\">");
	kan_html_text(out, kan_json_str(row, "subject"));
	kan_buf_adds(out, "</td><td data-l=\"what\">");
	kan_html_text(out, kan_json_str(row, "what"));
	kan_buf_adds(out, "</td>");
	value(out, row);
	where(out, row);
	benchmark(out, row);
	kan_buf_adds(out, "</tr>\n");
}

static void table(struct kan_buf *out, const json_t *section)
{
	size_t i = 0;
	json_t *row = NULL;
	const json_t *rows = json_object_get(section, "rows");
	kan_buf_adds(
		out,
		"<table><caption>What is in effect, and where it was read. What was not "
		"collected is neither yes nor no.</caption><thead><tr><th scope=\"col\">of</th>"
		"<th scope=\"col\">what</th><th scope=\"col\">value</th><th "
		"scope=\"col\">read in</th><th scope=\"col\">benchmark</th></tr></thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
		if (i < KAN_MODEL_SECTION)
			line(out, row);
	kan_buf_adds(out, "</tbody></table>\n");
	uint64_t shown = i < KAN_MODEL_SECTION ? i : KAN_MODEL_SECTION;
	kan_html_more(out, (uint64_t)kan_json_int(section, "count") - shown,
		      "in <code>data/engine</code> and <code>data/posture</code> of the bundle");
}

static void missing(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *gap = NULL;
	if (!json_array_size(list))
		return;
	kan_buf_adds(out, "<h3>Not collected, and why</h3>\n<ul>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, gap) {
		if (i >= KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "<li>");
		kan_html_missing(out, gap);
		kan_buf_adds(out, "</li>\n");
	}
	kan_buf_adds(out, "</ul>\n");
	kan_html_more(out, json_array_size(list) - i, "in report.json");
}

void kan_html_posture(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *section = json_object_get(m->doc, "posture");
	kan_buf_adds(out,
		     "<section id=\"posture\"><h2>Posture</h2>\n<p class=\"note\">Exposure: what "
		     "an intruder could use. It says nothing about whether there was one, and "
		     "does not move the verdict.</p>\n");
	table(out, section);
	missing(out, json_object_get(section, "missing"));
	kan_html_findings_at(out, m, KAN_PLACE_POSTURE);
	kan_buf_adds(out, "</section>\n");
}
