/* Both sides of a section are sorted by key and walked together: first as tags, then as words. */
#include "analyze/compare_pair.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"

enum { JOINED = 256 << 10, LONG = 16 << 10 };

static struct kan_pair_tag tag_of(struct kan_bytes v)
{
	uint8_t whole[KAN_SHA256_SIZE];
	struct kan_pair_tag t;
	kan_sha256(whole, v);
	memcpy(t.v, whole, sizeof t.v);
	return t;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct kan_pair_tag));
}

static void add_tags(struct kan_entry_set *to, struct kan_pair_tag key, struct kan_bytes value)
{
	struct kan_pair_tags *t =
		kan_facts_more(&to->tags, &to->n_tags, KAN_PAIR_ENTRIES, sizeof *t);
	if (t)
		*t = (struct kan_pair_tags){key, tag_of(value)};
	else
		to->over = true;
}

void kan_pair_add(struct kan_entry_set *to, struct kan_bytes key, struct kan_bytes value)
{
	struct kan_pair_tag tag = tag_of(key);
	if (!to->wanted) {
		add_tags(to, tag, value);
		return;
	}
	if (!bsearch(&tag, to->wanted, to->n_wanted, sizeof tag, by_bytes))
		return;
	if (!kan_arena_keep(&to->arena, &key) || !kan_arena_keep(&to->arena, &value)) {
		to->over = true;
		return;
	}
	struct kan_pair_entry *e = kan_facts_more(&to->v, &to->n, KAN_PAIR_ENTRIES, sizeof *e);
	if (e)
		*e = (struct kan_pair_entry){key, value};
}

void kan_pair_field(struct kan_buf *value, const char *name, struct kan_bytes v)
{
	char hex[KAN_SHA256_HEX];
	const uint8_t *nul = v.n ? memchr(v.p, 0, v.n) : NULL;
	kan_buf_add(value, name, strlen(name) + 1);
	if (v.n > LONG || nul) { /* compared whole, whatever is shown */
		kan_sha256_hex(hex, v);
		kan_buf_addf(value, "%zu bytes, SHA-256 %s", v.n, hex);
	} else {
		kan_buf_addb(value, v);
	}
	kan_buf_addc(value, 0);
}

static int by_key(const void *x, const void *y)
{
	const struct kan_pair_entry *a = x, *b = y;
	int c = kan_bytes_cmp(a->key, b->key);
	return c ? c : kan_bytes_cmp(a->value, b->value);
}

static int by_tags(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct kan_pair_tags));
}

static void order_tags(struct kan_entry_set *s, bool set)
{
	size_t n = 0;
	if (s->n_tags)
		qsort(s->tags, s->n_tags, sizeof *s->tags, by_tags);
	for (size_t i = 0; i < s->n_tags; i++)
		if (!set || n == 0 || by_tags(&s->tags[n - 1], &s->tags[i]) != 0)
			s->tags[n++] = s->tags[i];
	s->n_tags = n;
}

/* How many entries of one key begin at a place. */
static size_t key_at(const struct kan_entry_set *s, size_t at)
{
	size_t n = at < s->n_tags;
	while (n && at + n < s->n_tags && by_bytes(&s->tags[at + n], &s->tags[at]) == 0)
		n++;
	return n;
}

/* Keys that both do not have alike, sorted. Yours. */
static struct kan_pair_tag *differing(size_t *count, const struct kan_entry_set *a,
				      const struct kan_entry_set *b)
{
	struct kan_pair_tag *out = NULL;
	*count = 0;
	for (size_t i = 0, k = 0; i < a->n_tags || k < b->n_tags;) {
		int c = i == a->n_tags   ? 1
			: k == b->n_tags ? -1
					 : by_bytes(&a->tags[i], &b->tags[k]);
		/* A key is counted once, on the side that goes on. */
		size_t x = c > 0 ? 0 : key_at(a, i), y = c < 0 ? 0 : key_at(b, k);
		bool same = x == y && memcmp(&a->tags[i], &b->tags[k], x * sizeof *a->tags) == 0;
		struct kan_pair_tag *t =
			same ? NULL : kan_facts_more(&out, count, SIZE_MAX, sizeof *t);
		if (t)
			*t = x ? a->tags[i].key : b->tags[k].key;
		i += x;
		k += y;
	}
	return out;
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
	static const struct group none = {0};
	for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
		int c = i == a->n ? 1 : k == b->n ? -1 : kan_bytes_cmp(a->v[i].key, b->v[k].key);
		struct group x = c > 0 ? none : group_at(a, i), y = c < 0 ? none : group_at(b, k);
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

static void over(const struct walk *w, const char *side, const char *why)
{
	add_gap(w->out, side,
		json_pack("{s:s,s:s,s:s,s:s}", "collector", w->section->collector, "what",
			  w->section->artefact, "code", "limit", "why", why));
}

/* Both sides of a section; side[0] is "a". */
struct both {
	const struct kan_side *side[2];
	struct kan_entry_set set[2];
};

static int collect(struct both *p, const struct walk *w, struct kan_err *err)
{
	for (size_t i = 0; i < 2; i++)
		if (w->section->collect(&p->set[i], p->side[i], err) < 0)
			return -1;
	return 0;
}

/* What differs is known; its words are read now. */
static int tell_all(struct both *p, const struct walk *w, const struct kan_pair_tag *wanted,
		    size_t n, struct kan_err *err)
{
	static const char *const names[] = {"a", "b"};
	for (size_t i = 0; i < 2; i++)
		p->set[i] = (struct kan_entry_set){
			.wanted = wanted, .n_wanted = n, .arena = {.max = KAN_PAIR_OCTETS}};
	int rc = collect(p, w, err);
	for (size_t i = 0; i < 2; i++) {
		if (rc == 0 && p->set[i].over)
			over(w, names[i], "more differences than are told: none of it is");
		order(&p->set[i], w->section->set);
	}
	if (rc == 0 && (p->set[0].over || p->set[1].over))
		w->out->n += n;
	else if (rc == 0)
		merge(w, &p->set[0], &p->set[1]);
	for (size_t i = 0; i < 2; i++) {
		free(p->set[i].v);
		kan_arena_free(&p->set[i].arena);
	}
	return rc;
}

static int compare(struct both *p, const struct walk *w, struct kan_err *err)
{
	struct kan_pair_tag *wanted = NULL;
	size_t n = 0;
	int rc = collect(p, w, err);
	bool whole = rc == 0 && !p->set[0].over && !p->set[1].over;
	if (rc == 0 && p->set[0].over)
		over(w, "a", "more than is compared at once: nothing of it was compared");
	if (rc == 0 && p->set[1].over)
		over(w, "b", "more than is compared at once: nothing of it was compared");
	for (size_t i = 0; whole && i < 2; i++)
		order_tags(&p->set[i], w->section->set);
	if (whole)
		wanted = differing(&n, &p->set[0], &p->set[1]);
	for (size_t i = 0; i < 2; i++)
		free(p->set[i].tags);
	if (wanted)
		rc = tell_all(p, w, wanted, n, err);
	free(wanted);
	return rc;
}

static int one(const struct walk *w, const struct kan_side *a, const struct kan_side *b,
	       struct kan_err *err)
{
	const struct kan_pair_section *s = w->section;
	struct both p = {.side = {a, b}};
	bool in_a = kan_source_has(a->source, s->artefact),
	     in_b = kan_source_has(b->source, s->artefact);
	bool ready_a = ready(w->out, "a", a, s, in_b), ready_b = ready(w->out, "b", b, s, in_a);
	return ready_a && ready_b ? compare(&p, w, err) : 0;
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
