/* SQLite, as far as rpm's table needs it: the pages of one b-tree, and the write-ahead log over
 * them. No statement is run: a schema is a program of whoever wrote it. */
#include <stdlib.h>

#include "base/numbers.h"
#include "image/pkg_rpm.h"

enum {
	HEADER = 100,
	PAGE_MIN = 512,
	PAGE_MAX = 65536,
	USABLE_MIN = 480,
	DEPTH_MAX = 20,
	LEAF = 13,
	INTERIOR = 5,
	WAL_HEADER = 32,
	FRAME_HEADER = 24,
	WAL_MAGIC = 0x377f0682, /* its last bit: checksums over big-endian words */
	BLOB_FIRST = 12,
};

struct wal {
	struct kan_bytes bytes;
	uint32_t size; /* of a page */
	bool big;
	uint32_t s0, s1; /* the checksum so far */
	size_t frames;   /* up to the last commit */
	uint32_t pages;  /* of the database then */
};

struct db {
	struct kan_bytes main;
	struct wal wal;
	size_t *frame; /* page to its octets in the log; 0: in main */
	uint32_t size, usable, n;
	uint64_t left;        /* pages that may still be visited: each once */
	uint64_t octets_left; /* of payloads: no more than there are */
};

struct cells {
	struct db *db;
	int (*cell)(struct kan_bytes payload, uint64_t at, void *arg, struct kan_err *err);
	void *arg;
};

/* --- the log --- */

static void checksum(struct wal *w, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint32_t a = w->big ? kan_be32(p + i) : kan_le32(p + i);
		uint32_t b = w->big ? kan_be32(p + i + 4) : kan_le32(p + i + 4);
		w->s0 += a + w->s1;
		w->s1 += b + w->s0;
	}
}

static bool sum_is(const struct wal *w, const uint8_t *p)
{
	return kan_be32(p) == w->s0 && kan_be32(p + 4) == w->s1;
}

static bool page_size_ok(uint32_t size)
{
	return size >= PAGE_MIN && size <= PAGE_MAX && (size & (size - 1)) == 0;
}

static size_t frame_at(const struct wal *w, size_t i)
{
	return WAL_HEADER + i * (FRAME_HEADER + (size_t)w->size);
}

/* As SQLite does: frames count while salt and checksum agree, up to the last commit. */
static void read_wal(struct wal *w, struct kan_bytes bytes)
{
	*w = (struct wal){.bytes = bytes};
	if (bytes.n < WAL_HEADER || (kan_be32(bytes.p) & ~1U) != WAL_MAGIC)
		return;
	w->big = kan_be32(bytes.p) & 1;
	w->size = kan_be32(bytes.p + 8);
	checksum(w, bytes.p, FRAME_HEADER);
	if (!page_size_ok(w->size) || !sum_is(w, bytes.p + FRAME_HEADER))
		return;
	for (size_t i = 0; frame_at(w, i + 1) <= bytes.n; i++) {
		const uint8_t *f = bytes.p + frame_at(w, i);
		checksum(w, f, 8);
		checksum(w, f + FRAME_HEADER, w->size);
		if (memcmp(f + 8, bytes.p + 16, 8) != 0 || !sum_is(w, f + 16))
			return;
		if (kan_be32(f + 4) == 0)
			continue;
		w->frames = i + 1;
		w->pages = kan_be32(f + 4);
	}
}

bool kan_pkg_wal_used(struct kan_bytes wal)
{
	struct wal w;
	read_wal(&w, wal);
	return w.frames > 0;
}

/* --- pages --- */

static const uint8_t *page(const struct db *d, uint32_t no)
{
	if (no == 0 || no > d->n)
		return NULL;
	if (d->frame && d->frame[no])
		return d->wal.bytes.p + d->frame[no];
	size_t at = (size_t)(no - 1) * d->size;
	return d->main.n >= d->size && at <= d->main.n - d->size ? d->main.p + at : NULL;
}

static uint64_t offset_of(const struct db *d, uint32_t no)
{
	return (uint64_t)(no - 1) * d->size;
}

static int overlay(struct db *d, struct kan_err *err)
{
	const struct wal *w = &d->wal;
	if (w->frames == 0)
		return 0;
	if (w->size != d->size || w->pages > d->main.n / d->size + w->frames)
		return kan_fail(err, KAN_EFORMAT, "byte 0: a write-ahead log of another database");
	d->n = w->pages;
	d->frame = kan_xalloc(((size_t)d->n + 1) * sizeof(*d->frame));
	for (size_t i = 0; i < w->frames; i++) {
		uint32_t no = kan_be32(w->bytes.p + frame_at(w, i));
		if (no && no <= d->n)
			d->frame[no] = frame_at(w, i) + FRAME_HEADER;
	}
	return 0;
}

static int open_db(struct db *d, struct kan_bytes main, struct kan_bytes wal, struct kan_err *err)
{
	*d = (struct db){.main = main, .octets_left = (uint64_t)main.n + wal.n};
	if (main.n < HEADER || memcmp(main.p, "SQLite format 3", 16) != 0)
		return kan_fail(err, KAN_EFORMAT, "byte 0: no SQLite database");
	d->size = kan_be16(main.p + 16);
	d->size = d->size == 1 ? PAGE_MAX : d->size;
	if (!page_size_ok(d->size) || d->size - main.p[20] < USABLE_MIN)
		return kan_fail(err, KAN_EFORMAT, "byte 16: a page size that is none");
	d->usable = d->size - main.p[20];
	d->n = (uint32_t)(main.n / d->size);
	read_wal(&d->wal, wal);
	if (overlay(d, err) < 0)
		return -1;
	d->left = d->n;
	return 0;
}

/* --- the tree --- */

/* Big-endian groups of seven bits, the ninth of eight. 0: it is cut. */
static size_t varint(uint64_t *out, struct kan_bytes b)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 9 && i < b.n; i++) {
		v = i < 8 ? v << 7 | (b.p[i] & 0x7f) : v << 8 | b.p[i];
		if (i == 8 || b.p[i] < 0x80) {
			*out = v;
			return i + 1;
		}
	}
	return 0;
}

static struct kan_bytes from(struct kan_bytes b, size_t n)
{
	return (struct kan_bytes){b.p + n, b.n - n};
}

/* What of a payload stays in the leaf. */
static uint64_t local_size(const struct db *d, uint64_t n)
{
	uint32_t max = d->usable - 35, min = (d->usable - 12) * 32 / 255 - 23;
	if (n <= max)
		return n;
	uint64_t k = min + (n - min) % (d->usable - 4);
	return k <= max ? k : min;
}

static int gather(struct kan_buf *out, const struct db *d, uint64_t n, uint32_t no, uint64_t at,
		  struct kan_err *err)
{
	while (out->len < n) {
		const uint8_t *p = page(d, no);
		size_t more = d->usable - 4;
		if (!p)
			return kan_fail(err, KAN_EFORMAT, "byte %llu: a record goes on in no page",
					(unsigned long long)at);
		more = n - out->len < more ? (size_t)(n - out->len) : more;
		kan_buf_add(out, p + 4, more);
		no = kan_be32(p);
	}
	return 0;
}

static int leaf_cell(const struct cells *c, struct kan_bytes cell, uint64_t at, struct kan_err *err)
{
	uint64_t n = 0, row = 0;
	size_t used = varint(&n, cell), more = used ? varint(&row, from(cell, used)) : 0;
	if (!more)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a record that is cut off",
				(unsigned long long)at);
	cell = from(cell, used + more);
	uint64_t local = local_size(c->db, n);
	if (n > c->db->octets_left || n > KAN_PKG_RPM_HEADER || local > cell.n ||
	    (local < n && cell.n - local < 4))
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a record of %llu bytes",
				(unsigned long long)at, (unsigned long long)n);
	c->db->octets_left -= n;
	if (local == n)
		return c->cell((struct kan_bytes){cell.p, (size_t)n}, at, c->arg, err);
	kan_auto_buf struct kan_buf whole = KAN_BUF(KAN_PKG_RPM_HEADER);
	kan_buf_add(&whole, cell.p, (size_t)local);
	if (gather(&whole, c->db, n, kan_be32(cell.p + local), at, err) < 0)
		return -1;
	return c->cell(kan_buf_bytes(&whole), at, c->arg, err);
}

static int walk(const struct cells *c, uint32_t no, unsigned depth, struct kan_err *err)
{
	struct db *d = c->db;
	const uint8_t *p = page(d, no);
	uint64_t at = no ? offset_of(d, no) : 0;
	size_t start = no == 1 ? HEADER : 0;
	if (!p || depth > DEPTH_MAX || d->left == 0)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a tree that leads to no page",
				(unsigned long long)at);
	d->left--;
	const uint8_t *h = p + start;
	bool leaf = h[0] == LEAF;
	size_t n = kan_be16(h + 3), array = start + (leaf ? 8 : 12);
	if ((!leaf && h[0] != INTERIOR) || array + 2 * n > d->usable)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: no page of a table",
				(unsigned long long)at);
	for (size_t i = 0; i < n; i++) {
		size_t cell = kan_be16(p + array + 2 * i);
		if (cell > d->usable - 4)
			return kan_fail(err, KAN_EFORMAT, "byte %llu: a record outside its page",
					(unsigned long long)at);
		int rc = leaf ? leaf_cell(c, (struct kan_bytes){p + cell, d->usable - cell},
					  at + cell, err)
			      : walk(c, kan_be32(p + cell), depth + 1, err);
		if (rc < 0)
			return -1;
	}
	return leaf ? 0 : walk(c, kan_be32(h + 8), depth + 1, err);
}

/* --- records --- */

static uint64_t value_size(uint64_t type)
{
	static const uint8_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
	return type < BLOB_FIRST ? sizes[type] : (type - BLOB_FIRST) / 2;
}

/* A column of a record: its type and its octets. */
static bool column(uint64_t *type, struct kan_bytes *value, struct kan_bytes record, unsigned i)
{
	uint64_t head = 0, at = 0;
	size_t used = varint(&head, record);
	if (!used || head > record.n || head < used)
		return false;
	struct kan_bytes types = {record.p + used, (size_t)head - used};
	for (at = head;; i--) {
		size_t more = varint(type, types);
		uint64_t n = more ? value_size(*type) : 0;
		if (!more || n > record.n - at)
			return false;
		*value = (struct kan_bytes){record.p + at, (size_t)n};
		if (i == 0)
			return true;
		types = from(types, more);
		at += n;
	}
}

static uint64_t whole_number(uint64_t type, struct kan_bytes value)
{
	uint64_t v = 0;
	if (type == 9)
		return 1;
	for (size_t i = 0; type >= 1 && type <= 6 && i < value.n; i++)
		v = v << 8 | value.p[i];
	return v;
}

/* A row of the schema: type, name, table, root page. */
static int schema_row(struct kan_bytes record, uint64_t at, void *arg, struct kan_err *err)
{
	uint64_t type = 0, *root = arg;
	struct kan_bytes kind, name, value;
	(void)at;
	(void)err;
	if (!column(&type, &kind, record, 0) || !column(&type, &name, record, 1) ||
	    !column(&type, &value, record, 3))
		return 0;
	if (kan_bytes_eq(kind, KAN_LIT("table")) && kan_bytes_eq(name, KAN_LIT("Packages")))
		*root = whole_number(type, value);
	return 0;
}

/* A row of Packages: its number, which is the row's, and the header. */
static int package_row(struct kan_bytes record, uint64_t at, void *arg, struct kan_err *err)
{
	const struct kan_pkg_rpm_visit *v = arg;
	uint64_t type = 0;
	struct kan_bytes blob;
	if (!column(&type, &blob, record, 1) || type < BLOB_FIRST || type % 2)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a row without a header",
				(unsigned long long)at);
	return v->blob(blob, at, v->arg, err);
}

static int tables(struct db *d, const struct kan_pkg_rpm_visit *v, struct kan_err *err)
{
	uint64_t root = 0;
	struct cells schema = {d, schema_row, &root},
		     packages = {d, package_row, (void *)(uintptr_t)v};
	if (walk(&schema, 1, 0, err) < 0)
		return -1;
	if (root == 0 || root > UINT32_MAX)
		return kan_fail(err, KAN_EFORMAT, "byte 0: a database without rpm's table");
	d->left = d->n;
	return walk(&packages, (uint32_t)root, 0, err);
}

int kan_pkg_sqlite_read(struct kan_bytes db, struct kan_bytes wal,
			const struct kan_pkg_rpm_visit *v, struct kan_err *err)
{
	struct db d;
	int rc = open_db(&d, db, wal, err) < 0 ? -1 : tables(&d, v, err);
	free(d.frame);
	return rc;
}
