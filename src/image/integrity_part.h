/* Inside integrity: what is shared by the image, its layers and the rows about them. */
#ifndef KAN_IMAGE_INTEGRITY_PART_H
#define KAN_IMAGE_INTEGRITY_PART_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "base/digest.h"
#include "image/idmap.h"
#include "image/layerdir.h"
#include "image/layers.h"
#include "image/lower.h"
#include "image/tarsplit.h"

struct kan_tree_opener;

/* Rows about paths of one layer, and gaps about files of one. All are counted in its verdict. */
enum { KAN_INTEGRITY_TOLD = 20000, KAN_INTEGRITY_GAPS = 1000 };

/* Of the ladder in docs/image-integrity.md. */
enum kan_rung {
	KAN_RUNG_REFERENCE = 1,
	KAN_RUNG_NAME = 2,
	KAN_RUNG_DIGEST = 3,
	KAN_RUNG_HEADERS = 4,
};

struct kan_integrity {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_rows *rows;
	struct kan_tree_opener *opener;
	struct kan_crc64 crc;
	struct kan_split split;
	struct kan_digest *digest;
	uint8_t *buffer;          /* KAN_IO_READ */
	struct kan_idmaps owners; /* of the store */
	int told_layer;           /* whose damaged paths told counts */
	uint64_t told;
	struct kan_layer *lowers; /* of the image, topmost first; the engine's own left out */
	size_t n_lowers;
	char config_id[KAN_DIGEST]; /* digest of the config of this host; empty: not read */
	bool named;                 /* rung 2 holds */
	int64_t until_ns; /* of kan_boot_ns: foreign bytes are read no longer; 0: no end */
	bool streamed;    /* no directories: the layers of the engine's stream have their digests */
};

/* What is said of an image or a layer on one rung. */
struct kan_verdict {
	enum kan_rung rung;
	int layer;            /* -1: the image */
	bool manifest;        /* no verdict of the rung: of a manifest of the image */
	bool claimed;         /* the engine names that manifest's digest for the image */
	const char *result;   /* "verified", "damaged", "not-done" */
	const char *expected; /* "sha256:..." or NULL */
	const char *found;
	uint64_t files, octets, damaged, noted;
	const char *why;            /* or NULL */
	struct kan_bytes directory; /* of a layer that the config does not name; else empty */
};
/* A layer that is looked at. */
struct kan_layer_job {
	int number;          /* 0 the base */
	size_t lower;        /* its place in lowers */
	const char *split;   /* the path of its tar-split below the data root */
	const char *diff_id; /* "sha256:..." */
};

/* Opens integrity.ndjson. end frees in every case, and closes the rows when rc is 0. */
int kan_integrity_begin(struct kan_integrity **out, const struct kan_target *t, struct kan_sink *s,
			struct kan_err *err);
int kan_integrity_end(struct kan_integrity *g, int rc, struct kan_err *err);

int kan_integrity_verdict(struct kan_integrity *g, const struct kan_verdict *v,
			  struct kan_err *err);
/* Beyond KAN_INTEGRITY_TOLD of a layer there is a limit instead, and no row. */
int kan_integrity_damage(struct kan_integrity *g, enum kan_rung rung, int layer,
			 const struct kan_damage *d, struct kan_err *err);
/* Nothing is known of this path: a gap. That no more is tried is said once. against: "" or words
 * for people. */
void kan_integrity_unknown(struct kan_integrity *g, int layer, const char *against,
			   struct kan_bytes path, const struct kan_err *why);
/* One layer: both rungs. */
int kan_integrity_layer(struct kan_integrity *g, const struct kan_layer_job *job,
			struct kan_err *err);
/* The image's layers below this place of lowers. Yours: kan_stack_free. */
void kan_integrity_below(struct kan_stack *out, const struct kan_integrity *g, size_t lower);
/* Rung 1, against policy.reference. */
int kan_integrity_reference(struct kan_integrity *g, const struct kan_diff_ids *ids,
			    struct kan_err *err);
/* Rung 1, of a digest alone ("sha256:..."). */
int kan_integrity_digest(struct kan_integrity *g, const char *wanted, struct kan_err *err);
/* The engine's inspect of the image by its id. not-found: it has none. Yours: json_decref it. */
int kan_integrity_inspect(json_t **out, const struct kan_target *t, struct kan_err *err);
/* Manifests that the store keeps of the image or that the engine names, hashed again: a row each.
 */
int kan_integrity_manifests(struct kan_integrity *g, struct kan_err *err);
/*
 * Rungs 3 and 4 without tar-split: what a content store has below blobs/sha256 for this digest
 * ("sha256:...", of an index, a manifest). store: its directory. The blobs are hashed again on the
 * way.
 */
int kan_integrity_content(struct kan_integrity *g, const struct kan_diff_ids *ids, int store,
			  const char *digest, struct kan_err *err);

#endif
