/* The passes over mounts, changes, baseline and the engine's list: where the bytes of an executable
 * come from. */
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"
#include "analyze/packages.h"
#include "base/row.h"

enum { PATH_MAX_BYTES = 128 << 10 };

static int take_mount(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	struct kan_mount *m = kan_facts_more(&f->mounts, &f->n_mounts, KAN_FACTS_MOUNTS, sizeof *m);
	if (!m) {
		f->whole_mounts = false;
		return 0;
	}
	kan_auto_buf struct kan_buf point = KAN_BUF(PATH_MAX_BYTES);
	struct kan_err ignored = {0};
	(void)kan_json_bytes(&point, row, "point",
			     &ignored); /* no point: an empty one, which matches nothing */
	m->id = kan_get_int(row, "id", -1);
	strncpy(m->dev, kan_json_str(row, "dev"), sizeof m->dev - 1);
	strncpy(m->class_, kan_json_str(row, "class"), sizeof m->class_ - 1);
	uint8_t *p = kan_xalloc(point.len + 1);
	if (point.len)
		memcpy(p, point.data, point.len);
	m->point = (struct kan_bytes){p, point.len};
	return 0;
}

/* The path of a row as bytes: borrowed text when it is clean, else decoded into scratch. */
static struct kan_bytes path_of(const json_t *row, struct kan_buf *scratch)
{
	const json_t *j = json_object_get(row, "path");
	if (!json_object_get(row, "path_b64"))
		return (struct kan_bytes){(const uint8_t *)json_string_value(j),
					  json_string_length(j)};
	struct kan_err ignored = {0};
	kan_buf_reset(scratch);
	if (kan_json_bytes(scratch, row, "path", &ignored) < 0)
		return (struct kan_bytes){NULL, 0};
	return kan_buf_bytes(scratch);
}

static uint64_t *filter_of(struct kan_facts *f, struct kan_bytes v, uint64_t *bit)
{
	uint64_t h = kan_hash(v) % KAN_FACTS_FILTER;
	*bit = 1ULL << (h % 64);
	return &f->exe_filter[h / 64];
}

/* What was not read is like nothing: most rows have no digest. */
static void fill_filter(struct kan_facts *f)
{
	for (size_t i = 0; i < f->n_procs; i++) {
		const struct kan_bytes of[] = {f->procs[i].link, kan_bytes_of(f->procs[i].sha256)};
		for (size_t k = 0; k < 2; k++) {
			uint64_t bit = 0, *word = filter_of(f, of[k], &bit);
			*word |= of[k].n ? bit : 0;
		}
	}
}

static bool may_be(struct kan_facts *f, struct kan_bytes v)
{
	uint64_t bit = 0;
	const uint64_t *word = filter_of(f, v, &bit);
	return v.n && *word & bit;
}

/* May a row be about what some process runs? Most are not: there are many rows and many processes.
 */
static bool of_some_exe(struct kan_facts *f, struct kan_bytes path, const char *sha)
{
	return may_be(f, path) || may_be(f, kan_bytes_of(sha));
}

static void change_of_exe(struct kan_proc *p, const char *change, bool same_path, bool same_digest)
{
	bool added = strcmp(change, "added") == 0, changed = strcmp(change, "changed") == 0;
	if (same_path) {
		p->added |= added;
		p->changed |= changed;
		p->gone |= strcmp(change, "deleted") == 0;
	}
	if (same_digest && (added || changed))
		p->in_upper = true;
}

static int take_change(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	kan_packages_change(f->packages, row);
	struct kan_engine_path *e = kan_facts_engine(f, kan_json_str(row, "path"));
	if (e)
		e->ours = true;
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_MAX_BYTES);
	struct kan_bytes path = path_of(row, &scratch);
	const char *change = kan_json_str(row, "change"), *sha = kan_json_str(row, "sha256");
	bool told = strcmp(change, "changed") == 0 &&
		    json_is_true(json_object_get(row, "frozen")) &&
		    strcmp(kan_json_str(row, "sha256_of"), "extents") != 0;
	size_t n = of_some_exe(f, path, sha) ? f->n_procs : 0;
	for (size_t i = 0; i < n; i++) {
		struct kan_proc *p = &f->procs[i];
		bool same_path = p->link.n && kan_bytes_eq(p->link, path);
		bool same_digest = *sha && strcmp(sha, p->sha256) == 0;
		if (same_path || same_digest)
			change_of_exe(p, change, same_path, same_digest);
		p->other_bytes |= same_path && !same_digest && *sha && p->sha256[0] && told;
	}
	kan_facts_origin_change(f, row, path);
	return 0;
}

static void image_of_exe(struct kan_proc *p, const json_t *row, struct kan_bytes path,
			 const char *sha)
{
	bool same_path = p->link.n && kan_bytes_eq(p->link, path);
	bool same_digest = *sha && strcmp(sha, p->sha256) == 0;
	p->baseline_path |= same_path;
	p->baseline_same |= same_path && same_digest;
	if (!same_digest || same_path)
		return;
	if (!p->same_as)
		p->same_as = json_array();
	if (json_array_size(p->same_as) < KAN_FACTS_SAME_AS)
		json_array_append(p->same_as, json_object_get(row, "path"));
}

static int take_baseline(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	kan_packages_baseline(f->packages, row);
	if (strcmp(kan_json_str(row, "layer"), "init") == 0 ||
	    strcmp(kan_json_str(row, "type"), "file") != 0)
		return 0;
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_MAX_BYTES);
	struct kan_bytes path = path_of(row, &scratch);
	const char *sha = kan_json_str(row, "sha256");
	size_t n = of_some_exe(f, path, sha) ? f->n_procs : 0;
	for (size_t i = 0; i < n; i++)
		image_of_exe(&f->procs[i], row, path, sha);
	return 0;
}

/* An origin may be of any type, and of the engine's own layer. */
static int take_lower(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_MAX_BYTES);
	kan_facts_origin_baseline(arg, row, path_of(row, &scratch));
	return take_baseline(row, line, arg, err);
}

static int rows(struct kan_facts *f, const char *path, kan_bundle_row_fn *fn, struct kan_err *err)
{
	struct kan_err missing = {0};
	if (kan_source_rows(f->source, path, fn, f, &missing) == 0 || missing.code == KAN_ENOTFOUND)
		return 0;
	return kan_fail(err, missing.code, "%s", missing.text);
}

int kan_facts_files(struct kan_facts *f, struct kan_err *err)
{
	fill_filter(f);
	if (kan_facts_engine_list(f, err) < 0 ||
	    rows(f, "data/mounts/mounts.ndjson", take_mount, err) < 0 ||
	    rows(f, "data/filesystem/changes.ndjson", take_change, err) < 0)
		return -1;
	kan_facts_sort(f);
	if (rows(f, "data/image/baseline.ndjson", take_lower, err) < 0)
		return -1;
	kan_facts_sort(f);
	for (size_t i = 0; i < f->n_procs; i++)
		kan_packages_want(f->packages, f->procs[i].link);
	return kan_packages_read(f->packages, f, err);
}
