/* Which image of the reference, and its parts. docker image save; OCI image-spec image-layout.md,
 * manifest.md. */
#include "image/reference.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/row.h"
#include "base/unpack.h"
#include "image/archive.h"
#include "image/layers.h"

enum { JSON_DEPTH = 32, PIECE = 64 << 10, NAME = 128 };

struct spent {
	uint64_t in, out;
};
struct file {
	dev_t dev;
	ino_t ino;
};
struct reference {
	struct kan_archive *archive;
	const char *image_id, *digest; /* the id without its scheme */
	const char *part;
	bool strict;
	const struct kan_reference_visit *v;
	struct kan_buf config, best_config;
	json_t *best; /* names of its layers, the base first */
	size_t documents, images;
	struct kan_diff_ids ids; /* of best */
	bool exact;              /* best is the image that was asked for */
	uint64_t room;           /* each of spent, at most */
	struct spent spent[2];   /* while layers are proven, and while they are handed on */
	struct file seen[KAN_REFERENCE_LAYERS]; /* what they lie in */
	size_t n_seen;
};

/* A layer on its way. */
struct pull {
	struct reference *r;
	struct kan_archive_part part;
	struct kan_digest *digest; /* of the blob as it lies there */
	struct kan_digest *plain;  /* of the tar in it */
	struct spent *spent;
	uint8_t *piece;
};

static int document(json_t **out, struct kan_bytes raw, struct kan_err *err)
{
	return kan_json_parse(out, raw, KAN_REFERENCE_DOCUMENT, JSON_DEPTH, err);
}

/* The member whose name promises a digest; NULL: it promises none. */
static const char *promised(const char *name)
{
	static const char blobs[] = "blobs/sha256/";
	size_t n = sizeof(blobs) - 1;
	return strncmp(name, blobs, n) == 0 && kan_is_sha256_hex(name + n) ? name + n : NULL;
}

static int kept_promise(const char *name, const char *hex, struct kan_err *err)
{
	const char *wanted = promised(name);
	if (!wanted || strcmp(wanted, hex) == 0)
		return 0;
	return kan_fail(err, KAN_EFORMAT, "%s has another digest than its name", name);
}

static int blob(struct kan_buf *out, struct reference *r, const char *name,
		char hex[KAN_SHA256_HEX], struct kan_err *err)
{
	if (kan_archive_read(out, r->archive, name, err) < 0)
		return -1;
	kan_sha256_hex(hex, kan_buf_bytes(out));
	return kept_promise(name, hex, err);
}

static void name_of(char out[NAME], const char *digest)
{
	(void)snprintf(out, NAME, "blobs/sha256/%.64s", digest + KAN_DIGEST_SCHEME);
}

static void take(struct kan_buf *to, struct kan_buf *from)
{
	kan_buf_free(to);
	*to = *from;
	*from = KAN_BUF(KAN_REFERENCE_CONFIG);
}

/* An image with its config: is it the one? */
static int consider(struct reference *r, const char *config, json_t *layers, const char *manifest,
		    struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	if (json_array_size(layers) > KAN_REFERENCE_LAYERS)
		return kan_fail(err, KAN_ELIMIT, "more than %d layers", KAN_REFERENCE_LAYERS);
	if (blob(&r->config, r, config, hex, err) < 0)
		return -1;
	const char *id = r->image_id ? r->image_id : "";
	bool same = strcmp(hex, id) == 0 || (manifest && strcmp(manifest, id) == 0);
	r->images++;
	if (r->best && (r->exact || !same))
		return 0;
	json_decref(r->best);
	r->best = json_incref(layers);
	r->exact = same;
	take(&r->best_config, &r->config);
	return 0;
}

static int docker_image(struct reference *r, const json_t *image, struct kan_err *err)
{
	const char *config = kan_json_str(image, "Config");
	json_t *layers = json_object_get(image, "Layers");
	size_t i = 0;
	json_t *v = NULL;
	if (!*config || !json_is_array(layers))
		return kan_fail(err, KAN_EFORMAT,
				"manifest.json: an image without config or layers");
	json_array_foreach (layers, i, v)
		if (!json_is_string(v))
			return kan_fail(err, KAN_EFORMAT, "manifest.json: a layer without a name");
	return consider(r, config, layers, NULL, err);
}

static int docker_images(struct reference *r, struct kan_bytes raw, struct kan_err *err)
{
	json_t *doc = NULL, *image = NULL;
	size_t i = 0;
	int rc = 0;
	if (document(&doc, raw, err) < 0)
		return kan_wrap(err, "manifest.json");
	if (!json_is_array(doc) || json_array_size(doc) > KAN_REFERENCE_DOCUMENTS)
		rc = kan_fail(err, KAN_EFORMAT, "manifest.json is no list of images");
	json_array_foreach (doc, i, image)
		if (rc == 0)
			rc = docker_image(r, image, err);
	json_decref(doc);
	return rc;
}

static int oci_image(struct reference *r, const json_t *doc, const char *hex, struct kan_err *err)
{
	char config[NAME];
	const char *digest = kan_json_str(json_object_get(doc, "config"), "digest");
	size_t i = 0;
	json_t *v = NULL, *layers = json_array();
	if (!kan_is_digest(digest))
		i = 1;
	name_of(config, i ? "sha256:" : digest);
	json_array_foreach (json_object_get(doc, "layers"), i, v) {
		char name[NAME];
		const char *of = kan_json_str(v, "digest");
		if (!kan_is_digest(of))
			break;
		name_of(name, of);
		json_array_append_new(layers, json_string(name));
	}
	bool whole = kan_is_digest(digest) &&
		     json_array_size(layers) == json_array_size(json_object_get(doc, "layers"));
	int rc = whole ? consider(r, config, layers, hex, err)
		       : kan_fail(err, KAN_EFORMAT,
				  "a manifest without digests of config or layers");
	json_decref(layers);
	return rc;
}

static int descriptor(struct reference *r, const json_t *d, unsigned depth, struct kan_err *err);

/* An index has manifests, a manifest has a config; the media type is only what somebody says. */
static int oci_document(struct reference *r, struct kan_bytes raw, const char *hex, unsigned depth,
			struct kan_err *err)
{
	json_t *doc = NULL, *d = NULL;
	size_t i = 0;
	if (depth > KAN_REFERENCE_DEPTH || ++r->documents > KAN_REFERENCE_DOCUMENTS)
		return kan_fail(err, KAN_ELIMIT, "too many indexes and manifests");
	if (document(&doc, raw, err) < 0)
		return -1;
	const json_t *list = json_object_get(doc, "manifests");
	int rc = 0;
	if (json_is_array(list))
		json_array_foreach ((json_t *)(uintptr_t)list, i, d)
			rc = rc == 0 ? descriptor(r, d, depth + 1, err) : rc;
	else
		rc = oci_image(r, doc, hex, err);
	json_decref(doc);
	return rc;
}

/* Attestations of a build have an architecture that is none. */
static bool no_image(const json_t *d)
{
	const char *arch = kan_json_str(json_object_get(d, "platform"), "architecture");
	return strcmp(arch, "unknown") == 0;
}

/* Of an index with many platforms, a layout often has the blobs of one. */
static int descriptor(struct reference *r, const json_t *d, unsigned depth, struct kan_err *err)
{
	char name[NAME], hex[KAN_SHA256_HEX];
	const char *digest = kan_json_str(d, "digest");
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_REFERENCE_DOCUMENT);
	struct kan_err why = {0};
	if (!kan_is_digest(digest))
		return kan_fail(err, KAN_EFORMAT, "a descriptor without a sha256 digest");
	if (no_image(d))
		return 0;
	name_of(name, digest);
	if (blob(&raw, r, name, hex, &why) == 0)
		return oci_document(r, kan_buf_bytes(&raw), hex, depth, err);
	if (why.code == KAN_ENOTFOUND)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static int begin_with(struct reference *r, const char *digest, struct kan_err *err)
{
	json_t *d = json_pack("{s:s}", "digest", digest);
	int rc = descriptor(r, d, 0, err);
	json_decref(d);
	return rc;
}

/* An id that is no config's: a content store's, whose blob leads to the config. */
static int led_to(struct reference *r, struct kan_err *err)
{
	char digest[KAN_DIGEST];
	if (r->exact)
		return 0;
	kan_digest_name(digest, r->image_id ? r->image_id : "");
	json_decref(kan_take_ptr(r->best));
	r->images = r->documents = 0;
	r->image_id = r->part;
	if (kan_is_digest(digest) && begin_with(r, digest, err) < 0)
		return -1;
	return r->best ? 0 : kan_fail(err, KAN_EREFUSED, "it is not the image of this id");
}

static int choose(struct reference *r, struct kan_err *err)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_REFERENCE_DOCUMENT);
	struct kan_err why = {0};
	int rc = 0;
	if (r->digest)
		rc = begin_with(r, r->digest, err);
	else if (kan_archive_read(&raw, r->archive, "manifest.json", &why) == 0)
		rc = docker_images(r, kan_buf_bytes(&raw), err);
	else if (why.code != KAN_ENOTFOUND)
		return kan_fail(err, why.code, "%s", why.text);
	else if (kan_archive_read(&raw, r->archive, "index.json", err) < 0)
		return kan_wrap(err, "neither manifest.json nor index.json");
	else
		rc = oci_document(r, kan_buf_bytes(&raw), NULL, 0, err);
	if (rc < 0 || (r->strict && led_to(r, err) < 0))
		return -1;
	if (!r->best)
		return kan_fail(err, KAN_ENOTFOUND, "the reference has no image");
	if (!r->exact && r->images > 1)
		return kan_fail(err, KAN_ENOTFOUND,
				"the reference has %zu images, none is this one", r->images);
	return 0;
}

/* A file counts once, however many layers lie in it or are the same. One that is not there is told
 * when its layer is read. */
static void make_room(struct reference *r, const char *name)
{
	struct kan_archive_part part = {.fd = -1};
	struct stat st;
	size_t i = 0;
	if (kan_archive_find(&part, r->archive, name, NULL) < 0)
		return;
	if (fstat(part.fd, &st) == 0) {
		while (i < r->n_seen &&
		       (r->seen[i].dev != st.st_dev || r->seen[i].ino != st.st_ino))
			i++;
		if (i == r->n_seen) {
			r->seen[r->n_seen++] = (struct file){st.st_dev, st.st_ino};
			r->room = kan_archive_bound(r->room, part.fd, KAN_ARCHIVE_TIMES);
		}
	}
	kan_archive_close(&part);
}

static int too_much(const struct reference *r, struct kan_err *err)
{
	return kan_fail(err, KAN_ELIMIT,
			"the layers have over %llu bytes, which is too much for what they take on "
			"disk: give layers that are not packed, or raise it with --max-bytes",
			(unsigned long long)r->room);
}

static int spend(uint64_t *spent, size_t n, const struct reference *r, struct kan_err *err)
{
	*spent += n;
	return *spent > r->room ? too_much(r, err) : 0;
}

static ssize_t on_pull(void *arg, const void **p, struct kan_err *err)
{
	struct pull *l = arg;
	ssize_t n = kan_archive_pull(&l->part, l->piece, PIECE, err);
	if (n > 0)
		kan_digest_add(l->digest, l->piece, (size_t)n);
	*p = l->piece;
	return n > 0 && spend(&l->spent->in, (size_t)n, l->r, err) < 0 ? -1 : n;
}

static int on_proof(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct pull *l = arg;
	kan_digest_add(l->plain, piece.p, piece.n);
	return spend(&l->spent->out, piece.n, l->r, err);
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct pull *l = arg;
	if (spend(&l->spent->out, piece.n, l->r, err) < 0)
		return -1;
	return l->r->v->data(piece, l->r->v->arg, err);
}

static int pull_layer(struct pull *l, const char *name, kan_unpack_out_fn *out, struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	const void *rest = NULL;
	const struct kan_unpack u = {
		.in = on_pull, .in_arg = l, .out = out, .out_arg = l, .max = UINT64_MAX};
	kan_digest_start(l->digest);
	if (kan_unpack(&u, err) < 0)
		return -1;
	ssize_t n = 0;
	while ((n = on_pull(l, &rest, err)) > 0)
		;
	kan_digest_finish(hex, l->digest);
	return n < 0 ? -1 : kept_promise(name, hex, err);
}

/* It has to be what its own config says before a byte of it is compared with anything. */
static int prove(struct pull *l, size_t i, const char *name, struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	struct kan_archive_part from = l->part;
	l->spent = &l->r->spent[0];
	kan_digest_start(l->plain);
	int rc = pull_layer(l, name, on_proof, err);
	kan_digest_finish(hex, l->plain);
	l->part = from;
	l->spent = &l->r->spent[1];
	if (rc == 0 && strcmp(hex, l->r->ids.v[i] + KAN_DIGEST_SCHEME) != 0)
		rc = kan_fail(err, KAN_EFORMAT, "it is not what its config says");
	return rc;
}

static int layer(struct reference *r, size_t i, struct kan_err *err)
{
	const char *name = json_string_value(json_array_get(r->best, i));
	struct pull l = {.r = r, .part = {.fd = -1}};
	if (kan_archive_find(&l.part, r->archive, name, err) < 0)
		return kan_wrap(err, "layer %zu", i);
	/* What lies behind the end of a packed layer is read for the digest, however much it is. */
	if (l.part.left > r->room) {
		kan_archive_close(&l.part);
		return too_much(r, err);
	}
	l.digest = kan_digest_new();
	l.plain = kan_digest_new();
	l.piece = kan_xalloc(PIECE);
	int rc = prove(&l, i, name, err);
	if (rc == 0)
		rc = r->v->layer(i, r->v->arg, err);
	if (rc == 0)
		rc = pull_layer(&l, name, on_data, err);
	if (rc == 0)
		rc = r->v->end(i, r->v->arg, err);
	kan_archive_close(&l.part);
	kan_digest_free(l.digest);
	kan_digest_free(l.plain);
	free(l.piece);
	return rc < 0 ? kan_wrap(err, "layer %zu", i) : 0;
}

static int stream(struct reference *r, struct kan_err *err)
{
	if (kan_diff_ids_read(&r->ids, kan_buf_bytes(&r->best_config), err) < 0)
		return kan_wrap(err, "config");
	if (r->ids.n != json_array_size(r->best))
		return kan_fail(err, KAN_EFORMAT, "%zu layers, and its config names %zu",
				json_array_size(r->best), r->ids.n);
	if (r->v->config(kan_buf_bytes(&r->best_config), r->v->arg, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(r->best); i++)
		make_room(r, json_string_value(json_array_get(r->best, i)));
	for (size_t i = 0; i < json_array_size(r->best); i++)
		if (layer(r, i, err) < 0)
			return -1;
	return 0;
}

int kan_reference_read(const struct kan_reference_from *from, const struct kan_reference_visit *v,
		       struct kan_err *err)
{
	struct reference r = {.image_id = kan_digest_hex(from->image_id),
			      .digest = from->digest,
			      .strict = from->strict,
			      .part = kan_digest_hex(from->part),
			      .v = v,
			      .room = from->room ? from->room : KAN_REFERENCE_ROOM,
			      .config = KAN_BUF(KAN_REFERENCE_CONFIG),
			      .best_config = KAN_BUF(KAN_REFERENCE_CONFIG)};
	if (kan_archive_open(&r.archive, from->fd, r.room, err) < 0)
		return kan_wrap(err, "reference");
	int rc = choose(&r, err);
	if (rc == 0)
		rc = stream(&r, err);
	kan_archive_free(r.archive);
	kan_buf_free(&r.config);
	kan_buf_free(&r.best_config);
	json_decref(r.best);
	free(r.ids.v);
	return rc < 0 ? kan_wrap(err, "reference") : 0;
}
