/* Independent views of the same thing: where they contradict each other, and what was not compared.
 */
#include <inttypes.h>

#include "base/row.h"
#include "reports/exposure.h"
#include "reports/html.h"

static void example(struct kan_buf *out, const json_t *row)
{
	kan_buf_adds(out, "<li>");
	kan_html_value(out, row, "what");
	kan_buf_adds(out, ": ");
	kan_html_text(out, kan_json_str(row, "one"));
	kan_buf_adds(out, "; ");
	kan_html_text(out, kan_json_str(row, "other"));
	kan_buf_adds(out, " (<code>");
	kan_html_name(out, kan_json_str(row, "artefact"));
	kan_buf_adds(out, "</code>");
	if (json_object_get(row, "row"))
		kan_buf_addf(out, " line %" PRId64, kan_json_int(row, "row"));
	kan_buf_adds(out, ")</li>\n");
}

static void examples(struct kan_buf *out, const json_t *c)
{
	size_t i = 0;
	json_t *row = NULL;
	if (!kan_json_int(c, "count"))
		return;
	kan_buf_adds(out, "<ul>\n");
	json_array_foreach (json_object_get(c, "rows"), i, row)
		example(out, row);
	kan_buf_adds(out, "</ul>\n");
	kan_html_more(out, (uint64_t)kan_json_int(c, "left_out"), "in the two artefacts");
}

void kan_html_missing(struct kan_buf *out, const json_t *gap)
{
	kan_buf_adds(out, "not assessed: ");
	kan_html_value(out, gap, "what");
	kan_buf_adds(out, " of ");
	kan_html_name(out, kan_json_str(gap, "collector"));
	kan_buf_adds(out, ", ");
	kan_html_text(out, kan_json_str(gap, "code"));
	kan_buf_adds(out, ": ");
	kan_html_value(out, gap, "why");
}

void kan_html_views(struct kan_buf *out, const struct kan_model *m)
{
	size_t i = 0;
	json_t *c = NULL;
	kan_buf_adds(out, "<section id=\"views\"><h2>Views that contradict each other</h2>\n<dl "
			  "class=\"panel\">\n");
	json_array_foreach (json_object_get(m->doc, "contradictions"), i, c) {
		kan_buf_adds(out, "<dt>");
		kan_html_text(out, kan_json_str(c, "title"));
		kan_buf_adds(out, "</dt><dd>");
		if (!json_is_true(json_object_get(c, "assessed")))
			kan_html_missing(out, json_object_get(c, "missing"));
		else
			kan_buf_addf(out, "%" PRId64, kan_json_int(c, "count"));
		examples(out, c);
		kan_buf_adds(out, "</dd>\n");
	}
	kan_buf_adds(out, "</dl>\n</section>\n");
}
