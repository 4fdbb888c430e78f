/* Lookup in the lower layers. Linux fs/overlayfs/namei.c, ovl_lookup. */
#include "image/lower.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/tree.h"
#include "image/overlay.h"
#include "image/shift.h"

enum { MARK_MAX = 4096, ATTR_NAME = 64, NAMES_OCTETS = 256 << 20 };

void kan_view_free(struct kan_view *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (!v->v[i].borrowed && v->v[i].fd >= 0)
			(void)close(v->v[i].fd);
		free(v->v[i].path);
	}
	free(v->v);
	*v = (struct kan_view){0};
}

void kan_below_free(struct kan_below *b)
{
	if (b->data_fd >= 0 && b->data_fd != b->fd)
		(void)close(b->data_fd);
	if (b->fd >= 0)
		(void)close(b->fd);
	kan_view_free(&b->view);
	free(b->path);
	*b = (struct kan_below){.fd = -1, .data_fd = -1};
}

/* The value of one mark ("opaque") of a pinned file or directory; its length, or -1. */
static ssize_t mark(char *out, size_t size, int pin, const char *word, bool userxattr)
{
	char path[64], name[ATTR_NAME];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	(void)snprintf(name, sizeof(name), "%s%s", kan_overlay_prefix(userxattr), word);
	return getxattr(path, name, out, size);
}

/* It has no attribute at all: most have none, and one call tells. */
static bool is_bare(int pin)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	return listxattr(path, NULL, 0) == 0;
}

bool kan_lower_opaque(int pin, bool userxattr)
{
	char v[2];
	return mark(v, sizeof(v), pin, "opaque", userxattr) == 1 && v[0] == 'y';
}

bool kan_lower_redirected(int pin, bool userxattr, struct kan_bytes name, struct kan_bytes path)
{
	char to[MARK_MAX];
	ssize_t n = mark(to, sizeof(to), pin, "redirect", userxattr);
	const struct kan_bytes v = {(uint8_t *)to, n > 0 ? (size_t)n : 0};
	return kan_overlay_redirect_ok(v) && kan_overlay_redirect_moves(v, name, path);
}

void kan_stack_init(struct kan_stack *s, const struct kan_layer *layers, size_t n, bool userxattr)
{
	*s = (struct kan_stack){.layers = layers, .n = n, .userxattr = userxattr};
	s->own = s->opener = kan_tree_opener_new();
	s->root.v = kan_xrealloc(NULL, n + 1, sizeof(*s->root.v));
	for (size_t i = 0; i < n; i++)
		s->root.v[i] = (struct kan_lowerdir){
			.fd = layers[i].fd, .layer = (unsigned)i, .borrowed = true};
	s->root.n = n;
}

void kan_stack_free(struct kan_stack *s)
{
	kan_tree_opener_free(s->own);
	kan_view_free(&s->root);
}

int kan_stack_number(const struct kan_stack *s, unsigned index)
{
	int below = 0;
	if (s->layers[index].init)
		return -1;
	for (size_t i = index + 1; i < s->n; i++)
		below += !s->layers[i].init;
	return below;
}

static int look(struct statx *st, const struct kan_stack *s, int pin, struct kan_err *err)
{
	if (statx(pin, "",
		  AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_BTIME, st) < 0)
		return kan_fail_sys(err, "stat");
	if (s->owners)
		kan_shift_owners(st, s->owners);
	return 0;
}

static bool is_whiteout(const struct kan_stack *s, int pin, const struct statx *st)
{
	bool may =
		kan_overlay_whiteout(st, true); /* few files are empty: the others cost no call */
	return may && kan_overlay_whiteout(st, mark(NULL, 0, pin, "whiteout", s->userxattr) >= 0);
}

/* One lookup on its way down. */
struct lookup {
	const struct kan_stack *s;
	const struct kan_view
		*list; /* the parent's view, or the root's behind an absolute redirect */
	size_t next;
	const struct kan_lower_name *asked;
	char name[NAME_MAX + 1];
	char absolute[MARK_MAX + 1]; /* path below each layer's root; else empty */
	bool stop;
	int parent_fd;
};

/* Pin one component of one layer. 1: pinned; 0: not here (stop tells whether to look further down).
 */
static int one(struct lookup *l, int *pin, struct statx *st, int dir, struct kan_bytes name,
	       struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	if (kan_tree_pin(&fd, dir, name, &why) < 0) {
		if (why.code == KAN_ENOTFOUND || why.sys == ENOTDIR)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	if (look(st, l->s, fd, err) < 0)
		return -1;
	if (is_whiteout(l->s, fd, st)) {
		l->stop = true;
		return 0;
	}
	*pin = kan_take_fd(&fd);
	return 1;
}

/* An absolute redirect within one layer: each component may be a whiteout, opaque or no directory.
 */
static int by_path(struct lookup *l, int *pin, struct statx *st, const struct kan_lowerdir *root,
		   struct kan_err *err)
{
	kan_auto_close int at = -1;
	int dir = root->fd;
	for (const char *p = l->absolute + 1; *p;) {
		size_t n = strcspn(p, "/");
		int fd = -1,
		    rc = one(l, &fd, st, dir, (struct kan_bytes){(const uint8_t *)p, n}, err);
		if (rc <= 0)
			return rc;
		kan_auto_close_fn(&at);
		at = fd;
		dir = fd;
		p += n + (p[n] == '/');
		if (!*p)
			break;
		if (!S_ISDIR(st->stx_mode)) {
			l->stop = true;
			return 0;
		}
		l->stop |= kan_lower_opaque(fd, l->s->userxattr);
	}
	*pin = kan_take_fd(&at);
	return 1;
}

/* Follow the redirect of the entry that was found: the layers below have it under another name. */
static void redirect(struct lookup *l, unsigned layer, const char *to, size_t n)
{
	if (!kan_overlay_redirect_ok((struct kan_bytes){(const uint8_t *)to, n}))
		return;
	if (to[0] != '/') {
		memcpy(l->name, to, n);
		l->name[n] = 0;
		return;
	}
	memcpy(l->absolute, to, n);
	l->absolute[n] = 0;
	l->list = &l->s->root;
	for (l->next = 0; l->next < l->list->n && l->list->v[l->next].layer <= layer; l->next++)
		;
}

/* Where the entry of this directory lies in its layer; NULL: where we have it, too. Yours. */
static char *place_of(const struct lookup *l, const struct kan_lowerdir *d)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_LOWER_PATH_MAX);
	if (l->absolute[0])
		return kan_xstrdup(l->absolute);
	if (!d->path && kan_bytes_eq(kan_bytes_of(l->name), l->asked->name))
		return NULL;
	struct kan_bytes above = d->path ? kan_bytes_of(d->path) : l->asked->above;
	kan_buf_addb(&path, above);
	if (!kan_bytes_eq(above, KAN_LIT("/")))
		kan_buf_addc(&path, '/');
	kan_buf_adds(&path, l->name);
	bool unknown = path.failed || (d->path && !d->path[0]);
	return kan_xstrdup(unknown ? "" : kan_buf_str(&path));
}

static void add_dir(struct kan_view *v, const struct lookup *l, const struct kan_lowerdir *dir)
{
	if (!v->v)
		v->v = kan_xrealloc(NULL, l->s->n, sizeof(*v->v));
	v->v[v->n++] = *dir;
}

/* A directory joins the view; what is opaque ends it. */
static void take_dir(struct kan_below *b, struct lookup *l, int *pin, const struct kan_lowerdir *d)
{
	char to[MARK_MAX];
	ssize_t n = mark(to, sizeof(to), *pin, "redirect", l->s->userxattr);
	l->stop |= kan_lower_opaque(*pin, l->s->userxattr);
	const struct kan_lowerdir own = {
		.fd = kan_take_fd(pin), .layer = d->layer, .path = place_of(l, d)};
	if (n > 0)
		redirect(l, d->layer, to, (size_t)n);
	add_dir(&b->view, l, &own);
}

/* Of a directory the pin is the view's. */
static void take_first(struct kan_below *b, const struct lookup *l, int *pin,
		       const struct statx *st, const struct kan_lowerdir *d)
{
	b->found = true;
	b->fd = S_ISDIR(st->stx_mode) ? fcntl(*pin, F_DUPFD_CLOEXEC, 0) : kan_take_fd(pin);
	b->data_fd = b->fd;
	b->parent_fd = l->parent_fd;
	b->layer = d->layer;
	b->path = place_of(l, d);
	b->st = *st;
}

/* A file ends the lookup, unless its data lies further down. pin: -1 when it is the first. */
static void take_file(struct kan_below *b, struct lookup *l, int *pin, const struct statx *st,
		      unsigned layer)
{
	char to[MARK_MAX];
	int fd = *pin < 0 ? b->fd : *pin;
	if (!S_ISREG(st->stx_mode)) { /* the data of a metacopy file is a regular file or nothing */
		l->stop = true;
		return;
	}
	bool bare = is_bare(fd);
	bool data_below = !bare && mark(to, sizeof(to), fd, "metacopy", l->s->userxattr) >= 0;
	if (*pin < 0)
		b->bare = bare;
	else if (!data_below)
		b->data_fd = kan_take_fd(pin);
	ssize_t n = data_below ? mark(to, sizeof(to), fd, "redirect", l->s->userxattr) : -1;
	if (n > 0)
		redirect(l, layer, to, (size_t)n);
	l->stop |= !data_below;
}

static int step(struct kan_below *b, struct lookup *l, struct kan_err *err)
{
	const struct kan_lowerdir *d = &l->list->v[l->next++];
	kan_auto_close int pin = -1;
	struct statx st = {0};
	int rc = l->absolute[0] ? by_path(l, &pin, &st, d, err)
				: one(l, &pin, &st, d->fd, kan_bytes_of(l->name), err);
	if (rc <= 0)
		return rc;
	bool dir = S_ISDIR(st.stx_mode);
	l->parent_fd = l->absolute[0] ? -1 : d->fd;
	if (b->found && dir != (b->view.n > 0)) {
		l->stop = true; /* another type further down is hidden */
		return 0;
	}
	if (!b->found)
		take_first(b, l, &pin, &st, d);
	else if (!dir && b->view.n)
		return 0;
	if (dir)
		take_dir(b, l, &pin, d);
	else
		take_file(b, l, &pin, &st, d->layer);
	return 0;
}

int kan_lower_lookup(struct kan_below *out, const struct kan_stack *s,
		     const struct kan_view *parent, const struct kan_lower_name *asked,
		     struct kan_err *err)
{
	struct lookup l = {.s = s, .list = parent, .asked = asked};
	struct kan_bytes name = asked->name, to = asked->redirect;
	struct kan_below b = {.fd = -1, .data_fd = -1};
	if (name.n > NAME_MAX)
		return kan_fail(err, KAN_EFORMAT, "a name of %zu bytes", name.n);
	if (name.n)
		memcpy(l.name, name.p, name.n);
	if (to.n && to.n <= MARK_MAX) {
		redirect(&l, 0, (const char *)to.p, to.n);
		if (l.absolute[0])
			l.next = 0; /* the upper layer is above all of them */
	}
	while (l.next < l.list->n && !l.stop)
		if (step(&b, &l, err) < 0) {
			kan_below_free(&b);
			return -1;
		}
	*out = b;
	return 0;
}

int kan_lower_root(struct kan_below *out, const struct kan_stack *s, struct kan_err *err)
{
	struct kan_below b = {.fd = -1, .data_fd = -1};
	if (s->n == 0) {
		*out = b;
		return 0;
	}
	if (look(&b.st, s, s->layers[0].fd, err) < 0)
		return -1;
	b.found = true;
	b.fd = b.data_fd = fcntl(s->layers[0].fd, F_DUPFD_CLOEXEC, 0);
	b.parent_fd = -1;
	b.view.v = kan_xrealloc(NULL, s->n, sizeof(*b.view.v));
	memcpy(b.view.v, s->root.v, s->n * sizeof(*b.view.v));
	b.view.n = s->n;
	*out = b;
	return 0;
}

struct names {
	struct kan_buf text; /* each name, then NUL */
	size_t *at;
	size_t n, cap;
};

static int by_name(const void *a, const void *b, void *text)
{
	const char *t = text;
	return strcmp(t + *(const size_t *)a, t + *(const size_t *)b);
}

static int add_names(struct names *names, struct kan_bytes dents, struct kan_err *err)
{
	struct kan_tree_dent d;
	while (kan_tree_dent(&d, &dents)) {
		if (names->n == names->cap) {
			names->cap = names->cap ? names->cap * 2 : 64;
			names->at = kan_xrealloc(names->at, names->cap, sizeof(*names->at));
		}
		names->at[names->n++] = names->text.len;
		kan_buf_addb(&names->text, d.name);
		kan_buf_addc(&names->text, 0);
	}
	return names->text.failed
		       ? kan_fail(err, KAN_ELIMIT, "a directory with more than 256 MiB of names")
		       : 0;
}

static int list_one(struct names *names, struct kan_tree_opener *opener, int pin,
		    struct kan_err *err)
{
	kan_auto_close int fd = -1;
	bool noatime = true, ended = false;
	kan_auto_buf struct kan_buf dents = KAN_BUF(KAN_TREE_DENTS);
	if (kan_tree_open_bounded(&fd, &noatime, opener, pin, err) < 0)
		return -1;
	while (!ended)
		if (kan_tree_dents_bounded(&dents, &ended, opener, fd, err) < 0 ||
		    add_names(names, kan_buf_bytes(&dents), err) < 0)
			return -1;
	return 0;
}

int kan_lower_names(const struct kan_stack *s, const struct kan_view *view, kan_lower_name_fn *fn,
		    void *arg, struct kan_err *err)
{
	struct names names = {.text = KAN_BUF(NAMES_OCTETS)};
	int rc = 0;
	for (size_t i = 0; i < view->n && rc == 0; i++)
		rc = list_one(&names, s->opener, view->v[i].fd, err);
	if (rc == 0 && names.n)
		qsort_r(names.at, names.n, sizeof(*names.at), by_name, names.text.data);
	const char *last = NULL;
	for (size_t i = 0; i < names.n && rc == 0; i++) {
		const char *name = (const char *)names.text.data + names.at[i];
		if (!last || strcmp(last, name) != 0)
			rc = fn(kan_bytes_of(name), arg, err);
		last = name;
	}
	free(names.at);
	kan_buf_free(&names.text);
	return rc;
}
