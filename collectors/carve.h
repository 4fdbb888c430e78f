/* Digests, and bytes where they exist nowhere else, of files that the collector processes holds. */
#ifndef KAN_COLLECTORS_CARVE_H
#define KAN_COLLECTORS_CARVE_H

#include <kanshiki/err.h>

#include "base/digest.h"
#include "kernel/held.h"

struct kan_sink;

enum kan_carve_want { KAN_CARVE_NOTHING, KAN_CARVE_DIGEST, KAN_CARVE_CONTENT };
enum {
	KAN_CARVE_FILE = 256 << 20,   /* octets kept of one file; above it there is a digest only */
	KAN_CARVE_DIGESTED = 1 << 30, /* above it not even that */
	KAN_CARVE_S = 50,             /* for all: the collector's own time is bounded */
	KAN_CARVE_STUCK = 8, /* so many may block for KAN_BOUNDED_MS, then no more are opened */
};
#define KAN_CARVE_TOTAL (UINT64_C(2) << 30) /* octets kept of all */

struct kan_carved {
	enum kan_carve_want want;
	bool digested, content, whole; /* content: its bytes are content/<sha256> */
	uint64_t octets;
	char who[40]; /* "4711/exe": for gaps */
	char sha256[KAN_SHA256_HEX];
};
/*
 * For each file held, what is wanted of it: reads it once, outside the pause. What the world
 * refuses is a gap; -1 only when evidence cannot be written.
 */
int kan_carve(struct kan_carved *files, const struct kan_helds *held, struct kan_sink *sink,
	      struct kan_err *err);

#endif
