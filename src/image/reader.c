/* Threads of the reader: start, stuck places, going on behind them. */
#include "image/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <kanshiki/sink.h>

#include "base/clock.h"
#include "base/row.h"
#include "image/session.h"

enum { WAIT_MS = 100, NS_PER_MS = 1000000 };

struct kan_reader {
	struct kan_session *s;
	bool held; /* a record of the ring is with the caller */
	bool ended;
	struct kan_buf place; /* the last stuck path, for the caller */
};

static void free_session(struct kan_session *s)
{
	kan_ring_free(s->ring);
	kan_links_free(s->links);
	kan_digest_free(s->digest);
	kan_checksum_free(s->checksum);
	kan_buf_free(&s->at.path);
	kan_buf_free(&s->moved.told);
	kan_buf_free(&s->xattrs);
	kan_buf_free(&s->link);
	free(s->extents);
	for (size_t i = 0; i < s->n_skip; i++)
		kan_buf_free(&s->skip[i].path);
	free(s);
}

void kan_session_begin(struct kan_session *s, bool listing)
{
	atomic_store(&s->listing, listing);
	atomic_store(&s->began_ns, kan_boot_ns());
	atomic_store(&s->state, KAN_SESSION_BUSY);
}

bool kan_session_end(struct kan_session *s)
{
	int busy = KAN_SESSION_BUSY;
	return atomic_compare_exchange_strong(&s->state, &busy, KAN_SESSION_FREE) ||
	       busy == KAN_SESSION_FREE;
}

bool kan_session_left(struct kan_session *s)
{
	return atomic_load(&s->state) == KAN_SESSION_LEFT;
}

static struct kan_place *place_of(struct kan_session *s, struct kan_bytes path)
{
	for (size_t i = 0; i < s->n_skip; i++)
		if (kan_bytes_eq(kan_buf_bytes(&s->skip[i].path), path))
			return &s->skip[i];
	return NULL;
}

bool kan_session_was_stuck(struct kan_session *s, struct kan_bytes path)
{
	path.n = path.n < KAN_ROW_PATH_MAX ? path.n : KAN_ROW_PATH_MAX;
	return place_of(s, path) != NULL;
}

/* Before the last stuck place everything has been told; the places themselves are never entered
 * again. */
static enum kan_tree_next pass_by(struct kan_session *s, const struct kan_tree_entry *e,
				  struct kan_bytes path)
{
	struct kan_place *p = place_of(s, path);
	if (!p)
		return KAN_TREE_GO;
	if (p == &s->skip[s->n_skip - 1])
		s->skipping = false;
	if (!p->told && !kan_session_emit(s, e, true))
		return KAN_TREE_STOP;
	p->told = true;
	return KAN_TREE_SKIP;
}

static enum kan_tree_next visit(const struct kan_tree_entry *e, void *arg)
{
	struct kan_session *s = arg;
	if (!kan_session_end(s)) /* of the directory that was listed before */
		return KAN_TREE_STOP;
	struct kan_bytes path = {e->path.p,
				 e->path.n < KAN_ROW_PATH_MAX ? e->path.n : KAN_ROW_PATH_MAX};
	bool dir = S_ISDIR(e->st->stx_mode);
	kan_buf_reset(&s->at.path);
	kan_buf_addb(&s->at.path, path);
	s->at.told = false;
	enum kan_tree_next next = KAN_TREE_GO;
	s->note = s->o.note ? s->o.note(e, s->o.arg) : 0;
	if (s->skipping || place_of(s, path))
		next = pass_by(s, e, path);
	else if (!kan_session_emit(s, e, false))
		return KAN_TREE_STOP;
	s->at.told = true;
	if (dir && next == KAN_TREE_GO)
		kan_session_begin(s, true);
	return next;
}

static void problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct kan_session *s = arg;
	if (kan_session_end(s) && !s->skipping)
		(void)kan_session_problem(s, path, err);
}

static void walk_one(struct kan_session *s, const struct statx *st)
{
	struct kan_tree_entry e = {
		.path = KAN_LIT("/"), .parent_fd = -1, .fd = s->o.root_fd, .st = st};
	s->counts.entries = 1;
	(void)visit(&e, s);
}

static void begin_clock(struct kan_session *s)
{
	s->frozen = s->o.sink && kan_sink_frozen(s->o.sink);
	if (s->o.shared && !s->frozen)
		kan_session_wait_for_a_tick();
	if (!s->since)
		s->since = kan_tick_ns();
}

static void walk(struct kan_session *s)
{
	struct statx st;
	struct kan_tree_walk w = {
		.max_entries = s->o.max_entries, .fn = visit, .problem = problem, .arg = s};
	if (statx(s->o.root_fd, "",
		  AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, &st) < 0) {
		s->rc = kan_fail_sys(&s->err, "stat");
		return;
	}
	s->mnt = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
	if (s->o.root_only || !S_ISDIR(st.stx_mode)) {
		walk_one(s, &st);
		return;
	}
	if (s->again) {
		kan_session_tell_moved(s);
		return;
	}
	begin_clock(s);
	s->rc = kan_tree_walk(&w, s->o.root_fd, &s->err);
	s->counts.entries = w.seen;
	if (s->o.shared && s->rc == 0 && !s->skipping && kan_session_end(s))
		kan_session_look_again(s);
}

static void *run(void *arg)
{
	struct kan_session *s = arg;
	walk(s);
	if (!kan_session_end(s)) {
		const struct timespec moment = {.tv_nsec = NS_PER_MS};
		while (!atomic_load(&s->orphan)) /* what the next thread inherits is being taken */
			(void)nanosleep(&moment, NULL);
		free_session(s);
		return NULL;
	}
	if (s->skipping && s->rc == 0)
		s->rc = kan_fail(&s->err, KAN_ENOTFOUND,
				 "the place to go on from is gone; what follows it was not read");
	s->counts.links_full = kan_links_full(s->links);
	kan_ring_end(s->ring);
	return NULL;
}

static struct kan_session *new_session(const struct kan_reader_opts *o)
{
	struct kan_session *s = kan_xalloc(sizeof(*s));
	s->o = *o;
	s->ring = kan_ring_new(o->ring ? o->ring : KAN_READER_RING);
	s->digest = kan_digest_new();
	s->checksum = o->sum ? kan_checksum_new(o->sum) : NULL;
	s->at.path = KAN_BUF(KAN_ROW_PATH_MAX);
	s->xattrs = KAN_BUF(KAN_TREE_XATTR_MAX * 4);
	s->link = KAN_BUF(64 << 10);
	s->extents = kan_xrealloc(NULL, KAN_TAR_EXTENTS, sizeof(*s->extents));
	return s;
}

static int start(struct kan_session *s, struct kan_err *err)
{
	return pthread_create(&s->thread, NULL, run, s) == 0
		       ? 0
		       : kan_fail(err, KAN_EIO, "no thread to be had");
}

int kan_reader_start(struct kan_reader **out, const struct kan_reader_opts *o, struct kan_err *err)
{
	struct kan_session *s = new_session(o);
	s->links = kan_links_new();
	if (start(s, err) < 0) {
		free_session(s);
		return -1;
	}
	struct kan_reader *r = kan_xalloc(sizeof(*r));
	r->s = s;
	r->place = KAN_BUF(KAN_ROW_PATH_MAX);
	*out = r;
	return 0;
}

static bool overdue(const struct kan_session *s)
{
	int64_t limit = atomic_load(&s->listing) ? KAN_READER_LIST_MS : KAN_READER_MS;
	return atomic_load(&s->state) == KAN_SESSION_BUSY &&
	       kan_boot_ns() - atomic_load(&s->began_ns) > limit * NS_PER_MS;
}

static int finish(struct kan_reader *r, struct kan_err *err)
{
	if (!r->ended)
		(void)pthread_join(r->s->thread, NULL);
	r->ended = true;
	if (r->s->rc < 0 && err)
		*err = r->s->err;
	return r->s->rc;
}

int kan_reader_next(const struct kan_record **rec, struct kan_reader *r, struct kan_err *err)
{
	void *p = NULL;
	if (r->held)
		kan_ring_release(r->s->ring);
	r->held = false;
	if (r->ended)
		return finish(r, err);
	for (;;) {
		int rc = kan_ring_next(&p, r->s->ring, WAIT_MS);
		int busy = KAN_SESSION_BUSY;
		if (rc == 0)
			return finish(r, err);
		if (rc > 0) {
			r->held = true;
			*rec = p;
			return 1;
		}
		if (overdue(r->s) &&
		    atomic_compare_exchange_strong(&r->s->state, &busy, KAN_SESSION_LEFT)) {
			kan_err_set(err, KAN_EIO, ETIMEDOUT,
				    "open did not return in 2 s; permission mark or storage");
			return -1;
		}
	}
}

/* What a left session may never touch again moves to the next one. */
static void inherit(struct kan_session *s, struct kan_session *left)
{
	memcpy(s->skip, left->skip, sizeof(s->skip));
	s->n_skip = left->n_skip;
	left->n_skip = 0;
	s->skip[s->n_skip++] = left->at;
	left->at.path = KAN_BUF(0);
	s->links = kan_take_ptr(left->links);
	s->counts = left->counts;
	s->since = left->since;
	s->again = left->again;
	s->moved = left->moved;
	left->moved.told = KAN_BUF(0);
	s->counts.stuck++;
	s->no_open = s->counts.stuck >= KAN_READER_STUCK_MAX;
	s->skipping = !s->again;
}

int kan_reader_go_on(struct kan_bytes *path, struct kan_reader *r, struct kan_err *err)
{
	struct kan_session *left = r->s, *s = new_session(&left->o);
	kan_buf_reset(&r->place);
	kan_buf_addb(&r->place, kan_buf_bytes(&left->at.path));
	*path = kan_buf_bytes(&r->place);
	inherit(s, left);
	(void)pthread_detach(left->thread);
	atomic_store(&left->orphan, true);
	r->s = s;
	if (s->counts.stuck >= KAN_READER_STUCK_END) {
		s->rc = kan_fail(&s->err, KAN_EIO, "%d places did not answer",
				 KAN_READER_STUCK_END);
		s->err.sys = ETIMEDOUT;
		r->ended = true;
		return 0;
	}
	if (start(s, err) == 0)
		return 0;
	s->rc = -1;
	r->ended = true;
	return -1;
}

void kan_reader_settle(struct kan_reader *r)
{
	while (!kan_ring_settled(r->s->ring, WAIT_MS) && !overdue(r->s))
		;
}

/* It stops at the next record; a thread that is blocked is not waited for. */
static void stop(struct kan_reader *r)
{
	struct kan_session *s = r->s;
	kan_ring_close(s->ring);
	while (!kan_ring_settled(s->ring, WAIT_MS)) {
		int busy = KAN_SESSION_BUSY;
		bool late = overdue(s) &&
			    atomic_compare_exchange_strong(&s->state, &busy, KAN_SESSION_LEFT);
		if (!late && !kan_session_left(s))
			continue;
		(void)pthread_detach(s->thread);
		atomic_store(&s->orphan, true);
		r->s = NULL;
		return;
	}
	(void)pthread_join(s->thread, NULL);
}

void kan_reader_free(struct kan_reader *r)
{
	if (!r)
		return;
	if (!r->ended)
		stop(r);
	if (r->s)
		free_session(r->s);
	kan_buf_free(&r->place);
	free(r);
}

struct kan_reader_counts kan_reader_counts(const struct kan_reader *r)
{
	return r->s->counts;
}
