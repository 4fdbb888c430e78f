/* Podman's store (containers/storage): containers.json, layers.json, images.json, read as bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "engine/below.h"
#include "engine/config.h"
#include "engine/store.h"

enum { DEPTH = 64, WORD = 32 };

static const char kept[] = "manifest-"; /* and the digest of what is kept so */

/* "<driver>-containers/containers.json" and its like. */
static int read_list(struct kan_buf *out, const struct kan_target *t, const char *kind,
		     const char *name, struct kan_err *err)
{
	char path[KAN_STORE_PATH];
	if (t->data_root_fd < 0 || !t->storage)
		return kan_fail(err, KAN_EDENIED, "the engine's data root is not proven");
	(void)snprintf(path, sizeof(path), "%.32s-%s/%s", t->storage, kind, name);
	return kan_below_read(out, t, path, err) < 0 ? kan_wrap(err, "Podman's store") : 0;
}

bool kan_is_podman(const struct kan_target *t)
{
	char path[KAN_STORE_PATH];
	kan_auto_close int fd = -1, dockers = -1;
	if (t->data_root_fd < 0 || !t->storage ||
	    (strcmp(t->storage, "overlay") != 0 && strcmp(t->storage, "vfs") != 0))
		return false;
	(void)snprintf(path, sizeof(path), "containers/%s", t->id);
	if (kan_below_pin(&dockers, t, path, O_DIRECTORY, NULL) == 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s-containers", t->storage);
	return kan_below_pin(&fd, t, path, O_DIRECTORY, NULL) == 0;
}

bool kan_podman_runs_at(const struct kan_target *t, const char *path)
{
	char own[KAN_STORE_PATH];
	if (t->engine_root_fd < 0 || path[0] != '/' || !kan_is_podman(t))
		return false;
	(void)snprintf(own, sizeof(own), "/%.32s-containers/%s/userdata/", t->storage, t->id);
	const char *at = strstr(path, own);
	return at && at > path && !strchr(at + strlen(own), '/');
}

static int parse_list(json_t **out, const struct kan_target *t, const char *kind, const char *name,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
	if (read_list(&text, t, kind, name, err) < 0)
		return -1;
	return kan_json_parse(out, kan_buf_bytes(&text), KAN_STORE_LIST_MAX, DEPTH, err);
}

static const json_t *layer_entry(json_t *layers, const char *id, struct kan_err *err)
{
	const json_t *one = kan_podman_entry(&layers, 1, id, err);
	if (!one)
		(void)kan_wrap(err, "layers.json");
	return one;
}

int kan_podman_layer_of(char out[65], const json_t *entry, struct kan_err *err)
{
	const char *layer = kan_json_str(entry, "layer");
	if (!kan_is_sha256_hex(layer))
		return kan_fail(err, *layer ? KAN_EFORMAT : KAN_ENOTFOUND,
				"its entry names no layer");
	memcpy(out, layer, 65);
	return 0;
}

int kan_podman_layer(struct kan_podman_layer *out, json_t *layers, const char *id,
		     struct kan_err *err)
{
	const json_t *one = layer_entry(layers, id, err);
	const char *diff = kan_json_str(one, "diff-digest"), *parent = kan_json_str(one, "parent");
	if (!one)
		return -1;
	if (!kan_is_digest(diff) || (*parent && !kan_is_sha256_hex(parent)))
		return kan_fail(err, KAN_EFORMAT, "layers.json: %.12s has no digest", id);
	memcpy(out->diff_id, diff, sizeof(out->diff_id));
	(void)snprintf(out->parent, sizeof(out->parent), "%s", parent);
	return 0;
}

/* The container's one entry, and its layer there. A list that does not have it tells less than one
 * that cannot be read. Yours: json_decref it. */
static int own_entry(json_t **out, char layer[65], const struct kan_target *t, struct kan_err *err)
{
	json_t *docs[KAN_PODMAN_LISTS] = {NULL};
	struct kan_err lost = {0}, why = {0};
	for (size_t i = 0; i < KAN_PODMAN_LISTS; i++)
		if (parse_list(&docs[i], t, "containers", kan_podman_lists[i], &why) < 0 &&
		    (lost.code == KAN_OK || lost.code == KAN_ENOTFOUND) &&
		    (i == 0 || why.code != KAN_ENOTFOUND))
			lost = why;
	const json_t *entry = kan_podman_entry(docs, KAN_PODMAN_LISTS, t->id, &why);
	int rc = entry ? kan_podman_layer_of(layer, entry, err) : -1;
	if (rc == 0)
		*out = json_incref((json_t *)(uintptr_t)entry);
	else if (!entry && err)
		*err = why.code == KAN_ENOTFOUND && lost.code != KAN_OK ? lost : why;
	for (size_t i = 0; i < KAN_PODMAN_LISTS; i++)
		json_decref(docs[i]);
	return rc;
}

int kan_podman_dir(char out[KAN_STORE_PATH], const struct kan_target *t, struct kan_err *err)
{
	char layer[65];
	json_t *entry = NULL;
	if (own_entry(&entry, layer, t, err) < 0)
		return -1;
	json_decref(entry);
	(void)snprintf(out, KAN_STORE_PATH, "%.32s/%s", t->storage, layer);
	return 0;
}

static bool id_of(uint32_t *out, const json_t *range, const char *key)
{
	const json_t *v = json_object_get(range, key);
	json_int_t id = json_integer_value(v);
	*out = (uint32_t)id;
	return json_is_integer(v) && id >= 0 && id <= UINT32_MAX;
}

int kan_podman_map(struct kan_idmap *out, const json_t *ranges, struct kan_err *err)
{
	size_t i = 0;
	const json_t *one = NULL;
	bool moved = false;
	out->n = 0;
	json_array_foreach (ranges, i, one) {
		if (out->n == KAN_IDMAP_LINES ||
		    !id_of(&out->v[out->n].inside, one, "container_id") ||
		    !id_of(&out->v[out->n].outside, one, "host_id") ||
		    !id_of(&out->v[out->n].count, one, "size")) {
			out->n = 0;
			return kan_fail(err, KAN_EFORMAT, "a map of ids that is none");
		}
		moved |= out->v[out->n].inside != out->v[out->n].outside;
		out->n++;
	}
	if (!moved)
		out->n = 0;
	return 0;
}

/* A layer with owners of its own was copied for a container; of the others a mount moves them. */
static bool has_owners(const json_t *layer)
{
	return json_object_get(layer, "uidmap") || json_object_get(layer, "gidmap");
}

int kan_podman_mark_copies(struct kan_target *t, struct kan_err *err)
{
	json_t *layers = NULL;
	int rc = 0;
	if (kan_podman_layers(&layers, t, err) < 0)
		return -1;
	for (size_t i = 0; i < t->n_lowers; i++) {
		char id[65];
		struct kan_err why = {0};
		const char *name = strchr(t->lowers[i].path, '/');
		(void)snprintf(id, sizeof(id), "%s", name ? name + 1 : "");
		t->lowers[i].init = has_owners(layer_entry(layers, id, &why));
		if (why.code == KAN_EFORMAT)
			rc = kan_fail(err, why.code, "%s", why.text);
	}
	json_decref(layers);
	return rc;
}

static int moved_by_mount(bool *yes, const struct kan_target *t, const char *layer,
			  struct kan_err *err)
{
	json_t *layers = NULL;
	if (kan_podman_layers(&layers, t, err) < 0)
		return -1;
	const json_t *own = layer_entry(layers, layer, err);
	*yes = !has_owners(own);
	json_decref(layers);
	return own ? 0 : -1;
}

int kan_podman_shift(struct kan_idmap *uid, struct kan_idmap *gid, const struct kan_target *t,
		     struct kan_err *err)
{
	char layer[65];
	bool yes = true;
	json_t *own = NULL;
	uid->n = gid->n = 0;
	if (t->uids) /* such mounts are root's */
		return 0;
	if (own_entry(&own, layer, t, err) < 0)
		return -1;
	int rc = kan_podman_map(uid, json_object_get(own, "uidmap"), err);
	if (rc == 0)
		rc = kan_podman_map(gid, json_object_get(own, "gidmap"), err);
	json_decref(own);
	if (rc == 0 && uid->n + gid->n)
		rc = moved_by_mount(&yes, t, layer, err);
	if (rc < 0 || !yes)
		uid->n = gid->n = 0;
	return rc;
}

bool kan_podman_by_program(const struct kan_target *t)
{
	char path[KAN_STORE_PATH];
	kan_auto_buf struct kan_buf flag = KAN_BUF(WORD);
	(void)snprintf(path, sizeof(path), "%.32s/.has-mount-program", t->storage);
	return kan_below_words(&flag, t, path, NULL) == 0 &&
	       strcmp(kan_buf_str(&flag), "true") == 0;
}

/* The image's id, which is also the name of its directory, without the scheme. */
static int image_of(const char **id, const struct kan_target *t, struct kan_err *err)
{
	*id = kan_digest_hex(t->image_id);
	return *id ? 0 : kan_fail(err, KAN_ENOTFOUND, "inspect names no image id");
}

/* Big data has its key for a name, in base64 when it is no plain word. */
static int read_big(struct kan_buf *out, const struct kan_target *t, const char *id,
		    const char *key, struct kan_err *err)
{
	char path[KAN_STORE_PATH];
	kan_auto_buf struct kan_buf name = KAN_BUF(256);
	kan_base64(&name, kan_bytes_of(key));
	bool plain = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.") == strlen(key);
	(void)snprintf(path, sizeof(path), "%s/%s%s", id, plain ? "" : "=",
		       plain ? key : kan_buf_str(&name));
	return read_list(out, t, "images", path, err);
}

/* Here the config's digest. */
int kan_podman_config(struct kan_buf *out, const struct kan_target *t, struct kan_err *err)
{
	char key[KAN_DIGEST];
	const char *id = NULL;
	if (image_of(&id, t, err) < 0)
		return -1;
	kan_digest_name(key, id);
	return read_big(out, t, id, key, err);
}

int kan_podman_manifest(struct kan_buf *out, const struct kan_target *t, const char *digest,
			struct kan_err *err)
{
	char key[sizeof(kept) + KAN_DIGEST];
	const char *id = NULL;
	if (image_of(&id, t, err) < 0)
		return -1;
	(void)snprintf(key, sizeof(key), "%s%.71s", kept, digest ? digest : "");
	if (!digest)
		key[sizeof(kept) - 2] = 0; /* "manifest" */
	kan_buf_reset(out);
	return read_big(out, t, id, key, err);
}

int kan_podman_digests_of(struct kan_podman_digests *out, json_t *images, const char *id,
			  struct kan_err *err)
{
	size_t i = 0, n = sizeof(kept) - 1;
	struct kan_err why = {0};
	const json_t *one = NULL, *image = kan_podman_entry(&images, 1, id, &why);
	*out = (struct kan_podman_digests){0};
	if (why.code == KAN_EFORMAT)
		return kan_fail(err, why.code, "%s", why.text);
	json_array_foreach (json_object_get(image, "big-data-names"), i, one) {
		const char *key = json_string_value(one);
		if (!key || strncmp(key, kept, n) != 0 || !kan_is_digest(key + n))
			continue;
		out->more = out->n == KAN_PODMAN_DIGESTS;
		if (out->more)
			break;
		memcpy(out->v[out->n++], key + n, sizeof(out->v[0]));
	}
	return 0;
}

int kan_podman_digests(struct kan_podman_digests *out, const struct kan_target *t,
		       struct kan_err *err)
{
	json_t *doc = NULL;
	const char *id = NULL;
	if (image_of(&id, t, err) < 0 || parse_list(&doc, t, "images", "images.json", err) < 0)
		return -1;
	int rc = kan_podman_digests_of(out, doc, id, err);
	json_decref(doc);
	return rc;
}

int kan_podman_layers(json_t **out, const struct kan_target *t, struct kan_err *err)
{
	return parse_list(out, t, "layers", "layers.json", err);
}
