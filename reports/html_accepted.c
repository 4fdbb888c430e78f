/* What the user has accepted: out of the verdict, and never out of sight. */
#include <string.h>

#include "base/row.h"
#include "reports/html.h"

static const char *state_of(const json_t *row)
{
	const char *state = kan_json_str(row, "state");
	if (strcmp(state, "expired") == 0)
		return "expired: the finding counts again";
	return strcmp(state, "unmatched") == 0 ? "no such finding" : "accepted, not counted";
}

static void about(struct kan_buf *out, const json_t *row)
{
	const json_t *f = json_object_get(row, "finding");
	kan_html_value(out, row, "rule");
	if (!f) {
		kan_buf_addc(out, ' ');
		kan_html_list(out, row, "key");
		return;
	}
	kan_buf_addc(out, ' ');
	kan_html_text(out, kan_json_str(f, "severity"));
	kan_buf_adds(out, ", ");
	kan_html_value(out, f, "id");
	kan_buf_adds(out, ": ");
	kan_html_parts(out, json_object_get(f, "parts"));
	const json_t *e = json_array_get(json_object_get(f, "evidence"), 0);
	kan_buf_adds(out, "; ");
	kan_html_value(out, e, "artefact");
	if (json_object_get(e, "row"))
		kan_buf_addf(out, " row %" JSON_INTEGER_FORMAT,
			     json_integer_value(json_object_get(e, "row")));
}

void kan_html_accepted(struct kan_buf *out, const json_t *suppressed)
{
	size_t i = 0;
	json_t *row = NULL;
	if (!json_array_size(suppressed))
		return;
	kan_buf_adds(out,
		     "<h3 id=\"accepted\">Accepted</h3>\n<table><caption>Findings that somebody "
		     "has accepted count for nothing above. Entries that accept nothing are "
		     "listed, too.</caption><thead><tr><th scope=\"col\">state</th><th "
		     "scope=\"col\">finding</th><th scope=\"col\">reason</th><th "
		     "scope=\"col\">by</th><th scope=\"col\">until</th></tr></thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)suppressed, i, row) {
		if (i == KAN_MODEL_SECTION)
			break;
		kan_buf_adds(out, "<tr><td data-l=\"state\">");
		kan_html_text(out, state_of(row));
		kan_buf_adds(out, "</td><td data-l=\"finding\">");
		about(out, row);
		kan_buf_adds(out, "</td><td data-l=\"reason\">");
		kan_html_value(out, row, "reason");
		kan_buf_adds(out, "</td><td data-l=\"by\">");
		kan_html_value(out, row, "by");
		kan_buf_adds(out, "</td><td data-l=\"until\">");
		kan_html_value(out, row, "expires");
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n");
	size_t n = json_array_size(suppressed);
	kan_html_more(out, n > KAN_MODEL_SECTION ? n - KAN_MODEL_SECTION : 0, "in report.json");
}
