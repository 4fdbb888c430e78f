/* Which rows of a rule can have a row of a join. */
#include "analyze/sieve.h"

#include <stdlib.h>

enum { BITS = 1 << 21, BYTE_BITS = 8 };

struct kan_sieve {
	const struct kan_rule *rule;
	uint8_t *sets[KAN_RULE_JOINS]; /* NULL: the rule can do without that join */
};

struct kan_sieve *kan_sieve_new(const struct kan_rule *r)
{
	struct kan_sieve *s = kan_xalloc(sizeof *s);
	s->rule = r;
	for (size_t j = 0; j < r->n_joins; j++)
		if (!r->joins[j].optional)
			s->sets[j] = kan_xalloc(BITS / BYTE_BITS);
	return s;
}

void kan_sieve_free(struct kan_sieve *s)
{
	if (!s)
		return;
	for (size_t j = 0; j < KAN_RULE_JOINS; j++)
		free(s->sets[j]);
	free(s);
}

bool kan_sieve_wants(const struct kan_sieve *s, const struct kan_kind *k)
{
	for (size_t j = 0; s && j < s->rule->n_joins; j++)
		if (s->sets[j] && s->rule->joins[j].kind == k)
			return true;
	return false;
}

/* Also one that is undecided may still be there. */
void kan_sieve_see(struct kan_sieve *s, const struct kan_view *v, bool gaps)
{
	for (size_t j = 0; j < s->rule->n_joins; j++) {
		const struct kan_rule_join *join = &s->rule->joins[j];
		struct kan_cond_run c = {.gaps = gaps};
		if (!s->sets[j] || join->kind != v->kind ||
		    (join->where && kan_cond_eval(&c, join->where, v) == KAN_FALSE))
			continue;
		struct kan_value value = kan_value_get(v, join->on[0].right, false);
		for (size_t i = 0; value.known == KAN_KNOWN && i < kan_value_count(&value); i++) {
			kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
			uint64_t bit = kan_hash(kan_value_bytes(&value, i, &scratch)) % BITS;
			s->sets[j][bit / BYTE_BITS] |= (uint8_t)(1u << bit % BYTE_BITS);
		}
	}
}

static bool in_set(const uint8_t *set, const struct kan_value *value)
{
	for (size_t i = 0; value->known == KAN_KNOWN && i < kan_value_count(value); i++) {
		kan_auto_buf struct kan_buf scratch = KAN_BUF(0);
		uint64_t bit = kan_hash(kan_value_bytes(value, i, &scratch)) % BITS;
		if (set[bit / BYTE_BITS] & 1u << bit % BYTE_BITS)
			return true;
	}
	return false;
}

bool kan_sieve_passes(const struct kan_sieve *s, const struct kan_view *v, bool joined)
{
	for (size_t j = 0; j < s->rule->n_joins; j++) {
		if (!s->sets[j] || (!joined && s->rule->joins[j].on[0].left->from))
			continue;
		struct kan_value left = kan_value_get(v, s->rule->joins[j].on[0].left, false);
		if (!in_set(s->sets[j], &left))
			return false;
	}
	return true;
}
