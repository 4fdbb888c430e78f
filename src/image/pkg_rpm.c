/* One of rpm's databases, whichever format it has. */
#include "image/pkg_rpm.h"

#include <inttypes.h>
#include <string.h>

struct reading {
	const struct kan_pkg_events *on;
	struct kan_err first; /* the first header that was none */
	uint64_t headers;
};

/* A header that is none says nothing of the next one; a limit ends the reading. */
static int on_blob(struct kan_bytes blob, uint64_t at, void *arg, struct kan_err *err)
{
	struct reading *r = arg;
	struct kan_err why = {0};
	r->headers++;
	if (kan_pkg_rpm_header(blob, r->on, &why) == 0)
		return 0;
	kan_err_wrap(&why, "byte %" PRIu64, at);
	if (r->first.code == KAN_OK)
		r->first = why;
	if (why.code == KAN_EFORMAT)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static bool sqlite(struct kan_bytes db)
{
	return kan_bytes_starts(db, "SQLite format 3");
}

int kan_pkg_rpm_read(struct kan_bytes db, struct kan_bytes wal, const struct kan_pkg_events *on,
		     struct kan_err *err)
{
	struct reading r = {.on = on};
	const struct kan_pkg_rpm_visit v = {on_blob, &r};
	int rc = sqlite(db)                     ? kan_pkg_sqlite_read(db, wal, &v, err)
		 : kan_bytes_starts(db, "RpmP") ? kan_pkg_ndb_read(db, &v, err)
						: kan_pkg_bdb_read(db, &v, err);
	if (rc < 0 || r.first.code == KAN_OK)
		return rc;
	if (err)
		*err = r.first;
	return -1;
}

/* The last '-' but n of v; NULL: it has not so many. */
static const uint8_t *dash(struct kan_bytes v, unsigned n)
{
	const uint8_t *at = v.n ? memrchr(v.p, '-', v.n) : NULL;
	while (at && n--)
		at = at > v.p ? memrchr(v.p, '-', (size_t)(at - v.p)) : NULL;
	return at;
}

bool kan_pkg_nevra(struct kan_pkg_nevra *out, struct kan_bytes text)
{
	const uint8_t *dot = text.n ? memrchr(text.p, '.', text.n) : NULL, *version = NULL;
	if (!dot || dot + 1 == text.p + text.n)
		return false;
	out->arch = (struct kan_bytes){dot + 1, text.n - (size_t)(dot - text.p) - 1};
	struct kan_bytes rest = {text.p, (size_t)(dot - text.p)};
	version = dash(rest, 1);
	if (!version || version == rest.p)
		return false;
	out->name = (struct kan_bytes){rest.p, (size_t)(version - rest.p)};
	out->version = (struct kan_bytes){version + 1, rest.n - out->name.n - 1};
	if (kan_bytes_starts(out->version, "0:"))
		out->version = (struct kan_bytes){out->version.p + 2, out->version.n - 2};
	return out->version.n > 0 && out->name.n > 0;
}
