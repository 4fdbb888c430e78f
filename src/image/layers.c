/* Config and layerdb of Docker's overlay2, or what other stores have for it, against the
 * directories in use. OCI image-spec config.md, "Layer ChainID". */
#include "image/layers.h"

#include <jansson.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "engine/below.h"
#include "engine/snapshots.h"
#include "engine/store.h"
#include "image/idmap.h"

enum { CONFIG_DEPTH = 64, PATH_OCTETS = 512, WORD_OCTETS = 256 };

static int read_ids(struct kan_diff_ids *out, const json_t *list, struct kan_err *err)
{
	size_t n = json_array_size(list);
	if (!json_is_array(list))
		return kan_fail(err, KAN_EFORMAT, "no rootfs.diff_ids");
	if (n > KAN_LAYERS_MAX)
		return kan_fail(err, KAN_ELIMIT, "%zu layers, over %d", n, KAN_LAYERS_MAX);
	kan_auto_free char(*v)[KAN_DIGEST] = kan_xalloc((n + 1) * sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(list, i));
		if (!kan_is_digest(id))
			return kan_fail(err, KAN_EFORMAT, "diff_ids[%zu] is no sha256 digest", i);
		memcpy(v[i], id, KAN_DIGEST);
	}
	*out = (struct kan_diff_ids){kan_take_ptr(v), n};
	return 0;
}

int kan_diff_ids_read(struct kan_diff_ids *out, struct kan_bytes config, struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, config, KAN_IMAGE_CONFIG_MAX, CONFIG_DEPTH, err) < 0)
		return -1;
	int rc = read_ids(out, json_object_get(json_object_get(doc, "rootfs"), "diff_ids"), err);
	json_decref(doc);
	return rc;
}

void kan_chain_id(char out[KAN_DIGEST], const char *parent, const char *diff_id)
{
	char text[2 * KAN_DIGEST];
	if (!parent) {
		memmove(out, diff_id, KAN_DIGEST);
		return;
	}
	(void)snprintf(text, sizeof(text), "%.71s %.71s", parent, diff_id);
	kan_digest_of(out, kan_bytes_of(text));
}

struct layers {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_rows *rows;
	struct kan_diff_ids ids;
	struct kan_layer *lowers; /* of the image, topmost first; borrowed from the target */
	size_t n;
	bool trusted; /* the config's digest is the image's id, and it has as many layers */
	bool is_podman;
	json_t *podman;                 /* its layers.json, or NULL */
	struct kan_idmaps owners;       /* of the store */
	struct kan_snapshots snapshots; /* of containerd; none: its database could not be read */
};

size_t kan_image_lowers(struct kan_layer **out, const struct kan_target *t)
{
	size_t n = 0;
	struct kan_layer *v = kan_xalloc((t->n_lowers + 1) * sizeof(*v));
	for (size_t i = 0; i < t->n_lowers; i++)
		if (!t->lowers[i].init)
			v[n++] = t->lowers[i];
	*out = v;
	return n;
}

/* A line of layerdb: one word. */
static int read_word(char out[WORD_OCTETS], const struct kan_target *t, const char *dir,
		     const char *name, struct kan_err *err)
{
	char path[PATH_OCTETS];
	kan_auto_buf struct kan_buf text = KAN_BUF(WORD_OCTETS - 1);
	(void)snprintf(path, sizeof(path), "image/%.32s/layerdb/%.200s/%.32s", t->storage, dir,
		       name);
	if (kan_below_words(&text, t, path, err) < 0)
		return kan_wrap(err, "layerdb %s", name);
	size_t n = strcspn(kan_buf_str(&text), "\n");
	memcpy(out, kan_buf_str(&text), n);
	out[n] = 0;
	return 0;
}

struct kan_bytes kan_layer_cache(const struct kan_layer *l)
{
	const char *end = l && l->path ? strrchr(l->path, '/') : NULL;
	if (!end || (strcmp(end, "/diff") != 0 && strcmp(end, "/fs") != 0))
		return (struct kan_bytes){0};
	const char *from = memrchr(l->path, '/', (size_t)(end - l->path));
	from = from ? from + 1 : l->path;
	return (struct kan_bytes){(const uint8_t *)from, (size_t)(end - from)};
}

/* One claim of layerdb. */
static int same(const struct layers *l, const char *dir, const char *name, struct kan_bytes wanted,
		struct kan_err *err)
{
	char word[WORD_OCTETS];
	if (read_word(word, l->t, dir, name, err) < 0)
		return -1;
	if (wanted.n && kan_bytes_eq(kan_bytes_of(word), wanted))
		return 0;
	return kan_fail(err, KAN_EREFUSED, "layerdb %s: %.80s is not what is in use", name, word);
}

/* Podman's layers.json: the directory in use is named after a layer with this diff id, whose parent
 * is the directory below. */
static int prove_podman(const struct layers *l, size_t n, struct kan_err *err)
{
	char id[65], below[65] = "";
	struct kan_podman_layer layer;
	struct kan_bytes cache = kan_layer_cache(&l->lowers[l->n - 1 - n]);
	struct kan_bytes parent = n ? kan_layer_cache(&l->lowers[l->n - n]) : (struct kan_bytes){0};
	(void)snprintf(id, sizeof(id), "%.*s", (int)cache.n, cache.n ? (const char *)cache.p : "");
	(void)snprintf(below, sizeof(below), "%.*s", (int)parent.n,
		       parent.n ? (const char *)parent.p : "");
	if (kan_podman_layer(&layer, l->podman, id, err) < 0)
		return -1;
	if (strcmp(layer.diff_id, l->ids.v[n]) != 0 || strcmp(layer.parent, below) != 0)
		return kan_fail(err, KAN_EREFUSED, "layers.json: %.12s is not what is in use", id);
	return 0;
}

/* containerd's snapshotter calls a layer by its chain id. */
static int prove_snapshot(const struct layers *l, size_t n, const char *chain, struct kan_err *err)
{
	if (!l->snapshots.n)
		return 0; /* by its place alone: see proof_word */
	const struct kan_snapshot *s = kan_snapshot_at(&l->snapshots, l->lowers[l->n - 1 - n].path);
	if (!s)
		return kan_fail(err, KAN_ENOTFOUND, "the snapshotter has no such directory");
	if (strcmp(kan_snapshot_last(s), chain) != 0)
		return kan_fail(err, KAN_EREFUSED, "the snapshotter: %.80s is not what is in use",
				kan_snapshot_last(s));
	return 0;
}

static const char *proof_word(const struct layers *l, bool proven)
{
	return !proven ? "none" : kan_is_containerd(l->t) && !l->snapshots.n ? "order" : "chain";
}

/* Chain id and layerdb: the directory in use is the layer of this diff id above those below it. */
static int prove(const struct layers *l, size_t n, const char *parent, const char *chain,
		 struct kan_err *err)
{
	char dir[WORD_OCTETS];
	if (!l->trusted)
		return kan_fail(err, KAN_EREFUSED, "its image's config is not proven");
	if (l->is_podman)
		return prove_podman(l, n, err);
	if (kan_is_containerd(l->t))
		return prove_snapshot(l, n, chain, err);
	(void)snprintf(dir, sizeof(dir), "sha256/%.64s", chain + KAN_DIGEST_SCHEME);
	if (same(l, dir, "diff", kan_bytes_of(l->ids.v[n]), err) < 0 ||
	    (parent && same(l, dir, "parent", kan_bytes_of(parent), err) < 0))
		return -1;
	return same(l, dir, "cache-id", kan_layer_cache(&l->lowers[l->n - 1 - n]), err);
}

/* Said once for the whole: that the config is missing or another one has its own gap. */
static void unproven(const struct layers *l, size_t n, const struct kan_err *why)
{
	char what[32];
	if (!l->trusted)
		return;
	(void)snprintf(what, sizeof(what), "layer %zu", n);
	kan_sink_gap(l->sink, kan_bytes_of(what),
		     why->code == KAN_EREFUSED ? KAN_GAP_CONTRADICTED : kan_gap_of_err(why), "%s",
		     why->text);
}

static int layer_row(const struct layers *l, size_t n, const char *parent, const char *chain,
		     struct kan_err *err)
{
	struct kan_err why = {0};
	const struct kan_layer *lower = n < l->n ? &l->lowers[l->n - 1 - n] : NULL;
	struct kan_bytes cache = kan_layer_cache(lower);
	bool known = n < l->ids.n, proven = known && prove(l, n, parent, chain, &why) == 0;
	if (known && !proven)
		unproven(l, n, &why);
	struct kan_row *r = kan_rows_begin(l->rows);
	kan_row_uint(r, "n", n);
	if (known) {
		kan_row_str(r, "diff_id", l->ids.v[n]);
		kan_row_str(r, "chain_id", chain);
	}
	if (cache.n)
		kan_row_bytes(r, "cache_id", cache);
	kan_row_bool(r, "init", false);
	kan_row_str(r, "proof", proof_word(l, proven));
	kan_row_idmaps(r, &l->owners);
	return kan_rows_end(l->rows, err);
}

static bool own_layer(const struct layers *l, const char *dir, const char *top,
		      struct kan_bytes cache)
{
	return same(l, dir, "parent", kan_bytes_of(top), NULL) == 0 &&
	       same(l, dir, "init-id", cache, NULL) == 0;
}

/* "<id of a container>-init", whose parent is the snapshot with the chain id of the layer below. */
static bool own_snapshot(const struct layers *l, const struct kan_layer *init, const char *chain)
{
	const struct kan_snapshot *s = kan_snapshot_at(&l->snapshots, init->path);
	const struct kan_snapshot *below = s ? kan_snapshot_named(&l->snapshots, s->parent) : NULL;
	return below && kan_snapshot_is_init(s) && strcmp(kan_snapshot_last(below), chain) == 0;
}

/* The engine's own layer is tied to the image by the engine's entry of the container. */
static int init_row(const struct layers *l, const struct kan_layer *init, const char *top,
		    struct kan_err *err)
{
	char dir[WORD_OCTETS];
	struct kan_bytes cache = kan_layer_cache(init);
	(void)snprintf(dir, sizeof(dir), "mounts/%.64s", l->t->id);
	bool proven = l->trusted && top &&
		      (kan_is_containerd(l->t) ? own_snapshot(l, init, top)
					       : own_layer(l, dir, top, cache));
	struct kan_row *r = kan_rows_begin(l->rows);
	if (cache.n)
		kan_row_bytes(r, "cache_id", cache);
	kan_row_bool(r, "init", true);
	kan_row_str(r, "proof", proven ? "chain" : "none");
	return kan_rows_end(l->rows, err);
}

/* The engine's own lie on top, and with a builder that commits containers between the image's, too:
 * each stands above the layer that so many of the image's lie below. */
static int init_rows(const struct layers *l, char (*chains)[KAN_DIGEST], struct kan_err *err)
{
	size_t below = l->n;
	for (size_t i = 0; i < l->t->n_lowers; i++) {
		const struct kan_layer *layer = &l->t->lowers[i];
		if (!layer->init)
			below--;
		else if (init_row(l, layer, below && below <= l->ids.n ? chains[below - 1] : NULL,
				  err) < 0)
			return -1;
	}
	return 0;
}

static int all_rows(struct layers *l, struct kan_err *err)
{
	size_t n = l->n > l->ids.n ? l->n : l->ids.n;
	kan_auto_free char(*chains)[KAN_DIGEST] = kan_xalloc((n + 1) * sizeof(*chains));
	for (size_t i = 0; i < n; i++) {
		const char *parent = i ? chains[i - 1] : NULL;
		if (i < l->ids.n)
			kan_chain_id(chains[i], parent, l->ids.v[i]);
		if (layer_row(l, i, parent, chains[i], err) < 0)
			return -1;
	}
	return init_rows(l, chains, err);
}

/* By its chain id where the snapshotter tells it; else by their number alone. */
static bool same_layers(const struct kan_diff_ids *ids, const struct layers *l)
{
	char chain[KAN_DIGEST];
	if (ids->n != l->n || l->n == 0)
		return false;
	for (size_t i = 0; i < ids->n; i++)
		kan_chain_id(chain, i ? chain : NULL, ids->v[i]);
	return prove_snapshot(l, ids->n - 1, chain, NULL) == 0;
}

static bool fits(struct kan_bytes config, void *arg)
{
	struct kan_diff_ids ids = {0};
	bool fit = kan_diff_ids_read(&ids, config, NULL) == 0 && same_layers(&ids, arg);
	free(ids.v);
	return fit;
}

static int config_of_containerd(struct kan_buf *out, const struct kan_target *t,
				struct kan_err *err)
{
	char root[KAN_STORE_PATH];
	struct layers l = {.t = t};
	l.n = kan_image_lowers(&l.lowers, t);
	if (t->n_lowers)
		(void)kan_snapshots_of(&l.snapshots, root, t, t->lowers[0].path, NULL);
	int rc = kan_containerd_config(out, t, fits, &l, err);
	free(l.lowers);
	free(l.snapshots.v);
	return rc;
}

static int read_config(struct kan_buf *out, const struct kan_target *t, struct kan_err *err)
{
	char path[PATH_OCTETS];
	if (t->data_root_fd < 0 || !t->storage)
		return kan_fail(err, KAN_EDENIED, "the engine's data root is not proven");
	if (kan_is_containerd(t))
		return config_of_containerd(out, t, err);
	if (kan_is_podman(t))
		return kan_podman_config(out, t, err);
	if (!kan_is_digest(t->image_id))
		return kan_fail(err, KAN_ENOTFOUND, "inspect names no image id");
	(void)snprintf(path, sizeof(path), "image/%.32s/imagedb/content/sha256/%s", t->storage,
		       t->image_id + KAN_DIGEST_SCHEME);
	return kan_below_read(out, t, path, err) < 0 ? kan_wrap(err, "the image's config") : 0;
}

/* The image's id is the digest of its config; with containerd's store of what leads there, blob by
 * blob, which was followed by digests. Podman's id has no scheme. */
static bool is_of_image(const struct kan_target *t, struct kan_bytes config)
{
	char hex[KAN_SHA256_HEX];
	const char *id = kan_digest_hex(t->image_id);
	kan_sha256_hex(hex, config);
	return kan_is_containerd(t) || (id && strcmp(hex, id) == 0);
}

/* Raw first; then is it the image's, and which layers does it name? */
static int take_config(struct layers *l, struct kan_err *err)
{
	static const struct kan_bytes what = KAN_LIT("config.json");
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_IMAGE_CONFIG_MAX);
	if (read_config(&raw, l->t, &why) < 0) {
		kan_sink_gap_err(l->sink, what, &why);
		return 0;
	}
	if (kan_sink_put(l->sink, "config.json", kan_buf_bytes(&raw), err) < 0)
		return -1;
	if (kan_diff_ids_read(&l->ids, kan_buf_bytes(&raw), &why) < 0) {
		kan_sink_gap_err(l->sink, what, &why);
		return 0;
	}
	l->trusted = is_of_image(l->t, kan_buf_bytes(&raw));
	if (!l->trusted)
		kan_sink_gap(l->sink, what, KAN_GAP_CONTRADICTED,
			     "its digest is not the image's id");
	return 0;
}

static void find_lowers(struct layers *l)
{
	l->n = kan_image_lowers(&l->lowers, l->t);
	if (l->ids.n && l->n && l->ids.n != l->n) {
		kan_sink_gap(l->sink, KAN_LIT("layers"), KAN_GAP_CONTRADICTED,
			     "the image names %zu layers, the container has %zu", l->ids.n, l->n);
		l->trusted = false;
	}
	l->trusted = l->trusted && l->n;
}

int kan_layers_take(const struct kan_target *t, struct kan_sink *s, struct kan_err *err)
{
	struct layers l = {.t = t, .sink = s, .is_podman = kan_is_podman(t)};
	struct kan_err why = {0};
	kan_idmaps_of(&l.owners, t);
	if (l.is_podman && kan_podman_layers(&l.podman, t, &why) < 0)
		kan_sink_gap_err(s, KAN_LIT("layers.json"), &why);
	char root[KAN_STORE_PATH];
	if (kan_is_containerd(t) && t->n_lowers &&
	    kan_snapshots_of(&l.snapshots, root, t, t->lowers[0].path, &why) < 0)
		kan_sink_gap_err(s, KAN_LIT("metadata.db"), &why);
	int rc = take_config(&l, err);
	if (rc == 0)
		rc = kan_rows_open(&l.rows, s, "layers.ndjson", err);
	if (rc == 0) {
		find_lowers(&l);
		rc = all_rows(&l, err);
	}
	free(l.ids.v);
	free(l.lowers);
	json_decref(l.podman);
	free(l.snapshots.v);
	if (rc == 0)
		return kan_rows_close(l.rows, err);
	kan_rows_abandon(l.rows);
	return -1;
}

int kan_image_config_read(struct kan_buf *out, const struct kan_target *t, struct kan_err *err)
{
	return read_config(out, t, err);
}
