/* How it began: the seven hypotheses with what speaks for and against each. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/html.h"

/* A finding by its number, which is a link; a rule that only votes by its id. */
static void voices(struct kan_buf *out, const struct kan_model *m, const char *title,
		   const json_t *ids)
{
	size_t i = 0;
	json_t *id = NULL;
	kan_buf_addf(out, "<td data-l=\"%s\">", title);
	json_array_foreach ((json_t *)(uintptr_t)ids, i, id) {
		int64_t n = kan_model_number(m, json_string_value(id));
		if (n)
			kan_html_mark(out, n);
		else {
			kan_buf_adds(out, i ? " <code>" : "<code>");
			kan_html_name(out, json_string_value(id));
			kan_buf_adds(out, "</code>");
		}
	}
	kan_buf_adds(out, "</td>");
}

static void grade(struct kan_buf *out, const json_t *h)
{
	const json_t *missing = json_object_get(h, "missing");
	kan_buf_adds(out, "<td data-l=\"grade\">");
	kan_html_text(out, kan_json_str(h, "grade"));
	kan_buf_adds(out, *kan_json_str(h, "strength") ? ", " : "");
	kan_html_text(out, kan_json_str(h, "strength"));
	kan_buf_adds(out, "</td><td data-l=\"not seen\">");
	kan_html_value(out, missing, "what");
	if (missing && *kan_json_str(missing, "why")) {
		kan_buf_adds(out, ": ");
		kan_html_value(out, missing, "why");
	}
	kan_buf_adds(out, "</td>");
}

void kan_html_hypotheses(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *h = NULL;
	kan_buf_adds(
		out,
		"<section id=\"cause\"><h2>How it began</h2>\n<table><caption>Strength of support "
		"by independent witnesses, not a probability. Outside and inside do not exclude "
		"each other. Who has confirmed what is for people to write.</caption>\n<thead><tr>"
		"<th scope=\"col\">hypothesis</th><th scope=\"col\">from</th><th scope=\"col\">"
		"grade</th><th scope=\"col\">not seen</th><th scope=\"col\">for</th><th "
		"scope=\"col\">against</th></tr></thead><tbody>\n");
	json_array_foreach (json_object_get(json_object_get(m->doc, "verdict"), "hypotheses"), i,
			    h) {
		kan_buf_adds(out, "<tr><th scope=\"row\">");
		kan_html_text(out, kan_json_str(h, "name"));
		kan_buf_adds(out, "</th><td data-l=\"from\">");
		kan_html_text(out, kan_json_str(h, "side"));
		kan_buf_adds(out, "</td>");
		grade(out, h);
		voices(out, m, "for", json_object_get(h, "for"));
		voices(out, m, "against", json_object_get(h, "against"));
		kan_buf_adds(out, "</tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n</section>\n");
}
