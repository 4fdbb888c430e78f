/* The walk: by descriptor, no link followed, depth without recursion, names as bytes. */
#include "base/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	ENTRIES_DEFAULT = 2000000,
	DENTS_OCTETS = 64 << 10,
	PATH_OCTETS = 64 << 20, /* names on the way down to KAN_TREE_DEPTH */
	NAMES_OCTETS = 256 << 20,
	LINK_OCTETS = 64 << 10,
	FEW = 1024,  /* octets of an attribute, or of all names: as many as most have */
	RUN = 65536, /* entries held of a directory whose order does not matter: memory stays flat
		      */
};

/* struct linux_dirent64 of getdents64(2). */
struct dent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

bool kan_tree_dent(struct kan_tree_dent *out, struct kan_bytes *left)
{
	while (left->n >= sizeof(struct dent)) {
		const struct dent *d = (const void *)left->p;
		size_t len = strnlen(d->name, d->reclen);
		*left = (struct kan_bytes){left->p + d->reclen, left->n - d->reclen};
		if ((len == 1 && d->name[0] == '.') ||
		    (len == 2 && d->name[0] == '.' && d->name[1] == '.'))
			continue;
		*out = (struct kan_tree_dent){.ino = d->ino,
					      .off = d->off,
					      .dir = d->type == DT_DIR || d->type == DT_UNKNOWN,
					      .name = {(const uint8_t *)d->name, len}};
		return true;
	}
	return false;
}

struct name {
	uint64_t ino;
	uint32_t at, n; /* within names of the level */
};

/* A directory on the way down. fd is -1 while it is not held: then ".." of the level below leads
 * back to it. */
struct level {
	int fd;
	dev_t dev;
	uint64_t ino;
	struct kan_buf text;
	struct name *names;
	size_t n, next, cap, path_len;
	int64_t off; /* where the next run begins */
	bool last;   /* no run follows */
	bool dirs;   /* only directories are met */
	struct statx st;
};

struct walker {
	struct kan_tree_walk *w;
	struct level *levels;
	size_t depth, cap;
	struct kan_buf path;
	uint64_t root_mnt, max;
	bool stop, over;
};

static int look(struct statx *st, int fd)
{
	return statx(fd, "",
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, st);
}

static int by_ino(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int by_name(const void *a, const void *b, void *text)
{
	const struct name *x = a, *y = b;
	const uint8_t *t = text;
	return kan_bytes_cmp((struct kan_bytes){t + x->at, x->n},
			     (struct kan_bytes){t + y->at, y->n});
}

static int add_names(struct level *l, struct kan_bytes dents, struct kan_err *err)
{
	struct kan_tree_dent d;
	while (kan_tree_dent(&d, &dents)) {
		l->off = d.off;
		if (l->dirs && !d.dir)
			continue;
		if (l->n == l->cap) {
			l->cap = l->cap ? l->cap * 2 : 64;
			l->names = kan_xrealloc(l->names, l->cap, sizeof(*l->names));
		}
		l->names[l->n++] = (struct name){d.ino, (uint32_t)l->text.len, (uint32_t)d.name.n};
		kan_buf_addb(&l->text, d.name);
	}
	return l->text.failed
		       ? kan_fail(err, KAN_ELIMIT, "a directory with more than 256 MiB of names")
		       : 0;
}

static int more_names(struct walker *k, struct level *l, uint8_t *room, struct kan_err *err)
{
	kan_auto_buf struct kan_buf dents = KAN_BUF(KAN_TREE_DENTS);
	if (k->w->opener) {
		int rc = kan_tree_dents_bounded(&dents, &l->last, k->w->opener, l->fd, err);
		return rc < 0 ? -1 : add_names(l, kan_buf_bytes(&dents), err);
	}
	long n = syscall(SYS_getdents64, l->fd, room, DENTS_OCTETS);
	if (n < 0)
		return kan_fail_sys(err, "list");
	l->last = n == 0;
	return add_names(l, (struct kan_bytes){room, (size_t)n}, err);
}

/* The next run of names: all of them when they are to be sorted. The descriptor may be a new one.
 */
static int list(struct walker *k, struct level *l, struct kan_err *err)
{
	kan_auto_free uint8_t *room = kan_xrealloc(NULL, DENTS_OCTETS, 1);
	l->n = l->next = 0;
	kan_buf_reset(&l->text);
	if (l->off && lseek(l->fd, l->off, SEEK_SET) < 0)
		return kan_fail_sys(err, "list");
	while (!l->last && (k->w->sorted || l->n < RUN))
		if (more_names(k, l, room, err) < 0)
			return -1;
	if (k->w->sorted && l->n)
		qsort_r(l->names, l->n, sizeof(*l->names), by_name, l->text.data);
	else if (l->n)
		qsort(l->names, l->n, sizeof(*l->names), by_ino);
	return 0;
}

static void drop_level(struct level *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	kan_buf_free(&l->text);
	free(l->names);
}

static enum kan_tree_next visit(struct walker *k, struct kan_bytes name, int parent, int fd,
				const struct statx *st, bool post)
{
	struct kan_tree_entry e = {
		.path = k->path.len ? kan_buf_bytes(&k->path) : KAN_LIT("/"),
		.name = name,
		.depth = (unsigned)k->depth,
		.parent_fd = parent,
		.fd = fd,
		.st = st,
		.post = post,
	};
	return k->w->fn(&e, k->w->arg);
}

static void problem(struct walker *k, const struct kan_err *err)
{
	if (k->w->problem)
		k->w->problem(k->path.len ? kan_buf_bytes(&k->path) : KAN_LIT("/"), err, k->w->arg);
}

/* Far levels give their descriptor back; climb() finds the way up again. */
static void let_far_go(struct walker *k)
{
	if (k->depth <= KAN_TREE_HELD)
		return;
	struct level *far = &k->levels[k->depth - KAN_TREE_HELD];
	if (far->fd >= 0)
		(void)close(far->fd);
	far->fd = -1;
}

/* Of a pinned directory. */
static int open_dir(int *fd, struct walker *k, int pin, struct kan_err *err)
{
	bool noatime = true;
	return k->w->opener ? kan_tree_open_bounded(fd, &noatime, k->w->opener, pin, err)
			    : kan_tree_open(fd, &noatime, pin, err);
}

static int enter(struct walker *k, int pin, const struct statx *st, struct kan_err *err)
{
	if (k->depth >= KAN_TREE_DEPTH)
		return kan_fail(err, KAN_ELIMIT, "deeper than %d", KAN_TREE_DEPTH);
	if (k->depth == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->levels = kan_xrealloc(k->levels, k->cap, sizeof(*k->levels));
	}
	struct level l = {
		.fd = -1,
		.dev = makedev(st->stx_dev_major, st->stx_dev_minor),
		.ino = st->stx_ino,
		.text = KAN_BUF(NAMES_OCTETS),
		.path_len = k->path.len,
		.dirs = kan_statx_ns(&st->stx_ctime) < k->w->dirs_before,
		.st = *st,
	};
	if (open_dir(&l.fd, k, pin, err) < 0)
		return -1;
	if (list(k, &l, err) < 0) {
		drop_level(&l);
		return -1;
	}
	k->levels[k->depth++] = l;
	let_far_go(k);
	return 0;
}

/* The level above is on top now. Not held any more: ".." of the one below, proven by device and
 * inode. It is really opened, which may block, only when there are more of its names to list. */
static int climb(struct walker *k, const struct level *below, struct kan_err *err)
{
	struct level *top = &k->levels[k->depth - 1];
	struct stat st;
	if (top->fd >= 0)
		return 0;
	kan_auto_close int pin =
		openat(below->fd, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &st) < 0 || st.st_dev != top->dev || st.st_ino != top->ino)
		return kan_fail(err, KAN_ENOTFOUND, "the directory was moved while it was walked");
	if (!top->last)
		return open_dir(&top->fd, k, pin, err);
	top->fd = kan_take_fd(&pin);
	return 0;
}

static void cut_path(struct walker *k, size_t len)
{
	k->path.len = len;
	k->path.failed = false;
	if (k->path.data)
		k->path.data[len] = 0;
}

static void leave(struct walker *k)
{
	struct level l = k->levels[--k->depth];
	cut_path(k, l.path_len);
	if (k->w->post && !k->stop && k->path.data) {
		const char *slash = l.path_len ? memrchr(k->path.data, '/', l.path_len) : NULL;
		struct kan_bytes name = kan_buf_bytes(&k->path);
		if (slash) {
			name.p = (const uint8_t *)slash + 1;
			name.n = l.path_len - (size_t)(name.p - k->path.data);
		}
		k->stop |= visit(k, name, -1, l.fd, &l.st, true) == KAN_TREE_STOP;
	}
	struct kan_err err = {0};
	if (k->depth && climb(k, &l, &err) < 0) {
		cut_path(k, k->levels[k->depth - 1].path_len);
		problem(k, &err);
		k->levels[k->depth - 1].next =
			k->levels[k->depth - 1].n; /* what is left of it cannot be reached */
		k->levels[k->depth - 1].last = true;
	}
	drop_level(&l);
}

static bool may_enter(const struct walker *k, const struct statx *st)
{
	if (!S_ISDIR(st->stx_mode))
		return false;
	const struct level *top = &k->levels[k->depth - 1];
	if (k->w->cross_mounts)
		return true;
	if (k->root_mnt && (st->stx_mask & STATX_MNT_ID))
		return st->stx_mnt_id == k->root_mnt;
	return makedev(st->stx_dev_major, st->stx_dev_minor) == top->dev;
}

static void one(struct walker *k, struct level *l, const struct name *n)
{
	struct kan_err err = {0};
	struct statx st;
	kan_auto_close int pin = -1;
	struct kan_bytes name = {l->text.data + n->at, n->n};
	cut_path(k, l->path_len);
	kan_buf_addc(&k->path, '/');
	kan_buf_addb(&k->path, name);
	if (k->path.failed) {
		kan_err_set(&err, KAN_ELIMIT, 0, "a path of more than 64 MiB");
	} else if (++k->w->seen > k->max) {
		k->over = k->stop = true;
		return;
	} else if (kan_tree_pin(&pin, l->fd, name, &err) == 0 && look(&st, pin) < 0) {
		kan_err_sys(&err, errno, "stat");
	}
	if (err.code != KAN_OK) {
		problem(k, &err);
		return;
	}
	enum kan_tree_next next = visit(k, name, l->fd, pin, &st, false);
	if (next == KAN_TREE_STOP)
		k->stop = true;
	else if (next == KAN_TREE_GO && may_enter(k, &st) && enter(k, pin, &st, &err) < 0)
		problem(k, &err);
}

static void next_run(struct walker *k, struct level *l)
{
	struct kan_err err = {0};
	if (list(k, l, &err) == 0)
		return;
	cut_path(k, l->path_len);
	problem(k, &err);
	l->last = true;
}

static int start(struct walker *k, int root_fd, struct kan_err *err)
{
	struct statx st;
	if (look(&st, root_fd) < 0)
		return kan_fail_sys(err, "walk");
	if (!S_ISDIR(st.stx_mode))
		return kan_fail(err, KAN_EREFUSED, "walk: not a directory");
	k->root_mnt = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
	enum kan_tree_next next = visit(k, KAN_LIT("/"), -1, root_fd, &st, false);
	k->stop = next == KAN_TREE_STOP;
	if (next != KAN_TREE_GO)
		return 0;
	return enter(k, root_fd, &st, err);
}

int kan_tree_walk(struct kan_tree_walk *w, int root_fd, struct kan_err *err)
{
	struct walker k = {.w = w,
			   .path = KAN_BUF(PATH_OCTETS),
			   .max = w->max_entries ? w->max_entries : ENTRIES_DEFAULT};
	w->seen = 0;
	int rc = start(&k, root_fd, err);
	while (rc == 0 && k.depth) {
		struct level *l = &k.levels[k.depth - 1];
		if (k.stop || (l->next == l->n && l->last)) {
			leave(&k);
		} else if (l->next == l->n) {
			next_run(&k, l);
		} else {
			const struct name n = l->names[l->next++];
			one(&k, l, &n);
		}
	}
	free(k.levels);
	kan_buf_free(&k.path);
	if (rc == 0 && k.over)
		return kan_fail(err, KAN_ELIMIT, "more than %llu entries",
				(unsigned long long)k.max);
	return rc;
}

int kan_tree_readlink(struct kan_buf *out, int link_fd, struct kan_err *err)
{
	char target[LINK_OCTETS];
	ssize_t n = readlinkat(link_fd, "", target, sizeof(target));
	if (n < 0)
		return kan_fail_sys(err, "readlink");
	kan_buf_add(out, target, (size_t)n);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "readlink: over %zu bytes", out->max) : 0;
}

/* Whose attributes: of an open file by its descriptor, else by a path. */
struct whose {
	int fd; /* -1: by the path */
	bool nofollow;
	char path[512];
};

/* O_PATH descriptors refuse f*xattr, so the way is our own /proc/self/fd; of a link or device, its
 * name in the parent, unless it is the root of a walk. */
static bool by_path(struct whose *w, int path_fd, int parent_fd, struct kan_bytes name)
{
	struct stat st;
	if (fstat(path_fd, &st) < 0)
		return false;
	w->fd = -1;
	w->nofollow = parent_fd >= 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
	if (!w->nofollow)
		return snprintf(w->path, sizeof(w->path), "/proc/self/fd/%d", path_fd) > 0;
	if (name.n >= sizeof(w->path) - 64)
		return false;
	int n = snprintf(w->path, sizeof(w->path), "/proc/self/fd/%d/", parent_fd);
	memcpy(w->path + n, name.p, name.n);
	w->path[(size_t)n + name.n] = 0;
	return true;
}

static ssize_t list_xattrs(const struct whose *w, char *names, size_t n)
{
	if (w->fd >= 0)
		return flistxattr(w->fd, names, n);
	return w->nofollow ? llistxattr(w->path, names, n) : listxattr(w->path, names, n);
}

static ssize_t get_xattr(const struct whose *w, const char *name, uint8_t *value, size_t n)
{
	if (w->fd >= 0)
		return fgetxattr(w->fd, name, value, n);
	return w->nofollow ? lgetxattr(w->path, name, value, n) : getxattr(w->path, name, value, n);
}

/* Most values are short. */
static int one_xattr(const struct whose *w, const char *name, kan_tree_xattr_fn *fn, void *arg)
{
	uint8_t small[FEW];
	kan_auto_free uint8_t *large = NULL;
	uint8_t *value = small;
	ssize_t n = get_xattr(w, name, small, sizeof(small));
	if (n < 0 && errno == ERANGE) {
		value = large = kan_xrealloc(NULL, XATTR_SIZE_MAX, 1);
		n = get_xattr(w, name, large, XATTR_SIZE_MAX);
	}
	if (n < 0 && errno != ENODATA)
		return -1; /* the others are still told */
	if (n >= 0)
		fn(kan_bytes_of(name), (struct kan_bytes){value, (size_t)n}, arg);
	return 0;
}

static int read_xattrs(const struct whose *w, kan_tree_xattr_fn *fn, void *arg, struct kan_err *err)
{
	char few[FEW];
	kan_auto_free char *many = NULL;
	char *names = few;
	ssize_t n = list_xattrs(w, few, sizeof(few) - 1);
	if (n < 0 && errno == ERANGE) {
		n = list_xattrs(w, NULL, 0);
		if (n > KAN_TREE_XATTR_MAX)
			return kan_fail(err, KAN_ELIMIT, "xattr: names over %d bytes",
					KAN_TREE_XATTR_MAX);
		names = many = kan_xrealloc(NULL, (n > 0 ? (size_t)n : 0) + 1, 1);
		n = n > 0 ? list_xattrs(w, many, (size_t)n) : n;
	}
	if (n < 0)
		return errno == ENOTSUP ? 0 : kan_fail_sys(err, "xattr");
	names[n] = 0;
	int rc = 0;
	for (char *at = names; at < names + n; at += strlen(at) + 1)
		if (one_xattr(w, at, fn, arg) < 0 && rc == 0)
			rc = kan_fail_sys(err, "xattr %.64s", at);
	return rc;
}

int kan_tree_xattrs(int path_fd, int parent_fd, struct kan_bytes name, kan_tree_xattr_fn *fn,
		    void *arg, struct kan_err *err)
{
	struct whose w;
	if (!by_path(&w, path_fd, parent_fd, name))
		return kan_fail_sys(err, "xattr");
	return read_xattrs(&w, fn, arg, err);
}

int kan_tree_open_xattrs(int fd, kan_tree_xattr_fn *fn, void *arg, struct kan_err *err)
{
	const struct whose w = {.fd = fd};
	return read_xattrs(&w, fn, arg, err);
}
