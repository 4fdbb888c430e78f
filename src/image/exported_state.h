/* Inside exported: the two answers of the engine, and the row of one entry. */
#ifndef KAN_IMAGE_EXPORTED_STATE_H
#define KAN_IMAGE_EXPORTED_STATE_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "image/export.h"
#include "image/take.h"
#include "image/tally.h"

enum { KAN_EXPORTED_WORDS = 4096 };

/* One answer while it comes. */
struct kan_answer {
	struct kan_err why;   /* what the parser said; the transfer ends */
	struct kan_err fatal; /* evidence cannot be written */
	struct kan_buf head;  /* for the engine's words */
	int64_t since_ns;     /* of the pace */
	uint64_t since_octets;
	int status;
};

struct kan_exported {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_answer a; /* the one that comes */
	struct kan_changelist *list;
	bool whole; /* the list */
	struct kan_rows *rows;
	struct kan_tarfile tar;
	struct kan_export *export;
	struct kan_artefact *raw;
	uint64_t items, kept, kept_max;

	/* The member that is open. */
	struct kan_file file;
	struct kan_export_member member;
	struct kan_layer_member head;
	struct kan_buf names;
	bool in_tar;

	/* What is told once, with its number and the first of them. */
	struct kan_tally again, contradicted, unlinked, absent;
	uint64_t left_out, left_octets;
};

/* GET, its pieces to fn until it says -1; every fault in a. */
int kan_answer_get(struct kan_answer *a, const struct kan_target *t, const char *path, uint64_t max,
		   int (*fn)(struct kan_bytes piece, void *arg), void *arg);
/* 0: the pace is kept. -1 with why. */
int kan_answer_pace(struct kan_answer *a, size_t n);

/* Rows. */
int kan_exported_row(struct kan_exported *x, const char *stored, struct kan_err *err);
/* Of an entry that the export does not have: deleted, or not to be had. */
int kan_exported_bare_row(struct kan_exported *x, const struct kan_listed *l, const char *change,
			  struct kan_err *err);

#endif
