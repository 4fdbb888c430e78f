/* The reader: a thread that walks a tree, opens, reads and hashes, and hands records over in walk
 * order. */
#ifndef KAN_IMAGE_READER_H
#define KAN_IMAGE_READER_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

#include "image/file.h"

struct kan_sink;

enum {
	KAN_READER_CHUNK = 256 << 10,
	KAN_READER_PATH_MAX = 4096, /* a member's path; beyond: content under its digest */
	KAN_READER_MS =
		2000, /* an open or a read may take that long, the listing of a directory more */
	KAN_READER_LIST_MS = 10000,
	KAN_READER_STUCK_MAX = 8,  /* then no more files of the tree are opened */
	KAN_READER_STUCK_END = 16, /* and then not even directories */
	KAN_READER_RING = 4 << 20,
	KAN_READER_RING_WINDOW = 8 << 20, /* holds all that may be read inside the freeze window */
};
#define KAN_READER_FILE_MAX (UINT64_C(4) << 30) /* bytes of one file */
#define KAN_READER_HOLES_MAX \
	(UINT64_C(4) << 30) /* of holes hashed in all; then digests are of extents */

/* Is the content of this regular file wanted? Called in the reader's thread, before the open. */
enum kan_want { KAN_WANT_STORE, KAN_WANT_DIGEST, KAN_WANT_NOTHING };
typedef enum kan_want kan_want_fn(const struct kan_file *f, void *arg);
/*
 * A word about every entry, for the writer: it comes along as the file's note. Called in the
 * reader's thread, in walk order; behind a stuck place the walk begins anew, with the root.
 */
struct kan_tree_entry;
typedef int kan_note_fn(const struct kan_tree_entry *e, void *arg);

struct kan_reader_opts {
	int root_fd;                 /* a directory, or one regular file */
	const struct kan_sink *sink; /* for "frozen"; NULL: false */
	kan_want_fn *want;           /* NULL: store all */
	kan_note_fn *note;           /* or NULL */
	void *arg;                   /* of both */
	const char *metacopy; /* name of the attribute that says the data is elsewhere; or NULL */
	uint64_t max_entries; /* 0: 2,000,000 */
	size_t ring;          /* 0: KAN_READER_RING */
	size_t sum;           /* of a package manager's checksum, taken besides: 16, 20; 0: none */
	bool root_only;       /* of a directory the entry itself, nothing in it */
	bool shared; /* the container writes in it unless it is frozen: what moved behind the walk's
			back is a problem, with sys ESTALE */
};

enum kan_record_kind {
	KAN_RECORD_FILE,    /* file; streamed: data follows */
	KAN_RECORD_DATA,    /* data */
	KAN_RECORD_END,     /* of a streamed file: its digest */
	KAN_RECORD_PROBLEM, /* of the path in data: err. What could be had of the file follows, or
			       came */
};
struct kan_record {
	enum kan_record_kind kind;
	struct kan_file file; /* of END: content, octets, stable, digest only */
	struct kan_bytes data;
	struct kan_err *err;
};

struct kan_reader;
/* The thread starts at once. The object stays borrowed by no one: opts are copied. */
int kan_reader_start(struct kan_reader **out, const struct kan_reader_opts *o, struct kan_err *err);
/* 1: *rec until the next call; 0: all was read; -1 with sys ETIMEDOUT: stuck, go_on; else why the
 * walk failed. */
int kan_reader_next(const struct kan_record **rec, struct kan_reader *r, struct kan_err *err);
/*
 * Behind a stuck read: who is blocked is left behind, a new thread goes on after the place, which
 * path tells. A file whose record has not come yet comes as KAN_CONTENT_STUCK.
 */
int kan_reader_go_on(struct kan_bytes *path, struct kan_reader *r, struct kan_err *err);
/* Wait until all is read, or the ring is full, or it is stuck. */
void kan_reader_settle(struct kan_reader *r);
void kan_reader_free(struct kan_reader *r);

struct kan_reader_counts {
	uint64_t entries, octets; /* met; bytes read */
	uint64_t holes,
		holes_left_out; /* bytes of holes hashed; and of files whose digest is of extents */
	bool atime, links_full; /* access times were changed; the table of links was full */
	unsigned stuck;
};
/* Whole when next has returned 0. */
struct kan_reader_counts kan_reader_counts(const struct kan_reader *r);

#endif
