/* The join of a changed file with the packages: its owner, the verdict, and whether the manager
 * explains it. Unknown is null, and package_why says why. */
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/join.h"
#include "analyze/packages.h"
#include "base/checksum.h"
#include "base/digest.h"

enum { PATH_OCTETS = 128 << 10, SET_ID = 06000, OWNER_TEXT = 8 << 10, MD5_SIZE = 16 };

static const char as_installed[] = "as installed", modified[] = "modified since installed",
		  removed[] = "removed since installed", unrecorded[] = "no checksum recorded",
		  unowned[] = "owned by no package";

static void set_unknown(json_t *extra, const char *column)
{
	json_object_set_new(extra, column, json_null());
}

static void all_unknown(json_t *extra, const char *why)
{
	static const char *const columns[] = {"package.name",    "package.version",
					      "package.manager", "package_verdict",
					      "pkg_ok",          "explained"};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		set_unknown(extra, columns[i]);
	if (why)
		json_object_set_new(extra, "package_why", json_string(why));
}

static void verdict(json_t *extra, const char *word)
{
	json_object_set_new(extra, "package_verdict", json_string(word));
	if (word == unrecorded)
		set_unknown(extra, "pkg_ok");
	else
		json_object_set_new(extra, "pkg_ok", json_boolean(word == as_installed));
}

static void no_verdict(json_t *extra, const char *why)
{
	set_unknown(extra, "package_verdict");
	set_unknown(extra, "pkg_ok");
	json_object_set_new(extra, "package_why", json_string(why));
}

static bool same_sum(const struct kan_pkg_owner *o, const struct kan_packages_sum *s)
{
	return o->sum_n && s->n == o->sum_n && memcmp(s->octets, o->sum, o->sum_n) == 0;
}

/* The row's own digest, where the package recorded one of that kind. */
static bool sum_of_row(struct kan_packages_sum *out, const struct kan_pkg_owner *o,
		       const json_t *row)
{
	const char *hex = kan_json_str(row, "sha256");
	char mine[KAN_SHA256_HEX];
	if (o->sum_n != KAN_SHA256_SIZE || !kan_is_sha256_hex(hex))
		return false;
	kan_hex(mine, (struct kan_bytes){o->sum, o->sum_n});
	*out = (struct kan_packages_sum){.n = KAN_SHA256_SIZE};
	if (strcmp(mine, hex) == 0)
		memcpy(out->octets, o->sum, o->sum_n);
	return true;
}

/* apk records the checksum of a link's target, and rpm the target, of which it is taken; dpkg
 * nothing. */
static bool sum_of_link(struct kan_packages_sum *out, const struct kan_pkg_owner *o,
			const json_t *row)
{
	kan_auto_buf struct kan_buf target = KAN_BUF(PATH_OCTETS);
	struct kan_err ignored = {0};
	if (strcmp(o->manager, "dpkg") == 0 || o->sum_n == MD5_SIZE ||
	    kan_json_bytes(&target, row, "link", &ignored) < 0)
		return false;
	struct kan_checksum *c = kan_checksum_new(o->sum_n);
	if (!c)
		return false;
	kan_checksum_add(c, kan_buf_bytes(&target));
	kan_checksum_finish(out->octets, c);
	out->n = (uint8_t)o->sum_n;
	kan_checksum_free(c);
	return true;
}

static void judge_content(json_t *extra, const json_t *row, const struct kan_packages *p,
			  const struct kan_pkg_owner *o, size_t at)
{
	const char *type = kan_json_str(row, "type");
	struct kan_packages_sum sum = p->upper[at];
	bool file = strcmp(type, "file") == 0, link = strcmp(type, "symlink") == 0;
	if (!o->sum_n && p->state == KAN_PACKAGES_CUT) {
		no_verdict(extra, p->why);
		return;
	}
	if (!o->sum_n) {
		if (strcmp(type, "dir") != 0)
			verdict(extra, unrecorded);
		return;
	}
	if (link && !sum_of_link(&sum, o, row))
		sum.n = 0;
	if ((!file && !link) || (link && !sum.n)) { /* another type than was installed */
		verdict(extra, modified);
		return;
	}
	if (file && !sum.n && !sum_of_row(&sum, o, row))
		no_verdict(extra, p->refused ? "this build refuses the checksum that is recorded"
					     : "its bytes are not in the bundle");
	else
		verdict(extra, same_sum(o, &sum) ? as_installed : modified);
}

static void put_owner(json_t *extra, const struct kan_packages *p, const struct kan_pkg_owner *o)
{
	const struct kan_pkg_package *of = kan_pkg_index_named(p->image, o->key);
	kan_json_set_bytes(extra, "package.name", of ? of->name : o->key);
	json_object_set_new(extra, "package.manager", json_string(o->manager));
	json_object_set_new(extra, "package.conffile", json_boolean(o->conffile));
	if (of && of->version.n)
		kan_json_set_bytes(extra, "package.version", of->version);
	else
		set_unknown(extra, "package.version");
}

/* Was the image's own version as the package installed it? Only where its bytes were kept. */
static void judge_below(json_t *extra, const struct kan_packages *p, const struct kan_pkg_owner *o,
			size_t at)
{
	if (o->sum_n && p->before[at].n)
		json_object_set_new(
			extra, "package_below",
			json_string(same_sum(o, &p->before[at]) ? as_installed : modified));
}

/* No manager's record is about set-id bits and capabilities: what gained them is not explained. */
static bool gained_rights(const json_t *row)
{
	unsigned long now = strtoul(kan_json_str(row, "mode"), NULL, 8),
		      was = strtoul(kan_json_str(json_object_get(row, "below"), "mode"), NULL, 8);
	size_t i = 0;
	json_t *x = NULL;
	if (now & SET_ID & ~was)
		return true;
	json_array_foreach (json_object_get(row, "xattrs"), i, x)
		if (strcmp(kan_json_str(x, "name"), "security.capability") == 0)
			return true;
	return false;
}

/* Not the package that the image has: without that there was no reason to write its files. */
static bool upgraded(const struct kan_packages *p, const struct kan_pkg_package *found)
{
	kan_auto_buf struct kan_buf key = KAN_BUF(OWNER_TEXT);
	kan_buf_addb(&key, found->name);
	kan_buf_addc(&key, ':');
	kan_buf_addb(&key, found->arch);
	const struct kan_pkg_package *image = kan_pkg_index_named(p->image, kan_buf_bytes(&key));
	return !image || !image->installed || !kan_bytes_eq(image->version, found->version);
}

/* A package that the container installed or upgraded has just this content there. */
static bool explained_content(const struct kan_packages *p, const json_t *row, size_t at)
{
	const struct kan_pkg_owner *claim = kan_pkg_index_owner(p->found, at);
	const struct kan_pkg_package *found =
		claim ? kan_pkg_index_named(p->found, claim->key) : NULL;
	const char *type = kan_json_str(row, "type");
	bool dir = strcmp(type, "dir") == 0, link = strcmp(type, "symlink") == 0;
	struct kan_packages_sum sum = p->upper[at];
	if (!found || !found->installed || !kan_packages_logged(p, found) || gained_rights(row))
		return false;
	if (link && !sum_of_link(&sum, claim, row))
		return false;
	return upgraded(p, found) && (dir || same_sum(claim, &sum));
}

/* Its package was removed, or its new version has no such file. */
static bool explained_deletion(const struct kan_packages *p, const struct kan_pkg_owner *o,
			       size_t at)
{
	kan_auto_buf struct kan_buf list = KAN_BUF(OWNER_TEXT);
	const struct kan_pkg_package *of = o ? kan_pkg_index_named(p->image, o->key) : NULL;
	const struct kan_pkg_package *found = of ? kan_packages_found(p, of) : NULL;
	if (!of || !kan_packages_touched(p, of->file) ||
	    !kan_packages_logged(p, found ? found : of))
		return false;
	if (!found || !found->installed)
		return true;
	if (!upgraded(p, found) || kan_pkg_index_owner(p->found, at))
		return false;
	if (strcmp(o->manager, "dpkg") != 0) /* all in one file, which was touched */
		return true;
	kan_buf_adds(&list, "var/lib/dpkg/info/");
	kan_buf_addb(&list, o->key);
	kan_buf_adds(&list, ".list");
	return kan_packages_touched(p, kan_buf_bytes(&list));
}

static void explain(json_t *extra, const json_t *row, const struct kan_packages *p,
		    const struct kan_pkg_owner *o, size_t at)
{
	const char *change = kan_json_str(row, "change");
	const struct kan_pkg_owner *claim = kan_pkg_index_owner(p->found, at);
	if (p->found_state == KAN_PACKAGES_UNKNOWN) {
		set_unknown(extra, "explained");
		return;
	}
	if (claim)
		kan_json_set_bytes(extra, "package.claimed", claim->key);
	bool explained = false;
	if (strcmp(change, "deleted") == 0)
		explained = explained_deletion(p, o, at);
	else if (strcmp(change, "added") == 0 || strcmp(change, "changed") == 0)
		explained = explained_content(p, row, at);
	json_object_set_new(extra, "explained", json_boolean(explained));
}

static void join(json_t *extra, const json_t *row, const struct kan_packages *p, size_t at)
{
	const struct kan_pkg_owner *o = kan_pkg_index_owner(p->image, at);
	explain(extra, row, p, o, at);
	if (o) {
		put_owner(extra, p, o);
		judge_below(extra, p, o, at);
		if (strcmp(kan_json_str(row, "change"), "deleted") == 0)
			verdict(extra, removed);
		else
			judge_content(extra, row, p, o, at);
		return;
	}
	if (p->state == KAN_PACKAGES_WHOLE && p->links_whole) {
		verdict(extra, unowned);
		return;
	}
	json_t *said = json_incref(json_object_get(extra, "explained"));
	all_unknown(extra, p->state != KAN_PACKAGES_WHOLE
				   ? p->why
				   : "the image's directory links were not read whole");
	json_object_set_new(extra, "explained", said);
}

void kan_join_package(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS);
	const struct kan_packages *p = f->packages;
	const char *change = kan_json_str(row, "change");
	if (p->state == KAN_PACKAGES_NONE || strcmp(change, "parent") == 0 ||
	    strcmp(change, "engine") == 0)
		return;
	size_t at = kan_pkg_paths_find(p->wanted, kan_packages_row_path(row, &scratch));
	if (at == KAN_PKG_NOWHERE)
		all_unknown(extra, "its path is too long, or there are too many");
	else if (p->state == KAN_PACKAGES_UNKNOWN)
		all_unknown(extra, NULL); /* packages.image of the document says it once */
	else
		join(extra, row, p, at);
}

/* What lies at that path is of the container's own package manager, by its own records. */
static bool explained_path(const struct kan_packages *p, const json_t *row,
			   const struct kan_proc *proc, size_t at)
{
	const json_t *exe = json_object_get(row, "exe");
	unsigned long mode = strtoul(kan_json_str(exe, "mode"), NULL, 8);
	json_t *as_file = json_pack("{s:s}", "type", "file");
	bool yes = (proc->added || proc->changed) && !(mode & SET_ID) &&
		   explained_content(p, as_file, at);
	json_decref(as_file);
	return yes;
}

/* exe.pkg: who owns the path that runs; and whether an upgrade explains it. */
void kan_join_exe_package(json_t *extra, const json_t *row, const struct kan_proc *proc,
			  const struct kan_facts *f)
{
	const struct kan_packages *p = f->packages;
	if (p->state == KAN_PACKAGES_NONE)
		return;
	size_t at = kan_pkg_paths_find(p->wanted, kan_packages_path(proc->link));
	if (at == KAN_PKG_NOWHERE || p->found_state == KAN_PACKAGES_UNKNOWN) {
		set_unknown(extra, "explained");
		set_unknown(extra, "exe.pkg_upgraded");
	} else {
		bool path = explained_path(p, row, proc, at);
		json_object_set_new(extra, "explained",
				    json_boolean(path && !proc->deleted && !proc->other_bytes));
		json_object_set_new(extra, "exe.pkg_upgraded",
				    json_boolean(path && proc->deleted && !proc->path_absent));
	}
	const struct kan_pkg_owner *o = at != KAN_PKG_NOWHERE && p->state != KAN_PACKAGES_UNKNOWN
						? kan_pkg_index_owner(p->image, at)
						: NULL;
	if (o)
		kan_json_set_bytes(extra, "exe.pkg", o->key);
	else if (p->state != KAN_PACKAGES_WHOLE || !p->links_whole || at == KAN_PKG_NOWHERE)
		set_unknown(extra, "exe.pkg");
}
