/* The engine's mount table, sorted by device; paths of the host's system. */
#include "image/hostmap.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/mountinfo.h"

enum { PATH_OCTETS = 128 << 10 };

struct place {
	unsigned major, minor;
	struct kan_bytes root, point;
	size_t at; /* within text, until it is complete */
	size_t order;
};

struct kan_hostmap {
	struct kan_buf text;
	struct place *v;
	size_t n, cap;
	char *data_root;
};

static int add(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct kan_hostmap *h = arg;
	(void)err;
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 64;
		h->v = kan_xrealloc(h->v, h->cap, sizeof(*h->v));
	}
	h->v[h->n] = (struct place){.major = m->major,
				    .minor = m->minor,
				    .root.n = m->root.n,
				    .point.n = m->point.n,
				    .at = h->text.len,
				    .order = h->n};
	h->n++;
	kan_buf_addb(&h->text, m->root);
	kan_buf_addb(&h->text, m->point);
	return 0;
}

static int by_device(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

int kan_hostmap_new(struct kan_hostmap **out, struct kan_bytes mountinfo, const char *data_root,
		    struct kan_err *err)
{
	struct kan_hostmap *h = kan_xalloc(sizeof(*h));
	h->text = KAN_BUF(2 * (size_t)KAN_MOUNTINFO_MAX);
	h->data_root = kan_xstrdup(data_root);
	if (kan_mountinfo_each(mountinfo, add, h, err) < 0) {
		kan_hostmap_free(h);
		return -1;
	}
	for (size_t i = 0; i < h->n; i++) {
		h->v[i].root.p = h->text.data + h->v[i].at;
		h->v[i].point.p = h->v[i].root.p + h->v[i].root.n;
	}
	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), by_device);
	*out = h;
	return 0;
}

void kan_hostmap_free(struct kan_hostmap *h)
{
	if (!h)
		return;
	kan_buf_free(&h->text);
	free(h->v);
	free(h->data_root);
	free(h);
}

bool kan_path_within(struct kan_bytes path, struct kan_bytes dir)
{
	if (dir.n == 1 && dir.p[0] == '/')
		return path.n && path.p[0] == '/';
	return dir.n && path.n >= dir.n && memcmp(path.p, dir.p, dir.n) == 0 &&
	       (path.n == dir.n || path.p[dir.n] == '/');
}

bool kan_host_system(struct kan_bytes path, struct kan_bytes data_root)
{
	static const char *const itself[] = {"/",    "/home", "/var", "/tmp",
					     "/opt", "/srv",  "/mnt", "/media"};
	static const char *const within[] = {
		"/bin",     "/boot",    "/dev",     "/etc",     "/lib",      "/lib32", "/lib64",
		"/libexec", "/libx32",  "/proc",    "/root",    "/run",      "/sbin",  "/sys",
		"/usr",     "/var/lib", "/var/log", "/var/run", "/var/spool"};
	for (size_t i = 0; i < sizeof(itself) / sizeof(itself[0]); i++)
		if (kan_bytes_eq(path, kan_bytes_of(itself[i])))
			return true;
	for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
		if (kan_path_within(path, kan_bytes_of(within[i])))
			return true;
	/* What holds the engine's data is the system's, too. */
	return kan_path_within(path, data_root) ||
	       (data_root.n && kan_path_within(data_root, path));
}

/* "NAME/_data" or below, after DATAROOT/volumes/. */
static bool in_volume(struct kan_bytes path, struct kan_bytes data_root)
{
	static const char folder[] = "/volumes/", data[] = "/_data";
	if (!kan_path_within(path, data_root) || path.n == data_root.n)
		return false;
	struct kan_bytes rest = {path.p + data_root.n, path.n - data_root.n};
	if (!kan_bytes_starts(rest, folder))
		return false;
	rest.p += sizeof(folder) - 1;
	rest.n -= sizeof(folder) - 1;
	const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
	if (!slash || slash == rest.p)
		return false;
	rest.n -= (size_t)(slash - rest.p);
	rest.p = slash;
	return kan_path_within(rest, kan_bytes_of(data));
}

struct finding {
	struct kan_origin o;
	bool mounted; /* a volume that is itself a mount: where that one comes from counts as well
		       */
	size_t narrowest;
};

static void take(struct finding *f, struct kan_buf *path, const struct kan_hostmap *h,
		 const struct place *p, const struct kan_mount *m)
{
	kan_auto_buf struct kan_buf one = KAN_BUF(PATH_OCTETS);
	struct kan_bytes data_root = kan_bytes_of(h->data_root);
	size_t skip = kan_bytes_eq(p->root, KAN_LIT("/")) ? 0 : p->root.n;
	if (!kan_bytes_eq(p->point, KAN_LIT("/")))
		kan_buf_addb(&one, p->point);
	if (!kan_bytes_eq(m->root, KAN_LIT("/")))
		kan_buf_addb(&one, (struct kan_bytes){m->root.p + skip, m->root.n - skip});
	if (one.len == 0)
		kan_buf_addc(&one, '/');
	struct kan_bytes whole = kan_buf_bytes(&one);
	bool below = kan_path_within(whole, data_root) && whole.n > data_root.n;
	if (in_volume(whole, data_root)) {
		bool plain = kan_path_within(data_root, p->point);
		f->o.volume |= plain;
		f->mounted |= !plain;
	} else if (below && kan_bytes_eq(m->root, KAN_LIT("/")) &&
		   kan_bytes_eq(m->point, KAN_LIT("/dev/shm"))) {
		f->o.own = true;
	} else {
		f->o.system |= kan_host_system(whole, data_root);
	}
	if (f->o.known && p->root.n <= f->narrowest)
		return;
	f->o.known = true;
	f->narrowest = p->root.n;
	kan_buf_reset(path);
	kan_buf_addb(path, whole);
}

static size_t first(const struct kan_hostmap *h, const struct kan_mount *m)
{
	struct place key = {.major = m->major, .minor = m->minor};
	size_t low = 0, high = h->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (by_device(&h->v[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct kan_origin kan_hostmap_find(struct kan_buf *path, const struct kan_hostmap *h,
				   const struct kan_mount *m)
{
	struct finding f = {0};
	kan_buf_reset(path);
	for (size_t i = first(h, m); i < h->n; i++) {
		if (h->v[i].major != m->major || h->v[i].minor != m->minor)
			break;
		if (kan_path_within(m->root, h->v[i].root))
			take(&f, path, h, &h->v[i], m);
	}
	f.o.volume |= f.mounted && !f.o.system;
	if (f.o.volume)
		f.o.system = false;
	return f.o;
}
