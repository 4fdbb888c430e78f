/* What was found, in the words of ATT&CK: a strip, and its table. */
#include "base/row.h"
#include "reports/html.h"
#include "reports/pictures.h"
#include <inttypes.h>
#include <string.h>

enum { BOX_W = 118, BOX_H = 18, TEXT_UP = 13, HEAD_Y = 34, LINE = 14 };

/* "privilege-" over "escalation": a column is narrower than the longest names. */
static void tactic(struct kan_buf *out, int x, int y, const char *name)
{
	const char *dash = strrchr(name, '-');
	int first = dash ? (int)(dash - name) + 1 : 0;
	if (dash)
		kan_buf_addf(out, "<text class=\"lbl\" x=\"%d\" y=\"%d\">%.*s</text>", x,
			     y + HEAD_Y - LINE, first, name);
	kan_buf_addf(out, "<text class=\"lbl\" x=\"%d\" y=\"%d\">%s</text>\n", x, y + HEAD_Y,
		     name + first);
}

static void strip(struct kan_buf *out, const struct kan_attack *a)
{
	kan_buf_addf(out,
		     "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Tactics and "
		     "techniques; the table has the same facts</title>\n",
		     a->width, a->height);
	for (size_t i = 0; i < a->n_tactics; i++)
		tactic(out, a->tactics[i].x, a->tactics[i].y, a->tactics[i].name);
	for (size_t i = 0; i < a->n; i++) {
		const struct kan_technique *t = &a->at[i];
		kan_buf_addf(out,
			     "<a href=\"#f%" PRId64 "\"><rect class=\"foreign\" x=\"%d\" "
			     "y=\"%d\" width=\"%d\" height=\"%d\"/><text x=\"%d\" y=\"%d\">",
			     t->n, t->x, t->y, BOX_W, BOX_H, t->x + 6, t->y + TEXT_UP);
		kan_html_name(out, kan_json_str(t->of, "id"));
		kan_buf_addf(out, "<tspan class=\"num\"> #%" PRId64 "</tspan></text></a>\n", t->n);
	}
	kan_buf_adds(out, "</svg><figcaption>In the order of an attack; each leads to its first "
			  "finding. What is not here was not found, which does not say that it was "
			  "not used.</figcaption></figure>\n");
}

static void tactics(struct kan_buf *out, const json_t *list)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach ((json_t *)(uintptr_t)list, i, v) {
		kan_buf_adds(out, i ? ", " : "");
		kan_html_text(out, json_string_value(v));
	}
}

static void findings(struct kan_buf *out, const struct kan_model *m, const json_t *technique)
{
	size_t i = 0, k = 0;
	json_t *f = NULL, *id = NULL;
	json_array_foreach (json_object_get(m->doc, "findings"), i, f)
		json_array_foreach (json_object_get(f, "attack"), k, id)
			if (json_equal(id, json_object_get(technique, "id")))
				kan_html_mark(out, kan_json_int(f, "n"));
}

void kan_html_attack(struct kan_buf *out, const struct kan_model *m)
{
	const json_t *list = json_object_get(m->doc, "techniques");
	struct kan_attack a;
	size_t i = 0;
	json_t *t = NULL;
	kan_attack_make(&a, m);
	if (!a.n)
		return;
	kan_buf_adds(out, "<section id=\"attack\"><h2>Techniques</h2>\n");
	strip(out, &a);
	kan_buf_adds(out,
		     "<table><caption>MITRE ATT&amp;CK.</caption><thead><tr><th "
		     "scope=\"col\">technique</th><th scope=\"col\">name</th><th scope=\"col\">"
		     "tactics</th><th scope=\"col\">findings</th></tr></thead><tbody>\n");
	json_array_foreach ((json_t *)(uintptr_t)list, i, t) {
		kan_buf_adds(out, "<tr><td data-l=\"technique\" class=\"word\">");
		kan_html_name(out, kan_json_str(t, "id"));
		kan_buf_adds(out, "</td><td data-l=\"name\">");
		kan_html_name(out, kan_json_str(t, "name"));
		kan_buf_adds(out, "</td><td data-l=\"tactics\">");
		tactics(out, json_object_get(t, "tactics"));
		kan_buf_adds(out, "</td><td data-l=\"findings\">");
		findings(out, m, t);
		kan_buf_adds(out, "</td></tr>\n");
	}
	kan_buf_adds(out, "</tbody></table>\n</section>\n");
}
