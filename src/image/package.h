/* Package databases as bytes: who owns a path, and the checksum recorded for it. Pure; nothing is
 * run. */
#ifndef KAN_IMAGE_PACKAGE_H
#define KAN_IMAGE_PACKAGE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_PKG_LINE_MAX = 1 << 20,  /* a relation of a large metapackage is one line */
	KAN_PKG_VALUE_MAX = 4096,    /* name, version, architecture, source */
	KAN_PKG_PATH_MAX = 4096,     /* of one owned path: no manager installs a longer one */
	KAN_PKG_CONFFILES = 4 << 20, /* octets of one package's list of them */
	KAN_PKG_SUM_MAX = 32,
};

/* What a file of a package database is. */
enum kan_pkg_db {
	KAN_PKG_OTHER,
	KAN_PKG_STATUS,   /* dpkg: all packages, with their configuration files */
	KAN_PKG_STATUS_D, /* the same of one package, in images without dpkg */
	KAN_PKG_LIST,     /* dpkg: paths of one package */
	KAN_PKG_MD5SUMS,
	KAN_PKG_DIVERSIONS,
	KAN_PKG_APK,     /* apk: packages, paths and checksums in one */
	KAN_PKG_RPM,     /* packages, paths and checksums in one; no text */
	KAN_PKG_RPM_WAL, /* SQLite's write-ahead log beside it */
};
const char *kan_pkg_manager(enum kan_pkg_db db); /* "dpkg", "apk", "rpm"; NULL for other */
/* Size of the checksum that it records of its files: 16, 20, 32; 0 of NULL. */
size_t kan_pkg_manager_sum(const char *manager);
/* path is without '/' in front. package: what the name of the file says, "libc6:amd64", or empty.
 */
enum kan_pkg_db kan_pkg_db_of(struct kan_bytes *package, struct kan_bytes path);
/* A directory that files of a database lie in. */
bool kan_pkg_db_is_dir(struct kan_bytes path);

/* A package. Views live for the call. */
struct kan_pkg_about {
	struct kan_bytes name, arch, version;
	struct kan_bytes source, source_version; /* empty where the same as the package's own */
	struct kan_bytes state;                  /* dpkg's third word; "installed" else */
	bool installed;                          /* its files are in place */
};
/* One path of a package. */
struct kan_pkg_owned {
	struct kan_bytes package; /* as in the file's name, or the stanza's */
	struct kan_bytes path;    /* without '/' in front */
	struct kan_bytes sum;     /* octets: 16 MD5, 20 SHA-1, 32 SHA-256; empty: none recorded */
	bool directory, conffile;
};
struct kan_pkg_events {
	int (*about)(const struct kan_pkg_about *p, void *arg, struct kan_err *err);
	int (*owned)(const struct kan_pkg_owned *o, void *arg, struct kan_err *err);
	/* The file at from lies at to; by: the package that keeps from, ":" for the administrator.
	 */
	int (*diverted)(struct kan_bytes from, struct kan_bytes to, struct kan_bytes by, void *arg,
			struct kan_err *err);
	void *arg;
};

struct kan_pkg_reader;
/* package: as kan_pkg_db_of gave it. on is borrowed. */
struct kan_pkg_reader *kan_pkg_reader_new(enum kan_pkg_db db, struct kan_bytes package,
					  const struct kan_pkg_events *on);
void kan_pkg_reader_free(struct kan_pkg_reader *r);
/*
 * In pieces of any size. What was read before a malformed record stays with the caller; the error
 * begins with "byte N: ", and every later call gives it again.
 */
int kan_pkg_read(struct kan_pkg_reader *r, struct kan_bytes piece, struct kan_err *err);
int kan_pkg_read_end(struct kan_pkg_reader *r, struct kan_err *err);

/* Order of two versions as dpkg has it: <0, 0, >0. */
int kan_pkg_version_cmp(struct kan_bytes a, struct kan_bytes b);

#endif
