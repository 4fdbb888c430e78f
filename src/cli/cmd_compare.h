/* compare: what its files share. */
#ifndef KAN_CLI_CMD_COMPARE_H
#define KAN_CLI_CMD_COMPARE_H

#include "analyze/compare.h"
#include "cli/cmd.h"

/* A bundle that is open, as a side. */
struct kan_open_side {
	struct kan_bundle *bundle;
	struct kan_source *source;
	struct kan_side *side;
};
int kan_open_side(struct kan_open_side *out, const char *path, struct kan_err *err);
void kan_close_side(struct kan_open_side *s);

/* One JSON document on a line of its own; takes it. -1: it could not be written, which main tells
 * at the end whoever does not. */
int kan_compare_line(json_t *doc, struct kan_err *err);
/* The first line: what is compared. with: the other bundle, or NULL. Takes more, or NULL. */
int kan_compare_header(const char *kind, const struct kan_side *a, const struct kan_side *with,
		       json_t *more, struct kan_err *err);
/* Gaps, one line each on stderr; true when there are any. who: "" or "A: ". */
bool kan_compare_gaps(const char *who, const json_t *gaps, uint64_t n);
/* Text of the container's, made visible, in columns; filled up with blanks to width. */
void kan_compare_cell(struct kan_bytes text, size_t width);
/* The same without a width: no two blanks in it. */
void kan_compare_text_cell(struct kan_bytes text);

/* The bytes of a key, likewise. */
void kan_compare_bytes(const json_t *o, const char *key);

void kan_compare_print(const struct kan_compared *c);
int kan_compare_pair_run(const struct kan_args *a, const char *first, const char *second);
int kan_compare_reference_run(const struct kan_args *a, const char *reference);
int kan_compare_all_run(const struct kan_args *a, const char *image);

#endif
