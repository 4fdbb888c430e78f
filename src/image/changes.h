/* Rows of changes: each entry of an upper directory beside what the image has at its path. */
#ifndef KAN_IMAGE_CHANGES_H
#define KAN_IMAGE_CHANGES_H

#include "image/lower.h"
#include "image/points.h"
#include "image/take.h"

struct kan_changes_opts {
	struct kan_sink *sink;
	const struct kan_layer *lowers; /* topmost first */
	size_t n_lowers;
	bool userxattr;
	const struct kan_idmaps *owners; /* NULL, or how the layers' mount moves ids: both sides are
					    told with those of the host */
	bool shift_lost; /* does a mount move ids? not known: what differs in them is not judged */
	bool podman;     /* it has no layer of its own between: see of_podman */
	bool wordless;   /* the lower layers are not all there: no entry is judged */
	bool guessed;    /* nobody told which attributes are in force: those of the other kind are a
			    gap */
	const struct kan_points *points; /* the container's mounts, or NULL */
	const char *rows, *before;       /* "changes.ndjson", "before.tar" */
};

struct kan_changes;
/* Opens both artefacts, so that nothing but reading is left for the window. opts is copied. */
int kan_changes_open(struct kan_changes **out, const struct kan_changes_opts *o,
		     struct kan_err *err);
/* A kan_take_fn: entries in walk order, a directory before what is in it. */
int kan_changes_entry(const struct kan_file *f, const char *stored, void *changes,
		      struct kan_err *err);
/* What is still open is written; items is the number of rows. Frees in every case. */
int kan_changes_close(uint64_t *items, struct kan_changes *c, struct kan_err *err);
void kan_changes_abandon(struct kan_changes *c);

#endif
