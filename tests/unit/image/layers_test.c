/* Layers against config and layerdb, made by the test with their chain ids; package databases. */
#include "image/layers.h"
#include "image/packages.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "world.h"

extern const struct kan_collector kan_collector_image;

/* An engine's data root "data": three layers and the container's init layer. Prints the image id.
 */
static const char engine[] =
	"import hashlib, json, os\n"
	"def put(path, text):\n"
	"    os.makedirs(os.path.dirname('data/' + path), exist_ok=True)\n"
	"    open('data/' + path, 'w').write(text)\n"
	"def sha(text): return hashlib.sha256(text.encode()).hexdigest()\n"
	"diffs = ['sha256:' + sha('layer %d' % n) for n in range(3)]\n"
	"config = json.dumps({'architecture': 'amd64', 'rootfs': {'type': 'layers', 'diff_ids': "
	"diffs}})\n"
	"put('image/overlay2/imagedb/content/sha256/' + sha(config), config)\n"
	"chain = None\n"
	"for n, diff in enumerate(diffs):\n"
	"    parent, chain = chain, diff if chain is None else 'sha256:' + sha(chain + ' ' + "
	"diff)\n"
	"    at = 'image/overlay2/layerdb/sha256/' + chain[7:]\n"
	"    put(at + '/diff', diff)\n"
	"    put(at + '/cache-id', 'cache%d' % n)\n"
	"    if parent: put(at + '/parent', parent)\n"
	"    os.makedirs('data/overlay2/cache%d/diff' % n)\n"
	"os.makedirs('data/overlay2/mount-init/diff')\n"
	"put('image/overlay2/layerdb/mounts/ID/init-id', 'mount-init')\n"
	"put('image/overlay2/layerdb/mounts/ID/parent', chain)\n"
	"os.symlink('image/overlay2/layerdb/sha256/' + chain[7:], 'top')\n"
	"os.symlink('data/image/overlay2/imagedb/content/sha256/' + sha(config), 'config')\n"
	"print('sha256:' + sha(config))\n";

static struct world *engine_new(void)
{
	static const char *const names[] = {"mount-init", "cache2", "cache1", "cache0"};
	struct world *w = world_new(1);
	struct kan_target *t = &w->target;
	t->image_id = world_line(w, "python3 -c \"%s\"", engine);
	t->storage = kan_xstrdup("overlay2");
	(void)snprintf(t->id, sizeof(t->id), "ID");
	t->lowers = kan_xalloc(4 * sizeof(*t->lowers));
	t->n_lowers = 4;
	for (size_t i = 0; i < 4; i++) {
		char path[256], below[64];
		(void)snprintf(below, sizeof(below), "overlay2/%s/diff", names[i]);
		(void)snprintf(path, sizeof(path), "%s/data/%s", w->top, below);
		int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		t->lowers[i] =
			(struct kan_layer){.fd = fd, .path = kan_xstrdup(below), .init = i == 0};
	}
	char data[128];
	(void)snprintf(data, sizeof(data), "%s/data", w->top);
	t->data_root_fd = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w;
}

static void engine_free(struct world *w)
{
	(void)close(w->target.data_root_fd);
	free(w->target.image_id);
	free(w->target.storage);
	world_free(w);
}

static json_t *collect(struct world *w)
{
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	return world_rows(w, "layers.ndjson");
}

static const char *of(const json_t *rows, size_t n, const char *key)
{
	return world_str(json_array_get(rows, n), key);
}

static bool gap_of(const struct world *w, const char *what, unsigned code)
{
	return world_gap(w, what, code);
}

Test(layers, chain_ids_and_cache_ids_prove_every_layer_and_the_engines_own)
{
	struct world *w = engine_new();
	json_t *rows = collect(w);
	cr_assert_eq(json_array_size(rows), 4);
	for (size_t i = 0; i < 4; i++)
		cr_assert_str_eq(of(rows, i, "proof"), "chain", "%zu", i);
	cr_assert_str_eq(of(rows, 0, "cache_id"), "cache0");
	cr_assert_str_eq(of(rows, 2, "cache_id"), "cache2");
	cr_assert_str_eq(of(rows, 3, "cache_id"), "mount-init");
	cr_assert(json_is_true(json_object_get(json_array_get(rows, 3), "init")));
	cr_assert_str_eq(of(rows, 0, "chain_id"), of(rows, 0, "diff_id"));
	world_sh(w, "[ sha256:$(printf %%s '%s %s' | sha256sum | cut -c1-64) = %s ]",
		 of(rows, 0, "chain_id"), of(rows, 1, "diff_id"), of(rows, 1, "chain_id"));
	world_sh(w,
		 "cmp bundle/data/image/config.json config;"
		 "[ sha256:$(sha256sum <bundle/data/image/config.json | cut -c1-64) = %s ]",
		 w->target.image_id);
	cr_assert_eq(w->n_gaps, 2, "no package database, and scope of the layers' own digests");
	json_decref(rows);
	engine_free(w);
}

Test(layers, what_layerdb_says_otherwise_is_not_proven_and_told)
{
	static const char *const damage[] = {"cache-id", "diff", "parent"};
	for (size_t i = 0; i < 3; i++) {
		struct world *w = engine_new();
		world_sh(w, "echo other >data/$(readlink top)/%s", damage[i]);
		json_t *rows = collect(w);
		cr_assert_str_eq(of(rows, 2, "proof"), "none", "%s", damage[i]);
		cr_assert_str_eq(of(rows, 1, "proof"), "chain");
		cr_assert(gap_of(w, "layer 2", KAN_GAP_CONTRADICTED));
		json_decref(rows);
		engine_free(w);
	}
}

Test(layers, layerdb_that_lacks_a_layer_leaves_it_unproven)
{
	struct world *w = engine_new();
	world_sh(w, "rm -r data/$(readlink top)");
	json_t *rows = collect(w);
	cr_assert_str_eq(of(rows, 2, "proof"), "none");
	cr_assert(gap_of(w, "layer 2", KAN_GAP_VANISHED));
	cr_assert_eq(strlen(of(rows, 2, "chain_id")), 71);
	json_decref(rows);
	engine_free(w);
}

Test(layers, a_layerdb_of_links_and_endless_words_is_not_followed)
{
	struct world *w = engine_new();
	world_sh(w, "t=data/$(readlink top); mv $t/diff d; ln -s $PWD/d $t/diff;"
		    "head -c 100000 /dev/zero >data/image/overlay2/layerdb/mounts/ID/init-id");
	json_t *rows = collect(w);
	cr_assert_str_eq(of(rows, 2, "proof"), "none");
	cr_assert_str_eq(of(rows, 3, "proof"), "none");
	json_decref(rows);
	engine_free(w);
}

Test(layers, a_config_with_another_digest_proves_nothing_and_is_kept)
{
	struct world *w = engine_new();
	world_sh(w, "printf ' ' >>config");
	json_t *rows = collect(w);
	for (size_t i = 0; i < 4; i++)
		cr_assert_str_eq(of(rows, i, "proof"), "none");
	cr_assert(gap_of(w, "config.json", KAN_GAP_CONTRADICTED));
	world_sh(w, "cmp bundle/data/image/config.json config");
	json_decref(rows);
	engine_free(w);
}

Test(layers, a_container_with_other_layers_than_its_image_is_contradicted)
{
	struct world *w = engine_new();
	w->target.n_lowers = 3; /* the base is missing */
	json_t *rows = collect(w);
	cr_assert_eq(json_array_size(rows), 4);
	for (size_t i = 0; i < 4; i++)
		cr_assert_str_eq(of(rows, i, "proof"), "none");
	cr_assert(gap_of(w, "layers", KAN_GAP_CONTRADICTED));
	w->target.n_lowers = 4;
	json_decref(rows);
	engine_free(w);
}

Test(layers, of_a_removed_image_the_layers_still_serve)
{
	struct world *w = engine_new();
	world_sh(w, "rm $(readlink config); echo x >data/overlay2/cache1/diff/f");
	json_t *rows = collect(w);
	cr_assert(gap_of(w, "config.json", KAN_GAP_VANISHED));
	cr_assert_eq(json_array_size(rows), 4);
	cr_assert_str_eq(of(rows, 1, "cache_id"), "cache1");
	cr_assert_str_eq(of(rows, 1, "proof"), "none");
	json_t *base = world_rows(w, "baseline.ndjson");
	cr_assert_not_null(world_row(base, "/f"));
	json_decref(base);
	json_decref(rows);
	engine_free(w);
}

Test(layers, without_proven_directories_what_the_config_says_is_told)
{
	struct world *w = engine_new();
	w->target.n_lowers = 0;
	json_t *rows = collect(w);
	cr_assert_eq(json_array_size(rows), 3);
	cr_assert_str_eq(of(rows, 0, "proof"), "none");
	cr_assert(gap_of(w, "baseline.ndjson", KAN_GAP_UNSUPPORTED));
	w->target.n_lowers = 4;
	json_decref(rows);
	engine_free(w);
}

Test(layers, a_config_that_names_no_layers_is_refused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"rootfs\":{}}",
		"{\"rootfs\":{\"diff_ids\":{}}}",
		"{\"rootfs\":{\"diff_ids\":[1]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:00\"]}}",
		"{\"rootfs\":{\"diff_ids\":[]},\"rootfs\":{\"diff_ids\":[]}}",
		("{\"rootfs\":{\"diff_ids\":[\"sha256:"
		 "../../../../../../../../../../../../../../../../../../../../../../..\"]}}"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_diff_ids ids = {0};
		struct kan_err err = {0};
		cr_assert_eq(kan_diff_ids_read(&ids, kan_bytes_of(bad[i]), &err), -1, "%s", bad[i]);
		cr_assert_eq(err.code, KAN_EFORMAT, "%s", bad[i]);
		cr_assert_null(ids.v);
	}
}

Test(packages, the_images_databases_are_taken_as_its_layers_merge_them)
{
	struct world *w = engine_new();
	world_sh(w,
		 "cd data/overlay2; d=diff/var/lib/dpkg; mkdir -p cache0/$d/info cache1/$d/info "
		 "cache2/$d/info;"
		 "echo base >cache0/$d/status; echo top >cache2/$d/status; echo div "
		 ">cache0/$d/diversions;"
		 "for n in a.list a.md5sums a.postinst b.list; do echo 0 >cache0/$d/info/$n; done;"
		 "mknod cache1/$d/info/b.list c 0 0; echo 1 >cache1/$d/info/c.list;"
		 "mkdir -p cache1/diff/lib/apk/db cache0/diff/var/lib/rpm mount-init/$d;"
		 "echo apk >cache1/diff/lib/apk/db/installed; head -c 600000 /dev/urandom "
		 ">cache0/diff/var/lib/rpm/rpmdb.sqlite;"
		 "mkfifo cache0/diff/var/lib/rpm/pipe; ln -s /etc/shadow "
		 "cache0/diff/var/lib/rpm/Packages;"
		 "echo engine >mount-init/$d/status;"
		 "mkdir -p cache0/diff/usr/lib cache0/diff/etc; echo ID=x "
		 ">cache0/diff/usr/lib/os-release;"
		 "ln -s ../usr/lib/os-release cache0/diff/etc/os-release");
	json_decref(collect(w));
	world_sh(w, "mkdir x; tar -xf bundle/data/image/pkgdb.tar -C x; cd x; d=var/lib/dpkg;"
		    "[ \"$(cat $d/status $d/diversions lib/apk/db/installed $d/info/c.list | tr "
		    "'\\n' ' ')\" = 'top div apk 1 ' ];"
		    "cmp var/lib/rpm/rpmdb.sqlite "
		    "../data/overlay2/cache0/diff/var/lib/rpm/rpmdb.sqlite;"
		    "[ $(find . -type f | wc -l) = 8 ]; [ $(cat usr/lib/os-release) = ID=x ]; [ "
		    "\"$(echo $(ls $d/info))\" = 'a.list "
		    "a.md5sums c.list' ]");
	cr_assert(gap_of(w, "var/lib/rpm/Packages", KAN_GAP_MALFORMED), "a link");
	cr_assert_eq(w->n_gaps, 2, "and the scope of the layers' own digests");
	engine_free(w);
}

Test(packages, a_part_of_a_database_that_is_a_link_is_not_followed_and_told)
{
	struct world *w = engine_new();
	world_sh(w, "cd data/overlay2; d=diff/var/lib/dpkg; mkdir -p cache0/$d/info;"
		    "ln -s /etc/shadow cache0/$d/status; ln -s x cache0/$d/info/a.list;"
		    "echo /b >cache0/$d/info/b.list");
	json_decref(collect(w));
	cr_assert(gap_of(w, "var/lib/dpkg/status", KAN_GAP_MALFORMED));
	cr_assert(gap_of(w, "var/lib/dpkg/info/a.list", KAN_GAP_MALFORMED));
	world_sh(w, "[ \"$(tar -tf bundle/data/image/pkgdb.tar)\" = var/lib/dpkg/info/b.list ]");
	engine_free(w);
}

Test(packages, a_database_that_is_there_and_cannot_be_taken_is_not_said_to_be_none)
{
	struct world *w = engine_new();
	world_sh(w, "cd data/overlay2; mkdir -p cache0/diff/var/lib/dpkg;"
		    "ln -s /etc/shadow cache0/diff/var/lib/dpkg/status");
	json_decref(collect(w));
	cr_assert(gap_of(w, "var/lib/dpkg/status", KAN_GAP_MALFORMED));
	cr_assert_not(gap_of(w, "pkgdb.tar", KAN_GAP_NOT_APPLICABLE));
	engine_free(w);
}

Test(packages, after_eight_files_that_never_open_that_no_more_is_tried_is_said_once_of_all,
     .timeout = 90)
{
	enum { FILES = 12, STUCK = 8 };
	size_t stuck = 0;
	struct world *w = engine_new();
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	world_sh(w, "d=data/overlay2/cache0/diff/var/lib/dpkg/info; mkdir -p $d;"
		    "for i in $(seq 0 11); do echo /f >$d/p$i.list; done");
	for (int i = 0; i < FILES; i++) {
		char path[256];
		(void)snprintf(path, sizeof(path),
			       "%s/data/overlay2/cache0/diff/var/lib/dpkg/info/p%d.list", w->top,
			       i);
		cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path), 0);
	}
	w->policy.image_full = false; /* it would open them, too */
	json_decref(collect(w));
	(void)close(notes);
	for (size_t i = 0; i < w->n_gaps; i++)
		stuck += w->gaps[i].code == KAN_GAP_STUCK;
	cr_expect_eq(stuck, STUCK + 1U, "%zu", stuck);
	cr_expect(gap_of(w, "pkgdb.tar", KAN_GAP_STUCK), "of all that was not tried");
	cr_expect_not(gap_of(w, "pkgdb.tar", KAN_GAP_NOT_APPLICABLE));
	engine_free(w);
}

Test(packages, an_image_that_only_names_its_distribution_has_no_database)
{
	struct world *w = engine_new();
	world_sh(w, "cd data/overlay2; mkdir -p cache0/diff/usr/lib;"
		    "echo ID=x >cache0/diff/usr/lib/os-release");
	json_decref(collect(w));
	cr_assert(gap_of(w, "pkgdb.tar", KAN_GAP_NOT_APPLICABLE));
	world_sh(w, "[ \"$(tar -tf bundle/data/image/pkgdb.tar)\" = usr/lib/os-release ]");
	engine_free(w);
}

Test(packages, an_image_without_a_database_has_none_and_that_is_no_error)
{
	struct world *w = engine_new();
	json_decref(collect(w));
	cr_assert(gap_of(w, "pkgdb.tar", KAN_GAP_NOT_APPLICABLE));
	world_sh(w, "[ ! -e bundle/data/image/pkgdb.tar ]");
	engine_free(w);
}

static int little(const struct kan_target *t, struct kan_sink *s, struct kan_err *err)
{
	const char *manager = NULL;
	return kan_packages_take(&manager, t, s, 10, err);
}

Test(packages, all_files_together_have_a_limit_and_each_that_is_left_out_is_told)
{
	struct kan_collector c = kan_collector_image;
	struct world *w = engine_new();
	world_sh(w, "cd data/overlay2/cache0/diff; mkdir -p var/lib/rpm var/lib/dpkg;"
		    "printf 12345678 >var/lib/dpkg/status; printf 1234 >var/lib/rpm/Packages;"
		    "ln var/lib/rpm/Packages var/lib/rpm/again; printf 12 >var/lib/rpm/small");
	c.collect = little;
	cr_assert_eq(world_collect(w, &c), 0);
	cr_assert(gap_of(w, "var/lib/rpm/Packages", KAN_GAP_LIMIT));
	cr_assert(gap_of(w, "var/lib/rpm/again", KAN_GAP_LIMIT));
	world_sh(w, "[ \"$(echo $(tar -tf bundle/data/image/pkgdb.tar))\" = "
		    "'var/lib/dpkg/status var/lib/rpm/small' ]");
	engine_free(w);
}
