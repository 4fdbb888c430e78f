/* From an image's id to its config, by digests alone. An index leads to many: of machines of other
 * kinds, of attestations. OCI image-spec image-index.md, manifest.md. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/row.h"
#include "engine/store.h"

enum { STEPS = 4, DEPTH = 64, BLOBS = 512 };

static int take_digest(struct kan_leads *out, const json_t *descriptor, struct kan_err *err)
{
	const char *digest = kan_json_str(descriptor, "digest");
	if (!kan_is_digest(digest))
		return kan_fail(err, KAN_EFORMAT, "a descriptor without a sha256 digest");
	if (out->n == KAN_LEADS)
		return kan_fail(err, KAN_ELIMIT, "an index of more than %d", KAN_LEADS);
	memcpy(out->v[out->n++], digest, sizeof(out->v[0]));
	return 0;
}

static int read_leads(struct kan_leads *out, const json_t *doc, struct kan_err *err)
{
	const json_t *list = json_object_get(doc, "manifests"),
		     *config = json_object_get(doc, "config");
	size_t i = 0;
	const json_t *one = NULL;
	out->config = !json_is_array(list);
	out->n = 0;
	if (out->config && !json_is_object(config))
		return kan_fail(err, KAN_EFORMAT, "neither an index nor a manifest");
	if (out->config)
		return take_digest(out, config, err);
	/* Of another digest there is no blob that could be checked. */
	json_array_foreach (list, i, one)
		if (kan_is_digest(kan_json_str(one, "digest")) && take_digest(out, one, err) < 0)
			return -1;
	return 0;
}

int kan_manifest_leads(struct kan_leads *out, struct kan_bytes blob, struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, blob, KAN_STORE_CONFIG_MAX, DEPTH, err) < 0)
		return -1;
	int rc = read_leads(out, doc, err);
	json_decref(doc);
	return rc;
}

/* What was met on the way. */
struct search {
	const struct kan_target *t;
	const char *wanted; /* the manifest that the container was made from, or NULL */
	kan_config_fits_fn *fits;
	void *arg;
	struct kan_buf *out; /* the config that is kept: one that fits before any other */
	char kept[KAN_DIGEST];
	unsigned blobs, all, fitting;
	struct kan_err why; /* the first fault but that a blob is not there */
};

static int read_blob(struct kan_buf *out, struct search *s, const char *digest, struct kan_err *err)
{
	if (s->blobs++ == BLOBS)
		return kan_fail(err, KAN_ELIMIT, "an index that leads to over %d blobs", BLOBS);
	return kan_containerd_blob(out, s->t, digest, err);
}

static int take_config(struct search *s, const char *digest, struct kan_err *err)
{
	kan_auto_buf struct kan_buf config = KAN_BUF(KAN_STORE_CONFIG_MAX);
	if (strcmp(s->kept, digest) == 0)
		return 0; /* by another way */
	if (read_blob(&config, s, digest, err) < 0)
		return -1;
	bool fits = s->fits(kan_buf_bytes(&config), s->arg);
	if (s->all++ == 0 || (fits && s->fitting == 0)) {
		kan_buf_reset(s->out);
		kan_buf_addb(s->out, kan_buf_bytes(&config));
		memcpy(s->kept, digest, sizeof(s->kept));
	}
	s->fitting += fits;
	return 0;
}

static int follow(struct search *s, const char *digest, unsigned depth, struct kan_err *err);

/* A host has the blobs of its own machine, and seldom those of others. */
static int follow_all(struct search *s, const struct kan_leads *leads, unsigned depth,
		      struct kan_err *err)
{
	for (size_t i = 0; s->wanted && i < leads->n; i++)
		if (strcmp(leads->v[i], s->wanted) == 0)
			return follow(s, s->wanted, depth, err);
	for (size_t i = 0; i < leads->n; i++) {
		struct kan_err why = {0};
		if (follow(s, leads->v[i], depth, &why) == 0 || why.code == KAN_ENOTFOUND)
			continue;
		if (s->why.code == KAN_OK)
			s->why = why;
		if (why.code == KAN_ELIMIT)
			return kan_fail(err, KAN_ELIMIT, "%s", why.text);
	}
	return 0;
}

static int follow(struct search *s, const char *digest, unsigned depth, struct kan_err *err)
{
	kan_auto_buf struct kan_buf blob = KAN_BUF(KAN_STORE_CONFIG_MAX);
	kan_auto_free struct kan_leads *leads = kan_xalloc(sizeof(*leads));
	if (depth == STEPS)
		return kan_fail(err, KAN_ELIMIT, "an index within an index, and so on");
	if (read_blob(&blob, s, digest, err) < 0 ||
	    kan_manifest_leads(leads, kan_buf_bytes(&blob), err) < 0)
		return -1;
	if (!leads->config)
		return follow_all(s, leads, depth + 1, err);
	if (s->wanted && strcmp(digest, s->wanted) != 0)
		return kan_fail(err, KAN_ENOTFOUND, "the image has no manifest %.19s", s->wanted);
	return take_config(s, leads->v[0], err);
}

/* One alone is the image's, whether it fits or not: that its layers are others will be told. */
static int choose(const struct search *s, struct kan_err *err)
{
	if (s->fitting == 1 || (s->all == 1 && s->fitting == 0))
		return 0;
	if (s->all == 0 && s->why.code != KAN_OK)
		return kan_fail(err, s->why.code, "%s", s->why.text);
	if (s->all == 0 && s->wanted)
		return kan_fail(err, KAN_ENOTFOUND, "the index has no image for %.80s", s->wanted);
	if (s->all == 0)
		return kan_fail(err, KAN_ENOTFOUND, "the index has no image that is on this host");
	return kan_fail(err, KAN_EUNSUPPORTED,
			"of %u images of the index %u fit the container's layers: which it was "
			"made from is not known",
			s->all, s->fitting);
}

int kan_containerd_config(struct kan_buf *out, const struct kan_target *t, kan_config_fits_fn *fits,
			  void *arg, struct kan_err *err)
{
	const char *wanted =
		kan_json_str(json_object_get(t->inspect, "ImageManifestDescriptor"), "digest");
	struct search s = {.t = t, .fits = fits, .arg = arg, .out = out};
	s.wanted = kan_is_digest(wanted) ? wanted : NULL;
	if (t->data_root_fd < 0 || !kan_is_digest(t->image_id))
		return kan_fail(err, KAN_ENOTFOUND, "no image id, or no proven data root");
	return follow(&s, t->image_id, 0, err) < 0 ? -1 : choose(&s, err);
}
