/* A container's overlay, really mounted, and a sink with nobody but us behind it. */
#ifndef KAN_TEST_WORLD_H
#define KAN_TEST_WORLD_H

#include <jansson.h>
#include <kanshiki/target.h>
#include <pthread.h>

struct kan_collector;

enum { WORLD_LAYERS = 4, WORLD_GAPS = 4096 };

struct world_gap {
	unsigned type, code;
	char what[256], why[256];
};

struct world {
	char top[64]; /* everything below goes away with the test */
	char lower[WORLD_LAYERS][96], upper[96], merged[96], bundle[96];
	size_t layers;
	struct kan_target target;
	struct kan_policy policy;
	struct world_gap gaps[WORLD_GAPS];
	size_t n_gaps, breaks;
	uint64_t window_entries, window_bytes;
	int channel[2];
	pthread_t listener;
	bool frozen; /* what the window says */
	json_t *rows;
};

/* Directories for so many image layers, 0 the base. Fill them, then mount. */
struct world *world_new(size_t layers);
/* Private mount namespace, overlay over all layers; options: "" or ",metacopy=on". */
void world_mount(struct world *w, const char *options);
void world_unmount(struct world *w);
/* Run a command line of the shell, in the world's directory; it must succeed. */
void world_sh(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Run a collector against the world's target, in this process. 0 as collect says. */
int world_collect(struct world *w, const struct kan_collector *c);
/* Rows of an artefact ("changes.ndjson") of the collector that ran last, without the header. */
json_t *world_rows(struct world *w, const char *artefact);
/* The row of a path, or NULL. */
const json_t *world_row(const json_t *rows, const char *path);
const char *world_str(const json_t *row,
		      const char *key); /* "" when there is none; key "below.type" too */
const struct world_gap *world_gap(const struct world *w, const char *what, unsigned code);
/* One line of what a command line prints. Yours. */
char *world_line(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_free(struct world *w);

#endif
