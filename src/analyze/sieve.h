/* Which rows of a rule can have a row of a join: asked when more rows hold than can be kept. */
#ifndef KAN_ANALYZE_SIEVE_H
#define KAN_ANALYZE_SIEVE_H

#include "analyze/run.h"

/*
 * One set of hashes a join that must match. A row whose value is in none of a set has no row of
 * that join; one whose value is in it may have.
 */
struct kan_sieve;
struct kan_sieve *kan_sieve_new(const struct kan_rule *r);
void kan_sieve_free(struct kan_sieve *s);
/* Is there a join of that kind that must match? */
bool kan_sieve_wants(const struct kan_sieve *s, const struct kan_kind *k);
/* A row of a joined kind. */
void kan_sieve_see(struct kan_sieve *s, const struct kan_view *v, bool gaps);
/* joined: the view has its joined columns; without them what they decide passes. */
bool kan_sieve_passes(const struct kan_sieve *s, const struct kan_view *v, bool joined);

#endif
