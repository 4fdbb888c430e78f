/* What the image has of changed files: where an origin's inode lies, and digests that the collector
 * did not compute. */
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"

enum { PATH_OCTETS = 128 << 10 };

static struct kan_bytes owned(struct kan_bytes v)
{
	uint8_t *p = kan_xalloc(v.n + 1);
	if (v.n)
		memcpy(p, v.p, v.n);
	return (struct kan_bytes){p, v.n};
}

static int by_origin(const void *a, const void *b)
{
	uint64_t x = ((const struct kan_origin *)a)->ino, y = ((const struct kan_origin *)b)->ino;
	return (x > y) - (x < y);
}

static int by_lower(const void *a, const void *b)
{
	const struct kan_lower *x = a, *y = b;
	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	return kan_bytes_cmp(x->path, y->path);
}

struct kan_bytes kan_facts_lower_path(const json_t *row, struct kan_bytes path,
				      struct kan_buf *scratch)
{
	const json_t *below = json_object_get(row, "below");
	struct kan_err ignored = {0};
	kan_buf_reset(scratch);
	if (!json_object_get(below, "path"))
		return path;
	(void)kan_json_bytes(scratch, below, "path", &ignored);
	return kan_buf_bytes(scratch);
}

/* The image's version is known by its facts only: the baseline has its digest. */
static void want_digest(struct kan_facts *f, const json_t *row, struct kan_bytes path)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS);
	const json_t *below = json_object_get(row, "below");
	int64_t layer = kan_get_int(below, "layer", -1);
	if (layer < 0 || json_object_get(below, "sha256") ||
	    strcmp(kan_json_str(below, "type"), "file") != 0)
		return;
	struct kan_lower *l = kan_facts_more(&f->lowers, &f->n_lowers, KAN_FACTS_LOWERS, sizeof *l);
	f->lowers_over |= !l;
	if (!l)
		return;
	l->layer = layer;
	l->path = owned(kan_facts_lower_path(row, path, &scratch));
}

/* An export says nothing of the image's side: the uppermost layer that has the path does. */
static void want_top(struct kan_facts *f, const json_t *row, struct kan_bytes path)
{
	static const char *const words[] = {"changed", "metadata", "deleted"};
	const char *change = kan_json_str(row, "change");
	bool wanted = false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		wanted |= strcmp(change, words[i]) == 0;
	if (!wanted || strcmp(kan_json_str(row, "source"), "export") != 0)
		return;
	struct kan_lower *l =
		f->n_tops < KAN_FACTS_TOPS
			? kan_facts_more(&f->lowers, &f->n_lowers, KAN_FACTS_LOWERS, sizeof *l)
			: NULL;
	f->lowers_over |= !l;
	if (!l)
		return;
	f->n_tops++;
	l->layer = KAN_LOWER_TOP;
	l->path = owned(path);
}

/* Rows come from the base layer up: the last one counts, and a whiteout leaves none. */
static void take_top(struct kan_lower *l, const json_t *row)
{
	static const char *const keys[] = {"layer",    "type",       "mode",     "uid",
					   "gid",      "size",       "mtime_ns", "link",
					   "link_b64", "capability", "sha256"};
	bool whiteout = strcmp(kan_json_str(row, "type"), "chr") == 0 &&
			strcmp(kan_json_str(row, "rdev"), "0:0") == 0;
	if (json_object_get(row, "opaque")) /* a mark beside the directory's own row */
		return;
	json_decref(l->below);
	l->below = whiteout ? NULL : json_object();
	for (size_t i = 0; l->below && i < sizeof keys / sizeof *keys; i++)
		if (json_object_get(row, keys[i]))
			json_object_set(l->below, keys[i], json_object_get(row, keys[i]));
}

/* Copying a directory up records where it came from, as far as the filesystem can tell at all. */
static bool lacks_origin(const json_t *row)
{
	const json_t *below = json_object_get(row, "below");
	return below && strcmp(kan_json_str(row, "type"), "dir") == 0 &&
	       strcmp(kan_json_str(below, "type"), "dir") == 0 && !json_object_get(row, "opaque") &&
	       !json_object_get(row, "origin_ino") && strcmp(kan_json_str(row, "path"), "/") != 0;
}

void kan_facts_origin_change(struct kan_facts *f, const json_t *row, struct kan_bytes path)
{
	uint64_t ino = kan_get_dec(row, "origin_ino");
	f->lacks_origins |= lacks_origin(row);
	want_digest(f, row, path);
	want_top(f, row, path);
	if (!ino)
		return;
	struct kan_origin *o =
		kan_facts_more(&f->origins, &f->n_origins, KAN_FACTS_ORIGINS, sizeof *o);
	f->lowers_over |= !o;
	if (o)
		o->ino = ino;
}

void kan_facts_origin_sort(struct kan_facts *f)
{
	size_t n = 0;
	f->no_origins = f->lacks_origins && f->n_origins == 0;
	if (f->n_origins)
		qsort(f->origins, f->n_origins, sizeof *f->origins, by_origin);
	/* Names of one inode have one origin: told once. */
	for (size_t i = 0; i < f->n_origins; i++)
		if (n == 0 || f->origins[n - 1].ino != f->origins[i].ino)
			f->origins[n++] = f->origins[i];
	f->n_origins = n;
	if (f->n_lowers)
		qsort(f->lowers, f->n_lowers, sizeof *f->lowers, by_lower);
}

static struct kan_origin *origin_of(const struct kan_facts *f, uint64_t ino)
{
	struct kan_origin key = {.ino = ino};
	return f->n_origins ? bsearch(&key, f->origins, f->n_origins, sizeof key, by_origin) : NULL;
}

static struct kan_lower *lower_of(const struct kan_facts *f, int64_t layer, struct kan_bytes path)
{
	struct kan_lower key = {.layer = layer, .path = path};
	return f->n_lowers ? bsearch(&key, f->lowers, f->n_lowers, sizeof key, by_lower) : NULL;
}

static void name_origin(struct kan_origin *o, struct kan_bytes path)
{
	enum { NAMES = sizeof o->names / sizeof o->names[0] };
	for (size_t i = 0; i < o->n_names; i++)
		if (kan_bytes_eq(o->names[i], path))
			return;
	if (o->n_names < NAMES)
		o->names[o->n_names++] = owned(path);
}

void kan_facts_origin_baseline(struct kan_facts *f, const json_t *row, struct kan_bytes path)
{
	const char *sha = kan_json_str(row, "sha256");
	struct kan_origin *o = origin_of(f, kan_get_dec(row, "ino"));
	if (o)
		name_origin(o, path);
	int64_t layer = kan_get_int(row, "layer", -1);
	struct kan_lower *top = layer < 0 ? NULL : lower_of(f, KAN_LOWER_TOP, path);
	if (top)
		take_top(top, row);
	struct kan_lower *l = lower_of(f, layer, path);
	if (l && strlen(sha) + 1 == sizeof l->sha256 && !json_object_get(row, "sha256_of"))
		memcpy(l->sha256, sha, sizeof l->sha256);
}

const struct kan_origin *kan_facts_origin(const struct kan_facts *f, uint64_t ino)
{
	return origin_of(f, ino);
}

const char *kan_facts_lower_sha256(const struct kan_facts *f, int64_t layer, struct kan_bytes path)
{
	const struct kan_lower *l = lower_of(f, layer, path);
	return l ? l->sha256 : "";
}

const json_t *kan_facts_image_of(const struct kan_facts *f, struct kan_bytes path)
{
	const struct kan_lower *l = lower_of(f, KAN_LOWER_TOP, path);
	return l ? l->below : NULL;
}

void kan_facts_origin_free(struct kan_facts *f)
{
	for (size_t i = 0; i < f->n_origins; i++)
		for (size_t k = 0; k < f->origins[i].n_names; k++)
			free((void *)(uintptr_t)f->origins[i].names[k].p);
	for (size_t i = 0; i < f->n_lowers; i++)
		json_decref(f->lowers[i].below);
	for (size_t i = 0; i < f->n_lowers; i++)
		free((void *)(uintptr_t)f->lowers[i].path.p);
	free(f->origins);
	free(f->lowers);
}
