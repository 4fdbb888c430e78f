/* doc.posture and doc.image: what is in effect, where it was read, and what was not collected. */
#include <stdlib.h>

#include "analyze/caps.h"
#include "rule_fixtures.h"

static const json_t *posture_row(const json_t *doc, const char *id)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, "posture"), "rows"), i, row)
		if (strcmp(kan_json_str(row, "id"), id) == 0)
			return row;
	return NULL;
}

static json_t *document(const char *name)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture(name, r);
	kan_rules_free(r);
	return doc;
}

static uint64_t given(const char *inspect)
{
	uint64_t mask = 0;
	json_t *o = json_loads(inspect, 0, NULL);
	cr_assert_not_null(o);
	cr_assert(kan_caps_given(&mask, o));
	json_decref(o);
	return mask;
}

Test(posture, what_the_configuration_gives_is_counted_as_the_engine_counts_it)
{
	const uint64_t usual = 0xa80425fb, admin = UINT64_C(1) << 21, raw = UINT64_C(1) << 13;
	uint64_t mask = 0;
	cr_assert_eq(given("{\"HostConfig\":{}}"), usual);
	cr_assert_eq(given("{\"HostConfig\":{\"CapAdd\":[\"SYS_ADMIN\"]}}"), usual | admin);
	cr_assert_eq(given("{\"HostConfig\":{\"CapAdd\":[\"cap_sys_admin\"]}}"), usual | admin);
	cr_assert_eq(given("{\"HostConfig\":{\"CapDrop\":[\"NET_RAW\"]}}"), usual & ~raw);
	cr_assert_eq(given("{\"HostConfig\":{\"CapDrop\":[\"ALL\"],\"CapAdd\":[\"NET_RAW\"]}}"),
		     raw);
	cr_assert_eq(given("{\"HostConfig\":{\"CapAdd\":[\"ALL\"],\"CapDrop\":[\"NET_RAW\"]}}"),
		     UINT64_MAX & ~raw);
	cr_assert_eq(given("{\"HostConfig\":{\"Privileged\":true,\"CapDrop\":[\"ALL\"]}}"),
		     UINT64_MAX);
	cr_assert_eq(given("{\"HostConfig\":{},\"BoundingCaps\":[\"CAP_NET_RAW\"]}"), raw);
	cr_assert_not(kan_caps_given(&mask, NULL), "no inspect is not known to give none");
}

Test(posture, a_bit_without_a_name_is_a_number)
{
	json_t *names = kan_caps_names(UINT64_C(1) << 63 | 1);
	cr_assert_eq(json_array_size(names), 2);
	cr_assert_str_eq(json_string_value(json_array_get(names, 0)), "cap_chown");
	cr_assert_str_eq(json_string_value(json_array_get(names, 1)), "cap_63");
	json_decref(names);
}

Test(posture, capabilities_in_effect_are_the_kernels_and_have_their_line)
{
	json_t *doc = document("posture-caps-exec");
	const json_t *effective = posture_row(doc, "caps.effective"),
		     *beyond = posture_row(doc, "caps.beyond");
	cr_assert_not_null(strstr(kan_json_str(effective, "value"), "cap_net_admin"));
	cr_assert_str_eq(kan_json_str(effective, "artefact"), "data/processes/processes.ndjson");
	cr_assert_str_eq(kan_json_str(beyond, "value"), "pid 4700: cap_net_admin");
	cr_assert_eq(kan_json_int(beyond, "row"), 2, "its own line");
	cr_assert_gt(kan_json_int(beyond, "n"), 0, "and its finding");
	cr_assert_eq(json_array_size(json_object_get(effective, "cis")), 1);
	json_decref(doc);
}

Test(posture, root_of_a_namespace_of_its_own_has_nothing_outside)
{
	json_t *doc = document("posture-caps-nested");
	cr_assert_null(posture_row(doc, "caps.beyond"));
	cr_assert_null(
		strstr(kan_json_str(posture_row(doc, "caps.effective"), "value"), "sys_admin"));
	json_decref(doc);
}

Test(posture, what_the_kernel_did_not_say_is_neither_yes_nor_no)
{
	json_t *doc = document("honest"); /* its rows have no capabilities */
	const json_t *row = posture_row(doc, "caps.effective");
	cr_assert_null(json_object_get(row, "value"));
	cr_assert_not_null(json_object_get(json_object_get(row, "missing"), "why"));
	json_decref(doc);
}

Test(posture, an_inspect_without_a_configuration_gives_no_answer)
{
	char dir[] = "/tmp/kan-posture-XXXXXX", path[128];
	struct kan_rules *r = shipped();
	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path,
		       "mkdir -p %s/data/engine && echo '{\"Name\":\"/web\"}' >"
		       "%s/data/engine/inspect.json",
		       dir, dir);
	cr_assert_eq(system(path), 0);
	json_t *doc = analysis_of(dir, NULL, r);
	const json_t *row = posture_row(doc, "privileged");
	cr_assert_null(json_object_get(row, "value"), "no is an answer");
	cr_assert_not_null(json_object_get(row, "missing"));
	row = posture_row(doc, "engine");
	cr_assert_str_eq(kan_json_str(json_object_get(row, "missing"), "collector"), "posture");
	const json_t *image = json_object_get(doc, "image");
	cr_assert(json_is_false(json_object_get(image, "seen")));
	cr_assert(json_is_false(json_object_get(json_object_get(image, "ghosts"), "seen")));
	cr_assert_gt(json_array_size(json_object_get(image, "missing")), 3);
	json_decref(doc);
	kan_rules_free(r);
	(void)snprintf(path, sizeof path, "rm -r %s", dir);
	cr_assert_eq(system(path), 0);
}

Test(image, a_step_has_the_layer_that_it_made_and_no_secret)
{
	struct kan_rules *r = shipped();
	json_t *doc = analysis_of(TOP "/tests/fixtures/report/hostile", NULL, r);
	const json_t *image = json_object_get(doc, "image"),
		     *rows = json_object_get(json_object_get(image, "steps"), "rows");
	cr_assert_eq(json_array_size(rows), 3);
	cr_assert_eq(kan_json_int(json_array_get(rows, 1), "layer"), 1);
	cr_assert_null(json_object_get(json_array_get(rows, 2), "layer"), "it made none");
	char *text = json_dumps(doc, 0);
	cr_assert_null(strstr(text, "hunt-the-snark"), "masked in all of the document");
	cr_assert_not_null(strstr(text, "API_TOKEN=[token"));
	free(text);
	json_decref(doc);
	kan_rules_free(r);
}

/* A file's tag is made of its digest; what is shown is its size. */
Test(image, a_file_of_secrets_is_shown_by_its_size_and_a_step_is_read_from_the_configuration)
{
	struct kan_rules *r = shipped();
	json_t *doc = analysis_of(TOP "/tests/fixtures/report/hostile", NULL, r), *row = NULL;
	const json_t *rows = json_object_get(json_object_get(doc, "image"), "secrets");
	const char *file = "", *step = "";
	size_t i = 0;
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row) {
		if (strcmp(kan_json_str(row, "where"), "ghost") == 0)
			file = kan_json_str(row, "shown");
		if (strcmp(kan_json_str(row, "where"), "history") == 0)
			step = kan_json_str(row, "shown");
	}
	cr_assert_str_eq(file, "[private key, 1679 bytes]");
	cr_assert_not_null(strstr(step, "[token, "));
	json_decref(doc);
	kan_rules_free(r);
}

Test(image, nothing_named_is_no_answer_before_the_files_were_compared)
{
	struct kan_rules *r = shipped();
	json_t *unread = analysis_of(TOP "/tests/fixtures/report/hostile", NULL, r),
	       *compared = document("image-damaged");
	const json_t *a = json_object_get(json_object_get(unread, "image"), "damaged"),
		     *b = json_object_get(json_object_get(compared, "image"), "damaged");
	cr_assert(json_is_false(json_object_get(a, "seen")));
	cr_assert_gt(kan_json_int(b, "count"), 0);
	cr_assert_gt(kan_json_int(json_array_get(json_object_get(b, "rows"), 1), "rung"), 2);
	json_decref(unread);
	kan_rules_free(r);
	json_decref(compared);
}

Test(image, a_set_id_file_is_listed_and_a_plain_one_is_not)
{
	json_t *doc = document("setuid-layer");
	const json_t *rows =
		json_object_get(json_object_get(json_object_get(doc, "image"), "set_id"), "rows");
	size_t i = 0;
	json_t *row = NULL;
	cr_assert_gt(json_array_size(rows), 0);
	json_array_foreach ((json_t *)(uintptr_t)rows, i, row)
		cr_assert(strtoul(kan_json_str(row, "mode"), NULL, 8) & 06000);
	json_decref(doc);
}
