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

/* Places that may have moved behind the walk's back: a length and the path of each of the first. */
struct kan_moved {
	struct kan_buf told;
	size_t n_told;
	uint64_t rest, most; /* places beyond them in this look, and in any */
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
	int64_t since; /* the first walk began: kan_tick_ns */
	bool again;    /* all has been met; the directories are looked at again */
	bool frozen;   /* the container was when the walk began */
	struct kan_moved moved;
};

/* Around every call that may block. end: false when the session was left behind meanwhile. */
void kan_session_begin(struct kan_session *s, bool listing);
bool kan_session_end(struct kan_session *s);
bool kan_session_left(struct kan_session *s);

/* One entry becomes records. false: stop, left behind or nobody reads the ring any more. */
bool kan_session_emit(struct kan_session *s, const struct kan_tree_entry *e, bool stuck);
bool kan_session_problem(struct kan_session *s, struct kan_bytes path, const struct kan_err *err);
/*
 * Behind the walk of a tree in which others write. It is no snapshot: what moves from where the
 * walk will be to where it was is met nowhere. inode(7): a rename sets the ctime of both
 * directories and, on the file systems that engines use, of what moved; nobody but who sets the
 * clock can set it back. So the directories are looked at again until none has changed since the
 * look before, or six times; and what is older than the walk, and changed in a directory that
 * changed, is told as a problem.
 */
void kan_session_look_again(struct kan_session *s);
/* What that found, also in a session that was left behind in the middle of it. */
void kan_session_tell_moved(struct kan_session *s);
/* To the next tick of the kernel's clock: what changed before has an older stamp then. */
void kan_session_wait_for_a_tick(void);
/* Was a thread left behind there? */
bool kan_session_was_stuck(struct kan_session *s, struct kan_bytes path);

#endif
