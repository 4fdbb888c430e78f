/* rpm's databases, as rpm made them, beside what rpm itself says of them. */
#include "image/pkg_rpm.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "image/pkg_index.h"

#define B(v) (int)(v).n, (const char *)(v).p

enum { FILE_MAX = 4 << 20 };

static void there(void)
{
	if (access(KAN_TEST_RPM "/two.bdb", R_OK) < 0)
		cr_skip_test("rpm is not installed: there is nothing to compare with");
}

TestSuite(rpm, .init = there);

static struct kan_buf content(const char *name)
{
	char path[1024];
	struct kan_buf b = KAN_BUF(FILE_MAX);
	struct kan_err err = {0};
	(void)snprintf(path, sizeof path, "%s/%s", KAN_TEST_RPM, name);
	cr_assert_eq(kan_read_file(&b, AT_FDCWD, path, &err), 0, "%s", err.text);
	return b;
}

struct heard {
	struct kan_buf lines;
};

static int about(const struct kan_pkg_about *p, void *arg, struct kan_err *err)
{
	struct heard *h = arg;
	(void)err;
	kan_buf_addf(&h->lines, "P %.*s %.*s %.*s src=%.*s/%.*s %.*s\n", B(p->name), B(p->arch),
		     B(p->version), B(p->source), B(p->source_version), B(p->state));
	return 0;
}

static int owned(const struct kan_pkg_owned *o, void *arg, struct kan_err *err)
{
	struct heard *h = arg;
	char hex[2 * KAN_PKG_SUM_MAX + 1] = "";
	(void)err;
	kan_hex(hex, o->sum);
	kan_buf_addf(&h->lines, "O %.*s:%.*s %.8s%s%s\n", B(o->package), B(o->path), hex,
		     o->directory ? " dir" : "", o->conffile ? " conf" : "");
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in the order of their bytes; rpm gives packages in the order of their numbers. */
static void sorted(struct kan_buf *out, struct kan_buf *in)
{
	static char *lines[4096];
	size_t n = 0;
	char *rest = (char *)(uintptr_t)kan_buf_str(in), *line = NULL;
	while ((line = strsep(&rest, "\n")) && n < 4096)
		if (*line)
			lines[n++] = line;
	qsort(lines, n, sizeof *lines, by_text);
	for (size_t i = 0; i < n; i++) {
		kan_buf_adds(out, lines[i]);
		kan_buf_addc(out, '\n');
	}
}

static void reads(const char *db, const char *wal, const char *truth)
{
	struct heard h = {.lines = KAN_BUF(FILE_MAX)};
	const struct kan_pkg_events on = {.about = about, .owned = owned, .arg = &h};
	kan_auto_buf struct kan_buf a = content(db), b = wal ? content(wal) : KAN_BUF(1),
				    want = content(truth), have = KAN_BUF(FILE_MAX);
	struct kan_err err = {0};
	cr_assert_eq(kan_pkg_rpm_read(kan_buf_bytes(&a), kan_buf_bytes(&b), &on, &err), 0, "%s",
		     err.text);
	sorted(&have, &h.lines);
	cr_assert_gt(want.len, 100);
	cr_assert_str_eq(kan_buf_str(&have), kan_buf_str(&want));
	kan_buf_free(&h.lines);
}

Test(rpm, every_format_gives_the_packages_and_files_that_rpm_names)
{
	reads("one.sqlite", NULL, "one.txt");
	reads("two.ndb", NULL, "two.txt");
	reads("two.bdb", NULL, "two.txt");
	reads("two-big.bdb", NULL, "two.txt");
}

Test(rpm, what_is_only_in_the_write_ahead_log_is_read)
{
	reads("two.sqlite", NULL, "one.txt");
	reads("two.sqlite", "two.sqlite-wal", "two.txt");
}

Test(rpm, a_log_counts_up_to_its_last_whole_commit)
{
	kan_auto_buf struct kan_buf wal = content("two.sqlite-wal");
	struct kan_bytes all = kan_buf_bytes(&wal);
	cr_assert(kan_pkg_wal_used(all));
	cr_assert_not(kan_pkg_wal_used((struct kan_bytes){all.p, 32}));
	wal.data[32 + 24 + 7] ^= 1; /* the first frame's page */
	cr_assert_not(kan_pkg_wal_used(all));
}

/* Every octet of each file is changed, one at a time, and every file is cut: nothing but an error
 * or fewer packages comes of it. */
static void survives(const char *name)
{
	struct heard h = {.lines = KAN_BUF(FILE_MAX)};
	const struct kan_pkg_events on = {.about = about, .owned = owned, .arg = &h};
	kan_auto_buf struct kan_buf db = content(name);
	struct kan_bytes none = {0};
	for (size_t i = 0; i < db.len; i += i < 8192 ? 7 : 509) {
		struct kan_err err = {0};
		uint8_t was = db.data[i];
		db.data[i] = (uint8_t)~was;
		kan_buf_reset(&h.lines);
		int rc = kan_pkg_rpm_read(kan_buf_bytes(&db), none, &on, &err);
		cr_assert(rc == 0 || err.code == KAN_EUNSUPPORTED ||
				  (err.code == KAN_EFORMAT && strncmp(err.text, "byte ", 5) == 0),
			  "%s", err.text);
		db.data[i] = was;
		struct kan_err cut = {0};
		rc = kan_pkg_rpm_read((struct kan_bytes){db.data, i}, none, &on, &cut);
		cr_assert(rc == 0 || cut.code == KAN_EFORMAT, "%s", cut.text);
	}
	kan_buf_free(&h.lines);
}

Test(rpm, damage_anywhere_is_an_error_with_its_place_and_no_more)
{
	survives("one.sqlite");
	survives("two.ndb");
	survives("two.bdb");
}

/* Who owns what, by an index that hears the files in pieces and in any order. */
static struct kan_pkg_index *index_of(const struct kan_pkg_paths *wanted,
				      const struct kan_pkg_paths *links)
{
	static const struct {
		const char *path, *name;
	} files[] = {{"usr/lib/sysimage/rpm/rpmdb.sqlite-wal", "two.sqlite-wal"},
		     {"usr/lib/sysimage/rpm/rpmdb.sqlite", "two.sqlite"}};
	struct kan_pkg_index *x = kan_pkg_index_new(wanted, links);
	for (size_t i = 0; i < 2; i++) {
		kan_auto_buf struct kan_buf b = content(files[i].name);
		cr_assert(kan_pkg_index_file(x, kan_bytes_of(files[i].path)));
		kan_pkg_index_data(x, (struct kan_bytes){b.data, 1000});
		kan_pkg_index_data(x, (struct kan_bytes){b.data + 1000, b.len - 1000});
	}
	kan_pkg_index_done(x);
	return x;
}

Test(rpm, an_index_knows_the_owner_the_version_and_the_checksum)
{
	static const char *const paths[] = {"etc/hello.conf", "opt/many/3/a-file-with-a-name-60",
					    "usr/bin/hello", "usr/bin/nobody"};
	struct kan_pkg_paths *wanted = kan_pkg_paths_new(), *links = kan_pkg_paths_new();
	char program[KAN_SHA256_HEX], hex[KAN_SHA256_HEX];
	for (size_t i = 0; i < 4; i++)
		kan_pkg_paths_add(wanted, kan_bytes_of(paths[i]), KAN_LIT("-"));
	kan_pkg_paths_sort(wanted);
	kan_pkg_paths_sort(links);
	struct kan_pkg_index *x = index_of(wanted, links);
	cr_assert_eq(kan_pkg_index_faults(x), 0);
	cr_assert_eq(kan_pkg_index_packages(x), 2);
	const struct kan_pkg_owner *o = kan_pkg_index_owner(x, 2);
	kan_sha256_hex(program, KAN_LIT("a program"));
	kan_hex(hex, (struct kan_bytes){o->sum, o->sum_n});
	cr_assert_str_eq(hex, program);
	cr_assert_str_eq(o->manager, "rpm");
	const struct kan_pkg_package *p = kan_pkg_index_named(x, o->key);
	cr_assert(kan_bytes_eq(p->version, KAN_LIT("2:1.0-3")));
	cr_assert(kan_bytes_eq(p->file, KAN_LIT("usr/lib/sysimage/rpm/rpmdb.sqlite")));
	cr_assert(kan_pkg_index_owner(x, 0)->conffile);
	cr_assert_eq(kan_pkg_index_owner(x, 1)->sum_n, 16);
	cr_assert_null(kan_pkg_index_owner(x, 3));
	kan_pkg_index_free(x);
	kan_pkg_paths_free(wanted);
	kan_pkg_paths_free(links);
}

/* --- what rpm does not make --- */

static void index_refuses(const char *path, struct kan_bytes bytes, const char *second,
			  const char *why)
{
	struct kan_pkg_paths *none = kan_pkg_paths_new();
	struct kan_pkg_index *x = kan_pkg_index_new(none, none);
	cr_assert(kan_pkg_index_file(x, kan_bytes_of(path)));
	kan_pkg_index_data(x, bytes);
	if (second)
		cr_assert(kan_pkg_index_file(x, kan_bytes_of(second)));
	kan_pkg_index_done(x);
	cr_assert_geq(kan_pkg_index_faults(x), 1);
	cr_assert_str_eq(kan_pkg_index_fault(x, 0)->err.text, why);
	cr_assert_str_eq(kan_pkg_index_fault(x, 0)->file, second ? second : path);
	kan_pkg_index_free(x);
	kan_pkg_paths_free(none);
}

Test(rpm_odd, what_is_no_database_is_told_with_its_file)
{
	index_refuses("var/lib/rpm/Packages", KAN_LIT("text"), NULL, "byte 0: no Berkeley DB");
	index_refuses("var/lib/rpm/rpmdb.sqlite", KAN_LIT("SQLite format 3"), NULL,
		      "byte 0: no SQLite database");
	index_refuses("var/lib/rpm/Packages.db", KAN_LIT("RpmP"), NULL,
		      "byte 0: no database of rpm's own format");
	index_refuses("var/lib/rpm/Packages.db", KAN_LIT("RpmP"), "usr/lib/sysimage/rpm/Packages",
		      "a second database of rpm beside var/lib/rpm/Packages.db: one is read");
}

Test(rpm_odd, a_package_is_named_as_rpms_tools_write_it)
{
	static const struct {
		const char *text, *name, *version, *arch;
	} cases[] = {{"curl-7.61.1-18.el8.x86_64", "curl", "7.61.1-18.el8", "x86_64"},
		     {"java-11-openjdk-1:11.0-1.noarch", "java-11-openjdk", "1:11.0-1", "noarch"},
		     {"a-0:1-1.i686", "a", "1-1", "i686"},
		     {"curl", NULL, NULL, NULL},
		     {"curl-1.x", NULL, NULL, NULL},
		     {"-1-1.x", NULL, NULL, NULL},
		     {"", NULL, NULL, NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kan_pkg_nevra n = {0};
		bool good = kan_pkg_nevra(&n, kan_bytes_of(cases[i].text));
		cr_assert_eq(good, cases[i].name != NULL, "%s", cases[i].text);
		if (!good)
			continue;
		cr_assert(kan_bytes_eq(n.name, kan_bytes_of(cases[i].name)));
		cr_assert(kan_bytes_eq(n.version, kan_bytes_of(cases[i].version)));
		cr_assert(kan_bytes_eq(n.arch, kan_bytes_of(cases[i].arch)));
	}
}

/* As rpm.ver() of rpm 4.18 orders them. */
Test(rpm_odd, versions_are_ordered_as_rpm_orders_them)
{
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {{"1.0-1", "1.0-1", 0},         {"1.0-1", "1.0-2", -1},
		     {"2:1.0-1", "3.0-1", 1},       {"0:1-1", "1-1", 0},
		     {"1.0~rc1-1", "1.0-1", -1},    {"1.0^git1-1", "1.0-1", 1},
		     {"1.0^git1-1", "1.0.1-1", -1}, {"1.0~rc1-1", "1.0~rc1^git-1", -1},
		     {"10xyz-1", "10.1xyz-1", -1},  {"xyz10-1", "xyz10.1-1", -1},
		     {"1.010-1", "1.10-1", 0},      {"a-1", "1-1", -1},
		     {"1.2a-1", "1.2-1", 1},        {"1.0.-1", "1.0-1", 0},
		     {"2_0-1", "2.0-1", 0},         {"5.el8-1", "5.el9-1", -1},
		     {"FC5-1", "fc4-1", -1},        {"1.0^-1", "1.0~-1", 1},
		     {"20001010000-1", "9-1", 1},   {"1-1.el8", "1-1.el8_1", -1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kan_bytes a = kan_bytes_of(cases[i].a), b = kan_bytes_of(cases[i].b);
		int there = kan_pkg_rpm_version_cmp(a, b), back = kan_pkg_rpm_version_cmp(b, a);
		cr_assert_eq((there > 0) - (there < 0), cases[i].order, "%s %s", cases[i].a,
			     cases[i].b);
		cr_assert_eq((back > 0) - (back < 0), -cases[i].order, "%s %s", cases[i].b,
			     cases[i].a);
	}
}
