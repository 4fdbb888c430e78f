/* Each file on top against the record of the package that owns its path. */
#include "analyze/recorded.h"

#include <string.h>

#include "analyze/packages.h"
#include "base/digest.h"

#define BASELINE "data/image/baseline.ndjson"

enum { PATH_OCTETS = 128 << 10 };

struct files {
	struct kan_pkg_paths *all; /* value: the octets of the checksum */
	bool own_digest;           /* the manager records SHA-256 */
	bool without;              /* a file had no checksum of the kind */
};

/* Octets of the hex digits; 0: they are none, or too many. */
static size_t octets_of(uint8_t out[KAN_PKG_SUM_MAX], const char *hex)
{
	size_t n = strlen(hex) / 2;
	return n <= KAN_PKG_SUM_MAX && kan_unhex(out, n, kan_bytes_of(hex)) ? n : 0;
}

static int take(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct files *files = arg;
	uint8_t sum[KAN_PKG_SUM_MAX];
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS);
	(void)line;
	(void)err;
	if (strcmp(kan_json_str(row, "type"), "file") != 0 || json_object_get(row, "hidden_by") ||
	    strcmp(kan_json_str(row, "layer"), "init") == 0)
		return 0;
	struct kan_bytes path = kan_packages_row_path(row, &scratch);
	bool extents = *kan_json_str(row, "sha256_of") != 0;
	size_t n = octets_of(
		sum, kan_json_str(row, files->own_digest && !extents ? "sha256" : "package_sum"));
	files->without |= n == 0;
	if (path.n)
		kan_pkg_paths_add(files->all, path, (struct kan_bytes){sum, n});
	return 0;
}

static void name(struct kan_recorded *out, struct kan_bytes path, const struct kan_pkg_owner *o)
{
	if (!out->paths)
		out->paths = json_array();
	if (json_array_size(out->paths) >= KAN_RECORDED_PATHS)
		return;
	kan_auto_buf struct kan_buf text = KAN_BUF(PATH_OCTETS);
	kan_buf_addc(&text, '/');
	kan_buf_addb(&text, path);
	json_t *one = json_object();
	kan_json_set_bytes(one, "path", kan_buf_bytes(&text));
	kan_json_set_bytes(one, "package", o->key);
	json_array_append_new(out->paths, one);
}

static void judge(struct kan_recorded *out, const struct files *files,
		  const struct kan_pkg_index *x, size_t at)
{
	const struct kan_pkg_owner *o = kan_pkg_index_owner(x, at);
	struct kan_bytes sum = kan_pkg_paths_value(files->all, at);
	if (!o)
		return;
	if (!o->sum_n || o->sum_n != sum.n)
		out->unrecorded++;
	else if (memcmp(o->sum, sum.p, sum.n) == 0)
		out->as_recorded++;
	else if (o->conffile)
		out->conffiles++;
	else {
		out->modified++;
		name(out, kan_pkg_paths_path(files->all, at), o);
	}
}

static const char *not_whole(const struct files *files, const struct kan_packages *p,
			     const struct kan_facts *f)
{
	if (p->state != KAN_PACKAGES_WHOLE)
		return p->why;
	if (!f->whole_baseline || !kan_pkg_paths_whole(files->all))
		return "not all files of the image were read";
	if (!p->links_whole)
		return "the image's directory links were not read whole";
	return files->without ? "of some files no checksum of the packages' kind was taken" : NULL;
}

static int compare(struct kan_recorded *out, struct files *files, const struct kan_facts *f,
		   struct kan_err *err)
{
	struct kan_packages *p = f->packages;
	struct kan_err why = {0};
	if (kan_source_rows(f->source, BASELINE, take, files, &why) < 0) {
		out->why = "not all files of the image were read";
		return why.code == KAN_ETAMPER ? kan_fail(err, why.code, "%s", why.text) : 0;
	}
	kan_pkg_paths_sort(files->all);
	struct kan_pkg_index *x = kan_pkg_index_new(files->all, p->links);
	int rc = kan_packages_read_into(x, p, f, err);
	for (size_t i = 0; i < kan_pkg_paths_count(files->all) && rc == 0; i++)
		judge(out, files, x, i);
	kan_pkg_index_free(x);
	out->why = not_whole(files, p, f);
	return rc;
}

int kan_recorded_check(struct kan_recorded *out, const struct kan_facts *f, struct kan_err *err)
{
	struct kan_packages *p = f->packages;
	*out = (struct kan_recorded){0};
	if (p->state == KAN_PACKAGES_NONE)
		out->why = "the image has no package database";
	else if (p->state == KAN_PACKAGES_UNKNOWN || kan_pkg_index_packages(p->image) == 0)
		out->why =
			p->state == KAN_PACKAGES_UNKNOWN ? p->why : "its database names no package";
	else if (!kan_source_has(f->source, BASELINE))
		out->why = "the image's files were not read (--image none)";
	if (out->why)
		return 0;
	struct files files = {.all = kan_pkg_paths_new()};
	files.own_digest =
		kan_pkg_manager_sum(kan_pkg_index_package(p->image, 0)->manager) == KAN_SHA256_SIZE;
	int rc = compare(out, &files, f, err);
	kan_pkg_paths_free(files.all);
	return rc;
}
