/* Changes, against truth that the test makes itself on a real overlay mount. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

extern const struct kan_collector kan_collector_filesystem;

static struct world *w;

static void leave(void)
{
	json_decref(w->rows);
	if (w->target.data_root_fd >= 0)
		(void)close(w->target.data_root_fd);
	world_free(w);
}

static void make(size_t layers)
{
	w = world_new(layers);
}

static void capture(void)
{
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	w->rows = world_rows(w, "changes.ndjson");
}

static const json_t *row(const char *path)
{
	const json_t *r = world_row(w->rows, path);
	cr_assert_not_null(r, "no row for %s", path);
	return r;
}

static void is(const char *path, const char *change)
{
	cr_assert_str_eq(world_str(row(path), "change"), change, "%s: %s", path,
			 json_dumps(row(path), 0));
}

static bool lists(const json_t *r, const char *key, const char *word)
{
	size_t i = 0;
	const json_t *v = NULL;
	json_array_foreach (json_object_get(r, key), i, v)
		if (strcmp(json_string_value(v), word) == 0)
			return true;
	return false;
}

static void sha(const json_t *r, const char *key, const char *file)
{
	char *want = world_line(w, "sha256sum '%s'", file);
	want[64] = 0;
	cr_assert_str_eq(world_str(r, key), want, "%s", file);
	free(want);
}

/* What an engine makes beside the mounts, and what only looks so. */
static void make_places(void)
{
	make(1);
	world_sh(w, "mkdir -p l0/etc l0/run");
	world_mount(w, "");
	world_sh(w, "cd m; ln -s /proc/mounts etc/mtab; : >run/.containerenv; : >etc/hosts; "
		    "echo 'name = x' >etc/hostname; : >etc/resolv; ln -s /proc/1/mounts run/mtab");
}

static void be_podmans(void)
{
	static char storage[] = "overlay";
	char path[256];
	world_sh(w,
		 "mkdir -p data/overlay-containers; echo '[{\"id\":\"ID\",\"layer\":\"%064d\"}]' "
		 ">data/overlay-containers/containers.json",
		 1);
	(void)snprintf(path, sizeof(path), "%s/data", w->top);
	(void)snprintf(w->target.id, sizeof(w->target.id), "ID");
	w->target.storage = storage;
	w->target.data_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->target.engine_root_fd = -1;
}

Test(changes, of_another_engine_what_podman_puts_there_is_added, .fini = leave)
{
	make_places();
	capture();
	is("/etc/mtab", "added");
	is("/run/.containerenv", "added");
	is("/etc/hosts", "added");
}

Test(changes, what_podman_puts_into_the_containers_own_layer_is_the_engines, .fini = leave)
{
	make_places();
	be_podmans();
	capture();
	cr_expect_eq(w->n_gaps, 0);
	is("/etc/mtab", "engine");
	is("/run/.containerenv", "engine");
	is("/etc/hosts", "engine");
	is("/etc/hostname", "added");
	is("/etc/resolv", "added");
	is("/run/mtab", "added");
}

Test(changes, every_word_is_told_from_what_was_really_done, .fini = leave)
{
	make(2);
	world_sh(w,
		 "mkdir -p l0/etc l0/bin l0/keep l1/etc; echo root:x >l0/etc/passwd; echo aaaa "
		 ">l0/bin/same;"
		 "echo old >l0/etc/upper-layer; echo new >l1/etc/upper-layer; echo x >l0/bin/mode; "
		 "echo x >l0/bin/back;"
		 "echo x >l0/bin/gone; ln -s /etc/one l0/bin/link; echo x >l0/keep/file; echo x "
		 ">l0/bin/attr;"
		 "cp /bin/true l0/bin/cap; touch -d '2020-01-01 00:00:00.123456789' l0/bin/same");
	world_mount(w, "");
	world_sh(
		w,
		"cd m; echo more >>etc/passwd; echo added >etc/added; chmod 700 bin/mode; chmod "
		"700 bin/back;"
		"chmod 644 bin/back; rm bin/gone; ln -sfn /etc/two bin/link; echo new2 "
		">>etc/upper-layer;"
		"touch -r bin/same ../ref; echo bbbb >bin/same; touch -r ../ref bin/same;"
		"setfattr -n user.note -v 1 bin/attr; setcap cap_net_raw+ep bin/cap; mkdir newdir");
	capture();
	is("/etc/passwd", "changed");
	is("/etc/added", "added");
	is("/etc", "parent");
	is("/", "parent");
	is("/bin/mode", "metadata");
	cr_assert(lists(row("/bin/mode"), "differs", "mode"));
	is("/bin/back", "identical");
	is("/bin/gone", "deleted");
	cr_assert_str_eq(world_str(row("/bin/gone"), "below.mode"), "0100644");
	cr_assert_str_eq(world_str(row("/bin/gone"), "bound"), "parent_mtime");
	is("/bin/link", "changed");
	cr_assert_str_eq(world_str(row("/bin/link"), "link"), "/etc/two");
	cr_assert_str_eq(world_str(row("/bin/link"), "below.link"), "/etc/one");
	is("/bin/same", "changed");
	cr_assert_eq(json_integer_value(json_object_get(row("/bin/same"), "mtime_ns")),
		     json_integer_value(json_object_get(json_object_get(row("/bin/same"), "below"),
							"mtime_ns")));
	is("/bin/attr", "metadata");
	cr_assert(lists(row("/bin/attr"), "differs", "xattrs"));
	is("/bin/cap", "metadata");
	cr_assert(lists(row("/bin/cap"), "differs", "capability"));
	is("/newdir", "added");
	is("/etc/upper-layer", "changed");
	cr_assert_eq(json_integer_value(json_object_get(
			     json_object_get(row("/etc/upper-layer"), "below"), "layer")),
		     1);
	cr_assert_eq(json_integer_value(json_object_get(
			     json_object_get(row("/etc/passwd"), "below"), "layer")),
		     0);
	cr_assert_null(world_row(w->rows, "/keep/file"));
	cr_assert_null(world_row(w->rows, "/keep"));
	sha(row("/etc/passwd"), "sha256", "upper/etc/passwd");
	sha(row("/bin/same"), "sha256", "upper/bin/same");
	sha(row("/bin/same"), "below.sha256", "l0/bin/same");
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(changes, both_sides_have_their_attributes_in_words_and_all_times, .fini = leave)
{
	make(1);
	world_sh(w, "cp /bin/true l0/cap; setcap cap_chown+p l0/cap; echo x >l0/acl;"
		    "mknod l0/dev c 1 3; echo x >l0/bad; touch -a -d @7 l0/acl");
	world_mount(w, "");
	world_sh(w,
		 "cd m; setcap cap_net_raw,cap_bpf+ep cap; setfattr -n system.posix_acl_access -v "
		 "0x0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff"
		 "20000000ffffffff acl; chmod 700 dev; setfattr -n security.ima -v 0x63 bad");
	capture();
	const json_t *cap = json_object_get(row("/cap"), "capability");
	char *text = json_dumps(cap, JSON_SORT_KEYS | JSON_COMPACT);
	cr_assert_str_eq(text,
			 "{\"effective\":true,\"inheritable\":[],\"permitted\":[\"cap_net_raw\","
			 "\"cap_bpf\"],\"revision\":2}");
	free(text);
	cap = json_object_get(json_object_get(row("/cap"), "below"), "capability");
	cr_assert(lists(cap, "permitted", "cap_chown"));
	cr_assert(json_is_false(json_object_get(cap, "effective")));
	cr_assert_str_eq(world_str(row("/acl"), "acl"), "u::rw-,u:1000:r--,g::r--,m::r--,o::---");
	cr_assert(lists(row("/acl"), "differs", "acl"));
	cr_assert(lists(row("/bad"), "undecoded", "security.ima"));
	cr_assert_str_eq(world_str(row("/dev"), "below.rdev"), "1:3");
	const json_t *below = json_object_get(row("/acl"), "below");
	cr_assert_eq(json_integer_value(json_object_get(below, "atime_ns")), 7000000000);
	char *want = world_line(w, "stat -c '%%Z %%b' l0/acl");
	long long ctime = 0, blocks = 0;
	cr_assert_eq(sscanf(want, "%lld %lld", &ctime, &blocks), 2);
	free(want);
	cr_assert_eq(json_integer_value(json_object_get(below, "ctime_ns")) / 1000000000, ctime);
	cr_assert_eq(json_integer_value(json_object_get(below, "blocks")), blocks);
	cr_assert_not_null(json_object_get(row("/acl"), "atime_ns"));
}

Test(changes, a_label_of_the_hosts_own_is_in_both_rows_and_no_change, .fini = leave)
{
	make(1);
	world_sh(w, "mkdir l0/d; echo x >l0/same; echo x >l0/note; echo x >l0/mode");
	world_mount(w, "");
	world_sh(w, "cd m; chmod 600 same note mode; chmod 644 same note; setfattr -n user.n -v 1 "
		    "note; echo new >d/new");
	world_unmount(w);
	/* As under a mount with context=: what is copied up gets the mount's. */
	world_sh(w, "for l in security.selinux security.ima security.evm security.apparmor "
		    "security.SMACK64 security.SMACK64EXEC; do for f in same note mode d .; do "
		    "setfattr -n $l -v below l0/$f; setfattr -n $l -v own upper/$f; done; done; "
		    "setfattr -x security.ima l0/same; setfattr -x security.evm upper/same");
	capture();
	is("/same", "identical");
	is("/d", "parent");
	is("/", "parent");
	is("/note", "metadata");
	cr_expect(lists(row("/note"), "differs", "xattrs"));
	is("/mode", "metadata");
	cr_expect(lists(row("/mode"), "differs", "mode"));
	cr_expect_eq(json_array_size(json_object_get(row("/mode"), "differs")), 1);
	cr_expect_str_eq(world_str(row("/same"), "label"), "own");
	cr_expect_str_eq(world_str(row("/same"), "below.label"), "below");
	cr_expect_eq(json_array_size(json_object_get(row("/same"), "xattrs")), 6, "and the origin");
}

Test(changes, an_origin_is_parsed_and_names_the_lower_inode, .fini = leave)
{
	make(1);
	world_sh(w, "echo x >l0/f");
	world_mount(w, "");
	world_sh(w, "echo y >>m/f");
	capture();
	char *ino = world_line(w, "stat -c %%i l0/f");
	cr_assert_str_eq(world_str(row("/f"), "origin_ino"), ino);
	free(ino);
}

Test(changes, below_an_opaque_directory_every_path_is_told, .fini = leave)
{
	make(2);
	world_sh(w, "mkdir -p l0/d/sub/deep l1/d/other; echo 1 >l0/d/a; echo 2 >l0/d/sub/b; echo 3 "
		    ">l0/d/sub/deep/c;"
		    "echo 4 >l1/d/other/o; echo 5 >l1/d/a; echo 6 >l0/d/alike; touch -d 2020-01-01 "
		    "l0/d/alike");
	world_mount(w, "");
	world_sh(w, "cp -p m/d/alike alike; rm -r m/d; mkdir m/d; cp -p alike m/d/alike; echo n "
		    ">m/d/new; mkdir m/d/sub; echo b >m/d/sub/nb");
	capture();
	cr_assert_str_eq(world_str(row("/d"), "opaque"), "y");
	is("/d/a", "deleted");
	cr_assert_eq(
		json_integer_value(json_object_get(json_object_get(row("/d/a"), "below"), "layer")),
		1);
	is("/d/sub/b", "deleted");
	is("/d/sub/deep", "deleted");
	is("/d/sub/deep/c", "deleted");
	is("/d/other", "deleted");
	is("/d/other/o", "deleted");
	is("/d/alike", "identical");
	is("/d/new", "added");
	is("/d/sub", "parent");
	is("/d/sub/nb", "added");
	cr_assert_str_eq(world_str(row("/d/sub/b"), "deleted_by"), "opaque");
	cr_assert_str_eq(world_str(row("/d/sub/deep/c"), "parent"),
			 world_str(row("/d/sub/deep"), "id"));
}

Test(changes, a_deleted_tree_is_a_row_for_each_of_its_paths, .fini = leave)
{
	make(3);
	world_sh(w, "mkdir -p l0/t/u l1/t/u l2/t; echo 1 >l0/t/u/a; echo 2 >l1/t/u/b; echo 3 "
		    ">l0/t/hid; mknod l2/t/hid c 0 0");
	world_mount(w, "");
	world_sh(w, "rm -r m/t");
	capture();
	is("/t", "deleted");
	is("/t/u", "deleted");
	is("/t/u/a", "deleted");
	is("/t/u/b", "deleted");
	cr_assert_null(world_row(w->rows, "/t/hid"), "it was hidden in the image already");
	cr_assert_eq(json_array_size(w->rows), 5);
	world_sh(w, "tar -xOf bundle/data/filesystem/before.tar t/u/a | cmp - l0/t/u/a");
}

Test(changes, a_changed_type_is_said_and_what_was_inside_is_gone, .fini = leave)
{
	make(1);
	world_sh(w, "mkdir -p l0/d/e; echo 1 >l0/d/e/f; echo 2 >l0/file");
	world_mount(w, "");
	world_sh(w, "rm -r m/d; echo now >m/d; rm m/file; mkdir m/file; rm -f m/none");
	capture();
	is("/d", "changed");
	cr_assert(json_is_true(json_object_get(row("/d"), "type_changed")));
	is("/d/e", "deleted");
	is("/d/e/f", "deleted");
	cr_assert_str_eq(world_str(row("/d/e/f"), "deleted_by"), "type");
	is("/file", "changed");
	cr_assert_str_eq(world_str(row("/file"), "type"), "dir");
}

Test(changes, the_images_version_is_digested_whole_whatever_its_size, .fini = leave)
{
	static const unsigned long sizes[] = {
		0, 1, 4096, 1 << 20, (1 << 20) + 1, (1 << 20) + 4096, (1 << 20) + 4097, 3 << 20};
	char path[32], lower[32];
	make(1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		world_sh(w, "seq 1 500000 | head -c %lu >l0/f%lu", sizes[i], sizes[i]);
	world_mount(w, "");
	world_sh(w, "cd m; for f in f*; do cp $f t; mv t $f; done"); /* of the same size */
	capture();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		(void)snprintf(path, sizeof(path), "/f%lu", sizes[i]);
		(void)snprintf(lower, sizeof(lower), "l0/f%lu", sizes[i]);
		sha(row(path), "below.sha256", lower);
	}
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(changes, a_directory_where_a_file_was_keeps_the_files_bytes, .fini = leave)
{
	make(1);
	world_sh(w, "echo was >l0/f; mkdir l0/d; echo in >l0/d/x");
	world_mount(w, "");
	world_sh(w, "cd m; rm f; mkdir f; echo new >f/x; rm -r d; echo file >d");
	capture();
	is("/f", "changed");
	sha(row("/f"), "below.sha256", "l0/f");
	is("/f/x", "added");
	is("/d", "changed");
	is("/d/x", "deleted");
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
	world_sh(w, "tar -xOf bundle/data/filesystem/before.tar f | cmp - l0/f");
}

Test(changes, words_of_overlay_that_are_only_data_are_planted, .fini = leave)
{
	make(1);
	world_sh(w, "echo x >l0/real");
	world_mount(w, "");
	world_unmount(w);
	world_sh(w, "cd upper; mknod nothing c 0 0; echo >.wh.real; echo >f; setfattr -n "
		    "user.overlay.opaque -v y f;"
		    "mkdir d; setfattr -n trusted.overlay.overlay.opaque -v y d");
	capture();
	is("/nothing", "added");
	cr_assert(lists(row("/nothing"), "planted", "whiteout"));
	is("/.wh.real", "added");
	cr_assert(lists(row("/.wh.real"), "planted", ".wh."));
	cr_assert(lists(row("/f"), "planted", "user.overlay.opaque"));
	cr_assert(lists(row("/d"), "planted", "trusted.overlay.overlay.opaque"));
	cr_assert_str_eq(world_str(row("/d"), "opaque"), "");
	cr_assert_null(world_row(w->rows, "/real"));
}

Test(changes, with_userxattr_the_other_prefix_counts, .fini = leave)
{
	make(1);
	world_sh(w, "mkdir l0/d; echo x >l0/d/x");
	world_mount(w, "");
	world_unmount(w);
	world_sh(w, "mkdir upper/d; setfattr -n user.overlay.opaque -v y upper/d");
	w->target.userxattr = true;
	capture();
	is("/d/x", "deleted");
	cr_assert_eq(json_array_size(json_object_get(row("/d"), "planted")), 0);
}

Test(changes, a_metacopy_file_has_the_digest_of_the_images_data, .fini = leave)
{
	make(1);
	world_sh(w, "head -c 5000 /dev/urandom >l0/big");
	world_mount(w, ",metacopy=on");
	world_sh(w, "chmod 4755 m/big");
	capture();
	is("/big", "metadata");
	cr_assert(json_is_true(json_object_get(row("/big"), "metacopy")));
	sha(row("/big"), "sha256", "l0/big");
}

Test(changes, without_the_images_layers_what_is_there_is_a_row_without_a_word, .fini = leave)
{
	make(1);
	world_sh(w, "mkdir l0/d; echo x >l0/d/x; echo x >l0/gone; head -c 5000 /dev/zero >l0/big");
	world_mount(w, ",metacopy=on");
	world_sh(w, "cd m; echo new >d/new; rm gone; chmod 4755 big; ln -s /proc/mounts d/mtab");
	(void)close(w->target.lowers[0].fd);
	free(w->target.lowers[0].path);
	w->target.n_lowers = 0;
	static char lost[] = "overlay2/base/diff is gone";
	w->target.lowers_lost = lost;
	capture();
	static const char *const paths[] = {"/", "/d", "/d/new", "/d/mtab", "/gone", "/big"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cr_expect_null(json_object_get(row(paths[i]), "change"), "%s", paths[i]);
		cr_expect_null(json_object_get(row(paths[i]), "planted"), "%s", paths[i]);
	}
	cr_expect_eq(json_array_size(w->rows), 6);
	sha(row("/d/new"), "sha256", "upper/d/new");
	cr_expect_str_eq(world_str(row("/gone"), "type"), "chr");
	cr_expect_not_null(world_gap(w, "/big", KAN_GAP_VANISHED));
	const struct world_gap *whole = world_gap(w, "changes.ndjson", KAN_GAP_VANISHED);
	cr_assert_not_null(whole);
	cr_expect_not_null(strstr(whole->why, lost), "%s", whole->why);
	cr_expect_eq(w->n_gaps, 2);
}

Test(changes, a_redirected_directory_is_looked_up_where_it_was, .fini = leave)
{
	make(2);
	world_sh(w, "mkdir -p l0/old/sub l0/far/old2/s; echo 1 >l0/old/f; echo 2 >l0/old/sub/g; "
		    "mkdir -p l1/old; echo 3 >l0/far/old2/s/h; mkdir -p l0/low/sub l1/a/x; echo 1 "
		    ">l0/low/sub/f; echo 2 >l1/a/x/g; setfattr -n trusted.overlay.redirect -v /low "
		    "l1/a/x; mknod l1/low c 0 0");
	world_mount(w, ",redirect_dir=on");
	world_sh(w, "mv m/old m/new; echo more >>m/new/f; rm m/new/sub/g; mv m/far/old2 m/near; "
		    "echo more >>m/near/s/h; echo more >>m/a/x/sub/f; echo more >>m/a/x/g");
	capture();
	cr_assert_str_eq(world_str(row("/new"), "redirect"), "old");
	is("/new", "added");
	is("/new/f", "changed");
	is("/new/sub/g", "deleted");
	is("/old", "deleted");
	is("/old/sub/g", "deleted");
	cr_assert_str_eq(world_str(row("/near"), "redirect"), "/far/old2");
	is("/near/s/h", "changed");
	is("/far/old2/s/h", "deleted");
	cr_assert_str_eq(world_str(row("/new/f"), "below.path"), "/old/f");
	cr_assert_str_eq(world_str(row("/new/sub/g"), "below.path"), "/old/sub/g");
	cr_assert_str_eq(world_str(row("/near/s/h"), "below.path"), "/far/old2/s/h");
	cr_assert_str_eq(world_str(row("/old/f"), "below.path"), "", "not redirected");
	cr_assert_str_eq(world_str(row("/a/x/sub/f"), "below.path"), "/low/sub/f",
			 "by the layer's own redirect");
}

Test(changes, a_redirect_that_leads_to_its_own_place_is_no_rename, .fini = leave)
{
	make(1);
	world_sh(w, "mkdir -p l0/d l0/old/sub l0/full; echo 1 >l0/d/f; echo 2 >l0/old/sub/g; "
		    "echo 3 >l0/full/h; echo 4 >l0/two");
	world_mount(w, ",redirect_dir=on,metacopy=on");
	/* A second name gives the first one a redirect, too; and what was moved away and back keeps
	 * one. */
	world_sh(w, "cd m; ln two second; mv d x; mv x d; mv full x; mv x full; echo n >full/new; "
		    "mv old new; mv new/sub new/x; mv new/x new/sub; touch -r d/f ../ref; "
		    "mv d/f d/y; mv d/y d/f; chmod 600 d/f");
	char *marks = world_line(w, "getfattr --absolute-names -h -n trusted.overlay.redirect "
				    "--only-values upper/two");
	cr_assert_str_eq(marks, "/two", "as the kernel wrote it");
	free(marks);
	capture();
	is("/two", "identical");
	is("/second", "added");
	is("/d", "parent");
	is("/d/f", "metadata");
	cr_expect_str_eq(world_str(row("/d/f"), "redirect"), "f");
	is("/full", "parent");
	is("/full/new", "added");
	is("/new", "added");
	is("/new/sub", "identical");
	cr_expect_str_eq(world_str(row("/new/sub"), "below.path"), "/old/sub");
	is("/old/sub/g", "deleted");
	cr_expect_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(changes, a_renamed_directory_is_found_again_after_a_long_way_down, .fini = leave)
{
	make(1);
	/* Whatever the order of the walk, some of the directories come after the way down. */
	world_sh(w, "mkdir -p l0/old$(printf '/d%%.0s' $(seq 300)); for i in $(seq 40); do mkdir "
		    "l0/old/$i; echo 1 >l0/old/$i/f; done; echo 1 >l0/old$(printf '/d%%.0s' $(seq "
		    "300))/x");
	world_mount(w, ",redirect_dir=on");
	world_sh(w, "mv m/old m/new; for i in $(seq 40); do echo more >>m/new/$i/f; done;"
		    "echo more >>m/new$(printf '/d%%.0s' $(seq 300))/x");
	capture();
	is("/new", "added");
	for (int i = 1; i <= 40; i++) {
		char path[32];
		(void)snprintf(path, sizeof(path), "/new/%d/f", i);
		is(path, "changed");
	}
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(changes, hard_links_are_told_by_name_and_stored_once, .fini = leave)
{
	make(1);
	world_sh(w, "mkdir l0/a l0/b");
	world_mount(w, "");
	world_sh(w,
		 "head -c 100000 /dev/urandom >m/a/one; ln m/a/one m/b/two; ln m/a/one m/b/three");
	capture();
	sha(row("/a/one"), "sha256", "m/a/one");
	sha(row("/b/two"), "sha256", "m/a/one");
	sha(row("/b/three"), "sha256", "m/a/one");
	world_sh(w, "mkdir x; tar -xf bundle/data/filesystem/upper.tar -C x; cmp x/b/two m/a/one;"
		    "[ $(stat -c %%h x/a/one) = 3 ]; [ $(stat -c %%s "
		    "bundle/data/filesystem/upper.tar) -lt 110000 ]");
}

Test(changes, names_of_every_byte_are_exact, .fini = leave)
{
	make(1);
	world_mount(w, "");
	for (unsigned b = 1; b < 256; b++) {
		char path[128];
		if (b == '/')
			continue;
		(void)snprintf(path, sizeof(path), "%s/n%c", w->merged, (int)b);
		FILE *f = fopen(path, "w");
		cr_assert_not_null(f);
		(void)fclose(f);
	}
	capture();
	for (unsigned b = 1; b < 256; b++) {
		char path[16];
		if (b == '/')
			continue;
		(void)snprintf(path, sizeof(path), "/n%c", (int)b);
		is(path, "added");
	}
	world_sh(w, "mkdir x; tar -xf bundle/data/filesystem/upper.tar -C x; diff <(cd x; ls -1b | "
		    "sort) <(cd upper; ls -1b | sort)");
}

Test(changes, special_files_are_rows_and_never_opened, .fini = leave)
{
	make(1);
	world_mount(w, "");
	world_sh(w,
		 "cd m; mkfifo fifo; mknod null c 1 3; mknod disk b 8 0; python3 -c 'import socket;"
		 "socket.socket(socket.AF_UNIX).bind(\"sock\")'; ln -s /etc/passwd link; ln -s "
		 "loop loop");
	capture();
	cr_assert_str_eq(world_str(row("/fifo"), "type"), "fifo");
	cr_assert_str_eq(world_str(row("/null"), "rdev"), "1:3");
	cr_assert_str_eq(world_str(row("/disk"), "type"), "blk");
	cr_assert_str_eq(world_str(row("/sock"), "type"), "socket");
	cr_assert_str_eq(world_str(row("/link"), "link"), "/etc/passwd");
	cr_assert_eq(w->n_gaps, 0);
	char *n = world_line(w, "tar -tf bundle/data/filesystem/upper.tar | grep -c -e fifo -e "
				"null -e disk -e sock || true");
	cr_assert_str_eq(n, "0");
	free(n);
}

Test(changes, set_id_bits_are_in_the_row_and_not_in_the_tar, .fini = leave)
{
	make(1);
	world_mount(w, "");
	world_sh(w, "cp /bin/true m/su; chmod 6755 m/su");
	capture();
	cr_assert_str_eq(world_str(row("/su"), "mode"), "0106755");
	world_sh(w, "tar -tvf bundle/data/filesystem/upper.tar ./su su 2>/dev/null | grep -q -- "
		    "'-rwxr-xr-x' ");
}

Test(changes, an_immutable_file_of_the_container_says_so, .fini = leave)
{
	make(1);
	world_sh(w, "echo x >l0/f");
	world_mount(w, "");
	world_sh(w, "echo y >m/g; chattr +i m/g; chattr +i m/f");
	capture();
	cr_assert(lists(row("/g"), "flags", "immutable"));
	is("/f", "metadata");
	cr_assert(lists(row("/f"), "differs", "flags"), "%s", json_dumps(row("/f"), 0));
	world_sh(w, "chattr -i m/g m/f");
}

Test(changes, init_layer_files_are_the_engines_and_not_the_images, .fini = leave)
{
	make(2);
	world_sh(w, "mkdir -p l0/etc l1/etc; touch l1/etc/hosts");
	world_mount(w, "");
	w->target.lowers[0].init = true;
	world_sh(w, "echo '6.6.6.6 update' >>m/etc/hosts");
	capture();
	is("/etc/hosts", "changed");
	cr_assert_str_eq(world_str(row("/etc/hosts"), "below.layer"), "init");
}

Test(changes, inside_a_short_pause_all_is_read_and_told_as_frozen, .fini = leave)
{
	make(1);
	world_sh(w, "echo x >l0/f");
	world_mount(w, "");
	world_sh(w, "echo y >>m/f; echo z >m/g");
	w->frozen = true;
	capture();
	cr_assert_eq(w->window_entries, 3);
	cr_assert_eq(w->window_bytes, 6);
	cr_assert(json_is_true(json_object_get(row("/f"), "frozen")));
	is("/f", "changed");
	is("/g", "added");
	sha(row("/f"), "below.sha256", "l0/f");
}

Test(changes, a_path_beyond_a_page_is_kept_under_its_digest, .fini = leave)
{
	make(1);
	world_mount(w, "");
	world_sh(w, "python3 - <<'E'\nimport os\nos.chdir('m')\nfor i in range(40):\n "
		    "os.mkdir('d'*200)\n os.chdir('d'*200)\n"
		    "open('leaf','w').write('deep')\nE");
	capture();
	const json_t *r = json_array_get(w->rows, json_array_size(w->rows) - 1);
	cr_assert_str_eq(world_str(r, "name"), "leaf");
	char *digest = world_line(w, "printf deep | sha256sum | cut -c-64");
	char stored[128];
	(void)snprintf(stored, sizeof(stored), "content/%s", digest);
	cr_assert_str_eq(world_str(r, "stored"), stored);
	world_sh(w, "[ $(cat bundle/data/filesystem/%s) = deep ]", stored);
	cr_assert_eq(json_string_length(json_object_get(r, "path")), 40 * 201 + 5);
	free(digest);
}

/* Who opens what lies there waits until the descriptor is closed. */
static int hold(const char *place, uint64_t more)
{
	char path[256];
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	(void)snprintf(path, sizeof(path), "%s/%s", w->top, place);
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD,
				   more & FAN_ACCESS_PERM ? more : FAN_OPEN_PERM | more, AT_FDCWD,
				   path),
		     0);
	return notes;
}

Test(changes, an_upper_directory_that_never_opens_is_stuck_and_costs_no_other, .fini = leave,
     .timeout = 90)
{
	make(1);
	world_mount(w, "");
	world_sh(w, "mkdir m/a m/held m/z; echo a >m/a/a; echo h >m/held/h; echo z >m/z/z");
	int notes = hold("upper/held", FAN_ONDIR);
	capture();
	(void)close(notes);
	is("/held", "added");
	is("/z/z", "added");
	sha(row("/a/a"), "sha256", "upper/a/a");
	sha(row("/z/z"), "sha256", "upper/z/z");
	cr_expect_null(world_row(w->rows, "/held/h"));
	cr_expect_not_null(world_gap(w, "/held", KAN_GAP_STUCK));
	cr_expect_eq(w->n_gaps, 1);
}

Test(changes, an_images_directory_that_never_opens_is_stuck_and_costs_no_other, .fini = leave,
     .timeout = 90)
{
	make(1);
	world_sh(w, "mkdir l0/gone l0/held l0/more; echo g >l0/gone/g; echo h >l0/held/h; "
		    "echo m >l0/more/m");
	world_mount(w, "");
	world_sh(w, "rm -r m/gone m/held m/more; echo a >m/added");
	int notes = hold("l0/held", FAN_ONDIR);
	capture();
	(void)close(notes);
	is("/gone/g", "deleted");
	is("/held", "deleted");
	is("/more/m", "deleted");
	is("/added", "added");
	cr_expect_null(world_row(w->rows, "/held/h"));
	cr_expect_not_null(world_gap(w, "/held", KAN_GAP_STUCK));
	cr_expect_eq(w->n_gaps, 1);
}

Test(changes, after_eight_of_the_images_files_that_never_open_no_more_are_tried_and_said_once,
     .fini = leave, .timeout = 90)
{
	enum { FILES = 12, STUCK = 8 };
	int notes[FILES];
	size_t stuck = 0, first = 0;
	make(1);
	world_sh(w, "for i in $(seq 0 11); do echo old$i >l0/f$i; done");
	world_mount(w, "");
	world_sh(w, "for i in $(seq 0 11); do echo new$i >m/f$i; done");
	for (int i = 0; i < FILES; i++) {
		char place[32];
		(void)snprintf(place, sizeof(place), "l0/f%d", i);
		notes[i] = hold(place, 0);
	}
	capture();
	for (int i = 0; i < FILES; i++)
		(void)close(notes[i]);
	for (size_t i = 0; i < w->n_gaps; i++) {
		stuck += w->gaps[i].code == KAN_GAP_STUCK;
		first += strstr(w->gaps[i].why, "was not tried") != NULL;
	}
	cr_expect_eq(stuck, STUCK + 1U, "%zu", stuck);
	cr_expect_eq(first, 1);
	cr_expect_eq(w->n_gaps, stuck);
	cr_expect_eq(json_array_size(w->rows), FILES + 1U);
}

Test(changes, after_eight_of_the_images_directories_that_never_open_no_more_are_tried_and_said_once,
     .fini = leave, .timeout = 90)
{
	enum { DIRS = 12, STUCK = 8 };
	int notes[DIRS];
	size_t stuck = 0;
	make(1);
	world_sh(w, "for i in $(seq 0 11); do mkdir l0/d$i; echo x >l0/d$i/f; done");
	world_mount(w, "");
	world_sh(w, "rm -r m/d*");
	for (int i = 0; i < DIRS; i++) {
		char place[32];
		(void)snprintf(place, sizeof(place), "l0/d%d", i);
		notes[i] = hold(place, FAN_ONDIR);
	}
	capture();
	for (int i = 0; i < DIRS; i++)
		(void)close(notes[i]);
	for (size_t i = 0; i < w->n_gaps; i++)
		stuck += w->gaps[i].code == KAN_GAP_STUCK;
	cr_expect_eq(stuck, STUCK + 1U, "%zu", stuck);
	cr_expect_eq(w->n_gaps, stuck);
	cr_expect_eq(json_array_size(w->rows), DIRS + 1U);
}

Test(changes, a_file_whose_content_is_not_known_has_no_word_and_what_differs_beside_is_told,
     .fini = leave, .timeout = 90)
{
	make(1);
	world_sh(w, "for i in moved same other empty; do echo old$i >l0/$i; done; : >l0/empty; "
		    "head -c 2M /dev/zero >l0/large");
	world_mount(w, "");
	world_sh(w, "cd m; for i in moved same; do touch -r $i ../ref; echo new$i >$i; "
		    "touch -r ../ref $i; done; chmod 600 moved; echo new >other; chmod 600 empty; "
		    "touch -r large ../ref; tr '\\0' x <../l0/large >large; touch -r ../ref large");
	int moved = hold("upper/moved", 0), same = hold("upper/same", 0),
	    large = hold("l0/large", 0);
	capture();
	(void)close(moved);
	(void)close(same);
	(void)close(large);
	cr_expect_null(json_object_get(row("/moved"), "change"));
	cr_expect(lists(row("/moved"), "differs", "mode"));
	cr_expect_eq(json_array_size(json_object_get(row("/moved"), "differs")), 1);
	cr_expect_null(json_object_get(row("/same"), "change"));
	cr_expect_null(json_object_get(row("/same"), "differs"));
	cr_expect_null(json_object_get(row("/large"), "change"), "the image's was not read");
	is("/other", "changed");
	is("/empty", "metadata");
	cr_expect_not_null(world_gap(w, "/moved", KAN_GAP_STUCK));
	cr_expect_not_null(world_gap(w, "/same", KAN_GAP_STUCK));
	cr_expect_not_null(world_gap(w, "/large", KAN_GAP_STUCK));
}

Test(changes, a_file_of_the_image_that_opens_and_never_reads_costs_no_other, .fini = leave,
     .timeout = 90)
{
	make(1);
	world_sh(w, "for i in a held z; do echo old >l0/$i; done");
	world_mount(w, "");
	world_sh(w, "for i in a held z; do echo new >m/$i; done");
	int notes = hold("l0/held", FAN_ACCESS_PERM);
	capture();
	(void)close(notes);
	is("/a", "changed");
	is("/z", "changed");
	cr_expect_null(json_object_get(row("/held"), "change"));
	cr_expect_not_null(world_gap(w, "/held", KAN_GAP_STUCK));
	cr_expect_eq(w->n_gaps, 1);
}
