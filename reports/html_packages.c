/* Packages in report.html: who owns a changed file, and what differs between both inventories. */
#include <inttypes.h>
#include <string.h>

#include "base/row.h"
#include "reports/html.h"

/* The cell of a changed file: owner, verdict, and whether the manager explains it. */
void kan_html_package_cell(struct kan_buf *out, const json_t *row)
{
	const char *verdict = kan_json_str(row, "package_verdict");
	kan_buf_adds(out, "<td data-l=\"package\">");
	kan_html_value(out, row, "package_name");
	kan_buf_adds(out, *kan_json_str(row, "package_name") && *verdict ? " " : "");
	kan_html_text(out, verdict);
	if (!*verdict && json_object_get(row, "package_why")) {
		kan_buf_adds(out, " not known: ");
		kan_html_value(out, row, "package_why");
	}
	if (json_is_true(json_object_get(row, "explained")))
		kan_buf_adds(out, ", the container's own records explain it");
	kan_buf_adds(out, "</td>");
}

static void side(struct kan_buf *out, const char *name, const json_t *s)
{
	const char *state = kan_json_str(s, "state");
	kan_buf_addf(out, "%s: ", name);
	if (strcmp(state, "none") == 0)
		kan_buf_adds(out, "no package database");
	else if (strcmp(state, "unknown") == 0)
		kan_buf_adds(out, "not known");
	else
		kan_buf_addf(out, "%" PRId64 " packages%s", kan_json_int(s, "count"),
			     strcmp(state, "cut") == 0 ? ", not all of it could be read" : "");
	if (json_object_get(s, "why")) {
		kan_buf_adds(out, " (");
		kan_html_value(out, s, "why");
		kan_buf_adds(out, ")");
	}
}

static void package_row(struct kan_buf *out, const json_t *row)
{
	const json_t *logged = json_object_get(row, "logged");
	kan_buf_adds(out, "<tr><td data-l=\"package\">");
	kan_html_value(out, row, "name");
	kan_buf_adds(out, "</td><td data-l=\"image\">");
	kan_html_value(out, json_object_get(row, "image"), "version");
	kan_buf_adds(out, "</td><td data-l=\"container\">");
	kan_html_value(out, json_object_get(row, "container"), "version");
	kan_buf_adds(out, "</td><td data-l=\"change\" class=\"word\">");
	kan_html_text(out, kan_json_str(row, "change"));
	kan_buf_addf(out, "</td><td data-l=\"log\" class=\"word\">%s</td></tr>\n",
		     json_is_true(logged)    ? "agrees"
		     : json_is_false(logged) ? "does not say so"
					     : "none is kept");
}

/* Only what differs; the whole of both is in report.json and the CycloneDX documents. */
void kan_html_packages(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *packages = json_object_get(m->doc, "packages");
	size_t i = 0, shown = 0, differ = 0;
	json_t *row = NULL;
	kan_buf_adds(out, "<section id=\"packages\"><h2>Packages</h2>\n<p>");
	side(out, "Image as shipped", json_object_get(packages, "image"));
	side(out, ". Container as found", json_object_get(packages, "container"));
	kan_buf_adds(out, ".</p>\n");
	json_array_foreach (json_object_get(packages, "rows"), i, row) {
		if (!json_object_get(row, "change"))
			continue;
		if (differ++ == 0)
			kan_buf_adds(
				out,
				"<table><caption>What differs. The container's side is its own "
				"record.</caption><thead><tr><th scope=\"col\">package</th>"
				"<th scope=\"col\">image</th><th scope=\"col\">container</th>"
				"<th scope=\"col\">change</th><th scope=\"col\">the manager's "
				"log</th></tr></thead><tbody>\n");
		if (shown == KAN_MODEL_SECTION)
			continue;
		package_row(out, row);
		shown++;
	}
	kan_buf_adds(out, differ ? "</tbody></table>\n" : "");
	kan_html_more(out, differ - shown, "in report.json");
	kan_buf_adds(out, "</section>\n");
}
