/* Take a tree: each file read once, into the tar and its digest, and told to whoever writes the
 * rows. */
#ifndef KAN_IMAGE_TAKE_H
#define KAN_IMAGE_TAKE_H

#include <kanshiki/sink.h>

#include "image/reader.h"

struct kan_artefact;
struct kan_tar;

/* A tar that is an artefact. */
struct kan_tarfile {
	struct kan_artefact *artefact;
	struct kan_tar *tar;
	const char *name;
};
int kan_tarfile_open(struct kan_tarfile *out, struct kan_sink *s, const char *name,
		     struct kan_err *err);
int kan_tarfile_close(struct kan_tarfile *t, struct kan_err *err); /* frees in every case */
void kan_tarfile_abandon(struct kan_tarfile *t);

/* stored: "upper.tar", "content/<sha256>", or NULL. -1 ends the taking. */
typedef int kan_take_fn(const struct kan_file *f, const char *stored, void *arg,
			struct kan_err *err);

/* May this entry go into the tar? Asked once, before its row. */
typedef bool kan_take_member_fn(const struct kan_file *f, void *arg);

struct kan_take {
	struct kan_sink *sink;
	const char *name; /* of the whole, when its walk ends early; NULL: "the walk" */
	struct kan_reader_opts reader;
	struct kan_reader *started; /* with these options before; NULL: it starts now. Taken over */
	struct kan_tarfile *tar;    /* NULL: digests only */
	struct kan_bytes prefix;    /* in front of each member's path, for instance "731" */
	struct kan_bytes point; /* in front of each path that a gap names, for instance "/data" */
	const char
		*content; /* directory for files whose path is too long; NULL: no bytes of them */
	bool defer;       /* write only when all is read and the window was left */
	bool window;      /* leave the window when all is read */
	kan_take_member_fn *member; /* NULL: whatever has a place in a tar */
	kan_take_fn *row;
	void *arg;
	struct kan_reader_counts counts; /* out */
};
/* 0: taken, with gaps told. -1: evidence cannot be written, or row said so. */
int kan_take_tree(struct kan_take *t, struct kan_err *err);

#endif
