/* The join of a changed file of a package database with what the two databases say: whose record it
 * is, and whether anything of it is another version. */
#include <string.h>

#include "analyze/facts.h"
#include "analyze/join.h"
#include "analyze/packages.h"

enum { PATH_OCTETS = 128 << 10 };

struct any {
	bool changed, unsure;
};

static int on_pair(const struct kan_packages_pair *pair, void *arg, struct kan_err *err)
{
	struct any *a = arg;
	(void)err;
	a->changed |= pair->change != NULL;
	a->unsure |= pair->unsure;
	return 0;
}

/* Of a file that is about all packages: 1, 0, -1 unknown. */
static int any_version(const struct kan_packages *p)
{
	struct any a = {0};
	struct kan_err ignored = {0}; /* it only looks */
	(void)kan_packages_pairs(p, on_pair, &a, &ignored);
	return a.changed ? 1 : a.unsure ? -1 : 0;
}

/* Of a file that is about one. */
static int its_version(const struct kan_packages *p, struct kan_bytes key)
{
	const struct kan_pkg_package *image = kan_pkg_index_named(p->image, key), *found = NULL;
	if (!image || !image->installed)
		return 1; /* the container's own: what it says is not held against the image */
	found = kan_packages_found(p, image);
	return !found || !found->installed || !kan_bytes_eq(found->version, image->version);
}

/* Both sides whole, or what is not found may be there. */
static bool known(const struct kan_packages *p)
{
	return p->state == KAN_PACKAGES_WHOLE &&
	       (p->found_state == KAN_PACKAGES_WHOLE || p->found_state == KAN_PACKAGES_NONE);
}

void kan_join_package_db(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS);
	const struct kan_packages *p = f->packages;
	struct kan_bytes package;
	enum kan_pkg_db db = kan_pkg_db_of(&package, kan_packages_row_path(row, &scratch));
	if (db == KAN_PKG_OTHER || db == KAN_PKG_RPM_WAL) /* SQLite's own: a query makes one */
		return;
	json_object_set_new(extra, "package_db.manager", json_string(kan_pkg_manager(db)));
	if (package.n)
		kan_json_set_bytes(extra, "package_db.package", package);
	int version = !known(p) ? -1 : package.n ? its_version(p, package) : any_version(p);
	json_object_set_new(extra, "package_db.version_changed",
			    version < 0 ? json_null() : json_boolean(version));
}
