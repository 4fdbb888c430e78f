/* The lanes of time, as SVG. The timeline below is its table. */
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "reports/html.h"
#include "reports/pictures.h"

enum { RADIUS = 4, MORE = 6, NAME_X = 14, TICK_UP = 5, CHARACTER = 8 };

/* Under its column, or as far to the right as the whole label fits. */
static int tick_x(int x, const char *text)
{
	int last = KAN_PICTURE_WIDTH - TICK_UP - CHARACTER * (int)strlen(text);
	return x - 4 < last ? x - 4 : last;
}

static void frame(struct kan_buf *out, const struct kan_lanes *l)
{
	int lane = (l->height - 36) / 5;
	for (int i = 0; kan_lane_names[i]; i++) {
		int y = 18 + lane * i + lane / 2;
		kan_buf_addf(out,
			     "<path d=\"M110 %dH%d\"/><text class=\"lbl\" x=\"%d\" y=\"%d\">%s"
			     "</text>\n",
			     y, KAN_PICTURE_WIDTH - 10, NAME_X, y + 4, kan_lane_names[i]);
	}
	for (size_t i = 0; i < l->n_ticks; i++)
		kan_buf_addf(out, "<text class=\"lbl\" x=\"%d\" y=\"%d\">%s</text>\n",
			     tick_x(l->ticks[i].x, l->ticks[i].text), l->height - TICK_UP,
			     l->ticks[i].text);
}

static void dot(struct kan_buf *out, const struct kan_dot *d)
{
	kan_buf_addf(out, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"%d\"><title>%d%s",
		     d->n ? "foreign hot" : "image", d->x, d->y,
		     d->count > MORE ? RADIUS + 2 : RADIUS, d->count,
		     d->count == 1 ? " entry" : " entries");
	if (d->n)
		kan_buf_addf(out, ", finding #%" PRId64, d->n);
	kan_buf_adds(out, "</title></circle>\n");
}

void kan_html_lanes(struct kan_buf *out, const struct kan_model *m)
{
	struct kan_lanes l;
	kan_lanes_make(&l, m);
	if (l.n) {
		kan_buf_addf(
			out,
			"<figure><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>When: the table "
			"below has the same facts</title>\n",
			KAN_PICTURE_WIDTH, l.height);
		frame(out, &l);
		for (size_t i = 0; i < l.n; i++)
			dot(out, &l.dots[i]);
		kan_buf_adds(out, "</svg><figcaption>A column is a moment, in order; how far apart "
				  "two are says nothing of the time between them. Ringed in red: a "
				  "finding names it.</figcaption></figure>\n");
	}
	kan_lanes_free(&l);
}
