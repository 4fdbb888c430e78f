/* bbolt's file format, version 2, little endian: pages of two meta, branches and leaves. Read only,
 * and from bytes that may be anything. */
#include "engine/bolt.h"

#include <string.h>

#include "base/numbers.h"

enum {
	HEADER = 16, /* id 8, flags 2, count 2, overflow 4 */
	ELEMENT = 16,
	META_SUMMED = 56, /* then its checksum */
	META_SIZE = 64,
	IS_BRANCH = 1,
	IS_LEAF = 2,
	BUCKET = 1, /* flag of a leaf's element */
	BUCKET_HEADER = 16,
	DEPTH = 32,
	PAGE_MIN = 512,
	PAGE_MAX = 1 << 20,
	LOOKS = 4, /* at each that the file has room for: to list all and to find fields of each */
};

static const uint32_t magic = 0xED0CDAED, version = 2;

/* FNV-1a, 64 bits. */
static uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

static bool read_meta(struct kan_bolt *out, struct kan_bytes file, size_t at)
{
	if (at > file.n || file.n - at < HEADER + META_SIZE)
		return false;
	const uint8_t *m = file.p + at + HEADER;
	if (kan_le32(m) != magic || kan_le32(m + 4) != version ||
	    kan_le64(m + META_SUMMED) != sum(m, META_SUMMED))
		return false;
	size_t size = kan_le32(m + 8);
	if (size < PAGE_MIN || size > PAGE_MAX)
		return false;
	*out = (struct kan_bolt){.file = file,
				 .page_size = size,
				 .root = kan_le64(m + 16),
				 .txid = kan_le64(m + 48)};
	return true;
}

int kan_bolt_open(struct kan_bolt *out, struct kan_bytes file, struct kan_err *err)
{
	struct kan_bolt first = {0}, second = {0};
	bool one = read_meta(&first, file, 0), two = false;
	/* Where the second begins is known from the first; when that is torn, it is looked for. */
	for (size_t size = one ? first.page_size : PAGE_MIN; size <= PAGE_MAX && !two; size *= 2) {
		two = read_meta(&second, file, size) && second.page_size == size;
		if (one)
			break;
	}
	if (!one && !two)
		return kan_fail(err, KAN_EFORMAT, "no meta page with a right checksum");
	*out = !one || (two && second.txid > first.txid) ? second : first;
	out->left = file.n / ELEMENT * LOOKS;
	return 0;
}

struct walk {
	struct kan_bolt *b;
	kan_bolt_fn *fn;
	void *arg;
};

static int bad(struct kan_err *err)
{
	return kan_fail(err, KAN_EFORMAT, "a page that leads in circles or out of the file");
}

/* What is met is counted over all walks of a file: no circle can hold one, and pages that many
 * entries share are not read as often as there are entries. */
static int look(struct kan_bolt *b, struct kan_err *err)
{
	if (b->left == 0)
		return kan_fail(err, KAN_ELIMIT,
				"pages that lead in circles, or are met too often");
	b->left--;
	return 0;
}

/* A page with what overflows it, as one piece. */
static bool page_at(struct kan_bytes *out, const struct kan_bolt *b, uint64_t id)
{
	if (id > b->file.n / b->page_size)
		return false;
	size_t at = (size_t)id * b->page_size;
	if (b->file.n - at < HEADER)
		return false;
	uint64_t size = ((uint64_t)kan_le32(b->file.p + at + 12) + 1) * b->page_size;
	if (size > b->file.n - at)
		return false;
	*out = (struct kan_bytes){b->file.p + at, (size_t)size};
	return true;
}

/* n octets at pos, as seen from element i. */
static bool piece(struct kan_bytes *out, struct kan_bytes page, size_t i, uint64_t pos, uint64_t n)
{
	uint64_t from = HEADER + (uint64_t)i * ELEMENT + pos;
	if (from > page.n || n > page.n - from)
		return false;
	*out = (struct kan_bytes){page.p + from, (size_t)n};
	return true;
}

static int leaf(struct walk *w, struct kan_bytes page, size_t count, struct kan_err *err)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *x = page.p + HEADER + i * ELEMENT;
		struct kan_bolt_entry e = {.is_bucket = kan_le32(x) & BUCKET};
		uint64_t pos = kan_le32(x + 4), key = kan_le32(x + 8);
		if (!piece(&e.key, page, i, pos, key) ||
		    !piece(&e.value, page, i, pos + key, kan_le32(x + 12)))
			return bad(err);
		if (look(w->b, err) < 0)
			return -1;
		if (e.is_bucket && e.value.n < BUCKET_HEADER)
			return bad(err);
		if (e.is_bucket) {
			e.bucket.root = kan_le64(e.value.p);
			e.bucket.in_place = (struct kan_bytes){e.value.p + BUCKET_HEADER,
							       e.value.n - BUCKET_HEADER};
		}
		int rc = w->fn(&e, w->arg, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int tree(struct walk *w, struct kan_bytes page, unsigned depth, struct kan_err *err);

static int branch(struct walk *w, struct kan_bytes page, size_t count, unsigned depth,
		  struct kan_err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct kan_bytes below;
		if (!page_at(&below, w->b, kan_le64(page.p + HEADER + i * ELEMENT + 8)))
			return bad(err);
		int rc = tree(w, below, depth + 1, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int tree(struct walk *w, struct kan_bytes page, unsigned depth, struct kan_err *err)
{
	if (depth > DEPTH || page.n < HEADER)
		return bad(err);
	if (look(w->b, err) < 0)
		return -1;
	size_t count = kan_le16(page.p + 10);
	unsigned flags = kan_le16(page.p + 8);
	if (count > (page.n - HEADER) / ELEMENT)
		return bad(err);
	if (flags & IS_BRANCH)
		return branch(w, page, count, depth, err);
	return flags & IS_LEAF ? leaf(w, page, count, err) : bad(err);
}

int kan_bolt_each(struct kan_bolt *b, const struct kan_bolt_bucket *in, kan_bolt_fn *fn, void *arg,
		  struct kan_err *err)
{
	struct walk w = {.b = b, .fn = fn, .arg = arg};
	struct kan_bytes page = in ? in->in_place : (struct kan_bytes){0};
	uint64_t root = in ? in->root : b->root;
	if ((!in || root) && !page_at(&page, b, root))
		return bad(err);
	return tree(&w, page, 0, err) < 0 ? -1 : 0;
}

struct sought {
	const char *key;
	struct kan_bolt_entry *out;
	bool found;
};

static int compare_key(const struct kan_bolt_entry *e, void *arg, struct kan_err *err)
{
	struct sought *s = arg;
	(void)err;
	if (!kan_bytes_eq(e->key, kan_bytes_of(s->key)))
		return 0;
	*s->out = *e;
	s->found = true;
	return 1;
}

int kan_bolt_find(struct kan_bolt_entry *out, struct kan_bolt *b, const struct kan_bolt_bucket *in,
		  const char *key, struct kan_err *err)
{
	struct sought s = {.key = key, .out = out};
	if (kan_bolt_each(b, in, compare_key, &s, err) < 0)
		return -1;
	return s.found ? 0 : kan_fail(err, KAN_ENOTFOUND, "no %.64s in the database", key);
}
