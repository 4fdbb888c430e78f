/* All containers of an image that a home has bundles of: what only one of them, or few, have. */
#ifndef KAN_ANALYZE_COMPARE_FLEET_H
#define KAN_ANALYZE_COMPARE_FLEET_H

#include "analyze/compare.h"

enum {
	KAN_FLEET_BUNDLES = 10000,
	KAN_FLEET_ENTRIES = 3000000, /* changes, programs and listeners of all of them */
	KAN_FLEET_REASONS = 10,      /* told of one container; all are counted */
	KAN_FLEET_FEW = 10,          /* one in so many has it: rare */
	KAN_FLEET_PAIR = 5,          /* of so many, two that are alike are rare, too */
};

/*
 * paths: bundles, the newest first; of a container the first one counts. image: a name, or an id or
 * its first 12 digits. out: {image, containers: [{bundle, container, name, changes, unusual,
 * reasons: [{kind, change, what, others, why}], gaps}], skipped: [{bundle, why}], n_gaps}, the
 * most unusual first. A file is unusual when no other container has it, when few have, or when most
 * of the others agree on another content. not-found: no bundle is of that image. Yours.
 */
int kan_compare_fleet(json_t **out, const char *const *paths, size_t n, const char *image,
		      struct kan_err *err);

/* Is it the image that was asked for? */
bool kan_fleet_is_image(const json_t *target, const char *image);

/* Inside: a thing that a container has. Tags are parts of a SHA-256: nobody can make his file look
 * like everybody's. */
struct kan_fleet_tag {
	uint8_t v[16];
};
enum kan_fleet_why { KAN_FLEET_USUAL, KAN_FLEET_ALONE, KAN_FLEET_RARE, KAN_FLEET_CONTENT };
struct kan_fleet_entry {
	struct kan_fleet_tag key, value;
	uint32_t member;
	uint32_t others; /* other containers that have the key */
	enum kan_fleet_why why;
};
/* Sorts them, and says of each how many others have it and why it stands out. */
void kan_fleet_judge(struct kan_fleet_entry *entries, size_t n, size_t members);

#endif
