/* Everything in the bundle that has a time, one after another: what the timelines print. */
#ifndef KAN_REPORTS_MOMENTS_H
#define KAN_REPORTS_MOMENTS_H

#include "reports/model.h"

struct kan_moment {
	int64_t ns;                 /* UTC */
	const char *desc;           /* what the time means */
	const char *macb;           /* "M...", "..C.", "...B", "....": as log2timeline has it */
	const char *trust, *source; /* evidence class; FILE, PROC, ENGINE, ... */
	const char *artefact;       /* NULL: the document */
	uint64_t row;
	struct kan_bytes message;
	const json_t *finding; /* NULL: none */
	const json_t *of;      /* the row itself; NULL: an event */
};
typedef int kan_moment_fn(const struct kan_moment *at, void *arg, struct kan_err *err);

/* The life of the container and the engine's events; then, of each file of its layer, mtime, ctime
 * and birth; then the starts of processes. Not sorted. */
int kan_moments(const struct kan_model *m, kan_moment_fn *fn, void *arg, struct kan_err *err);

/* The finding that names a file, or a process; NULL: none. */
struct kan_named;
struct kan_named *kan_named_new(const struct kan_model *m);
void kan_named_free(struct kan_named *n);
const json_t *kan_named_path(const struct kan_named *n, struct kan_bytes path);
const json_t *kan_named_pid(const struct kan_named *n, int64_t pid);

#endif
