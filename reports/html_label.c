/* The label of TLP 2.0 on report.html: on top, at the end, and on each page that is printed, in the
 * colours that the standard gives them. */
#include <string.h>

#include "base/row.h"
#include "reports/html.h"

static const char *const labels[][3] = {{"TLP:RED", "red", "#ff2b2b"},
					{"TLP:AMBER+STRICT", "amber", "#ffc000"},
					{"TLP:AMBER", "amber", "#ffc000"},
					{"TLP:GREEN", "green", "#33ff00"},
					{"TLP:CLEAR", "clear", "#fff"}};

static const char *const *label_of(const json_t *doc)
{
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		if (strcmp(kan_json_str(doc, "tlp"), labels[i][0]) == 0)
			return labels[i];
	return NULL;
}

void kan_html_label(struct kan_buf *out, const json_t *doc)
{
	const char *const *label = label_of(doc);
	if (label)
		kan_buf_addf(out, "<p class=\"tlp\"><span class=\"%s\">%s</span></p>\n", label[1],
			     label[0]);
	const json_t *redacted = json_object_get(doc, "redacted");
	if (redacted)
		kan_buf_addf(out,
			     "<p class=\"redacted\"><strong>Redacted.</strong> People, hosts and "
			     "inner addresses are numbers; %" JSON_INTEGER_FORMAT
			     " values are left out: what the container says.</p>\n",
			     json_integer_value(json_object_get(redacted, "left_out")));
}

/* In the margin, where it covers nothing. */
void kan_html_label_style(struct kan_buf *out, const json_t *doc)
{
	static const char *const where[] = {"top-right", "bottom-right"};
	const char *const *label = label_of(doc);
	if (!label)
		return;
	kan_buf_adds(out, "@page{margin:16mm 12mm;");
	for (size_t i = 0; i < sizeof where / sizeof *where; i++)
		kan_buf_addf(out,
			     "@%s{content:\"%s\";font:700 12pt sans-serif;color:%s;"
			     "background:#000;padding:0 .5em;height:1.5em;width:max-content;"
			     "margin:auto 0 auto auto;print-color-adjust:exact;"
			     "-webkit-print-color-adjust:exact}",
			     where[i], label[0], label[2]);
	kan_buf_adds(out, "}\n");
}
