/* The directories of later layers on the way down a layer: one look at each name, none where no
 * later layer has the directory. */
#include "image/ghosts.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tree.h"

/* A directory of the layer, and what later layers have at its path: nearest above first. */
struct level {
	struct kan_view above;
	int by; /* hides what none of above hides */
};

struct kan_hidden {
	const struct kan_stack *stack;
	unsigned layer;
	struct level *levels;
	size_t depth, cap, held;
	uint64_t unknown;
	struct kan_err why;
};

struct kan_hidden *kan_hidden_new(const struct kan_stack *s, unsigned layer)
{
	struct kan_hidden *h = kan_xalloc(sizeof(*h));
	h->stack = s;
	h->layer = layer;
	return h;
}

static void pop_to(struct kan_hidden *h, size_t depth)
{
	while (h->depth > depth) {
		struct level *l = &h->levels[--h->depth];
		for (size_t i = 0; i < l->above.n; i++)
			h->held -= !l->above.v[i].borrowed;
		kan_view_free(&l->above);
	}
}

void kan_hidden_free(struct kan_hidden *h)
{
	if (!h)
		return;
	pop_to(h, 0);
	free(h->levels);
	free(h);
}

uint64_t kan_hidden_unknown(struct kan_err *why, const struct kan_hidden *h)
{
	*why = h->why;
	return h->unknown;
}

static void push(struct kan_hidden *h, const struct level *l)
{
	if (h->depth == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 32;
		h->levels = kan_xrealloc(h->levels, h->cap, sizeof(*h->levels));
	}
	h->levels[h->depth++] = *l;
}

static void push_root(struct kan_hidden *h)
{
	struct level l = {.by = KAN_HIDDEN_NOT};
	l.above.v = kan_xrealloc(NULL, h->layer + 1, sizeof(*l.above.v));
	for (unsigned i = h->layer; i-- > 0;)
		l.above.v[l.above.n++] = h->stack->root.v[i];
	push(h, &l);
}

/* The later layer's directory joins what lies above the entries of this one. 1: it hides them. */
static int merge(struct kan_hidden *h, struct level *down, const struct kan_lowerdir *at,
		 const char *name, const struct kan_tree_entry *e, struct kan_err *err)
{
	if (h->held >= KAN_HIDDEN_HELD)
		return kan_fail(err, KAN_ELIMIT, "more than %d directories of later layers at once",
				KAN_HIDDEN_HELD);
	int fd = openat(at->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "open");
	/* Of a renamed directory the layers below have the rest under another name. */
	if (kan_lower_opaque(fd, h->stack->userxattr) ||
	    kan_lower_redirected(fd, h->stack->userxattr, e->name, e->path)) {
		(void)close(fd);
		return 1;
	}
	if (!down->above.v)
		down->above.v = kan_xrealloc(NULL, h->layer, sizeof(*down->above.v));
	down->above.v[down->above.n++] = (struct kan_lowerdir){.fd = fd, .layer = at->layer};
	h->held++;
	return 0;
}

/* 1: this layer hides the entry; 0: it does not. Whatever is no directory hides: a whiteout, too.
 */
static int look(struct kan_hidden *h, struct level *down, const struct kan_lowerdir *at,
		const char *name, const struct kan_tree_entry *e, struct kan_err *err)
{
	struct statx st;
	if (statx(at->fd, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_TYPE | STATX_MODE, &st) < 0)
		return errno == ENOENT ? 0 : kan_fail_sys(err, "stat");
	return S_ISDIR(e->st->stx_mode) && S_ISDIR(st.stx_mode) ? merge(h, down, at, name, e, err)
								: 1;
}

static int hides(struct kan_hidden *h, struct level *down, const struct kan_view *above,
		 const struct kan_tree_entry *e)
{
	char name[NAME_MAX + 1];
	struct kan_err why = {0};
	size_t n = e->name.n < NAME_MAX ? e->name.n : NAME_MAX;
	if (above->n && n)
		memcpy(name, e->name.p, n);
	name[n] = 0;
	for (size_t i = 0; i < above->n; i++) {
		int rc = look(h, down, &above->v[i], name, e, &why);
		if (rc > 0)
			return (int)above->v[i].layer;
		if (rc == 0)
			continue;
		if (h->why.code == KAN_OK)
			h->why = why;
		return KAN_HIDDEN_UNKNOWN;
	}
	return down->by;
}

int kan_hidden_by(struct kan_hidden *h, const struct kan_tree_entry *e)
{
	pop_to(h, e->depth);
	assert(h->depth == e->depth);
	if (e->depth == 0) {
		push_root(h);
		return KAN_HIDDEN_NOT;
	}
	const struct level *up = &h->levels[e->depth - 1];
	struct level down = {.by = up->by};
	down.by = hides(h, &down, &up->above, e);
	h->unknown += down.by == KAN_HIDDEN_UNKNOWN;
	if (S_ISDIR(e->st->stx_mode))
		push(h, &down);
	return down.by;
}
