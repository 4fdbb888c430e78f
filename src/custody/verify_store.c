/* Every LFS object that a pointer names, hashed where it lies: git-lfs can be told not to look, we
 * cannot. */
#include "custody/tombstone.h"
#include "custody/verify.h"

#include <stdlib.h>
#include <string.h>

static int by_object(const void *a, const void *b)
{
	const struct kan_verify_object *x = a, *y = b;
	int d = strcmp(x->object.oid, y->object.oid);

	if (d)
		return d;
	return x->object.size < y->object.size ? -1 : x->object.size > y->object.size;
}

void kan_verify_sort(struct kan_verify *v)
{
	if (v->n_objects)
		qsort(v->objects, v->n_objects, sizeof(*v->objects), by_object);
}

static int by_oid(const void *oid, const void *b)
{
	return strcmp(oid, ((const struct kan_verify_object *)b)->object.oid);
}

bool kan_verify_disposed(const struct kan_verify *v, const struct kan_lfs_object *o)
{
	const struct kan_verify_object *end = v->objects + v->n_objects, *at;

	at = v->n_objects ? bsearch(o->oid, v->objects, v->n_objects, sizeof(*at), by_oid) : NULL;
	while (at && at > v->objects && strcmp(at[-1].object.oid, o->oid) == 0)
		at--;
	for (; at && at < end && strcmp(at->object.oid, o->oid) == 0; at++)
		if (!(v->gone && kan_tombstones_find(v->gone, at->path, o->oid)))
			return false;
	return true;
}

static void check_one(struct kan_verify *v, const struct kan_verify_object *o)
{
	struct kan_err err = {0};

	if (!kan_lfs_check(v->repo_fd, &o->object, &err))
		return;
	if (err.code == KAN_ENOTFOUND && kan_verify_disposed(v, &o->object))
		kan_verify_skip(v, KAN_VERIFY_STORE, o->path,
				"disposed of: a signed tombstone in "
				"the bag's seal/ says so");
	else if (err.code == KAN_ENOTFOUND)
		kan_verify_fail(v, KAN_VERIFY_STORE, KAN_CHECK_MISSING, o->path, "%s", err.text);
	else if (err.code == KAN_ETAMPER)
		kan_verify_fail(v, KAN_VERIFY_STORE, KAN_CHECK_ALTERED, o->path, "%s", err.text);
	else
		kan_verify_fail(v, KAN_VERIFY_STORE, KAN_CHECK_GENERAL, o->path, "%s", err.text);
}

void kan_verify_store(struct kan_verify *v)
{
	size_t distinct = 0;

	kan_verify_sort(v);
	for (size_t i = 0; i < v->n_objects; i++) {
		if (i && by_object(&v->objects[i - 1], &v->objects[i]) == 0)
			continue;
		distinct++;
		check_one(v, &v->objects[i]);
	}
	if (v->holes)
		kan_verify_skip(v, KAN_VERIFY_STORE, "",
				"%zu objects looked at: not every pointer could be read", distinct);
	kan_verify_done(v, KAN_VERIFY_STORE, "%zu objects have the bytes of their names", distinct);
}
