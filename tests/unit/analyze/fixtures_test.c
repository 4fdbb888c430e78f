/* Every shipped rule against its fixtures: hit, miss, and what a missing row kind does. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "rule_fixtures.h"

/* shopd is damaged in layer 0 and, by another file of that name, in layer 1. */
Test(fixtures, a_path_that_is_damaged_in_two_layers_is_two_findings)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture("image-damaged", r), *v = NULL;
	size_t i = 0, found = 0;
	json_array_foreach (json_object_get(doc, "findings"), i, v) {
		const char *says = json_string_value(json_object_get(v, "says"));
		found += says && (strstr(says, "/usr/bin/shopd in layer 0 ") ||
				  strstr(says, "/usr/bin/shopd in layer 1 "));
	}
	cr_assert_eq(found, 2);
	json_decref(doc);
	kan_rules_free(r);
}

Test(fixtures, every_rule_hits_where_it_should_and_nowhere_else)
{
	struct kan_rules *r = shipped();
	for (size_t i = 0; i < r->n; i++) {
		cr_expect(as_expected(r, &r->rules[i], "hit", true), "%s misses a hit",
			  r->rules[i].id);
		cr_expect(as_expected(r, &r->rules[i], "miss", false), "%s hits a miss",
			  r->rules[i].id);
	}
	kan_rules_free(r);
}

static void nothing_found(const char *name)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture(name, r), *v = NULL;
	size_t i = 0;
	json_array_foreach (json_object_get(doc, "findings"), i, v)
		cr_expect_fail("%s: %s: %s", name, kan_json_str(v, "rule"),
			       kan_json_str(v, "says"));
	json_array_foreach (json_object_get(doc, "not_assessed"), i, v)
		cr_expect_fail("%s: %s was not assessed", name, kan_json_str(v, "rule"));
	json_decref(doc);
	kan_rules_free(r);
}

Test(fixtures, nothing_is_found_in_honest_containers)
{
	nothing_found("honest");
	nothing_found("honest-nginx");
	nothing_found("honest-postgres");
	nothing_found("honest-redis");
}

/* The table of the ladder, made from rows. */
static const char *rung_of(const json_t *image, size_t i)
{
	return kan_json_str(json_array_get(json_object_get(image, "rungs"), i), "result");
}

Test(fixtures, the_rung_that_was_reached_is_said_with_what_it_rests_on)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture("honest", r);
	const json_t *image = json_object_get(doc, "image_integrity");
	cr_assert_eq(kan_json_int(image, "reached"), 4);
	cr_assert_str_eq(kan_json_str(image, "says"),
			 "rung 4 of 5: its name, the digests of 1 layers and every header hold; "
			 "packages were not checked; rungs 2 to 5 rest on this host alone");
	cr_assert_str_eq(rung_of(image, 0), "not-done", "no reference was given");
	json_decref(doc);
	doc = fixture("image-damaged", r);
	image = json_object_get(doc, "image_integrity");
	cr_assert_eq(kan_json_int(image, "reached"), 0);
	cr_assert_eq(kan_json_int(image, "damaged_paths"), 4);
	cr_assert_str_eq(rung_of(image, 1), "damaged");
	cr_assert_str_eq(rung_of(image, 3), "damaged");
	cr_assert_str_eq(kan_json_str(image, "says"), "the image is damaged: 4 paths are named; "
						      "rungs 2 to 5 rest on this host alone");
	json_decref(doc);
	doc = fixture("image-mtime", r);
	image = json_object_get(doc, "image_integrity");
	cr_assert_eq(kan_json_int(image, "reached"), 4);
	cr_assert_eq(kan_json_int(image, "damaged_paths"), 0);
	cr_assert_str_eq(rung_of(image, 0), "verified");
	cr_assert_str_eq(rung_of(image, 2), "verified");
	cr_assert(strstr(kan_json_str(image, "says"), "it is the reference (rung 1); rung 4 of 5"));
	cr_assert(
		strstr(kan_json_str(image, "says"),
		       "; 1 paths differ in a time, in attributes that builders leave or in device "
		       "nodes that a user's engine cannot make, which alone is no damage"));
	/* Beside the ladder: of two manifests one holds, and the other takes nothing from rung 2.
	 */
	const json_t *digests = json_object_get(image, "digests");
	cr_assert_eq(json_array_size(digests), 1);
	cr_assert(
		strstr(kan_json_str(image, "says"), json_string_value(json_array_get(digests, 0))));
	json_decref(doc);
	kan_rules_free(r);
}

Test(fixtures, each_belongs_to_a_rule)
{
	struct kan_rules *r = shipped();
	DIR *d = opendir(FIXTURES);
	cr_assert_not_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		bool named = e->d_name[0] == '.' || strcmp(e->d_name, "base") == 0;
		json_t *name = json_string(e->d_name), *v = NULL;
		for (size_t i = 0, k = 0; i < r->n; i++) {
			json_array_foreach ((json_t *)(uintptr_t)names(&r->rules[i], "hit"), k, v)
				named |= json_equal(v, name);
			json_array_foreach ((json_t *)(uintptr_t)names(&r->rules[i], "miss"), k, v)
				named |= json_equal(v, name);
		}
		cr_expect(named, "%s belongs to no rule", e->d_name);
		json_decref(name);
	}
	closedir(d);
	kan_rules_free(r);
}

/* A copy of a fixture over the base, so that a file can be taken away. */
static char copy_to[64];
static size_t copy_skip;

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	char to[1024];
	struct kan_err err = {0};
	(void)st;
	(void)at;
	(void)snprintf(to, sizeof to, "%s%s", copy_to, path + copy_skip);
	if (type == FTW_D) {
		(void)mkdir(to, 0700); /* the fixture lies over the base: it may be there */
		return 0;
	}
	kan_auto_buf struct kan_buf text = KAN_BUF(1 << 20);
	cr_assert_eq(kan_read_file(&text, AT_FDCWD, path, &err), 0, "%s", err.text);
	(void)unlink(to);
	cr_assert_eq(kan_put_file(AT_FDCWD, to, 0600, kan_buf_bytes(&text), &err), 0, "%s",
		     err.text);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void copy_fixture(const char *name)
{
	char from[512];
	strcpy(copy_to, "/tmp/kanshiki-fixture-XXXXXX");
	cr_assert_not_null(mkdtemp(copy_to));
	(void)snprintf(from, sizeof from, "%s/base", FIXTURES);
	copy_skip = strlen(from);
	cr_assert_eq(nftw(from, copy_one, 8, FTW_PHYS), 0);
	(void)snprintf(from, sizeof from, "%s/%s", FIXTURES, name);
	copy_skip = strlen(from);
	cr_assert_eq(nftw(from, copy_one, 8, FTW_PHYS), 0);
}

/* Rows of YARA are there when it was asked for: what it did not scan is a row, too. */
static void drop_rows(const char *artefact)
{
	char path[512];
	struct kan_err err = {0};
	(void)snprintf(path, sizeof path, "%s/%s", copy_to, artefact);
	cr_assert_eq(unlink(path), 0, "%s", path);
	if (strcmp(artefact, "yara.ndjson") == 0)
		cr_assert_eq(
			kan_put_file(AT_FDCWD, path, 0600,
				     KAN_LIT("{\"type\":\"gap\",\"artefact\":\"\",\"what\":\"/a\","
					     "\"code\":\"limit\",\"why\":\"large\"}\n"),
				     &err),
			0);
}

static void drop_kind(const struct kan_rules *set, const struct kan_rule *r, const char *name)
{
	copy_fixture(name);
	drop_rows(r->kind->artefact);
	json_t *doc = analysis_of(copy_to, NULL, set);
	cr_expect(!kan_rule_fires(doc, r), "%s without rows: %s fires", name, r->id);
	cr_expect(has(doc, "not_assessed", r->id), "%s without rows: %s is silent", name, r->id);
	json_decref(doc);
	(void)nftw(copy_to, remove_one, 8, FTW_PHYS | FTW_DEPTH);
}

Test(fixtures, a_missing_row_kind_turns_hits_into_not_assessed)
{
	struct kan_rules *r = shipped();
	size_t k = 0;
	json_t *name = NULL;
	for (size_t i = 0; i < r->n; i++)
		json_array_foreach ((json_t *)(uintptr_t)names(&r->rules[i], "hit"), k, name)
			drop_kind(r, &r->rules[i], json_string_value(name));
	kan_rules_free(r);
}

Test(fixtures, a_missing_join_leaves_a_rule_that_needs_it_unassessed)
{
	struct kan_rules *r = shipped();
	char path[512];
	copy_fixture("foreign-peer");
	(void)snprintf(path, sizeof path, "%s/data/processes/processes.ndjson", copy_to);
	cr_assert_eq(unlink(path), 0);
	json_t *doc = analysis_of(copy_to, NULL, r);
	cr_assert(!has(doc, "findings", "net.foreign-peer"));
	cr_assert(has(doc, "not_assessed", "net.foreign-peer"));
	json_decref(doc);
	(void)nftw(copy_to, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	kan_rules_free(r);
}

/* What a condition counts may be missing, too: then nobody knows how many there are. */
Test(fixtures, missing_rows_to_count_leave_a_rule_unassessed)
{
	struct kan_rules *r = shipped();
	char path[512];
	copy_fixture("scan-syn");
	(void)snprintf(path, sizeof path, "%s/data/network/sockets.ndjson", copy_to);
	cr_assert_eq(unlink(path), 0);
	json_t *doc = analysis_of(copy_to, NULL, r);
	cr_assert(!has(doc, "findings", "net.scan-fanout"));
	cr_assert(has(doc, "not_assessed", "net.scan-fanout"));
	json_decref(doc);
	(void)nftw(copy_to, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	kan_rules_free(r);
}

static const json_t *unassessed(const json_t *doc, const char *rule)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(doc, "not_assessed"), i, v)
		if (strcmp(kan_json_str(v, "rule"), rule) == 0)
			return json_object_get(v, "gap");
	cr_assert_fail("%s was assessed", rule);
	return NULL;
}

/* The engine still had some events, and not those of the whole life: silence says nothing. */
Test(fixtures, events_that_the_engine_no_longer_had_are_the_reason)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture("events-late", r);
	const json_t *gap = unassessed(doc, "exec.none");
	cr_expect_str_eq(kan_json_str(gap, "code"), "window");
	cr_expect_str_eq(kan_json_str(gap, "what"), "engine events before 2026-11-22T05:23:20Z");
	cr_expect(has(doc, "not_assessed", "exec.event"), "there may have been one before");
	json_decref(doc);
	doc = fixture("exec-event", r);
	cr_expect(!has(doc, "not_assessed", "exec.event"), "it voted");
	json_decref(doc);
	kan_rules_free(r);
}

static const json_t *found(const json_t *doc, const char *rule)
{
	size_t i = 0;
	json_t *v = NULL;
	json_array_foreach (json_object_get(doc, "findings"), i, v)
		if (strcmp(kan_json_str(v, "rule"), rule) == 0)
			return v;
	cr_assert_fail("%s did not fire", rule);
	return NULL;
}

static void is_excused(const json_t *doc, const char *rule)
{
	const json_t *f = found(doc, rule);
	cr_expect_str_eq(kan_json_str(f, "severity"), "low", "%s", rule);
	cr_expect(strstr(kan_json_str(f, "says"),
			 "; explained by records of the image or the container"));
	const json_t *parts = json_object_get(f, "parts");
	cr_expect(strstr(kan_json_str(json_array_get(parts, json_array_size(parts) - 1), "text"),
			 "; explained by"));
}

/* Never dropped, never more than low; and nothing is said of how it began. */
Test(fixtures, what_the_package_manager_explains_is_low_and_votes_for_nothing)
{
	struct kan_rules *r = shipped();
	json_t *doc = fixture("exe-explained", r);
	const json_t *verdict = json_object_get(doc, "verdict");
	is_excused(doc, "integrity.image-file");
	is_excused(doc, "exe.foreign");
	is_excused(doc, "net.foreign-peer");
	cr_expect_str_eq(kan_json_str(verdict, "level"), "none");
	const json_t *service = json_array_get(json_object_get(verdict, "hypotheses"), 0);
	cr_expect_str_eq(kan_json_str(service, "name"), "service");
	cr_expect_eq(kan_json_int(service, "weight_for"), 0);
	json_decref(doc);
	doc = fixture("exe-upgraded-twice", r);
	is_excused(doc, "exe.deleted-foreign");
	json_decref(doc);
	doc = fixture("shell-skeleton", r);
	is_excused(doc, "persist.shell-startup");
	json_decref(doc);
	doc = fixture("log-rotated", r);
	is_excused(doc, "wipe.log-emptied");
	json_decref(doc);
	doc = fixture("log-copied", r);
	is_excused(doc, "wipe.log-emptied");
	json_decref(doc);
	doc = fixture("log-moved-away", r);
	cr_expect_str_eq(kan_json_str(found(doc, "wipe.log-emptied"), "severity"), "high");
	json_decref(doc);
	doc = fixture("package-file", r);
	cr_expect_str_eq(kan_json_str(found(doc, "integrity.image-file"), "severity"), "high");
	cr_expect_null(
		strstr(kan_json_str(found(doc, "integrity.image-file"), "says"), "explained"));
	json_decref(doc);
	kan_rules_free(r);
}

/* The kind is made of two artefacts: one alone says nothing, and the evidence is where it lies. */
Test(fixtures, views_that_do_not_agree_are_told_with_the_row_of_one)
{
	struct kan_rules *r = shipped();
	char path[512];
	json_t *doc = fixture("view-mismatch", r);
	const json_t *e =
		json_array_get(json_object_get(found(doc, "hide.view-mismatch"), "evidence"), 0);
	cr_expect_str_eq(kan_json_str(e, "artefact"), "data/processes/cgroup.ndjson");
	cr_expect_eq(kan_json_int(e, "row"), 1);
	json_decref(doc);
	copy_fixture("view-mismatch");
	(void)snprintf(path, sizeof path, "%s/data/processes/cgroup.ndjson", copy_to);
	cr_assert_eq(unlink(path), 0);
	doc = analysis_of(copy_to, NULL, r);
	cr_expect(!has(doc, "findings", "hide.view-mismatch"));
	cr_expect_str_eq(kan_json_str(unassessed(doc, "hide.view-mismatch"), "what"),
			 "data/processes/cgroup.ndjson");
	json_decref(doc);
	(void)nftw(copy_to, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	kan_rules_free(r);
}

Test(fixtures, without_a_baseline_only_what_is_certain_is_said)
{
	struct kan_rules *r = shipped();
	char path[512];
	copy_fixture("exe-foreign");
	(void)snprintf(path, sizeof path, "%s/data/image/baseline.ndjson", copy_to);
	cr_assert_eq(unlink(path), 0);
	json_t *doc = analysis_of(copy_to, NULL, r);
	cr_assert(has(doc, "findings", "exe.foreign"), "it was added: no layer has it there");
	cr_assert(has(doc, "not_assessed", "exe.foreign"), "the init's origin is not known");
	json_decref(doc);
	(void)nftw(copy_to, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	kan_rules_free(r);
}

Test(fixtures, what_is_not_applicable_is_none_and_not_unknown)
{
	struct kan_rules *r = shipped();
	char path[512];
	struct kan_err err = {0};
	copy_fixture("honest");
	(void)snprintf(path, sizeof path, "%s/data/processes/processes.ndjson", copy_to);
	cr_assert_eq(unlink(path), 0);
	(void)snprintf(path, sizeof path, "%s/data/processes/fds.ndjson", copy_to);
	cr_assert_eq(unlink(path), 0);
	(void)snprintf(path, sizeof path, "%s/gaps.ndjson", copy_to);
	cr_assert_eq(
		kan_put_file(
			AT_FDCWD, path, 0600,
			KAN_LIT("{\"type\":\"gap\",\"collector\":\"processes\",\"what\":"
				"\"processes\",\"code\":"
				"\"not-applicable\",\"why\":\"the container is not running\"}\n"),
			&err),
		0);
	json_t *doc = analysis_of(copy_to, NULL, r);
	cr_assert(!has(doc, "not_assessed", "exe.memfd"));
	json_decref(doc);
	(void)nftw(copy_to, remove_one, 8, FTW_PHYS | FTW_DEPTH);
	kan_rules_free(r);
}
