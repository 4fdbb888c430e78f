/* Which bundles a repository has: the seals that events gave them, and what was derived from them.
 */
#include "fixture.h"

#include "base/digest.h"
#include "custody/act.h"
#include "custody/recorded.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT "{\"rule\":1}"

/* A commit of BUNDLE_A with a report made from it; *of is the receipt. */
static void with_report(struct kan_receipt *of, struct fixture *f)
{
	struct kan_custody *c = NULL;
	struct kan_receipt derived;
	struct kan_err err = {0};
	char dir[512];

	fixture_commit(of, f, BUNDLE_A);
	fixture_write(f->dir, "report/report.json", REPORT, sizeof(REPORT) - 1);
	snprintf(dir, sizeof(dir), "%s/report", f->dir);
	cr_assert_eq(kan_custody_open(&c, f->home, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_derive(&derived, c, of, dir, &fixture_act, &err), 0, "%s",
		     err.text);
	kan_custody_free(c);
}

static json_t *recorded(const struct fixture *f, const char *case_id, const char *derived)
{
	struct kan_err err = {0};
	json_t *table = NULL;

	cr_assert_eq(kan_custody_recorded(&table, f->repo, case_id, derived, &err), 0, "%s",
		     err.text);
	return table;
}

static const char *first(const json_t *table, const char *bundle, const char *key)
{
	return json_string_value(
		json_array_get(json_object_get(json_object_get(table, bundle), key), 0));
}

Test(recorded, a_bundle_has_the_seal_of_its_event_and_the_digest_of_its_report)
{
	auto_fixture struct fixture f;
	struct kan_receipt of;
	char digest[KAN_SHA256_HEX];

	fixture_make(&f);
	with_report(&of, &f);
	kan_sha256_hex(digest, kan_bytes_of(REPORT));
	json_auto_t *table = recorded(&f, NULL, "report.json");
	cr_expect_eq(json_object_size(table), 1);
	cr_expect_str_eq(first(table, BUNDLE_A, "seals"), of.seal);
	cr_expect_str_eq(first(table, BUNDLE_A, "derived"), digest);
	cr_expect_str_eq(
		json_string_value(json_object_get(json_object_get(table, BUNDLE_A), "case")),
		of.case_id);
}

Test(recorded, nothing_is_derived_where_nobody_asks_or_no_file_is_called_so)
{
	auto_fixture struct fixture f;
	struct kan_receipt of;

	fixture_make(&f);
	with_report(&of, &f);
	json_auto_t *unasked = recorded(&f, NULL, NULL), *other = recorded(&f, NULL, "report.html");
	cr_expect_null(first(unasked, BUNDLE_A, "derived"));
	cr_expect_null(first(other, BUNDLE_A, "derived"));
	cr_expect_str_eq(first(other, BUNDLE_A, "seals"), of.seal);
}

Test(recorded, of_another_case_there_is_nothing)
{
	auto_fixture struct fixture f;
	struct kan_receipt of;

	fixture_make(&f);
	with_report(&of, &f);
	json_auto_t *same = recorded(&f, of.case_id, "report.json"),
		    *other = recorded(&f, "inc-99", "report.json");
	cr_expect_eq(json_object_size(same), 1);
	cr_expect_eq(json_object_size(other), 0);
}

Test(recorded, a_pointer_that_is_not_there_is_an_error_and_no_empty_table)
{
	auto_fixture struct fixture f;
	struct kan_receipt of;
	struct kan_err err = {0};
	json_t *table = NULL;

	fixture_make(&f);
	with_report(&of, &f);
	/* The blob of the report's pointer, as git names it. */
	free(fixture_must(f.repo, "id=$(git --git-dir=. rev-parse main:$(git --git-dir=. ls-tree "
				  "-r --name-only main | grep report.json)) && rm -f "
				  "objects/${id:0:2}/${id:2}"));
	cr_expect_eq(kan_custody_recorded(&table, f.repo, NULL, "report.json", &err), -1);
	cr_expect_null(table);
	cr_expect_neq(err.code, KAN_OK);
	json_auto_t *seals = recorded(&f, NULL, NULL);
	cr_expect_str_eq(first(seals, BUNDLE_A, "seals"), of.seal);
}
