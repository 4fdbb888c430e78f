/* Counting: one pass over the rows before any rule asks, exact values in a balanced tree. What a
 * group needs is all that is remembered of it, and all groups together have a limit. */
#include "analyze/count.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/keyed.h"
#include "analyze/sequence.h"

enum { COUNTS = 64 };

/* What a key stands for: the rows that meet, one group of them, one value within a group. */
enum what { MEET, GROUP, VALUE };

struct node {
	uint32_t certain; /* MEET: of the largest group */
	uint64_t maybe;   /* MEET: rows that may be of any group */
};

struct counted {
	const struct kan_count *of;
	struct kan_keyed keys;
	uint64_t maybe; /* rows that may meet anything */
	bool lost;
};

struct kan_counts {
	struct counted of[COUNTS];
	size_t n, weight;
	struct kan_sequences *sequences;
};

struct kan_counts *kan_counts_new(void)
{
	struct kan_counts *c = kan_xalloc(sizeof *c);
	c->sequences = kan_sequences_new();
	return c;
}

struct kan_sequences *kan_counts_sequences(const struct kan_counts *c)
{
	return c->sequences;
}

void kan_counts_free(struct kan_counts *c)
{
	for (size_t i = 0; c && i < c->n; i++)
		kan_keyed_free(&c->of[i].keys);
	if (c)
		kan_sequences_free(c->sequences);
	free(c);
}

static struct counted *find(const struct kan_counts *c, const struct kan_count *of)
{
	for (size_t i = 0; c && i < c->n; i++)
		if (c->of[i].of == of)
			return (struct counted *)(uintptr_t)&c->of[i];
	return NULL;
}

/* One that does not fit is never found, so that whoever asks is left at unknown. */
void kan_counts_want(struct kan_counts *c, const struct kan_count *of, bool lost)
{
	if (c->n < COUNTS)
		c->of[c->n++] = (struct counted){
			.of = of, .lost = lost, .keys = {NULL, &c->weight, KAN_COUNT_WEIGHT}};
}

bool kan_counts_wants(const struct kan_counts *c, const struct kan_kind *kind)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->of[i].of->kind == kind)
			return true;
	return false;
}

/* The node of a key; made when there is none. NULL: the budget is spent. */
static struct node *at(struct counted *c, const struct kan_buf *key, bool *fresh)
{
	struct node *n = kan_keyed_at(&c->keys, kan_buf_bytes(key), sizeof *n, fresh);
	c->lost |= !n;
	return n;
}

/* The values of one row that a count looks at. */
struct look {
	struct counted *c;
	struct kan_value on[KAN_COUNT_COLUMNS], group[KAN_COUNT_COLUMNS], distinct;
	bool certain;
};

static void count_value(struct look *l, struct node *meet, struct kan_buf *key, size_t i)
{
	bool fresh = false;
	key->data[0] = GROUP;
	struct node *group = at(l->c, key, &fresh);
	bool told = group != NULL;
	if (group && l->c->of->distinct) {
		key->data[0] = VALUE;
		kan_keyed_value(key, &l->distinct, i);
		told = !key->failed && at(l->c, key, &fresh) && fresh;
	}
	if (!told)
		return;
	group->certain++;
	if (group->certain > meet->certain)
		meet->certain = group->certain;
}

/* One way in which the row meets: its group, and each of its distinct values. */
static void count_in_group(struct look *l, struct node *meet, struct kan_buf *key)
{
	const struct kan_count *of = l->c->of;
	for (size_t i = 0; i < of->n_group; i++)
		kan_keyed_value(key, &l->group[i], 0);
	size_t n = of->distinct ? kan_value_count(&l->distinct) : 1, len = key->len;
	for (size_t i = 0; i < n && meet->certain < of->least; i++) {
		key->len = len;
		count_value(l, meet, key, i);
	}
}

static void count_meeting(struct look *l, struct kan_buf *key)
{
	bool fresh = false;
	if (key->failed) { /* values too long to be told apart */
		l->c->maybe++;
		return;
	}
	key->data[0] = MEET;
	struct node *meet = at(l->c, key, &fresh);
	if (meet && !l->certain)
		meet->maybe++;
	else if (meet && meet->certain < l->c->of->least)
		count_in_group(l, meet, key);
}

/* The key so far and one more value. */
static void longer(struct kan_buf *out, const struct kan_buf *key, const struct kan_value *v,
		   size_t i)
{
	kan_buf_addb(out, kan_buf_bytes(key));
	kan_keyed_value(out, v, i);
	out->failed |= key->failed;
}

/* Each value of a set meets for itself. */
static void count_from(struct look *l, struct kan_buf *key, size_t column)
{
	if (column == l->c->of->n_on) {
		count_meeting(l, key);
		return;
	}
	for (size_t i = 0, n = kan_value_count(&l->on[column]); i < n; i++) {
		kan_auto_buf struct kan_buf own = KAN_BUF(KAN_KEY_OCTETS);
		longer(&own, key, &l->on[column], i);
		count_from(l, &own, column + 1);
	}
}

/* false: the row has no such value, and is none that counts. */
static bool take(struct kan_value *out, bool *certain, const struct kan_view *v,
		 const struct kan_column *c, bool gaps)
{
	*out = kan_value_get(v, c, gaps);
	if (out->known == KAN_UNKNOWN)
		*certain = false;
	return out->known != KAN_ABSENT;
}

static void see(struct counted *c, const struct kan_view *v, bool gaps)
{
	const struct kan_count *of = c->of;
	struct kan_cond_run run = {.gaps = gaps};
	struct look l = {.c = c, .certain = true};
	bool meets = true;
	enum kan_truth t = of->where ? kan_cond_eval(&run, of->where, v) : KAN_TRUE;
	if (t == KAN_FALSE)
		return;
	for (size_t i = 0; i < of->n_on; i++)
		if (!take(&l.on[i], &meets, v, of->on[i].right, gaps))
			return;
	for (size_t i = 0; i < of->n_group; i++)
		if (!take(&l.group[i], &l.certain, v, of->group[i], gaps))
			return;
	if (of->distinct && !take(&l.distinct, &l.certain, v, of->distinct, gaps))
		return;
	l.certain &= t == KAN_TRUE;
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_KEY_OCTETS);
	kan_buf_addc(&key, MEET);
	if (meets)
		count_from(&l, &key, 0);
	else
		c->maybe++;
}

void kan_counts_see(struct kan_counts *c, const struct kan_view *v, bool gaps)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->of[i].of->kind == v->kind)
			see(&c->of[i], v, gaps);
}

static enum kan_truth judge(const struct counted *c, const struct kan_buf *key)
{
	const struct node *known = kan_keyed_find(&c->keys, kan_buf_bytes(key));
	uint64_t certain = known ? known->certain : 0, maybe = known ? known->maybe : 0;
	if (certain >= c->of->least)
		return KAN_TRUE;
	bool could = c->lost || key->failed || certain + maybe + c->maybe >= c->of->least;
	return could ? KAN_UNDECIDED : KAN_FALSE;
}

static enum kan_truth ask_from(const struct counted *c, const struct kan_view *v,
			       const struct kan_buf *key, size_t column)
{
	if (column == c->of->n_on)
		return judge(c, key);
	struct kan_value value = kan_value_get(v, c->of->on[column].left, false);
	if (value.known == KAN_UNKNOWN)
		return KAN_UNDECIDED;
	enum kan_truth best = KAN_FALSE;
	size_t n = value.known == KAN_KNOWN ? kan_value_count(&value) : 0;
	for (size_t i = 0; i < n && best != KAN_TRUE; i++) {
		kan_auto_buf struct kan_buf own = KAN_BUF(KAN_KEY_OCTETS);
		longer(&own, key, &value, i);
		enum kan_truth t = ask_from(c, v, &own, column + 1);
		best = t > best ? t : best;
	}
	return best;
}

enum kan_truth kan_counts_ask(const struct kan_counts *c, const struct kan_count *of,
			      const struct kan_view *v)
{
	const struct counted *mine = find(c, of);
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_KEY_OCTETS);
	kan_buf_addc(&key, MEET);
	return mine ? ask_from(mine, v, &key, 0) : KAN_UNDECIDED;
}
