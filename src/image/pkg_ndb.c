/* rpm's own format: slots in the first pages, each with the place of a header. Little-endian. */
#include "base/numbers.h"
#include "image/pkg_rpm.h"

enum { SLOT = 16, PAGE = 4096, HEADER_SLOTS = 2, BLOCK = 16, HEAD = 16, TAIL = 12 };

static bool is(const uint8_t *p, const char *magic)
{
	return memcmp(p, magic, 4) == 0;
}

static int one(struct kan_bytes db, const uint8_t *slot, const struct kan_pkg_rpm_visit *v,
	       struct kan_err *err)
{
	uint64_t at = (uint64_t)kan_le32(slot + 8) * BLOCK,
		 room = (uint64_t)kan_le32(slot + 12) * BLOCK;
	if (at > db.n || room > db.n - at || room < HEAD + TAIL)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a slot that leads to no header",
				(unsigned long long)(slot - db.p));
	const uint8_t *p = db.p + at;
	uint64_t n = kan_le32(p + 12);
	if (!is(p, "BlbS") || kan_le32(p + 4) != kan_le32(slot + 4) || n > room - HEAD - TAIL)
		return kan_fail(err, KAN_EFORMAT, "byte %llu: a header that is not its slot's",
				(unsigned long long)at);
	return v->blob((struct kan_bytes){p + HEAD, (size_t)n}, at, v->arg, err);
}

int kan_pkg_ndb_read(struct kan_bytes db, const struct kan_pkg_rpm_visit *v, struct kan_err *err)
{
	if (db.n < PAGE || !is(db.p, "RpmP") || kan_le32(db.p + 4) != 0)
		return kan_fail(err, KAN_EFORMAT, "byte 0: no database of rpm's own format");
	uint64_t pages = kan_le32(db.p + 12), left = db.n;
	if (pages > db.n / PAGE)
		return kan_fail(err, KAN_EFORMAT, "byte 12: more pages than there are");
	for (size_t i = HEADER_SLOTS; i < pages * (PAGE / SLOT); i++) {
		const uint8_t *slot = db.p + i * SLOT;
		if (!is(slot, "Slot"))
			return kan_fail(err, KAN_EFORMAT, "byte %zu: no slot", i * SLOT);
		if (kan_le32(slot + 4) == 0)
			continue;
		uint64_t room = (uint64_t)kan_le32(slot + 12) * BLOCK;
		if (room > left) /* two slots with the same header */
			return kan_fail(err, KAN_EFORMAT, "byte %zu: more headers than there are",
					i * SLOT);
		left -= room;
		if (one(db, slot, v, err) < 0)
			return -1;
	}
	return 0;
}
