/* Pictures of report.html: inline SVG over the model's integers. Each has a table with the same
 * facts. */
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "reports/html.h"

enum {
	LABEL_MAX = 1 << 20,
	TREE_LABEL = 88,
	LEFT_LABEL = 29,
	RIGHT_LABEL = 40,
	COLUMN_PX = 7,
	BOX = 12
};

/* Cut before it is escaped for HTML: an entity must not be cut in half. */
static void label(struct kan_buf *out, struct kan_bytes raw, size_t columns)
{
	kan_auto_buf struct kan_buf plain = KAN_BUF(LABEL_MAX * 4), cut = KAN_BUF(LABEL_MAX);
	kan_escape_terminal(&plain, raw);
	kan_cut_columns(&cut, kan_buf_bytes(&plain), columns);
	kan_lang_keep(out);
	kan_escape_html(out, kan_buf_bytes(&cut));
	kan_lang_kept(out);
}

/* Shape and colour say the same: a circle came with the image, a square did not, a diamond is only
 * in memory. */
static void shape(struct kan_buf *out, const struct kan_node *n)
{
	const char *hot = n->n ? " hot" : "";
	int x = n->x, y = n->y + 2, half = BOX / 2;
	if (strcmp(n->mark, "image") == 0)
		kan_buf_addf(out, "<circle class=\"image%s\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>", hot,
			     x + half, y + half, half);
	else if (strcmp(n->mark, "memory") == 0)
		kan_buf_addf(out,
			     "<polygon class=\"memory%s\" points=\"%d,%d %d,%d %d,%d %d,%d\"/>",
			     hot, x + half, y - 1, x + BOX + 1, y + half, x + half, y + BOX + 1,
			     x - 1, y + half);
	else
		kan_buf_addf(out,
			     "<rect class=\"%s%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
			     n->mark, hot, x, y, BOX, BOX);
}

static void number(struct kan_buf *out, int64_t n)
{
	if (n)
		kan_buf_addf(out, "<tspan class=\"num\"> #%" PRId64 "</tspan>", n);
}

static void process_label(struct kan_buf *raw, const json_t *row)
{
	json_t *parts = json_array();
	struct kan_err ignored = {0};
	kan_buf_addf(raw, "%" PRId64 " ", (int64_t)json_integer_value(json_object_get(row, "pid")));
	if (json_array_size(json_object_get(row, "argv")))
		kan_part_list(parts, row, "argv");
	else
		kan_part_value(parts, row, "comm");
	(void)kan_json_bytes(raw, json_array_get(parts, 0), "value",
			     &ignored); /* a part always has one */
	json_decref(parts);
}

static void tree_node(struct kan_buf *out, const struct kan_tree *t, const struct kan_node *n)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(LABEL_MAX);
	if (n->parent >= 0) {
		const struct kan_node *p = &t->nodes[n->parent];
		kan_buf_addf(out, "<path d=\"M%d %dV%dH%d\"/>", p->x + BOX / 2, p->y + BOX + 4,
			     n->y + BOX / 2 + 2, n->x - 2);
	}
	shape(out, n);
	process_label(&raw, n->row);
	size_t room = TREE_LABEL - (size_t)(n->x / COLUMN_PX);
	kan_buf_addf(out, "<text x=\"%d\" y=\"%d\">", n->x + BOX + 8, n->y + BOX);
	label(out, kan_buf_bytes(&raw), room);
	if (n->socket)
		kan_buf_adds(out, "<tspan class=\"lbl\"> ⇄ net</tspan>");
	number(out, n->n);
	kan_buf_adds(out, "</text>\n");
}

void kan_html_tree(struct kan_buf *out, const struct kan_model *m)
{
	const struct kan_tree *t = &m->tree;
	if (!t->n)
		return;
	kan_buf_addf(out,
		     "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Process tree; the "
		     "table of processes "
		     "has the same facts</title>\n",
		     t->width, t->height);
	for (size_t i = 0; i < t->n; i++)
		tree_node(out, t, &t->nodes[i]);
	kan_buf_adds(out,
		     "</svg><figcaption>Circle: the executable came with the image. Square: it did "
		     "not; dashed: its file "
		     "is gone, or its origin was not assessed. Diamond: only in memory. ⇄: holds a "
		     "connection. "
		     "Processes without a parent here were started from outside the container.");
	if (t->left_out)
		kan_buf_addf(out, " +%zu not drawn.", t->left_out);
	kan_buf_adds(out, "</figcaption></figure>\n");
}

static void graph_left(struct kan_buf *out, const struct kan_node *n)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(LABEL_MAX);
	shape(out, n);
	process_label(&raw, n->row);
	kan_buf_addf(out, "<text x=\"%d\" y=\"%d\">", n->x + BOX + 8, n->y + BOX);
	label(out, kan_buf_bytes(&raw), LEFT_LABEL);
	number(out, n->n);
	kan_buf_adds(out, "</text>\n");
}

static void graph_right(struct kan_buf *out, const struct kan_node *n)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(LABEL_MAX);
	const char *state = json_string_value(json_object_get(n->row, "state"));
	bool listens = state && strcmp(state, "LISTEN") == 0;
	const char *address =
		json_string_value(json_object_get(n->row, listens ? "laddr" : "raddr"));
	const char *scope = json_string_value(json_object_get(n->row, "peer_scope"));
	kan_buf_addf(
		&raw, "%s:%" PRId64, address ? address : "?",
		(int64_t)json_integer_value(json_object_get(n->row, listens ? "lport" : "rport")));
	kan_buf_addf(out, "<text x=\"%d\" y=\"%d\">", n->x, n->y + BOX);
	label(out, kan_buf_bytes(&raw), RIGHT_LABEL);
	kan_buf_addf(out, "<tspan class=\"lbl\"> %s</tspan>",
		     listens ? "open port"
		     : scope ? scope
			     : "");
	number(out, n->n);
	kan_buf_adds(out, "</text>\n");
}

static void graph_edge(struct kan_buf *out, const struct kan_edge *e)
{
	enum { FROM = 296, TO = 420, TIP = 7 };
	int a = e->from + BOX / 2 + 2, b = e->to + BOX / 2 + 2;
	kan_buf_addf(out, "<path d=\"M%d %dC%d %d %d %d %d %d\"/>", FROM, a, FROM + 60, a, TO - 60,
		     b, TO, b);
	if (e->in)
		kan_buf_addf(out, "<path d=\"M%d %dL%d %dL%d %d\"/>", FROM + TIP, a - 4, FROM, a,
			     FROM + TIP, a + 4);
	else
		kan_buf_addf(out, "<path d=\"M%d %dL%d %dL%d %d\"/>", TO - TIP, b - 4, TO, b,
			     TO - TIP, b + 4);
}

void kan_html_graph(struct kan_buf *out, const struct kan_model *m)
{
	const struct kan_graph *g = &m->graph;
	if (!g->n_right)
		return;
	kan_buf_addf(out,
		     "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>Connections; the "
		     "table of peers has the "
		     "same facts</title>\n",
		     g->width, g->height);
	for (size_t i = 0; i < g->n_edges; i++)
		graph_edge(out, &g->edges[i]);
	for (size_t i = 0; i < g->n_left; i++)
		graph_left(out, &g->left[i]);
	for (size_t i = 0; i < g->n_right; i++)
		graph_right(out, &g->right[i]);
	kan_buf_adds(out, "</svg><figcaption>Processes at the left, peers and odd listeners at the "
			  "right; the arrow points "
			  "where the connection was opened to.");
	if (g->left_out)
		kan_buf_addf(out, " +%zu not drawn.", g->left_out);
	kan_buf_adds(out, "</figcaption></figure>\n");
}
