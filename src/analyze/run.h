/* The rule engine: streams rows past the rules, then past the joins of what was hit. */
#ifndef KAN_ANALYZE_RUN_H
#define KAN_ANALYZE_RUN_H

#include "analyze/facts.h"
#include "analyze/rules.h"

enum {
	KAN_RUN_HITS =
		1000, /* rows of one rule that are kept until the joins; beyond they are counted */
	KAN_RUN_WEIGHT = 24 << 20, /* estimated octets of all kept rows */
	KAN_RUN_MATCHES = 16,      /* joined rows kept of one hit */
	KAN_RUN_FINDINGS = 200,    /* findings of one rule; beyond they are counted */
	KAN_RUN_OBJECTS = 100,     /* objects listed of one finding; all are counted */
};

struct kan_hit {
	struct kan_view view;
	struct kan_matches joins[KAN_RULE_JOINS];
	size_t finding; /* its number; 0: it made none */
	bool accepted;  /* it made one that the user has accepted: it votes for nothing */
};

struct kan_rule_run {
	const struct kan_rule *rule;
	struct kan_hit *hits;
	size_t n_hits;
	uint64_t over;           /* true, but not kept */
	uint64_t lost;           /* of them: before anybody could see whether a join has them */
	uint64_t gave_up;        /* rows on which a pattern used its budget up */
	struct kan_sieve *sieve; /* of a rule that had more rows than are kept; NULL: none */
	uint64_t undecided;      /* rows left at unknown */
	const struct kan_kind *why_kind;
	const struct kan_column *why;
	size_t findings;   /* accepted ones too */
	size_t suppressed; /* of them */
};

/* Sees every joined row of the kinds that it asks for, in order. */
struct kan_observer {
	bool (*wants)(const struct kan_kind *k);
	void (*see)(const struct kan_view *v, bool gaps, void *arg);
	void *arg;
};

struct kan_run {
	const struct kan_facts *facts;
	struct kan_counts *counts;
	struct kan_rule_run *rules;
	size_t n;
	size_t weight;
	json_t *nothing;               /* joined columns of a kind that has none */
	struct kan_accepted *accepted; /* of the rules; NULL: none */
};

int kan_run_new(struct kan_run **out, const struct kan_facts *f, const struct kan_rules *r,
		const struct kan_observer *o, struct kan_err *err);
void kan_run_free(struct kan_run *run);
/* Every joined row of a kind once more, whatever the observer wants. */
int kan_run_rows(struct kan_run *run, const struct kan_kind *k, const struct kan_observer *o,
		 struct kan_err *err);
/* Where a row lies: {"artefact", "row", "sha256"}. Yours. */
json_t *kan_run_evidence(const struct kan_run *run, const struct kan_view *v);
/* Does a hit have a row of every join that is not optional? */
enum kan_truth kan_run_joined(const struct kan_run *run, const struct kan_rule *r,
			      const struct kan_hit *h);
/* A hit that somebody's records explain is told, and is low, and votes for nothing: the rule's
 * excuse holds, or without one, of a change, that the container's package manager made it. */
bool kan_run_excused(const struct kan_run *run, const struct kan_rule *r, const struct kan_hit *h);
/* findings[] in report order, numbered; the accepted ones go to suppressed[], with the entry that
 * accepts each, and entries that accept none. Both yours. */
json_t *kan_run_findings(json_t **suppressed, struct kan_run *run);
/* not_assessed[]: rules left at unknown, or whose rows could not be had. After findings. Yours. */
json_t *kan_run_not_assessed(const struct kan_run *run);

#endif
