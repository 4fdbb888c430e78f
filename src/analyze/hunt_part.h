/* Inside the hunt: one value after another, and what a hit in it looks like. */
#ifndef KAN_ANALYZE_HUNT_PART_H
#define KAN_ANALYZE_HUNT_PART_H

#include "analyze/hunt.h"

enum { KAN_HUNT_WHERE = 256 };

/* Where the search stands. */
struct kan_hunt_at {
	struct kan_hunt *h;
	json_t *hits; /* of the artefact, until its digest was found right */
	uint64_t *found;
	const struct kan_bundle_file *file;
	uint64_t row;         /* 0: of no line */
	const json_t *object; /* the row, or NULL */
	bool hidden;          /* its values are secrets: only where is told */
	uint64_t *last;       /* one an indicator: the row that has its hit already */
};
/* Every string of a value: the exact bytes of one that has a twin. */
void kan_hunt_value(struct kan_hunt_at *at, const json_t *v);
/* Bytes that are no JSON. */
void kan_hunt_text(struct kan_hunt_at *at, struct kan_bytes text);
/* A value in a hit: cut at KAN_HUNT_SHOWN. */
void kan_hunt_set(json_t *o, const char *key, struct kan_bytes v);

#endif
