/* rpm's databases: nothing that is told is beyond its limits, and the same bytes tell the same. The
 * first byte says what is read, the next two how much of it is the write-ahead log. */
#include "image/pkg_rpm.h"

#include <stdlib.h>
#include <string.h>

static int about(const struct kan_pkg_about *p, void *arg, struct kan_err *err)
{
	uint64_t *n = arg;
	(void)err;
	if (p->name.n == 0 || p->version.n == 0 || p->version.n > KAN_PKG_VALUE_MAX ||
	    memchr(p->name.p, '/', p->name.n))
		abort();
	*n += p->name.n + p->version.n + p->source.n + p->source_version.n;
	return 0;
}

static int owned(const struct kan_pkg_owned *o, void *arg, struct kan_err *err)
{
	uint64_t *n = arg;
	(void)err;
	if (o->path.n == 0 || o->path.n > KAN_PKG_PATH_MAX || o->path.p[0] == '/' ||
	    o->sum.n > KAN_PKG_SUM_MAX)
		abort();
	for (size_t i = 0; i < o->sum.n; i++)
		*n += o->sum.p[i];
	*n += o->path.n;
	return 0;
}

static uint64_t heard(struct kan_bytes db, struct kan_bytes wal, bool header)
{
	uint64_t n = 0;
	struct kan_err err = {0};
	const struct kan_pkg_events on = {.about = about, .owned = owned, .arg = &n};
	int rc = header ? kan_pkg_rpm_header(db, &on, &err) : kan_pkg_rpm_read(db, wal, &on, &err);
	if (rc < 0 && err.code != KAN_EFORMAT && err.code != KAN_EUNSUPPORTED)
		abort();
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct kan_bytes all = {data + 3, size - 3};
	struct kan_pkg_nevra name;
	size_t n = ((size_t)data[1] << 8 | data[2]) % (all.n + 1);
	struct kan_bytes wal = {all.p + all.n - n, n}, db = {all.p, all.n - n};
	bool header = data[0] & 1;
	if (heard(db, wal, header) != heard(db, wal, header))
		abort();
	(void)kan_pkg_nevra(&name, all);
	int there = kan_pkg_rpm_version_cmp(db, wal), back = kan_pkg_rpm_version_cmp(wal, db);
	if ((there > 0) != (back < 0) || (there < 0) != (back > 0))
		abort();
	return 0;
}
