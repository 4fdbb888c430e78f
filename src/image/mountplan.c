/* Lines become plans: class and rule each, then what one mount means for another. */
#include "image/mountplan.h"

#include <stdlib.h>
#include <string.h>

#include "image/hostmap.h"

enum { TEXT_MAX = 4 * KAN_MOUNTINFO_MAX, PATH_OCTETS = 128 << 10 };

struct adding {
	struct kan_plan *p;
	const struct kan_space *space;
	size_t at; /* first of the namespace */
};

/* Views become offsets into the namespace's text while that grows. */
static void keep(struct kan_buf *text, struct kan_bytes *v)
{
	size_t at = text->len;
	kan_buf_addb(text, *v);
	v->p = (const uint8_t *)at;
}

static struct kan_bytes *views(struct kan_planned *m, size_t i)
{
	struct kan_bytes *all[] = {&m->m.root,   &m->m.point,  &m->m.options, &m->m.propagation,
				   &m->m.fstype, &m->m.source, &m->m.super};
	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}

static int add(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct adding *a = arg;
	struct kan_plan *p = a->p;
	p->seen++;
	if (p->n >= KAN_PLAN_LINES)
		return 0;
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->v = kan_xrealloc(p->v, p->cap, sizeof(*p->v));
	}
	struct kan_planned *one = &p->v[p->n];
	*one = (struct kan_planned){.m = *m, .order = p->n};
	for (size_t i = 0; views(one, i); i++)
		keep(a->space->text, views(one, i));
	if (a->space->text->failed)
		return kan_fail(err, KAN_ELIMIT, "the text of the mounts is over %d octets",
				TEXT_MAX);
	p->n++;
	return 0;
}

static void to_pointers(const struct adding *a)
{
	for (size_t i = a->at; i < a->p->n; i++)
		for (size_t k = 0; views(&a->p->v[i], k); k++)
			views(&a->p->v[i], k)->p =
				a->space->text->data + (size_t)views(&a->p->v[i], k)->p;
}

static const struct kan_mount *root_of(const struct adding *a)
{
	const struct kan_mount *root = NULL; /* the last one is on top */
	for (size_t i = 0; i < a->p->n; i++)
		if (a->p->v[i].space == &a->p->spaces[0] &&
		    kan_bytes_eq(a->p->v[i].m.point, KAN_LIT("/")))
			root = &a->p->v[i].m;
	return root;
}

static bool can_hang(const struct adding *a)
{
	for (size_t i = a->at; i < a->p->n; i++)
		if (a->p->v[i].class == KAN_MOUNT_NETWORK)
			return true;
	return false;
}

static void judge(const struct adding *a, const struct kan_hostmap *host)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH_OCTETS);
	const struct kan_mount *root = root_of(a);
	for (size_t i = a->at; i < a->p->n; i++) {
		struct kan_planned *one = &a->p->v[i];
		one->class = kan_mount_classify(&path, &one->m, root, host);
		one->rule = kan_mount_rule(one->class, a->p->asked);
		if (path.len) {
			uint8_t *copy = kan_xalloc(path.len);
			memcpy(copy, path.data, path.len);
			one->host_path = (struct kan_bytes){copy, path.len};
		}
	}
	bool hang = can_hang(a);
	for (size_t i = a->at; i < a->p->n; i++) {
		struct kan_planned *one = &a->p->v[i];
		bool content = one->rule.act > KAN_MOUNT_STAT;
		if (a->space->host && one->rule.act != KAN_MOUNT_LIST)
			one->rule = (struct kan_mount_rule){.why = "the host's own mounts",
							    .scope = content};
		else if (hang && one->class != KAN_MOUNT_ROOT && kan_mount_stacked(one->m.fstype))
			one->rule = (struct kan_mount_rule){
				.why = "it may lie on one that can hang", .scope = content};
	}
}

int kan_plan_add(struct kan_plan *p, struct kan_space space, struct kan_bytes mountinfo,
		 const struct kan_hostmap *host, struct kan_err *err)
{
	if (!p->spaces) /* mounts point into it: it never moves */
		p->spaces = kan_xalloc(KAN_PLAN_SPACES * sizeof(*p->spaces));
	struct kan_space *s = &p->spaces[p->n_spaces++];
	*s = space;
	s->text = kan_xalloc(sizeof(*s->text));
	*s->text = KAN_BUF(TEXT_MAX);
	struct adding a = {.p = p, .space = s, .at = p->n};
	int rc = kan_mountinfo_each(mountinfo, add, &a, err);
	for (size_t i = a.at; i < p->n; i++)
		p->v[i].space = s;
	to_pointers(&a);
	judge(&a, host);
	return rc;
}

struct hanging {
	const struct kan_planned **v; /* sorted by namespace, then point */
	size_t n;
};

static int compare(const struct kan_space *s, struct kan_bytes point, const struct kan_planned *o)
{
	if (s != o->space)
		return s < o->space ? -1 : 1;
	return kan_bytes_cmp(point, o->m.point);
}

static int by_point(const void *a, const void *b)
{
	const struct kan_planned *const *x = a, *const *y = b;
	return compare((*x)->space, (*x)->m.point, *y);
}

static const struct kan_planned *hangs_at(const struct hanging *h, const struct kan_space *s,
					  struct kan_bytes point)
{
	size_t low = 0, high = h->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare(s, point, h->v[mid]);
		if (c == 0)
			return h->v[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* Is one that can hang mounted at this path, or above it? Then the way leads through it. */
static void find_through(struct kan_planned *m, const struct hanging *h)
{
	struct kan_bytes at = m->m.point;
	const struct kan_planned *by = hangs_at(h, m->space, KAN_LIT("/"));
	while (!by && at.n > 1) {
		by = hangs_at(h, m->space, at);
		while (at.n > 1 && at.p[at.n - 1] != '/')
			at.n--;
		at.n--;
	}
	if (by)
		m->through = by->m.id;
}

static int by_place(const void *a, const void *b)
{
	const struct kan_planned *x = *(struct kan_planned *const *)a,
				 *y = *(struct kan_planned *const *)b;
	if (x->m.major != y->m.major)
		return x->m.major < y->m.major ? -1 : 1;
	if (x->m.minor != y->m.minor)
		return x->m.minor < y->m.minor ? -1 : 1;
	int c = kan_bytes_cmp(x->m.root, y->m.root);
	if (c)
		return c;
	if (x->rule.act != y->rule.act)
		return x->rule.act < y->rule.act ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool same_place(const struct kan_planned *x, const struct kan_planned *y)
{
	return x->m.major == y->m.major && x->m.minor == y->m.minor && x->rule.act == y->rule.act &&
	       kan_bytes_eq(x->m.root, y->m.root);
}

static void find_first(struct kan_plan *p)
{
	struct kan_planned **sorted = kan_xrealloc(NULL, p->n, sizeof(struct kan_planned *));
	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->v[i];
	qsort(sorted, p->n, sizeof(*sorted), by_place);
	for (size_t i = 0; i < p->n; i++)
		sorted[i]->first = i && same_place(sorted[i - 1], sorted[i]) ? sorted[i - 1]->first
									     : sorted[i];
	free(sorted);
}

void kan_plan_finish(struct kan_plan *p)
{
	if (p->n == 0)
		return;
	struct hanging h = {.v = kan_xrealloc(NULL, p->n, sizeof(const struct kan_planned *))};
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].class == KAN_MOUNT_NETWORK)
			h.v[h.n++] = &p->v[i];
	if (h.n)
		qsort(h.v, h.n, sizeof(*h.v), by_point);
	for (size_t i = 0; h.n && i < p->n; i++)
		if (p->v[i].class != KAN_MOUNT_NETWORK)
			find_through(&p->v[i], &h);
	free(h.v);
	find_first(p);
	kan_plan_covers(p);
}

void kan_plan_free(struct kan_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free((void *)(uintptr_t)p->v[i].host_path.p);
	for (size_t i = 0; i < p->n_spaces; i++) {
		kan_buf_free(p->spaces[i].text);
		free(p->spaces[i].text);
	}
	free(p->spaces);
	free(p->v);
	*p = (struct kan_plan){0};
}
