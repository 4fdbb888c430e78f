/* What attributes of whiteouts mean: the kernel is asked through a mount, and the rows say the
 * same. */
#include <criterion/criterion.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "world.h"

extern const struct kan_collector kan_collector_filesystem, kan_collector_image;

static struct world *w;

static void leave(void)
{
	json_decref(w->rows);
	world_free(w);
}

/*
 * Twice the same, "marked" with opaque 'x': the files "low" and "dir/" of the base have an
 * attribute whiteout in the next layer, "up" has one in the container's own; "full" has the
 * attribute and is not empty, "none" has nothing below, "link" and "fifo" are no files.
 */
static void make(const char *prefix)
{
	w = world_new(2);
	world_sh(w,
		 "mark() { setfattr -h -n %s$1 -v \"$3\" \"$2\" 2>/dev/null || [ ! -f \"$2\" ]; };"
		 "for d in plain marked; do"
		 "  mkdir -p l0/$d/dir l1/$d upper/$d;"
		 "  for f in low up full long link fifo dir/in; do echo image >l0/$d/$f; done;"
		 "  : >l1/$d/low; : >l1/$d/dir; : >upper/$d/up; : >upper/$d/none; : >upper/$d/long;"
		 "  echo more >upper/$d/full; ln -s x upper/$d/link; mkfifo upper/$d/fifo;"
		 "  for f in l1/$d/low l1/$d/dir upper/$d/{up,full,none,link,fifo}; do"
		 "    mark whiteout $f y; done;"
		 "  mark whiteout upper/$d/long $(printf %%02000d 0);"
		 "done; for d in l1 upper l1/marked upper/marked; do mark opaque $d x; done",
		 prefix);
}

/* Is there such a name? A kernel before 6.7 does not know the attribute. */
static bool seen(const char *dir, const char *name)
{
	char path[256];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/%s/%s", w->merged, dir, name);
	return lstat(path, &st) == 0;
}

static const json_t *row(const char *dir, const char *name)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/%s/%s", dir, name);
	return world_row(w->rows, path);
}

/* In the container's layer: gone by the kernel is deleted, there is changed. */
static void own_layer(const char *dir)
{
	static const char *const names[] = {"up", "long", "full", "link", "fifo"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *r = row(dir, names[i]);
		bool there = seen(dir, names[i]);
		cr_assert_eq(there, i > 1, "%s/%s: the kernel", dir, names[i]);
		cr_assert_str_eq(world_str(r, "change"), there ? "changed" : "deleted", "%s/%s",
				 dir, names[i]);
		cr_assert_str_eq(world_str(r, "deleted_by"), there ? "" : "xattr-whiteout");
	}
	cr_assert_not(seen(dir, "none"));
	cr_assert_str_eq(world_str(row(dir, "none"), "change"), "added");
	cr_assert_not_null(json_object_get(row(dir, "none"), "planted"));
}

/* In an image's layer: what the kernel does not show is nothing that a new file was made from. */
static void image_layer(const char *dir)
{
	cr_assert_str_eq(world_str(row(dir, "low"), "change"), "added", "%s", dir);
	cr_assert_null(json_object_get(row(dir, "low"), "below"));
	cr_assert_null(row(dir, "dir/in"));
	cr_assert_null(json_object_get(row(dir, "dir"), "below"));
}

static void as_the_kernel_sees_it(const char *prefix, const char *options)
{
	make(prefix);
	w->target.userxattr = strcmp(options, ",userxattr") == 0;
	world_mount(w, options);
	if (seen("marked", "low"))
		cr_skip_test("this kernel does not know attributes as whiteouts");
	cr_assert_not(seen("plain", "low"));
	cr_assert_not(seen("plain", "dir"));
	cr_assert_not(seen("marked", "dir"));
	world_sh(w, "for d in plain marked; do echo new >m/$d/low; mkdir m/$d/dir; done");
	cr_assert_eq(world_collect(w, &kan_collector_filesystem), 0);
	w->rows = world_rows(w, "changes.ndjson");
	static const char *const dirs[] = {"plain", "marked"};
	for (size_t i = 0; i < 2; i++) {
		own_layer(dirs[i]);
		image_layer(dirs[i]);
	}
	cr_assert_eq(w->n_gaps, 0, "%s: %s", w->gaps[0].what, w->gaps[0].why);
}

Test(lower, an_attribute_whiteout_counts_in_every_layer_marked_or_not, .fini = leave)
{
	as_the_kernel_sees_it("trusted.overlay.", "");
}

Test(lower, with_userxattr_it_is_the_users_attribute, .fini = leave)
{
	as_the_kernel_sees_it("user.overlay.", ",userxattr");
}

Test(lower, what_an_attribute_whiteout_hides_in_the_image_is_a_ghost_and_itself_none, .fini = leave)
{
	make("trusted.overlay.");
	world_mount(w, "");
	world_sh(w, "rm -r upper/*");
	world_unmount(w);
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	w->rows = world_rows(w, "ghosts.ndjson");
	cr_assert_eq(json_array_size(w->rows), 6, "low, dir and dir/in, twice: %s",
		     json_dumps(w->rows, 0));
	cr_assert_eq(json_integer_value(json_object_get(row("plain", "low"), "hidden_by")), 1);
	cr_assert_eq(json_integer_value(json_object_get(row("plain", "dir/in"), "hidden_by")), 1);
}

Test(lower, a_layers_directory_whose_redirect_leads_to_its_own_place_hides_nothing, .fini = leave)
{
	w = world_new(2);
	world_sh(w, "mkdir -p l0/d/near l1/d/near; echo 1 >l0/d/x; echo 2 >l0/d/near/y; "
		    "setfattr -n trusted.overlay.redirect -v /d l1/d; "
		    "setfattr -n trusted.overlay.redirect -v near l1/d/near");
	world_mount(w, ",redirect_dir=on");
	cr_assert(seen("d", "x"));
	cr_assert(seen("d/near", "y"));
	world_unmount(w);
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	w->rows = world_rows(w, "baseline.ndjson");
	cr_expect_null(json_object_get(row("d", "x"), "hidden_by"));
	cr_expect_null(json_object_get(row("d/near", "y"), "hidden_by"));
	cr_expect_null(world_gap(w, "/d", KAN_GAP_UNSUPPORTED), "it is no rename");
	cr_expect_null(world_gap(w, "/d/near", KAN_GAP_UNSUPPORTED));
}

Test(lower, a_directory_that_a_layer_renamed_hides_what_lay_at_its_new_name, .fini = leave)
{
	w = world_new(2);
	world_sh(w, "mkdir -p l0/old/in l0/new/sub l1/new; echo seen >l0/old/y; echo hidden "
		    ">l0/new/x; echo own >l1/new/z; mknod l1/old c 0 0; "
		    "setfattr -n trusted.overlay.redirect -v /old l1/new");
	world_mount(w, ",redirect_dir=on");
	cr_assert(seen("new", "y"));
	cr_assert(seen("new", "z"));
	cr_assert_not(seen("new", "x"));
	cr_assert_not(seen("old", "y"));
	world_unmount(w);
	cr_assert_eq(world_collect(w, &kan_collector_image), 0);
	w->rows = world_rows(w, "baseline.ndjson");
	cr_assert_eq(json_integer_value(json_object_get(row("new", "x"), "hidden_by")), 1);
	cr_assert_eq(json_integer_value(json_object_get(row("new", "sub"), "hidden_by")), 1);
	cr_assert_null(json_object_get(row("new", "z"), "hidden_by"));
	cr_assert_not_null(world_gap(w, "/new", KAN_GAP_UNSUPPORTED),
			   "what lies below /old is seen, and its rows say that it is hidden");
}
