/*
 * Rows that follow one another, in one pass over the rows before any rule asks. For each group of
 * rows and each row that a step needs, the latest time at which a sequence that has come so far can
 * have begun is all that is remembered: it is what decides whether a later row still ends it in
 * time. So memory does not grow with the rows, but for the rows that end one.
 */
#include "analyze/sequence.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/keyed.h"
#include "base/row.h"

enum { SEQUENCES = 16 };

/* What a key stands for: a group of rows; a row that ends a sequence. */
enum what { GROUP, ENDS };

struct sought {
	const struct kan_sequence *of;
	struct kan_keyed keys;
	bool lost; /* rows are missing, were forgotten, or may be of any group or time */
};

struct kan_sequences {
	struct sought of[SEQUENCES];
	size_t n, weight;
};

/* Since when, of rows that are certain, and of those that may be. 0: it has not come so far. */
struct state {
	int64_t certain, possible;
};

struct kan_sequences *kan_sequences_new(void)
{
	return kan_xalloc(sizeof(struct kan_sequences));
}

void kan_sequences_free(struct kan_sequences *all)
{
	for (size_t i = 0; all && i < all->n; i++)
		kan_keyed_free(&all->of[i].keys);
	free(all);
}

/* One that does not fit is never found, so that whoever asks is left at unknown. */
void kan_sequences_want(struct kan_sequences *all, const struct kan_sequence *of, bool lost)
{
	if (all->n == SEQUENCES)
		return;
	all->of[all->n++] = (struct sought){
		.of = of, .lost = lost, .keys = {NULL, &all->weight, KAN_SEQUENCE_WEIGHT}};
}

bool kan_sequences_wants(const struct kan_sequences *all, const struct kan_kind *kind)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->of[i].of->kind == kind)
			return true;
	return false;
}

/* The values by which rows belong together. ABSENT: the row has none. */
static enum kan_known group_of(struct kan_buf *key, const struct kan_sequence *s,
			       const struct kan_view *v, bool gaps)
{
	enum kan_known known = KAN_KNOWN;
	for (size_t i = 0; i < s->n_by; i++) {
		struct kan_value value = kan_value_get(v, s->by[i], gaps);
		if (value.known == KAN_ABSENT)
			return KAN_ABSENT;
		if (value.known == KAN_UNKNOWN)
			known = KAN_UNKNOWN;
		else
			kan_keyed_value(key, &value, 0);
	}
	return key->failed ? KAN_UNKNOWN : known;
}

/* 0: it is not known. */
static int64_t time_of(const struct kan_sequence *s, const struct kan_view *v, bool gaps)
{
	int64_t t = 0;
	struct kan_value value = kan_value_get(v, s->time, gaps);
	return value.known == KAN_KNOWN && kan_value_int(&t, &value, 0) && t > 0 ? t : 0;
}

/* The key of the row itself, in a group. */
static void row_key(struct kan_buf *key, const struct kan_view *v, int64_t t)
{
	const char *artefact = kan_json_str(v->row, "artefact");
	key->data[0] = ENDS;
	kan_buf_add(key, &t, sizeof t);
	kan_buf_add(key, &v->line, sizeof v->line);
	kan_buf_adds(key, artefact);
}

/* One row of the step that ends at slot: from behind, so that no row is taken twice. before: where
 * the step before stands, or this row itself when there is none. */
static void advance(struct state *slots, size_t n, struct state before, enum kan_truth t)
{
	for (size_t i = n; i-- > 0;) {
		struct state from = i ? slots[i - 1] : before;
		if (t == KAN_TRUE && from.certain > slots[i].certain)
			slots[i].certain = from.certain;
		if (from.possible > slots[i].possible)
			slots[i].possible = from.possible;
	}
}

/* The row past all steps, the last first. What it ends, if anything, is when that began. */
static struct state past_steps(struct state *slots, const struct kan_sequence *s,
			       const enum kan_truth *truths, int64_t t)
{
	size_t at = s->n_rows;
	struct state ends = {0};
	for (size_t k = s->n_steps; k-- > 0;) {
		size_t n = s->steps[k].least;
		at -= n;
		struct state before = at ? slots[at - 1] : (struct state){t, t}, last;
		if (truths[k] == KAN_FALSE)
			continue;
		last = n > 1 ? slots[at + n - 2] : before;
		if (k + 1 == s->n_steps)
			ends = (struct state){truths[k] == KAN_TRUE ? last.certain : 0,
					      last.possible};
		advance(slots + at, n, before, truths[k]);
	}
	return ends;
}

static bool in_time(const struct kan_sequence *s, int64_t since, int64_t t)
{
	return since && (t <= since || t - since <= s->within_ns);
}

static void see_group(struct sought *q, const struct kan_view *v, const enum kan_truth *truths,
		      struct kan_buf *key, int64_t t)
{
	const struct kan_sequence *s = q->of;
	bool fresh = false;
	struct state *slots =
		kan_keyed_at(&q->keys, kan_buf_bytes(key), s->n_rows * sizeof *slots, &fresh);
	q->lost |= !slots;
	struct state ends = slots ? past_steps(slots, s, truths, t) : (struct state){0};
	if (!in_time(s, ends.possible, t))
		return;
	row_key(key, v, t);
	struct state *mine = kan_keyed_at(&q->keys, kan_buf_bytes(key), sizeof *mine, &fresh);
	q->lost |= !mine || key->failed;
	if (mine)
		mine->certain = in_time(s, ends.certain, t);
}

static void see(struct sought *q, const struct kan_view *v, bool gaps)
{
	const struct kan_sequence *s = q->of;
	struct kan_cond_run run = {.gaps = gaps};
	enum kan_truth truths[KAN_SEQUENCE_STEPS], best = KAN_FALSE;
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_KEY_OCTETS);
	for (size_t i = 0; i < s->n_steps; i++) {
		truths[i] = kan_cond_eval(&run, s->steps[i].where, v);
		best = truths[i] > best ? truths[i] : best;
	}
	if (best == KAN_FALSE)
		return;
	kan_buf_addc(&key, GROUP);
	enum kan_known group = group_of(&key, s, v, gaps);
	int64_t t = time_of(s, v, gaps);
	if (group == KAN_ABSENT)
		return;
	if (group == KAN_UNKNOWN || !t)
		q->lost = true;
	else
		see_group(q, v, truths, &key, t);
}

void kan_sequences_see(struct kan_sequences *all, const struct kan_view *v, bool gaps)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->of[i].of->kind == v->kind)
			see(&all->of[i], v, gaps);
}

static const struct sought *find(const struct kan_sequences *all, const struct kan_sequence *of)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->of[i].of == of)
			return &all->of[i];
	return NULL;
}

enum kan_truth kan_sequences_ask(const struct kan_sequences *all, const struct kan_sequence *of,
				 const struct kan_view *v, bool gaps)
{
	const struct sought *q = find(all, of);
	struct kan_cond_run run = {.gaps = gaps};
	kan_auto_buf struct kan_buf key = KAN_BUF(KAN_KEY_OCTETS);
	if (kan_cond_eval(&run, of->steps[of->n_steps - 1].where, v) == KAN_FALSE)
		return KAN_FALSE;
	kan_buf_addc(&key, GROUP);
	enum kan_known group = group_of(&key, of, v, gaps);
	int64_t t = time_of(of, v, gaps);
	if (group == KAN_ABSENT)
		return KAN_FALSE;
	if (!q || group == KAN_UNKNOWN || !t)
		return KAN_UNDECIDED;
	row_key(&key, v, t);
	const struct state *mine = kan_keyed_find(&q->keys, kan_buf_bytes(&key));
	if (mine && mine->certain)
		return KAN_TRUE;
	return mine || q->lost ? KAN_UNDECIDED : KAN_FALSE;
}
