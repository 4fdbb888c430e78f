/* Conditions over columns, three-valued. */
#include <ctype.h>
#include <string.h>

#include "analyze/cond_part.h"

static bool same(uint8_t a, uint8_t b, bool icase)
{
	return a == b || (icase && tolower(a) == tolower(b));
}

static bool at(struct kan_bytes v, size_t from, struct kan_bytes w, bool icase)
{
	if (from > v.n || v.n - from < w.n)
		return false;
	for (size_t i = 0; i < w.n; i++)
		if (!same(v.p[from + i], w.p[i], icase))
			return false;
	return true;
}

static bool contains(struct kan_bytes v, struct kan_bytes w, bool icase)
{
	for (size_t i = 0; i + w.n <= v.n; i++)
		if (at(v, i, w, icase))
			return true;
	return false;
}

static enum kan_truth match_re(struct kan_cond_run *run, const struct kan_cond *c,
			       struct kan_bytes v)
{
	int rc = pcre2_match(c->re, v.n ? v.p : (const uint8_t *)"", v.n, 0, 0, c->data, c->limits);
	if (rc >= 0)
		return KAN_TRUE;
	if (rc == PCRE2_ERROR_NOMATCH)
		return KAN_FALSE;
	run->over = true;
	return KAN_UNDECIDED;
}

static bool in_net(const struct kan_cond *c, struct kan_bytes v)
{
	char text[INET6_ADDRSTRLEN] = {0};
	struct in6_addr a;
	if (v.n >= sizeof text)
		return false;
	memcpy(text, v.p, v.n);
	return kan_ip_parse(&a, text) && kan_ip_in(&a, &c->net);
}

static enum kan_truth text_leaf(struct kan_cond_run *run, const struct kan_cond *c,
				struct kan_bytes v)
{
	struct kan_bytes w = {(const uint8_t *)json_string_value(c->arg),
			      json_string_length(c->arg)};
	switch (c->op) {
	case OP_EQ:
		return v.n == w.n && at(v, 0, w, false) ? KAN_TRUE : KAN_FALSE;
	case OP_CONTAINS:
		return contains(v, w, c->icase) ? KAN_TRUE : KAN_FALSE;
	case OP_STARTS:
		return at(v, 0, w, c->icase) ? KAN_TRUE : KAN_FALSE;
	case OP_ENDS:
		return v.n >= w.n && at(v, v.n - w.n, w, c->icase) ? KAN_TRUE : KAN_FALSE;
	case OP_RE:
		return match_re(run, c, v);
	case OP_CIDR:
		return in_net(c, v) ? KAN_TRUE : KAN_FALSE;
	default:
		return KAN_FALSE;
	}
}

static bool int_leaf(const struct kan_cond *c, const json_t *arg, int64_t v)
{
	int64_t w = json_integer_value(arg);
	switch (c->op) {
	case OP_LT:
		return v < w;
	case OP_LE:
		return v <= w;
	case OP_GT:
		return v > w;
	case OP_GE:
		return v >= w;
	default:
		return v == w;
	}
}

static bool in_list(const struct kan_cond *c, const struct kan_value *v, size_t i,
		    struct kan_bytes text)
{
	size_t k = 0;
	json_t *w = NULL;
	int64_t n = 0;
	json_array_foreach (c->arg, k, w) {
		if (json_is_string(w) && text.n == json_string_length(w) &&
		    at(text, 0, kan_bytes_of(json_string_value(w)), false))
			return true;
		if (json_is_integer(w) && kan_value_int(&n, v, i) && n == json_integer_value(w))
			return true;
	}
	return false;
}

/* One element of the value. A set holds the comparison when one of its elements does. */
static enum kan_truth element(struct kan_cond_run *run, const struct kan_cond *c,
			      const struct kan_value *v, size_t i)
{
	int64_t n = 0;
	if (c->column->type == KAN_TYPE_BOOL)
		return json_is_true(v->json) == json_is_true(c->arg) ? KAN_TRUE : KAN_FALSE;
	if (c->column->type == KAN_TYPE_INT && c->op != OP_IN)
		return kan_value_int(&n, v, i) && int_leaf(c, c->arg, n) ? KAN_TRUE : KAN_FALSE;
	kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
	struct kan_bytes text = kan_value_bytes(v, i, &scratch);
	if (c->op == OP_IN)
		return in_list(c, v, i, text) ? KAN_TRUE : KAN_FALSE;
	return text_leaf(run, c, text);
}

static enum kan_truth on_row(struct kan_cond_run *run, const struct kan_cond *c,
			     const struct kan_view *view)
{
	struct kan_value v = kan_value_get(view, c->column, run->gaps);
	enum kan_truth best = KAN_FALSE;
	if (v.known == KAN_UNKNOWN)
		best = KAN_UNDECIDED;
	else if (c->op == OP_EXISTS)
		best = (v.known == KAN_KNOWN) == json_is_true(c->arg) ? KAN_TRUE : KAN_FALSE;
	else if (v.known == KAN_KNOWN)
		for (size_t i = 0, n = kan_value_count(&v); i < n && best != KAN_TRUE; i++) {
			enum kan_truth t = element(run, c, &v, i);
			best = t > best ? t : best;
		}
	if (best == KAN_UNDECIDED) {
		run->why = c->column;
		run->why_kind = NULL;
	}
	return best;
}

static enum kan_truth counted(struct kan_cond_run *run, const struct kan_cond *c,
			      const struct kan_view *view)
{
	enum kan_truth t =
		run->counts ? kan_counts_ask(run->counts, c->count, view) : KAN_UNDECIDED;
	if (t == KAN_UNDECIDED) {
		run->why = NULL;
		run->why_kind = c->count->kind;
	}
	return t;
}

static enum kan_truth in_sequence(struct kan_cond_run *run, const struct kan_cond *c,
				  const struct kan_view *view)
{
	enum kan_truth t = run->counts ? kan_sequences_ask(kan_counts_sequences(run->counts),
							   c->sequence, view, run->gaps)
				       : KAN_UNDECIDED;
	if (t == KAN_UNDECIDED) {
		run->why = NULL;
		run->why_kind = view->kind;
	}
	return t;
}

/* Joined rows hold a comparison when one of them does. */
static enum kan_truth leaf(struct kan_cond_run *run, const struct kan_cond *c,
			   const struct kan_view *view)
{
	if (c->which < 0)
		return on_row(run, c, view);
	const struct kan_matches *m = run->joins ? &run->joins[c->which] : NULL;
	enum kan_truth best = !m || m->undecided || m->total > m->n ? KAN_UNDECIDED : KAN_FALSE;
	for (size_t i = 0; m && i < m->n && best != KAN_TRUE; i++) {
		enum kan_truth t = on_row(run, c, &m->rows[i]);
		best = t > best ? t : best;
	}
	return best;
}

void kan_cond_counts(const struct kan_cond *c, void (*fn)(const struct kan_count *of, void *arg),
		     void *arg)
{
	if (c->count)
		fn(c->count, arg);
	for (size_t i = 0; i < c->n; i++)
		kan_cond_counts(c->kids[i], fn, arg);
}

void kan_cond_sequences(const struct kan_cond *c,
			void (*fn)(const struct kan_sequence *of, void *arg), void *arg)
{
	if (c->sequence)
		fn(c->sequence, arg);
	for (size_t i = 0; i < c->n; i++)
		kan_cond_sequences(c->kids[i], fn, arg);
}

void kan_cond_clauses(const struct kan_cond *c, const json_t *json, kan_clause_fn *fn, void *arg)
{
	const json_t *list = json_object_get(json, "all");
	if (c->op != OP_ALL) {
		fn(c, json, arg);
		return;
	}
	for (size_t i = 0; i < c->n; i++)
		kan_cond_clauses(c->kids[i], json_array_get(list, i), fn, arg);
}

void kan_cond_columns(const struct kan_cond *c,
		      void (*fn)(const struct kan_column *column, void *arg), void *arg)
{
	if (c->column && c->which < 0)
		fn(c->column, arg);
	for (size_t i = 0; c->count && i < c->count->n_on; i++)
		fn(c->count->on[i].left, arg);
	if (c->sequence)
		kan_sequence_columns(c->sequence, fn, arg);
	for (size_t i = 0; i < c->n; i++)
		kan_cond_columns(c->kids[i], fn, arg);
}

const char *kan_cond_trust(const struct kan_cond *c)
{
	const char *weakest = c->trust;
	for (size_t i = 0; i < c->n; i++) {
		const char *t = kan_cond_trust(c->kids[i]);
		if (!weakest || (t && kan_trust_rank(t) > kan_trust_rank(weakest)))
			weakest = t;
	}
	return weakest;
}

enum kan_truth kan_cond_eval(struct kan_cond_run *run, const struct kan_cond *c,
			     const struct kan_view *v)
{
	if (c->op == OP_NOT)
		return (enum kan_truth)(KAN_TRUE - kan_cond_eval(run, c->kids[0], v));
	if (c->op == OP_COUNT)
		return counted(run, c, v);
	if (c->op == OP_SEQUENCE)
		return in_sequence(run, c, v);
	if (c->op != OP_ALL && c->op != OP_ANY)
		return leaf(run, c, v);
	enum kan_truth whole = c->op == OP_ALL ? KAN_TRUE : KAN_FALSE;
	enum kan_truth last = c->op == OP_ALL ? KAN_FALSE : KAN_TRUE;
	for (size_t i = 0; i < c->n && whole != last; i++) {
		enum kan_truth t = kan_cond_eval(run, c->kids[i], v);
		if (c->op == OP_ALL ? t < whole : t > whole)
			whole = t;
	}
	return whole;
}
