/* What package databases say of the paths that rows name: the image's, and the container's copy as
 * testimony. */
#ifndef KAN_ANALYZE_PACKAGES_H
#define KAN_ANALYZE_PACKAGES_H

#include <jansson.h>
#include <kanshiki/err.h>

#include "image/pkg_index.h"
#include "image/pkg_log.h"

struct kan_facts;

enum { KAN_PACKAGES_WHY = 320, KAN_PACKAGES_OS_MAX = 64 << 10, KAN_PACKAGES_MEMBERS = 4 << 20 };

/* How much of a side is known. */
enum kan_packages_state {
	KAN_PACKAGES_UNKNOWN,
	KAN_PACKAGES_NONE, /* there is no database */
	KAN_PACKAGES_CUT,  /* some of it: what is found is so, what is not found is unknown */
	KAN_PACKAGES_WHOLE,
};

/* Checksum of a file's bytes, of the kind that its package recorded. */
struct kan_packages_sum {
	uint8_t octets[KAN_PKG_SUM_MAX];
	uint8_t n; /* 0: none was taken */
};

struct kan_packages {
	struct kan_pkg_paths *wanted; /* value: 's' its bytes are in upper.tar, 'd' deleted, '-' */
	struct kan_pkg_paths *links, *firsts; /* firsts: what hard links name */
	struct kan_pkg_paths *changed;        /* files of a database that the container changed */
	enum kan_packages_state state, found_state;
	struct kan_pkg_index *image, *found;     /* found: only what the container changed */
	struct kan_pkg_log *logs[KAN_PKG_LOGS];  /* of NONE there is none */
	struct kan_packages_sum *upper, *before; /* beside wanted */
	bool links_whole, refused;
	size_t claim_sum; /* of what only the container's database may claim */
	char why[KAN_PACKAGES_WHY], found_why[KAN_PACKAGES_WHY];
	struct kan_buf os, found_os; /* os-release */
};

struct kan_packages *kan_packages_new(void);
void kan_packages_free(struct kan_packages *p);
/* The passes: rows of changes.ndjson and baseline.ndjson, and other paths that are asked about. */
void kan_packages_change(struct kan_packages *p, const json_t *row);
void kan_packages_baseline(struct kan_packages *p, const json_t *row);
void kan_packages_want(struct kan_packages *p, struct kan_bytes path);
/* Then the databases and the bytes. -1: the evidence was altered. */
int kan_packages_read(struct kan_packages *p, const struct kan_facts *f, struct kan_err *err);

/* The image's databases once more, for other paths. -1: the evidence was altered. */
int kan_packages_read_into(struct kan_pkg_index *x, struct kan_packages *p,
			   const struct kan_facts *f, struct kan_err *err);

/* More changes than are looked up, where packages are known. */
bool kan_packages_over(const struct kan_packages *p);

/* The path without '/' in front. */
struct kan_bytes kan_packages_path(struct kan_bytes path);
/* The path of a row; scratch holds what had to be decoded. */
struct kan_bytes kan_packages_row_path(const json_t *row, struct kan_buf *scratch);

/* Two databases side by side. NULL on a side: not there. */
struct kan_packages_pair {
	const struct kan_pkg_package *image, *found;
	const char *change; /* installed, removed, upgraded, downgraded, changed; NULL: the same */
	bool unsure;        /* it may be on the other side, too, which was not read whole */
	int logged;         /* the manager's own log agrees: 1, 0, -1 unknown; of a change */
};
typedef int kan_packages_pair_fn(const struct kan_packages_pair *pair, void *arg,
				 struct kan_err *err);
/* Packages whose files are in place on a side, sorted. */
int kan_packages_pairs(const struct kan_packages *p, kan_packages_pair_fn *fn, void *arg,
		       struct kan_err *err);
/* The container's record of a package; NULL: it has none. */
const struct kan_pkg_package *kan_packages_found(const struct kan_packages *p,
						 const struct kan_pkg_package *of);
bool kan_packages_logged(const struct kan_packages *p, const struct kan_pkg_package *of);
/* A file of the database was changed or deleted in the container. */
bool kan_packages_touched(const struct kan_packages *p, struct kan_bytes file);

/* packages{} of the document: both inventories and what is not known of them. Yours. */
json_t *kan_packages_document(const struct kan_packages *p);
/* What of the databases could not be read, each with its file and why. */
void kan_packages_not_seen(json_t *not_seen, const struct kan_packages *p);
/* Rows of the kind package; line: its place in rows[] of the document, from 2. */
int kan_packages_rows(const struct kan_facts *f,
		      int (*fn)(const json_t *row, uint64_t line, void *arg, struct kan_err *err),
		      void *arg, struct kan_err *err);

#endif
