/* Where a collector writes, and only there: artefacts, rows, gaps, and the freeze window. */
#ifndef KANSHIKI_SINK_H
#define KANSHIKI_SINK_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_sink;
struct kan_artefact;
struct kan_rows;
struct kan_row; /* base/row.h: the fields of one row */

enum kan_gap {
	KAN_GAP_DENIED,
	KAN_GAP_VANISHED,
	KAN_GAP_LIMIT,
	KAN_GAP_TIMEOUT,
	KAN_GAP_STUCK,
	KAN_GAP_CRASHED,
	KAN_GAP_CHANGED,
	KAN_GAP_CONTRADICTED,
	KAN_GAP_MALFORMED,
	KAN_GAP_UNSUPPORTED,
	KAN_GAP_NOT_APPLICABLE,
};
const char *kan_gap_name(enum kan_gap g);
enum kan_gap kan_gap_of_err(const struct kan_err *err);

/*
 * Artefacts. name is below data/<collector>/ and fixed by the collector, never made from the
 * target's words. Created exclusively, hashed while written. close frees the object in every case;
 * -1 from open, write or close with code io is fatal to the capture. abandon keeps what is there,
 * marked not whole. Writes may come from one other thread than the one that opened it.
 */
int kan_sink_open(struct kan_artefact **out, struct kan_sink *s, const char *name,
		  struct kan_err *err);
int kan_artefact_write(struct kan_artefact *a, const void *p, size_t n, struct kan_err *err);
int kan_artefact_close(struct kan_artefact *a, struct kan_err *err);
void kan_artefact_abandon(struct kan_artefact *a);
/* Content under its own digest: <dir>/<sha256>, stored once. close_content gives the digest. */
int kan_sink_content(struct kan_artefact **out, struct kan_sink *s, const char *dir,
		     struct kan_err *err);
int kan_artefact_close_content(char sha256[65], struct kan_artefact *a, struct kan_err *err);
/* One whole artefact from memory. */
int kan_sink_put(struct kan_sink *s, const char *name, struct kan_bytes content,
		 struct kan_err *err);

/* Rows: name ends in ".ndjson"; the header line is written by open. begin gives the one row to
 * fill. */
int kan_rows_open(struct kan_rows **out, struct kan_sink *s, const char *name, struct kan_err *err);
struct kan_row *kan_rows_begin(struct kan_rows *r);
int kan_rows_end(struct kan_rows *r, struct kan_err *err);
int kan_rows_close(struct kan_rows *r, struct kan_err *err); /* frees */
void kan_rows_abandon(struct kan_rows *r);

/* The world refused: recorded, and the collector goes on. what names the thing, escaped by the
 * sink. */
void kan_sink_gap(struct kan_sink *s, struct kan_bytes what, enum kan_gap code, const char *why_fmt,
		  ...) __attribute__((format(printf, 4, 5)));
void kan_sink_gap_err(struct kan_sink *s, struct kan_bytes what, const struct kan_err *err);
/* A guard was hit: a gap with code limit and the counts. A budget was hit: scope. */
void kan_sink_limit(struct kan_sink *s, struct kan_bytes what, uint64_t seen, uint64_t kept,
		    uint64_t limit);
void kan_sink_scope(struct kan_sink *s, struct kan_bytes what, const char *why);
/* A side effect of ours on target or host, for impact[]. */
void kan_sink_impact(struct kan_sink *s, const char *text);
void kan_sink_items(struct kan_sink *s, uint64_t items); /* the count a summary shows */

/*
 * The freeze window, tiers 1 and 2 only. enter blocks until the conductor says go: call it when all
 * that takes time before is done, with the size that will be read inside (0, 0 for tier 1). leave
 * says that nothing more of ours needs the pause. frozen tells at any moment whether the target is
 * paused by us (or was found paused): it is the value of a row's "frozen" key.
 */
int kan_sink_window_enter(struct kan_sink *s, uint64_t entries, uint64_t bytes,
			  struct kan_err *err);
void kan_sink_window_leave(struct kan_sink *s);
bool kan_sink_frozen(const struct kan_sink *s);
/* A read blocks in the kernel: the pause has to end now. */
void kan_sink_window_break(struct kan_sink *s);

#endif
