/* The tip's tree against the bags in it: each file where a manifest lists it, each artefact a
 * pointer. */
#include "custody/bag.h"
#include "custody/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 12, FILES_MAX = 21000 };

struct file {
	char *path;
	char id[KAN_GIT_ID];
	bool listed;
};
/* One bag or one derived/ directory, flat and sorted. */
struct flat {
	struct kan_verify *v;
	const char *where; /* "cases/CASE/bundles/BUNDLE" */
	struct file *list;
	size_t n;
	size_t trees;
	bool whole; /* everything could be read */
	bool over;  /* more than the format allows, told */
};

static void flat_free(struct flat *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->list[i].path);
	free(f->list);
}
#define auto_flat __attribute__((cleanup(flat_free)))

static void shown(char out[KAN_VERIFY_PATH], const struct flat *f, const char *path)
{
	snprintf(out, KAN_VERIFY_PATH, "%s/%s", f->where, path);
}

static void flat_add(struct flat *f, const char *prefix, const struct kan_gitobj_entry *e)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_VERIFY_PATH);
	struct file *at;

	kan_buf_addf(&path, "%s%s", prefix, e->name);
	if (f->n % 256 == 0)
		f->list = kan_xrealloc(f->list, f->n + 256, sizeof(*f->list));
	at = &f->list[f->n++];
	*at = (struct file){.path = kan_xstrdup(kan_buf_str(&path))};
	memcpy(at->id, e->id, KAN_GIT_ID);
}

static void flatten(struct flat *f, const char *tree, const char *prefix, int depth)
{
	kan_auto_gittree struct kan_gitobj_tree t = {0};
	struct kan_err err = {0};
	char path[KAN_VERIFY_PATH];

	if (f->over)
		return;
	if (depth > DEPTH || f->n > FILES_MAX || ++f->trees > FILES_MAX ||
	    !kan_verify_tree_more(f->v)) {
		f->over = true;
		shown(path, f, prefix);
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, path,
				"deeper or larger than the format allows");
		f->whole = false;
		return;
	}
	if (kan_gitobj_read_tree(&t, f->v->git, tree, &err) < 0) {
		shown(path, f, prefix);
		kan_verify_bad_object(f->v, tree, path, &err);
		f->whole = false;
		f->v->holes = true;
		return;
	}
	for (size_t i = 0; i < t.n && f->n <= FILES_MAX; i++) {
		kan_auto_buf struct kan_buf below = KAN_BUF(KAN_VERIFY_PATH);

		if (!t.list[i].dir) {
			flat_add(f, prefix, &t.list[i]);
			continue;
		}
		kan_buf_addf(&below, "%s%s/", prefix, t.list[i].name);
		flatten(f, t.list[i].id, kan_buf_str(&below), depth + 1);
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static struct file *find(struct flat *f, const char *path)
{
	kan_auto_free char *copy = kan_xstrdup(path);
	struct file want = {.path = copy};

	return f->n ? bsearch(&want, f->list, f->n, sizeof(*f->list), by_path) : NULL;
}

static int read_file(struct kan_buf *out, struct flat *f, const struct file *file)
{
	struct kan_err err = {0};
	char path[KAN_VERIFY_PATH];

	if (!kan_git_read(out, f->v->git, file->id, KAN_GIT_BLOB, &err))
		return 0;
	shown(path, f, file->path);
	kan_verify_bad_object(f->v, file->id, path, &err);
	f->v->holes = true;
	return -1;
}

static void keep_object(struct kan_verify *v, const struct kan_lfs_object *o, const char *path)
{
	if (!o->size)
		return;
	if (v->n_objects % 256 == 0)
		v->objects = kan_xrealloc(v->objects, v->n_objects + 256, sizeof(*v->objects));
	v->objects[v->n_objects++] = (struct kan_verify_object){*o, kan_xstrdup(path)};
}

/* The pointer of one file; want: the digest its manifest says, or NULL. -1: told. */
static int check_pointer(struct kan_lfs_object *o, struct flat *f, const struct file *file,
			 const char *want)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_FORM_POINTER_MAX);
	struct kan_err err = {0};
	char path[KAN_VERIFY_PATH];

	shown(path, f, file->path);
	if (kan_git_read(&text, f->v->git, file->id, KAN_GIT_BLOB, &err) < 0) {
		if (err.code == KAN_ELIMIT)
			kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, path,
					"not an LFS pointer");
		else
			kan_verify_bad_object(f->v, file->id, path, &err);
		f->v->holes = true;
		return -1;
	}
	if (kan_form_pointer_parse(o->oid, &o->size, kan_buf_bytes(&text), &err) < 0) {
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, path, "%s", err.text);
		return -1;
	}
	if (want && strcmp(want, o->oid) != 0) {
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, path,
				"pointer and manifest disagree");
		return -1;
	}
	keep_object(f->v, o, path);
	return 0;
}

static void check_tag(struct flat *f, const struct file *file, const char *want)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGFILE_MAX);
	char hex[KAN_SHA256_HEX], path[KAN_VERIFY_PATH];

	if (read_file(&text, f, file) < 0)
		return;
	kan_sha256_hex(hex, kan_buf_bytes(&text));
	shown(path, f, file->path);
	if (strcmp(hex, want) != 0)
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, path,
				"not the bytes that the tag manifest lists");
}

static void check_line(struct flat *f, struct kan_verify_bag *bag, const char *path,
		       const char *hex)
{
	struct file *file = find(f, path);
	struct kan_lfs_object o = {.size = 0};
	char where[KAN_VERIFY_PATH];

	shown(where, f, path);
	if (!file) {
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_MISSING, where,
				"listed, and not in the tree");
		return;
	}
	if (file->listed)
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, where,
				"listed twice");
	file->listed = true;
	if (strncmp(path, "data/", 5) != 0) {
		check_tag(f, file, hex);
	} else if (!check_pointer(&o, f, file, hex)) {
		bag->octets += o.size;
		bag->files++;
	}
}

/* One manifest of the bag: payload lists data/ and nothing else, the tag manifest everything but.
 */
static void check_manifest(struct flat *f, struct kan_verify_bag *bag, const char *name,
			   bool payload)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGFILE_MAX);
	struct file *file = find(f, name);
	char hex[KAN_SHA256_HEX], path[256], where[KAN_VERIFY_PATH];
	struct kan_err err = {0};
	struct kan_bytes rest;

	shown(where, f, name);
	if (!file) {
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_MISSING, where,
				"the bag has none");
		return;
	}
	if (read_file(&text, f, file) < 0)
		return;
	if (!payload) {
		file->listed = true;
		kan_sha256_hex(bag->seal, kan_buf_bytes(&text));
	}
	rest = kan_buf_bytes(&text);
	while (kan_bag_line(hex, path, &rest, &err) == 1) {
		if ((strncmp(path, "data/", 5) == 0) == payload && strncmp(path, "seal/", 5) != 0)
			check_line(f, bag, path, hex);
		else
			kan_err_set(&err, KAN_EFORMAT, 0, "lists a file that is not its to list");
	}
	if (err.code)
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, where, "%s",
				err.text);
}

static void check_unlisted(struct flat *f)
{
	char where[KAN_VERIFY_PATH];

	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].listed || strncmp(f->list[i].path, "seal/", 5) == 0)
			continue;
		shown(where, f, f->list[i].path);
		kan_verify_fail(f->v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, where,
				"in the tree, and in no manifest");
	}
}

static void open_flat(struct flat *f, const char *tree)
{
	flatten(f, tree, "", 0);
	if (f->n)
		qsort(f->list, f->n, sizeof(*f->list), by_path);
}

static void check_bag(struct kan_verify *v, const char *case_id, const struct kan_gitobj_entry *e)
{
	char where[KAN_VERIFY_PATH];
	auto_flat struct flat f = {.v = v, .where = where, .whole = true};
	struct kan_verify_bag bag = {.seal = ""};

	snprintf(where, sizeof(where), "cases/%s/bundles/%s", case_id, e->name);
	if (!e->dir || !kan_form_bundle_ok(e->name)) {
		kan_verify_fail(v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, where, "not a bundle");
		return;
	}
	snprintf(bag.case_id, sizeof(bag.case_id), "%s", case_id);
	snprintf(bag.bundle, sizeof(bag.bundle), "%s", e->name);
	memcpy(bag.tree, e->id, KAN_GIT_ID);
	open_flat(&f, e->id);
	check_manifest(&f, &bag, KAN_BAG_TAGMANIFEST, false);
	check_manifest(&f, &bag, KAN_BAG_MANIFEST, true);
	if (f.whole)
		check_unlisted(&f);
	v->bags = kan_xrealloc(v->bags, v->n_bags + 1, sizeof(*v->bags));
	v->bags[v->n_bags++] = bag;
}

static void check_derived(struct kan_verify *v, const char *case_id, const char *tree)
{
	char where[KAN_VERIFY_PATH];
	auto_flat struct flat f = {.v = v, .where = where, .whole = true};
	struct kan_lfs_object o;

	snprintf(where, sizeof(where), "cases/%s/derived", case_id);
	open_flat(&f, tree);
	for (size_t i = 0; i < f.n; i++)
		(void)check_pointer(&o, &f, &f.list[i], NULL); /* told by itself */
}

/* The directory of a tree; reads with complaint. false: there is nothing to look at. */
static bool subtree(struct kan_gitobj_tree *out, struct kan_verify *v, const char *id,
		    const char *path)
{
	struct kan_err err = {0};

	if (!kan_gitobj_read_tree(out, v->git, id, &err))
		return true;
	kan_verify_bad_object(v, id, path, &err);
	v->holes = true;
	return false;
}

static void check_case(struct kan_verify *v, const struct kan_gitobj_entry *e)
{
	kan_auto_gittree struct kan_gitobj_tree t = {0}, bundles = {0};
	const struct kan_gitobj_entry *at;
	char where[KAN_VERIFY_PATH];

	snprintf(where, sizeof(where), "cases/%s", e->name);
	if (!e->dir || !kan_form_case_ok(e->name)) {
		kan_verify_fail(v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, where, "not a case");
		return;
	}
	if (!subtree(&t, v, e->id, where))
		return;
	at = kan_gitobj_find(&t, "bundles");
	if (at && at->dir && subtree(&bundles, v, at->id, where))
		for (size_t i = 0; i < bundles.n; i++)
			check_bag(v, e->name, &bundles.list[i]);
	at = kan_gitobj_find(&t, "derived");
	if (at && at->dir)
		check_derived(v, e->name, at->id);
}

static void check_attributes(struct kan_verify *v, const struct kan_gitobj_tree *root)
{
	const struct kan_gitobj_entry *e = kan_gitobj_find(root, KAN_FORM_ATTRIBUTES);
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);
	struct kan_err err = {0};

	if (kan_gitobj_find(root, ".lfsconfig"))
		kan_verify_fail(v, KAN_VERIFY_REPO, KAN_CHECK_ALTERED, ".lfsconfig",
				"tells git-lfs what not to look at");
	if (!e) {
		kan_verify_fail(v, KAN_VERIFY_POINTERS, KAN_CHECK_MISSING, KAN_FORM_ATTRIBUTES,
				"not in the tree");
		return;
	}
	if (kan_git_read(&text, v->git, e->id, KAN_GIT_BLOB, &err) < 0 && err.code != KAN_ELIMIT)
		kan_verify_bad_object(v, e->id, KAN_FORM_ATTRIBUTES, &err);
	else if (!kan_bytes_eq(kan_buf_bytes(&text), kan_bytes_of(kan_form_attributes)))
		kan_verify_fail(v, KAN_VERIFY_POINTERS, KAN_CHECK_ALTERED, KAN_FORM_ATTRIBUTES,
				"not the bytes of this format");
}

/* From the tip down to every bag. */
static void check_tip(struct kan_verify *v)
{
	kan_auto_gitcommit struct kan_gitobj_commit c = {0};
	kan_auto_gittree struct kan_gitobj_tree root = {0}, cases = {0};
	const struct kan_gitobj_entry *e;
	struct kan_err err = {0};

	if (kan_gitobj_read_commit(&c, v->git, v->tip, &err) < 0) {
		kan_verify_bad_object(v, v->tip, v->tip, &err);
		v->holes = true;
		return;
	}
	if (!subtree(&root, v, c.tree, ""))
		return;
	check_attributes(v, &root);
	kan_verify_done(v, KAN_VERIFY_REPO, KAN_VERIFY_REPO_OK);
	e = kan_gitobj_find(&root, "cases");
	if (e && e->dir && subtree(&cases, v, e->id, "cases"))
		for (size_t i = 0; i < cases.n; i++)
			check_case(v, &cases.list[i]);
}

void kan_verify_tree(struct kan_verify *v)
{
	check_tip(v);
	if (v->holes)
		kan_verify_skip(v, KAN_VERIFY_POINTERS, "", "objects cannot be read: see there");
	kan_verify_done(v, KAN_VERIFY_POINTERS,
			"%zu bundles and %zu objects as their manifests say", v->n_bags,
			v->n_objects);
}
