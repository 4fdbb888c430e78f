/* The row of one upper entry: its word, what differs, both sides. */
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "image/changes_state.h"
#include "image/xattrs.h"

enum {
	PLANTED_MAX = 64,
	/* What a mount that moves ids changes: owners, and those that attributes name. */
	BY_IDS = KAN_DIFFERS_OWNER | KAN_DIFFERS_ACL | KAN_DIFFERS_CAPABILITY,
};

static struct kan_side upper_side(const struct kan_entry *e, struct statx *st)
{
	*st = e->f->st;
	st->stx_attributes |= e->marks.flags;
	/* A digest of extents is of no other file's kind. */
	return (struct kan_side){.st = st,
				 .link = e->f->link,
				 .xattrs = e->f->xattrs,
				 .sha256 = e->f->by_extents ? "" : e->f->sha256};
}

static struct kan_side lower_side(const struct kan_entry *e)
{
	return (struct kan_side){.st = &e->below.st,
				 .link = kan_buf_bytes(&e->link),
				 .xattrs = kan_buf_bytes(&e->xattrs),
				 .sha256 = e->sha256};
}

/* What is below a redirected directory has another path in its layer. */
static void put_lower_path(struct kan_row *r, const struct kan_changes *c,
			   const struct kan_entry *e)
{
	const char *path = e->below.path;
	if (!path || kan_bytes_eq(kan_bytes_of(path), e->f->path))
		return;
	if (!*path)
		kan_sink_limit(c->o.sink, e->f->path, e->f->path_len, 0, KAN_LOWER_PATH_MAX);
	kan_row_bytes(r, "path", kan_bytes_of(path));
}

void kan_below_row(struct kan_row *r, const struct kan_changes *c, const struct kan_entry *e)
{
	const struct statx *st = &e->below.st;
	kan_row_obj(r, "below");
	kan_row_layer(r, "layer", kan_stack_number(&c->stack, e->below.layer));
	put_lower_path(r, c, e);
	kan_row_below_facts(r, st);
	if (e->link.len)
		kan_row_bytes(r, "link", kan_buf_bytes(&e->link));
	kan_row_xattrs(r, kan_buf_bytes(&e->xattrs));
	if (e->sha256[0])
		kan_row_str(r, "sha256", e->sha256);
	kan_row_obj_end(r);
}

/* The lower file is read when it can be equal, or when its bytes are to be kept. */
static void read_below(struct kan_changes *c, struct kan_entry *e)
{
	const struct kan_file *f = e->f;
	if (!e->below.found || !S_ISREG(e->below.st.stx_mode))
		return;
	bool may_equal = kan_file_is(f, S_IFREG) && f->st.stx_size == e->below.st.stx_size &&
			 !f->by_extents && (f->sha256[0] || f->content == KAN_CONTENT_ELSEWHERE);
	if (may_equal || kan_before_fits(c->before, &e->below))
		kan_before_read(e->sha256, c->before, &e->below, kan_buf_bytes(&c->path));
	else
		kan_before_leave_out(c->before, &e->below);
}

/* Of a metacopy file the data, and so the digest, is the lower file's. */
static void fill_metacopy(struct kan_changes *c, struct kan_entry *e)
{
	if (e->f->content != KAN_CONTENT_ELSEWHERE)
		return;
	if (c->o.wordless)
		kan_sink_gap(c->o.sink, e->f->path, KAN_GAP_VANISHED,
			     "its data is the image's, and a layer of that cannot be opened");
	else if (!e->sha256[0])
		kan_sink_gap(c->o.sink, e->f->path, KAN_GAP_CONTRADICTED,
			     "its attribute says that the data is the image's, and there is none");
	e->meta = *e->f;
	memcpy(e->meta.sha256, e->sha256, sizeof(e->sha256));
	e->f = &e->meta;
}

/* Podman has no layer of its own and puts into the container's what stands in Docker's: the link,
 * and empty files to mount over, which show as such where no table of mounts is left. */
static bool of_podman(const struct kan_changes *c, const struct kan_entry *e, struct kan_bytes path)
{
	static const char *const places[] = {"/run/.containerenv", "/etc/hosts", "/etc/hostname",
					     "/etc/resolv.conf"};
	if (!c->o.podman)
		return false;
	if (kan_file_is(e->f, S_IFLNK))
		return kan_bytes_eq(path, KAN_LIT("/etc/mtab")) &&
		       kan_bytes_eq(e->f->link, KAN_LIT("/proc/mounts"));
	bool empty = kan_file_is(e->f, S_IFREG) && e->f->st.stx_size == 0;
	for (size_t i = 0; empty && !c->o.points && i < sizeof(places) / sizeof(places[0]); i++)
		if (kan_bytes_eq(path, kan_bytes_of(places[i])))
			return true;
	return false;
}

/* An entry the engine makes for a mount: an empty directory or file, or a directory on the way to
 * one. */
static bool of_engine(const struct kan_changes *c, const struct kan_entry *e)
{
	const struct kan_file *f = e->f;
	struct kan_bytes path = kan_buf_bytes(&c->path);
	if (of_podman(c, e, path))
		return true;
	if (e->f->depth == 0 ||
	    (!kan_file_is(f, S_IFDIR) && !(kan_file_is(f, S_IFREG) && f->st.stx_size == 0)))
		return false;
	return kan_points_at(c->o.points, path) ||
	       (kan_file_is(f, S_IFDIR) && kan_points_below(c->o.points, path));
}

struct word {
	const char *change; /* NULL: the content was not read on both sides, or nothing is below */
	unsigned differs;
	bool type_changed;
};

/* What it was renamed from is another path; at this one the image has nothing. */
static bool is_renamed(const struct kan_changes *c, const struct kan_entry *e)
{
	return (kan_file_is(e->f, S_IFDIR) || e->marks.metacopy) &&
	       kan_overlay_redirect_moves(e->marks.redirect, e->f->name, kan_buf_bytes(&c->path));
}

static struct word judge(const struct kan_changes *c, const struct kan_entry *e, bool has_children)
{
	struct statx st;
	if (c->o.wordless)
		return (struct word){0};
	if (!e->below.found || is_renamed(c, e))
		return (struct word){.change = of_engine(c, e) ? "engine" : "added"};
	struct kan_side upper = upper_side(e, &st), lower = lower_side(e);
	enum kan_content_is content = kan_compare_content(&upper, &lower);
	if (content == KAN_CONTENT_DIFFERS || content == KAN_CONTENT_OTHER_TYPE)
		return (struct word){.change = "changed",
				     .type_changed = content == KAN_CONTENT_OTHER_TYPE};
	unsigned differs = kan_compare_metadata(&upper, &lower, c->o.userxattr);
	if (c->o.shift_lost && (differs & BY_IDS))
		return (struct word){.differs = differs & ~(unsigned)BY_IDS};
	if (content == KAN_CONTENT_UNKNOWN)
		return (struct word){.differs = differs};
	bool dir = kan_file_is(e->f, S_IFDIR);
	/* The root's own times are the engine's; in any other directory they follow from what is in
	 * it. */
	bool parent = has_children && e->marks.opaque != 'y'; /* that one was made anew */
	if (dir && (parent || e->f->depth == 0) && (differs & ~(unsigned)KAN_DIFFERS_MTIME) == 0)
		return (struct word){.change = "parent"};
	return (struct word){.change = differs ? "metadata" : "identical", .differs = differs};
}

static void put_differs(struct kan_row *r, unsigned differs)
{
	if (!differs)
		return;
	kan_row_arr(r, "differs");
	for (unsigned i = 0; i < KAN_DIFFERS_COUNT; i++)
		if (differs & 1U << i)
			kan_row_str(r, NULL, kan_differs_words[i]);
	kan_row_arr_end(r);
}

/* Overlay words that mean nothing here: names of an image tar, attributes out of force, a whiteout
 * over nothing. */
static void put_planted(struct kan_row *r, struct kan_changes *c, const struct kan_entry *e)
{
	struct kan_bytes v[PLANTED_MAX], left = e->f->xattrs;
	struct kan_xattr x;
	size_t n = 0;
	bool other = false;
	if (kan_bytes_starts(e->f->name, ".wh."))
		v[n++] = KAN_LIT(".wh.");
	if (!c->o.wordless && (kan_overlay_chr0(&e->f->st) || e->marks.whiteout))
		v[n++] = KAN_LIT("whiteout");
	while (n < PLANTED_MAX && kan_xattrs_next(&x, &left)) {
		if (kan_overlay_planted(x.name, c->o.userxattr))
			v[n++] = x.name;
		other |= kan_overlay_own(x.name, !c->o.userxattr);
	}
	c->others += other;
	if (n)
		kan_row_argv(r, "planted", v, n);
}

static void put_marks(struct kan_row *r, const struct kan_overlay_marks *m)
{
	char opaque[2] = {m->opaque, 0};
	if (m->opaque)
		kan_row_str(r, "opaque", opaque);
	if (m->redirect.n)
		kan_row_bytes(r, "redirect", m->redirect);
	if (m->metacopy)
		kan_row_bool(r, "metacopy", true);
	if (!m->has_origin)
		return;
	kan_row_dec(r, "origin_ino", m->origin_ino);
	kan_row_uint(r, "origin_gen", m->origin_gen);
}

static void put_place(struct kan_row *r, const struct kan_changes *c, const struct kan_entry *e)
{
	/* A directory is its own level already; the one above it is its parent. */
	size_t above = kan_file_is(e->f, S_IFDIR) ? 2 : 1;
	const struct kan_changes_level *up =
		c->depth >= above ? &c->levels[c->depth - above] : NULL;
	int shadow =
		up && up->shadow ? up->shadow : kan_points_at(c->o.points, kan_buf_bytes(&c->path));
	if (up)
		kan_row_dec(r, "parent", up->id);
	kan_row_name(r, e->f);
	if (shadow)
		kan_row_int(r, "shadowed_by", shadow);
}

static int put_row(struct kan_changes *c, const struct kan_entry *e, const struct word *w,
		   struct kan_err *err)
{
	struct kan_row *r = kan_rows_begin(c->rows);
	struct statx st = e->f->st;
	st.stx_attributes |= e->marks.flags;
	kan_row_dec(r, "id", e->id);
	put_place(r, c, e);
	kan_row_str(r, "type", kan_file_type(st.stx_mode));
	if (w->change)
		kan_row_str(r, "change", w->change);
	if (w->type_changed)
		kan_row_bool(r, "type_changed", true);
	kan_row_statx(r, &st);
	if (kan_file_is(e->f, S_IFLNK))
		kan_row_bytes(r, "link", e->f->link);
	kan_row_xattrs(r, e->f->xattrs);
	put_marks(r, &e->marks);
	put_planted(r, c, e);
	if (e->below.found)
		kan_below_row(r, c, e);
	put_differs(r, w->differs);
	kan_row_content(r, e->f, e->stored);
	kan_row_str(r, "source", "upper");
	kan_row_bool(r, "frozen", e->f->frozen);
	return kan_rows_end(c->rows, err);
}

int kan_change_row(struct kan_changes *c, struct kan_entry *e, bool has_children,
		   struct kan_err *err)
{
	read_below(c, e);
	fill_metacopy(c, e);
	struct word w = judge(c, e, has_children);
	bool keep = e->sha256[0] && (!w.change || strcmp(w.change, "changed") == 0);
	if (keep && kan_before_keep(c->before, &e->below, kan_buf_bytes(&c->path), err) < 0)
		return -1;
	return put_row(c, e, &w, err);
}
