/* Two trees side by side, directory by directory; equal ids are not entered. */
#include "custody/verify_diff.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 16, ADDED_MAX = 50000 };

void kan_verify_diff_free(struct kan_verify_diff *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->list[i].path);
	free(d->list);
	d->list = NULL;
	d->n = 0;
}

static void told(struct kan_verify_diff *d, const char *path, const char *what)
{
	kan_verify_fail(d->v, KAN_VERIFY_HISTORY, KAN_CHECK_ALTERED, path, "commit %s %s",
			d->commit, what);
}

static void over(struct kan_verify_diff *d, const char *path, const char *what)
{
	d->over = true;
	told(d, path, what);
}

/* A new file: remembered, and read once so that its bytes are known to fit its id. */
static void added(struct kan_verify_diff *d, const char *path, const char *id)
{
	kan_auto_buf struct kan_buf bytes = KAN_BUF(KAN_GIT_OBJECT_MAX);
	struct kan_err err = {0};

	if (d->over)
		return;
	if (!kan_verify_was_read(d->v, id) &&
	    kan_git_read(&bytes, d->v->git, id, KAN_GIT_BLOB, &err) < 0)
		kan_verify_bad_object(d->v, id, path, &err);
	if (d->n % 64 == 0)
		d->list = kan_xrealloc(d->list, d->n + 64, sizeof(*d->list));
	d->list[d->n].path = kan_xstrdup(path);
	memcpy(d->list[d->n++].id, id, KAN_GIT_ID);
	if (d->n == ADDED_MAX)
		over(d, path, "adds more files than the format allows");
}

static bool read_tree(struct kan_gitobj_tree *t, struct kan_verify_diff *d, const char *id,
		      const char *path)
{
	struct kan_err err = {0};

	if (!*id || !kan_gitobj_read_tree(t, d->v->git, id, &err))
		return true;
	kan_verify_bad_object(d->v, id, path, &err);
	d->holes = true;
	return false;
}

static void compare(struct kan_verify_diff *d, const char *before, const char *after,
		    const char *path, int depth);

/* b was there before (NULL: not), a is there now (NULL: no more). */
static void one(struct kan_verify_diff *d, const struct kan_gitobj_entry *b,
		const struct kan_gitobj_entry *a, const char *prefix, int depth)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_VERIFY_PATH);

	kan_buf_addf(&path, "%s%s", prefix, a ? a->name : b->name);
	if (a && b && a->dir == b->dir && strcmp(a->id, b->id) == 0)
		return;
	if (!a) {
		told(d, kan_buf_str(&path), "removes this");
	} else if (b && (!a->dir || !b->dir)) {
		told(d, kan_buf_str(&path), "changes this");
	} else if (!a->dir) {
		added(d, kan_buf_str(&path), a->id);
	} else {
		kan_buf_addc(&path, '/');
		compare(d, b ? b->id : "", a->id, kan_buf_str(&path), depth + 1);
	}
}

static void compare(struct kan_verify_diff *d, const char *before, const char *after,
		    const char *path, int depth)
{
	kan_auto_gittree struct kan_gitobj_tree b = {0}, a = {0};

	if (d->over)
		return;
	if (depth > DEPTH)
		over(d, path, "is deeper here than the format allows");
	else if (++d->trees > ADDED_MAX || !kan_verify_tree_more(d->v))
		over(d, path, "adds more directories than the format allows");
	if (d->over)
		return;
	if (!read_tree(&b, d, before, path) || !read_tree(&a, d, after, path))
		return;
	for (size_t i = 0; i < b.n && !d->over; i++)
		if (!kan_gitobj_find(&a, b.list[i].name))
			one(d, &b.list[i], NULL, path, depth);
	for (size_t i = 0; i < a.n && !d->over; i++)
		one(d, kan_gitobj_find(&b, a.list[i].name), &a.list[i], path, depth);
}

void kan_verify_diff(struct kan_verify_diff *d, const char *before, const char *after)
{
	compare(d, before, after, "", 0);
}
