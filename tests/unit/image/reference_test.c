/* An image against a reference from elsewhere: each shape, each damage, and hostile ones. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/against.h"
#include "base/file.h"
#include "image/integrity_part.h"
#include "image/reference.h"
#include "integrity_made.h"

/* Rung 1 against a reference of this shape. */
static json_t *against(struct world *w, const char *shape)
{
	char path[256];
	world_sh(w, "python3 %s/reference_make.py %s ref", KAN_TEST_SOURCE, shape);
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	w->policy.reference = path;
	w->policy.verify_image = false;
	json_t *rows = image_verify(w);
	w->policy.reference = NULL;
	return rows;
}

Test(reference, each_shape_of_the_same_image_verifies_it_layer_by_layer)
{
	static const char *const shapes[] = {
		"legacy", "linked",  "oci",        "oci-docker", "gzip",       "zstd",
		"nested", "dir-oci", "one-of-two", "whole-gzip", "whole-zstd", "whole-zeros"};
	struct world *w = image_new();
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		json_t *rows = against(w, shapes[i]);
		cr_assert_str_eq(image_result(rows, 1, -1), "verified", "%s", shapes[i]);
		for (int n = 0; n < LAYERS; n++)
			cr_assert_str_eq(image_result(rows, 1, n), "verified", "%s %d", shapes[i],
					 n);
		char *got = image_named(w);
		cr_assert_str_eq(got, "", "%s: %s", shapes[i], got);
		free(got);
		json_decref(rows);
		world_sh(w, "rm -rf ref bundle; mkdir bundle");
	}
	image_free(w);
}

Test(reference, what_was_edited_on_this_host_is_named_whatever_its_own_checksums_say)
{
	struct world *w = image_new();
	world_sh(w, "touch -r d0/etc/passwd t; printf 'toor:x:0:0\\n' >d0/etc/passwd; touch -r t "
		    "d0/etc/passwd; chmod u+s d0/usr/bin/id; touch -r d2/opt t; echo x >d2/opt/x; "
		    "touch -r t d2/opt; truncate -s 9T d0/usr/bin/su; touch -d @1700000000 "
		    "d0/usr/bin/su");
	json_t *rows = against(w, "gzip");
	char *got = image_named(w);
	cr_assert_str_eq(got, "0/etc/passwd:content 0/usr/bin/id:mode 0/usr/bin/su:content,size "
			      "2/opt/x:extra ");
	cr_assert_str_eq(image_result(rows, 1, 0), "damaged");
	cr_assert_str_eq(image_result(rows, 1, 1), "verified");
	cr_assert_str_eq(image_result(rows, 1, 2), "damaged");
	const json_t *passwd = world_row(rows, "/etc/passwd");
	world_sh(w, "[ sha256:$(printf 'root:x:0:0\\n' | sha256sum | cut -c1-64) = %s ]",
		 world_str(passwd, "expected.sum"));
	world_sh(w, "[ sha256:$(sha256sum <d0/etc/passwd | cut -c1-64) = %s ]",
		 world_str(passwd, "found.sum"));
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(reference, a_digest_alone_is_compared_with_the_images_id)
{
	struct world *w = image_new();
	w->policy.verify_image = false;
	w->policy.reference = w->target.image_id;
	json_t *rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 1, -1), "verified");
	json_decref(rows);
	world_sh(w, "rm -r bundle; mkdir bundle");
	w->policy.reference =
		"sha256:0000000000000000000000000000000000000000000000000000000000000000";
	rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 1, -1), "not-done",
			 "it may be a registry's that the image was not pulled under");
	cr_assert(world_gap(w, "integrity.ndjson", KAN_GAP_UNSUPPORTED));
	json_decref(rows);
	world_sh(w,
		 "rm -r bundle; mkdir bundle; printf '{\"Repositories\":{\"a/b\":{\"a/b:1\":"
		 "\"%s\",\"a/b@%s\":\"%s\"}}}' >data/image/overlay2/repositories.json",
		 w->target.image_id, w->policy.reference, w->target.image_id);
	rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 1, -1), "not-done",
			 "a registry's digest, of a manifest that is not here");
	json_decref(rows);
	image_free(w);
}

struct hostile {
	const char *shape;
	unsigned code;
};

/* Nothing is verified and nothing is accused; why not is a gap with this code, and it ends. */
static void say_nothing(const struct hostile *cases, size_t n)
{
	struct world *w = image_new();
	for (size_t i = 0; i < n; i++) {
		w->n_gaps = 0;
		json_t *rows = against(w, cases[i].shape);
		cr_assert(world_gap(w, "integrity.ndjson", cases[i].code), "%s: %s %u: %s",
			  cases[i].shape, w->gaps[2].what, w->gaps[2].code, w->gaps[2].why);
		cr_assert_str_neq(image_result(rows, 1, 0), "verified", "%s", cases[i].shape);
		char *got = image_named(w);
		cr_assert_str_eq(got, "", "%s: %s", cases[i].shape, got);
		free(got);
		json_decref(rows);
		world_sh(w, "rm -rf ref outside bundle; mkdir bundle");
	}
	image_free(w);
}

Test(reference, one_that_is_hostile_or_damaged_says_nothing_about_the_image)
{
	static const struct hostile cases[] = {
		{"spoiled", KAN_GAP_MALFORMED},
		{"swapped", KAN_GAP_MALFORMED},
		{"twice", KAN_GAP_MALFORMED},
		{"outside", KAN_GAP_MALFORMED},
		{"name-outside", KAN_GAP_MALFORMED},
		{"deep", KAN_GAP_MALFORMED},
		{"looping", KAN_GAP_MALFORMED},
		{"wide", KAN_GAP_LIMIT},
		{"depth", KAN_GAP_LIMIT},
		{"nothing", KAN_GAP_VANISHED},
		{"none-of-two", KAN_GAP_VANISHED},
		{"bomb", KAN_GAP_MALFORMED},
		{"whole-cut", KAN_GAP_MALFORMED},
		{"whole-xz", KAN_GAP_UNSUPPORTED},
	};
	say_nothing(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Where a link leads, the true bytes lie: who followed it would call the image verified. */
Test(reference, a_directory_that_leads_out_or_never_ends_says_nothing_about_the_image,
     .timeout = 120)
{
	static const struct hostile cases[] = {
		{"act-link-oci", KAN_GAP_DENIED},
		{"act-linked-oci", KAN_GAP_DENIED},
		{"act-within-oci", KAN_GAP_DENIED},
		{"act-index-link-oci", KAN_GAP_DENIED},
		{"act-fifo-oci", KAN_GAP_MALFORMED},
		{"act-device-oci", KAN_GAP_MALFORMED},
		{"act-subdirectory-oci", KAN_GAP_MALFORMED},
		{"act-huge-oci", KAN_GAP_LIMIT},
		{"act-huge-gzip", KAN_GAP_LIMIT},
		{"act-huge-index-oci", KAN_GAP_LIMIT},
		{"act-gone-oci", KAN_GAP_VANISHED},
	};
	say_nothing(cases, sizeof(cases) / sizeof(cases[0]));
}

Test(reference, an_image_with_fewer_layers_is_another_one)
{
	struct world *w = image_new();
	json_t *rows = against(w, "short");
	cr_assert_str_eq(image_result(rows, 1, 2), "",
			 "its config still names three: it is broken");
	cr_assert(world_gap(w, "integrity.ndjson", KAN_GAP_MALFORMED));
	json_decref(rows);
	image_free(w);
}

Test(reference, the_same_layers_under_a_config_that_was_written_anew_accuse_nobody)
{
	struct world *w = image_new();
	json_t *rows = against(w, "rewritten");
	cr_assert_str_eq(image_result(rows, 1, -1), "not-done");
	for (int n = 0; n < LAYERS; n++)
		cr_assert_str_eq(image_result(rows, 1, n), "verified", "%d", n);
	json_decref(rows);
	image_free(w);
}

Test(reference, a_config_of_this_host_that_is_gone_is_not_done_and_no_damage)
{
	struct world *w = image_new();
	world_sh(w, "python3 %s/reference_make.py oci ref && rm $(readlink config)",
		 KAN_TEST_SOURCE);
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	w->policy.reference = path;
	w->policy.verify_image = false;
	json_t *rows = image_verify(w);
	cr_assert_str_eq(image_result(rows, 1, -1), "not-done");
	cr_assert_str_eq(image_result(rows, 1, 0), "not-done");
	json_decref(rows);
	image_free(w);
}

/* Verdicts of rung 1 against an image that is whole and another; nothing is said of any path. */
static void another(const char *shape, const char *const layers[4])
{
	struct world *w = image_new();
	json_t *rows = against(w, shape);
	char *got = image_named(w);
	cr_assert_str_eq(got, "", "%s: %s", shape, got);
	cr_assert_str_eq(image_result(rows, 1, -1), "damaged", "another id, and that is said once");
	for (int n = 0; n < 4; n++)
		cr_assert_str_eq(image_result(rows, 1, n), layers[n], "%s %d", shape, n);
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(reference, an_image_that_is_another_one_accuses_no_file_of_this_one)
{
	another("newer", (const char *const[]){"verified", "verified", "not-done", ""});
	another("fewer", (const char *const[]){"verified", "verified", "not-done", ""});
	another("more", (const char *const[]){"verified", "verified", "verified", "not-done"});
}

Test(reference, a_config_that_was_replaced_on_this_host_does_not_hide_what_was_edited)
{
	struct world *w = image_new();
	world_sh(w, "chmod u+s d0/usr/bin/id; printf ' ' >>config");
	json_t *rows = against(w, "oci");
	char *got = image_named(w);
	cr_assert_str_eq(got, "0/usr/bin/id:mode ");
	cr_assert_str_eq(image_result(rows, 1, 0), "damaged");
	free(got);
	json_decref(rows);
	image_free(w);
}

/* The content store of the world, by the digest in its file "digest". */
static int collect_content(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_integrity *g = NULL;
	struct kan_diff_ids ids = {0};
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_IMAGE_CONFIG_MAX);
	kan_auto_buf struct kan_buf digest = KAN_BUF(256);
	kan_auto_close int store = openat(t->data_root_fd, "../store", O_RDONLY | O_DIRECTORY);
	cr_assert_geq(store, 0);
	cr_assert_eq(kan_read_file(&digest, t->data_root_fd, "../digest", err), 0);
	cr_assert_eq(kan_image_config_read(&raw, t, err), 0);
	cr_assert_eq(kan_diff_ids_read(&ids, kan_buf_bytes(&raw), err), 0);
	cr_assert_eq(kan_integrity_begin(&g, t, sink, err), 0);
	memcpy(g->config_id, t->image_id, sizeof(g->config_id)); /* as rung 2 leaves it */
	digest.data[strcspn(kan_buf_str(&digest), "\n")] = 0;
	int rc = kan_integrity_content(g, &ids, store, (const char *)digest.data, err);
	free(ids.v);
	return kan_integrity_end(g, rc, err);
}

static const char *const content_artefacts[] = {"integrity.ndjson", NULL};
static const struct kan_collector content_collector = {
	.name = "image", .summary = "", .artefacts = content_artefacts, .collect = collect_content};

static json_t *by_content(struct world *w, const char *shape)
{
	world_sh(w, "python3 %s/reference_make.py store-%s store >digest", KAN_TEST_SOURCE, shape);
	cr_assert_eq(world_collect(w, &content_collector), 0);
	return world_rows(w, "integrity.ndjson");
}

Test(content, blobs_of_a_content_store_prove_the_layers_that_were_unpacked_from_them)
{
	static const char *const shapes[] = {"gzip", "zstd", "nested", "platforms"};
	for (size_t i = 0; i < 4; i++) {
		struct world *w = image_new();
		json_t *rows = by_content(w, shapes[i]);
		char *got = image_named(w);
		cr_assert_str_eq(got, "", "%s: %s", shapes[i], got);
		for (int n = 0; n < LAYERS; n++) {
			cr_assert_str_eq(image_result(rows, 3, n), "verified", "%s", shapes[i]);
			cr_assert_str_eq(image_result(rows, 4, n), "verified", "%s", shapes[i]);
		}
		cr_assert_eq(w->n_gaps, 0);
		free(got);
		json_decref(rows);
		image_free(w);
	}
}

Test(content, what_differs_from_the_blobs_is_named_on_its_rung)
{
	struct world *w = image_new();
	world_sh(w, "touch -r d0/etc/passwd t; printf 'toor:x:0:0\\n' >d0/etc/passwd; touch -r t "
		    "d0/etc/passwd; chmod u+s d2/opt/tool");
	json_t *rows = by_content(w, "gzip");
	char *got = image_named(w);
	cr_assert_str_eq(got, "0/etc/passwd:content 2/opt/tool:mode ");
	cr_assert_str_eq(image_result(rows, 3, 0), "damaged");
	cr_assert_str_eq(image_result(rows, 4, 0), "verified");
	cr_assert_str_eq(image_result(rows, 3, 2), "verified");
	cr_assert_str_eq(image_result(rows, 4, 2), "damaged");
	free(got);
	json_decref(rows);
	image_free(w);
}

Test(content, a_blob_that_is_changed_or_gone_is_a_gap_and_proves_nothing)
{
	static const char *const damage[] = {
		"f=$(ls -S store/blobs/sha256/* | head -1); printf X | dd of=$f bs=1 seek=50 "
		"conv=notrunc status=none",
		"rm $(ls -S store/blobs/sha256/* | head -1)",
		"rm store/blobs/sha256/$(cut -c8- digest)",
	};
	static const unsigned codes[] = {KAN_GAP_MALFORMED, KAN_GAP_VANISHED, KAN_GAP_VANISHED};
	for (size_t i = 0; i < 3; i++) {
		struct world *w = image_new();
		world_sh(w, "python3 %s/reference_make.py store-oci store >digest; %s",
			 KAN_TEST_SOURCE, damage[i]);
		cr_assert_eq(world_collect(w, &content_collector), 0);
		json_t *rows = world_rows(w, "integrity.ndjson");
		char *got = image_named(w);
		cr_assert_str_eq(got, "");
		cr_assert_str_eq(image_result(rows, 3, -1), "not-done");
		cr_assert(world_gap(w, "integrity.ndjson", codes[i]), "%zu: %s", i, w->gaps[0].why);
		free(got);
		json_decref(rows);
		image_free(w);
	}
}

static int gather(const json_t *row, void *rows, struct kan_err *err)
{
	(void)err;
	return json_array_append_new(rows, json_deep_copy(row));
}

/* The sealed rows of a capture before or after the edits, against the reference, without the host.
 */
static json_t *sealed_against(struct world *w, const char *shape)
{
	struct kan_err err = {0};
	struct kan_source *s = NULL;
	json_t *doc = NULL, *rows = json_array();
	char bundle[256], path[256];
	kan_auto_close int fd = -1;
	w->policy.image_full = true;
	w->policy.verify_image = false;
	json_decref(image_verify(w));
	world_sh(w, "python3 %s/reference_make.py %s ref", KAN_TEST_SOURCE, shape);
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", w->top);
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	cr_assert_eq(kan_source_dir(&s, bundle, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_reference_open(&fd, path, &err), 0, "%s", err.text);
	const struct kan_reference_from from = {.fd = fd, .image_id = w->target.image_id};
	if (kan_against_reference(&doc, s, &from, gather, rows, &err) < 0)
		doc = json_pack("{s:s}", "error", err.text);
	json_object_set_new(doc, "rows", rows);
	kan_source_free(s);
	return doc;
}

/* "LAYER PATH:word,word " a row, in their order. */
static void told(char *out, size_t size, const json_t *doc)
{
	size_t i = 0, n = 0, k = 0;
	json_t *row = NULL, *word = NULL;
	out[0] = 0;
	json_array_foreach (json_object_get(doc, "rows"), i, row) {
		n += (size_t)snprintf(out + n, size - n, "%d%s:",
				      (int)json_integer_value(json_object_get(row, "layer")),
				      world_str(row, "path"));
		json_array_foreach (json_object_get(row, "differs"), k, word)
			n += (size_t)snprintf(out + n, size - n, "%s%s", k ? "," : "",
					      json_string_value(word));
		n += (size_t)snprintf(out + n, size - n, " ");
	}
}

Test(sealed, the_rows_of_an_untouched_image_are_those_of_the_reference)
{
	static const char *const shapes[] = {"legacy", "zstd", "dir-oci"};
	for (size_t i = 0; i < 3; i++) {
		struct world *w = image_new();
		char text[4096];
		json_t *doc = sealed_against(w, shapes[i]);
		told(text, sizeof(text), doc);
		cr_assert_str_eq(text, "", "%s: %s", shapes[i], text);
		cr_assert(json_is_true(json_object_get(json_object_get(doc, "image"), "same")));
		cr_assert_eq(json_array_size(json_object_get(doc, "layers")), LAYERS);
		for (size_t n = 0; n < LAYERS; n++)
			cr_assert(json_is_true(json_object_get(
				json_array_get(json_object_get(doc, "layers"), n), "same")));
		cr_assert_eq(json_integer_value(json_object_get(doc, "unread")), 0);
		json_decref(doc);
		image_free(w);
	}
}

Test(sealed, what_was_edited_before_the_capture_is_told_from_the_rows_alone)
{
	static const char *const each[] = {
		"0/etc/passwd:content ",      "0/usr/bin/id:mode ", "0/etc/empty:owner ",
		"0/usr/bin/ping:capability ", "0/etc/added:extra ", "0/etc/pipe:missing ",
		"1/old/w:whiteout ",          "1/old/sub:opaque ",  "1/etc:opaque ",
		"0/usr/bin/whoami:mode ",     "0/old:xattrs "};
	struct world *w = image_new();
	char text[4096];
	size_t n = 0;
	world_sh(w, "touch -r d0/etc t; touch -r d0/etc/passwd p; printf 'toor:x:0:0\\n' "
		    ">d0/etc/passwd; touch -r p d0/etc/passwd; chmod u+s d0/usr/bin/id; chown 5 "
		    "d0/etc/empty; setfattr -x security.capability d0/usr/bin/ping; echo x "
		    ">d0/etc/added; rm d0/etc/pipe; touch -r t d0/etc; touch -r d1/old t; rm "
		    "d1/old/w; touch -r t d1/old; setfattr -x trusted.overlay.opaque d1/old/sub; "
		    "setfattr -n trusted.overlay.opaque -v y d1/etc; setfattr -n "
		    "trusted.overlay.redirect -v /etc d0/old");
	json_t *doc = sealed_against(w, "gzip");
	told(text, sizeof(text), doc);
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		cr_assert(strstr(text, each[i]), "%s is not in %s", each[i], text);
		n += strlen(each[i]);
	}
	/* whoami is another name of id: what its header does not say, that of id does. */
	cr_assert_eq(strlen(text), n, "%s", text);
	json_decref(doc);
	image_free(w);
}

/* Rows of a store that was edited so, against the reference: these are told, and no others. */
static void sealed_edit(const char *command, const char *expected)
{
	struct world *w = image_new();
	char text[4096];
	world_sh(w, "%s", command);
	json_t *doc = sealed_against(w, "gzip");
	told(text, sizeof(text), doc);
	cr_assert_str_eq(text, expected, "%s: %s", command, text);
	json_decref(doc);
	image_free(w);
}

Test(sealed, another_name_of_a_file_that_is_one_no_more_is_compared_with_that_file)
{
	sealed_edit("touch -r d0/usr/bin t; cp -p d0/usr/bin/id c; echo x >>c; touch -r "
		    "d0/usr/bin/id c; rm d0/usr/bin/whoami; mv c d0/usr/bin/whoami; touch -r t "
		    "d0/usr/bin",
		    "0/usr/bin/whoami:content,size ");
}

Test(sealed, what_honest_builders_leave_is_not_told_or_is_told_in_its_own_word)
{
	sealed_edit("setfattr -n trusted.overlay.opaque -v y d2/opt; touch -r d1/etc t; cp -a "
		    "d0/etc/passwd d0/etc/link d1/etc/; mknod d1/etc/never c 0 0; touch -r t "
		    "d1/etc; chmod 700 d0 d1",
		    "");
	sealed_edit(
		"setfattr -n system.posix_acl_access -v 0x0200000001000600ffffffff02000400e80300"
		"0004000400ffffffff10000400ffffffff20000400ffffffff d0/etc/empty",
		"0/etc/empty:acl ");
	sealed_edit("setfattr -n user.note -v x d0/etc/passwd", "0/etc/passwd:more-xattrs ");
	sealed_edit("touch -r d1/etc t; cp -a d0/etc/passwd d1/etc/; chmod u+s d1/etc/passwd; "
		    "touch -r t d1/etc",
		    "1/etc/passwd:extra ");
}

Test(sealed, a_device_node_that_a_users_engine_could_not_make_has_its_own_word)
{
	struct world *w = image_new();
	char text[4096];
	world_sh(w, "touch -r d0/etc t; rm d0/etc/null; touch -r t d0/etc");
	image_of_user(w, 1000, "0 0 70000\n70000 200000 9\n");
	json_t *doc = sealed_against(w, "gzip");
	told(text, sizeof(text), doc);
	cr_assert_str_eq(text, "0/etc/null:unmade-device ");
	json_decref(doc);
	image_free(w);
	sealed_edit("touch -r d0/etc t; rm d0/etc/null; touch -r t d0/etc", "0/etc/null:missing ");
}

Test(sealed, a_device_node_with_another_number_is_told)
{
	sealed_edit("touch -r d0/etc t; rm d0/etc/null; mknod -m 666 d0/etc/null c 1 5; touch -d "
		    "@1700000000 d0/etc/null; touch -r t d0/etc",
		    "0/etc/null:device ");
	sealed_edit("touch -r d0/etc t; rm d0/etc/null; mknod -m 666 d0/etc/null c 7 3; touch -d "
		    "@1700000000 d0/etc/null; touch -r t d0/etc",
		    "0/etc/null:device ");
}

Test(sealed, owners_are_those_of_the_store_that_the_rows_name)
{
	struct world *w = image_new();
	char text[4096];
	w->target.data_root = kan_xstrdup("/var/lib/docker/100000.200000");
	world_sh(w, "chown 0:200000 data; python3 - <<E\n"
		    "import os\n"
		    "for top in ('d0/', 'd1/', 'd2/'):\n"
		    "    for at, dirs, files in os.walk(top):\n"
		    "        for n in dirs + files:\n"
		    "            p = os.path.join(at, n)\n"
		    "            st = os.lstat(p)\n"
		    "            if st.st_uid >= 100000: continue\n"
		    "            cap = not os.path.islink(p) and 'security.capability' in "
		    "os.listxattr(p)\n"
		    "            os.chown(p, st.st_uid + 100000, st.st_gid + 200000, "
		    "follow_symlinks=False)\n"
		    "            if not os.path.islink(p): os.chmod(p, st.st_mode & 0o7777)\n"
		    "            if cap: os.setxattr(p, 'security.capability', "
		    "bytes.fromhex('0100000300040000000000000000000000000000a0860100'))\n"
		    "os.chown('d0/etc/empty', 0, 0)\n"
		    "E\n");
	json_t *doc = sealed_against(w, "gzip");
	told(text, sizeof(text), doc);
	cr_assert_str_eq(text, "0/etc/empty:owner ", "%s", text);
	json_decref(doc);
	free(w->target.data_root);
	w->target.data_root = NULL;
	image_free(w);
}

/* How many rows say this word alone. */
static size_t with_word(const json_t *doc, const char *word)
{
	size_t i = 0, n = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(doc, "rows"), i, row) {
		const json_t *differs = json_object_get(row, "differs");
		const char *first = json_string_value(json_array_get(differs, 0));
		n += json_array_size(differs) == 1 && strcmp(first, word) == 0;
	}
	return n;
}

Test(sealed, of_thousands_of_paths_each_one_is_told_whichever_side_lacks_it)
{
	enum { MANY = 1500 };
	struct world *w = image_new();
	world_sh(w,
		 "touch -r d2/opt t; mkdir d2/opt/many; cd d2/opt/many; seq %d | xargs touch; cd "
		 "../../..; touch -r t d2/opt",
		 MANY);
	json_t *doc = sealed_against(w, "gzip");
	cr_assert_eq(with_word(doc, "extra"), MANY + 1, "and their directory");
	cr_assert_eq(json_array_size(json_object_get(doc, "rows")), MANY + 1);
	cr_assert_eq(json_integer_value(json_object_get(doc, "count")), MANY + 1);
	json_decref(doc);
	world_sh(w, "rm -rf ref bundle d2/opt/many; mkdir bundle; touch -r t d2/opt");
	doc = sealed_against(w, "crowded");
	cr_assert_eq(with_word(doc, "missing"), MANY);
	cr_assert_eq(json_array_size(json_object_get(doc, "rows")), MANY);
	const json_t *one = json_array_get(json_object_get(doc, "rows"), 7);
	cr_assert_str_eq(world_str(one, "path"), "/opt/many/7");
	cr_assert_str_eq(world_str(one, "expected.mode"), "0100644");
	cr_assert_null(json_object_get(one, "found"));
	json_decref(doc);
	image_free(w);
}

Test(sealed, what_honest_tools_change_too_is_told_and_counted_apart)
{
	struct world *w = image_new();
	world_sh(w, "touch d0/etc/passwd; setfattr -n user.note -v x d0/etc/empty");
	json_t *doc = sealed_against(w, "gzip");
	cr_assert_eq(json_integer_value(json_object_get(doc, "count")), 2);
	cr_assert_eq(json_integer_value(json_object_get(doc, "noted")), 2);
	json_decref(doc);
	world_sh(w, "rm -rf ref bundle; mkdir bundle; chmod u+s d0/etc/passwd");
	doc = sealed_against(w, "gzip");
	cr_assert_eq(json_integer_value(json_object_get(doc, "count")), 2);
	cr_assert_eq(json_integer_value(json_object_get(doc, "noted")), 1);
	json_decref(doc);
	image_free(w);
}

static int refuse(const json_t *row, void *arg, struct kan_err *err)
{
	(void)row;
	++*(int *)arg;
	return kan_fail(err, KAN_EIO, "no room");
}

Test(sealed, a_row_that_cannot_be_written_ends_it)
{
	struct kan_err err = {0};
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	char path[256];
	int asked = 0;
	struct world *w = image_new();
	world_sh(w, "touch d0/etc/passwd d0/etc/empty");
	json_decref(sealed_against(w, "gzip"));
	(void)snprintf(path, sizeof(path), "%s/ref", w->top);
	kan_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct kan_reference_from from = {.fd = fd, .image_id = w->target.image_id};
	(void)snprintf(path, sizeof(path), "%s/bundle", w->top);
	cr_assert_eq(kan_source_dir(&s, path, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_against_reference(&doc, s, &from, refuse, &asked, &err), -1);
	cr_assert_eq(err.code, KAN_EIO);
	cr_assert_eq(asked, 1);
	cr_assert_null(doc);
	kan_source_free(s);
	image_free(w);
}

Test(sealed, a_hostile_reference_or_a_bundle_without_rows_is_an_error)
{
	static const char *const shapes[] = {"swapped", "wide", "nothing"};
	for (size_t i = 0; i < 3; i++) {
		struct world *w = image_new();
		json_t *doc = sealed_against(w, shapes[i]);
		cr_assert_not_null(json_object_get(doc, "error"), "%s", shapes[i]);
		json_decref(doc);
		image_free(w);
	}
}
