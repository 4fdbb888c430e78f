/* An image against its name, its digests and its headers; image and damage made by the test. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "integrity_made.h"

/* One thing is done to the layers on the host: these paths are named, with what differs, and none
 * else. */
static void damage(const char *command, const char *expected)
{
	struct world *w = image_new();
	world_sh(w, "%s", command);
	json_t *rows = image_verify(w);
	char *got = image_named(w);
	cr_assert_str_eq(got, expected, "%s: %s", command, got);
	cr_assert_eq(w->n_gaps, 2, "%s: %s: %s", command, w->gaps[2].what, w->gaps[2].why);
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(integrity, an_untouched_image_is_verified_on_every_rung_and_nothing_is_named)
{
	struct world *w = image_new();
	json_t *rows = image_verify(w);
	char *got = image_named(w);
	cr_assert_str_eq(got, "", "%s", got);
	cr_assert_str_eq(image_result(rows, 2, -1), "verified");
	for (int i = 0; i < LAYERS; i++) {
		cr_assert_str_eq(image_result(rows, 3, i), "verified", "layer %d", i);
		cr_assert_str_eq(image_result(rows, 4, i), "verified", "layer %d", i);
	}
	cr_assert_eq(json_array_size(rows), 1 + 2 * LAYERS);
	world_sh(w,
		 "jq -r 'select(.rung==3)|.found_digest' bundle/data/image/integrity.ndjson >found;"
		 "for n in 0 1 2; do echo sha256:$(sha256sum <layer$n.tar | cut -c1-64); done | "
		 "cmp - found");
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(integrity, an_edit_of_the_same_size_with_its_time_set_back_is_named_by_its_content)
{
	damage("touch -r d0/etc/passwd t; printf 'toor:x:0:0\\n' >d0/etc/passwd; touch -r t "
	       "d0/etc/passwd",
	       "0/etc/passwd:content ");
	damage("touch -r d2/opt/tool t; printf X | dd of=d2/opt/tool bs=1 seek=200000 conv=notrunc "
	       "status=none; touch -r t d2/opt/tool",
	       "2/opt/tool:content ");
}

Test(integrity, a_set_uid_bit_an_owner_and_a_time_are_named_though_every_digest_holds)
{
	struct world *w = image_new();
	world_sh(w, "chmod u+s d0/usr/bin/ping; setfattr -n security.capability -v "
		    "0x0100000200040000000000000000000000000000 d0/usr/bin/ping;"
		    "chown 5:6 d0/etc/passwd; chown -h 5:6 d0/etc/link; touch -d @5 d0/etc/empty");
	json_t *rows = image_verify(w);
	char *got = image_named(w);
	cr_assert_str_eq(got, "0/etc/empty:mtime 0/etc/link:owner 0/etc/passwd:owner "
			      "0/usr/bin/ping:mode ");
	cr_assert_str_eq(image_result(rows, 3, 0), "verified");
	cr_assert_str_eq(image_result(rows, 4, 0), "damaged");
	const json_t *ping = world_row(rows, "/usr/bin/ping");
	cr_assert_str_eq(world_str(ping, "expected.mode"), "0100755");
	cr_assert_str_eq(world_str(ping, "found.mode"), "0104755");
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(integrity, capabilities_and_attributes_given_taken_and_changed_are_named)
{
	damage("setfattr -n security.capability -v 0x0100000200000000000000000000000000000000 "
	       "d0/usr/bin/ping",
	       "0/usr/bin/ping:capability ");
	damage("setfattr -x security.capability d0/usr/bin/ping", "0/usr/bin/ping:capability ");
	damage("setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "
	       "d2/opt/tool",
	       "2/opt/tool:capability ");
	damage("setfattr -n trusted.overlay.metacopy -v x d0/etc/empty", "0/etc/empty:xattrs ");
}

Test(integrity, files_that_were_added_and_removed_are_named)
{
	damage("touch -r d0/etc t; echo x >d0/etc/added; mkdir d0/etc/more; echo x >d0/etc/more/in;"
	       "touch -r t d0/etc",
	       "0/etc/added:extra 0/etc/more/in:extra 0/etc/more:extra ");
	damage("echo x >d0/etc/added", "0/etc/added:extra 0/etc:mtime ");
	damage("touch -r d0/usr/bin t; rm d0/usr/bin/su; touch -r t d0/usr/bin",
	       "0/usr/bin/su:missing ");
	damage("touch -r d0/usr/bin t; rm d0/usr/bin/su; mkdir d0/usr/bin/su; touch -r t "
	       "d0/usr/bin",
	       "0/usr/bin/su:type ");
}

Test(integrity, a_file_that_has_grown_or_was_cut_is_named_by_its_size)
{
	damage("touch -r d0/etc/passwd t; echo x >>d0/etc/passwd; touch -r t d0/etc/passwd",
	       "0/etc/passwd:content,size ");
	damage("touch -r d0/etc/passwd t; truncate -s 3 d0/etc/passwd; touch -r t d0/etc/passwd",
	       "0/etc/passwd:content,size ");
	damage("touch -r d0/etc/empty t; echo x >d0/etc/empty; touch -r t d0/etc/empty",
	       "0/etc/empty:content,size ");
}

Test(integrity, links_devices_and_names_of_one_file_are_compared)
{
	damage("touch -r d0/etc t; ln -sfn shadow d0/etc/link;"
	       "touch -h -d @1700000000 d0/etc/link; touch -r t d0/etc",
	       "0/etc/link:link ");
	damage("touch -r d0/usr/bin t; cp --remove-destination -p d0/usr/bin/id d0/usr/bin/whoami;"
	       "touch -r t d0/usr/bin",
	       "0/usr/bin/whoami:link ");
	damage("touch -r d0/etc t; rm d0/etc/null; mknod -m 666 d0/etc/null c 1 5;"
	       "touch -d @1700000000 d0/etc/null; touch -r t d0/etc",
	       "0/etc/null:device ");
}

Test(integrity, what_hides_a_lower_file_or_no_longer_does_is_named)
{
	damage("touch -r d1/etc t; mknod d1/etc/passwd c 0 0; touch -r t d1/etc",
	       "1/etc/passwd:whiteout ");
	damage("touch -r d1/old t; rm d1/old/w; touch -r t d1/old", "1/old/w:whiteout ");
	damage("setfattr -x trusted.overlay.opaque d1/old/sub", "1/old/sub:opaque ");
	damage("setfattr -n trusted.overlay.opaque -v y d1/etc", "1/etc:opaque ");
}

Test(integrity, marks_that_hide_nothing_are_those_of_an_honest_builder)
{
	/* New directories may be opaque; one that hides names which the tar hides one by one. */
	damage("setfattr -n trusted.overlay.opaque -v y d2/opt", "");
	damage("setfattr -n trusted.overlay.opaque -v y d1/old", "");
	damage("touch -r d1/old t; setfattr -n trusted.overlay.opaque -v y d1/old; rm d1/old/w; "
	       "touch -r t d1/old",
	       "");
	damage("touch -r d1/etc t; mknod d1/etc/never c 0 0; touch -r t d1/etc", "");
	damage("touch -r d1/old t; mkdir d1/old/sub/x; mknod d1/old/sub/x/f c 0 0; touch -r t "
	       "d1/old",
	       "1/old/sub/x:extra 1/old/sub:mtime ");
}

Test(integrity, a_file_that_was_copied_up_and_not_changed_is_no_damage_and_one_that_was_is)
{
	damage("touch -r d1/etc t; cp -a d0/etc/passwd d0/etc/link d1/etc/; cp -a d0/usr d1/; "
	       "touch -r t d1/etc",
	       "");
	damage("touch -r d1/etc t; cp -a d0/etc/passwd d1/etc/; printf 'toor:x:0:0\n' "
	       ">d1/etc/passwd; touch -r d0/etc/passwd d1/etc/passwd; touch -r t d1/etc",
	       "1/etc/passwd:extra ");
	damage("touch -r d1/etc t; cp -a d0/etc/passwd d1/etc/; chmod u+s d1/etc/passwd; touch -r "
	       "t d1/etc",
	       "1/etc/passwd:extra ");
	damage("mkdir -p d1/usr/bin; touch -r d0/usr/bin d1/usr/bin; cp -a d0/usr/bin/su "
	       "d1/usr/bin; setfattr -n security.capability -v "
	       "0x0100000200200000000000000000000000000000 d1/usr/bin/su",
	       "1/usr/bin/su:extra ");
	damage("cp -a d0/usr d1/; setfattr -n trusted.overlay.redirect -v /old d1/usr/bin",
	       "1/usr/bin:extra ");
}

Test(integrity, a_time_or_an_attribute_that_builders_leave_is_named_and_alone_no_damage)
{
	struct world *w = image_new();
	world_sh(w, "touch -d @5 d0/etc/empty; setfattr -n user.note -v x d0/etc/passwd");
	json_t *rows = image_verify(w);
	char *got = image_named(w);
	cr_assert_str_eq(got, "0/etc/empty:mtime 0/etc/passwd:more-xattrs ");
	cr_assert_str_eq(image_result(rows, 3, 0), "verified");
	cr_assert_str_eq(image_result(rows, 4, 0), "verified");
	free(got);
	got = world_line(w, "jq -r 'select(.rung==4 and .layer==0 and "
			    ".about==\"layer\")|\"\\(.damaged) \\(.noted)\"' "
			    "bundle/data/image/integrity.ndjson");
	cr_assert_str_eq(got, "0 2");
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(integrity, a_capability_is_compared_by_what_it_gives)
{
	/* Revision 3 with the store's own root, and one of another user's root. */
	damage("setfattr -n security.capability -v "
	       "0x010000030004000000000000000000000000000000000000 d0/usr/bin/ping",
	       "");
	damage("setfattr -n security.capability -v "
	       "0x010000030004000000000000000000000000000039300000 d0/usr/bin/ping",
	       "0/usr/bin/ping:capability ");
}

/* user 1000 may read; the mode stays. */
#define ACL \
	"0x0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000400" \
	"ffffffff"

Test(integrity, an_access_list_that_neither_the_tar_nor_the_entry_below_has_is_named)
{
	static const char set[] = "setfattr -n system.posix_acl_access -v " ACL;
	char text[1024];
	(void)snprintf(text, sizeof(text), "%s d0/etc/empty", set);
	damage(text, "0/etc/empty:acl ");
	/* Copied up: with the list of the entry below, and with one that was put on it since. */
	(void)snprintf(text, sizeof(text),
		       "touch -r d1/etc t; %s d0/etc/passwd; cp -a "
		       "d0/etc/passwd d1/etc/; touch -r t d1/etc",
		       set);
	damage(text, "0/etc/passwd:acl ");
	(void)snprintf(text, sizeof(text),
		       "touch -r d1/etc t; cp -a d0/etc/passwd d1/etc/; %s "
		       "d1/etc/passwd; touch -r t d1/etc",
		       set);
	damage(text, "1/etc/passwd:extra ");
	/* A directory that this layer has a header for. */
	(void)snprintf(text, sizeof(text),
		       "for d in d0 d1; do setfattr -n "
		       "system.posix_acl_default -v " ACL " $d/old; done");
	damage(text, "0/old:acl 1/old:more-xattrs ");
}

/* What skopeo, mount(8) or an edit of the container's list of directories brings in. */
static struct world *laid_between(void)
{
	struct world *w = image_new();
	struct kan_target *t = &w->target;
	world_sh(w, "mkdir -p data/overlay2/foreign/diff/usr/bin; echo x "
		    ">data/overlay2/foreign/diff/usr/bin/id");
	t->lowers = kan_xrealloc(t->lowers, LAYERS + 1, sizeof(*t->lowers));
	memmove(&t->lowers[1], &t->lowers[0], LAYERS * sizeof(*t->lowers));
	t->lowers[0] = (struct kan_layer){.fd = openat(t->data_root_fd, "overlay2/foreign/diff",
						       O_PATH | O_DIRECTORY | O_CLOEXEC),
					  .path = kan_xstrdup("overlay2/foreign/diff")};
	t->n_lowers++;
	return w;
}

Test(integrity, a_directory_that_was_laid_between_the_layers_is_named_and_the_others_are_verified)
{
	struct world *w = laid_between();
	world_sh(w, "chmod u+s d0/usr/bin/id");
	json_t *rows = image_verify(w);
	char *got = image_named(w);
	cr_assert_str_eq(got, "0/usr/bin/id:mode ");
	for (int i = 0; i < LAYERS; i++)
		cr_assert_str_eq(image_result(rows, 3, i), "verified", "layer %d", i);
	cr_assert_str_eq(image_result(rows, 3, LAYERS), "damaged");
	free(got);
	got = world_line(w, "jq -r 'select(.directory)|.directory' "
			    "bundle/data/image/integrity.ndjson");
	cr_assert_str_eq(got, "overlay2/foreign/diff");
	free(got);
	json_decref(rows);
	image_free(w);
}

/* Rung 3 of the base and of a directory that is one too many, when its cache-id is made so. */
static void cache_id(const char *command, const char *base, const char *foreign, unsigned code)
{
	struct world *w = laid_between();
	world_sh(w, "c=$(dirname $(readlink split0))/cache-id; %s", command);
	json_t *rows = image_verify(w);
	cr_expect_str_eq(image_result(rows, 3, 0), base, "%s", command);
	cr_expect_str_eq(image_result(rows, 3, 1), "verified", "%s", command);
	cr_expect_str_eq(image_result(rows, 3, LAYERS), foreign, "%s", command);
	cr_expect_eq(world_gap(w, "integrity.ndjson", code) != NULL, strcmp(base, "not-done") == 0);
	json_decref(rows);
	image_free(w);
}

Test(integrity, a_layer_whose_directory_cannot_be_told_is_a_gap_and_no_damage)
{
	cache_id("rm $c", "not-done", "not-done", KAN_GAP_VANISHED);
	cache_id(": >$c", "not-done", "not-done", KAN_GAP_MALFORMED);
	cache_id("rm $c; mkdir $c", "not-done", "not-done", KAN_GAP_CONTRADICTED);
	cache_id("echo elsewhere >$c", "damaged", "damaged", KAN_GAP_MALFORMED);
}

Test(integrity, overlays_own_attributes_and_labels_of_the_host_are_no_damage)
{
	damage("setfattr -n trusted.overlay.impure -v y d0/etc; setfattr -n security.selinux -v x "
	       "d0/etc; "
	       "setfattr -n trusted.overlay.origin -v 0x00 d0/etc/passwd",
	       "");
}

Test(integrity, a_link_put_in_the_way_is_not_followed)
{
	damage("touch -r d0 t; mv d0/usr away; ln -s $PWD/away d0/usr; touch -r t d0",
	       "0/usr/bin/id:missing 0/usr/bin/ping:missing 0/usr/bin/su:missing "
	       "0/usr/bin/whoami:missing 0/usr/bin:missing 0/usr:type ");
}

Test(integrity, a_config_that_is_not_the_images_is_damage_of_its_name)
{
	struct world *w = image_new();
	world_sh(w, "printf ' ' >>config");
	json_t *rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 2, -1), "damaged");
	cr_assert_str_eq(image_result(rows, 3, 0), "verified", "what it says of layers holds");
	json_decref(rows);
	image_free(w);
}

Test(integrity, without_the_request_the_name_alone_is_checked_and_scope_says_so)
{
	struct world *w = image_new();
	w->policy.verify_image = false;
	world_sh(w, "echo x >d0/etc/passwd");
	json_t *rows = image_verify(w);
	cr_assert_eq(json_array_size(rows), 1);
	cr_assert_str_eq(image_result(rows, 2, -1), "verified");
	bool scope = false;
	for (size_t i = 0; i < w->n_gaps; i++)
		scope |= strstr(w->gaps[i].why, "--verify-image") != NULL;
	cr_assert(scope);
	json_decref(rows);
	image_free(w);
}

/* Rung 3 and 4 of the base when its tar-split is this; the other layers are verified as before. */
static void broken_split(const char *command, const char *digest, const char *headers,
			 unsigned code)
{
	struct world *w = image_new();
	world_sh(w, "%s", command);
	json_t *rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 3, 0), digest, "%s", command);
	cr_assert_str_eq(image_result(rows, 4, 0), headers, "%s", command);
	cr_assert_str_eq(image_result(rows, 3, 1), "verified", "%s", command);
	cr_assert_eq(w->gaps[2].code, code, "%s: %s: %u", command, w->gaps[2].why, w->gaps[2].code);
	json_decref(rows);
	image_free(w);
}

Test(integrity, a_tar_split_that_is_missing_cut_or_no_file_is_a_gap)
{
	broken_split("rm $(readlink split0)", "not-done", "not-done", KAN_GAP_VANISHED);
	broken_split("f=$(readlink split0); head -c 300 $f >c; cp c $f", "not-done", "not-done",
		     KAN_GAP_MALFORMED);
	broken_split("f=$(readlink split0); rm $f; mkfifo $f", "not-done", "not-done",
		     KAN_GAP_CONTRADICTED);
	broken_split("f=$(readlink split0); mv $f x; ln -s $PWD/x $f", "not-done", "not-done",
		     KAN_GAP_CONTRADICTED);
	broken_split("echo '{}' | gzip >$(readlink split0)", "not-done", "not-done",
		     KAN_GAP_MALFORMED);
}

Test(integrity, a_tar_split_that_lies_of_sizes_names_and_content_ends_and_is_no_verified_layer)
{
	broken_split(
		"zcat split0 | sed 's/\"size\": 1500/\"size\": 9000000000000000000/' >s; gzip -c s "
		">$(readlink split0)",
		"verified", "not-done", KAN_GAP_MALFORMED);
	broken_split("zcat split0 | sed 's/\"etc.passwd\"/\"..\\/..\\/..\\/..\\/secret\"/' >s; "
		     "gzip -c s "
		     ">$(readlink split0)",
		     "damaged", "not-done", KAN_GAP_MALFORMED);
}

Test(integrity, a_checksum_made_to_fit_an_edit_still_fails_the_layers_digest)
{
	struct world *w = image_new();
	world_sh(w, "touch -r d0/etc/passwd t; printf 'toor:x:0:0\\n' >d0/etc/passwd; touch -r t "
		    "d0/etc/passwd; python3 - <<E\n"
		    "import base64, gzip, json, os, sys\n"
		    "sys.path.insert(0, '" KAN_TEST_SOURCE "')\n"
		    "import integrity_world\n"
		    "rows = [json.loads(r) for r in gzip.open('split0')]\n"
		    "crc = integrity_world.crc64(open('d0/etc/passwd', 'rb').read())\n"
		    "for r in rows:\n"
		    "    if r.get('name') == 'etc/passwd':\n"
		    "        r['payload'] = base64.b64encode(crc.to_bytes(8, 'big')).decode()\n"
		    "text = ''.join(json.dumps(r) + chr(10) for r in rows).encode()\n"
		    "open('split0', 'wb').write(gzip.compress(text))\n"
		    "E\n");
	json_t *rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 3, 0), "damaged");
	cr_assert_str_eq(image_result(rows, 4, 0), "verified");
	char *got = image_named(w);
	cr_assert_str_eq(got, "");
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(integrity, owners_of_a_remapped_user_namespace_are_shifted)
{
	struct world *w = image_new();
	w->target.data_root = kan_xstrdup("/var/lib/docker/100000.200000");
	world_sh(w, "chown 0:200000 data");
	world_sh(w, "python3 - <<E\n"
		    "import os\n"
		    "for top in ('d0/', 'd1/', 'd2/'):\n"
		    "    for at, dirs, files in os.walk(top):\n"
		    "        for n in dirs + files + ['.']:\n"
		    "            p = os.path.join(at, n)\n"
		    "            st = os.lstat(p)\n"
		    "            if n == '.' and at != top or st.st_uid >= 100000: continue\n"
		    "            cap = not os.path.islink(p) and 'security.capability' in "
		    "os.listxattr(p)\n"
		    "            os.chown(p, st.st_uid + 100000, st.st_gid + 200000, "
		    "follow_symlinks=False)\n"
		    "            if not os.path.islink(p): os.chmod(p, st.st_mode & 0o7777)\n"
		    "            if cap: os.setxattr(p, 'security.capability', "
		    "bytes.fromhex('0100000200040000000000000000000000000000'))\n"
		    "E\n");
	json_t *rows = image_verify(w);
	char *got = image_named(w);
	cr_assert_str_eq(got, "", "%s", got);
	cr_assert_str_eq(image_result(rows, 4, 0), "verified");
	free(w->target.data_root);
	w->target.data_root = NULL;
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(integrity, a_layer_of_which_everything_is_damaged_is_counted_whole_and_listed_to_a_limit)
{
	struct world *w = image_new();
	world_sh(w, "mkdir d2/many; cd d2/many; seq 20500 | xargs touch");
	json_t *rows = image_verify(w), *row = NULL;
	size_t i = 0, paths = 0;
	json_int_t counted = 0;
	json_array_foreach (rows, i, row) {
		paths += strcmp(world_str(row, "about"), "path") == 0;
		if (strcmp(world_str(row, "about"), "layer") == 0)
			counted += json_integer_value(json_object_get(row, "damaged"));
	}
	cr_assert_eq(paths, 20000);
	cr_assert_geq(counted, 20500);
	cr_assert(world_gap(w, "integrity.ndjson", KAN_GAP_LIMIT));
	json_decref(rows);
	image_free(w);
}

Test(integrity, a_file_that_was_appended_to_is_no_verified_layer)
{
	struct world *w = image_new();
	world_sh(w, "touch -r d0/etc/passwd t; echo x >>d0/etc/passwd; touch -r t d0/etc/passwd");
	json_t *rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 3, 0), "damaged");
	cr_assert_str_eq(image_result(rows, 4, 0), "damaged", "its size");
	cr_assert_str_eq(image_result(rows, 3, 1), "verified");
	json_decref(rows);
	image_free(w);
}

Test(integrity, attributes_of_overlay_that_change_what_is_seen_are_named)
{
	damage("setfattr -n trusted.overlay.redirect -v /etc d0/old", "0/old:xattrs ");
	damage("setfattr -n trusted.overlay.opaque -v x d0/etc; setfattr -n "
	       "trusted.overlay.whiteout -v y d0/etc/empty",
	       "0/etc/empty:xattrs 0/etc:xattrs ");
	damage("setfattr -n trusted.overlay.metacopy -v y d0/etc/empty", "0/etc/empty:xattrs ");
}

Test(integrity, a_hard_link_whose_file_is_gone_is_none)
{
	damage("touch -r d0/usr/bin t; cp -p d0/usr/bin/id c; rm d0/usr/bin/id d0/usr/bin/whoami; "
	       "mv c d0/usr/bin/whoami; touch -r t d0/usr/bin",
	       "0/usr/bin/id:missing 0/usr/bin/whoami:link ");
}

Test(integrity, a_socket_that_a_builder_left_is_no_damage)
{
	damage("touch -r d0/etc t; python3 -c \"import socket; "
	       "socket.socket(socket.AF_UNIX).bind('d0/etc/sock')\"; touch -r t d0/etc",
	       "");
}

Test(integrity, a_directory_of_a_layer_that_never_opens_is_stuck_and_no_layer_is_called_whole,
     .timeout = 90)
{
	struct world *w = image_new();
	char path[256];
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	(void)snprintf(path, sizeof(path), "%s/d0/etc", w->top);
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_ONDIR, AT_FDCWD, path),
		     0);
	json_t *rows = image_verify(w);
	(void)close(notes);
	cr_expect_not_null(world_gap(w, "/etc", KAN_GAP_STUCK));
	cr_expect_str_eq(image_result(rows, 3, 0), "verified", "its files open");
	cr_expect_str_eq(image_result(rows, 4, 0), "not-done");
	cr_expect_str_eq(image_result(rows, 4, 1), "verified");
	json_decref(rows);
	image_free(w);
}

Test(integrity, after_eight_files_that_never_open_no_more_of_any_layer_are_tried_and_said_once,
     .timeout = 120)
{
	struct world *w = image_new();
	size_t stuck = 0, files = 0;
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	char *all = world_line(w, "echo $(find d0/ d1/ d2/ -type f -size +0)"), *at = NULL;
	for (char *f = strtok_r(all, " ", &at); f; f = strtok_r(NULL, " ", &at)) {
		char path[512]; /* names with blanks are left out */
		(void)snprintf(path, sizeof(path), "%s/%s", w->top, f);
		files += fanotify_mark(notes, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path) == 0;
	}
	cr_assert_gt(files, 10, "%zu", files);
	json_t *rows = image_verify(w);
	(void)close(notes);
	for (size_t i = 0; i < w->n_gaps; i++)
		stuck += w->gaps[i].what[0] == '/' && w->gaps[i].code == KAN_GAP_STUCK;
	cr_expect_eq(stuck, 9, "%zu",
		     stuck); /* a layer whose tar-split was not read says so itself */
	for (int i = 0; i < LAYERS; i++) {
		cr_expect_str_eq(image_result(rows, 3, i), "not-done");
		cr_expect_str_eq(image_result(rows, 4, i), "not-done");
	}
	free(all);
	json_decref(rows);
	image_free(w);
}

Test(integrity, a_file_of_a_layer_that_opens_and_never_reads_is_stuck_and_other_layers_are_verified,
     .timeout = 90)
{
	struct world *w = image_new();
	char path[256];
	int notes = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	cr_assert_geq(notes, 0, "root is needed");
	(void)snprintf(path, sizeof(path), "%s/d0/etc/passwd", w->top);
	cr_assert_eq(fanotify_mark(notes, FAN_MARK_ADD, FAN_ACCESS_PERM, AT_FDCWD, path), 0);
	json_t *rows = image_verify(w);
	(void)close(notes);
	cr_expect_not_null(world_gap(w, "/etc/passwd", KAN_GAP_STUCK));
	cr_expect_str_eq(image_result(rows, 3, 0), "not-done");
	cr_expect_str_eq(image_result(rows, 3, 1), "verified");
	json_decref(rows);
	image_free(w);
}
