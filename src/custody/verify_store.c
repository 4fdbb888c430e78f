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

/* Each pointer with this object must be one that was disposed of. They are sorted: those with the
 * same object follow, or with another size are before it. */
static bool disposed(const struct kan_verify *v, const struct kan_verify_object *o)
{
	const struct kan_verify_object *end = v->objects + v->n_objects, *first = o;
	size_t pointers = 0, gone = 0;

	while (first > v->objects && strcmp(first[-1].object.oid, o->object.oid) == 0)
		first--;
	for (; first < end && strcmp(first->object.oid, o->object.oid) == 0; first++)
		pointers++;
	for (size_t i = 0; v->gone && i < v->gone->n; i++)
		gone += strcmp(v->gone->list[i].object.oid, o->object.oid) == 0 &&
			v->gone->list[i].object.size == o->object.size;
	return gone >= pointers;
}

static void check_one(struct kan_verify *v, const struct kan_verify_object *o)
{
	struct kan_err err = {0};

	if (!kan_lfs_check(v->repo_fd, &o->object, &err))
		return;
	if (err.code == KAN_ENOTFOUND && disposed(v, o))
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

	if (v->n_objects)
		qsort(v->objects, v->n_objects, sizeof(*v->objects), by_object);
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
