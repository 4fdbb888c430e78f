/* A hunt: what its children do, and what is made of their answers. */
#ifndef KAN_CLI_HUNT_H
#define KAN_CLI_HUNT_H

#include "analyze/hunt.h"
#include "cli/bundles.h"

struct kan_rules;
struct kan_hunt_job {
	struct kan_iocs iocs;
	struct kan_ioc_sieve *sieve;
	struct kan_home_bundles home;
	json_t *recorded;              /* of the repository; NULL: there is none */
	json_t *gone;                  /* bundles of the case that are not in the home */
	const struct kan_rules *rules; /* NULL: no indicator may be one */
	bool json, analyze;

	uint64_t *total; /* hits, one an indicator */
	uint64_t hits, with_hits, searched, artefacts, octets, not_text, not_text_octets;
	json_t *skipped;
	int status;
};
/* In a child: bundle i. */
json_t *kan_hunt_read(size_t i, void *job);
/* Its answer: hits are printed, what was not searched is said. */
void kan_hunt_take(size_t i, const json_t *answer, const char *why, void *job);
void kan_hunt_summary(struct kan_hunt_job *j);

#endif
