/* Digests of registries: of manifests and indexes, where a store keeps them. Each leads to the next
 * by its digest, and at last to the config of the image. OCI image-spec manifest.md,
 * image-index.md. */
#include <kanshiki/engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "engine/below.h"
#include "engine/store.h"
#include "image/integrity_part.h"

enum { PATH_OCTETS = 128, DEPTH = 8 };
enum { INDEXES = 4, BLOBS = 512 }; /* indexes in each other; what is read on the way */
enum { CLAIMS = 64 };

static const struct kan_bytes artefact = KAN_LIT("integrity.ndjson");

struct way {
	const struct kan_integrity *g;
	unsigned blobs;
	bool begun, spoiled; /* the first was read; it has another digest than its name */
};

/* What the engine says registries know the image by. */
struct claims {
	size_t n;
	bool more, told[CLAIMS]; /* told: it has its row */
	char v[CLAIMS][KAN_DIGEST];
};

static bool is_digest_of(const char *digest, struct kan_bytes raw)
{
	char own[KAN_DIGEST];
	kan_digest_of(own, raw);
	return strcmp(own, digest) == 0;
}

static int read_manifest(struct kan_buf *out, struct way *w, const char *digest,
			 struct kan_err *err)
{
	const struct kan_target *t = w->g->t;
	if (kan_is_containerd(t))
		return kan_containerd_blob(out, t, digest, err);
	if (!kan_is_podman(t))
		return kan_fail(err, KAN_ENOTFOUND, "no manifests are kept here");
	if (kan_podman_manifest(out, t, digest, err) < 0)
		return -1;
	if (is_digest_of(digest, kan_buf_bytes(out)))
		return 0;
	w->spoiled |= !w->begun;
	return kan_fail(err, KAN_EREFUSED, "the manifest %.19s has another digest", digest);
}

/* Has it the image's config, or leads it to one that has? 1, 0; -1: some of it is not here. */
static int leads(struct way *w, struct kan_bytes blob, unsigned depth, struct kan_err *err)
{
	kan_auto_free struct kan_leads *next = kan_xalloc(sizeof(*next));
	int found = 0;
	if (kan_manifest_leads(next, blob, err) < 0)
		return -1;
	if (next->config)
		return strcmp(next->v[0], w->g->config_id) == 0;
	if (depth == INDEXES)
		return kan_fail(err, KAN_ELIMIT, "an index within an index, and so on");
	for (size_t i = 0; i < next->n && found <= 0; i++) {
		kan_auto_buf struct kan_buf one = KAN_BUF(KAN_STORE_CONFIG_MAX);
		if (w->blobs++ >= BLOBS)
			return kan_fail(err, KAN_ELIMIT, "it leads to over %d manifests", BLOBS);
		int rc = read_manifest(&one, w, next->v[i], err);
		if (rc == 0)
			rc = leads(w, kan_buf_bytes(&one), depth + 1, err);
		found = rc ? rc : found;
	}
	return found;
}

/* As leads, of a digest. */
static int leads_from(struct way *w, const char *digest, struct kan_err *err)
{
	kan_auto_buf struct kan_buf blob = KAN_BUF(KAN_STORE_CONFIG_MAX);
	if (!*w->g->config_id)
		return kan_fail(err, KAN_EDENIED, "the image's config was not read");
	if (read_manifest(&blob, w, digest, err) < 0)
		return -1;
	w->begun = true;
	return leads(w, kan_buf_bytes(&blob), 0, err);
}

static bool keeps_manifests(const struct kan_target *t)
{
	return kan_is_containerd(t) || kan_is_podman(t);
}

/* --- what the engine names: RepoDigests, "repository@sha256:..." --- */

static size_t claim_at(const struct claims *c, const char *digest)
{
	size_t i = 0;
	while (i < c->n && strcmp(c->v[i], digest) != 0)
		i++;
	return i;
}

static void take_claims(struct claims *c, const json_t *inspect)
{
	size_t i = 0;
	const json_t *one = NULL;
	json_array_foreach (json_object_get(inspect, "RepoDigests"), i, one) {
		const char *text = json_string_value(one), *at = text ? strrchr(text, '@') : NULL;
		if (!at || !kan_is_digest(at + 1) || claim_at(c, at + 1) < c->n)
			continue;
		c->more = c->n == CLAIMS;
		if (c->more)
			break;
		memcpy(c->v[c->n++], at + 1, KAN_DIGEST);
	}
}

int kan_integrity_inspect(json_t **out, const struct kan_target *t, struct kan_err *err)
{
	char path[PATH_OCTETS];
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_STORE_CONFIG_MAX);
	(void)snprintf(path, sizeof(path), "/images/%.80s/json", t->image_id);
	return kan_engine_get_raw(&raw, t->engine, path, err) < 0
		       ? -1
		       : kan_engine_parse(out, kan_buf_bytes(&raw), err);
}

/* Of a dead disk there is no engine that says anything. */
static void ask_claims(struct claims *c, const struct kan_integrity *g)
{
	struct kan_err why = {0};
	json_t *inspect = NULL;
	if (g->t->engine && g->t->image_id && kan_integrity_inspect(&inspect, g->t, &why) < 0)
		kan_sink_gap(g->sink, artefact, kan_gap_of_err(&why), "RepoDigests: %.200s",
			     why.text);
	take_claims(c, inspect);
	json_decref(inspect);
	if (c->more)
		kan_sink_gap(g->sink, artefact, KAN_GAP_LIMIT,
			     "RepoDigests: over %d digests: the others were not checked", CLAIMS);
}

/* --- each that is kept, or named --- */

static const char *why_of(int rc, bool claimed, const struct kan_err *why)
{
	if (rc > 0)
		return NULL;
	if (rc == 0)
		return claimed ? "the engine names it for this image, and it leads to the config "
				 "of another"
			       : "it does not lead to the config of this image";
	return why->text;
}

/* listed: the store says that it is there. What the engine alone names need not be kept. */
static int manifest(struct kan_integrity *g, struct claims *c, const char *digest, bool listed,
		    struct kan_err *err)
{
	struct kan_err why = {0};
	struct way w = {.g = g};
	size_t at = claim_at(c, digest);
	bool claimed = at < c->n;
	int rc = leads_from(&w, digest, &why);
	const struct kan_verdict v = {.rung = KAN_RUNG_NAME,
				      .layer = -1,
				      .manifest = true,
				      .claimed = claimed,
				      .result = rc > 0                              ? "verified"
						: w.spoiled || (rc == 0 && claimed) ? "damaged"
										    : "not-done",
				      .expected = digest,
				      .found = rc > 0 ? digest : NULL,
				      .why = why_of(rc, claimed, &why)};
	if (claimed)
		c->told[at] = true;
	/* what it leads to need not be here */
	if (rc < 0 && !w.begun && !w.spoiled && (listed || why.code != KAN_ENOTFOUND))
		kan_sink_gap_err(g->sink, artefact, &why);
	return kan_integrity_verdict(g, &v, err);
}

/* The image's id is that of an index or of a manifest; the engine names the manifest, too. */
static int of_containerd(struct kan_integrity *g, struct claims *c, struct kan_err *err)
{
	const char *id = g->t->image_id,
		   *one = kan_json_str(json_object_get(g->t->inspect, "ImageManifestDescriptor"),
				       "digest");
	if (!g->named || !kan_is_digest(id))
		return 0; /* which rung 2 says */
	if (manifest(g, c, id, true, err) < 0)
		return -1;
	return kan_is_digest(one) && strcmp(one, id) != 0 ? manifest(g, c, one, true, err) : 0;
}

static int of_podman(struct kan_integrity *g, struct claims *c, struct kan_err *err)
{
	struct kan_err why = {0};
	int rc = 0;
	kan_auto_free struct kan_podman_digests *list = kan_xalloc(sizeof(*list));
	if (kan_podman_digests(list, g->t, &why) < 0)
		kan_sink_gap_err(g->sink, KAN_LIT("images.json"), &why);
	for (size_t i = 0; i < list->n && rc == 0; i++)
		rc = manifest(g, c, list->v[i], true, err);
	if (list->more)
		kan_sink_gap(g->sink, artefact, KAN_GAP_LIMIT,
			     "the image has over %d manifests: the others were not checked",
			     KAN_PODMAN_DIGESTS);
	return rc;
}

int kan_integrity_manifests(struct kan_integrity *g, struct kan_err *err)
{
	int rc = 0;
	if (!*g->config_id)
		return 0; /* which has its gap */
	kan_auto_free struct claims *c = kan_xalloc(sizeof(*c));
	ask_claims(c, g);
	if (kan_is_containerd(g->t))
		rc = of_containerd(g, c, err);
	else if (kan_is_podman(g->t))
		rc = of_podman(g, c, err);
	for (size_t i = 0; i < c->n && rc == 0; i++)
		if (!c->told[i])
			rc = manifest(g, c, c->v[i], false, err);
	return rc;
}

/* --- a digest that the operator has from elsewhere --- */

static bool names(const json_t *repository, const char *wanted, const char *id)
{
	const char *key = NULL;
	json_t *v = NULL;
	json_object_foreach ((json_t *)(uintptr_t)repository, key, v) {
		const char *at = strchr(key, '@'), *of = json_string_value(v);
		if (at && of && strcmp(at + 1, wanted) == 0 && strcmp(of, id) == 0)
			return true;
	}
	return false;
}

/* On overlay2 Docker keeps no manifest, and lists the digests that the image was pulled under. */
static bool is_listed(const struct kan_integrity *g, const char *wanted, const char *id)
{
	char path[PATH_OCTETS];
	json_t *doc = NULL, *one = NULL;
	const char *name = NULL;
	bool found = false;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_STORE_LIST_MAX);
	(void)snprintf(path, sizeof(path), "image/%.32s/repositories.json",
		       g->t->storage ? g->t->storage : "");
	if (g->t->data_root_fd < 0 || kan_below_read(&text, g->t, path, NULL) < 0 ||
	    kan_json_parse(&doc, kan_buf_bytes(&text), KAN_STORE_LIST_MAX, DEPTH, NULL) < 0)
		return false;
	json_object_foreach (json_object_get(doc, "Repositories"), name, one)
		found = found || names(one, wanted, id);
	json_decref(doc);
	return found;
}

/* By what the store keeps: 1 it is this image's, 0 it is another's, -1: not known, and why. */
static int by_manifest(const struct kan_integrity *g, const char *wanted, struct kan_err *err)
{
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_STORE_CONFIG_MAX);
	struct way w = {.g = g};
	int rc = leads_from(&w, wanted, &why);
	if (rc >= 0)
		return rc;
	/* Podman has one without a digest in its name, too. */
	if (kan_is_podman(g->t) && why.code == KAN_ENOTFOUND && !w.begun &&
	    kan_podman_manifest(&raw, g->t, NULL, NULL) == 0 &&
	    is_digest_of(wanted, kan_buf_bytes(&raw)))
		return leads(&w, kan_buf_bytes(&raw), 0, err);
	if (why.code == KAN_ENOTFOUND && !w.begun)
		return kan_fail(err, KAN_ENOTFOUND,
				"it is not this image's id, and no manifest with this digest is "
				"kept here: give the image, or its id");
	if (why.code == KAN_ENOTFOUND)
		return kan_fail(err, KAN_ENOTFOUND,
				"not all that this digest leads to is kept here: give the image, "
				"or its id");
	return kan_fail(err, why.code, "%s", why.text);
}

static int compared(const struct kan_integrity *g, const char *wanted, const char *id,
		    struct kan_err *err)
{
	if (strcmp(wanted, id) == 0 || (g->named && strcmp(wanted, g->config_id) == 0))
		return 1;
	if (keeps_manifests(g->t))
		return by_manifest(g, wanted, err);
	if (is_listed(g, wanted, id))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"this host says that it is the registry's digest of this image, "
				"and has not the manifest to prove it: give the image, or its id");
	return kan_fail(err, KAN_EUNSUPPORTED,
			"it is not this image's id, and no manifests are kept here that could "
			"tell whether it is a registry's digest: give the image, or its id");
}

int kan_integrity_digest(struct kan_integrity *g, const char *wanted, struct kan_err *err)
{
	char id[KAN_DIGEST];
	struct kan_err why = {0};
	struct kan_verdict v = {.rung = KAN_RUNG_REFERENCE, .layer = -1, .expected = wanted};
	bool known = kan_digest_hex(g->t->image_id);
	kan_digest_name(id, known ? g->t->image_id : "");
	int rc = known ? compared(g, wanted, id, &why)
		       : kan_fail(&why, KAN_ENOTFOUND, "this host names no image id");
	v.result = rc > 0 ? "verified" : rc == 0 ? "damaged" : "not-done";
	v.found = rc > 0 ? wanted : known ? id : NULL;
	v.why = rc < 0 ? why.text : rc == 0 ? "it is the digest of another image" : NULL;
	if (rc < 0)
		kan_sink_gap(g->sink, artefact, kan_gap_of_err(&why), "--reference: %.200s",
			     why.text);
	return kan_integrity_verdict(g, &v, err);
}
