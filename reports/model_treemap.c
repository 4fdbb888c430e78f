/* The map of changes: a cell a directory, sliced by turns along and across. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/row.h"
#include "reports/pictures.h"

enum { HEIGHT = 260, PATH_OCTETS = 128 << 10, WORDS = 4, DEPTH = 2 };

static const char *const words[WORDS] = {"added", "changed", "deleted", "metadata"};
static const char *const marks[WORDS] = {"foreign", "memory", "gone", "image"};

struct place {
	uint8_t *path; /* owned: the first components of where it lies */
	size_t n;
	int counts[WORDS], all;
	int64_t finding;
};
struct places {
	struct place *v;
	size_t n;
};

/* "/usr/bin/id" lies in "/usr/bin". */
static size_t directory(struct kan_bytes path)
{
	size_t depth = 0, end = 0;
	for (size_t i = 1; i < path.n && depth < DEPTH; i++)
		if (path.p[i] == '/') {
			end = i;
			depth++;
		}
	return end ? end : 1;
}

static struct place *place_of(struct places *p, struct kan_bytes path)
{
	size_t n = path.n ? directory(path) : 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].n == n && memcmp(p->v[i].path, path.p, n) == 0)
			return &p->v[i];
	p->v = kan_xrealloc(p->v, p->n + 1, sizeof *p->v);
	struct place *one = &p->v[p->n++];
	*one = (struct place){.path = kan_xalloc(n + 1), .n = n};
	if (n)
		memcpy(one->path, path.p, n);
	return one;
}

static void gather(struct places *p, const struct kan_model *m)
{
	static const char *const keys[] = {"path", NULL};
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach ((json_t *)(uintptr_t)kan_model_rows(m, "changes"), i, row) {
		kan_auto_buf struct kan_buf path = KAN_BUF(PATH_OCTETS);
		struct kan_err ignored = {0};
		if (kan_json_bytes(&path, row, "path", &ignored) < 0)
			continue;
		struct place *one = place_of(p, kan_buf_bytes(&path));
		int64_t n = kan_model_object_finding(m, "change", row, keys);
		for (size_t w = 0; w < WORDS; w++)
			one->counts[w] += strcmp(kan_json_str(row, "change"), words[w]) == 0;
		one->all++;
		if (n && (!one->finding || n < one->finding))
			one->finding = n;
	}
}

/* Most changes first; of as many the name decides. */
static int by_weight(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->all != y->all)
		return x->all > y->all ? -1 : 1;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = n ? memcmp(x->path, y->path, n) : 0;
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static const char *mark_of(const struct place *p)
{
	size_t most = 0;
	for (size_t w = 1; w < WORDS; w++)
		if (p->counts[w] > p->counts[most])
			most = w;
	return marks[most];
}

struct area {
	int x, y, w, h;
};

/* The heaviest takes its share of what is left, along the longer side; then the next. */
static void slice(struct kan_treemap *t, const struct place *v, size_t n)
{
	struct area left = {0, 0, KAN_PICTURE_WIDTH, HEIGHT};
	int weight = 0;
	for (size_t i = 0; i < n; i++)
		weight += v[i].all;
	for (size_t i = 0; i < n; i++) {
		struct kan_cell *c = &t->cells[t->n++];
		bool across = left.w >= left.h;
		int side = across ? left.w : left.h;
		int part = i + 1 == n ? side : (int)((int64_t)side * v[i].all / weight);
		*c = (struct kan_cell){.x = left.x,
				       .y = left.y,
				       .w = across ? part : left.w,
				       .h = across ? left.h : part,
				       .count = v[i].all,
				       .mark = mark_of(&v[i]),
				       .n = v[i].finding};
		kan_auto_buf struct kan_buf name = KAN_BUF(PATH_OCTETS * 4);
		kan_escape_terminal(&name, (struct kan_bytes){v[i].path, v[i].n});
		c->name = kan_xstrdup(kan_buf_str(&name));
		left.x += across ? part : 0;
		left.w -= across ? part : 0;
		left.y += across ? 0 : part;
		left.h -= across ? 0 : part;
		weight -= v[i].all;
	}
}

void kan_treemap_make(struct kan_treemap *out, const struct kan_model *m)
{
	struct places p = {0};
	*out = (struct kan_treemap){.height = HEIGHT};
	gather(&p, m);
	if (p.n)
		qsort(p.v, p.n, sizeof *p.v, by_weight);
	size_t n = p.n < KAN_TREEMAP_CELLS ? p.n : KAN_TREEMAP_CELLS;
	slice(out, p.v, n);
	for (size_t i = n; i < p.n; i++)
		out->left_out += (uint64_t)p.v[i].all;
	out->left_out += (uint64_t)kan_json_int(json_object_get(m->doc, "changes"), "left_out");
	for (size_t i = 0; i < p.n; i++)
		free(p.v[i].path);
	free(p.v);
}

void kan_treemap_free(struct kan_treemap *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].name);
}
