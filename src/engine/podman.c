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

static const json_t *entry_of(const json_t *list, const char *id)
{
	bool twice = false;
	return kan_podman_entry(list, id, &twice);
}

int kan_podman_layer_of(char out[65], struct kan_bytes list, const char *id, struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, list, KAN_STORE_LIST_MAX, DEPTH, err) < 0)
		return -1;
	bool twice = false;
	const char *layer = kan_json_str(kan_podman_entry(doc, id, &twice), "layer");
	int rc = 0;
	if (twice)
		rc = kan_fail(err, KAN_EFORMAT, "the list has %.12s more than once", id);
	else if (kan_is_sha256_hex(layer))
		memcpy(out, layer, 65);
	else
		rc = kan_fail(err, *layer ? KAN_EFORMAT : KAN_ENOTFOUND,
			      "the list has no layer of %.12s", id);
	json_decref(doc);
	return rc;
}

int kan_podman_layer(struct kan_podman_layer *out, const json_t *layers, const char *id,
		     struct kan_err *err)
{
	const json_t *one = entry_of(layers, id);
	const char *diff = kan_json_str(one, "diff-digest"), *parent = kan_json_str(one, "parent");
	if (!one)
		return kan_fail(err, KAN_ENOTFOUND, "layers.json has no %.12s", id);
	if (!kan_is_digest(diff) || (*parent && !kan_is_sha256_hex(parent)))
		return kan_fail(err, KAN_EFORMAT, "layers.json: %.12s has no digest", id);
	memcpy(out->diff_id, diff, sizeof(out->diff_id));
	(void)snprintf(out->parent, sizeof(out->parent), "%s", parent);
	return 0;
}

/* Which list has the container, and its layer there. */
static int own_list(struct kan_buf *out, char layer[65], const struct kan_target *t,
		    struct kan_err *err)
{
	/* Those that go with a reboot are listed apart. */
	static const char *const names[] = {"containers.json", "volatile-containers.json"};
	struct kan_err why[2] = {{0}};
	size_t found = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char one[65];
		kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
		if (read_list(&text, t, "containers", names[i], &why[i]) < 0 ||
		    kan_podman_layer_of(one, kan_buf_bytes(&text), t->id, &why[i]) < 0)
			continue;
		found++;
		memcpy(layer, one, sizeof(one));
		kan_buf_reset(out);
		kan_buf_addb(out, kan_buf_bytes(&text));
	}
	if (found == 1)
		return 0;
	if (found == 2)
		return kan_fail(err, KAN_EFORMAT, "both lists have %.12s", t->id);
	if (err) /* a list that does not have it tells less than one that cannot be read */
		*err = why[why[0].code == KAN_ENOTFOUND && why[1].code != KAN_ENOTFOUND];
	return -1;
}

int kan_podman_dir(char out[KAN_STORE_PATH], const struct kan_target *t, struct kan_err *err)
{
	char layer[65];
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
	if (own_list(&text, layer, t, err) < 0)
		return -1;
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
	if (kan_podman_layers(&layers, t, err) < 0)
		return -1;
	for (size_t i = 0; i < t->n_lowers; i++) {
		char id[65];
		const char *name = strchr(t->lowers[i].path, '/');
		(void)snprintf(id, sizeof(id), "%s", name ? name + 1 : "");
		t->lowers[i].init = has_owners(entry_of(layers, id));
	}
	json_decref(layers);
	return 0;
}

static int moved_by_mount(bool *yes, const struct kan_target *t, const char *layer,
			  struct kan_err *err)
{
	json_t *layers = NULL;
	if (kan_podman_layers(&layers, t, err) < 0)
		return -1;
	const json_t *own = entry_of(layers, layer);
	int rc = own ? 0 : kan_fail(err, KAN_ENOTFOUND, "layers.json has no %.12s", layer);
	*yes = !has_owners(own);
	json_decref(layers);
	return rc;
}

int kan_podman_shift(struct kan_idmap *uid, struct kan_idmap *gid, const struct kan_target *t,
		     struct kan_err *err)
{
	char layer[65];
	bool yes = true;
	json_t *doc = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
	uid->n = gid->n = 0;
	if (t->uids) /* such mounts are root's */
		return 0;
	if (own_list(&text, layer, t, err) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), KAN_STORE_LIST_MAX, DEPTH, err) < 0)
		return -1;
	const json_t *own = entry_of(doc, t->id);
	int rc = kan_podman_map(uid, json_object_get(own, "uidmap"), err);
	if (rc == 0)
		rc = kan_podman_map(gid, json_object_get(own, "gidmap"), err);
	json_decref(doc);
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
	return kan_below_read(&flag, t, path, NULL) == 0 && strcmp(kan_buf_str(&flag), "true") == 0;
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
	(void)snprintf(key, sizeof(key), "sha256:%s", id);
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

void kan_podman_digests_of(struct kan_podman_digests *out, const json_t *images, const char *id)
{
	size_t i = 0, n = sizeof(kept) - 1;
	const json_t *one = NULL;
	*out = (struct kan_podman_digests){0};
	json_array_foreach (json_object_get(entry_of(images, id), "big-data-names"), i, one) {
		const char *key = json_string_value(one);
		if (!key || strncmp(key, kept, n) != 0 || !kan_is_digest(key + n))
			continue;
		out->more = out->n == KAN_PODMAN_DIGESTS;
		if (out->more)
			break;
		memcpy(out->v[out->n++], key + n, sizeof(out->v[0]));
	}
}

int kan_podman_digests(struct kan_podman_digests *out, const struct kan_target *t,
		       struct kan_err *err)
{
	json_t *doc = NULL;
	const char *id = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
	if (image_of(&id, t, err) < 0 || read_list(&text, t, "images", "images.json", err) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), KAN_STORE_LIST_MAX, DEPTH, err) < 0)
		return -1;
	kan_podman_digests_of(out, doc, id);
	json_decref(doc);
	return 0;
}

int kan_podman_layers(json_t **out, const struct kan_target *t, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
	if (read_list(&text, t, "layers", "layers.json", err) < 0)
		return -1;
	return kan_json_parse(out, kan_buf_bytes(&text), KAN_STORE_LIST_MAX, DEPTH, err);
}
