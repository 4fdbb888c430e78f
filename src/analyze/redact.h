/* A copy of a report to give away: people, hosts and inner addresses are numbered, what the
 * container says is left out. */
#ifndef KAN_ANALYZE_REDACT_H
#define KAN_ANALYZE_REDACT_H

#include <jansson.h>
#include <kanshiki/bytes.h>

struct kan_redactor;

struct kan_redactor *kan_redactor_new(void);
void kan_redactor_free(struct kan_redactor *r);
/*
 * The analysis document, in place: by the key of each value. Digests, public addresses, paths, ids
 * and our own words stay; a key that is not known is left out. Adds "redacted" {left_out, users,
 * hosts, addresses}. The same document, the same numbers.
 */
void kan_redact_document(struct kan_redactor *r, json_t *doc);
/* A row of an artefact, after the document, with its numbers. Yours. */
json_t *kan_redact_row(struct kan_redactor *r, const json_t *row);
/* Text of ours that may hold names and addresses. Appends. */
void kan_redact_text(struct kan_redactor *r, struct kan_buf *out, struct kan_bytes text);

#endif
