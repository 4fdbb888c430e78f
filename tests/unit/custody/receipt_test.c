/* A receipt that is looked up again is the one that the commit returned; a repository that is cut
 * or hostile gives an error, in time. */
#include "custody/check.h"
#include "custody/receipt.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_S = 60 };

static int find(struct kan_receipt *out, const struct fixture *f, const char *bundle,
		struct kan_err *err)
{
	char dir[512];

	snprintf(dir, sizeof(dir), "%s/%s", f->dir, bundle);
	return kan_custody_find_receipt(out, f->repo, dir, err);
}

static void same(const struct kan_receipt *a, const struct kan_receipt *b)
{
	cr_assert_str_eq(a->repo, b->repo);
	cr_assert_str_eq(a->case_id, b->case_id);
	cr_assert_str_eq(a->bundle, b->bundle);
	cr_assert_str_eq(a->seal, b->seal);
	cr_assert_str_eq(a->commit, b->commit);
	cr_assert_str_eq(a->signer, b->signer);
	cr_assert_eq(a->event, b->event);
	cr_assert_eq(a->host_key, b->host_key);
}

Test(receipt, it_is_the_one_that_the_commit_returned)
{
	auto_fixture struct fixture f;
	struct kan_receipt first, second, found;
	struct kan_err err = {0};

	fixture_make(&f);
	fixture_commit(&first, &f, BUNDLE_A);
	fixture_commit(&second, &f, BUNDLE_B);
	cr_assert_eq(find(&found, &f, BUNDLE_A, &err), 1, "%s", err.text);
	same(&found, &first);
	cr_assert_eq(find(&found, &f, BUNDLE_B, &err), 1, "%s", err.text);
	same(&found, &second);
	free(fixture_must(f.repo,
			  "git repack -q -a -d && git pack-refs --all && git prune-packed"));
	cr_assert_eq(find(&found, &f, BUNDLE_B, &err), 1, "%s", err.text);
	same(&found, &second);
}

Test(receipt, a_bundle_that_was_not_committed_or_not_sealed_has_none)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, found;
	struct kan_err err = {0};
	char other[512];

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	fixture_bag(other, &f, BUNDLE_B, "b");
	cr_assert_eq(find(&found, &f, BUNDLE_B, &err), 0, "%s", err.text);
	free(fixture_must(f.dir, "rm -f %s/tagmanifest-sha256.txt", BUNDLE_B));
	cr_assert_eq(find(&found, &f, BUNDLE_B, &err), 0, "%s", err.text);
	free(fixture_must(f.repo, "rm refs/heads/main"));
	cr_assert_eq(find(&found, &f, BUNDLE_A, &err), 0, "%s", err.text);
}

Test(receipt, a_commit_that_is_cut_anywhere_is_an_error_in_time)
{
	auto_fixture struct fixture f;
	struct kan_receipt r, found;
	struct stat st;
	char path[1024];

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	snprintf(path, sizeof(path), "%s/objects/%.2s/%s", f.repo, r.commit, r.commit + 2);
	cr_assert_eq(chmod(path, 0600), 0);
	cr_assert_eq(stat(path, &st), 0);
	alarm(PATIENCE_S);
	for (off_t n = st.st_size - 1; n >= 0; n--) {
		struct kan_err err = {0};

		cr_assert_eq(truncate(path, n), 0);
		cr_assert_eq(find(&found, &f, BUNDLE_A, &err), -1, "%ld octets", (long)n);
	}
	alarm(0);
}

Test(receipt, verify_of_a_repository_with_cut_objects_ends_and_names_them)
{
	auto_fixture struct fixture f;
	struct findings v = FINDINGS;
	struct kan_receipt r;
	struct kan_err err = {0};

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	free(fixture_must(f.repo, "chmod -R u+w objects; find objects -type f | while read -r o; do"
				  " truncate -s $(($(stat -c %%s $o) / 2)) $o; done"));
	alarm(PATIENCE_S);
	cr_assert_eq(kan_custody_verify(f.repo, NULL, findings_fn, &v, &err), 0, "%s", err.text);
	alarm(0);
	cr_assert(said(&v, "objects", "failed", "", "cut off"), "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(receipt, links_and_special_files_below_objects_are_not_opened)
{
	static const char *const traps[] = {
		"mkfifo objects/pack/pack-0123456789012345678901234567890123456789.idx",
		"ln -s /etc objects/zz", "mkfifo objects/fifo"};
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
		auto_fixture struct fixture f;
		struct kan_receipt r, found;
		struct kan_err err = {0};

		fixture_make(&f);
		fixture_commit(&r, &f, BUNDLE_A);
		free(fixture_must(f.repo, "%s", traps[i]));
		alarm(PATIENCE_S);
		cr_assert_eq(find(&found, &f, BUNDLE_A, &err), -1);
		alarm(0);
		cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	}
}

/* Its directories of loose objects are known by their lists: what is no regular file stands out. */
Test(receipt, a_home_with_such_among_its_loose_objects_is_not_opened_for_writing)
{
	static const char *const traps[] = {
		"ln -s /etc/passwd $d/0123456789012345678901234567890123456789",
		"mkfifo $d/0123456789012345678901234567890123456789",
		"mkdir $d/more && ln -s /etc $d/more/link",
		"mv $d ../away && ln -s ../../away $d",
	};
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
		auto_fixture struct fixture f;
		struct kan_custody *c = NULL;
		struct kan_receipt r;
		struct kan_err err = {0};

		fixture_make(&f);
		fixture_commit(&r, &f, BUNDLE_A);
		free(fixture_must(f.repo, "d=$(ls -d objects/[0-9a-f][0-9a-f] | head -1); %s",
				  traps[i]));
		alarm(PATIENCE_S);
		cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), -1, "%s", traps[i]);
		alarm(0);
		cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
		cr_assert(strstr(err.text, "not a regular file"), "%s", err.text);
	}
}

Test(receipt, a_loose_object_that_is_a_hole_of_a_terabyte_is_altered_and_not_read)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_receipt r, found;
	struct kan_err err = {0};

	fixture_make(&f);
	fixture_commit(&r, &f, BUNDLE_A);
	free(fixture_must(f.repo, "o=objects/$(git rev-parse main | sed 's,^..,&/,');"
				  " chmod u+w $o; truncate -s 1T $o"));
	cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), 0, "%s", err.text);
	alarm(PATIENCE_S);
	cr_assert_eq(kan_custody_find_request(&found, c, "request-0", &err), -1);
	alarm(0);
	cr_assert_eq(err.code, KAN_ETAMPER, "%s", err.text);
	kan_custody_free(c);
}
