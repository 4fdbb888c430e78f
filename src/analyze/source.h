/* Where rows come from: a sealed bundle, or a plain folder laid out like one (rule fixtures). */
#ifndef KAN_ANALYZE_SOURCE_H
#define KAN_ANALYZE_SOURCE_H

#include <kanshiki/bundle.h>

struct kan_source;

/* b is borrowed and must outlive the source. */
struct kan_source *kan_source_bundle(const struct kan_bundle *b);
/* A folder with data/..., capture.json and gaps.ndjson; what it lacks is taken from below (NULL:
 * nothing). */
int kan_source_dir(struct kan_source **out, const char *dir, const char *below,
		   struct kan_err *err);
void kan_source_free(struct kan_source *s);
/* Rows that are no artefact, under a name that no artefact has; once. Copied. */
void kan_source_extra(struct kan_source *s, const char *path, struct kan_bytes rows);

const char *kan_source_name(const struct kan_source *s);
const char *kan_source_seal(const struct kan_source *s); /* "" when unsealed */
bool kan_source_has(const struct kan_source *s, const char *path);
/* Each row but a header; line counts from 1. not-found: there is no such file. */
int kan_source_rows(const struct kan_source *s, const char *path, kan_bundle_row_fn *fn, void *arg,
		    struct kan_err *err);
/* The whole of an artefact, as far as out takes it: limit beyond. */
int kan_source_read(struct kan_buf *out, const struct kan_source *s, const char *path,
		    struct kan_err *err);
/* The bytes of an artefact, piece by piece; act on nothing before it returns 0. */
int kan_source_stream(const struct kan_source *s, const char *path, kan_bundle_data_fn *fn,
		      void *arg, struct kan_err *err);
/* A whole JSON document of at most max octets. Yours. */
int kan_source_json(json_t **out, const struct kan_source *s, const char *path, size_t max,
		    struct kan_err *err);
/* An engine's event stream: JSON documents one after another (or one array of them), as an array.
 * Yours. */
int kan_source_events(json_t **out, const struct kan_source *s, const char *path,
		      struct kan_err *err);
/* Each member of a tar, as kan_tar_read. tamper: not what was sealed. format, limit: it ends where
 * it does. */
struct kan_tar_visit;
int kan_source_tar(const struct kan_source *s, const char *path, const struct kan_tar_visit *v,
		   struct kan_err *err);
/* -1 only when the artefact is there and is not what was sealed. */
int kan_source_intact(const struct kan_source *s, const char *path, struct kan_err *err);
/* SHA-256 of an artefact as the manifest has it; "" when it is not there. */
void kan_source_digest(char hex[65], const struct kan_source *s, const char *path);

#endif
