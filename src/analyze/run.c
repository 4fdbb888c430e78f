/* The rule engine: streams rows past the rules, then past the joins of what was hit. */
#include "analyze/run.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/count.h"
#include "analyze/sequence.h"
#include "analyze/sieve.h"

enum { NODE_WEIGHT = 96, VALUE_MAX_BYTES = 1 << 20 };

/* One kind on its way past the rules (or, with joins set, past the joins of the hits). */
struct pass {
	struct kan_run *run;
	const struct kan_kind *kind;
	const struct kan_observer *observer;
	struct probe *probes;
	size_t n_probes;
	bool gaps;
	bool again; /* only rules with a sieve, through it */
};

/* The left values of one join, as hashes: a filter before the exact comparison. */
struct probe_key {
	uint64_t hash;
	size_t hit;
};
struct probe {
	struct kan_rule_run *rule;
	size_t join;
	struct probe_key *keys;
	size_t n;
};

static size_t weight_of(const json_t *v)
{
	size_t n = NODE_WEIGHT, i = 0;
	const char *key = NULL;
	json_t *kid = NULL;
	if (json_is_string(v))
		n += json_string_length(v);
	json_array_foreach ((json_t *)(uintptr_t)v, i, kid)
		n += weight_of(kid);
	json_object_foreach ((json_t *)(uintptr_t)v, key, kid)
		n += NODE_WEIGHT + weight_of(kid);
	return n;
}

/* Keep a row beyond its call. false: the budget is spent. */
static bool keep(struct kan_view *out, struct kan_run *run, const struct kan_view *v)
{
	size_t w = weight_of(v->row) + weight_of(v->extra);
	if (run->weight + w > KAN_RUN_WEIGHT)
		return false;
	run->weight += w;
	*out = *v;
	json_incref(out->row);
	json_incref(out->extra);
	return true;
}

static void try_rule(struct pass *p, struct kan_rule_run *r, const struct kan_view *v)
{
	struct kan_cond_run c = {.gaps = p->gaps, .counts = p->run->counts};
	enum kan_truth t = kan_cond_eval(&c, r->rule->where, v);
	if (t == KAN_UNDECIDED && !p->again) {
		r->undecided++;
		r->gave_up += c.over;
		r->why = c.why;
		r->why_kind = c.why_kind ? c.why_kind : p->kind;
	}
	if (t != KAN_TRUE || (p->again && !kan_sieve_passes(r->sieve, v, true)))
		return;
	struct kan_view kept;
	if (r->n_hits == KAN_RUN_HITS || !keep(&kept, p->run, v)) {
		r->over++;
		r->lost++;
		return;
	}
	if ((r->n_hits & (r->n_hits - 1)) == 0)
		r->hits = kan_xrealloc(r->hits, r->n_hits ? r->n_hits * 2 : 1, sizeof *r->hits);
	r->hits[r->n_hits] = (struct kan_hit){.view = kept};
	r->n_hits++;
}

static struct kan_view view_of(const struct pass *p, const json_t *row, uint64_t line)
{
	struct kan_view v = {p->kind, (json_t *)(uintptr_t)row, NULL, line};
	v.extra = p->kind->join ? json_object() : json_incref(p->run->nothing);
	if (p->kind->join)
		p->kind->join(v.extra, row, p->run->facts);
	return v;
}

/* By what the row itself says: most are done with before anything is joined to them. */
static bool may_pass(const struct pass *p, const json_t *row)
{
	const struct kan_view v = {p->kind, (json_t *)(uintptr_t)row, p->run->nothing, 0};
	for (size_t i = 0; i < p->run->n; i++) {
		const struct kan_rule_run *r = &p->run->rules[i];
		if (r->sieve && r->rule->kind == p->kind && kan_sieve_passes(r->sieve, &v, false))
			return true;
	}
	return false;
}

static int past_rules(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct pass *p = arg;
	(void)err;
	if (p->again && !may_pass(p, row))
		return 0;
	struct kan_view v = view_of(p, row, line);
	for (size_t i = 0; i < p->run->n; i++)
		if (p->run->rules[i].rule->kind == p->kind && (!p->again || p->run->rules[i].sieve))
			try_rule(p, &p->run->rules[i], &v);
	if (p->observer && p->observer->wants(p->kind))
		p->observer->see(&v, p->gaps, p->observer->arg);
	json_decref(v.extra);
	return 0;
}

static int stream(struct pass *p, kan_bundle_row_fn *fn, struct kan_err *err)
{
	const struct kan_facts *f = p->run->facts;
	p->gaps = kan_cover_gaps(f->cover, p->kind->collector);
	if (p->kind->derive)
		return p->kind->derive(f, fn, p, err);
	if (!kan_source_has(f->source, p->kind->artefact))
		return 0;
	return kan_source_rows(f->source, p->kind->artefact, fn, p, err);
}

static bool used(const struct kan_run *run, const struct kan_kind *k)
{
	for (size_t i = 0; i < run->n; i++)
		if (run->rules[i].rule->kind == k)
			return true;
	return false;
}

static int by_hash(const void *a, const void *b)
{
	const struct probe_key *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->hit > y->hit) - (x->hit < y->hit);
}

static void add_probe_keys(struct probe *p, const struct kan_view *v, const struct kan_column *c,
			   size_t hit)
{
	struct kan_value value = kan_value_get(v, c, false);
	for (size_t i = 0; value.known == KAN_KNOWN && i < kan_value_count(&value); i++) {
		kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
		if ((p->n & (p->n - 1)) == 0)
			p->keys = kan_xrealloc(p->keys, p->n ? p->n * 2 : 1, sizeof *p->keys);
		p->keys[p->n++] =
			(struct probe_key){kan_hash(kan_value_bytes(&value, i, &scratch)), hit};
	}
}

static void add_probes(struct pass *p, struct kan_rule_run *r)
{
	for (size_t j = 0; j < r->rule->n_joins; j++) {
		if (r->rule->joins[j].kind != p->kind || !r->n_hits)
			continue;
		p->probes = kan_xrealloc(p->probes, p->n_probes + 1, sizeof *p->probes);
		struct probe *probe = &p->probes[p->n_probes++];
		*probe = (struct probe){.rule = r, .join = j};
		for (size_t h = 0; h < r->n_hits; h++)
			add_probe_keys(probe, &r->hits[h].view, r->rule->joins[j].on[0].left, h);
		if (probe->n)
			qsort(probe->keys, probe->n, sizeof *probe->keys, by_hash);
	}
}

/* Some element of one is some element of the other. */
static bool meet(const struct kan_value *a, const struct kan_value *b)
{
	if (a->known != KAN_KNOWN || b->known != KAN_KNOWN)
		return false;
	for (size_t i = 0; i < kan_value_count(a); i++)
		for (size_t k = 0; k < kan_value_count(b); k++) {
			kan_auto_buf struct kan_buf x = KAN_BUF(0), y = KAN_BUF(0);
			if (kan_bytes_eq(kan_value_bytes(a, i, &x), kan_value_bytes(b, k, &y)))
				return true;
		}
	return false;
}

static void try_match(struct pass *p, const struct probe *probe, size_t hit,
		      const struct kan_view *v)
{
	const struct kan_rule_join *j = &probe->rule->rule->joins[probe->join];
	struct kan_hit *h = &probe->rule->hits[hit];
	struct kan_matches *m = &h->joins[probe->join];
	for (size_t i = 0; i < j->n_on; i++) {
		struct kan_value left = kan_value_get(&h->view, j->on[i].left, false);
		struct kan_value right = kan_value_get(v, j->on[i].right, false);
		if (!meet(&left, &right))
			return;
	}
	struct kan_cond_run c = {.gaps = p->gaps};
	enum kan_truth t = j->where ? kan_cond_eval(&c, j->where, v) : KAN_TRUE;
	if (t == KAN_UNDECIDED) {
		m->undecided = true;
		probe->rule->why = c.why;
		probe->rule->why_kind = p->kind;
	}
	if (t != KAN_TRUE)
		return;
	struct kan_view kept;
	m->total++;
	if (m->n == KAN_RUN_MATCHES || !keep(&kept, p->run, v))
		return;
	m->rows = kan_xrealloc(m->rows, m->n + 1, sizeof *m->rows);
	m->rows[m->n++] = kept;
}

static void probe_value(struct pass *p, const struct probe *probe, uint64_t hash,
			const struct kan_view *v)
{
	size_t low = 0, high = probe->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (probe->keys[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < probe->n && probe->keys[low].hash == hash; low++)
		try_match(p, probe, probe->keys[low].hit, v);
}

static int past_joins(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct pass *p = arg;
	(void)err;
	struct kan_view v = view_of(p, row, line);
	for (size_t i = 0; i < p->n_probes; i++) {
		const struct probe *probe = &p->probes[i];
		const struct kan_rule_join *j = &probe->rule->rule->joins[probe->join];
		struct kan_value right = kan_value_get(&v, j->on[0].right, false);
		for (size_t k = 0; right.known == KAN_KNOWN && k < kan_value_count(&right); k++) {
			kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
			probe_value(p, probe, kan_hash(kan_value_bytes(&right, k, &scratch)), &v);
		}
	}
	json_decref(v.extra);
	return 0;
}

static int run_joins(struct kan_run *run, const struct kan_kind *k, struct kan_err *err)
{
	struct pass p = {.run = run, .kind = k};
	for (size_t i = 0; i < run->n; i++)
		add_probes(&p, &run->rules[i]);
	int rc = p.n_probes ? stream(&p, past_joins, err) : 0;
	for (size_t i = 0; i < p.n_probes; i++)
		free(p.probes[i].keys);
	free(p.probes);
	return rc;
}

static int past_counts(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct pass *p = arg;
	(void)err;
	struct kan_view v = view_of(p, row, line);
	kan_counts_see(p->run->counts, &v, p->gaps);
	kan_sequences_see(kan_counts_sequences(p->run->counts), &v, p->gaps);
	json_decref(v.extra);
	return 0;
}

/* Rows of a kind are missing. */
static bool lost(const struct kan_run *run, const struct kan_kind *k)
{
	const struct kan_facts *f = run->facts;
	json_t *unseen = k->unseen ? k->unseen(f) : NULL;
	enum kan_coverage c = kan_cover_of(f->cover, f->source, k->collector, k->artefact);
	bool some = c == KAN_COVER_NONE || c == KAN_COVER_CUT || unseen;
	json_decref(unseen);
	return some;
}

static void want_count(const struct kan_count *of, void *arg)
{
	struct kan_run *run = arg;
	kan_counts_want(run->counts, of, lost(run, of->kind));
}

static void want_sequence(const struct kan_sequence *of, void *arg)
{
	struct kan_run *run = arg;
	kan_sequences_want(kan_counts_sequences(run->counts), of, lost(run, of->kind));
}

static void want(struct kan_run *run, const struct kan_cond *c)
{
	kan_cond_counts(c, want_count, run);
	kan_cond_sequences(c, want_sequence, run);
}

/* Before any rule asks: the rows that conditions count, or look for one after another. */
static int run_counts(struct kan_run *run, struct kan_err *err)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct kan_rule *r = run->rules[i].rule;
		want(run, r->where);
		if (r->excuse)
			want(run, r->excuse);
		for (size_t k = 0; k < r->n_votes; k++)
			want(run, r->votes[k].cond);
	}
	for (const struct kan_kind *k = kan_kinds; k->name; k++) {
		struct pass p = {.run = run, .kind = k};
		bool asked = kan_counts_wants(run->counts, k) ||
			     kan_sequences_wants(kan_counts_sequences(run->counts), k);
		if (asked && stream(&p, past_counts, err) < 0)
			return -1;
	}
	return 0;
}

static int past_observer(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct pass *p = arg;
	(void)err;
	struct kan_view v = view_of(p, row, line);
	p->observer->see(&v, p->gaps, p->observer->arg);
	json_decref(v.extra);
	return 0;
}

int kan_run_rows(struct kan_run *run, const struct kan_kind *k, const struct kan_observer *o,
		 struct kan_err *err)
{
	struct pass p = {.run = run, .kind = k, .observer = o};
	return stream(&p, past_observer, err);
}

/* --- when more rows of a rule hold than are kept --- */

static void free_hits(struct kan_rule_run *r);

/* Rules that want a row of a join begin again: of their rows only those that can have one count. */
static bool begin_again(struct kan_run *run)
{
	bool any = false;
	for (size_t i = 0; i < run->n; i++) {
		struct kan_rule_run *r = &run->rules[i];
		bool must = false;
		for (size_t j = 0; j < r->rule->n_joins; j++)
			must |= !r->rule->joins[j].optional;
		if (!r->lost || !must)
			continue;
		for (size_t h = 0; h < r->n_hits; h++)
			run->weight -=
				weight_of(r->hits[h].view.row) + weight_of(r->hits[h].view.extra);
		free_hits(r);
		r->over = r->lost = 0;
		r->sieve = kan_sieve_new(r->rule);
		any = true;
	}
	return any;
}

static int past_sieves(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct pass *p = arg;
	(void)err;
	struct kan_view v = view_of(p, row, line);
	for (size_t i = 0; i < p->run->n; i++)
		if (kan_sieve_wants(p->run->rules[i].sieve, p->kind))
			kan_sieve_see(p->run->rules[i].sieve, &v, p->gaps);
	json_decref(v.extra);
	return 0;
}

static bool is_sieved(const struct kan_run *run, const struct kan_kind *k, bool joined)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct kan_rule_run *r = &run->rules[i];
		if (r->sieve && (joined ? kan_sieve_wants(r->sieve, k) : r->rule->kind == k))
			return true;
	}
	return false;
}

static int run_again(struct kan_run *run, struct kan_err *err)
{
	if (!begin_again(run))
		return 0;
	for (const struct kan_kind *k = kan_kinds; k->name; k++) {
		struct pass p = {.run = run, .kind = k};
		if (is_sieved(run, k, true) && stream(&p, past_sieves, err) < 0)
			return -1;
	}
	for (const struct kan_kind *k = kan_kinds; k->name; k++) {
		struct pass p = {.run = run, .kind = k, .again = true};
		if (is_sieved(run, k, false) && stream(&p, past_rules, err) < 0)
			return -1;
	}
	return 0;
}

static int run_all(struct kan_run *run, const struct kan_observer *o, struct kan_err *err)
{
	if (run_counts(run, err) < 0)
		return -1;
	for (const struct kan_kind *k = kan_kinds; k->name; k++) {
		struct pass p = {.run = run, .kind = k, .observer = o};
		if ((used(run, k) || (o && o->wants(k))) && stream(&p, past_rules, err) < 0)
			return -1;
	}
	if (run_again(run, err) < 0)
		return -1;
	for (const struct kan_kind *k = kan_kinds; k->name; k++)
		if (run_joins(run, k, err) < 0)
			return -1;
	return 0;
}

int kan_run_new(struct kan_run **out, const struct kan_facts *f, const struct kan_rules *r,
		const struct kan_observer *o, struct kan_err *err)
{
	struct kan_run *run = kan_xalloc(sizeof *run);
	run->facts = f;
	run->n = r->n;
	run->accepted = r->accepted;
	run->nothing = json_object();
	run->counts = kan_counts_new();
	run->rules = kan_xalloc((r->n + 1) * sizeof *run->rules);
	for (size_t i = 0; i < r->n; i++)
		run->rules[i].rule = &r->rules[i];
	if (run_all(run, o, err) < 0) {
		kan_run_free(run);
		return -1;
	}
	*out = run;
	return 0;
}

static void free_view(struct kan_view *v)
{
	json_decref(v->row);
	json_decref(v->extra);
}

static void free_hit(struct kan_hit *h)
{
	free_view(&h->view);
	for (size_t j = 0; j < KAN_RULE_JOINS; j++) {
		for (size_t i = 0; i < h->joins[j].n; i++)
			free_view(&h->joins[j].rows[i]);
		free(h->joins[j].rows);
	}
}

static void free_hits(struct kan_rule_run *r)
{
	for (size_t h = 0; h < r->n_hits; h++)
		free_hit(&r->hits[h]);
	free(r->hits);
	r->hits = NULL;
	r->n_hits = 0;
}

void kan_run_free(struct kan_run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->n; i++) {
		free_hits(&run->rules[i]);
		kan_sieve_free(run->rules[i].sieve);
	}
	json_decref(run->nothing);
	free(run->rules);
	kan_counts_free(run->counts);
	free(run);
}
