/* A collector: a constant struct in one file of collectors/, and one line in collectors.list. */
#ifndef KANSHIKI_COLLECTOR_H
#define KANSHIKI_COLLECTOR_H

#include <kanshiki/err.h>
#include <stdbool.h>
#include <stdint.h>

struct kan_target;
struct kan_sink;

/* Order of volatility: 0 before the pause, 1 paused, 2 paused when small, 3 after the resume. */
enum kan_tier { KAN_TIER_BEFORE, KAN_TIER_PAUSED, KAN_TIER_FILES, KAN_TIER_AFTER };

/* What must be there, else the conductor records why not and the collector is not started. */
enum kan_needs {
	KAN_NEEDS_PROCESS = 1, /* a proven, live init */
	KAN_NEEDS_HOST = 2,    /* depth host */
	KAN_NEEDS_RESUME = 8,  /* starts at the resume; window_enter waits for its tier */
	KAN_NEEDS_ASKED = 16,  /* a request for memory; reads when all else of its tier has read */
	KAN_NEEDS_ENGINE = 32, /* the engine and the machine it runs on: a data root has neither */
};

/* In force, for capture.json. A guard protects us (hit: gap), a budget bounds a default: scope. */
struct kan_limit {
	const char *name;
	uint64_t value;
	bool budget;
};

struct kan_collector {
	const char *name; /* "engine-after": the directory below data/ and the word in every list */
	const char *summary; /* one line for `kanshiki collectors` */
	enum kan_tier tier;
	unsigned needs;
	const struct kan_limit *limits; /* ends with a NULL name; NULL: none of its own */
	const char *const *artefacts;   /* names it may write, then NULL; "x/" is a directory */
	/* 0: done, gaps included. -1: no more can be had; err becomes a gap, or fatal when io. */
	int (*collect)(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err);
};

/* The registry, in the order of collectors.list; NULL-terminated. */
extern const struct kan_collector *const kan_collectors[];

#endif
