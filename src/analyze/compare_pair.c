/* Both sides of a section are sorted by key and walked together. */
#include "analyze/compare_pair.h"

#include <stdlib.h>
#include <string.h>

#include "base/row.h"

enum { JOINED = 64 << 10 };

void kan_pair_add(struct kan_entry_set *to, struct kan_bytes key, struct kan_bytes value)
{
	if (to->n == KAN_PAIR_ENTRIES || !kan_arena_keep(&to->arena, &key) ||
	    !kan_arena_keep(&to->arena, &value)) {
		to->over = true;
		return;
	}
	if ((to->n & (to->n - 1)) == 0)
		to->v = kan_xrealloc(to->v, to->n ? to->n * 2 : 1, sizeof *to->v);
	to->v[to->n++] = (struct kan_pair_entry){key, value};
}

void kan_pair_field(struct kan_buf *value, const char *name, struct kan_bytes v)
{
	const uint8_t *nul = v.n ? memchr(v.p, 0, v.n) : NULL;
	kan_buf_add(value, name, strlen(name) + 1);
	kan_buf_add(value, v.p, nul ? (size_t)(nul - v.p) : v.n);
	kan_buf_addc(value, 0);
}

static int by_key(const void *x, const void *y)
{
	const struct kan_pair_entry *a = x, *b = y;
	int c = kan_bytes_cmp(a->key, b->key);
	return c ? c : kan_bytes_cmp(a->value, b->value);
}

static void order(struct kan_entry_set *s, bool set)
{
	size_t n = 0;
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, by_key);
	for (size_t i = 0; i < s->n; i++)
		if (!set || n == 0 || by_key(&s->v[n - 1], &s->v[i]) != 0)
			s->v[n++] = s->v[i];
	s->n = n;
}

/* Entries of one key. */
struct group {
	const struct kan_pair_entry *v;
	size_t n;
};

static struct group group_at(const struct kan_entry_set *s, size_t at)
{
	struct group g = {s->v + at, at < s->n};
	while (g.n && at + g.n < s->n && kan_bytes_eq(g.v[g.n].key, g.v[0].key))
		g.n++;
	return g;
}

static bool same(const struct group *a, const struct group *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!kan_bytes_eq(a->v[i].value, b->v[i].value))
			return false;
	return true;
}

static struct kan_bytes until_nul(struct kan_bytes *v)
{
	const uint8_t *nul = memchr(v->p, 0, v->n);
	struct kan_bytes out = {v->p, nul ? (size_t)(nul - v->p) : v->n};
	size_t step = out.n + (nul != NULL);
	v->p += step;
	v->n -= step;
	return out;
}

/* The field of a name, in the value of one entry. */
static struct kan_bytes field_of(struct kan_bytes value, const char *name)
{
	while (value.n) {
		struct kan_bytes key = until_nul(&value);
		struct kan_bytes v = value.n ? until_nul(&value) : (struct kan_bytes){0};
		if (kan_bytes_eq(key, kan_bytes_of(name)))
			return v;
	}
	return (struct kan_bytes){0};
}

static void put_field(struct kan_difference *d, const char *name, struct kan_bytes a,
		      struct kan_bytes b)
{
	bool listed = d->n_fields == KAN_PAIR_FIELDS;
	for (size_t i = 0; i < d->n_fields; i++)
		listed |= strcmp(d->fields[i].name, name) == 0;
	bool equal = (a.p != NULL) == (b.p != NULL) && kan_bytes_eq(a, b);
	if (!listed && !(d->where == KAN_PAIR_BOTH && equal))
		d->fields[d->n_fields++] = (struct kan_field){name, a, b};
}

/* All fields that either has; of both, those that differ. */
static void put_fields(struct kan_difference *d, struct kan_bytes a, struct kan_bytes b)
{
	struct kan_bytes names[] = {a, b};
	for (size_t i = 0; i < 2; i++)
		while (names[i].n) {
			const char *name = (const char *)until_nul(&names[i]).p;
			if (names[i].n)
				(void)until_nul(&names[i]);
			put_field(d, name, field_of(a, name), field_of(b, name));
		}
}

/* More than one value: the first of them, and how many there are. */
static void join_values(struct kan_buf *out, const struct group *g)
{
	for (size_t i = 0; i < g->n && i < KAN_PAIR_VALUES; i++) {
		if (i)
			kan_buf_adds(out, ", ");
		kan_buf_addb(out, field_of(g->v[i].value, "value"));
	}
	if (g->n > KAN_PAIR_VALUES)
		kan_buf_addf(out, " and %zu more", g->n - KAN_PAIR_VALUES);
}

struct walk {
	const struct kan_pair_section *section;
	struct kan_pair *out;
	kan_difference_fn *fn;
	void *arg;
};

static void tell(const struct walk *w, const struct group *a, const struct group *b)
{
	kan_auto_buf struct kan_buf x = KAN_BUF(JOINED), y = KAN_BUF(JOINED);
	kan_auto_buf struct kan_buf na = KAN_BUF(32), nb = KAN_BUF(32);
	struct kan_difference d = {.section = w->section->name,
				   .where = !b->n   ? KAN_PAIR_A
					    : !a->n ? KAN_PAIR_B
						    : KAN_PAIR_BOTH};
	struct kan_bytes key = (a->n ? a : b)->v[0].key, none = {0};
	d.what = until_nul(&key);
	bool lists = (a->n > 1 || b->n > 1) &&
		     (a->n ? field_of(a->v[0].value, "value") : field_of(b->v[0].value, "value")).p;
	if (lists && !w->section->secret) {
		join_values(&x, a);
		join_values(&y, b);
		put_field(&d, "value", a->n ? kan_buf_bytes(&x) : none,
			  b->n ? kan_buf_bytes(&y) : none);
	} else if (!w->section->secret) {
		put_fields(&d, a->n ? a->v[0].value : none, b->n ? b->v[0].value : none);
	}
	if (!lists && !w->section->set && (a->n > 1 || b->n > 1)) {
		kan_buf_addf(&na, "%zu", a->n);
		kan_buf_addf(&nb, "%zu", b->n);
		put_field(&d, "count", a->n ? kan_buf_bytes(&na) : none,
			  b->n ? kan_buf_bytes(&nb) : none);
	}
	w->out->n++;
	w->fn(&d, w->arg);
}

static void merge(const struct walk *w, const struct kan_entry_set *a,
		  const struct kan_entry_set *b)
{
	for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
		struct group x = group_at(a, i), y = group_at(b, k);
		int c = !x.n ? 1 : !y.n ? -1 : kan_bytes_cmp(x.v[0].key, y.v[0].key);
		x.n = c > 0 ? 0 : x.n;
		y.n = c < 0 ? 0 : y.n;
		if (!same(&x, &y))
			tell(w, &x, &y);
		i += x.n;
		k += y.n;
	}
}

static void add_gap(struct kan_pair *p, const char *side, json_t *gap)
{
	p->n_gaps++;
	if (json_array_size(p->gaps) >= KAN_COMPARE_GAPS) {
		json_decref(gap);
		return;
	}
	json_object_set_new(gap, "side", json_string(side));
	json_array_append_new(p->gaps, gap);
}

/* Nobody asked for it, or the target has none: where both sides are like that, nothing is missing.
 */
static bool left_out(const char *code)
{
	return strcmp(code, "scope") == 0 || strcmp(code, "absent") == 0;
}

/* false: this side has nothing to compare with. */
static bool ready(struct kan_pair *p, const char *name, const struct kan_side *s,
		  const struct kan_pair_section *section, bool other_there)
{
	json_t *gaps = json_array(), *gap = NULL;
	uint64_t n = 0;
	size_t i = 0;
	(void)kan_side_whole(gaps, &n, s, section->collector, section->artefact);
	json_array_foreach (gaps, i, gap)
		if (other_there || !left_out(kan_json_str(gap, "code")))
			add_gap(p, name, json_incref(gap));
	if (n > json_array_size(gaps))
		p->n_gaps += n - json_array_size(gaps);
	json_decref(gaps);
	return kan_cover_of(s->cover, s->source, section->collector, section->artefact) !=
	       KAN_COVER_NONE;
}

static int collect(struct kan_entry_set *to, struct kan_pair *p, const char *name,
		   const struct kan_side *s, const struct kan_pair_section *section,
		   struct kan_err *err)
{
	to->arena.max = KAN_PAIR_OCTETS;
	if (section->collect(to, s, err) < 0)
		return -1;
	if (to->over)
		add_gap(p, name,
			json_pack("{s:s,s:s,s:s,s:s}", "collector", section->collector, "what",
				  section->artefact, "code", "limit", "why",
				  "more than is compared at once"));
	order(to, section->set);
	return 0;
}

static int one(const struct walk *w, const struct kan_side *a, const struct kan_side *b,
	       struct kan_err *err)
{
	struct kan_entry_set x = {0}, y = {0};
	const struct kan_pair_section *s = w->section;
	bool in_a = kan_source_has(a->source, s->artefact),
	     in_b = kan_source_has(b->source, s->artefact);
	bool ready_a = ready(w->out, "a", a, s, in_b), ready_b = ready(w->out, "b", b, s, in_a);
	if (!ready_a || !ready_b)
		return 0;
	int rc = collect(&x, w->out, "a", a, s, err);
	if (rc == 0)
		rc = collect(&y, w->out, "b", b, s, err);
	if (rc == 0)
		merge(w, &x, &y);
	free(x.v);
	free(y.v);
	kan_arena_free(&x.arena);
	kan_arena_free(&y.arena);
	return rc;
}

int kan_compare_pair(struct kan_pair *out, const struct kan_side *a, const struct kan_side *b,
		     kan_difference_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_pair p = {.gaps = json_array()};
	int rc = 0;
	for (const struct kan_pair_section *s = kan_pair_sections; s->name && rc == 0; s++) {
		struct walk w = {s, &p, fn, arg};
		rc = one(&w, a, b, err);
	}
	if (rc < 0)
		json_decref(p.gaps);
	else
		*out = p;
	return rc;
}
