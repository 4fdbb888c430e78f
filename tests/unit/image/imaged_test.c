/* The image by the engine's stream: each shape of it against Python's reading of the layers, and
 * each lie. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/collector.h>
#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "evidence/channel.h"
#include "evidence/spool.h"
#include "image/imaged.h"
#include "integrity_made.h"

extern const struct kan_collector kan_collector_image;
static const struct kan_collector *collector = &kan_collector_image;

/* An engine of recorded answers beside the image; the host has nothing that may be opened. */
static struct world *remote_new(void)
{
	struct world *w = image_new();
	struct kan_err err = {0};
	char host[128];
	world_sh(w,
		 "mkdir answers; printf OK >answers/_ping; printf '{\"Size\":9}' "
		 ">answers/images-%s-json",
		 w->target.image_id);
	(void)snprintf(host, sizeof(host), "replay:%s/answers", w->top);
	cr_assert_eq(kan_engine_open(&w->target.engine, host, &err), 0, "%s", err.text);
	w->target.depth = KAN_DEPTH_API;
	w->policy.image_full = true;
	w->policy.verify_image = false;
	return w;
}

static void remote_free(struct world *w)
{
	kan_engine_free(w->target.engine);
	image_free(w);
}

/* What the collector may look at of this host: no layer and no data root. */
static int collect(struct world *w)
{
	size_t n = w->target.n_lowers;
	int root = w->target.data_root_fd;
	w->target.n_lowers = 0;
	w->target.data_root_fd = -1;
	w->n_gaps = 0;
	world_sh(w, "rm -rf bundle; mkdir bundle");
	int rc = world_collect(w, collector);
	w->target.n_lowers = n;
	w->target.data_root_fd = root;
	return rc;
}

/* The stream in this shape. */
static void streams(struct world *w, const char *shape)
{
	world_sh(w, "python3 %s/reference_make.py %s ref; mv ref answers/images-%s-get",
		 KAN_TEST_SOURCE, shape, w->target.image_id);
}

/* The same, and the id is that of what its index.json leads to: a manifest or an index. */
static void streams_by_manifest(struct world *w, const char *shape)
{
	streams(w, shape);
	char *old = w->target.image_id;
	w->target.image_id = world_line(
		w, "tar xOf answers/images-%s-get index.json | jq -r .manifests[0].digest", old);
	world_sh(w, "for a in get json; do mv answers/images-%s-$a answers/images-%s-$a; done", old,
		 w->target.image_id);
	free(old);
}

static size_t rows_of(struct world *w)
{
	json_t *rows = world_rows(w, "baseline.ndjson");
	size_t n = json_array_size(rows);
	json_decref(rows);
	return n;
}

/* "stream stream none", from the base up. */
static void expect_proofs(struct world *w, const char *wanted)
{
	char *got = world_line(w, "jq -r 'select(.proof).proof' bundle/data/image/layers.ndjson | "
				  "tr '\\n' ' '");
	cr_expect_str_eq(got, wanted);
	free(got);
}

/* Gaps that are no matter of the depth. */
static size_t other_gaps(const struct world *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->n_gaps; i++) {
		n += w->gaps[i].type != KAN_MSG_SCOPE && w->gaps[i].code != KAN_GAP_DENIED;
	}
	return n;
}

static void expect_whole(struct world *w, const char *shape)
{
	cr_assert_eq(collect(w), 0, "%s", shape);
	cr_expect_eq(other_gaps(w), 0, "%s: %s: %s", shape, w->gaps[0].what, w->gaps[0].why);
	world_sh(w,
		 "python3 %s/stream_truth.py bundle/data/image/baseline.ndjson layer0.tar "
		 "layer1.tar layer2.tar; cmp config bundle/data/image/config.json",
		 KAN_TEST_SOURCE);
	expect_proofs(w, "stream stream stream ");
	json_t *rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 2, -1), "verified", "%s", shape);
	for (int n = 0; n < LAYERS; n++)
		cr_expect_str_eq(image_result(rows, 3, n), "verified", "%s %d", shape, n);
	json_decref(rows);
}

Test(imaged, each_shape_of_the_stream_has_the_rows_that_its_layers_have)
{
	static const char *const shapes[] = {"legacy", "linked", "oci",    "oci-docker",
					     "gzip",   "zstd",   "nested", "one-of-two"};
	struct world *w = remote_new();
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		streams(w, shapes[i]);
		expect_whole(w, shapes[i]);
	}
	remote_free(w);
}

/* containerd's store: the id is that of a manifest or of an index. */
Test(imaged, an_id_that_leads_to_the_config_by_digests_is_as_good_as_the_configs)
{
	static const char *const shapes[] = {"oci-docker", "nested"};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct world *w = remote_new();
		streams_by_manifest(w, shapes[i]);
		expect_whole(w, shapes[i]);
		remote_free(w);
	}
}

/* No row of the baseline, and all else is said not to be done. named: but for the config, which is
 * the image's, so that its layers have rows. */
static void expect_nothing(struct world *w, const char *what, enum kan_gap code, bool named)
{
	cr_assert_eq(collect(w), 0, "%s", what);
	cr_expect(world_gap(w, "baseline.ndjson", code), "%s: %u %s", what, w->gaps[0].code,
		  w->gaps[0].why);
	world_sh(w, "cd bundle/data/image; [ -s layers.ndjson ] && { [ ! -e baseline.ndjson ] || "
		    "[ $(wc -l <baseline.ndjson) = 1 ]; }");
	json_t *rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 2, -1), named ? "verified" : "not-done", "%s", what);
	for (int n = 0; n < LAYERS; n++)
		cr_expect_str_eq(image_result(rows, 3, n), named ? "not-done" : "", "%s %d", what,
				 n);
	expect_proofs(w, named ? "none none none " : "");
	json_decref(rows);
}

Test(imaged, a_stream_that_lies_is_a_gap_and_makes_no_row)
{
	static const struct {
		const char *shape;
		enum kan_gap code;
		bool named;
	} cases[] = {
		{"spoiled", KAN_GAP_CONTRADICTED, true},
		{"swapped", KAN_GAP_CONTRADICTED, true},
		{"twice", KAN_GAP_CONTRADICTED},
		{"outside", KAN_GAP_CONTRADICTED},
		{"name-outside", KAN_GAP_CONTRADICTED},
		{"deep", KAN_GAP_CONTRADICTED},
		{"looping", KAN_GAP_CONTRADICTED},
		{"wide", KAN_GAP_LIMIT},
		{"depth", KAN_GAP_LIMIT},
		{"nothing", KAN_GAP_CONTRADICTED},
		{"none-of-two", KAN_GAP_CONTRADICTED},
		{"newer", KAN_GAP_CONTRADICTED},
		{"rewritten", KAN_GAP_CONTRADICTED},
		{"bomb", KAN_GAP_CONTRADICTED},
	};
	struct world *w = remote_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		streams(w, cases[i].shape);
		expect_nothing(w, cases[i].shape, cases[i].code, cases[i].named);
	}
	remote_free(w);
}

Test(imaged, a_stream_that_ends_within_a_layer_or_is_refused_says_so)
{
	struct world *w = remote_new();
	const char *id = w->target.image_id;
	streams(w, "legacy");
	world_sh(w, "truncate -s -200000 answers/images-%s-get", id);
	expect_nothing(w, "ends within a layer", KAN_GAP_CONTRADICTED, false);
	streams(w, "legacy");
	world_sh(w, "touch answers/images-%s-get.cut", id);
	expect_nothing(w, "the connection ended", KAN_GAP_MALFORMED, false);
	world_sh(w, "rm answers/*.cut; printf 500 >answers/images-%s-get.status", id);
	expect_nothing(w, "status 500", KAN_GAP_UNSUPPORTED, false);
	world_sh(w, "printf 404 >answers/images-%s-get.status", id);
	expect_nothing(w, "no such image", KAN_GAP_VANISHED, false);
	world_sh(w, "rm answers/*.status; : >answers/images-%s-get", id);
	expect_nothing(w, "an empty stream", KAN_GAP_CONTRADICTED, false);
	remote_free(w);
}

Test(imaged, one_layer_that_is_not_what_the_config_says_leaves_those_below_it)
{
	struct world *w = remote_new();
	streams(w, "spoiled-top");
	cr_assert_eq(collect(w), 0);
	cr_expect(world_gap(w, "baseline.ndjson", KAN_GAP_CONTRADICTED));
	expect_proofs(w, "stream stream none ");
	json_t *rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 3, 1), "verified");
	cr_expect_str_eq(image_result(rows, 3, 2), "not-done");
	json_decref(rows);
	world_sh(w,
		 "python3 %s/stream_truth.py bundle/data/image/baseline.ndjson layer0.tar "
		 "layer1.tar",
		 KAN_TEST_SOURCE);
	remote_free(w);
}

static const char *sha_of(const json_t *rows, const char *path)
{
	return world_str(world_row(rows, path), "sha256");
}

Test(imaged, members_that_lead_out_or_are_there_twice_or_name_what_is_not_there_are_told)
{
	struct world *w = remote_new();
	streams_by_manifest(w, "odd");
	cr_assert_eq(collect(w), 0);
	cr_expect(world_gap(w, "../../etc/shadow", KAN_GAP_CONTRADICTED));
	cr_expect(world_gap(w, "/a", KAN_GAP_CONTRADICTED));
	cr_expect(world_gap(w, "/out", KAN_GAP_UNSUPPORTED));
	json_t *rows = world_rows(w, "baseline.ndjson");
	cr_expect_eq(json_array_size(rows), 7);
	/* sha256sum of "one" and "two" */
	const char *two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
	cr_expect_str_eq(sha_of(rows, "/a"),
			 "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
	cr_expect_str_eq(sha_of(rows, "/of-a"), two, "the last one of a name counts");
	cr_expect_str_eq(sha_of(rows, "/out"), "");
	cr_expect_null(json_object_get(world_row(rows, "/out"), "hardlink_to"));
	cr_expect_str_eq(sha_of(rows, "/nowhere"), "");
	cr_expect_str_eq(world_str(world_row(rows, "/nowhere"), "hardlink_to"), "/missing");
	cr_expect_str_eq(sha_of(rows, "/abs/file"), two);
	json_decref(rows);
	remote_free(w);
}

Test(imaged, a_layer_whose_tar_is_broken_costs_that_layer_alone)
{
	struct world *w = remote_new();
	streams_by_manifest(w, "broken");
	cr_assert_eq(collect(w), 0);
	cr_expect(world_gap(w, "baseline.ndjson", KAN_GAP_MALFORMED));
	expect_proofs(w, "stream stream ");
	json_t *rows = world_rows(w, "baseline.ndjson");
	cr_expect(world_row(rows, "/opt/tool"), "of the layer behind it");
	json_decref(rows);
	remote_free(w);
}

Test(imaged, an_image_without_room_for_it_is_not_asked_for)
{
	struct world *w = remote_new();
	streams(w, "legacy");
	world_sh(w, "printf '{\"Size\":4611686018427387904}' >answers/images-%s-json",
		 w->target.image_id);
	expect_nothing(w, "no room", KAN_GAP_LIMIT, false);
	remote_free(w);
}

/* From now on this process is told what NFS says of a file without a name. */
static void no_files_without_a_name(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {sizeof(steps) / sizeof(steps[0]), steps};
	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

Test(imaged, without_a_place_for_the_stream_what_was_asked_for_is_said_to_be_not_done)
{
	struct world *w = remote_new();
	streams(w, "legacy");
	w->policy.verify_image = true;
	w->policy.reference = w->target.image_id;
	no_files_without_a_name();
	cr_assert_eq(collect(w), 0);
	cr_expect(world_gap(w, "baseline.ndjson", KAN_GAP_UNSUPPORTED));
	json_t *rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 1, -1), "verified", "a digest needs no stream");
	cr_expect_str_eq(image_result(rows, 2, -1), "not-done");
	cr_expect_str_eq(image_result(rows, 4, -1), "not-done");
	json_decref(rows);
	remote_free(w);
}

Test(imaged, image_none_and_a_wish_for_proof_is_a_gap)
{
	struct world *w = remote_new();
	w->policy.image_full = false;
	cr_assert_eq(collect(w), 0);
	cr_expect_null(world_gap(w, "integrity.ndjson", KAN_GAP_UNSUPPORTED));
	w->policy.verify_image = true;
	cr_assert_eq(collect(w), 0);
	cr_expect(world_gap(w, "integrity.ndjson", KAN_GAP_UNSUPPORTED));
	w->policy.verify_image = false;
	w->policy.reference = w->target.image_id;
	cr_assert_eq(collect(w), 0);
	cr_expect(world_gap(w, "integrity.ndjson", KAN_GAP_UNSUPPORTED));
	remote_free(w);
}

/* As the collector, whose time is over when the stream is there. */
static int collect_late(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	uint64_t rows = 0;
	struct kan_imaged_room to = {.until_ns = 1};
	cr_assert_eq(kan_sink_spool(&to.fd, sink, err), 0);
	int rc = kan_imaged_take(&rows, &to, t, sink, err);
	(void)close(to.fd);
	return rc;
}

Test(imaged, when_no_time_is_left_to_read_the_stream_or_the_reference_both_are_gaps)
{
	struct kan_collector late = kan_collector_image;
	struct world *w = remote_new();
	char path[256];
	late.collect = collect_late;
	streams(w, "legacy");
	world_sh(w, "cp answers/images-%s-get mine", w->target.image_id);
	(void)snprintf(path, sizeof(path), "%s/mine", w->top);
	w->policy.reference = path;
	collector = &late;
	expect_nothing(w, "no time", KAN_GAP_LIMIT, false);
	cr_expect(world_gap(w, "integrity.ndjson", KAN_GAP_LIMIT));
	json_t *rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 1, -1), "not-done");
	json_decref(rows);
	remote_free(w);
}

Test(imaged, image_none_asks_for_nothing)
{
	struct world *w = remote_new();
	streams(w, "legacy");
	w->policy.image_full = false;
	cr_assert_eq(collect(w), 0);
	cr_expect_eq(w->n_gaps, 1);
	cr_expect_str_eq(w->gaps[0].why, "--image none");
	world_sh(w, "[ ! -e bundle/data/image ]");
	remote_free(w);
}

Test(imaged, a_reference_is_compared_layer_by_layer_and_headers_are_not_done)
{
	struct world *w = remote_new();
	char path[256];
	streams(w, "legacy");
	world_sh(w,
		 "python3 %s/reference_make.py gzip mine; python3 %s/reference_make.py newer "
		 "newer",
		 KAN_TEST_SOURCE, KAN_TEST_SOURCE);
	(void)snprintf(path, sizeof(path), "%s/mine", w->top);
	w->policy.reference = path;
	w->policy.verify_image = true;
	cr_assert_eq(collect(w), 0);
	cr_expect_eq(other_gaps(w), 0);
	json_t *rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 1, -1), "verified");
	cr_expect_str_eq(image_result(rows, 1, 2), "verified");
	cr_expect_str_eq(image_result(rows, 4, -1), "not-done");
	json_decref(rows);
	(void)snprintf(path, sizeof(path), "%s/newer", w->top);
	cr_assert_eq(collect(w), 0);
	rows = world_rows(w, "integrity.ndjson");
	cr_expect_str_eq(image_result(rows, 1, -1), "damaged", "another image");
	cr_expect_str_eq(image_result(rows, 1, 1), "verified");
	cr_expect_str_eq(image_result(rows, 1, 2), "not-done");
	json_decref(rows);
	remote_free(w);
}

/* Whatever was in it, nothing is left of the stream itself. */
Test(imaged, the_stream_leaves_no_file)
{
	struct world *w = remote_new();
	streams(w, "legacy");
	cr_assert_eq(collect(w), 0);
	cr_expect_gt(rows_of(w), 0);
	world_sh(w, "[ \"$(ls bundle/data/image | tr '\\n' ' ')\" = 'baseline.ndjson config.json "
		    "integrity.ndjson layers.ndjson ' ]");
	remote_free(w);
}
