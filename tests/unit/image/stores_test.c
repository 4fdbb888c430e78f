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

#include "stores_made.h"

extern const struct kan_collector kan_collector_image, kan_collector_filesystem;

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
		"sed -i 's/\\\"id\\\": \\\"b/\\\"id\\\": \\\"d/'",
		"sed -i 's/]$/, {\\\"id\\\": \\\"" B "\\\"}]/'"};
	static const unsigned codes[] = {KAN_GAP_CONTRADICTED, KAN_GAP_VANISHED, KAN_GAP_MALFORMED};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
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
