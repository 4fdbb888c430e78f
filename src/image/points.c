/* Mount points of one table, sorted by their path. */
#include "image/points.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/mountinfo.h"

struct point {
	struct kan_bytes path;
	size_t at; /* within text, until it is complete */
	int id;
	size_t order;
};

struct kan_points {
	struct kan_buf text;
	struct point *v;
	size_t n, cap;
};

static int add(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct kan_points *p = arg;
	(void)err;
	if (kan_bytes_eq(m->point, KAN_LIT("/")))
		return 0;
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->v = kan_xrealloc(p->v, p->cap, sizeof(*p->v));
	}
	p->v[p->n] =
		(struct point){.path.n = m->point.n, .at = p->text.len, .id = m->id, .order = p->n};
	p->n++;
	kan_buf_addb(&p->text, m->point);
	return 0;
}

/* Of several at one place the last line is on top: it comes first. */
static int by_path(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	int c = kan_bytes_cmp(x->path, y->path);
	return c ? c : (x->order < y->order) - (x->order > y->order);
}

int kan_points_new(struct kan_points **out, struct kan_bytes mountinfo, struct kan_err *err)
{
	struct kan_points *p = kan_xalloc(sizeof(*p));
	p->text = KAN_BUF(KAN_MOUNTINFO_MAX);
	if (kan_mountinfo_each(mountinfo, add, p, err) < 0) {
		kan_points_free(p);
		return -1;
	}
	for (size_t i = 0; i < p->n; i++)
		p->v[i].path.p = p->text.data + p->v[i].at;
	if (p->n)
		qsort(p->v, p->n, sizeof(*p->v), by_path);
	*out = p;
	return 0;
}

void kan_points_free(struct kan_points *p)
{
	if (!p)
		return;
	kan_buf_free(&p->text);
	free(p->v);
	free(p);
}

/* Index of the first point that does not sort before path. */
static size_t first(const struct kan_points *p, struct kan_bytes path)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (kan_bytes_cmp(p->v[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int kan_points_at(const struct kan_points *p, struct kan_bytes path)
{
	size_t i = p ? first(p, path) : 0;
	return p && i < p->n && kan_bytes_eq(p->v[i].path, path) ? p->v[i].id : 0;
}

bool kan_points_below(const struct kan_points *p, struct kan_bytes path)
{
	/* Names that sort between "/a" and "/a/": "/a-b" and such. */
	for (size_t i = p ? first(p, path) : 0; p && i < p->n && p->v[i].path.n >= path.n; i++) {
		if (path.n && memcmp(p->v[i].path.p, path.p, path.n) != 0)
			return false;
		if (p->v[i].path.n > path.n && p->v[i].path.p[path.n] == '/')
			return true;
	}
	return false;
}
