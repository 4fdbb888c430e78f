/* Each file on top against the record of the package that owns its path. */
#include "analyze/recorded.h"

#include <string.h>

#include "analyze/packages.h"
#include "base/digest.h"

#define BASELINE "data/image/baseline.ndjson"

enum { PATH_OCTETS = 128 << 10 };

/* Two managers may be in one image, and each records its own kind. */
struct files {
	struct kan_pkg_paths
		*all; /* value: how many octets, SHA-256; then what the collector took */
	bool without; /* a file of a package had no checksum of the kind recorded */
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
	uint8_t sums[1 + 2 * KAN_PKG_SUM_MAX] = {0};
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS);
	(void)line;
	(void)err;
	if (strcmp(kan_json_str(row, "type"), "file") != 0 || json_object_get(row, "hidden_by") ||
	    strcmp(kan_json_str(row, "layer"), "init") == 0)
		return 0;
	struct kan_bytes path = kan_packages_row_path(row, &scratch);
	if (!*kan_json_str(row, "sha256_of")) /* of extents is of no other file's kind */
		sums[0] = (uint8_t)octets_of(sums + 1, kan_json_str(row, "sha256"));
	size_t n = 1 + sums[0];
	n += octets_of(sums + n, kan_json_str(row, "package_sum"));
	if (path.n)
		kan_pkg_paths_add(files->all, path, (struct kan_bytes){sums, n});
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

/* The file's checksum of the kind that its package records; NULL: none was taken. */
static const uint8_t *of_kind(struct kan_bytes sums, size_t n)
{
	size_t own = *sums.p;
	if (n == own)
		return sums.p + 1;
	return n == sums.n - 1 - own ? sums.p + 1 + own : NULL;
}

static void judge(struct kan_recorded *out, struct files *files, const struct kan_pkg_index *x,
		  size_t at)
{
	const struct kan_pkg_owner *o = kan_pkg_index_owner(x, at);
	if (!o)
		return;
	const uint8_t *sum =
		o->sum_n ? of_kind(kan_pkg_paths_value(files->all, at), o->sum_n) : NULL;
	files->without |= o->sum_n && !sum;
	if (!sum)
		out->unrecorded++;
	else if (memcmp(o->sum, sum, o->sum_n) == 0)
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
	int rc = compare(out, &files, f, err);
	kan_pkg_paths_free(files.all);
	return rc;
}
