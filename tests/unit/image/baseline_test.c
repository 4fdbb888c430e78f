/* The baseline: real layer directories, truth by a plain search of them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "evidence/channel.h"
#include "image/baseline.h"
#include "world.h"

extern const struct kan_collector kan_collector_image;

enum { LAYERS = 4 };

/* Layers l0 (the base) to l3; with init the topmost is the engine's. */
static struct world *prepare(const char *script, bool init)
{
	struct world *w = world_new(LAYERS);
	world_sh(w, "%s", script);
	struct kan_target *t = &w->target;
	t->lowers = kan_xalloc(LAYERS * sizeof(*t->lowers));
	t->n_lowers = LAYERS;
	for (size_t i = 0; i < LAYERS; i++) {
		const char *path = w->lower[LAYERS - 1 - i];
		int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		cr_assert_geq(fd, 0);
		t->lowers[i] = (struct kan_layer){
			.fd = fd, .path = kan_xstrdup(path), .init = init && i == 0};
	}
	return w;
}

static struct world *layers(const char *script, bool init)
{
	struct world *w = prepare(script, init);
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	return w;
}

static void check(struct world *w, const char *top)
{
	world_sh(w,
		 "python3 %s/layers_truth.py check bundle/data/image/baseline.ndjson l0 l1 l2 %s",
		 KAN_TEST_SOURCE, top);
}

static const json_t *row_of(const json_t *rows, int layer, const char *path)
{
	size_t i = 0;
	const json_t *r = NULL;
	json_array_foreach (rows, i, r) {
		const json_t *l = json_object_get(r, "layer");
		if (strcmp(world_str(r, "path"), path) == 0 && json_is_integer(l) &&
		    json_integer_value(l) == layer)
			return r;
	}
	return NULL;
}

static int hidden_by(const json_t *rows, int layer, const char *path)
{
	const json_t *r = row_of(rows, layer, path);
	cr_assert_not_null(r, "%d %s", layer, path);
	const json_t *by = json_object_get(r, "hidden_by");
	return by ? (int)json_integer_value(by) : -1;
}

Test(baseline, whiteout_opaque_directory_and_overwriting_name_the_nearest_layer)
{
	struct world *w = layers(
		"mkdir -p l0/d/sub l0/o/in l0/t l0/m; echo 0 >l0/d/sub/f; echo 0 >l0/o/in/f;"
		"echo 0 >l0/w; echo 0 >l0/over; echo 0 >l0/t/f; echo 0 >l0/m/kept; echo 0 >l0/back;"
		"mknod l1/w c 0 0; mknod l1/back c 0 0; echo 1 >l1/over; mkdir l1/m; echo 1 "
		">l1/m/new;"
		"mknod l1/none c 0 0; mkdir -p l1/d/sub; echo 1 >l1/d/sub/other;"
		"mknod l2/d c 0 0; mkdir l2/o; setfattr -n trusted.overlay.opaque -v y l2/o; echo "
		"2 >l2/t;"
		"echo 2 >l2/back; echo 2 >l2/o/fresh; mkdir l3/over; echo 3 >l3/over/x",
		false);
	json_t *rows = world_rows(w, "baseline.ndjson");
	cr_assert_eq(hidden_by(rows, 0, "/w"), 1);
	cr_assert_eq(hidden_by(rows, 0, "/over"), 1);
	cr_assert_eq(hidden_by(rows, 1, "/over"), 3, "a directory took its place");
	cr_assert_eq(hidden_by(rows, 0, "/back"), 1, "made again later, and still gone");
	cr_assert_eq(hidden_by(rows, 1, "/back"), 2, "the whiteout, too");
	cr_assert_eq(hidden_by(rows, 0, "/d"), 2);
	cr_assert_eq(hidden_by(rows, 0, "/d/sub/f"), 2);
	cr_assert_eq(hidden_by(rows, 1, "/d/sub/other"), 2);
	cr_assert_eq(hidden_by(rows, 0, "/o"), 2);
	cr_assert_eq(hidden_by(rows, 0, "/o/in/f"), 2);
	cr_assert_eq(hidden_by(rows, 2, "/o/fresh"), -1);
	cr_assert_eq(hidden_by(rows, 0, "/t/f"), 2, "its directory is a file now");
	cr_assert_eq(hidden_by(rows, 0, "/m"), -1, "merged");
	cr_assert_eq(hidden_by(rows, 0, "/m/kept"), -1);
	cr_assert_str_eq(world_str(row_of(rows, 1, "/w"), "type"), "chr");
	cr_assert_str_eq(world_str(row_of(rows, 1, "/w"), "rdev"), "0:0");
	check(w, "l3");
	json_decref(rows);
	world_free(w);
}

Test(baseline, random_layers_are_told_as_a_plain_search_finds_them)
{
	for (int seed = 1; seed <= 5; seed++) {
		char script[256];
		(void)snprintf(script, sizeof(script),
			       "python3 %s/layers_truth.py make %d l0 l1 l2 l3", KAN_TEST_SOURCE,
			       seed);
		struct world *w = layers(script, seed % 2);
		check(w, seed % 2 ? "init:l3" : "l3");
		for (size_t i = 0; i < w->n_gaps; i++)
			cr_assert(strcmp(w->gaps[i].what, i ? "pkgdb.tar" : "config.json") == 0 ||
					  strcmp(w->gaps[i].what, "integrity.ndjson") == 0,
				  "%s", w->gaps[i].what);
		world_free(w);
	}
}

Test(baseline, every_byte_may_be_in_a_name_and_the_same_bytes_come_twice)
{
	struct world *w =
		layers("python3 -c \"\n"
		       "import os\n"
		       "for l in b'l0', b'l1':\n"
		       "  for i in range(1, 256):\n"
		       "    if i != 47: open(l + b'/n' + bytes([i]), 'wb').write(l + bytes([i]))\n"
		       "\"; for i in $(seq 300); do echo $i >l0/f$i; done; cp -a l0/. l2",
		       false);
	check(w, "l3");
	world_sh(w, "mv bundle first; mkdir bundle");
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	world_sh(w, "diff -r first bundle");
	world_free(w);
}

Test(baseline, what_a_layer_removes_is_a_ghost_with_its_bytes)
{
	struct world *w =
		layers("mkdir -p l0/srv l0/etc l1/srv l1/etc; echo password >l0/srv/key;"
		       "ln -s key l0/srv/link; ln l0/srv/key l0/srv/twin; echo old >l0/etc/conf;"
		       "head -c 1048577 /dev/urandom >l0/srv/big; head -c 700000 /dev/urandom "
		       ">l0/srv/fits;"
		       "echo placeholder >l0/etc/hosts; for n in key link twin big fits; do mknod "
		       "l1/srv/$n c 0 0; done;"
		       "echo new >l1/etc/conf; mkdir -p l2/srv; echo again >l2/srv/key; mkdir "
		       "l3/etc; touch l3/etc/hosts",
		       true);
	json_t *ghosts = world_rows(w, "ghosts.ndjson");
	cr_assert_eq(json_array_size(ghosts), 6,
		     "key, link, twin, big, fits, conf: no whiteout, nothing of the engine's");
	cr_assert_null(row_of(ghosts, 0, "/etc/hosts"));
	cr_assert_null(row_of(ghosts, 1, "/srv/key"), "a whiteout over which something was made");
	const json_t *key = row_of(ghosts, 0, "/srv/key"), *twin = row_of(ghosts, 0, "/srv/twin");
	cr_assert_eq(json_integer_value(json_object_get(key, "hidden_by")), 1);
	cr_assert_str_eq(world_str(key, "sha256"), world_str(twin, "sha256"));
	cr_assert_str_eq(world_str(row_of(ghosts, 0, "/srv/link"), "link"), "key");
	cr_assert_str_eq(world_str(row_of(ghosts, 0, "/srv/big"), "stored"), "");
	cr_assert_eq(strlen(world_str(row_of(ghosts, 0, "/srv/big"), "sha256")), 64);
	cr_assert_str_eq(world_str(row_of(ghosts, 0, "/etc/conf"), "stored"), "ghosts.tar");
	world_sh(
		w,
		"mkdir x; tar -xf bundle/data/image/ghosts.tar -C x; cmp x/0/srv/fits l0/srv/fits;"
		"cmp x/0/etc/conf l0/etc/conf; cat x/0/srv/key x/0/srv/twin 2>/dev/null | grep -qx "
		"password;"
		"[ $(find x -type f | wc -l) = 3 ]");
	bool told = false;
	for (size_t i = 0; i < w->n_gaps; i++)
		told |= w->gaps[i].type == KAN_MSG_SCOPE &&
			strcmp(w->gaps[i].what, "ghosts.tar") == 0 &&
			strstr(w->gaps[i].why, "1 files, 1048577 bytes");
	cr_assert(told);
	json_decref(ghosts);
	world_free(w);
}

Test(baseline, ghosts_beyond_the_budget_are_digests_only)
{
	struct world *w = layers(
		"for i in $(seq 70); do truncate -s 1M l0/$i; mknod l1/$i c 0 0; done", false);
	world_sh(w, "[ $(tar -tf bundle/data/image/ghosts.tar | wc -l) = 64 ];"
		    "[ $(grep -c '\"stored\"' bundle/data/image/ghosts.ndjson) = 64 ];"
		    "[ $(grep -c '\"sha256\"' bundle/data/image/ghosts.ndjson) = 70 ]");
	check(w, "l3");
	world_free(w);
}

Test(baseline, hard_links_sparse_files_and_attributes_are_whole)
{
	struct world *w = layers("mkdir l0/a l0/b; head -c 300000 /dev/urandom >l0/a/f; ln l0/a/f "
				 "l0/b/g; ln l0/a/f l0/h;"
				 "truncate -s 50M l0/sparse; echo x >l0/cap; setfattr -n user.note "
				 "-v \"$(printf 'a\\nb')\" l0/cap;"
				 "setcap cap_net_raw+ep l0/cap; mkdir l1/b; mknod l1/b/g c 0 0",
				 false);
	json_t *rows = world_rows(w, "baseline.ndjson");
	const json_t *xattrs = json_object_get(row_of(rows, 0, "/cap"), "xattrs");
	cr_assert_eq(json_array_size(xattrs), 2);
	check(w, "l3");
	json_decref(rows);
	world_free(w);
}

/* Of small, streamed, sparse and linked files, as md5sum has it; not when nobody asked. */
Test(baseline, with_verify_image_each_file_has_the_checksum_that_its_packages_record)
{
	struct world *w = prepare("mkdir -p l0/var/lib/dpkg l0/b; echo Package: a "
				  ">l0/var/lib/dpkg/status;"
				  "head -c 1000000 /dev/urandom >l0/large; ln l0/large l0/b/again;"
				  "truncate -s 3M l0/sparse; echo x | dd of=l0/sparse seek=1M "
				  "oflag=seek_bytes conv=notrunc status=none; echo small >l0/small;"
				  ": >l0/empty",
				  false);
	w->policy.verify_image = true;
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	world_sh(w, "cd l0; find . -type f | sort | xargs md5sum | sed 's/  [.]/ /' >../expected; "
		    "cd ..; jq -r 'select(.layer==0 and .type==\"file\") | .package_sum + \" \" + "
		    ".path' bundle/data/image/baseline.ndjson | sort -k 2 >found; "
		    "sort -k 2 expected | diff - found");
	world_free(w);
	w = layers("mkdir -p l0/var/lib/dpkg; echo Package: a >l0/var/lib/dpkg/status", false);
	world_sh(w, "! grep -q package_sum bundle/data/image/baseline.ndjson");
	world_free(w);
}

Test(baseline, a_metacopy_file_has_no_digest_and_that_is_said)
{
	struct world *w = layers(
		"echo data >l0/f; truncate -s 5 l1/f; setfattr -n trusted.overlay.metacopy l1/f",
		false);
	json_t *rows = world_rows(w, "baseline.ndjson");
	cr_assert_str_eq(world_str(row_of(rows, 1, "/f"), "sha256"), "");
	cr_assert_not_null(world_gap(w, "/f", KAN_GAP_UNSUPPORTED));
	json_decref(rows);
	world_free(w);
}

Test(baseline, deep_directories_that_layers_share_are_followed_to_the_end)
{
	struct world *w =
		layers("python3 -c \"\n"
		       "import os\n"
		       "for l in 'l0', 'l1', 'l2':\n"
		       "  here = os.open(l, os.O_RDONLY)\n"
		       "  for i in range(100):\n"
		       "    os.mkdir('d' * 10, dir_fd=here); here = os.open('d' * 10, os.O_RDONLY, "
		       "dir_fd=here)\n"
		       "  os.close(os.open('end', os.O_CREAT | os.O_WRONLY, dir_fd=here))\n"
		       "\"",
		       false);
	check(w, "l3");
	world_free(w);
}

/* Nobody answers the mark's questions until its descriptor is closed. */
Test(baseline, behind_a_file_that_blocks_the_layer_goes_on)
{
	struct world *w = prepare("for d in a b c d; do mkdir -p l0/$d l1/$d; for i in $(seq 50); "
				  "do echo $d $i >l0/$d/$i;"
				  "done; mknod l1/$d/7 c 0 0; done; echo x >l0/b/stuck",
				  false);
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/b/stuck", w->lower[0]);
	int mark = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	if (mark < 0)
		cr_skip_test("no fanotify in this kernel");
	cr_assert_eq(fanotify_mark(mark, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path), 0);
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	(void)close(mark);
	json_t *rows = world_rows(w, "baseline.ndjson");
	cr_assert_not_null(world_gap(w, "/b/stuck", KAN_GAP_STUCK));
	cr_assert_str_eq(world_str(row_of(rows, 0, "/b/stuck"), "sha256"), "");
	for (char d = 'a'; d <= 'd'; d++) {
		(void)snprintf(path, sizeof(path), "/%c/7", d);
		cr_assert_eq(hidden_by(rows, 0, path), 1, "%s", path);
	}
	world_sh(w,
		 "[ $(grep -c '\"layer\":0.*\"sha256\"' bundle/data/image/baseline.ndjson) = 200 ];"
		 "[ $(tar -tf bundle/data/image/ghosts.tar | wc -l) = 4 ]");
	json_decref(rows);
	world_free(w);
}

Test(baseline, image_none_is_scope)
{
	struct world *w = world_new(1);
	w->policy.image_full = false;
	world_sh(w, "mkdir -p l0/var/lib/dpkg; echo Package: a >l0/var/lib/dpkg/status");
	w->target.lowers = kan_xalloc(sizeof(*w->target.lowers));
	w->target.n_lowers = 1;
	w->target.lowers[0] =
		(struct kan_layer){.fd = open(w->lower[0], O_PATH | O_DIRECTORY | O_CLOEXEC),
				   .path = kan_xstrdup("overlay2/abc/diff")};
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	world_sh(w, "cd bundle/data/image; [ \"$(echo *)\" = 'integrity.ndjson layers.ndjson "
		    "pkgdb.tar' ]");
	bool told = false;
	for (size_t i = 0; i < w->n_gaps; i++)
		told |= w->gaps[i].type == KAN_MSG_SCOPE &&
			strcmp(w->gaps[i].why, "--image none") == 0;
	cr_assert(told);
	world_free(w);
}
