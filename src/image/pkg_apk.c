/* apk's database: one letter a field; F: a directory, R: a file in it, Z: its checksum. */
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "image/pkg_reader.h"

enum { MD5_SIZE = 16, SHA1_SIZE = 20, SHA256_SIZE = 32 };

/* The package is told before its first path. */
static int about(struct kan_pkg_reader *r, struct kan_err *err)
{
	struct kan_pkg_about p = {
		.name = kan_buf_bytes(&r->name),
		.arch = kan_buf_bytes(&r->arch),
		.version = kan_buf_bytes(&r->version),
		.source = kan_buf_bytes(&r->source),
		.state = KAN_LIT("installed"),
		.installed = true,
	};
	if (r->told)
		return 0;
	if (!kan_pkg_name_ok(p.name) || p.version.n == 0)
		return kan_pkg_malformed(r, err, "a package without name and version");
	r->told = true;
	return r->on->about ? r->on->about(&p, r->on->arg, err) : 0;
}

static int tell(struct kan_pkg_reader *r, struct kan_bytes path, bool directory,
		struct kan_err *err)
{
	struct kan_pkg_owned o = {.package = kan_buf_bytes(&r->name),
				  .path = path,
				  .sum = directory ? (struct kan_bytes){0} : kan_buf_bytes(&r->sum),
				  .directory = directory};
	return r->on->owned ? r->on->owned(&o, r->on->arg, err) : 0;
}

/* The file that waited: its checksum comes behind its name. */
static int settle(struct kan_pkg_reader *r, struct kan_err *err)
{
	if (!r->has_file)
		return 0;
	r->has_file = false;
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_PKG_PATH_MAX);
	kan_buf_addb(&path, kan_buf_bytes(&r->dir));
	if (r->dir.len)
		kan_buf_addc(&path, '/');
	kan_buf_addb(&path, kan_buf_bytes(&r->file));
	int rc = path.failed
			 ? kan_pkg_malformed(r, err, "a path of over %d bytes", KAN_PKG_PATH_MAX)
			 : tell(r, kan_buf_bytes(&path), false, err);
	kan_buf_reset(&r->sum);
	return rc;
}

static int directory(struct kan_pkg_reader *r, struct kan_bytes value, struct kan_err *err)
{
	if (about(r, err) < 0 || settle(r, err) < 0 || kan_pkg_set(&r->dir, r, value, err) < 0)
		return -1;
	r->has_dir = true;
	return value.n ? tell(r, kan_buf_bytes(&r->dir), true, err) : 0;
}

static int file(struct kan_pkg_reader *r, struct kan_bytes value, struct kan_err *err)
{
	if (!r->has_dir || value.n == 0 || memchr(value.p, '/', value.n))
		return kan_pkg_malformed(r, err, "a file that is in no directory");
	if (settle(r, err) < 0 || kan_pkg_set(&r->file, r, value, err) < 0)
		return -1;
	r->has_file = true;
	return 0;
}

/* Before Q1 there were 32 hex digits, MD5. */
static bool old_checksum(struct kan_pkg_reader *r, struct kan_bytes value)
{
	uint8_t sum[MD5_SIZE];
	if (!kan_unhex(sum, sizeof(sum), value))
		return false;
	kan_buf_reset(&r->sum);
	kan_buf_add(&r->sum, sum, sizeof(sum));
	return true;
}

/* Q1: SHA-1, Q2: SHA-256. Of a kind that is not known here nobody can say that there is none. */
static int checksum(struct kan_pkg_reader *r, struct kan_bytes value, struct kan_err *err)
{
	kan_auto_buf struct kan_buf sum = KAN_BUF(KAN_PKG_SUM_MAX + 4);
	struct kan_err ignored = {0};
	bool q1 = kan_bytes_starts(value, "Q1"), q2 = kan_bytes_starts(value, "Q2");
	if (!r->has_file)
		return kan_pkg_malformed(r, err, "a checksum of no file");
	if (!q1 && !q2)
		return old_checksum(r, value)
			       ? 0
			       : kan_pkg_malformed(r, err, "a checksum of a kind that is not read");
	if (kan_base64_decode(&sum, (struct kan_bytes){value.p + 2, value.n - 2}, &ignored) < 0 ||
	    sum.len != (q1 ? SHA1_SIZE : SHA256_SIZE))
		return kan_pkg_malformed(r, err, "a checksum that is none");
	kan_buf_reset(&r->sum);
	kan_buf_addb(&r->sum, kan_buf_bytes(&sum));
	return 0;
}

static int value_of(struct kan_pkg_reader *r, struct kan_buf *to, struct kan_bytes value,
		    struct kan_err *err)
{
	if (r->told || to->len)
		return kan_pkg_malformed(r, err, "a field of a package twice, or behind its files");
	return kan_pkg_set(to, r, value, err);
}

int kan_pkg_apk_end(struct kan_pkg_reader *r, struct kan_err *err)
{
	if (!r->open)
		return 0;
	int rc = about(r, err) < 0 || settle(r, err) < 0 ? -1 : 0;
	kan_pkg_stanza_clear(r);
	return rc;
}

int kan_pkg_apk_line(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	if (line.n == 0)
		return kan_pkg_apk_end(r, err);
	if (r->offset == 0 && kan_bytes_starts(line, "ADB"))
		return kan_pkg_malformed(r, err, "apk's binary database, which is not read");
	if (line.n < 2 || line.p[1] != ':')
		return kan_pkg_malformed(r, err, "a line that is no field");
	struct kan_bytes value = {line.p + 2, line.n - 2};
	r->open = true;
	switch (line.p[0]) {
	case 'P':
		return value_of(r, &r->name, value, err);
	case 'V':
		return value_of(r, &r->version, value, err);
	case 'A':
		return value_of(r, &r->arch, value, err);
	case 'o':
		return value_of(r, &r->source, value, err);
	case 'F':
		return directory(r, value, err);
	case 'R':
		return file(r, value, err);
	case 'Z':
		return checksum(r, value, err);
	default:
		return 0; /* fields that say nothing about owner or content */
	}
}
