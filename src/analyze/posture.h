/* Exposure, row by row: how doc.posture is put together. */
#ifndef KAN_ANALYZE_POSTURE_H
#define KAN_ANALYZE_POSTURE_H

#include "analyze/analyze.h"

enum { KAN_EXPOSURE_TEXT = 1 << 20 };

struct kan_exposure {
	const struct kan_facts *f;
	const struct kan_rules *rules;
	const json_t *findings;
	json_t *rows, *missing;
	uint64_t n, engine_line;
	bool icc, userns;
	/* what the kernel says of the processes */
	uint64_t processes, unsaid, caps, most_line, unfiltered, unfiltered_line, init_line;
	int most;
	json_t *init;
};

/* What is known of one thing. */
struct kan_exposed {
	const char *subject, *id, *what;
	const char *rule, *cis; /* NULL: no rule is about it; every id that the rule has */
	const char *artefact;
	uint64_t line; /* 0: the artefact has no lines */
	bool found;    /* the finding is about this one */
};

/* A row that is not listed yet, without its value. Yours, until it is listed. */
json_t *kan_exposure_begin(struct kan_exposure *p, const struct kan_exposed *t);
void kan_exposure_end(struct kan_exposure *p, json_t *o);
/* A row with its value, and with its finding where one is about it. */
void kan_exposure_say(struct kan_exposure *p, const struct kan_exposed *t, struct kan_bytes value);
/* Not known, which is neither yes nor no. */
void kan_exposure_lacks(struct kan_exposure *p, const struct kan_exposed *t, const char *collector);
/* The words of a list, commas between; none where it has none. */
void kan_exposure_strings(struct kan_buf *out, const json_t *list, const char *none);
/* What the kernel says of the processes. -1: as kan_source_rows. */
int kan_exposure_kernel(struct kan_exposure *p, struct kan_err *err);

#endif
