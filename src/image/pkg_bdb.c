/* Berkeley DB, as far as rpm's hash needs it: every page of records, and the pages that a long one
 * goes on in. In the byte order of the machine that wrote it. */
#include "base/numbers.h"
#include "image/pkg_rpm.h"

enum {
	META = 96, /* what is read of the first page */
	MAGIC = 0x061561,
	PAGE_MIN = 512,
	PAGE_MAX = 65536,
	PAGE_HEADER = 26,
	UNSORTED = 2,
	OVERFLOW = 7,
	HASH_META = 8,
	HASH = 13,
	INLINE = 1,
	OFF_PAGE = 3,
	OFF_PAGE_SIZE = 12,
	HEADER_MIN = 16, /* no package's header is shorter */
};

struct db {
	struct kan_bytes bytes;
	bool big;
	uint32_t size, n;
	uint64_t left; /* octets of headers that may still be told */
};

static uint32_t u32(const struct db *d, const uint8_t *p)
{
	return d->big ? kan_be32(p) : kan_le32(p);
}

static uint32_t u16(const struct db *d, const uint8_t *p)
{
	return d->big ? kan_be16(p) : kan_le16(p);
}

static const uint8_t *page(const struct db *d, uint32_t no)
{
	return no && no < d->n ? d->bytes.p + (size_t)no * d->size : NULL;
}

static int open_db(struct db *d, struct kan_bytes bytes, struct kan_err *err)
{
	*d = (struct db){.bytes = bytes, .left = bytes.n};
	if (bytes.n < META)
		return kan_fail(err, KAN_EFORMAT, "byte 0: no Berkeley DB");
	d->big = kan_be32(bytes.p + 12) == MAGIC;
	d->size = u32(d, bytes.p + 20);
	if (u32(d, bytes.p + 12) != MAGIC || bytes.p[25] != HASH_META)
		return kan_fail(err, KAN_EFORMAT, "byte 12: no Berkeley DB hash");
	if (bytes.p[24])
		return kan_fail(err, KAN_EUNSUPPORTED, "byte 24: an encrypted Berkeley DB");
	if (d->size < PAGE_MIN || d->size > PAGE_MAX || (d->size & (d->size - 1)))
		return kan_fail(err, KAN_EFORMAT, "byte 20: a page size that is none");
	d->n = (uint32_t)(bytes.n / d->size);
	return 0;
}

static int gather(struct kan_buf *out, const struct db *d, uint32_t no, uint64_t n, uint64_t at,
		  struct kan_err *err)
{
	while (out->len < n) {
		const uint8_t *p = page(d, no);
		size_t more = p && p[25] == OVERFLOW ? u16(d, p + 22) : 0;
		if (more == 0 || more > d->size - PAGE_HEADER || more > n - out->len)
			return kan_fail(err, KAN_EFORMAT, "byte %llu: a record goes on in no page",
					(unsigned long long)at);
		kan_buf_add(out, p + PAGE_HEADER, more);
		no = u32(d, p + 16);
	}
	return 0;
}

/* The record's second half. The one of key 0 is a counter. */
static int value(struct db *d, struct kan_bytes item, uint64_t at,
		 const struct kan_pkg_rpm_visit *v, struct kan_err *err)
{
	if (item.p[0] == INLINE && item.n > HEADER_MIN)
		return v->blob((struct kan_bytes){item.p + 1, item.n - 1}, at, v->arg, err);
	if (item.p[0] != OFF_PAGE)
		return 0;
	uint64_t n = item.n >= OFF_PAGE_SIZE ? u32(d, item.p + 8) : 0;
	if (n == 0 || n > d->left || n > KAN_PKG_RPM_HEADER)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a record of %llu bytes",
				(unsigned long long)at, (unsigned long long)n);
	d->left -= n;
	kan_auto_buf struct kan_buf whole = KAN_BUF(KAN_PKG_RPM_HEADER);
	if (gather(&whole, d, u32(d, item.p + 4), n, at, err) < 0)
		return -1;
	return v->blob(kan_buf_bytes(&whole), at, v->arg, err);
}

/* Items grow from the end of the page: each ends where the one before begins. */
static int records(struct db *d, uint32_t no, const struct kan_pkg_rpm_visit *v,
		   struct kan_err *err)
{
	const uint8_t *p = page(d, no);
	size_t n = u16(d, p + 20), end = d->size;
	uint64_t at = (uint64_t)no * d->size;
	if (n % 2 || PAGE_HEADER + 2 * n > d->size)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a page of %zu items",
				(unsigned long long)at, n);
	for (size_t i = 0; i < n; i++) {
		size_t start = u16(d, p + PAGE_HEADER + 2 * i);
		if (start < PAGE_HEADER + 2 * n || start >= end)
			return kan_fail(err, KAN_EFORMAT, "byte %llu: an item outside its page",
					(unsigned long long)at);
		struct kan_bytes item = {p + start, end - start};
		if (i % 2 && value(d, item, at + start, v, err) < 0)
			return -1;
		end = start;
	}
	return 0;
}

int kan_pkg_bdb_read(struct kan_bytes db, const struct kan_pkg_rpm_visit *v, struct kan_err *err)
{
	struct db d;
	if (open_db(&d, db, err) < 0)
		return -1;
	for (uint32_t no = 1; no < d.n; no++) {
		uint8_t type = page(&d, no)[25];
		if ((type == HASH || type == UNSORTED) && records(&d, no, v, err) < 0)
			return -1;
	}
	return 0;
}
