/* Manifests that stores keep of an image, and a registry's digest as the reference. */
#include <criterion/criterion.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/answers.h"
#include "integrity_made.h"
#include "stores_made.h"

extern const struct kan_collector kan_collector_image;

/* Manifests beside Podman's image: an index of two machines, of which this one's is kept, and the
 * manifest; and one of another image, which images.json does not name. Prints the index's digest;
 * MANIFEST and OTHER have the others. */
static const char manifests[] =
	"import base64, hashlib, json, os, sys\n"
	"id = os.environ['ID'].removeprefix('sha256:')\n"
	"def put(doc):\n"
	"    text = json.dumps(doc)\n"
	"    name = 'sha256:' + hashlib.sha256(text.encode()).hexdigest()\n"
	"    key = '=' + base64.b64encode(('manifest-' + name).encode()).decode()\n"
	"    open('data/overlay-images/%s/%s' % (id, key), 'w').write(text)\n"
	"    return name\n"
	"one = put({'config': {'digest': 'sha256:' + id}, 'layers': []})\n"
	"other = put({'config': {'digest': 'sha256:' + '7' * 64}, 'layers': []})\n"
	"index = put({'manifests': [{'digest': 'sha256:' + '0' * 64}, {'digest': one}]})\n"
	"open('MANIFEST', 'w').write(one)\n"
	"open('OTHER', 'w').write(other)\n"
	"keys = ['sha256:' + id, 'manifest', 'manifest-' + one, 'manifest-' + index, "
	"'signature-x']\n"
	"json.dump([{'id': 'e' * 64}, {'id': id, 'big-data-names': keys}], "
	"open('data/overlay-images/images.json', 'w'))\n"
	"print(index)\n";

static struct world *manifests_new(char **index)
{
	struct world *w = podman_new();
	/* Podman's id has no scheme. */
	memmove(w->target.image_id, w->target.image_id + 7, 65);
	*index = world_line(w, "ID=%s python3 -c \"%s\"", w->target.image_id, manifests);
	return w;
}

/* "verified" ... of the manifest that is kept under this digest; "" when it has no row. */
static const char *kept(const json_t *rows, const char *digest)
{
	size_t i = 0;
	const json_t *r = NULL;
	json_array_foreach (rows, i, r)
		if (strcmp(world_str(r, "about"), "manifest") == 0 &&
		    strcmp(world_str(r, "expected_digest"), digest) == 0)
			return world_str(r, "result");
	return "";
}

static json_t *integrity(struct world *w)
{
	world_sh(w, "rm -rf bundle; mkdir bundle");
	w->n_gaps = 0;
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	return world_rows(w, "integrity.ndjson");
}

Test(manifest, a_manifest_that_podman_keeps_is_hashed_again_and_leads_to_the_images_config)
{
	char *index = NULL;
	struct world *w = manifests_new(&index);
	char *one = world_line(w, "cat MANIFEST");
	json_t *rows = integrity(w);
	cr_expect_str_eq(kept(rows, one), "verified");
	cr_expect_str_eq(kept(rows, index), "verified");
	cr_expect_eq(json_array_size(rows), 3, "and its name");
	cr_expect_eq(w->n_gaps, 2, "no package database, and no --verify-image");
	json_decref(rows);
	world_sh(w,
		 "for f in data/overlay-images/*/=bWFuaWZlc3Qt*; do grep -q manifests $f || echo "
		 ">>$f; done");
	rows = integrity(w);
	cr_expect_str_eq(kept(rows, one), "damaged");
	cr_expect_str_eq(kept(rows, index), "not-done", "what it leads to is no manifest any more");
	json_decref(rows);
	world_sh(w, "rm data/overlay-images/*/=bWFuaWZlc3Qt*");
	rows = integrity(w);
	cr_expect_str_eq(kept(rows, one), "not-done");
	cr_expect(world_gap(w, "integrity.ndjson", KAN_GAP_VANISHED));
	json_decref(rows);
	free(one);
	free(index);
	store_free(w);
}

Test(manifest, of_an_image_that_is_listed_twice_no_manifest_is_the_lists)
{
	char *index = NULL;
	struct world *w = manifests_new(&index);
	world_sh(w, "sed -i \"s/]$/, {\\\"id\\\": \\\"%s\\\"}]/\" data/overlay-images/images.json",
		 w->target.image_id);
	json_t *rows = integrity(w);
	cr_expect_str_eq(kept(rows, index), "");
	cr_expect(world_gap(w, "images.json", KAN_GAP_MALFORMED));
	json_decref(rows);
	free(index);
	store_free(w);
}

/* Rung 1 with this digest alone. */
static void referred(struct world *w, const char *digest, const char *expected)
{
	size_t i = 0;
	const json_t *r = NULL;
	const char *got = "";
	w->policy.reference = digest;
	json_t *rows = integrity(w);
	json_array_foreach (rows, i, r)
		if (json_integer_value(json_object_get(r, "rung")) == 1)
			got = world_str(r, "result");
	cr_expect_str_eq(got, expected, "%s", digest);
	cr_expect_eq(world_gap(w, "integrity.ndjson", KAN_GAP_VANISHED) != NULL,
		     strcmp(expected, "not-done") == 0);
	w->policy.reference = NULL;
	json_decref(rows);
}

Test(manifest, a_registrys_digest_is_that_of_a_manifest_that_podman_keeps)
{
	char id[80], *index = NULL;
	struct world *w = manifests_new(&index);
	char *one = world_line(w, "cat MANIFEST"), *other = world_line(w, "cat OTHER");
	(void)snprintf(id, sizeof(id), "sha256:%s", w->target.image_id);
	referred(w, id, "verified");
	referred(w, one, "verified");
	referred(w, index, "verified");
	referred(w, other, "damaged");
	referred(w, "sha256:" A, "not-done");
	/* One that is called so and is another proves nothing. */
	world_sh(w, "cd data/overlay-images/*/; cp $(grep -l manifests =bWFuaWZlc3Qt*) =$(printf "
		    "manifest-sha256:" A " | base64 -w0)");
	w->policy.reference = "sha256:" A;
	json_t *rows = integrity(w);
	cr_expect_eq(json_array_size(rows), 4);
	cr_expect_str_eq(world_str(json_array_get(rows, 3), "result"), "not-done");
	json_decref(rows);
	free(one);
	free(other);
	free(index);
	store_free(w);
}

Test(manifest, the_older_of_podmans_manifests_has_no_digest_in_its_name)
{
	char *index = NULL;
	struct world *w = manifests_new(&index);
	char *one = world_line(w, "cat MANIFEST");
	world_sh(w,
		 "cd data/overlay-images/*/; mv $(grep -L manifests $(grep -l %s "
		 "=bWFuaWZlc3Qt*)) manifest; rm =bWFuaWZlc3Qt*; sed -i s/manifest-sha256/x/g "
		 "../images.json",
		 w->target.image_id);
	referred(w, one, "verified");
	free(one);
	free(index);
	store_free(w);
}

Test(manifest, containerds_index_and_manifest_have_the_digests_that_a_registry_knows)
{
	struct world *w = containerd_new();
	char *one = world_line(w, "grep -l layers $(grep -L rootfs data/containerd/daemon/"
				  "io.containerd.content.v1.content/blobs/sha256/*) | sed "
				  "'s/.*sha256./sha256:/'");
	json_t *rows = integrity(w);
	cr_expect_str_eq(kept(rows, w->target.image_id), "verified");
	json_decref(rows);
	referred(w, w->target.image_id, "verified");
	referred(w, one, "verified");
	referred(w, "sha256:" A, "not-done");
	free(one);
	store_free(w);
}

/* The engine says that registries know the image by these; NULL: it does not answer. */
static json_t *integrity_and_claims(struct world *w, const char *repo_digests)
{
	char text[1024], name[128];
	struct answers a = answers_new();
	(void)snprintf(text, sizeof(text), "{\"RepoDigests\":[%s]}", repo_digests);
	(void)snprintf(name, sizeof(name), "images-%s-json", w->target.image_id);
	if (repo_digests)
		answers_put(&a, name, text);
	w->target.engine = answers_engine(&a);
	json_t *rows = integrity(w);
	kan_engine_free(w->target.engine);
	w->target.engine = NULL;
	answers_leave(&a);
	return rows;
}

static const json_t *claimed(const json_t *rows, const char *digest)
{
	size_t i = 0;
	const json_t *r = NULL;
	json_array_foreach (rows, i, r)
		if (json_is_true(json_object_get(r, "claimed")) &&
		    strcmp(world_str(r, "expected_digest"), digest) == 0)
			return r;
	return NULL;
}

Test(manifest, a_digest_that_the_engine_names_leads_to_the_image_or_is_damage)
{
	char *index = NULL, text[512];
	struct world *w = manifests_new(&index);
	char *one = world_line(w, "cat MANIFEST"), *other = world_line(w, "cat OTHER");
	(void)snprintf(text, sizeof(text), "\"x/y@%s\",\"z@%s\",\"x/y@%s\",\"q@sha256:%s\",7,\"n\"",
		       one, other, one, A);
	json_t *rows = integrity_and_claims(w, text);
	cr_expect_str_eq(world_str(claimed(rows, one), "result"), "verified");
	cr_expect_str_eq(world_str(claimed(rows, other), "result"), "damaged");
	cr_expect_str_eq(world_str(claimed(rows, "sha256:" A), "result"), "not-done");
	cr_expect_str_eq(kept(rows, index), "verified");
	cr_expect_null(claimed(rows, index), "it is kept, and not named");
	cr_expect_eq(json_array_size(rows), 5, "each once, and the image's name");
	cr_expect_eq(w->n_gaps, 2, "as without an engine: one that is not kept is none");
	json_decref(rows);
	free(one);
	free(other);
	free(index);
	store_free(w);
}

Test(manifest, an_engine_that_does_not_answer_is_a_gap_and_the_rest_is_done)
{
	char *index = NULL;
	struct world *w = manifests_new(&index);
	json_t *rows = integrity_and_claims(w, NULL);
	cr_expect_str_eq(kept(rows, index), "verified");
	const struct world_gap *gap = world_gap(w, "integrity.ndjson", KAN_GAP_VANISHED);
	cr_assert_not_null(gap);
	cr_expect(strstr(gap->why, "RepoDigests"), "%s", gap->why);
	json_decref(rows);
	free(index);
	store_free(w);
}

Test(manifest, containerds_index_is_what_the_engine_names_too)
{
	char text[128];
	struct world *w = containerd_new();
	(void)snprintf(text, sizeof(text), "\"x@%s\"", w->target.image_id);
	json_t *rows = integrity_and_claims(w, text);
	cr_expect_str_eq(world_str(claimed(rows, w->target.image_id), "result"), "verified");
	json_decref(rows);
	store_free(w);
}

Test(manifest, on_overlay2_what_the_engine_names_is_not_kept_and_that_is_no_gap)
{
	struct world *w = image_new();
	w->policy.verify_image = false;
	json_decref(integrity(w));
	size_t n_gaps = w->n_gaps;
	json_t *rows = integrity_and_claims(w, "\"x@sha256:" A "\"");
	cr_expect_str_eq(world_str(claimed(rows, "sha256:" A), "result"), "not-done");
	cr_expect_str_eq(world_str(claimed(rows, "sha256:" A), "why"),
			 "no manifests are kept here");
	cr_expect_eq(w->n_gaps, n_gaps);
	json_decref(rows);
	image_free(w);
}
