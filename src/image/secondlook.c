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
	LOOKS = 6, /* who moves something cannot see them, and has to hide it from each */
	TOLD = 64, /* places that are named; of more the count is told */
	PATHS_MAX = 1 << 20,
	TICKS_MS = 50, /* a tick of the kernel's clock is 10 ms at most */
	NS_PER_MS = 1000000,
};

struct look {
	struct kan_session *s;
	int64_t last;  /* the look before began, or the walk did */
	bool changing; /* a directory has changed since the look before */
};

/* Since Linux 6.13 an inode may be stamped with the time itself, which the tick lags behind by more
 * than one. */
void kan_session_wait_for_a_tick(void)
{
	const struct timespec moment = {.tv_nsec = NS_PER_MS};
	int64_t now = kan_now_ns();
	for (int i = 0; i < TICKS_MS && kan_tick_ns() <= now; i++)
		(void)nanosleep(&moment, NULL);
}

/* The next place of left. */
static bool next_place(struct kan_bytes *path, struct kan_bytes *left)
{
	size_t len;
	if (left->n < sizeof(len))
		return false;
	memcpy(&len, left->p, sizeof(len));
	*path = (struct kan_bytes){left->p + sizeof(len), len};
	*left = (struct kan_bytes){path->p + len, left->n - sizeof(len) - len};
	return true;
}

static bool is_told(const struct kan_moved *l, struct kan_bytes path)
{
	struct kan_bytes left = kan_buf_bytes(&l->told), other;
	while (next_place(&other, &left))
		if (kan_bytes_eq(other, path))
			return true;
	return false;
}

static void note_place(struct kan_moved *l, struct kan_bytes path)
{
	if (is_told(l, path))
		return;
	if (l->n_told == TOLD || path.n > PATHS_MAX / TOLD - sizeof(path.n)) {
		l->rest++;
		l->most = l->rest > l->most ? l->rest : l->most;
		return;
	}
	l->n_told++;
	kan_buf_add(&l->told, &path.n, sizeof(path.n));
	kan_buf_addb(&l->told, path);
}

static int64_t ctime_of(int fd)
{
	struct statx st;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_CTIME, &st) < 0
		       ? INT64_MAX
		       : kan_statx_ns(&st.stx_ctime);
}

/* Older than the walk, changed during it, and in a directory that changed: it may have moved. A
 * file that was made meanwhile is no loss. */
static bool may_have_moved(const struct look *l, const struct kan_tree_entry *e)
{
	int64_t since = l->s->since;
	bool born = (e->st->stx_mask & STATX_BTIME) && e->st->stx_btime.tv_sec > 0;
	if (e->parent_fd < 0 || kan_statx_ns(&e->st->stx_ctime) < since ||
	    (born && kan_statx_ns(&e->st->stx_btime) >= since))
		return false;
	return ctime_of(e->parent_fd) >= since;
}

static enum kan_tree_next visit(const struct kan_tree_entry *e, void *arg)
{
	struct look *l = arg;
	if (!kan_session_end(l->s))
		return KAN_TREE_STOP;
	if (may_have_moved(l, e))
		note_place(&l->s->moved, e->path);
	if (!S_ISDIR(e->st->stx_mode))
		return KAN_TREE_GO;
	if (kan_session_was_stuck(l->s, e->path))
		return KAN_TREE_SKIP;
	if (kan_statx_ns(&e->st->stx_ctime) >= l->last)
		l->changing = true;
	kan_buf_reset(&l->s->at.path);
	kan_buf_addb(&l->s->at.path, e->path);
	kan_session_begin(l->s, true);
	return KAN_TREE_GO;
}

/* What could not be entered has been told by the walk, or is a change itself. */
static void problem(struct kan_bytes path, const struct kan_err *err, void *arg)
{
	struct look *l = arg;
	(void)path;
	if (kan_session_end(l->s) && err->code == KAN_ENOTFOUND)
		l->changing = true;
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
	l->s->moved.rest = 0;
	l->changing = false;
	int rc = kan_tree_walk(&w, l->s->o.root_fd, &err);
	if (!kan_session_end(l->s))
		return false;
	if (rc < 0) /* more in it than when it was walked, for one */
		(void)kan_session_problem(l->s, KAN_LIT("/"), &err);
	l->last = began;
	return rc == 0;
}

void kan_session_tell_moved(struct kan_session *s)
{
	struct kan_bytes left = kan_buf_bytes(&s->moved.told), path;
	struct kan_err err = {0};
	kan_err_set(&err, KAN_EIO, ESTALE,
		    "it changed, in a directory whose names changed, while the tree was walked: it "
		    "may be missing, or be there under two names");
	while (next_place(&path, &left))
		if (!kan_session_problem(s, path, &err))
			return;
	if (s->moved.most == 0)
		return;
	kan_err_set(&err, KAN_EIO, ESTALE, "%llu more changed while the tree was walked",
		    (unsigned long long)s->moved.most);
	(void)kan_session_problem(s, KAN_LIT("/"), &err);
}

void kan_session_look_again(struct kan_session *s)
{
	if (s->frozen && kan_sink_frozen(s->o.sink))
		return;
	struct look l = {.s = s, .last = s->since};
	s->moved.told = KAN_BUF(PATHS_MAX);
	s->again = true;
	s->at.told = true;
	bool whole = look(&l);
	for (int i = 1; whole && l.changing && i < LOOKS; i++) {
		kan_session_wait_for_a_tick();
		whole = look(&l);
	}
	if (!kan_session_left(s))
		kan_session_tell_moved(s);
}
