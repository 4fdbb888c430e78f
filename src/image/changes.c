/* The walk's entries in order: levels, lookups, whiteouts, and the directory that waits for its
 * first entry. */
#include "image/changes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/tree.h"
#include "image/changes_state.h"
#include "image/shift.h"
#include "image/xattrs.h"

enum { PATH_OCTETS = 64 << 20, NAMES_OCTETS = 1 << 20 };

int kan_changes_open(struct kan_changes **out, const struct kan_changes_opts *o,
		     struct kan_err *err)
{
	struct kan_changes *c = kan_xalloc(sizeof(*c));
	c->o = *o;
	c->path = KAN_BUF(PATH_OCTETS);
	c->wait_names = KAN_BUF(NAMES_OCTETS);
	kan_stack_init(&c->stack, o->lowers, o->n_lowers, o->userxattr);
	c->stack.owners = o->owners;
	if (kan_rows_open(&c->rows, o->sink, o->rows, err) < 0 ||
	    kan_before_open(&c->before, o->sink, o->before, err) < 0) {
		kan_changes_abandon(c);
		return -1;
	}
	*out = c;
	return 0;
}

static void free_level(struct kan_changes_level *l)
{
	kan_below_free(&l->below);
	kan_buf_free(&l->seen);
	kan_buf_free(&l->redirect);
}

void kan_entry_free(struct kan_entry *e)
{
	kan_below_free(&e->below);
	kan_buf_free(&e->link);
	kan_buf_free(&e->xattrs);
}

static void release(struct kan_changes *c)
{
	while (c->depth)
		free_level(&c->levels[--c->depth]);
	free(c->levels);
	if (c->waiting)
		kan_entry_free(&c->wait);
	kan_stack_free(&c->stack);
	kan_buf_free(&c->path);
	kan_buf_free(&c->wait_names);
	free(c);
}

void kan_changes_abandon(struct kan_changes *c)
{
	if (!c)
		return;
	kan_rows_abandon(c->rows);
	kan_before_abandon(c->before);
	release(c);
}

void kan_entry_lower_facts(struct kan_changes *c, struct kan_entry *e)
{
	struct kan_err why = {0};
	e->link = KAN_BUF(64 << 10);
	e->xattrs = KAN_BUF(KAN_TREE_XATTR_MAX * 4);
	if (!e->below.found)
		return;
	if (S_ISLNK(e->below.st.stx_mode) && kan_tree_readlink(&e->link, e->below.fd, &why) < 0)
		kan_sink_gap_err(c->o.sink, e->f->path, &why);
	if (!e->below.bare &&
	    !kan_xattrs_read(&e->xattrs, e->below.fd, e->below.parent_fd, e->f->name, &why))
		kan_sink_gap_err(c->o.sink, e->f->path, &why);
	if (c->o.owners)
		kan_shift_xattrs(&e->xattrs, c->o.owners);
}

/* The directory that waited: now it is known whether the upper layer has anything in it. */
static int settle(struct kan_changes *c, bool has_children, struct kan_err *err)
{
	if (!c->waiting)
		return 0;
	c->waiting = false;
	int rc = kan_change_row(c, &c->wait, has_children, err);
	kan_entry_free(&c->wait);
	return rc;
}

static void cut_path(struct kan_changes *c, size_t n)
{
	c->path.len = n;
	c->path.failed = false;
	if (c->path.data)
		c->path.data[n] = 0;
}

/* The views of a far level once more, from the root down by the names of the path, and by what each
 * directory was renamed from. */
static int look_again(struct kan_changes *c, struct kan_changes_level *l, struct kan_err *err)
{
	struct kan_below at = {.fd = -1, .data_fd = -1};
	const struct kan_changes_level *way = c->levels;
	if (kan_lower_root(&at, &c->stack, err) < 0)
		return -1;
	for (size_t from = 1; from < l->path_len;) {
		const uint8_t *p = c->path.data + from;
		const uint8_t *slash = memchr(p, '/', l->path_len - from);
		size_t n = slash ? (size_t)(slash - p) : l->path_len - from;
		struct kan_below next = {.fd = -1, .data_fd = -1};
		const struct kan_lower_name name = {
			{p, n}, kan_buf_bytes(&(++way)->redirect), {c->path.data, from - 1}};
		int rc = kan_lower_lookup(&next, &c->stack, &at.view, &name, err);
		kan_below_free(&at);
		if (rc < 0)
			return -1;
		at = next;
		from += n + 1;
	}
	l->below = at;
	l->view = at.view;
	return 0;
}

/* Leave the directories that this entry is not in. */
static int climb(struct kan_changes *c, size_t depth, struct kan_err *err)
{
	struct kan_err why = {0};
	while (c->depth > depth) {
		struct kan_changes_level *l = &c->levels[c->depth - 1];
		cut_path(c, l->path_len);
		if (l->hidden && l->view.n == SIZE_MAX && look_again(c, l, &why) < 0)
			kan_sink_gap_err(c->o.sink, kan_buf_bytes(&c->path), &why);
		if (l->hidden && kan_changes_hidden(c, l, err) < 0)
			return -1;
		free_level(l);
		c->depth--;
	}
	return 0;
}

/* Far levels give their descriptors back: a walk that deep comes from somebody hostile. */
static void let_far_go(struct kan_changes *c)
{
	if (c->depth <= KAN_CHANGES_HELD)
		return;
	struct kan_changes_level *far = &c->levels[c->depth - 1 - KAN_CHANGES_HELD];
	if (far->view.n) {
		kan_below_free(&far->below);
		far->view.n = SIZE_MAX; /* look it up again when it is needed */
	}
}

static void push(struct kan_changes *c, const struct kan_file *f, struct kan_entry *e)
{
	const struct kan_changes_level *up = c->depth ? &c->levels[c->depth - 1] : NULL;
	struct kan_changes_level l = {
		.id = e->id,
		.below = e->below,
		.view = e->below.view,
		.mtime_ns = kan_statx_ns(&f->st.stx_mtime),
		.path_len = c->path.len,
		.seen = KAN_BUF(KAN_SEEN_OCTETS),
		.redirect = KAN_BUF(KAN_REDIRECT_OCTETS),
		.shadow = up && up->shadow ? up->shadow : kan_points_at(c->o.points, f->path),
	};
	bool own = e->marks.opaque == 'y';
	kan_buf_addb(&l.redirect, e->marks.redirect);
	l.hidden = own || (up && up->hidden);
	l.gone = own  ? (struct kan_gone){.by = "opaque",
					  .bound = "opaque_btime",
					  .bound_ns = kan_statx_ns(&f->st.stx_btime),
					  .frozen = f->frozen}
		 : up ? up->gone
		      : (struct kan_gone){0};
	if (own && !(f->st.stx_mask & STATX_BTIME))
		l.gone.bound = NULL;
	e->below = (struct kan_below){.fd = -1, .data_fd = -1};
	if (c->depth == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 64;
		c->levels = kan_xrealloc(c->levels, c->cap, sizeof(*c->levels));
	}
	assert(c->levels);
	c->levels[c->depth++] = l;
	let_far_go(c);
}

static int look_below(struct kan_changes *c, struct kan_entry *e, struct kan_err *err)
{
	struct kan_changes_level *up = c->depth ? &c->levels[c->depth - 1] : NULL;
	struct kan_err why = {0};
	e->below = (struct kan_below){.fd = -1, .data_fd = -1};
	if (!up)
		return kan_lower_root(&e->below, &c->stack, err);
	if (up->view.n == SIZE_MAX && look_again(c, up, &why) < 0)
		up->view.n = 0;
	bool redirected = S_ISDIR(e->f->st.stx_mode) || e->marks.metacopy;
	const struct kan_lower_name name = {e->f->name,
					    redirected ? e->marks.redirect : (struct kan_bytes){0},
					    {c->path.data, up->path_len}};
	if (why.code == KAN_OK && up->view.n + e->marks.redirect.n > 0 &&
	    kan_lower_lookup(&e->below, &c->stack, &up->view, &name, &why) == 0)
		return 0;
	if (why.code != KAN_OK) {
		(void)kan_wrap(&why, "the image's version");
		kan_sink_gap_err(c->o.sink, e->f->path, &why);
	}
	return 0;
}

static void note_seen(struct kan_changes_level *up, struct kan_bytes name)
{
	if (!up || !up->hidden || !up->view.n)
		return;
	kan_buf_addb(&up->seen, name);
	kan_buf_addc(&up->seen, 0);
}

static int whiteout(struct kan_changes *c, struct kan_entry *e, struct kan_err *err)
{
	const struct kan_changes_level *up = &c->levels[c->depth - 1];
	struct kan_gone gone = {.by = kan_overlay_chr0(&e->f->st) ? "whiteout" : "xattr-whiteout",
				.bound = "parent_mtime",
				.bound_ns = up->mtime_ns,
				.frozen = e->f->frozen};
	return kan_changes_deleted(c, up->id, e->f->name, &e->below, &gone, err);
}

/* A file or link where the image had a directory: all that was in it is gone. */
static int replaced_directory(struct kan_changes *c, struct kan_entry *e, struct kan_err *err)
{
	struct kan_gone gone = {.by = "type", .frozen = e->f->frozen};
	return kan_changes_inside(c, e->id, &e->below, &gone, 0, err);
}

static int other(struct kan_changes *c, struct kan_entry *e, struct kan_err *err)
{
	e->id = ++c->ids;
	kan_entry_lower_facts(c, e);
	if (kan_change_row(c, e, false, err) < 0)
		return -1;
	return e->below.view.n && S_ISDIR(e->below.st.stx_mode) ? replaced_directory(c, e, err) : 0;
}

static void keep(struct kan_changes *c, struct kan_bytes *v)
{
	size_t at = c->wait_names.len;
	kan_buf_addb(&c->wait_names, *v);
	v->p = (const uint8_t *)(uintptr_t)at; /* an offset until all are in */
}

/* A copy of the directory's facts that lives until its first entry comes. */
static void wait_for_children(struct kan_changes *c, struct kan_entry *e)
{
	struct kan_bytes *views[] = {&c->wait_file.path, &c->wait_file.name, &c->wait_file.xattrs};
	kan_buf_reset(&c->wait_names);
	c->wait_file = *e->f;
	for (size_t i = 0; i < 3; i++)
		keep(c, views[i]);
	for (size_t i = 0; i < 3; i++)
		views[i]->p =
			c->wait_names.data ? c->wait_names.data + (uintptr_t)views[i]->p : NULL;
	c->wait = *e;
	c->wait.f = &c->wait_file;
	c->wait.marks = kan_overlay_marks(c->wait_file.xattrs, c->o.userxattr);
	c->waiting = true;
}

static int directory(struct kan_changes *c, struct kan_entry *e, struct kan_err *err)
{
	(void)err;
	e->id = ++c->ids;
	kan_entry_lower_facts(c, e);
	struct kan_entry waiting = *e;
	/* A directory below is the level's: the entry that waits keeps its facts only. Of a file
	 * below the level needs nothing, and the entry reads it. */
	struct kan_below *without = S_ISDIR(e->below.st.stx_mode) ? &waiting.below : &e->below;
	without->fd = without->data_fd = -1;
	without->view = (struct kan_view){0};
	waiting.below.path = kan_xstrdup(e->below.path);
	push(c, e->f, e);
	wait_for_children(c, &waiting);
	*e = (struct kan_entry){.f = e->f, .below = {.fd = -1, .data_fd = -1}};
	return 0;
}

/* A directory's name lies where its parent's path ends. */
static void set_path(struct kan_changes *c, const struct kan_file *f)
{
	cut_path(c, c->depth ? c->levels[c->depth - 1].path_len : 0);
	if (f->depth == 0)
		return;
	kan_buf_addc(&c->path, '/');
	kan_buf_addb(&c->path, f->name);
}

int kan_changes_entry(const struct kan_file *f, const char *stored, void *changes,
		      struct kan_err *err)
{
	struct kan_changes *c = changes;
	struct kan_entry e = {.f = f, .stored = stored, .below = {.fd = -1, .data_fd = -1}};
	if (settle(c, c->depth && f->depth >= c->depth, err) < 0 || climb(c, f->depth, err) < 0)
		return -1;
	struct kan_changes_level *up = c->depth ? &c->levels[c->depth - 1] : NULL;
	set_path(c, f);
	note_seen(up, f->name);
	e.marks = kan_overlay_marks(f->xattrs, c->o.userxattr);
	if (look_below(c, &e, err) < 0)
		return -1;
	int rc = 0;
	if (up && e.below.found && kan_overlay_whiteout(&f->st, e.marks.whiteout))
		rc = whiteout(c, &e, err);
	else if (kan_file_is(f, S_IFDIR))
		rc = directory(c, &e, err);
	else
		rc = other(c, &e, err);
	kan_entry_free(&e);
	return rc;
}

int kan_changes_close(uint64_t *items, struct kan_changes *c, struct kan_err *err)
{
	if (settle(c, false, err) < 0 || climb(c, 0, err) < 0) {
		kan_changes_abandon(c);
		return -1;
	}
	*items = c->ids;
	if (c->o.guessed && c->others)
		kan_sink_gap(c->o.sink, KAN_LIT("overlay attributes"), KAN_GAP_CONTRADICTED,
			     "entries with %s words: %llu; by the owner of overlay2 those of %s "
			     "are in force, and what the others say was not followed",
			     kan_overlay_prefix(!c->o.userxattr), (unsigned long long)c->others,
			     kan_overlay_prefix(c->o.userxattr));
	struct kan_rows *rows = kan_take_ptr(c->rows);
	struct kan_before *before = kan_take_ptr(c->before);
	release(c);
	if (kan_before_close(before, err) < 0) {
		kan_rows_abandon(rows);
		return -1;
	}
	return kan_rows_close(rows, err);
}
