/* One row artefact, read piece by piece under the reader's limits. bundle.md section 3. */
#ifndef KAN_EVIDENCE_ROWREAD_H
#define KAN_EVIDENCE_ROWREAD_H

#include <kanshiki/bundle.h>

struct kan_rowread {
	const char *path;   /* data/<...>.ndjson, gaps.ndjson, journal.ndjson */
	const char *bundle; /* the name that the header has to carry */
	bool whole;         /* false: its writer was cut off, so the first broken row is its end */
	kan_bundle_row_fn *fn;
	void *arg;
	struct kan_buf rest; /* the begin of a line whose end has not come yet */
	uint64_t lines;
	struct kan_err fault; /* the first row that is none; nothing is handed out after it */
};
/* fn may be NULL. */
void kan_rowread_init(struct kan_rowread *r, const char *path, const char *bundle, bool whole);
void kan_rowread_free(struct kan_rowread *r);
/* -1 only when fn said so; a broken row is told by end. arg is a kan_rowread. */
int kan_rowread_add(struct kan_bytes piece, void *arg, struct kan_err *err);
/* format: the first fault, with its line. */
int kan_rowread_end(struct kan_rowread *r, struct kan_err *err);
/* Does the name end in ".ndjson"? */
bool kan_rowread_is(const char *path);

#endif
