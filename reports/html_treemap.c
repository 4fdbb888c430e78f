/* The map of changes, as SVG. The table of changes has the same facts. */
#include <inttypes.h>

#include "base/escape.h"
#include "reports/html.h"
#include "reports/pictures.h"

enum { NAME_OCTETS = 1 << 20, COLUMN_PX = 8, LEAST_W = 40, LEAST_H = 18, PAD = 5, LINE = 15 };

static void name(struct kan_buf *out, const struct kan_cell *c)
{
	kan_auto_buf struct kan_buf cut = KAN_BUF(NAME_OCTETS);
	size_t columns = (size_t)(c->w / COLUMN_PX);
	if (c->w < LEAST_W || c->h < LEAST_H)
		return;
	kan_cut_columns(&cut, kan_bytes_of(c->name), columns);
	kan_buf_addf(out, "<text x=\"%d\" y=\"%d\">", c->x + PAD, c->y + LINE);
	kan_lang_keep(out);
	kan_escape_html(out, kan_buf_bytes(&cut));
	kan_lang_kept(out);
	kan_buf_adds(out, "</text>");
	if (c->h >= 2 * LEAST_H)
		kan_buf_addf(out, "<text class=\"lbl\" x=\"%d\" y=\"%d\">%d</text>", c->x + PAD,
			     c->y + 2 * LINE, c->count);
}

static void cell(struct kan_buf *out, const struct kan_cell *c)
{
	kan_buf_addf(out, "<g><title>%d below ", c->count);
	kan_lang_keep(out);
	kan_escape_html(out, kan_bytes_of(c->name));
	kan_lang_kept(out);
	if (c->n)
		kan_buf_addf(out, ", finding #%" PRId64, c->n);
	kan_buf_addf(out,
		     "</title><rect class=\"%s%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
		     c->mark, c->n ? " hot" : "", c->x + 1, c->y + 1, c->w > 2 ? c->w - 2 : 1,
		     c->h > 2 ? c->h - 2 : 1);
	name(out, c);
	kan_buf_adds(out, "</g>\n");
}

void kan_html_treemap(struct kan_buf *out, const struct kan_model *m)
{
	struct kan_treemap t;
	kan_treemap_make(&t, m);
	if (t.n) {
		kan_buf_addf(out,
			     "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Where: the "
			     "table of changes has the same facts</title>\n",
			     KAN_PICTURE_WIDTH, t.height);
		for (size_t i = 0; i < t.n; i++)
			cell(out, &t.cells[i]);
		kan_buf_adds(out, "</svg><figcaption>A cell is a directory, its area the number of "
				  "changes below it. Its colour is what most of them are: added, "
				  "changed, deleted (dashed) or only metadata. Ringed in red: a "
				  "finding names one.");
		if (t.left_out)
			kan_buf_addf(out, " +%" PRIu64 " not drawn.", t.left_out);
		kan_buf_adds(out, "</figcaption></figure>\n");
	}
	kan_treemap_free(&t);
}
