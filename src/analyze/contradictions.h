/* Where two views of the same thing do not agree: a table, made from artefacts that are whole. */
#ifndef KAN_ANALYZE_CONTRADICTIONS_H
#define KAN_ANALYZE_CONTRADICTIONS_H

#include "analyze/analyze.h"
#include "analyze/facts.h"

enum {
	KAN_CONTRA_ROWS = 20,      /* examples of one comparison; all are counted */
	KAN_CONTRA_IDS = 1 << 20,  /* pids or inodes of one side */
	KAN_CONTRA_MOUNTS = 20000, /* mounts of the init's namespace */
};

/* One comparison while it is made. */
struct kan_contra {
	const struct kan_facts *facts;
	json_t *rows;
	uint64_t count;
	uint64_t normal;   /* they differ for a reason that is known and no contradiction */
	uint64_t live;     /* read while the container ran: says nothing */
	json_t *missing;   /* why it cannot be assessed; NULL: it was */
	const char *other; /* the second side, where it is not the one of the table */
};

/* A view: the artefact must be whole, and no gap of its collector may be about anything else than
 * these (by how its what begins). */
struct kan_contra_side {
	const char *collector, *artefact;
	const char *const *beside;
	const char *needs; /* a part of a single process that must be read: "/fd"; or NULL */
};
/* false: it is missing, and that is said. */
bool kan_contra_whole(struct kan_contra *c, const struct kan_contra_side *s);
void kan_contra_missing(struct kan_contra *c, const char *collector, const char *what,
			const char *code, const char *why);
/* what: the subject, in the container's bytes. one and other: what each side says; ours. */
struct kan_contra_case {
	const char *artefact;
	uint64_t line; /* 0: a document, which has no rows */
	struct kan_bytes what;
	const char *one, *other;
};
void kan_contra_add(struct kan_contra *c, const struct kan_contra_case *what);
bool kan_contra_rows(struct kan_contra *c, const char *artefact, kan_bundle_row_fn *fn, void *arg);

/* Numbers, to be sorted before they are asked. */
void kan_ids_add(struct kan_ids *ids, uint64_t id);
void kan_ids_sort(struct kan_ids *ids);
bool kan_ids_has(const struct kan_ids *ids, uint64_t id);

/* The comparisons. */
void kan_contra_cgroup(struct kan_contra *c);
void kan_contra_unheld(struct kan_contra *c);
void kan_contra_unlisted(struct kan_contra *c);
void kan_contra_exe(struct kan_contra *c);
void kan_contra_mounts(struct kan_contra *c);
void kan_contra_files(struct kan_contra *c);
/* The same of Podman, where the capture has the lists of its store. */
bool kan_contra_podman(struct kan_contra *c);
void kan_contra_log(struct kan_contra *c);
void kan_contra_digests(struct kan_contra *c);
void kan_contra_changes(struct kan_contra *c, const struct kan_lists *l);

/* Mounts of the init's namespace that neither the engine nor its habits explain, sorted by id.
 * false: not known. */
bool kan_mounts_strange(struct kan_ids *out, uint64_t *mntns, const struct kan_facts *f);

/* contradictions[] of the document, always the same comparisons in the same order. Yours. */
json_t *kan_contradictions(const struct kan_facts *f, const struct kan_lists *l);

#endif
