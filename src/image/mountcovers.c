/*
 * A path below a mount point leads into the mount. So a mount hides each one that has the same
 * parent and lies further down: that was there first. And whole mounts are hidden where two are at
 * the same point.
 */
#include "image/mountcovers.h"

#include <stdlib.h>

#include "image/hostmap.h"
#include "image/mountplan.h"

enum { PID_DIGITS = 10 };

const char *kan_covers_word(enum kan_covers c)
{
	static const char *const words[] = {[KAN_COVERS_UNKNOWN] = NULL,
					    [KAN_COVERS_PATH] = "path",
					    [KAN_COVERS_PROC] = "proc",
					    [KAN_COVERS_PROCESS] = "process",
					    [KAN_COVERS_MOUNT] = "mount"};
	return words[c];
}

static int by_id(const void *a, const void *b)
{
	const struct kan_planned *x = *(struct kan_planned *const *)a,
				 *y = *(struct kan_planned *const *)b;
	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	return (x->m.id > y->m.id) - (x->m.id < y->m.id);
}

/* What is below a path comes right after it: "/a", "/a/b", "/a-b". */
static int by_tree(struct kan_bytes a, struct kan_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;
	while (i < n && a.p[i] == b.p[i])
		i++;
	if (i == n)
		return (a.n > b.n) - (a.n < b.n);
	int x = a.p[i] == '/' ? -1 : a.p[i], y = b.p[i] == '/' ? -1 : b.p[i];
	return x < y ? -1 : 1;
}

static int by_parent(const void *a, const void *b)
{
	const struct kan_planned *x = *(struct kan_planned *const *)a,
				 *y = *(struct kan_planned *const *)b;
	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	if (x->m.parent != y->m.parent)
		return x->m.parent < y->m.parent ? -1 : 1;
	int c = by_tree(x->m.point, y->m.point);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static void hides(struct kan_planned *over, struct kan_planned *below)
{
	below->covered.by = over->m.id;
	if (!over->covered.n++)
		over->covered.first = below->m.id;
}

/* The nearest one above that has the same parent. sorted: by_parent. */
static void siblings(struct kan_planned **sorted, size_t n)
{
	struct kan_planned **above = kan_xrealloc(NULL, n, sizeof(struct kan_planned *));
	size_t depth = 0;
	for (size_t i = 0; i < n; i++) {
		struct kan_planned *m = sorted[i];
		while (depth && (above[depth - 1]->space != m->space ||
				 above[depth - 1]->m.parent != m->m.parent ||
				 kan_bytes_eq(m->m.point, above[depth - 1]->m.point) ||
				 !kan_path_within(m->m.point, above[depth - 1]->m.point)))
			depth--;
		if (depth)
			hides(above[depth - 1], m);
		above[depth++] = m;
	}
	free(above);
}

void kan_covered_path(struct kan_buf *out, const struct kan_planned *m)
{
	const struct kan_planned *on = m->covered.on;
	size_t skip = on->m.point.n == 1 ? 0 : on->m.point.n; /* of "/" nothing */
	bool whole = on->m.root.n == 1;
	kan_buf_reset(out);
	if (!whole || m->m.point.n == on->m.point.n)
		kan_buf_addb(out, on->m.root);
	if (m->m.point.n > on->m.point.n)
		kan_buf_add(out, m->m.point.p + skip, m->m.point.n - skip);
}

/* "/4711" or "/4711/maps": the number; else 0. */
static unsigned pid_of(struct kan_bytes path)
{
	uint64_t pid = 0;
	size_t i = 1;
	for (; i < path.n && i <= PID_DIGITS && path.p[i] >= '0' && path.p[i] <= '9'; i++)
		pid = pid * 10 + (uint64_t)(path.p[i] - '0');
	bool ends = i > 1 && (i == path.n || path.p[i] == '/');
	return ends && pid <= 0x7fffffff ? (unsigned)pid : 0;
}

static void judge(struct kan_planned *m, struct kan_buf *path)
{
	struct kan_planned *on = (struct kan_planned *)(uintptr_t)m->covered.on;
	if (!on || on == m || !kan_path_within(m->m.point, on->m.point))
		return;
	m->covered.what = KAN_COVERS_PATH;
	if (kan_bytes_eq(m->m.point, on->m.point)) {
		m->covered.what = KAN_COVERS_MOUNT;
		hides(m, on);
		m->covered.first = on->m.id; /* before what is mounted in it */
	} else if (kan_bytes_eq(on->m.fstype, KAN_LIT("proc"))) {
		kan_covered_path(path, m);
		m->covered.pid = pid_of(kan_buf_bytes(path));
		m->covered.what = m->covered.pid ? KAN_COVERS_PROCESS : KAN_COVERS_PROC;
	}
}

void kan_plan_covers(struct kan_plan *p)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_MOUNTINFO_MAX);
	struct kan_planned **sorted = kan_xrealloc(NULL, p->n, sizeof(struct kan_planned *));
	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->v[i];
	qsort(sorted, p->n, sizeof(*sorted), by_parent);
	siblings(sorted, p->n);
	qsort(sorted, p->n, sizeof(*sorted), by_id);
	for (size_t i = 0; i < p->n; i++) {
		struct kan_planned key = {.m.id = p->v[i].m.parent, .space = p->v[i].space};
		const struct kan_planned *wanted = &key;
		struct kan_planned **on = bsearch(&wanted, sorted, p->n, sizeof(*sorted), by_id);
		p->v[i].covered.on = on ? *on : NULL;
		judge(&p->v[i], &path);
	}
	free(sorted);
}
