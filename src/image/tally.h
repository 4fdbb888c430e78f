/* What is met often is told once: how often, and the first of them. */
#ifndef KAN_IMAGE_TALLY_H
#define KAN_IMAGE_TALLY_H

#include <kanshiki/sink.h>

enum { KAN_TALLY_FIRST = 4096 };

struct kan_tally {
	uint64_t n;
	struct kan_buf first; /* as far as it is kept */
};

void kan_tally_count(struct kan_tally *t, struct kan_bytes what);
/* A gap about the first, when there is one. */
void kan_tally_tell(const struct kan_tally *t, struct kan_sink *s, enum kan_gap code,
		    const char *why);
void kan_tally_free(struct kan_tally *t);

#endif
