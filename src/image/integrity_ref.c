/* Rung 1: the layers of a reference from elsewhere against the directories of this host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/raised.h"
#include "base/tree.h"
#include "engine/store.h"
#include "image/integrity_part.h"
#include "image/reference.h"

struct ref {
	struct kan_integrity *g;
	const struct kan_diff_ids *ours;
	enum kan_rung rung; /* what a layer's tar, and a path, is told of */
	const char *what;   /* "the reference", for people */
	struct kan_diff_ids theirs;
	/* the layer that goes by */
	int number;
	bool here;  /* this host has a directory for it */
	bool other; /* and the image of this host says itself that it is another layer */
	struct kan_stack below;
	struct kan_layerdir *dir;
	struct kan_layertar *tar;
	struct kan_digest *file;
	struct kan_buf path;
	bool in_file;
	uint64_t size, files, octets, damaged, contents, noted, unknown;
	bool fatal;
};

static int verdict(struct ref *r, struct kan_verdict *v, struct kan_err *err)
{
	int rc = kan_integrity_verdict(r->g, v, err);
	r->fatal = r->fatal || rc < 0;
	return rc;
}

static int on_damage(const struct kan_damage *d, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	enum kan_rung rung = r->rung;
	if (rung != KAN_RUNG_REFERENCE && !(d->bits & KAN_DAMAGE_CONTENT))
		rung = KAN_RUNG_HEADERS;
	if (!(d->bits & ~(unsigned)KAN_DAMAGE_NOTED))
		r->noted++;
	else
		r->damaged++;
	r->contents += (d->bits & KAN_DAMAGE_CONTENT) != 0;
	int rc = kan_integrity_damage(r->g, rung, r->number, d, err);
	r->fatal = r->fatal || rc < 0;
	return rc;
}

static void on_unknown(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct ref *r = arg;
	r->unknown++;
	kan_integrity_unknown(r->g, r->number, r->what, path, why);
}

/* The same layers under a config that was written anew are the same files: skopeo does that. */
static const char *compare_ids(struct kan_verdict *v, const struct ref *r)
{
	const struct kan_diff_ids *a = r->ours, *b = &r->theirs;
	bool same = v->found && strcmp(v->expected, v->found) == 0;
	v->result = same ? "verified" : "not-done";
	if (same)
		return NULL;
	if (!v->found || a->n == 0)
		return "the config of this host's image was not read";
	if (a->n == b->n && memcmp(a->v, b->v, a->n * sizeof(*a->v)) == 0)
		return "the same layers under another config: it may have been written anew";
	v->result = "damaged";
	return "the reference is an image with another id";
}

static int on_config(struct kan_bytes raw, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	char id[KAN_DIGEST];
	struct kan_verdict v = {.rung = KAN_RUNG_REFERENCE,
				.layer = -1,
				.expected = id,
				.found = *r->g->config_id ? r->g->config_id : NULL};
	kan_digest_of(id, raw);
	if (kan_diff_ids_read(&r->theirs, raw, err) < 0)
		return kan_wrap(err, "the config of %s", r->what);
	if (r->rung != KAN_RUNG_REFERENCE)
		return 0; /* the digests led there, from the image's own id */
	v.why = compare_ids(&v, r);
	return verdict(r, &v, err);
}

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	r->in_file = S_ISREG(m->mode) && m->size;
	r->size = m->size;
	if (r->in_file) {
		kan_digest_start(r->file);
		kan_buf_reset(&r->path);
		kan_buf_addb(&r->path, m->path);
		r->files++;
	}
	return kan_layerdir_member(r->dir, m, err);
}

static int on_content(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	(void)err;
	if (r->in_file)
		kan_digest_add(r->file, piece.p, piece.n);
	r->octets += piece.n;
	return 0;
}

/* The file of this host; one of another size is named already, and may be endless. */
static int local_digest(char hex[KAN_SHA256_HEX], struct ref *r, struct kan_err *err)
{
	struct stat st;
	int pin = kan_layerdir_pin(r->dir, kan_buf_bytes(&r->path));
	if (pin < 0 || fstat(pin, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != r->size)
		return 0;
	return kan_sha256_pinned(hex, r->g->opener, pin, err);
}

static int on_file_end(void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	char expected[KAN_DIGEST] = "sha256:", found[KAN_DIGEST] = "sha256:";
	struct kan_err why = {0};
	(void)err;
	if (!r->in_file)
		return 0;
	r->in_file = false;
	kan_digest_finish(expected + KAN_DIGEST_SCHEME, r->file);
	if (local_digest(found + KAN_DIGEST_SCHEME, r, &why) < 0)
		on_unknown(kan_buf_bytes(&r->path), &why, r);
	else if (found[KAN_DIGEST_SCHEME] && strcmp(expected, found) != 0)
		kan_layerdir_content(r->dir, expected, found);
	return 0;
}

static void begin(struct ref *r, size_t lower)
{
	const struct kan_layertar_visit v = {on_member, on_content, on_file_end, r};
	kan_integrity_below(&r->below, r->g, lower);
	const struct kan_layerdir_opts o = {.fd = r->g->lowers[lower].fd,
					    .below = &r->below,
					    .opener = r->g->opener,
					    .userxattr = r->g->t->userxattr,
					    .owners = &r->g->owners,
					    .damage = on_damage,
					    .unknown = on_unknown,
					    .arg = r};
	r->dir = kan_layerdir_new(&o);
	r->tar = kan_layertar_new(&v);
}

static int on_layer(size_t n, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	(void)err;
	r->number = (int)n;
	r->files = r->octets = r->damaged = r->contents = r->noted = r->unknown = 0;
	kan_digest_start(r->g->digest);
	/* Where this host's image says itself that it is another layer, every file is another's. */
	r->other = r->g->named && r->ours->n && n < r->theirs.n &&
		   (n >= r->ours->n || strcmp(r->theirs.v[n], r->ours->v[n]) != 0);
	r->here = n < r->g->n_lowers && !r->other;
	if (r->here)
		begin(r, r->g->n_lowers - 1 - n);
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	kan_digest_add(r->g->digest, piece.p, piece.n);
	return r->here ? kan_layertar_feed(r->tar, piece, err) : 0;
}

static void drop(struct ref *r)
{
	kan_stack_free(&r->below);
	r->below = (struct kan_stack){0};
	kan_layerdir_free(kan_take_ptr(r->dir));
	kan_layertar_free(kan_take_ptr(r->tar));
}

static const char *why_of(const struct ref *r, bool same)
{
	if (r->other)
		return "another image has another layer here: its files were not compared";
	if (!r->here && !r->g->streamed)
		return "this host's image has no such layer";
	if (!same)
		return "this host's image has another layer here";
	return r->unknown ? "not all of it could be read" : NULL;
}

static const char *result_of(const struct ref *r, bool same)
{
	if (r->damaged)
		return "damaged";
	if (r->other || (same && r->unknown))
		return "not-done";
	return same ? "verified" : "damaged";
}

/* Of a store on this host the blob is what the diff id says, so that damage is of the directory. */
static int layer_verdicts(struct ref *r, size_t n, const char *id, struct kan_err *err)
{
	bool same = (r->here || r->g->streamed) && n < r->ours->n && strcmp(id, r->ours->v[n]) == 0;
	struct kan_verdict v = {
		.rung = r->rung,
		.layer = (int)n,
		.result = result_of(r, same),
		.expected = id,
		.found = n < r->ours->n ? r->ours->v[n] : NULL,
		.files = r->files,
		.octets = r->octets,
		.damaged = r->damaged,
		.noted = r->noted,
		.why = why_of(r, same),
	};
	if ((r->g->n_lowers == 0 && !r->g->streamed) || r->ours->n == 0) {
		v.result = r->damaged ? "damaged" : "not-done";
		v.why = r->g->n_lowers ? "the config of this host's image was not read"
				       : "no proven lower directories";
	}
	if (r->rung == KAN_RUNG_REFERENCE)
		return verdict(r, &v, err);
	struct kan_verdict headers = v;
	v.found = NULL;
	v.noted = 0;
	v.damaged = r->contents;
	if (same && r->damaged && !r->contents)
		v.result = r->unknown ? "not-done" : "verified";
	headers.rung = KAN_RUNG_HEADERS;
	headers.expected = headers.found = NULL;
	headers.damaged = r->damaged - r->contents;
	if (same && r->damaged && headers.damaged == 0)
		headers.result = r->unknown ? "not-done" : "verified";
	return verdict(r, &v, err) < 0 ? -1 : verdict(r, &headers, err);
}

/* The reference must be whole in itself before it says anything of others. */
static int on_layer_end(size_t n, void *arg, struct kan_err *err)
{
	struct ref *r = arg;
	char id[KAN_DIGEST] = "sha256:";
	kan_digest_finish(id + KAN_DIGEST_SCHEME, r->g->digest);
	if (n >= r->theirs.n || strcmp(id, r->theirs.v[n]) != 0)
		return kan_fail(err, KAN_EFORMAT, "its layer %zu is not what its config says", n);
	if (r->here &&
	    (kan_layertar_finish(r->tar, err) < 0 || kan_layerdir_finish(r->dir, err) < 0))
		return -1;
	drop(r);
	return layer_verdicts(r, n, id, err);
}

/* Layers that only this host has. */
static int more_of_ours(struct ref *r, struct kan_err *err)
{
	for (size_t n = r->theirs.n; n < r->ours->n; n++) {
		struct kan_verdict v = {.rung = r->rung,
					.layer = (int)n,
					.result = r->g->named ? "not-done" : "damaged",
					.found = r->ours->v[n],
					.why = "the reference has no such layer"};
		if (verdict(r, &v, err) < 0)
			return -1;
	}
	return 0;
}

/* The bytes were foreign, and nothing held what they might have made of their reader. */
static void on_unboxed(bool privileges, bool landlock, bool seccomp, void *arg)
{
	struct ref *r = arg;
	kan_sink_gap(r->g->sink, KAN_LIT("integrity.ndjson"), KAN_GAP_UNSUPPORTED,
		     "%s was read in a sandbox that is not whole (privileges let go %s, landlock "
		     "%s, seccomp %s)",
		     r->what, privileges ? "yes" : "no", landlock ? "yes" : "no",
		     seccomp ? "yes" : "no");
}

static int not_done(struct ref *r, const struct kan_err *why, struct kan_err *err)
{
	struct kan_verdict v = {
		.rung = r->rung, .layer = -1, .result = "not-done", .why = why->text};
	kan_sink_gap_err(r->g->sink, KAN_LIT("integrity.ndjson"), why);
	if (verdict(r, &v, err) < 0 || r->rung == KAN_RUNG_REFERENCE)
		return r->fatal ? -1 : 0;
	v.rung = KAN_RUNG_HEADERS;
	return verdict(r, &v, err);
}

static int against(struct ref *r, const struct kan_reference_from *from, struct kan_err *err)
{
	const struct kan_reference_visit v = {on_config,    on_layer,   on_data,
					      on_layer_end, on_unboxed, r};
	struct kan_err why = {0};
	r->file = kan_digest_new();
	r->path = KAN_BUF(KAN_LAYERTAR_PATH);
	int rc = kan_reference_apart(from, &v, &why);
	drop(r);
	if (rc < 0 && r->fatal)
		rc = kan_fail(err, KAN_EIO, "integrity.ndjson cannot be written");
	else
		rc = rc < 0 ? not_done(r, &why, err) : more_of_ours(r, err);
	free(r->theirs.v);
	kan_digest_free(r->file);
	kan_buf_free(&r->path);
	return rc;
}

int kan_integrity_reference(struct kan_integrity *g, const struct kan_diff_ids *ids,
			    struct kan_err *err)
{
	const char *path = g->t->policy->reference;
	struct ref r = {.g = g, .ours = ids, .rung = KAN_RUNG_REFERENCE, .what = "the reference"};
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	if (kan_is_digest(path))
		return kan_integrity_digest(g, path, err);
	if (kan_reference_open(&fd, path, &why) < 0)
		return not_done(&r, &why, err);
	const struct kan_reference_from from = {
		.fd = fd,
		.until_ns = g->until_ns,
		.room = kan_raised(g->t->policy->max_bytes, KAN_REFERENCE_ROOM),
		.image_id =
			kan_is_containerd(g->t) && *g->config_id ? g->config_id : g->t->image_id};
	return against(&r, &from, err);
}

int kan_integrity_content(struct kan_integrity *g, const struct kan_diff_ids *ids, int store,
			  const char *digest, struct kan_err *err)
{
	struct ref r = {.g = g, .ours = ids, .rung = KAN_RUNG_DIGEST, .what = "the content store"};
	/* Of several platforms: the one whose config rung 2 read. */
	const struct kan_reference_from from = {
		.fd = store,
		.digest = digest,
		.image_id = g->config_id,
		.until_ns = g->until_ns,
		.room = kan_raised(g->t->policy->max_bytes, KAN_REFERENCE_ROOM_HERE)};
	return against(&r, &from, err);
}
