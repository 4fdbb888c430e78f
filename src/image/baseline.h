/* The baseline: a row for every entry of every layer with its digest, and what no container shows
 * of them. */
#ifndef KAN_IMAGE_BASELINE_H
#define KAN_IMAGE_BASELINE_H

#include <kanshiki/err.h>
#include <kanshiki/target.h>

struct kan_sink;

enum {
	KAN_BASELINE_ENTRIES = 2000000,
	KAN_GHOST_FILE = 1 << 20,
	KAN_GHOST_TOTAL = 64 << 20,
};

/*
 * Writes baseline.ndjson, ghosts.ndjson and ghosts.tar, from the base layer upwards. Each file is
 * read once; two layers are read at a time. rows: entries told. sum: size of a package manager's
 * checksum to take besides, 0: none. -1: evidence cannot be written.
 */
int kan_baseline_take(uint64_t *rows, size_t sum, const struct kan_target *t, struct kan_sink *s,
		      struct kan_err *err);

#endif
