/* rpm's databases as bytes: SQLite, ndb, Berkeley DB, and the package headers in them. Pure: no
 * file is opened, no statement of a schema is run. */
#ifndef KAN_IMAGE_PKG_RPM_H
#define KAN_IMAGE_PKG_RPM_H

#include "image/package.h"

enum {
	KAN_PKG_RPM_DB = 192 << 20,    /* octets of one database: it is held in memory */
	KAN_PKG_RPM_HEADER = 64 << 20, /* of one package's header */
	KAN_PKG_RPM_TAGS = 65536,      /* as rpm has it */
	KAN_PKG_RPM_FILES = 1 << 20,   /* of one package */
};

/*
 * All packages of a database. wal: SQLite's write-ahead log beside it, or empty. A header that is
 * none is passed over; -1 then at the end with the first fault, which begins with "byte N: ". What
 * was told before stays with the caller.
 */
int kan_pkg_rpm_read(struct kan_bytes db, struct kan_bytes wal, const struct kan_pkg_events *on,
		     struct kan_err *err);
/* One header, as the databases have it. */
int kan_pkg_rpm_header(struct kan_bytes blob, const struct kan_pkg_events *on, struct kan_err *err);

/* Each header of a database; at: where its record begins. -1 of the callback ends it. */
struct kan_pkg_rpm_visit {
	int (*blob)(struct kan_bytes blob, uint64_t at, void *arg, struct kan_err *err);
	void *arg;
};
int kan_pkg_sqlite_read(struct kan_bytes db, struct kan_bytes wal,
			const struct kan_pkg_rpm_visit *v, struct kan_err *err);
int kan_pkg_ndb_read(struct kan_bytes db, const struct kan_pkg_rpm_visit *v, struct kan_err *err);
int kan_pkg_bdb_read(struct kan_bytes db, const struct kan_pkg_rpm_visit *v, struct kan_err *err);
/* Does the log hold a transaction that is not in the database's own pages? */
bool kan_pkg_wal_used(struct kan_bytes wal);

/* Order of two versions as rpm has it: <0, 0, >0. */
int kan_pkg_rpm_version_cmp(struct kan_bytes a, struct kan_bytes b);

/* "name-[epoch:]version-release.arch", as rpm's tools write it. Epoch 0 is none. */
struct kan_pkg_nevra {
	struct kan_bytes name, version, arch;
};
bool kan_pkg_nevra(struct kan_pkg_nevra *out, struct kan_bytes text);

#endif
