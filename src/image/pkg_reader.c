/* Package databases line by line, each line with its offset; dpkg and apk are read beside it. */
#include "image/pkg_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t kan_pkg_manager_sum(const char *manager)
{
	if (!manager)
		return 0;
	if (strcmp(manager, "dpkg") == 0)
		return 16;
	return strcmp(manager, "apk") == 0 ? 20 : 32;
}

const char *kan_pkg_manager(enum kan_pkg_db db)
{
	switch (db) {
	case KAN_PKG_OTHER:
		return NULL;
	case KAN_PKG_STATUS:
	case KAN_PKG_STATUS_D:
	case KAN_PKG_LIST:
	case KAN_PKG_MD5SUMS:
	case KAN_PKG_DIVERSIONS:
		return "dpkg";
	case KAN_PKG_APK:
		return "apk";
	case KAN_PKG_RPM:
	case KAN_PKG_RPM_WAL:
		return "rpm";
	}
	return NULL;
}

static bool ends(struct kan_bytes v, const char *suffix)
{
	size_t n = strlen(suffix);
	return v.n > n && memcmp(v.p + v.n - n, suffix, n) == 0;
}

static const char dpkg_info[] = "var/lib/dpkg/info", dpkg_status[] = "var/lib/dpkg/status.d";
static const char *const rpm_dirs[] = {"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"};

bool kan_pkg_db_is_dir(struct kan_bytes path)
{
	for (size_t i = 0; i < sizeof(rpm_dirs) / sizeof(rpm_dirs[0]); i++)
		if (kan_bytes_eq(path, kan_bytes_of(rpm_dirs[i])))
			return true;
	return kan_bytes_eq(path, kan_bytes_of(dpkg_info)) ||
	       kan_bytes_eq(path, kan_bytes_of(dpkg_status));
}

/* What lies in the directory itself; empty: it is another's. */
static struct kan_bytes in_dir(struct kan_bytes path, const char *dir)
{
	size_t n = strlen(dir) + 1;
	if (path.n <= n || !kan_bytes_starts(path, dir) || path.p[n - 1] != '/' ||
	    memchr(path.p + n, '/', path.n - n))
		return (struct kan_bytes){0};
	return (struct kan_bytes){path.p + n, path.n - n};
}

/* A file whose name stands for a package, in a directory. */
static bool named(struct kan_bytes *package, struct kan_bytes path, const char *dir,
		  const char *suffix)
{
	struct kan_bytes name = in_dir(path, dir);
	if (name.n == 0 || (*suffix && !ends(name, suffix)))
		return false;
	*package = (struct kan_bytes){name.p, name.n - strlen(suffix)};
	return true;
}

enum kan_pkg_db kan_pkg_db_of(struct kan_bytes *package, struct kan_bytes path)
{
	static const struct {
		const char *path;
		enum kan_pkg_db db;
	} whole[] = {{"var/lib/dpkg/status", KAN_PKG_STATUS},
		     {"var/lib/dpkg/diversions", KAN_PKG_DIVERSIONS},
		     {"lib/apk/db/installed", KAN_PKG_APK},
		     {"usr/lib/apk/db/installed", KAN_PKG_APK}};
	static const struct {
		const char *name;
		enum kan_pkg_db db;
	} rpm[] = {{"rpmdb.sqlite", KAN_PKG_RPM},
		   {"rpmdb.sqlite-wal", KAN_PKG_RPM_WAL},
		   {"Packages", KAN_PKG_RPM},
		   {"Packages.db", KAN_PKG_RPM}};
	struct kan_bytes of = {0};
	*package = of;
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (kan_bytes_eq(path, kan_bytes_of(whole[i].path)))
			return whole[i].db;
	for (size_t i = 0; i < sizeof(rpm_dirs) / sizeof(rpm_dirs[0]); i++)
		for (size_t k = 0; k < sizeof(rpm) / sizeof(rpm[0]); k++)
			if (kan_bytes_eq(in_dir(path, rpm_dirs[i]), kan_bytes_of(rpm[k].name)))
				return rpm[k].db;
	if (named(package, path, dpkg_info, ".list"))
		return KAN_PKG_LIST;
	if (named(package, path, dpkg_info, ".md5sums") ||
	    named(package, path, dpkg_status, ".md5sums"))
		return KAN_PKG_MD5SUMS;
	return named(package, path, dpkg_status, "") ? KAN_PKG_STATUS_D : KAN_PKG_OTHER;
}

void kan_pkg_malformed_set(const struct kan_pkg_reader *r, struct kan_err *err, const char *fmt,
			   ...)
{
	char why[KAN_ERR_TEXT / 2];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	kan_err_set(err, KAN_EFORMAT, 0, "byte %llu: %s", (unsigned long long)r->offset, why);
}

int kan_pkg_set(struct kan_buf *to, const struct kan_pkg_reader *r, struct kan_bytes value,
		struct kan_err *err)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < ' ' || value.p[i] == 0x7f)
			return kan_pkg_malformed(r, err, "a control character in a value");
	kan_buf_reset(to);
	kan_buf_addb(to, value);
	if (to->failed)
		return kan_pkg_malformed(r, err, "a value of %zu bytes, over %zu", value.n,
					 to->max);
	return 0;
}

bool kan_pkg_name_ok(struct kan_bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/' || name.p[i] == ':' || name.p[i] == ' ')
			return false;
	return name.n > 0;
}

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct kan_bytes kan_pkg_trim(struct kan_bytes v)
{
	while (v.n && blank(v.p[0]))
		v = (struct kan_bytes){v.p + 1, v.n - 1};
	while (v.n && blank(v.p[v.n - 1]))
		v.n--;
	return v;
}

struct kan_bytes kan_pkg_word(struct kan_bytes *rest)
{
	struct kan_bytes v = kan_pkg_trim(*rest), word = {v.p, 0};
	while (word.n < v.n && !blank(v.p[word.n]))
		word.n++;
	*rest = (struct kan_bytes){v.n ? v.p + word.n : v.p, v.n - word.n};
	return word;
}

void kan_pkg_source(struct kan_pkg_about *p, struct kan_bytes source)
{
	struct kan_bytes rest = source;
	p->source = kan_pkg_word(&rest);
	rest = kan_pkg_trim(rest);
	if (rest.n > 2 && rest.p[0] == '(' && rest.p[rest.n - 1] == ')')
		p->source_version = (struct kan_bytes){rest.p + 1, rest.n - 2};
}

void kan_pkg_stanza_clear(struct kan_pkg_reader *r)
{
	struct kan_buf *const all[] = {&r->name,      &r->arch, &r->version, &r->source, &r->status,
				       &r->conffiles, &r->dir,  &r->file,    &r->sum};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		kan_buf_reset(all[i]);
	r->open = r->told = r->in_conffiles = r->has_dir = r->has_file = false;
}

struct kan_pkg_reader *kan_pkg_reader_new(enum kan_pkg_db db, struct kan_bytes package,
					  const struct kan_pkg_events *on)
{
	struct kan_pkg_reader *r = kan_xalloc(sizeof(*r));
	r->db = db;
	r->on = on;
	r->rest = KAN_BUF(KAN_PKG_LINE_MAX);
	struct kan_buf *const values[] = {&r->package, &r->name,   &r->arch,
					  &r->version, &r->source, &r->status};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		*values[i] = KAN_BUF(KAN_PKG_VALUE_MAX);
	struct kan_buf *const paths[] = {&r->dir, &r->file, &r->from, &r->to};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		*paths[i] = KAN_BUF(KAN_PKG_PATH_MAX);
	r->sum = KAN_BUF(KAN_PKG_SUM_MAX);
	r->conffiles = KAN_BUF(KAN_PKG_CONFFILES);
	kan_buf_addb(&r->package, package);
	return r;
}

void kan_pkg_reader_free(struct kan_pkg_reader *r)
{
	if (!r)
		return;
	struct kan_buf *const all[] = {&r->package,   &r->rest, &r->name, &r->arch, &r->version,
				       &r->source,    &r->dir,  &r->file, &r->sum,  &r->status,
				       &r->conffiles, &r->from, &r->to};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		kan_buf_free(all[i]);
	free(r);
}

static int on_line(struct kan_pkg_reader *r, struct kan_bytes line, struct kan_err *err)
{
	bool binary = r->db == KAN_PKG_APK && r->offset == 0 && kan_bytes_starts(line, "ADB");
	if (line.n && !binary && memchr(line.p, '\0', line.n))
		return kan_pkg_malformed(r, err, "a NUL in the text");
	switch (r->db) {
	case KAN_PKG_STATUS:
	case KAN_PKG_STATUS_D:
		return kan_pkg_dpkg_stanza(r, line, err);
	case KAN_PKG_LIST:
		return kan_pkg_dpkg_list(r, line, err);
	case KAN_PKG_MD5SUMS:
		return kan_pkg_dpkg_md5sums(r, line, err);
	case KAN_PKG_DIVERSIONS:
		return kan_pkg_dpkg_diversions(r, line, err);
	case KAN_PKG_APK:
		return kan_pkg_apk_line(r, line, err);
	case KAN_PKG_OTHER:
	case KAN_PKG_RPM: /* by pkg_rpm.h */
	case KAN_PKG_RPM_WAL:
		return 0;
	}
	return 0;
}

static int feed(struct kan_pkg_reader *r, struct kan_bytes piece, struct kan_err *err)
{
	while (piece.n) {
		const uint8_t *lf = memchr(piece.p, '\n', piece.n);
		size_t n = lf ? (size_t)(lf - piece.p) : piece.n;
		struct kan_bytes line = {piece.p, n};
		if (!lf || r->rest.len) {
			kan_buf_addb(&r->rest, line);
			line = kan_buf_bytes(&r->rest);
		}
		if (r->rest.failed || line.n > KAN_PKG_LINE_MAX)
			return kan_pkg_malformed(r, err, "a line of more than %d bytes",
						 KAN_PKG_LINE_MAX);
		if (!lf)
			return 0;
		if (on_line(r, line, err) < 0)
			return -1;
		r->offset += line.n + 1;
		kan_buf_reset(&r->rest);
		piece = (struct kan_bytes){lf + 1, piece.n - n - 1};
	}
	return 0;
}

static int at_end(struct kan_pkg_reader *r, struct kan_err *err)
{
	if (r->rest.len && on_line(r, kan_buf_bytes(&r->rest), err) < 0)
		return -1;
	r->offset += r->rest.len;
	kan_buf_reset(&r->rest);
	if (r->db == KAN_PKG_STATUS || r->db == KAN_PKG_STATUS_D)
		return kan_pkg_dpkg_stanza_end(r, err);
	if (r->db == KAN_PKG_DIVERSIONS)
		return kan_pkg_dpkg_diversions_end(r, err);
	return r->db == KAN_PKG_APK ? kan_pkg_apk_end(r, err) : 0;
}

/* The first fault stays. */
static int keep(struct kan_pkg_reader *r, int rc, struct kan_err *err)
{
	if (rc < 0 && err)
		*err = r->fault;
	return rc;
}

int kan_pkg_read(struct kan_pkg_reader *r, struct kan_bytes piece, struct kan_err *err)
{
	return keep(r, r->fault.code != KAN_OK ? -1 : feed(r, piece, &r->fault), err);
}

int kan_pkg_read_end(struct kan_pkg_reader *r, struct kan_err *err)
{
	return keep(r, r->fault.code != KAN_OK ? -1 : at_end(r, &r->fault), err);
}
