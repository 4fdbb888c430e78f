/* Paths that are looked up often. Searched by their bytes: no hash that somebody could aim at. */
#include "image/pkg_paths.h"

#include <stdlib.h>
#include <string.h>

enum { HOPS_MAX = 40, FOLLOWED_MAX = 256 << 10, STEP_WORK = 64 };

struct entry {
	uint32_t at, n, value_n; /* in text; the value is behind the path */
	uint32_t order;
};

struct kan_pkg_paths {
	struct kan_buf text;
	struct entry *entries;
	size_t n, cap;
	bool cut;
};

struct kan_pkg_paths *kan_pkg_paths_new(void)
{
	struct kan_pkg_paths *p = kan_xalloc(sizeof(*p));
	p->text = KAN_BUF(KAN_PKG_PATHS_OCTETS);
	return p;
}

void kan_pkg_paths_free(struct kan_pkg_paths *p)
{
	if (!p)
		return;
	kan_buf_free(&p->text);
	free(p->entries);
	free(p);
}

void kan_pkg_paths_add(struct kan_pkg_paths *p, struct kan_bytes path, struct kan_bytes value)
{
	if (p->n == KAN_PKG_PATHS || path.n + value.n > p->text.max - p->text.len) {
		p->cut = true;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->entries = kan_xrealloc(p->entries, p->cap, sizeof(*p->entries));
	}
	struct entry e = {(uint32_t)p->text.len, (uint32_t)path.n, (uint32_t)value.n,
			  (uint32_t)p->n};
	kan_buf_addb(&p->text, path);
	kan_buf_addb(&p->text, value);
	p->entries[p->n++] = e;
}

static struct kan_bytes path_of(const struct kan_pkg_paths *p, const struct entry *e)
{
	return (struct kan_bytes){p->text.data + e->at, e->n};
}

static int by_path(const void *a, const void *b, void *paths)
{
	const struct entry *x = a, *y = b;
	int c = kan_bytes_cmp(path_of(paths, x), path_of(paths, y));
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

void kan_pkg_paths_sort(struct kan_pkg_paths *p)
{
	size_t kept = 0;
	if (p->n)
		qsort_r(p->entries, p->n, sizeof(*p->entries), by_path, p);
	for (size_t i = 0; i < p->n; i++)
		if (kept == 0 ||
		    !kan_bytes_eq(path_of(p, &p->entries[kept - 1]), path_of(p, &p->entries[i])))
			p->entries[kept++] = p->entries[i];
	p->n = kept;
}

bool kan_pkg_paths_whole(const struct kan_pkg_paths *p)
{
	return !p->cut;
}

size_t kan_pkg_paths_count(const struct kan_pkg_paths *p)
{
	return p->n;
}

size_t kan_pkg_paths_find(const struct kan_pkg_paths *p, struct kan_bytes path)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = kan_bytes_cmp(path_of(p, &p->entries[mid]), path);
		if (c == 0)
			return mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return KAN_PKG_NOWHERE;
}

struct kan_bytes kan_pkg_paths_path(const struct kan_pkg_paths *p, size_t at)
{
	return path_of(p, &p->entries[at]);
}

struct kan_bytes kan_pkg_paths_value(const struct kan_pkg_paths *p, size_t at)
{
	const struct entry *e = &p->entries[at];
	return (struct kan_bytes){p->text.data + e->at + e->n, e->value_n};
}

/* One component behind what out has. */
static void step(struct kan_buf *out, struct kan_bytes name)
{
	if (name.n == 0 || kan_bytes_eq(name, KAN_LIT(".")))
		return;
	if (!kan_bytes_eq(name, KAN_LIT(".."))) {
		if (out->len)
			kan_buf_addc(out, '/');
		kan_buf_addb(out, name);
		return;
	}
	size_t n = out->len;
	while (n && out->data[n - 1] != '/')
		n--;
	out->len = n ? n - 1 : 0;
}

/* What is still to be walked becomes the target and what was behind the link. */
static bool jump(struct kan_buf *out, struct kan_buf *todo, size_t parent, struct kan_bytes target,
		 struct kan_bytes rest)
{
	kan_auto_buf struct kan_buf next = KAN_BUF(FOLLOWED_MAX);
	kan_buf_addb(&next, target);
	kan_buf_addc(&next, '/');
	kan_buf_addb(&next, rest);
	out->len = target.n && target.p[0] == '/' ? 0 : parent;
	kan_buf_reset(todo);
	kan_buf_addb(todo, kan_buf_bytes(&next));
	return !next.failed && !todo->failed;
}

/* A component costs a search among the links, which compares along the path. */
static bool spend(uint64_t *left, uint64_t work)
{
	*left -= work < *left ? work : *left;
	return *left > 0;
}

bool kan_pkg_paths_follow(struct kan_buf *out, const struct kan_pkg_paths *links,
			  struct kan_bytes path, uint64_t *left)
{
	kan_auto_buf struct kan_buf todo = KAN_BUF(FOLLOWED_MAX);
	unsigned hops = 0;
	kan_buf_reset(out);
	kan_buf_addb(&todo, path);
	for (size_t at = 0; at < todo.len && !out->failed;) {
		const uint8_t *slash = memchr(todo.data + at, '/', todo.len - at);
		size_t n = slash ? (size_t)(slash - todo.data) - at : todo.len - at, was = out->len;
		if (!spend(left, STEP_WORK + out->len + n))
			return false;
		step(out, (struct kan_bytes){todo.data + at, n});
		at += n + (slash ? 1 : 0);
		size_t link = slash && n ? kan_pkg_paths_find(links, kan_buf_bytes(out))
					 : KAN_PKG_NOWHERE;
		if (link == KAN_PKG_NOWHERE)
			continue;
		if (++hops > HOPS_MAX || !spend(left, todo.len) ||
		    !jump(out, &todo, was, kan_pkg_paths_value(links, link),
			  (struct kan_bytes){todo.data + at, todo.len - at}))
			return false;
		at = 0;
	}
	return !out->failed && !todo.failed;
}
