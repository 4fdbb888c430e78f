/* containerd's database of snapshots, written by the test's own writer, whole and damaged. */
#include "engine/snapshots.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <kanshiki/bytes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/bolt.h"

enum { FILE_MAX = 1 << 20, PAGE = 4096 };

#define NAMES \
	"moby/1/sha256:base=1: moby/2/sha256:top=20:moby/1/sha256:base " \
	"moby/3/c0ffee-init=300:moby/2/sha256:top moby/4/c0ffee=70000:moby/3/c0ffee-init"

static void written(struct kan_buf *out, const char *mode)
{
	char path[] = "/tmp/kan-bolt-XXXXXX", command[512];
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	(void)snprintf(command, sizeof(command), "python3 %s/bolt_truth.py %s %s %s",
		       KAN_TEST_SOURCE, path, mode, NAMES);
	cr_assert_eq(system(command), 0, "%s", command);
	*out = KAN_BUF(FILE_MAX);
	cr_assert_eq(kan_read_all(out, fd, NULL), 0);
	(void)close(fd);
	(void)unlink(path);
}

static void check(const char *mode)
{
	kan_auto_buf struct kan_buf db;
	struct kan_snapshots s;
	struct kan_err err = {0};
	written(&db, mode);
	cr_assert_eq(kan_snapshots_read(&s, kan_buf_bytes(&db), &err), 0, "%s", err.text);
	cr_assert_eq(s.n, 4);
	const struct kan_snapshot *own = kan_snapshot_key(&s, "c0ffee");
	cr_assert_not_null(own);
	cr_expect_eq(own->id, 70000);
	const struct kan_snapshot *init = kan_snapshot_named(&s, own->parent);
	cr_assert_not_null(init);
	cr_expect_str_eq(kan_snapshot_last(init), "c0ffee-init");
	const struct kan_snapshot *top = kan_snapshot_at(&s, "/r/snapshots/20/fs");
	cr_assert_not_null(top);
	cr_expect_str_eq(kan_snapshot_last(top), "sha256:top");
	cr_expect_str_eq(kan_snapshot_named(&s, top->parent)->parent, "");
	cr_expect_null(kan_snapshot_key(&s, "c0ff"));
	cr_expect_null(kan_snapshot_at(&s, "/r/snapshots/20/work"));
	cr_expect_null(kan_snapshot_at(&s, "/r/snapshots/-1/fs"));
	cr_expect_null(kan_snapshot_at(&s, "/r/snapshots/21/fs"));
	free(s.v);
}

Test(snapshots, buckets_that_stand_in_their_parents_page_are_read)
{
	check("flat");
}

Test(snapshots, buckets_of_pages_and_branches_are_read)
{
	check("tree");
}

static int reads(const struct kan_buf *db)
{
	struct kan_snapshots s = {0};
	int rc = kan_snapshots_read(&s, kan_buf_bytes(db), NULL);
	free(s.v);
	return rc;
}

Test(snapshots, one_meta_page_that_is_torn_is_not_needed)
{
	for (size_t torn = 0; torn < 2; torn++) {
		kan_auto_buf struct kan_buf db;
		struct kan_bolt b;
		written(&db, "tree");
		db.data[torn * PAGE + 40] ^= 1;
		cr_expect_eq(reads(&db), 0, "meta %zu", torn);
		cr_expect_eq(kan_bolt_open(&b, kan_buf_bytes(&db), NULL), 0);
		cr_expect_eq(b.txid, torn ? 7 : 6);
	}
}

Test(snapshots, without_a_whole_meta_page_nothing_is_read)
{
	kan_auto_buf struct kan_buf db;
	written(&db, "tree");
	db.data[40] ^= 1;
	db.data[PAGE + 40] ^= 1;
	cr_expect_eq(reads(&db), -1);
}

Test(snapshots, a_branch_that_leads_to_itself_ends)
{
	kan_auto_buf struct kan_buf db;
	written(&db, "tree");
	db.data[4 * PAGE + 16 + 8] = 4; /* the first child of page 4 */
	cr_expect_eq(reads(&db), -1);
}

Test(snapshots, each_octet_that_is_damaged_is_survived)
{
	kan_auto_buf struct kan_buf db;
	written(&db, "tree");
	for (size_t i = 2 * PAGE; i < db.len; i++) {
		uint8_t was = db.data[i];
		static const uint8_t values[] = {0, 1, 0x7f, 0xff};
		for (size_t v = 0; v < sizeof(values); v++) {
			db.data[i] = values[v];
			(void)reads(&db);
		}
		db.data[i] = was;
	}
	cr_expect_eq(reads(&db), 0);
}

Test(snapshots, a_file_that_is_cut_anywhere_is_no_database)
{
	kan_auto_buf struct kan_buf db;
	written(&db, "tree");
	size_t whole = db.len;
	for (db.len = 0; db.len < whole - PAGE; db.len += 97)
		cr_expect_eq(reads(&db), -1, "%zu", db.len);
	db.len = whole;
}

/* A leaf of that many buckets whose fields are all one page, of that many other fields. */
static void shared(struct kan_buf *out, size_t n)
{
	char path[] = "/tmp/kan-bolt-XXXXXX", command[512];
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	(void)snprintf(command, sizeof(command),
		       "python3 %s/bolt_truth.py %s shared $(seq -f 'moby/%%05g/x=1:' %zu)",
		       KAN_TEST_SOURCE, path, n);
	cr_assert_eq(system(command), 0, "%s", command);
	*out = KAN_BUF(FILE_MAX);
	cr_assert_eq(kan_read_all(out, fd, NULL), 0);
	(void)close(fd);
	(void)unlink(path);
}

Test(snapshots, a_page_that_all_entries_share_is_not_read_for_each)
{
	kan_auto_buf struct kan_buf db;
	struct kan_snapshots s = {0};
	struct kan_err err = {0};
	shared(&db, 1000);
	cr_expect_eq(kan_snapshots_read(&s, kan_buf_bytes(&db), &err), -1);
	cr_expect_eq(err.code, KAN_ELIMIT, "%s", err.text);
}

Test(snapshots, containers_of_another_namespace_are_not_dockers)
{
	struct kan_snapshot one = {.name = "k8s.io/9/c0ffee"};
	struct kan_snapshots s = {&one, 1};
	cr_expect_null(kan_snapshot_key(&s, "c0ffee"));
	(void)snprintf(one.name, sizeof(one.name), "moby/9/c0ffee");
	cr_expect_eq(kan_snapshot_key(&s, "c0ffee"), &one);
}
