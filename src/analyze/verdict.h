/* From findings to stories, hypotheses and a level. Keys as in docs/schema/kanshiki.report-1.json.
 */
#ifndef KAN_ANALYZE_VERDICT_H
#define KAN_ANALYZE_VERDICT_H

#include "analyze/run.h"

enum { KAN_STORY_SHARED = 50 /* an object of more findings joins none of them */ };

/*
 * stories[]: findings of class intrusion that share a digest, a file, the processes below one
 * foreign program, or a far endpoint. Each finding gets its number as "story"; one that shares
 * nothing is a story of its own. Yours.
 */
json_t *kan_stories(json_t *findings, const struct kan_facts *f);

/*
 * verdict{}: the level, the strength of support, and the seven hypotheses of how it began. After
 * kan_run_findings, of the same run; stories are those of its findings. Yours.
 */
json_t *kan_verdict(const struct kan_run *run, const json_t *findings, const json_t *stories);

/* Votes of every class of evidence; only the strongest of a class counts. */
struct kan_tally {
	int sides[2][KAN_TRUST_CLASSES]; /* for, against */
	json_t *names[2];                /* ids of findings; of context rules their own */
};
void kan_votes_count(struct kan_tally tallies[KAN_HYPOTHESES], const struct kan_run *run,
		     const json_t *findings);

/* What has to have been seen before silence speaks. {collector, what, code, why} of what is
 * missing; NULL: it was seen. Yours. */
json_t *kan_discriminator_missing(enum kan_hypothesis h, const struct kan_facts *f);

#endif
