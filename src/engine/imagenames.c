/* What names the images of a data root: Docker's repositories.json, Podman's images.json. A name is
 * one image's: where two have it, either may be meant, and it is said. */
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "base/tree.h"
#include "engine/dataroot.h"
#include "engine/store.h"

enum { PATH_OCTETS = 256, NAME_OCTETS = 512 }; /* a reference: 255 octets of name, 128 of tag */

struct names {
	json_t *index;        /* by image, as kan_dataroot_tags gives it */
	json_t *owners;       /* of each name, whose it is */
	struct kan_err fault; /* the first */
	bool full;            /* there is no memory for more */
};

static struct kan_err *first(struct names *n)
{
	return n->fault.code == KAN_OK ? &n->fault : NULL;
}

static void out_of_memory(struct names *n)
{
	n->full = true;
	(void)kan_fail(&n->fault, KAN_ELIMIT, "its names need more memory than there is");
}

/* Longer ones than a reference may be are only counted. */
static int add(json_t *of, const char *name)
{
	json_t *tags = json_object_get(of, "tags");
	if (json_array_size(tags) < KAN_DATAROOT_TAGS && strlen(name) <= NAME_OCTETS)
		return json_array_append_new(tags, json_string(name));
	return json_object_set_new(of, "more", json_integer(kan_json_int(of, "more") + 1));
}

static int index_name(json_t *index, const char *image_id, const char *name)
{
	json_t *of = json_object_get(index, image_id);
	if (of)
		return add(of, name);
	of = json_pack("{s:[],s:i}", "tags", "more", 0);
	return json_object_set_new(index, image_id, of) < 0 ? -1 : add(of, name);
}

static void give(struct names *n, const char *image_id, const char *name)
{
	const char *owner = kan_json_str(n->owners, name);
	if (n->full || strcmp(owner, image_id) == 0)
		return; /* listed twice */
	if (*owner)
		(void)kan_fail(first(n), KAN_EFORMAT, "two images are called '%.80s'", name);
	if (json_object_set_new(n->owners, name, json_string(image_id)) < 0 ||
	    index_name(n->index, image_id, name) < 0)
		out_of_memory(n);
}

/* {"Repositories":{"shop":{"shop:2.3":"sha256:..","shop@sha256:..":"sha256:.."}}} */
static int of_docker(struct names *n, json_t *doc)
{
	json_t *repositories = json_object_get(doc, "Repositories"), *of_name = NULL, *id = NULL;
	const char *name = NULL, *reference = NULL;
	if (!json_is_object(repositories))
		return kan_fail(&n->fault, KAN_EFORMAT, "it has no object Repositories");
	json_object_foreach (repositories, name, of_name) {
		if (!json_is_object(of_name))
			(void)kan_fail(first(n), KAN_EFORMAT, "'%.80s' is no object", name);
		json_object_foreach (of_name, reference, id)
			if (!json_is_string(id) || !kan_is_digest(json_string_value(id)))
				(void)kan_fail(first(n), KAN_EFORMAT, "'%.80s' names no image",
					       reference);
			else if (!strchr(reference, '@'))
				give(n, json_string_value(id), reference);
	}
	return 0;
}

/* One that has several names is named by each; one that has none may lack the key. */
static void of_image(struct names *n, const json_t *image)
{
	char id[KAN_DIGEST];
	size_t i = 0;
	json_t *names = json_object_get(image, "names"), *one = NULL;
	if (!kan_is_sha256_hex(kan_json_str(image, "id"))) {
		(void)kan_fail(first(n), KAN_EFORMAT, "an entry whose id is no image's id");
		return;
	}
	kan_digest_name(id, kan_json_str(image, "id"));
	if (names && !json_is_null(names) && !json_is_array(names))
		(void)kan_fail(first(n), KAN_EFORMAT, "the names of %.19s are no list", id);
	json_array_foreach (names, i, one)
		if (json_is_string(one))
			give(n, id, json_string_value(one));
		else
			(void)kan_fail(first(n), KAN_EFORMAT, "a name of %.19s is no text", id);
}

static int of_podman(struct names *n, json_t *doc)
{
	size_t i = 0;
	json_t *image = NULL;
	if (!json_is_array(doc))
		return kan_fail(&n->fault, KAN_EFORMAT, "no JSON array");
	json_array_foreach (doc, i, image)
		of_image(n, image);
	return 0;
}

/* NULL: it cannot be read, or is no list. What is found wrong in it is an error besides. */
static json_t *read_names(const struct kan_dataroot_dir *d, const char *path,
			  int (*read)(struct names *, json_t *), struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_dataroot_json(&doc, d, path, KAN_STORE_LIST_MAX, err) < 0)
		return NULL;
	struct names n = {.index = json_object(), .owners = json_object()};
	if (read(&n, doc) < 0) {
		json_decref(n.index);
		n.index = NULL;
	}
	json_decref(doc);
	json_decref(n.owners);
	if (n.fault.code != KAN_OK && err) {
		*err = n.fault;
		(void)kan_wrap(err, "%s", path);
	}
	return n.index;
}

json_t *kan_dataroot_tags(int root_fd, const char *driver, struct kan_err *err)
{
	char path[PATH_OCTETS];
	struct kan_err why = {0};
	const struct kan_dataroot_dir d = {root_fd, kan_tree_opener_new()};
	(void)snprintf(path, sizeof(path), "image/%.64s/repositories.json", driver);
	json_t *index =
		kan_dataroot_is_driver(driver) ? read_names(&d, path, of_docker, &why) : NULL;
	if (!index && why.sys == ENOENT) {
		why = (struct kan_err){0};
		(void)snprintf(path, sizeof(path), "%.64s-images/images.json", driver);
		index = read_names(&d, path, of_podman, &why);
	}
	kan_tree_opener_free(d.opener);
	if (err)
		*err = why;
	return index;
}
