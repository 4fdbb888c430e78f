/* E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986: the greedy form. */
#include "analyze/diff.h"

#include <stdlib.h>
#include <string.h>

struct line {
	struct kan_bytes text;
	bool lf;
	uint32_t id; /* the same of equal lines */
};

struct side {
	struct line *v;
	size_t n;
	bool *odd; /* not in the other */
};

/* A stretch that differs. */
struct run {
	size_t a0, a1, b0, b1;
};

struct runs {
	struct run *v;
	size_t n;
};

bool kan_diff_is_text(struct kan_bytes v)
{
	return !v.n || !memchr(v.p, 0, v.n);
}

static void split(struct side *s, struct kan_bytes v)
{
	size_t lines = v.n && v.p[v.n - 1] != '\n';
	for (size_t i = 0; i < v.n; i++)
		lines += v.p[i] == '\n';
	s->v = kan_xrealloc(NULL, lines + 1, sizeof *s->v);
	s->odd = kan_xalloc(lines + 1);
	for (size_t at = 0; at < v.n;) {
		const uint8_t *end = memchr(v.p + at, '\n', v.n - at);
		size_t n = end ? (size_t)(end - v.p) - at : v.n - at;
		s->v[s->n++] = (struct line){{v.p + at, n}, end != NULL, 0};
		at += n + 1;
	}
}

static int by_text(const void *x, const void *y)
{
	const struct line *a = *(struct line *const *)x, *b = *(struct line *const *)y;
	int c = kan_bytes_cmp(a->text, b->text);
	return c ? c : a->lf - b->lf;
}

/* Sorted, not hashed: nobody can choose lines that make this slow. */
static void identify(struct side *a, struct side *b)
{
	struct line **all = kan_xrealloc(NULL, a->n + b->n + 1, sizeof *all);
	size_t n = 0;
	uint32_t id = 0;
	for (size_t i = 0; i < a->n; i++)
		all[n++] = &a->v[i];
	for (size_t i = 0; i < b->n; i++)
		all[n++] = &b->v[i];
	if (n)
		qsort(all, n, sizeof *all, by_text);
	for (size_t i = 0; i < n; i++) {
		id += i > 0 && by_text(&all[i - 1], &all[i]) != 0;
		all[i]->id = id;
	}
	free(all);
}

/* The part between what both begin and end with. */
struct middle {
	const struct line *a, *b;
	int n, m;
	bool *odd_a, *odd_b;
	int32_t *trace; /* of step d at d * d: how far each of its 2d + 1 diagonals came */
	int room;       /* steps that trace has room for */
};

static int32_t *step_of(const struct middle *w, int d)
{
	return w->trace + (size_t)d * (size_t)d + d; /* its diagonal 0 */
}

static void make_room(struct middle *w, int d)
{
	if (d < w->room)
		return;
	w->room = w->room ? w->room * 2 : 64;
	w->trace = kan_xrealloc(w->trace, (size_t)w->room * (size_t)w->room, sizeof *w->trace);
}

/* Does diagonal k of step d come from the one above it, by a line of b? */
static bool comes_down(const int32_t *before, int k, int d)
{
	return k == -d || (k != d && before[k - 1] < before[k + 1]);
}

/* One step further on every diagonal. true: the end is reached. */
static bool advance(struct middle *w, int d, uint64_t *work)
{
	make_room(w, d);
	int32_t *now = step_of(w, d);
	const int32_t *before = d ? step_of(w, d - 1) : NULL;
	for (int k = -d; k <= d; k += 2) {
		int x = 0;
		if (d)
			x = comes_down(before, k, d) ? before[k + 1] : before[k - 1] + 1;
		int from = x;
		while (x < w->n && x - k < w->m && w->a[x].id == w->b[x - k].id)
			x++;
		uint64_t cost = (uint64_t)(x - from) + 1;
		*work -= cost < *work ? cost : *work;
		now[k] = x;
		if (x >= w->n && x - k >= w->m)
			return true;
	}
	return false;
}

/* Back along the path: each step is a line of one side alone. */
static void trace_back(const struct middle *w, int d)
{
	int k = w->n - w->m;
	for (; d > 0; d--) {
		const int32_t *before = step_of(w, d - 1);
		if (comes_down(before, k, d)) {
			k++;
			w->odd_b[before[k] - k] = true;
		} else {
			k--;
			w->odd_a[before[k]] = true;
		}
	}
}

static void compare_middle(struct middle *w, uint64_t *work)
{
	if (!w->n || !w->m) { /* all of the other side */
		memset(w->odd_a, true, (size_t)w->n);
		memset(w->odd_b, true, (size_t)w->m);
		return;
	}
	int most = w->n + w->m < KAN_DIFF_EDITS ? w->n + w->m : KAN_DIFF_EDITS;
	for (int d = 0; d <= most && *work; d++) {
		if (!advance(w, d, work))
			continue;
		trace_back(w, d);
		free(w->trace);
		return;
	}
	memset(w->odd_a, true, (size_t)w->n);
	memset(w->odd_b, true, (size_t)w->m);
	free(w->trace);
}

static void compare(struct side *a, struct side *b, uint64_t *work)
{
	size_t head = 0, tail = 0, least = a->n < b->n ? a->n : b->n;
	while (head < least && a->v[head].id == b->v[head].id)
		head++;
	while (tail < least - head && a->v[a->n - 1 - tail].id == b->v[b->n - 1 - tail].id)
		tail++;
	struct middle w = {.a = a->v + head,
			   .b = b->v + head,
			   .n = (int)(a->n - head - tail),
			   .m = (int)(b->n - head - tail),
			   .odd_a = a->odd + head,
			   .odd_b = b->odd + head};
	compare_middle(&w, work);
}

static struct runs runs_of(const struct side *a, const struct side *b)
{
	struct runs r = {0};
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		struct run one = {i, i, j, j};
		while (one.a1 < a->n && a->odd[one.a1])
			one.a1++;
		while (one.b1 < b->n && b->odd[one.b1])
			one.b1++;
		bool any = one.a1 > i || one.b1 > j;
		if (any && (r.n & (r.n - 1)) == 0)
			r.v = kan_xrealloc(r.v, r.n ? r.n * 2 : 1, sizeof *r.v);
		if (any)
			r.v[r.n++] = one;
		i = any ? one.a1 : i + 1;
		j = any ? one.b1 : j + 1;
	}
	return r;
}

static void tell(char mark, const struct line *l, kan_diff_fn *fn, void *arg)
{
	fn(mark, l->text, arg);
	if (!l->lf)
		fn('\\', KAN_LIT("No newline at end of file"), arg);
}

/* The first line counts from 1; of no line, it is the one before. */
static void header(size_t a0, size_t a1, size_t b0, size_t b1, kan_diff_fn *fn, void *arg)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(128);
	kan_buf_addf(&text, "@@ -%zu,%zu +%zu,%zu @@", a0 + (a1 > a0), a1 - a0, b0 + (b1 > b0),
		     b1 - b0);
	fn('@', kan_buf_bytes(&text), arg);
}

/* Runs so near to each other that their context meets. */
static void hunk(const struct side *a, const struct side *b, const struct run *r, size_t n,
		 kan_diff_fn *fn, void *arg)
{
	size_t lead = r[0].a0 < KAN_DIFF_CONTEXT ? r[0].a0 : KAN_DIFF_CONTEXT;
	size_t left = a->n - r[n - 1].a1;
	size_t trail = left < KAN_DIFF_CONTEXT ? left : KAN_DIFF_CONTEXT, at = r[0].a0 - lead;
	header(at, r[n - 1].a1 + trail, r[0].b0 - lead, r[n - 1].b1 + trail, fn, arg);
	for (size_t i = 0; i < n; i++) {
		for (; at < r[i].a0; at++)
			tell(' ', &a->v[at], fn, arg);
		for (; at < r[i].a1; at++)
			tell('-', &a->v[at], fn, arg);
		for (size_t k = r[i].b0; k < r[i].b1; k++)
			tell('+', &b->v[k], fn, arg);
	}
	for (size_t end = at + trail; at < end; at++)
		tell(' ', &a->v[at], fn, arg);
}

static void hunks(const struct side *a, const struct side *b, kan_diff_fn *fn, void *arg)
{
	struct runs r = runs_of(a, b);
	for (size_t i = 0; i < r.n;) {
		size_t n = 1;
		while (i + n < r.n &&
		       r.v[i + n].a0 - r.v[i + n - 1].a1 <= (size_t)2 * KAN_DIFF_CONTEXT)
			n++;
		hunk(a, b, &r.v[i], n, fn, arg);
		i += n;
	}
	free(r.v);
}

bool kan_diff(struct kan_bytes a, struct kan_bytes b, uint64_t *work, kan_diff_fn *fn, void *arg)
{
	struct side x = {0}, y = {0};
	if (a.n > KAN_DIFF_OCTETS || b.n > KAN_DIFF_OCTETS)
		return false;
	split(&x, a);
	split(&y, b);
	*work -= x.n + y.n < *work ? x.n + y.n : *work;
	identify(&x, &y);
	compare(&x, &y, work);
	hunks(&x, &y, fn, arg);
	free(x.v);
	free(x.odd);
	free(y.v);
	free(y.odd);
	return true;
}
