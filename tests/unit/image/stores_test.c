/* Layers of other stores than overlay2's, and a root of which nobody tells what is the container's.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/bytes.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

extern const struct kan_collector kan_collector_image, kan_collector_filesystem;

enum { TWO = 2, FOUR = 4 };

/* Podman: two layers in layers.json, the config under its digest. Prints the image's id. */
static const char podman[] =
	"import base64, hashlib, json, os\n"
	"def put(path, text):\n"
	"    os.makedirs(os.path.dirname('data/' + path), exist_ok=True)\n"
	"    open('data/' + path, 'w').write(text)\n"
	"def sha(text): return hashlib.sha256(text.encode()).hexdigest()\n"
	"diffs = ['sha256:' + sha('layer %d' % n) for n in range(2)]\n"
	"ids = ['a' * 64, 'b' * 64]\n"
	"config = json.dumps({'rootfs': {'type': 'layers', 'diff_ids': diffs}})\n"
	"key = '=' + base64.b64encode(('sha256:' + sha(config)).encode()).decode()\n"
	"put('overlay-images/%s/%s' % (sha(config), key), config)\n"
	"put('overlay-images/images.json', '[]')\n"
	"put('overlay-layers/layers.json', json.dumps([{'id': ids[0], 'diff-digest': diffs[0]},\n"
	"    {'id': ids[1], 'parent': ids[0], 'diff-digest': diffs[1]}, {'id': 'c' * 64}]))\n"
	"os.makedirs('data/overlay-containers')\n"
	"for i in ids: os.makedirs('data/overlay/%s/diff' % i)\n"
	"print('sha256:' + sha(config))\n";

/* containerd: index, manifest, config; two layers, and Docker's own above each. Prints the index's
 * id. */
static const char containerd[] =
	"import hashlib, json, os\n"
	"at = 'data/containerd/daemon/io.containerd.content.v1.content/blobs/sha256/'\n"
	"os.makedirs(at)\n"
	"def put(doc):\n"
	"    text = json.dumps(doc)\n"
	"    name = hashlib.sha256(text.encode()).hexdigest()\n"
	"    open(at + name, 'w').write(text)\n"
	"    return 'sha256:' + name\n"
	"diffs = ['sha256:' + c * 64 for c in 'ab']\n"
	"config = put({'rootfs': {'type': 'layers', 'diff_ids': diffs}})\n"
	"manifest = put({'config': {'digest': config}, 'layers': []})\n"
	"os.symlink(at + config[7:], 'config')\n"
	"print(put({'manifests': [{'digest': manifest}]}))\n";

/* The same index with more images: of other layers, of a machine whose blobs are not here, and an
 * attestation. Prints the new index's id; OTHER has a manifest of other layers. */
static const char many[] =
	"import hashlib, json, os\n"
	"at = 'data/containerd/daemon/io.containerd.content.v1.content/blobs/sha256/'\n"
	"def put(doc):\n"
	"    text = json.dumps(doc)\n"
	"    name = hashlib.sha256(text.encode()).hexdigest()\n"
	"    open(at + name, 'w').write(text)\n"
	"    return 'sha256:' + name\n"
	"old = json.load(open(at + os.environ['INDEX'][7:]))['manifests'][0]['digest']\n"
	"def image(diffs):\n"
	"    return put({'config': {'digest': put({'rootfs': {'type': 'layers',\n"
	"        'diff_ids': ['sha256:' + c * 64 for c in diffs]}})}, 'layers': []})\n"
	"other = image('cd')\n"
	"open('OTHER', 'w').write(other)\n"
	"open('OLD', 'w').write(old)\n"
	"all = [{'digest': 'sha256:' + '0' * 64, 'platform': {'architecture': 'amd64'}}]\n"
	"all += [{'digest': other, 'platform': {'architecture': 'amd64'}}, {'digest': "
	"image('e')}]\n"
	"print(put({'manifests': all + [{'digest': old, 'platform': {'architecture': "
	"'s390x'}}]}))\n";

static struct world *store_new(const char *script, const char *storage, const char *const *paths,
			       size_t n)
{
	struct world *w = world_new(1);
	struct kan_target *t = &w->target;
	char path[256];
	t->image_id = world_line(w, "python3 -c \"%s\"", script);
	t->storage = kan_xstrdup(storage);
	(void)snprintf(t->id, sizeof(t->id), "ID");
	t->lowers = kan_xalloc(n * sizeof(*t->lowers));
	t->n_lowers = n;
	for (size_t i = 0; i < n; i++) {
		world_sh(w, "mkdir -p data/%s", paths[i]);
		(void)snprintf(path, sizeof(path), "%s/data/%s", w->top, paths[i]);
		t->lowers[i].fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		t->lowers[i].path = kan_xstrdup(paths[i]);
	}
	(void)snprintf(path, sizeof(path), "%s/data", w->top);
	t->data_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w;
}

static void store_free(struct world *w)
{
	(void)close(w->target.data_root_fd);
	free(w->target.image_id);
	free(w->target.storage);
	world_free(w);
}

static json_t *layers(struct world *w)
{
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	return world_rows(w, "layers.ndjson");
}

static void proofs(const json_t *rows, const char *const *words, size_t n)
{
	cr_assert_eq(json_array_size(rows), n, "%s", json_dumps(rows, 0));
	for (size_t i = 0; i < n; i++)
		cr_expect_str_eq(world_str(json_array_get(rows, i), "proof"), words[i], "row %zu",
				 i);
}

#define SIXTEEN(c) c c c c c c c c c c c c c c c c
#define A SIXTEEN("aaaa")
#define B SIXTEEN("bbbb")

static struct world *podman_new(void)
{
	static const char *const paths[] = {"overlay/" B "/diff", "overlay/" A "/diff"};
	return store_new(podman, "overlay", paths, TWO);
}

Test(stores, podmans_layers_json_proves_every_layer)
{
	struct world *w = podman_new();
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"chain", "chain"}, TWO);
	cr_expect_str_eq(world_str(json_array_get(rows, 0), "cache_id"), A);
	cr_expect_eq(w->n_gaps, 2, "no package database, and no --verify-image");
	json_decref(rows);
	store_free(w);
}

Test(stores, what_layers_json_says_otherwise_is_not_proven_and_told)
{
	static const char *const damage[] = {
		"sed -i 's/\\\"parent\\\": \\\"a/\\\"parent\\\": \\\"c/'",
		"sed -i 's/\\\"id\\\": \\\"b/\\\"id\\\": \\\"d/'"};
	static const unsigned codes[] = {KAN_GAP_CONTRADICTED, KAN_GAP_VANISHED};
	for (size_t i = 0; i < TWO; i++) {
		struct world *w = podman_new();
		world_sh(w, "sh -c \"%s data/overlay-layers/layers.json\"", damage[i]);
		json_t *rows = layers(w);
		proofs(rows, (const char *const[]){"chain", "none"}, TWO);
		cr_expect(world_gap(w, "layer 1", codes[i]), "damage %zu", i);
		json_decref(rows);
		store_free(w);
	}
}

Test(stores, without_layers_json_nothing_is_proven)
{
	struct world *w = podman_new();
	world_sh(w, "rm data/overlay-layers/layers.json");
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"none", "none"}, TWO);
	cr_expect(world_gap(w, "layers.json", KAN_GAP_VANISHED));
	json_decref(rows);
	store_free(w);
}

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

Test(stores, a_manifest_that_podman_keeps_is_hashed_again_and_leads_to_the_images_config)
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

Test(stores, a_registrys_digest_is_that_of_a_manifest_that_podman_keeps)
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

Test(stores, the_older_of_podmans_manifests_has_no_digest_in_its_name)
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

static struct world *containerd_new(void)
{
	static const char *const paths[] = {
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/4/fs",
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/3/fs",
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/2/fs",
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs"};
	struct world *w = store_new(containerd, "overlayfs", paths, FOUR);
	w->target.lowers[0].init = w->target.lowers[2].init = true;
	return w;
}

Test(stores, without_the_snapshotters_database_layers_are_told_by_their_order_alone)
{
	struct world *w = containerd_new();
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"order", "order", "none", "none"}, FOUR);
	cr_expect_str_eq(world_str(json_array_get(rows, 0), "cache_id"), "1");
	world_sh(w, "cmp bundle/data/image/config.json config");
	cr_expect(world_gap(w, "metadata.db", KAN_GAP_VANISHED));
	cr_expect_eq(w->n_gaps, 3, "and no package database, and no --verify-image");
	json_decref(rows);
	store_free(w);
}

/* The snapshotter's database: chain ids of the two layers, what a builder left in between, Docker's
 * own, the container's. */
static void write_db(struct world *w, const char *top)
{
	world_sh(w,
		 "a=sha256:%s; b=sha256:%s; c=sha256:$(printf '%%s %%s' $a $b | sha256sum | cut "
		 "-c1-64); "
		 "[ -z '%s' ] || c=%s; python3 " KAN_TEST_BOLT
		 " data/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/metadata.db tree "
		 "moby/1/$a=1: moby/2/" B "-init=2:moby/1/$a moby/3/$c=3:moby/2/" B "-init "
		 "moby/4/" A "-init=4:moby/3/$c moby/5/ID=5:moby/4/" A "-init",
		 A, B, top, top);
}

Test(stores, the_snapshotters_database_proves_containerds_layers)
{
	struct world *w = containerd_new();
	write_db(w, "");
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"chain", "chain", "chain", "chain"}, FOUR);
	cr_expect_eq(w->n_gaps, 2, "no package database, and no --verify-image");
	json_decref(rows);
	store_free(w);
}

Test(stores, a_snapshot_of_another_chain_is_not_proven_and_told)
{
	struct world *w = containerd_new();
	write_db(w, "sha256:other");
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"chain", "none", "none", "chain"}, FOUR);
	cr_expect(world_gap(w, "layer 1", KAN_GAP_CONTRADICTED));
	json_decref(rows);
	store_free(w);
}

Test(stores, a_blob_of_another_digest_than_its_name_is_not_believed)
{
	struct world *w = containerd_new();
	world_sh(w, "printf ' ' >>config");
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"none", "none", "none", "none"}, FOUR);
	cr_expect(world_gap(w, "config.json", KAN_GAP_CONTRADICTED));
	json_decref(rows);
	store_free(w);
}

static void take_index_of_many(struct world *w)
{
	char *id = world_line(w, "INDEX=%s python3 -c \"%s\"", w->target.image_id, many);
	free(w->target.image_id);
	w->target.image_id = id;
}

static void name_manifest(struct world *w, const char *digest)
{
	json_decref(w->target.inspect);
	w->target.inspect = json_pack("{s:{s:s}}", "ImageManifestDescriptor", "digest", digest);
}

Test(stores, of_many_images_of_an_index_it_is_the_one_whose_layers_the_container_has)
{
	struct world *w = containerd_new();
	write_db(w, "");
	take_index_of_many(w);
	json_t *rows = layers(w);
	proofs(rows, (const char *const[]){"chain", "chain", "chain", "chain"}, FOUR);
	world_sh(w, "cmp bundle/data/image/config.json config");
	json_decref(rows);
	store_free(w);
}

Test(stores, where_layers_cannot_tell_which_image_it_is_none_is_chosen)
{
	struct world *w = containerd_new();
	take_index_of_many(w);
	json_t *rows = layers(w);
	cr_expect(world_gap(w, "config.json", KAN_GAP_UNSUPPORTED));
	world_sh(w, "! test -e bundle/data/image/config.json");
	json_decref(rows);
	store_free(w);
}

Test(stores, the_manifest_that_the_engine_names_is_taken_and_no_other)
{
	struct world *w = containerd_new();
	take_index_of_many(w);
	char *old = world_line(w, "cat OLD"), *other = world_line(w, "cat OTHER");
	name_manifest(w, old);
	json_decref(layers(w));
	world_sh(w, "cmp bundle/data/image/config.json config; rm -r bundle/data");
	name_manifest(w, other);
	json_decref(layers(w));
	world_sh(w, "grep cccc bundle/data/image/config.json; rm -r bundle/data");
	name_manifest(w, "sha256:" A);
	json_decref(layers(w));
	cr_expect(world_gap(w, "config.json", KAN_GAP_VANISHED));
	world_sh(w, "! test -e bundle/data/image/config.json");
	json_decref(w->target.inspect);
	w->target.inspect = NULL;
	free(old);
	free(other);
	store_free(w);
}

static int64_t ctime_of(struct world *w, const char *path)
{
	char *text = world_line(w, "stat -c %%.9Z %s | tr -d .", path);
	int64_t ns = strtoll(text, NULL, 10);
	free(text);
	return ns;
}

/* Old and young are told by ctime; mtime anybody can set. */
static struct world *plain_new(void)
{
	struct world *w = world_new(1);
	struct kan_target *t = &w->target;
	char path[128];
	world_sh(w,
		 "mkdir -p data/vfs/dir/own/etc data/image/vfs/layerdb/mounts/ID; "
		 "ln -s data/vfs/dir/own r; printf own >data/image/vfs/layerdb/mounts/ID/mount-id; "
		 "echo old >r/etc/old; ln -s old r/etc/link");
	(void)snprintf(t->id, sizeof(t->id), "ID");
	(void)snprintf(path, sizeof(path), "%s/data", w->top);
	t->data_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->created_ns = ctime_of(w, "r/etc/link") + 1;
	do
		world_sh(w, "echo young >r/etc/young; touch -d 2001-01-01 r/etc/young");
	while (ctime_of(w, "r/etc/young") < t->created_ns);
	(void)snprintf(path, sizeof(path), "%s/r", w->top);
	t->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->pid_dir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	t->space_fd = t->upper_fd = -1;
	t->storage = kan_xstrdup("vfs");
	return w;
}

static void plain_free(struct world *w)
{
	(void)close(w->target.data_root_fd);
	free(w->target.storage);
	world_free(w);
}

Test(stores, a_root_without_layers_is_listed_whole_and_has_no_word_of_change)
{
	struct world *w = plain_new();
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	json_t *rows = world_rows(w, "changes.ndjson");
	size_t i = 0;
	json_t *r = NULL;
	cr_expect_eq(json_array_size(rows), 5, "/, etc, and three in it");
	json_array_foreach (rows, i, r) {
		cr_expect_str_eq(world_str(r, "source"), "merged");
		cr_expect_null(json_object_get(r, "change"));
	}
	cr_expect(world_gap(w, "changes.ndjson", KAN_GAP_UNSUPPORTED));
	cr_expect_str_eq(world_str(world_row(rows, "/etc/young"), "stored"), "upper.tar");
	cr_expect_str_eq(world_str(world_row(rows, "/etc/old"), "stored"), "");
	cr_expect_str_eq(world_str(world_row(rows, "/etc/old"), "sha256"), "");
	cr_expect_str_eq(world_str(world_row(rows, "/etc/old"), "parent"),
			 world_str(world_row(rows, "/etc"), "id"));
	cr_expect_str_eq(world_str(world_row(rows, "/etc/link"), "link"), "old");
	world_sh(w, "[ \"$(tar -xOf bundle/data/filesystem/upper.tar --wildcards '*etc/young')\" = "
		    "young ];"
		    "! tar -tf bundle/data/filesystem/upper.tar | grep -q old");
	json_decref(rows);
	plain_free(w);
}

/* vfs has no overlay that could be compared: a container may pivot into a bind of another tree. */
Test(stores, a_root_that_is_not_the_engines_directory_is_not_walked)
{
	struct world *w = plain_new();
	struct kan_target *t = &w->target;
	char path[128];
	world_sh(w, "mkdir host; echo secret >host/shadow");
	(void)snprintf(path, sizeof(path), "%s/host", w->top);
	(void)close(t->root_fd);
	t->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	cr_expect(world_gap(w, "changes.ndjson", KAN_GAP_CONTRADICTED));
	world_sh(w, "! grep -rqa secret bundle && ! test -e bundle/data/filesystem/upper.tar");
	plain_free(w);
}

Test(stores, containerds_index_and_manifest_have_the_digests_that_a_registry_knows)
{
	struct world *w = containerd_new();
	write_db(w, "");
	char *one = world_line(w, "grep -l layers $(grep -L rootfs data/containerd/daemon/"
				  "io.containerd.content.v1.content/blobs/sha256/*) | sed "
				  "'s/.*sha256./sha256:/'");
	json_t *rows = integrity(w);
	cr_expect_str_eq(kept(rows, w->target.image_id), "verified");
	json_decref(rows);
	referred(w, w->target.image_id, "verified");
	referred(w, one, "verified");
	referred(w, "sha256:" A, "damaged");
	free(one);
	store_free(w);
}
