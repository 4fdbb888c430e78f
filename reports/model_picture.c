/* Geometry of the pictures, in integers: the tree of processes and the graph of connections. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "reports/model.h"

enum {
	ROW = 28,
	INDENT = 22,
	MARGIN = 14,
	TREE_WIDTH = 760,
	DEPTH_MAX = 12, /* deeper ones stand at the same place */
	LEFT_X = 14,
	RIGHT_X = 430,
};

static const char *mark_of(const json_t *row)
{
	static const char *const marks[][2] = {{"image", "image"},   {"upper", "foreign"},
					       {"mount", "foreign"}, {"tmpfs", "foreign"},
					       {"memfd", "memory"},  {"gone", "gone"}};
	const char *origin = json_string_value(json_object_get(row, "exe_origin"));
	for (size_t i = 0; origin && i < sizeof marks / sizeof *marks; i++)
		if (strcmp(origin, marks[i][0]) == 0)
			return marks[i][1];
	return "unknown";
}

static bool holds_peer(const struct kan_model *m, int64_t pid)
{
	size_t i = 0, k = 0;
	json_t *p = NULL, *v = NULL;
	json_array_foreach (m->peers, i, p)
		json_array_foreach (json_object_get(p, "pid"), k, v)
			if (json_integer_value(v) == pid)
				return true;
	return false;
}

static void place(struct kan_model *m, const json_t *row, int parent, int depth)
{
	struct kan_tree *t = &m->tree;
	int64_t pid = kan_json_int(row, "pid");
	struct kan_node *n = &t->nodes[t->n];
	*n = (struct kan_node){
		.x = MARGIN + INDENT * (depth < DEPTH_MAX ? depth : DEPTH_MAX),
		.y = MARGIN + ROW * (int)t->n,
		.parent = parent,
		.row = row,
		.mark = mark_of(row),
		.n = kan_model_pid_finding(m, pid),
		.socket = kan_json_has_word(json_object_get(row, "stdio_kind"), "inet") ||
			  holds_peer(m, pid)};
	t->n++;
}

static bool is_placed(const struct kan_tree *t, const json_t *row)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->nodes[i].row == row)
			return true;
	return false;
}

/* Depth first without recursion: after each node its children, from the rows in their order. */
static void descend(struct kan_model *m, const json_t *rows, int root, int depth)
{
	struct kan_tree *t = &m->tree;
	int at = root;
	while (at >= 0 && t->n < KAN_MODEL_TREE) {
		const json_t *child = NULL;
		size_t i = 0;
		json_t *row = NULL;
		json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
			if (!child &&
			    kan_json_int(row, "ppid") == kan_json_int(t->nodes[at].row, "pid") &&
			    !is_placed(t, row))
				child = row;
		if (child) {
			place(m, child, at, ++depth);
			at = (int)t->n - 1;
			continue;
		}
		if (at == root)
			break;
		at = t->nodes[at].parent;
		depth--;
	}
}

static bool has_parent(const json_t *rows, const json_t *row)
{
	size_t i = 0;
	json_t *other = NULL;
	json_array_foreach ((json_t *)(uintptr_t)rows, i, other)
		if (other != row && kan_json_int(other, "pid") == kan_json_int(row, "ppid"))
			return true;
	return false;
}

static void tree(struct kan_model *m)
{
	const json_t *rows = kan_model_rows(m, "processes");
	struct kan_tree *t = &m->tree;
	size_t i = 0;
	json_t *row = NULL;
	t->nodes = kan_xalloc((KAN_MODEL_TREE + 1) * sizeof *t->nodes);
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
		if (t->n == KAN_MODEL_TREE || has_parent(rows, row))
			continue;
		place(m, row, -1, 0);
		descend(m, rows, (int)t->n - 1, 0);
	}
	t->left_out = json_array_size(rows) - t->n;
	t->width = TREE_WIDTH;
	t->height = 2 * MARGIN + ROW * (int)(t->n ? t->n : 1);
}

/* The process at the left of an edge; made when it is new. */
static int left_of(struct kan_model *m, int64_t pid)
{
	struct kan_graph *g = &m->graph;
	size_t i = 0;
	json_t *row = NULL;
	for (size_t k = 0; k < g->n_left; k++)
		if (kan_json_int(g->left[k].row, "pid") == pid)
			return (int)k;
	json_array_foreach ((json_t *)(uintptr_t)kan_model_rows(m, "processes"), i, row) {
		if (kan_json_int(row, "pid") != pid)
			continue;
		struct kan_node *n = &g->left[g->n_left];
		*n = (struct kan_node){.x = LEFT_X,
				       .y = MARGIN + ROW * (int)g->n_left,
				       .parent = -1,
				       .row = row,
				       .mark = mark_of(row),
				       .n = kan_model_pid_finding(m, pid)};
		return (int)g->n_left++;
	}
	return -1;
}

static void graph(struct kan_model *m)
{
	struct kan_graph *g = &m->graph;
	size_t i = 0;
	json_t *peer = NULL;
	g->left = kan_xalloc((KAN_MODEL_PEERS + 1) * sizeof *g->left);
	g->right = kan_xalloc((KAN_MODEL_PEERS + 1) * sizeof *g->right);
	g->edges = kan_xalloc((KAN_MODEL_PEERS + 1) * sizeof *g->edges);
	json_array_foreach (m->peers, i, peer) {
		if (g->n_right == KAN_MODEL_PEERS) {
			g->left_out++;
			continue;
		}
		const char *dir = json_string_value(json_object_get(peer, "sock_dir"));
		bool in = !dir || strcmp(dir, "in") == 0;
		struct kan_node *n = &g->right[g->n_right];
		*n = (struct kan_node){.x = RIGHT_X,
				       .y = MARGIN + ROW * (int)g->n_right,
				       .parent = -1,
				       .row = peer,
				       .mark = in ? "in" : "out",
				       .n = kan_json_int(peer, "n")};
		g->n_right++;
		int left = left_of(
			m, json_integer_value(json_array_get(json_object_get(peer, "pid"), 0)));
		if (left >= 0)
			g->edges[g->n_edges++] = (struct kan_edge){g->left[left].y, n->y, in};
	}
	size_t rows = g->n_left > g->n_right ? g->n_left : g->n_right;
	g->width = TREE_WIDTH;
	g->height = 2 * MARGIN + ROW * (int)(rows ? rows : 1);
}

void kan_model_pictures(struct kan_model *m)
{
	tree(m);
	graph(m);
}
