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

enum { PATH_OCTETS = 512 };

static const struct kan_bytes artefact = KAN_LIT("integrity.ndjson");

static int not_done(struct kan_integrity *g, enum kan_rung rung, const char *why,
		    struct kan_err *err)
{
	const struct kan_verdict v = {.rung = rung, .layer = -1, .result = "not-done", .why = why};
	return kan_integrity_verdict(g, &v, err);
}

/* Rung 2. The config itself has its gap already where it cannot be read. */
static int image_name(struct kan_integrity *g, struct kan_diff_ids *ids, struct kan_err *err)
{
	char found[KAN_DIGEST], wanted[KAN_DIGEST];
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_IMAGE_CONFIG_MAX);
	if (kan_image_config_read(&raw, g->t, &why) < 0)
		return not_done(g, KAN_RUNG_NAME, why.text, err);
	kan_digest_of(found, kan_buf_bytes(&raw));
	memcpy(g->config_id, found, sizeof(g->config_id));
	/* containerd's id leads to the config over blobs that were each read by their digest. */
	if (kan_is_containerd(g->t))
		(void)snprintf(found, sizeof(found), "%.71s", g->t->image_id);
	kan_digest_name(wanted, g->t->image_id);
	bool same = strcmp(found, wanted) == 0;
	g->named = same;
	struct kan_verdict v = {.rung = KAN_RUNG_NAME,
				.layer = -1,
				.result = same ? "verified" : "damaged",
				.expected = wanted,
				.found = found};
	if (kan_diff_ids_read(ids, kan_buf_bytes(&raw), &why) < 0)
		v.why = why.text;
	return kan_integrity_verdict(g, &v, err);
}

/* A directory in use that the image knows nothing of: somebody laid it in between. Or it is that of
 * a layer whose directory could not be told. */
static int foreign(struct kan_integrity *g, size_t lower, size_t number, bool told,
		   struct kan_err *err)
{
	const struct kan_verdict v = {
		.rung = KAN_RUNG_DIGEST,
		.layer = (int)number,
		.result = told ? "damaged" : "not-done",
		.directory = kan_bytes_of(g->lowers[lower].path ? g->lowers[lower].path : ""),
		.why = told ? "the container has a directory that the image's config does not know"
			    : "which layer's directory this is cannot be told"};
	return kan_integrity_verdict(g, &v, err);
}

/* What says where the layer lies cannot be read: that is no damage. */
static int untold(struct kan_integrity *g, int number, const char *diff_id,
		  const struct kan_err *why, struct kan_err *err)
{
	struct kan_verdict v = {.rung = KAN_RUNG_DIGEST,
				.layer = number,
				.result = "not-done",
				.expected = diff_id,
				.why = why->text};
	kan_sink_gap(g->sink, artefact, kan_gap_of_err(why), "layer %d: %.200s", number, why->text);
	if (kan_integrity_verdict(g, &v, err) < 0)
		return -1;
	v.rung = KAN_RUNG_HEADERS;
	v.expected = NULL;
	return kan_integrity_verdict(g, &v, err);
}

static int unused(struct kan_integrity *g, int number, const char *diff_id, struct kan_err *err)
{
	const struct kan_verdict v = {.rung = KAN_RUNG_DIGEST,
				      .layer = number,
				      .result = "damaged",
				      .expected = diff_id,
				      .why = "the container does not have this layer's directory"};
	return kan_integrity_verdict(g, &v, err);
}

/* The directory that layerdb names for this chain id; n_lowers: it is not in use. -1: not told. */
static int by_cache(size_t *at, const struct kan_integrity *g, const char *chain,
		    struct kan_err *err)
{
	char path[PATH_OCTETS];
	size_t i = 0;
	kan_auto_buf struct kan_buf name = KAN_BUF(PATH_OCTETS);
	(void)snprintf(path, sizeof(path), "image/%.32s/layerdb/sha256/%.64s/cache-id",
		       g->t->storage, chain + KAN_DIGEST_SCHEME);
	if (kan_below_words(&name, g->t, path, err) < 0)
		return kan_wrap(err, "layerdb cache-id");
	struct kan_bytes wanted = {name.data, strcspn(kan_buf_str(&name), "\n")};
	if (!wanted.n)
		return kan_fail(err, KAN_EFORMAT, "layerdb cache-id: it is empty");
	while (i < g->n_lowers && !kan_bytes_eq(kan_layer_cache(&g->lowers[i]), wanted))
		i++;
	*at = i;
	return 0;
}

/* Which directories were seen to be the image's; told: where each lies is known. */
struct seen {
	bool *used, told;
};

static int docker_layer(struct kan_integrity *g, struct seen *s, const struct kan_layer_job *job,
			struct kan_err *err)
{
	if (job->lower >= g->n_lowers)
		return unused(g, job->number, job->diff_id, err);
	s->used[job->lower] = true;
	return kan_integrity_layer(g, job, err);
}

/* Directories are the image's in their order; where their number is another, by their names. */
static int docker_layers(struct kan_integrity *g, const struct kan_diff_ids *ids, struct seen *s,
			 struct kan_err *err)
{
	char chain[KAN_DIGEST] = "", parent[KAN_DIGEST] = "", split[PATH_OCTETS];
	for (size_t i = 0; i < ids->n; i++) {
		struct kan_err why = {0};
		size_t at = ids->n - 1 - i;
		memcpy(parent, chain, sizeof(parent));
		kan_chain_id(chain, i ? parent : NULL, ids->v[i]);
		bool told = ids->n == g->n_lowers || by_cache(&at, g, chain, &why) == 0;
		(void)snprintf(split, sizeof(split),
			       "image/%.32s/layerdb/sha256/%.64s/tar-split.json.gz", g->t->storage,
			       chain + KAN_DIGEST_SCHEME);
		const struct kan_layer_job job = {(int)i, at, split, ids->v[i]};
		int rc = told ? docker_layer(g, s, &job, err)
			      : untold(g, (int)i, ids->v[i], &why, err);
		if (rc < 0)
			return -1;
		s->told &= told;
	}
	return 0;
}

static int layers(struct kan_integrity *g, const struct kan_diff_ids *ids, struct kan_err *err)
{
	kan_auto_free bool *used = kan_xalloc((g->n_lowers + 1) * sizeof(*used));
	struct seen s = {used, true};
	size_t number = ids->n;
	int rc = docker_layers(g, ids, &s, err);
	for (size_t i = g->n_lowers; i-- > 0 && rc == 0;)
		if (!used[i])
			rc = foreign(g, i, number++, s.told, err);
	return rc;
}

/* containers/storage has the same form, by the name of the layer's directory. */
static int podman_layers(struct kan_integrity *g, const struct kan_diff_ids *ids,
			 struct kan_err *err)
{
	char split[PATH_OCTETS];
	for (size_t i = 0; i < ids->n; i++) {
		size_t at = ids->n - 1 - i;
		struct kan_bytes name = kan_layer_cache(&g->lowers[at]);
		(void)snprintf(split, sizeof(split), "%.32s-layers/%.*s.tar-split.gz",
			       g->t->storage, (int)(name.n < KAN_DIGEST ? name.n : KAN_DIGEST),
			       name.n ? (const char *)name.p : "");
		const struct kan_layer_job job = {(int)i, at, split, ids->v[i]};
		if (kan_integrity_layer(g, &job, err) < 0)
			return -1;
	}
	return 0;
}

/* Why the layers cannot be looked at; NULL: they can. */
static const char *not_there(const struct kan_integrity *g, const struct kan_diff_ids *ids)
{
	bool by_name = g->named && !kan_is_containerd(g->t) && !kan_is_podman(g->t);
	if (g->n_lowers == 0)
		return "no proven lower directories";
	if (ids->n == g->n_lowers || (ids->n && by_name))
		return NULL;
	return "the image's config does not name the layers that are in use";
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
	const char *why = not_there(g, ids);
	if (!why && kan_is_containerd(g->t))
		return content(g, ids, err);
	if (!why)
		return kan_is_podman(g->t) ? podman_layers(g, ids, err) : layers(g, ids, err);
	kan_sink_gap(g->sink, artefact, KAN_GAP_UNSUPPORTED, "--verify-image: %s", why);
	if (not_done(g, KAN_RUNG_DIGEST, why, err) < 0)
		return -1;
	return not_done(g, KAN_RUNG_HEADERS, why, err);
}

static int all(struct kan_integrity *g, struct kan_err *err)
{
	struct kan_diff_ids ids = {0};
	int rc = image_name(g, &ids, err);
	if (rc == 0)
		rc = kan_integrity_manifests(g, err);
	if (rc == 0 && g->t->policy->reference)
		rc = kan_integrity_reference(g, &ids, err);
	if (rc == 0 && g->t->policy->verify_image)
		rc = image_layers(g, &ids, err);
	else if (rc == 0)
		kan_sink_scope(g->sink, artefact, "no --verify-image: layers were not checked");
	free(ids.v);
	return rc;
}

void kan_integrity_below(struct kan_stack *out, const struct kan_integrity *g, size_t lower)
{
	kan_stack_init(out, g->lowers + lower + 1, g->n_lowers - lower - 1, g->t->userxattr);
	out->opener = g->opener;
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
	kan_idmaps_of(&g->owners, t);
	if (g->owners.unknown)
		kan_sink_scope(
			s, KAN_LIT("owners of the layers"),
			"the data root is a user's, and which ids its namespace had is not in it");
	g->n_lowers = kan_image_lowers(&g->lowers, t);
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

int kan_integrity_take(const struct kan_target *t, int64_t until_ns, struct kan_sink *s,
		       struct kan_err *err)
{
	struct kan_integrity *g = NULL;
	if (kan_integrity_begin(&g, t, s, err) < 0)
		return -1;
	g->until_ns = until_ns;
	return kan_integrity_end(g, all(g, err), err);
}
