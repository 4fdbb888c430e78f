/* A list of changes and an export, the two split where the first two octets say: the cut of the
 * pieces makes no difference, no name leads out, and no more content comes than a header said. */
#include "image/export.h"

#include <stdlib.h>
#include <string.h>

struct state {
	uint64_t members, sum, octets, left;
	bool open;
};

static void check_path(struct kan_bytes path)
{
	if (path.n == 0 || path.p[0] != '/' || memchr(path.p, 0, path.n) ||
	    memmem(path.p, path.n, "/../", 4) || memmem(path.p, path.n, "//", 2) ||
	    (path.n > 2 && memcmp(path.p + path.n - 3, "/..", 3) == 0))
		abort();
}

static int member(const struct kan_export_member *m, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	check_path(m->path);
	if (m->hardlink.n)
		check_path(m->hardlink);
	if (s->open)
		abort();
	s->open = true;
	s->left = m->head->size;
	s->members++;
	s->sum = s->sum * 31 + m->mode + m->path.n + m->name.n + m->again + (m->listed != NULL);
	return 0;
}

static int content(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (!s->open || piece.n > s->left)
		abort();
	s->left -= piece.n;
	s->octets += piece.n;
	return 0;
}

static int end(const char *sha256, uint64_t octets, void *arg, struct kan_err *err)
{
	struct state *s = arg;
	(void)err;
	if (!s->open)
		abort();
	s->open = false;
	s->sum = s->sum * 31 + octets + (uint64_t)sha256[0];
	return 0;
}

static struct kan_changelist *list_of(struct kan_bytes in, size_t step, bool *whole)
{
	struct kan_err err = {0};
	struct kan_changelist *l = kan_changelist_new();
	*whole = true;
	while (*whole && in.n) {
		size_t n = in.n < step ? in.n : step;
		*whole = kan_changelist_feed(l, (struct kan_bytes){in.p, n}, &err) == 0;
		in.p += n;
		in.n -= n;
	}
	*whole = kan_changelist_finish(l, &err) == 0 && *whole;
	for (size_t i = 0; i < kan_changelist_count(l); i++)
		check_path(kan_changelist_path(l, kan_changelist_at(l, i)));
	return l;
}

static struct state run(struct kan_bytes json, struct kan_bytes tar, size_t step, int *rc)
{
	struct state s = {0};
	struct kan_err err = {0};
	bool whole = false;
	struct kan_changelist *l = list_of(json, step, &whole);
	const struct kan_export_visit v = {member, content, end, &s, !whole};
	struct kan_export *e = kan_export_new(l, &v);
	*rc = 0;
	while (*rc == 0 && tar.n) {
		size_t n = tar.n < step ? tar.n : step;
		*rc = kan_export_feed(e, (struct kan_bytes){tar.p, n}, &err);
		tar.p += n;
		tar.n -= n;
	}
	if (kan_export_finish(e, &err) < 0)
		*rc = -1;
	kan_export_free(e);
	s.sum = s.sum * 31 + kan_changelist_count(l) + whole;
	kan_changelist_free(l);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int whole = 0, cut = 0;
	if (size < 2)
		return 0;
	size_t n = (size_t)data[0] << 8 | data[1];
	n = n < size - 2 ? n : size - 2;
	struct kan_bytes json = {data + 2, n}, tar = {data + 2 + n, size - 2 - n};
	struct state a = run(json, tar, size, &whole), b = run(json, tar, 97, &cut);
	if (whole != cut || a.members != b.members || a.sum != b.sum || a.octets != b.octets)
		abort();
	return 0;
}
