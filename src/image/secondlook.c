/* What moved behind the walk's back. */
#include "image/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <kanshiki/sink.h>

#include "base/clock.h"

enum {
	LOOKS = 6, /* a directory that changes in each of them has no still picture */
	TOLD = 64, /* places that are named; of more the count is told */
	PATHS_MAX = 1 << 20,
	TICKS_MS = 50, /* a tick of the kernel's clock is 10 ms at most */
	NS_PER_MS = 1000000,
};

void kan_session_wait_for_a_tick(void)
{
	const struct timespec moment = {.tv_nsec = NS_PER_MS};
	int64_t now = kan_tick_ns();
	for (int i = 0; i < TICKS_MS && kan_tick_ns() == now; i++)
		(void)nanosleep(&moment, NULL);
}

struct look {
	struct kan_session *s;
	int64_t last;        /* the look before began, or the walk did */
	uint64_t n;          /* places found in this look */
	struct kan_buf told; /* of the first: what it is, a length, the path */
	bool changing;       /* a directory has changed since the look before */
};

struct place {
	size_t len;
	bool names; /* the directory's own names, not what is in it */
};

static void note_place(struct look *l, struct kan_bytes path, bool names)
{
	const struct place p = {path.n, names};
	if (l->n++ >= TOLD || path.n > PATHS_MAX / TOLD - sizeof(p))
		return;
	kan_buf_add(&l->told, &p, sizeof(p));
	kan_buf_addb(&l->told, path);
}

static int look_at(struct statx *st, int fd)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, st);
}

/* Older than the walk, changed during it, and in a directory that changed: it may have moved. A
 * file that was made meanwhile is no loss. */
static bool may_have_moved(const struct look *l, const struct kan_tree_entry *e)
{
	struct statx parent;
	bool born = (e->st->stx_mask & STATX_BTIME) && e->st->stx_btime.tv_sec > 0;
	if (e->parent_fd < 0 || kan_statx_ns(&e->st->stx_ctime) < l->s->since ||
	    (born && kan_statx_ns(&e->st->stx_btime) >= l->s->since))
		return false;
	return look_at(&parent, e->parent_fd) < 0 || kan_statx_ns(&parent.stx_ctime) >= l->s->since;
}

static enum kan_tree_next visit(const struct kan_tree_entry *e, void *arg)
{
	struct look *l = arg;
	if (!kan_session_end(l->s))
		return KAN_TREE_STOP;
	if (may_have_moved(l, e))
		note_place(l, e->path, false);
	if (!S_ISDIR(e->st->stx_mode))
		return KAN_TREE_GO;
	if (kan_session_was_stuck(l->s, e->path))
		return KAN_TREE_SKIP;
	if (kan_statx_ns(&e->st->stx_ctime) >= l->last) {
		l->changing = true;
		note_place(l, e->path, true);
	}
	kan_buf_reset(&l->s->at.path);
	kan_buf_addb(&l->s->at.path, e->path);
	kan_session_begin(l->s, true);
	return KAN_TREE_GO;
}

/* What could not be entered has been told by the walk, or is a change itself. */
static void problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct look *l = arg;
	(void)err;
	if (kan_session_end(l->s) && err->code == KAN_ENOTFOUND) {
		l->changing = true;
		note_place(l, path, false);
	}
}

/* One look. false: left behind, or the tree cannot be walked any more. */
static bool look(struct look *l)
{
	int64_t began = kan_tick_ns();
	struct kan_tree_walk w = {.max_entries = l->s->o.max_entries,
				  .dirs_before = l->s->since,
				  .fn = visit,
				  .problem = problem,
				  .arg = l};
	struct kan_err err = {0};
	kan_buf_reset(&l->told);
	l->n = 0;
	l->changing = false;
	bool whole = kan_tree_walk(&w, l->s->o.root_fd, &err) == 0 && kan_session_end(l->s);
	l->last = began;
	return whole;
}

static bool tell(struct kan_session *s, struct kan_bytes path, bool names)
{
	struct kan_err err;
	if (names)
		kan_err_set(&err, KAN_EIO, ESTALE,
			    "its names changed faster than they could be listed: what was in it "
			    "may be missing, or be there under two names");
	else
		kan_err_set(&err, KAN_EIO, ESTALE,
			    "it changed, in a directory whose names changed, while the tree was "
			    "walked: it may be missing, or be there under two names");
	return kan_session_problem(s, path, &err);
}

/* Of a look that nothing disturbed, the moved; else the restless directories too. */
static void tell_all(struct look *l)
{
	struct kan_bytes left = kan_buf_bytes(&l->told);
	uint64_t named = 0;
	for (struct place p; left.n >= sizeof(p); named++) {
		memcpy(&p, left.p, sizeof(p));
		struct kan_bytes path = {left.p + sizeof(p), p.len};
		left = (struct kan_bytes){path.p + p.len, left.n - sizeof(p) - p.len};
		if ((!p.names || l->changing) && !tell(l->s, path, p.names))
			return;
	}
	if (named == l->n)
		return;
	struct kan_err err;
	kan_err_set(&err, KAN_EIO, ESTALE, "%llu more changed while the tree was walked",
		    (unsigned long long)(l->n - named));
	(void)kan_session_problem(l->s, KAN_LIT("/"), &err);
}

void kan_session_look_again(struct kan_session *s)
{
	if (s->frozen && kan_sink_frozen(s->o.sink))
		return;
	struct look l = {.s = s, .last = s->since, .told = KAN_BUF(PATHS_MAX)};
	s->again = true;
	s->at.told = true;
	bool whole = look(&l);
	for (int i = 1; whole && l.changing && i < LOOKS; i++) {
		kan_session_wait_for_a_tick();
		whole = look(&l);
	}
	if (!kan_session_left(s))
		tell_all(&l);
	kan_buf_free(&l.told);
}
