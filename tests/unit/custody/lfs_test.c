/* The LFS store: names are digests, and what is there is never believed. */
#include "custody/lfs.h"

#include "custody/files.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store {
	struct fixture f;
	int repo, src;
	char hex[KAN_SHA256_HEX], path[KAN_LFS_PATH];
};

static void open_store(struct store *s, const char *content)
{
	char path[512];

	fixture_make(&s->f);
	fixture_write(s->f.dir, "repo/keep", "", 0);
	fixture_write(s->f.dir, "src", content, strlen(content));
	snprintf(path, sizeof(path), "%s/repo", s->f.dir);
	s->repo = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/src", s->f.dir);
	s->src = open(path, O_RDONLY);
	cr_assert(s->repo >= 0 && s->src >= 0);
	kan_sha256_hex(s->hex, kan_bytes_of(content));
	kan_lfs_path(s->path, s->hex);
}

static void close_store(struct store *s)
{
	close(s->repo);
	close(s->src);
	fixture_remove(&s->f);
}

Test(lfs, sealed_content_is_stored_without_a_second_copy_where_the_file_system_can)
{
	struct store s;
	struct kan_lfs_object o;
	struct stat a, b;

	open_store(&s, "evidence");
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, NULL), 0);
	cr_assert_str_eq(o.oid, s.hex);
	cr_assert_eq(o.size, 8);
	cr_assert_eq(fstatat(s.repo, s.path, &a, 0), 0);
	cr_assert_eq(fstat(s.src, &b), 0);
	cr_assert_eq(a.st_mode & 07777, 0400);
	cr_assert(a.st_nlink == 1 || a.st_ino == b.st_ino);
	close_store(&s);
}

Test(lfs, a_file_that_may_still_change_is_never_linked)
{
	struct store s;
	struct kan_lfs_object o;
	struct stat a;

	open_store(&s, "report");
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, NULL, NULL), 0);
	cr_assert_str_eq(o.oid, s.hex);
	cr_assert_eq(fstatat(s.repo, s.path, &a, 0), 0);
	cr_assert_eq(a.st_nlink, 1);
	close_store(&s);
}

Test(lfs, content_that_others_may_write_is_copied_and_checked)
{
	struct store s;
	struct kan_lfs_object o;
	struct kan_err err = {0};
	char wrong[KAN_SHA256_HEX];

	open_store(&s, "imported");
	cr_assert_eq(fchmod(s.src, 0644), 0);
	kan_sha256_hex(wrong, KAN_LIT("something else"));
	/* A clone is trusted like a link; without one the copy is hashed. */
	if (kan_lfs_put(&o, s.repo, s.src, wrong, &err) < 0) {
		cr_assert_eq(err.code, KAN_ETAMPER);
		cr_assert_eq(fixture_run(NULL, s.f.dir, "test -z \"$(find repo/lfs -type f)\""), 0);
	}
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, NULL), 0);
	close_store(&s);
}

Test(lfs, an_object_that_is_there_already_is_hashed_again)
{
	struct store s;
	struct kan_lfs_object o;
	struct kan_err err = {0};

	open_store(&s, "evidence");
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, NULL), 0);
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, &err), 0, "%s", err.text);
	free(fixture_must(s.f.dir, "rm -f repo/%s; printf evidencE > repo/%s", s.path, s.path));
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	close_store(&s);
}

Test(lfs, an_empty_file_needs_no_object)
{
	struct store s;
	struct kan_lfs_object o;

	open_store(&s, "");
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, NULL), 0);
	cr_assert_eq(o.size, 0);
	cr_assert_eq(fixture_run(NULL, s.f.dir, "test ! -e repo/lfs"), 0);
	close_store(&s);
}

static void check_is(struct store *s, const struct kan_lfs_object *o, enum kan_code code)
{
	struct kan_err err = {0};

	cr_expect_eq(kan_lfs_check(s->repo, o, &err) < 0, code != KAN_OK);
	cr_expect_eq(err.code, code, "%s", err.text);
}

Test(lfs, missing_altered_and_foreign_are_told_apart)
{
	struct store s;
	struct kan_lfs_object o;

	open_store(&s, "evidence");
	cr_assert_eq(kan_lfs_put(&o, s.repo, s.src, s.hex, NULL), 0);
	check_is(&s, &o, KAN_OK);
	free(fixture_must(s.f.dir, "rm -f repo/%s; printf evidencE > repo/%s", s.path, s.path));
	check_is(&s, &o, KAN_ETAMPER);
	free(fixture_must(s.f.dir, "rm -f repo/%s; ln -s %s/src repo/%s", s.path, s.f.dir, s.path));
	check_is(&s, &o, KAN_ETAMPER);
	free(fixture_must(s.f.dir, "rm -f repo/%s; mkfifo repo/%s", s.path, s.path));
	check_is(&s, &o, KAN_ETAMPER);
	free(fixture_must(s.f.dir, "rm -f repo/%s", s.path));
	check_is(&s, &o, KAN_ENOTFOUND);
	close_store(&s);
}

Test(lfs, what_a_crash_left_is_swept_and_nothing_else)
{
	struct store s;

	open_store(&s, "x");
	fixture_write(s.f.dir, "repo/lfs/tmp/kanshiki-77", "half", 4);
	fixture_write(s.f.dir, "repo/lfs/tmp/git-lfs-own", "half", 4);
	kan_lfs_sweep(s.repo);
	cr_assert_eq(fixture_run(NULL, s.f.dir, "test \"$(ls repo/lfs/tmp)\" = git-lfs-own"), 0);
	close_store(&s);
}
