/* The analysis document: one bundle, joined and judged by rules. Keys as in
 * docs/schema/kanshiki.report-1.json. */
#ifndef KAN_ANALYZE_ANALYZE_H
#define KAN_ANALYZE_ANALYZE_H

#include "analyze/run.h"

/* What a document lists at most; the rest is counted in left_out, and is in the bundle. */
enum {
	KAN_LIST_PROCESSES = 500,
	KAN_LIST_SOCKETS = 500,
	KAN_LIST_CHANGES = 1000,
	KAN_LIST_HIDDEN = 200,
	KAN_LIST_TIMELINE = 400,
	KAN_LIST_NOT_SEEN = 500,
	KAN_LIST_SECRETS = 200,
	KAN_LIST_IMAGE = 500, /* of each: ghosts, damage, set-id files, steps */
	KAN_LIST_POSTURE = 500,
};

/* As kan_analyze, from any source. Yours. */
int kan_analyze_source(json_t **out, const struct kan_source *s, const struct kan_rules *r,
		       struct kan_err *err);
/* Read what the joins know of a source, and ask fn. tamper: an artefact that was altered. */
typedef int kan_facts_fn(const struct kan_facts *f, void *arg, struct kan_err *err);
int kan_facts_of(const struct kan_source *s, kan_facts_fn *fn, void *arg, struct kan_err *err);

/* As kan_analyze, with the rows of a scan by YARA rules (kan_yara_scan); empty: none was asked for.
 */
int kan_analyze_with(json_t **out, const struct kan_bundle *b, const struct kan_rules *r,
		     struct kan_bytes yara, struct kan_err *err);

/* The listed rows, filled while rows stream by. */
struct kan_lists {
	json_t *processes, *sockets, *changes, *hidden, *counts, *timeline, *secrets, *ghosts,
		*damaged, *setid;
	uint64_t n_processes, n_sockets, n_changes, n_hidden, n_unix, n_persist, n_explained,
		n_secrets, n_ghosts, n_damaged, n_setid;
};
void kan_lists_begin(struct kan_lists *l);
void kan_lists_free(struct kan_lists *l);
bool kan_lists_wants(const struct kan_kind *k);
void kan_lists_see(const struct kan_view *v, bool gaps, void *lists);

/* Of them the rows of the image. */
bool kan_lists_wants_image(const char *kind);
void kan_lists_see_image(struct kan_lists *l, const struct kan_view *v);
/* {count, rows, artefact, left_out, seen}: rows that were listed, of n; seen: of an artefact that
 * was read. Yours. */
json_t *kan_listed(json_t *rows, uint64_t n, const char *artefact, const struct kan_facts *f);
/* doc.image: what the image is, its layers and steps, and what is in them; integrity as of
 * kan_image_integrity, or NULL. Yours. */
json_t *kan_image_document(const struct kan_lists *l, const json_t *integrity,
			   const struct kan_facts *f);
/* doc.posture: what the container may reach and how the engine is set up, each with its source.
 * Yours. */
json_t *kan_posture_document(const struct kan_facts *f, const struct kan_rules *r,
			     const json_t *findings, struct kan_err *err);

/* timeline[]: life of the container, what the rows say, the capture itself; sorted. Yours. */
json_t *kan_timeline(const struct kan_facts *f, const json_t *findings, uint64_t *left_out);
/* The oldest event that the engine still had; 0 when there is none. */
int64_t kan_events_begin(const struct kan_facts *f, json_t *timeline);
/* The part of the container's life that the engine's events do not cover, as an entry of
 * not_seen[]; NULL: there is none. Yours. */
json_t *kan_events_unseen(const struct kan_facts *f);

#endif
