/* Owners of the paths that are asked about, out of one package database read file by file. */
#ifndef KAN_IMAGE_PKG_INDEX_H
#define KAN_IMAGE_PKG_INDEX_H

#include "image/package.h"
#include "image/pkg_paths.h"

enum {
	KAN_PKG_PACKAGES = 100000,
	KAN_PKG_DIVERTED = 65536,
	KAN_PKG_FAULTS = 50, /* listed; all are counted */
};

struct kan_pkg_package {
	struct kan_bytes name, arch, version, source, source_version, state;
	struct kan_bytes file; /* of the database */
	const char *manager;
	bool installed;
};

struct kan_pkg_owner {
	struct kan_bytes key; /* the package as the database's files call it */
	uint8_t sum[KAN_PKG_SUM_MAX];
	size_t sum_n; /* 0: none recorded */
	const char *manager;
	bool conffile;
	unsigned others; /* further packages that have the path: directories, several architectures
			  */
};

struct kan_pkg_fault {
	char *file; /* of the database; not clean bytes became U+FFFD */
	struct kan_err err;
};

struct kan_pkg_index;
/* Both are borrowed, sorted, and outlive the index. */
struct kan_pkg_index *kan_pkg_index_new(const struct kan_pkg_paths *wanted,
					const struct kan_pkg_paths *links);
void kan_pkg_index_free(struct kan_pkg_index *x);

/* The next file; path without '/' in front. false: it is no file of a database. dpkg's
 * diversions come first, then its status. */
bool kan_pkg_index_file(struct kan_pkg_index *x, struct kan_bytes path);
/* The same diversions as from: of a container that did not change them. */
void kan_pkg_index_divert_as(struct kan_pkg_index *x, const struct kan_pkg_index *from);
/* Its bytes; a malformed one is a fault, and no failure. */
void kan_pkg_index_data(struct kan_pkg_index *x, struct kan_bytes piece);
void kan_pkg_index_file_end(struct kan_pkg_index *x);
/* It cannot be read: a fault. */
void kan_pkg_index_lost(struct kan_pkg_index *x, struct kan_bytes file, const struct kan_err *why);
void kan_pkg_index_done(struct kan_pkg_index *x); /* before the first question */

size_t kan_pkg_index_files(const struct kan_pkg_index *x);
size_t kan_pkg_index_faults(const struct kan_pkg_index *x);
const struct kan_pkg_fault *kan_pkg_index_fault(const struct kan_pkg_index *x, size_t i);
/* Sorted by name, architecture, file. */
size_t kan_pkg_index_packages(const struct kan_pkg_index *x);
const struct kan_pkg_package *kan_pkg_index_package(const struct kan_pkg_index *x, size_t i);
/* "libc6:amd64" or a name alone; then an installed one comes first. NULL: none. */
const struct kan_pkg_package *kan_pkg_index_named(const struct kan_pkg_index *x,
						  struct kan_bytes key);
/* at: as wanted has it. NULL: the database names no owner. */
const struct kan_pkg_owner *kan_pkg_index_owner(const struct kan_pkg_index *x, size_t at);

#endif
