/* The ladder of the image: from its name down to its directories. */
#include "image/integrity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/tree.h"
#include "engine/below.h"
#include "engine/store.h"
#include "image/integrity_part.h"
#include "image/layers.h"

enum { PATH_OCTETS = 512, SCHEME = 7 };

static const struct kan_bytes artefact = KAN_LIT("integrity.ndjson");

static void shift(struct kan_idmap *m, uint64_t by)
{
	m->n = 1;
	m->v[0].inside = 0;
	m->v[0].outside = by;
	m->v[0].count = UINT32_MAX;
}

/* "/var/lib/docker/165536.165536": the engine's own name for the data of a remapped user namespace.
 */
static void shifts(struct kan_integrity *g)
{
	const char *name = g->t->data_root ? strrchr(g->t->data_root, '/') : NULL;
	char *dot = NULL, *end = NULL;
	if (!name || name[1] < '0' || name[1] > '9')
		return;
	unsigned long uid = strtoul(name + 1, &dot, 10);
	if (*dot != '.' || dot[1] < '0' || dot[1] > '9')
		return;
	unsigned long gid = strtoul(dot + 1, &end, 10);
	if (*end || uid > UINT32_MAX || gid > UINT32_MAX)
		return;
	shift(&g->shift_uid, uid);
	shift(&g->shift_gid, gid);
}

/* An engine that runs says by its process which ids its namespace has. A user's own disk does not,
 * and then owners are not compared. */
static void owners(struct kan_integrity *g)
{
	const struct kan_uids *u = g->t->uids;
	shifts(g);
	g->uid = u ? &u->uid : &g->shift_uid;
	g->gid = u ? &u->gid : &g->shift_gid;
	if (u || g->t->depth != KAN_DEPTH_OFFLINE || !g->t->userxattr)
		return;
	g->uid = g->gid = NULL;
	kan_sink_scope(g->sink, KAN_LIT("owners of the layers"),
		       "the data root is a user's, and which ids its namespace had is not in it");
}

static int not_done(struct kan_integrity *g, enum kan_rung rung, const char *why,
		    struct kan_err *err)
{
	const struct kan_verdict v = {.rung = rung, .layer = -1, .result = "not-done", .why = why};
	return kan_integrity_verdict(g, &v, err);
}

/* Rung 2. The config itself has its gap already where it cannot be read. */
static int image_name(struct kan_integrity *g, struct kan_diff_ids *ids, struct kan_err *err)
{
	char found[SCHEME + KAN_SHA256_HEX] = "sha256:", wanted[SCHEME + KAN_SHA256_HEX];
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_IMAGE_CONFIG_MAX);
	if (kan_image_config_read(&raw, g->t, &why) < 0)
		return not_done(g, KAN_RUNG_NAME, why.text, err);
	kan_sha256_hex(found + SCHEME, kan_buf_bytes(&raw));
	memcpy(g->config_id, found, sizeof(g->config_id));
	/* containerd's id leads to the config over blobs that were each read by their digest. */
	if (kan_is_containerd(g->t))
		(void)snprintf(found, sizeof(found), "%.71s", g->t->image_id);
	/* Podman's id has no scheme. */
	const char *id = strncmp(g->t->image_id, found, SCHEME) == 0 ? g->t->image_id + SCHEME
								     : g->t->image_id;
	(void)snprintf(wanted, sizeof(wanted), "sha256:%.64s", id);
	bool same = strcmp(found, wanted) == 0;
	struct kan_verdict v = {.rung = KAN_RUNG_NAME,
				.layer = -1,
				.result = same ? "verified" : "damaged",
				.expected = wanted,
				.found = found};
	if (kan_diff_ids_read(ids, kan_buf_bytes(&raw), &why) < 0)
		v.why = why.text;
	return kan_integrity_verdict(g, &v, err);
}

static int layers(struct kan_integrity *g, const struct kan_diff_ids *ids, struct kan_err *err)
{
	char chain[KAN_LAYER_ID] = "", parent[KAN_LAYER_ID] = "", dir[PATH_OCTETS];
	for (size_t i = 0; i < ids->n; i++) {
		memcpy(parent, chain, sizeof(parent));
		kan_chain_id(chain, i ? parent : NULL, ids->v[i]);
		(void)snprintf(dir, sizeof(dir), "image/%.32s/layerdb/sha256/%.64s", g->t->storage,
			       chain + SCHEME);
		if (kan_integrity_layer(g, (int)i, g->lowers[ids->n - 1 - i].fd, dir, ids->v[i],
					err) < 0)
			return -1;
	}
	return 0;
}

/* Why the layers cannot be looked at; NULL: they can. */
static const char *not_there(const struct kan_diff_ids *ids, size_t n)
{
	if (n == 0)
		return "no proven lower directories";
	return ids->n == n ? NULL : "the image's config does not name the layers that are in use";
}

/* Rungs 3 and 4 where the store keeps the layers as they came. */
static int content(struct kan_integrity *g, const struct kan_diff_ids *ids, struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_close int store = -1;
	if (kan_containerd_content(&store, g->t, &why) == 0)
		return kan_integrity_content(g, ids, store, g->t->image_id, err);
	kan_sink_gap_err(g->sink, artefact, &why);
	if (not_done(g, KAN_RUNG_DIGEST, why.text, err) < 0)
		return -1;
	return not_done(g, KAN_RUNG_HEADERS, why.text, err);
}

/* Rungs 3 and 4, with the layers that the container has. */
static int image_layers(struct kan_integrity *g, const struct kan_diff_ids *ids,
			struct kan_err *err)
{
	const char *why = not_there(ids, g->n_lowers);
	if (!why)
		return kan_is_containerd(g->t) ? content(g, ids, err) : layers(g, ids, err);
	kan_sink_gap(g->sink, artefact, KAN_GAP_UNSUPPORTED, "--verify-image: %s", why);
	if (not_done(g, KAN_RUNG_DIGEST, why, err) < 0)
		return -1;
	return not_done(g, KAN_RUNG_HEADERS, why, err);
}

static int all(struct kan_integrity *g, struct kan_err *err)
{
	struct kan_diff_ids ids = {0};
	int rc = image_name(g, &ids, err);
	if (rc == 0 && g->t->policy->reference)
		rc = kan_integrity_reference(g, &ids, err);
	if (rc == 0 && g->t->policy->verify_image)
		rc = image_layers(g, &ids, err);
	else if (rc == 0)
		kan_sink_scope(g->sink, artefact, "no --verify-image: layers were not checked");
	free(ids.v);
	return rc;
}

/* An engine's own layer may lie between those of the image, too. */
static void find_lowers(struct kan_integrity *g)
{
	g->lowers = kan_xalloc((g->t->n_lowers + 1) * sizeof(*g->lowers));
	for (size_t i = 0; i < g->t->n_lowers; i++)
		if (!g->t->lowers[i].init)
			g->lowers[g->n_lowers++] = g->t->lowers[i];
}

int kan_integrity_begin(struct kan_integrity **out, const struct kan_target *t, struct kan_sink *s,
			struct kan_err *err)
{
	struct kan_integrity *g = kan_xalloc(sizeof(*g));
	*g = (struct kan_integrity){.t = t, .sink = s};
	if (kan_rows_open(&g->rows, s, "integrity.ndjson", err) < 0) {
		free(g);
		return -1;
	}
	g->opener = kan_tree_opener_new();
	g->digest = kan_digest_new();
	g->buffer = kan_io_buffer(KAN_IO_READ);
	kan_crc64_init(&g->crc);
	kan_split_init(&g->split);
	owners(g);
	find_lowers(g);
	*out = g;
	return 0;
}

int kan_integrity_end(struct kan_integrity *g, int rc, struct kan_err *err)
{
	if (rc == 0)
		rc = kan_rows_close(g->rows, err);
	else
		kan_rows_abandon(g->rows);
	kan_tree_opener_free(g->opener);
	kan_digest_free(g->digest);
	kan_split_free(&g->split);
	free(g->buffer);
	free(g->lowers);
	free(g);
	return rc;
}

int kan_integrity_take(const struct kan_target *t, struct kan_sink *s, struct kan_err *err)
{
	struct kan_integrity *g = NULL;
	if (kan_integrity_begin(&g, t, s, err) < 0)
		return -1;
	return kan_integrity_end(g, all(g, err), err);
}
