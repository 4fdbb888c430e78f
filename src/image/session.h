/* Inside the reader: one thread with its ring. */
#ifndef KAN_IMAGE_SESSION_H
#define KAN_IMAGE_SESSION_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/tree.h"
#include "image/links.h"
#include "image/reader.h"
#include "image/ring.h"

/* BUSY: inside a call that may block. Only then can it be left behind, and then it touches nothing
 * more. */
enum kan_session_state { KAN_SESSION_FREE, KAN_SESSION_BUSY, KAN_SESSION_LEFT };

/* A place where a thread was left behind. */
struct kan_place {
	struct kan_buf path;
	bool told; /* the record of it has been sent */
};

struct kan_session {
	struct kan_reader_opts o;
	struct kan_reader_counts counts;
	struct kan_ring *ring;
	struct kan_links *links;
	struct kan_digest *digest;
	struct kan_checksum *checksum; /* or NULL */
	pthread_t thread;
	_Atomic int state;
	_Atomic int64_t began_ns;
	_Atomic bool listing; /* busy with a directory */
	_Atomic bool orphan;  /* left behind, and nobody looks at it any more */
	uint64_t mnt;         /* of the root; 0: unknown */
	struct kan_place at;
	int note; /* of the entry */
	struct kan_buf xattrs, link;
	struct kan_tar_extent *extents;
	/* Places left behind before; the walk starts anew and goes on behind the last of them. */
	struct kan_place skip[KAN_READER_STUCK_END];
	size_t n_skip;
	bool skipping, no_open;
	int rc;
	struct kan_err err;
};

/* Around every call that may block. end: false when the session was left behind meanwhile. */
void kan_session_begin(struct kan_session *s, bool listing);
bool kan_session_end(struct kan_session *s);
bool kan_session_left(struct kan_session *s);

/* One entry becomes records. false: stop, left behind or nobody reads the ring any more. */
bool kan_session_emit(struct kan_session *s, const struct kan_tree_entry *e, bool stuck);
bool kan_session_problem(struct kan_session *s, struct kan_bytes path, const struct kan_err *err);

#endif
