/* The read side of evidence: every byte that leaves here was checked against the seal. */
#ifndef KANSHIKI_BUNDLE_H
#define KANSHIKI_BUNDLE_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_bundle;

struct kan_bundle_file {
	const char *path; /* "data/engine/inspect.json" */
	const char *sha256;
	uint64_t size;
};

/*
 * Open a sealed bundle: tag files and seal are checked now, payload at each read. A directory
 * without bagit.txt and manifest: not-found. Altered: tamper, the text names the file. With
 * unsealed true a .partial is opened too, with the artefacts its journal has closed (the
 * provisional first screen).
 */
int kan_bundle_open(struct kan_bundle **out, const char *dir, bool unsealed, struct kan_err *err);
void kan_bundle_free(struct kan_bundle *b);
const char *kan_bundle_name(const struct kan_bundle *b);
const char *kan_bundle_dir(const struct kan_bundle *b);
const char *kan_bundle_seal(const struct kan_bundle *b); /* 64 hex; "" when unsealed */
bool kan_bundle_partial(const struct kan_bundle *b);
const json_t *kan_bundle_capture(const struct kan_bundle *b); /* capture.json; NULL when unsealed */
size_t kan_bundle_count(const struct kan_bundle *b);
const struct kan_bundle_file *kan_bundle_file(const struct kan_bundle *b,
					      size_t i); /* sorted by path */
const struct kan_bundle_file *kan_bundle_find(const struct kan_bundle *b, const char *path);

/* Whole content into out (capped by its max). The digest is checked before it returns. */
int kan_bundle_read(struct kan_buf *out, const struct kan_bundle *b, const char *path,
		    struct kan_err *err);
/* Streamed; the digest is checked at the end, so act on nothing before it returns 0. */
typedef int kan_bundle_data_fn(struct kan_bytes piece, void *arg, struct kan_err *err);
int kan_bundle_stream(const struct kan_bundle *b, const char *path, kan_bundle_data_fn *fn,
		      void *arg, struct kan_err *err);
/* Each row but the header, parsed under the reader's limits; row is borrowed; line 1: header. */
typedef int kan_bundle_row_fn(const json_t *row, uint64_t line, void *arg, struct kan_err *err);
int kan_bundle_rows(const struct kan_bundle *b, const char *path, kan_bundle_row_fn *fn, void *arg,
		    struct kan_err *err);

/* verify: one result per check. */
enum kan_check_result { KAN_CHECK_OK, KAN_CHECK_FAILED, KAN_CHECK_NOT_DONE };
enum kan_check_kind {
	KAN_CHECK_GENERAL,
	KAN_CHECK_ALTERED,
	KAN_CHECK_MISSING,
	KAN_CHECK_INCOMPLETE,
};
struct kan_check {
	const char *name; /* custody.md section 9: layout, seal, payload ... */
	enum kan_check_result result;
	enum kan_check_kind kind;
	const char *detail, *path; /* path "" when it is about the whole */
	const char *third_party;   /* the command of somebody else's tool */
};
typedef void kan_check_fn(const struct kan_check *check, void *arg);
/*
 * Every check of the format on a bag: closed world, seal, manifests, payload, journal, rows. Goes
 * on after a failure. 0 when it ran, whatever it found; -1 only when it could not run (io,
 * not-found). want_seal may be NULL.
 */
int kan_bundle_verify(const char *dir, const char *want_seal, kan_check_fn *fn, void *arg,
		      struct kan_err *err);

#endif
