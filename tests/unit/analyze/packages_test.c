/* Owner, verdict and explanation of changed files, from databases and bytes that the test makes. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/analyze.h"
#include "base/checksum.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tar.h"

struct world {
	char dir[64];
	struct kan_buf changes, baseline, pkgdb, upper, before, gaps;
	struct kan_tar *pkgdb_tar, *upper_tar, *before_tar;
	bool no_baseline;
	bool verified; /* captured with --verify-image */
};

static int to_buf(void *arg, const void *p, size_t n, struct kan_err *err)
{
	(void)err;
	kan_buf_add(arg, p, n);
	return 0;
}

static struct world world(void)
{
	return (struct world){.dir = "/tmp/kanshiki-pkg-XXXXXX",
			      .changes = KAN_BUF(1 << 20),
			      .baseline = KAN_BUF(1 << 20),
			      .pkgdb = KAN_BUF(8 << 20),
			      .upper = KAN_BUF(8 << 20),
			      .before = KAN_BUF(8 << 20),
			      .gaps = KAN_BUF(1 << 20)};
}

static void bytes(struct kan_tar **t, struct kan_buf *to, const char *path,
		  struct kan_bytes content, const char *hardlink)
{
	struct kan_err err = {0};
	struct kan_tar_entry e = {.path = kan_bytes_of(path),
				  .mode = S_IFREG | 0644,
				  .size = hardlink ? 0 : content.n,
				  .hardlink = kan_bytes_of(hardlink)};
	if (!*t)
		cr_assert_eq(kan_tar_new(t, to_buf, to, &err), 0);
	cr_assert_eq(kan_tar_entry(*t, &e, &err), 0, "%s", err.text);
	if (!hardlink) {
		cr_assert_eq(kan_tar_data(*t, content.p, content.n, &err), 0);
		cr_assert_eq(kan_tar_finish(*t, &err), 0);
	}
}

static void member(struct kan_tar **t, struct kan_buf *to, const char *path, const char *content,
		   const char *hardlink)
{
	bytes(t, to, path, kan_bytes_of(content), hardlink);
}

static void image_db(struct world *w, const char *path, const char *content)
{
	member(&w->pkgdb_tar, &w->pkgdb, path, content, NULL);
}

static void row(struct world *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	kan_buf_adds(&w->changes, text);
	kan_buf_addc(&w->changes, '\n');
}

/* A changed or added file whose bytes are in the bundle. */
static void file(struct world *w, const char *change, const char *path, const char *content)
{
	row(w,
	    "{\"path\":\"/%s\",\"change\":\"%s\",\"type\":\"file\",\"mode\":\"0100644\","
	    "\"stored\":\"upper.tar\"}",
	    path, change);
	member(&w->upper_tar, &w->upper, path, content, NULL);
}

static void deleted(struct world *w, const char *path)
{
	row(w, "{\"path\":\"/%s\",\"change\":\"deleted\",\"type\":\"file\"}", path);
}

static void link_of_image(struct world *w, const char *path, const char *target)
{
	kan_buf_addf(&w->baseline,
		     "{\"layer\":0,\"path\":\"/%s\",\"type\":\"symlink\",\"link\":\"%s\"}\n", path,
		     target);
}

static const char *md5(const char *content)
{
	static char hex[2 * KAN_CHECKSUM_MAX + 1];
	uint8_t out[KAN_CHECKSUM_MAX];
	struct kan_checksum *c = kan_checksum_new(16);
	kan_checksum_add(c, kan_bytes_of(content));
	kan_checksum_finish(out, c);
	kan_checksum_free(c);
	kan_hex(hex, (struct kan_bytes){out, 16});
	return hex;
}

static const char *text(const char *fmt, ...)
{
	static char out[4096];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(out, sizeof out, fmt, ap);
	va_end(ap);
	return out;
}

static void put(const struct world *w, const char *path, const struct kan_buf *content)
{
	char whole[256];
	struct kan_err err = {0};
	(void)snprintf(whole, sizeof whole, "%s/%s", w->dir, path);
	cr_assert_eq(kan_put_file(AT_FDCWD, whole, 0600, kan_buf_bytes(content), &err), 0, "%s",
		     err.text);
}

static void put_text(const struct world *w, const char *path, const char *content)
{
	struct kan_buf b = KAN_BUF(1 << 20);
	kan_buf_adds(&b, content);
	put(w, path, &b);
	kan_buf_free(&b);
}

static void put_tar(const struct world *w, const char *path, struct kan_tar *t, struct kan_buf *b)
{
	struct kan_err err = {0};
	if (!t)
		return;
	cr_assert_eq(kan_tar_close(t, &err), 0);
	put(w, path, b);
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static json_t *analysed(struct world *w)
{
	struct kan_err err = {0};
	struct kan_rules *r = NULL;
	struct kan_source *s = NULL;
	json_t *doc = NULL;
	cr_assert_not_null(mkdtemp(w->dir));
	int dir = open(w->dir, O_RDONLY | O_DIRECTORY);
	cr_assert_eq(kan_mkdirs(dir, "data/image", &err), 0);
	cr_assert_eq(kan_mkdirs(dir, "data/filesystem", &err), 0);
	put(w, "data/filesystem/changes.ndjson", &w->changes);
	if (!w->no_baseline)
		put(w, "data/image/baseline.ndjson", &w->baseline);
	put_tar(w, "data/image/pkgdb.tar", w->pkgdb_tar, &w->pkgdb);
	put_tar(w, "data/filesystem/upper.tar", w->upper_tar, &w->upper);
	put_tar(w, "data/filesystem/before.tar", w->before_tar, &w->before);
	put(w, "gaps.ndjson", &w->gaps);
	if (w->verified)
		put_text(w, "data/image/integrity.ndjson",
			 "{\"about\":\"image\",\"rung\":2,\"result\":\"verified\"}\n"
			 "{\"about\":\"layer\",\"layer\":0,\"rung\":3,\"result\":\"verified\"}\n"
			 "{\"about\":\"layer\",\"layer\":0,\"rung\":4,\"result\":\"verified\"}\n");
	cr_assert_eq(kan_rules_shipped(&r, &err), 0, "%s", err.text);
	cr_assert_eq(kan_source_dir(&s, w->dir, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_analyze_source(&doc, s, r, &err), 0, "%s", err.text);
	kan_source_free(s);
	kan_rules_free(r);
	(void)close(dir);
	(void)nftw(w->dir, drop, 16, FTW_DEPTH | FTW_PHYS);
	struct kan_buf *const all[] = {&w->changes, &w->baseline, &w->pkgdb,
				       &w->upper,   &w->before,   &w->gaps};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		kan_buf_free(all[i]);
	return doc;
}

static const json_t *change(const json_t *doc, const char *path)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, "changes"), "rows"), i, o)
		if (strcmp(kan_json_str(o, "path") + 1, path) == 0)
			return o;
	cr_assert(false, "no row of %s", path);
	return NULL;
}

/* explained: 1, 0, -1 unknown. verdict NULL: none, and none is claimed. */
static void judged(const json_t *doc, const char *path, const char *package, const char *verdict,
		   int explained)
{
	const json_t *o = change(doc, path), *e = json_object_get(o, "explained");
	cr_assert_str_eq(kan_json_str(o, "package_name"), package, "%s", path);
	cr_assert_str_eq(kan_json_str(o, "package_verdict"), verdict ? verdict : "", "%s", path);
	cr_assert_eq(e ? json_is_true(e) : -1, explained, "%s", path);
}

static const char base_status[] =
	"Package: tool\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n"
	"Source: toolsrc (1.0-src)\nConffiles:\n /etc/tool.conf %s\n\n";

/* An image with one package: a program behind the link /bin, a configuration file. */
static void shipped(struct world *w)
{
	link_of_image(w, "bin", "usr/bin");
	image_db(w, "var/lib/dpkg/status", text(base_status, md5("conf")));
	image_db(w, "var/lib/dpkg/info/tool.list",
		 "/.\n/bin\n/bin/tool\n/bin/other\n/etc\n/etc/tool.conf\n/usr/share/plain\n");
	char sums[256];
	int n = snprintf(sums, sizeof sums, "%s  bin/tool\n", md5("shipped"));
	(void)snprintf(sums + n, sizeof sums - (size_t)n, "%s  bin/other\n", md5("other"));
	image_db(w, "var/lib/dpkg/info/tool.md5sums", sums);
}

Test(packages, owner_and_verdict_come_from_the_images_database_and_the_containers_bytes)
{
	struct world w = world();
	shipped(&w);
	file(&w, "changed", "usr/bin/tool", "trojan");
	file(&w, "metadata", "usr/bin/other", "other");
	file(&w, "changed", "etc/tool.conf", "edited");
	file(&w, "added", "usr/bin/stray", "stray");
	file(&w, "changed", "usr/share/plain", "x");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", 0);
	judged(doc, "usr/bin/other", "tool", "as installed", 0);
	judged(doc, "etc/tool.conf", "tool", "modified since installed", 0);
	judged(doc, "usr/bin/stray", "", "owned by no package", 0);
	judged(doc, "usr/share/plain", "tool", "no checksum recorded", 0);
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/tool"), "package_version"), "1.0");
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/tool"), "package_manager"), "dpkg");
	json_decref(doc);
}

Test(packages, a_second_name_of_a_file_has_the_checksum_of_the_first)
{
	struct world w = world();
	shipped(&w);
	file(&w, "added", "a-first", "shipped");
	row(&w, "{\"path\":\"/usr/bin/tool\",\"change\":\"changed\",\"type\":\"file\","
		"\"stored\":\"upper.tar\",\"hardlink_to\":\"/a-first\"}");
	member(&w.upper_tar, &w.upper, "usr/bin/tool", "", "a-first");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "as installed", 0);
	judged(doc, "a-first", "", "owned by no package", 0);
	json_decref(doc);
}

Test(packages, bytes_that_are_not_in_the_bundle_leave_the_verdict_unknown_with_the_reason)
{
	struct world w = world();
	shipped(&w);
	row(&w, "{\"path\":\"/usr/bin/tool\",\"change\":\"changed\",\"type\":\"file\"}");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", NULL, 0);
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/tool"), "package_why"),
			 "its bytes are not in the bundle");
	json_decref(doc);
}

Test(packages, a_broken_database_leaves_what_it_does_not_name_unknown_and_is_told_with_its_byte)
{
	struct world w = world();
	image_db(&w, "var/lib/dpkg/status", "Package: tool\nnonsense\n");
	image_db(&w, "var/lib/dpkg/info/tool.list", "/usr/bin/tool\n");
	file(&w, "added", "usr/bin/stray", "stray");
	file(&w, "changed", "usr/bin/tool", "x");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/stray", "", NULL, 0);
	judged(doc, "usr/bin/tool", "tool", NULL, 0);
	static const char why[] = "var/lib/dpkg/status: byte 14: a line that is no field";
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/stray"), "package_why"), why);
	size_t i = 0, told = 0;
	json_t *o = NULL;
	json_array_foreach (json_object_get(doc, "not_seen"), i, o)
		told += strcmp(kan_json_str(o, "what"), "var/lib/dpkg/status") == 0 &&
			strcmp(kan_json_str(o, "why"), "byte 14: a line that is no field") == 0;
	cr_assert_eq(told, 1);
	json_decref(doc);
}

Test(packages, a_file_of_the_database_that_was_not_collected_leaves_owners_unknown)
{
	struct world w = world();
	shipped(&w);
	kan_buf_adds(&w.gaps, "{\"collector\":\"image\",\"what\":\"var/lib/dpkg/info/x.list\","
			      "\"code\":\"denied\",\"why\":\"permission denied\"}\n");
	file(&w, "added", "usr/bin/stray", "stray");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/stray", "", NULL, 0);
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/stray"), "package_why"),
			 "var/lib/dpkg/info/x.list: not collected: permission denied");
	json_decref(doc);
}

Test(packages, an_image_without_a_database_has_no_owners_and_no_question)
{
	struct world w = world();
	kan_buf_adds(&w.gaps, "{\"collector\":\"image\",\"what\":\"pkgdb.tar\","
			      "\"code\":\"not-applicable\",\"why\":\"no database\"}\n");
	file(&w, "added", "x", "x");
	json_t *doc = analysed(&w);
	judged(doc, "x", "", NULL, -1);
	cr_assert_str_eq(
		kan_json_str(json_object_get(json_object_get(doc, "packages"), "image"), "state"),
		"none");
	json_decref(doc);
}

Test(packages, a_database_of_rpm_that_is_none_leaves_owners_unknown_and_is_told)
{
	struct world w = world();
	image_db(&w, "var/lib/rpm/rpmdb.sqlite", "SQLite format 3");
	file(&w, "changed", "usr/bin/tool", "x");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "", NULL, 0);
	size_t i = 0, told = 0;
	json_t *o = NULL;
	json_array_foreach (json_object_get(doc, "not_seen"), i, o)
		told += strcmp(kan_json_str(o, "what"), "var/lib/rpm/rpmdb.sqlite") == 0 &&
			strcmp(kan_json_str(o, "code"), "malformed") == 0;
	cr_assert_eq(told, 1);
	json_decref(doc);
}

/* A database that rpm's own tools can read, made by the test of the readers. */
static void rpm_db(struct kan_tar **t, struct kan_buf *to, const char *name)
{
	char path[1024];
	kan_auto_buf struct kan_buf b = KAN_BUF(4 << 20);
	struct kan_err err = {0};
	(void)snprintf(path, sizeof path, "%s/%s", KAN_TEST_RPM, name);
	if (access(path, R_OK) < 0)
		cr_skip_test("rpm is not installed: there is no database of it");
	cr_assert_eq(kan_read_file(&b, AT_FDCWD, path, &err), 0, "%s", err.text);
	bytes(t, to, "var/lib/rpm/Packages", kan_buf_bytes(&b), NULL);
}

/* An image with many-kan-libs; hello-kan was installed in the container. */
static json_t *with_rpm(const char *log, const char *content)
{
	struct world w = world();
	rpm_db(&w.pkgdb_tar, &w.pkgdb, "many.bdb");
	rpm_db(&w.upper_tar, &w.upper, "two.bdb");
	row(&w, "{\"path\":\"/var/lib/rpm/Packages\",\"change\":\"changed\",\"type\":\"file\","
		"\"mode\":\"0100644\",\"stored\":\"upper.tar\"}");
	row(&w, "{\"path\":\"/usr/bin/hallo\",\"change\":\"added\",\"type\":\"symlink\","
		"\"mode\":\"0120777\",\"link\":\"hello\"}");
	file(&w, "added", "usr/bin/hello", content);
	file(&w, "changed", "opt/many/0/a-file-with-a-name-1", "0 1\n");
	file(&w, "changed", "opt/many/0/a-file-with-a-name-2", "edited");
	file(&w, "added", "opt/many/0/of-nobody", "x");
	if (log)
		file(&w, "changed", "var/log/dnf.rpm.log", log);
	return analysed(&w);
}

static const char dnf_agrees[] =
	"2026-11-26T17:00:01+0000 SUBDEBUG Installed: hello-kan-2:1.0-3.noarch\n";

Test(packages, rpm_owns_judges_and_explains_as_the_others_do)
{
	json_t *doc = with_rpm(dnf_agrees, "a program");
	judged(doc, "opt/many/0/a-file-with-a-name-1", "many-kan-libs", "as installed", 0);
	judged(doc, "opt/many/0/a-file-with-a-name-2", "many-kan-libs", "modified since installed",
	       0);
	judged(doc, "opt/many/0/of-nobody", "", "owned by no package", 0);
	judged(doc, "usr/bin/hello", "", "owned by no package", 1);
	judged(doc, "usr/bin/hallo", "", "owned by no package", 1);
	cr_assert_str_eq(
		kan_json_str(change(doc, "opt/many/0/a-file-with-a-name-1"), "package_version"),
		"5~rc1-1.el8");
	const json_t *rows = json_object_get(json_object_get(doc, "packages"), "rows"),
		     *hello = json_array_get(rows, 0);
	cr_assert_eq(json_array_size(rows), 2);
	cr_assert_str_eq(kan_json_str(hello, "name"), "hello-kan");
	cr_assert_str_eq(kan_json_str(hello, "change"), "installed");
	cr_assert_str_eq(kan_json_str(json_object_get(hello, "container"), "version"), "2:1.0-3");
	cr_assert(json_is_true(json_object_get(hello, "logged")));
	json_decref(doc);
}

static const json_t *logged(const json_t *doc)
{
	const json_t *rows = json_object_get(json_object_get(doc, "packages"), "rows");
	return json_object_get(json_array_get(rows, 0), "logged");
}

Test(packages, without_the_logs_of_those_who_run_rpm_nothing_of_it_is_explained_or_denied)
{
	json_t *doc = with_rpm(NULL, "a program");
	judged(doc, "usr/bin/hello", "", "owned by no package", 0);
	cr_assert(json_is_null(logged(doc)));
	json_decref(doc);
	doc = with_rpm("2026-11-26T17:00:01+0000 SUBDEBUG Installed: other-1-1.noarch\n",
		       "a program");
	judged(doc, "usr/bin/hello", "", "owned by no package", 0);
	cr_assert(json_is_false(logged(doc)));
	json_decref(doc);
	doc = with_rpm(dnf_agrees, "another program");
	judged(doc, "usr/bin/hello", "", "owned by no package", 0);
	json_decref(doc);
}

Test(packages, apk_records_files_and_the_targets_of_links)
{
	/* SHA-1 of "abc": a9993e36... */
	struct world w = world();
	image_db(&w, "lib/apk/db/installed",
		 "P:musl\nV:1.2-r0\nA:x86_64\nF:lib\nR:a\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n"
		 "R:b\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\nR:l\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n"
		 "R:m\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n");
	file(&w, "metadata", "lib/a", "abc");
	file(&w, "changed", "lib/b", "abd");
	row(&w,
	    "{\"path\":\"/lib/l\",\"change\":\"changed\",\"type\":\"symlink\",\"link\":\"abc\"}");
	row(&w, "{\"path\":\"/lib/m\",\"change\":\"changed\",\"type\":\"symlink\",\"link\":\"x\"}");
	json_t *doc = analysed(&w);
	judged(doc, "lib/a", "musl", "as installed", 0);
	judged(doc, "lib/b", "musl", "modified since installed", 0);
	judged(doc, "lib/l", "musl", "as installed", 0);
	judged(doc, "lib/m", "musl", "modified since installed", 0);
	json_decref(doc);
}

/* The container's copy of apk's database has a package more, with one file. */
static json_t *with_apk(const char *log, const char *content)
{
	/* SHA-1 of "abc": a9993e36... */
	struct world w = world();
	image_db(&w, "lib/apk/db/installed",
		 "P:musl\nV:1.2-r0\nA:x86_64\nF:lib\nR:a\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n");
	file(&w, "changed", "lib/apk/db/installed",
	     "P:musl\nV:1.2-r0\nA:x86_64\nF:lib\nR:a\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n"
	     "P:curl\nV:8.9-r0\nA:x86_64\nF:bin\nR:curl\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n");
	file(&w, "added", "bin/curl", content);
	if (log)
		file(&w, "changed", "var/log/apk.log", log);
	return analysed(&w);
}

Test(packages, apk_explains_what_its_log_agrees_to_and_denies_nothing_where_it_keeps_none)
{
	static const char agrees[] = "\nRunning `apk add curl` at 2026-11-26 17:00:01\n"
				     "(1/1) Installing curl (8.9-r0)\nOK: 9 MiB in 2 packages\n";
	static const struct {
		const char *log, *content;
		int logged, explained; /* logged: -1 unknown */
	} cases[] = {
		{agrees, "abc", 1, 1},
		{agrees, "abd", 1, 0},
		{"(1/1) Installing curl (8.8-r0)\n", "abc", 0, 0},
		{"(1/1) Purging curl (8.9-r0)\n", "abc", 0, 0},
		{NULL, "abc", -1, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *doc = with_apk(cases[i].log, cases[i].content);
		const json_t *rows = json_object_get(json_object_get(doc, "packages"), "rows"),
			     *said = json_object_get(json_array_get(rows, 0), "logged");
		judged(doc, "bin/curl", "", "owned by no package", cases[i].explained);
		cr_assert_str_eq(kan_json_str(json_array_get(rows, 0), "name"), "curl");
		cr_assert_eq(json_is_null(said) ? -1 : json_is_true(said), cases[i].logged, "%zu",
			     i);
		json_decref(doc);
	}
}

/* The container's copy says: tool is 2.0, extra is new. */
static void upgrade(struct world *w, const char *version, const char *log)
{
	static char status[4096];
	(void)snprintf(status, sizeof status,
		       "Package: tool\nStatus: install ok installed\nArchitecture: amd64\n"
		       "Version: %s\n\n",
		       version);
	file(w, "changed", "var/lib/dpkg/status", status);
	file(w, "changed", "var/lib/dpkg/info/tool.list", "/bin\n/bin/tool\n/opt\n/opt/fresh\n");
	static char sums[512];
	int n = snprintf(sums, sizeof sums, "%s  bin/tool\n", md5("upgraded"));
	(void)snprintf(sums + n, sizeof sums - (size_t)n, "%s  opt/fresh\n", md5("fresh"));
	file(w, "changed", "var/lib/dpkg/info/tool.md5sums", sums);
	file(w, "changed", "var/log/dpkg.log", log);
}

static const char agrees[] = "2026-11-26 17:00:01 status unpacked tool:amd64 2.0\n"
			     "2026-11-26 17:00:02 status installed tool:amd64 2.0\n";

Test(packages, a_change_is_explained_when_status_digest_and_log_agree)
{
	struct world w = world();
	shipped(&w);
	upgrade(&w, "2.0", agrees);
	file(&w, "changed", "usr/bin/tool", "upgraded");
	file(&w, "added", "opt/fresh", "fresh");
	deleted(&w, "usr/bin/other");
	file(&w, "added", "opt/stray", "stray");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", 1);
	judged(doc, "opt/fresh", "", "owned by no package", 1);
	judged(doc, "usr/bin/other", "tool", "removed since installed", 1);
	judged(doc, "opt/stray", "", "owned by no package", 0);
	cr_assert_eq(
		json_integer_value(json_object_get(json_object_get(doc, "changes"), "explained")),
		3);
	const json_t *packages = json_object_get(doc, "packages"),
		     *one = json_array_get(json_object_get(packages, "rows"), 0);
	cr_assert_str_eq(kan_json_str(one, "change"), "upgraded");
	cr_assert(json_is_true(json_object_get(one, "logged")));
	cr_assert_str_eq(kan_json_str(json_object_get(one, "container"), "version"), "2.0");
	cr_assert_str_eq(kan_json_str(json_object_get(one, "image"), "source"), "toolsrc");
	json_decref(doc);
}

Test(packages, other_bytes_than_the_database_records_are_not_explained)
{
	struct world w = world();
	shipped(&w);
	upgrade(&w, "2.0", agrees);
	file(&w, "changed", "usr/bin/tool", "trojan");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", 0);
	json_decref(doc);
}

Test(packages, a_log_that_says_something_else_explains_nothing)
{
	static const char *const logs[] = {
		"", "2026-11-26 17:00:02 status installed tool:amd64 1.9\n",
		"2026-11-26 17:00:02 status installed tool:amd64 2.0\n"
		"2026-11-26 17:00:03 status half-configured tool:amd64 2.0\n"};
	for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
		struct world w = world();
		shipped(&w);
		upgrade(&w, "2.0", logs[i]);
		file(&w, "changed", "usr/bin/tool", "upgraded");
		deleted(&w, "usr/bin/other");
		json_t *doc = analysed(&w);
		judged(doc, "usr/bin/tool", "tool", "modified since installed", 0);
		judged(doc, "usr/bin/other", "tool", "removed since installed", 0);
		json_decref(doc);
	}
}

/* Checksums of the image's own version, made anew: no upgrade, so no reason to write its files. */
static const char same_log[] = "2026-11-26 17:00:02 status installed tool:amd64 1.0\n";

Test(packages, the_images_own_version_with_other_checksums_explains_nothing)
{
	struct world w = world();
	shipped(&w);
	upgrade(&w, "1.0", same_log);
	file(&w, "changed", "usr/bin/tool", "upgraded");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", 0);
	json_decref(doc);
}

Test(packages, a_set_id_bit_that_was_gained_is_never_explained)
{
	struct world w = world();
	shipped(&w);
	upgrade(&w, "2.0", agrees);
	row(&w, "{\"path\":\"/usr/bin/tool\",\"change\":\"changed\",\"type\":\"file\","
		"\"mode\":\"0104755\",\"stored\":\"upper.tar\",\"below\":{\"mode\":\"0100755\"}}");
	member(&w.upper_tar, &w.upper, "usr/bin/tool", "upgraded", NULL);
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", 0);
	json_decref(doc);
}

Test(packages, a_removed_package_explains_its_deleted_files_when_the_log_agrees)
{
	for (int logged = 0; logged < 2; logged++) {
		struct world w = world();
		shipped(&w);
		file(&w, "changed", "var/lib/dpkg/status",
		     "Package: left\nStatus: install ok installed\nVersion: 1\n"
		     "Architecture: all\n");
		file(&w, "changed", "var/log/dpkg.log",
		     logged ? "2026-11-26 17:00:02 status not-installed tool:amd64 <none>\n"
			    : "2026-11-26 17:00:02 startup archives remove\n");
		deleted(&w, "usr/bin/tool");
		json_t *doc = analysed(&w);
		judged(doc, "usr/bin/tool", "tool", "removed since installed", logged);
		const json_t *rows = json_object_get(json_object_get(doc, "packages"), "rows");
		cr_assert_str_eq(kan_json_str(json_array_get(rows, 0), "change"), "installed");
		cr_assert_str_eq(kan_json_str(json_array_get(rows, 1), "change"), "removed");
		cr_assert_eq(json_is_true(json_object_get(json_array_get(rows, 1), "logged")),
			     logged);
		json_decref(doc);
	}
}

Test(packages, a_changed_database_that_is_not_in_the_bundle_leaves_the_explanation_unknown)
{
	struct world w = world();
	shipped(&w);
	row(&w, "{\"path\":\"/var/lib/dpkg/status\",\"change\":\"changed\",\"type\":\"file\"}");
	file(&w, "changed", "usr/bin/tool", "trojan");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", -1);
	const json_t *side = json_object_get(json_object_get(doc, "packages"), "container");
	cr_assert_str_eq(kan_json_str(side, "state"), "unknown");
	cr_assert_str_eq(kan_json_str(side, "why"),
			 "a changed file of the database is not in the bundle");
	json_decref(doc);
}

Test(packages, the_images_own_version_is_judged_where_its_bytes_were_kept)
{
	struct world w = world();
	shipped(&w);
	file(&w, "changed", "usr/bin/tool", "trojan");
	file(&w, "changed", "usr/bin/other", "trojan");
	member(&w.before_tar, &w.before, "usr/bin/tool", "shipped", NULL);
	member(&w.before_tar, &w.before, "usr/bin/other", "altered in a layer", NULL);
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "tool", "modified since installed", 0);
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/tool"), "package_below"),
			 "as installed");
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/other"), "package_below"),
			 "modified since installed");
	json_decref(doc);
}

static const json_t *package(const json_t *doc, const char *name)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (json_object_get(json_object_get(doc, "packages"), "rows"), i, o)
		if (strcmp(kan_json_str(o, "name"), name) == 0)
			return o;
	return NULL;
}

Test(packages, what_a_side_lacks_that_was_not_read_whole_is_no_difference)
{
	struct world w = world();
	image_db(&w, "var/lib/dpkg/status",
		 "Package: one\nStatus: install ok installed\n"
		 "Version: 1\n\nnonsense\n");
	file(&w, "changed", "var/lib/dpkg/status",
	     "Package: one\nStatus: install ok installed\nVersion: 2\n\n"
	     "Package: two\nStatus: install ok installed\nVersion: 1\n");
	json_t *doc = analysed(&w);
	cr_assert_str_eq(kan_json_str(package(doc, "one"), "change"), "upgraded");
	cr_assert_null(json_object_get(package(doc, "two"), "change"));
	cr_assert(json_is_true(json_object_get(package(doc, "two"), "unsure")));
	json_decref(doc);
}

Test(packages, without_the_images_database_nothing_appeared)
{
	struct world w = world();
	file(&w, "changed", "var/lib/dpkg/status",
	     "Package: two\nStatus: install ok installed\nVersion: 1\n");
	json_t *doc = analysed(&w);
	cr_assert(json_is_true(json_object_get(package(doc, "two"), "unsure")));
	cr_assert_eq(json_object_size(json_object_get(json_object_get(doc, "packages"), "changes")),
		     0);
	json_decref(doc);
}

/* Without the links nobody can say that /usr/bin/tool is not the /bin/tool of a package. */
Test(packages, without_the_images_links_a_path_that_is_not_named_is_unknown)
{
	struct world w = world();
	shipped(&w);
	w.no_baseline = true;
	file(&w, "changed", "usr/bin/tool", "trojan");
	file(&w, "changed", "etc/tool.conf", "conf");
	json_t *doc = analysed(&w);
	judged(doc, "usr/bin/tool", "", NULL, 0);
	judged(doc, "etc/tool.conf", "tool", "as installed", 0);
	cr_assert_str_eq(kan_json_str(change(doc, "usr/bin/tool"), "package_why"),
			 "the image's directory links were not read whole");
	json_decref(doc);
}

/* The walk of the container's layer comes to info/ before it comes to diversions, or never does. */
Test(packages, diversions_hold_for_the_containers_database_whoever_wrote_them)
{
	static const char diversions[] = "/usr/bin/tool\n/usr/bin/tool.real\nother\n";
	for (int own = 0; own < 2; own++) {
		struct world w = world();
		shipped(&w);
		if (!own)
			image_db(&w, "var/lib/dpkg/diversions", diversions);
		upgrade(&w, "2.0", agrees);
		if (own)
			file(&w, "added", "var/lib/dpkg/diversions", diversions);
		file(&w, "added", "usr/bin/tool.real", "upgraded");
		file(&w, "changed", "usr/bin/tool", "wrapper");
		json_t *doc = analysed(&w);
		cr_assert(json_is_true(
				  json_object_get(change(doc, "usr/bin/tool.real"), "explained")),
			  "own %d", own);
		cr_assert(json_is_false(json_object_get(change(doc, "usr/bin/tool"), "explained")));
		json_decref(doc);
	}
}

Test(packages, a_list_that_lacks_packages_says_so_on_the_side_that_lacks_them)
{
	kan_auto_buf struct kan_buf status = KAN_BUF(8 << 20);
	struct world w = world();
	shipped(&w);
	for (int i = 0; i < 20010; i++)
		kan_buf_addf(&status,
			     "Package: a%05d\nStatus: install ok installed\nVersion: 1\n"
			     "Architecture: all\n\n",
			     i);
	file(&w, "changed", "var/lib/dpkg/status", kan_buf_str(&status));
	json_t *doc = analysed(&w);
	const json_t *packages = json_object_get(doc, "packages"),
		     *container = json_object_get(packages, "container"),
		     *image = json_object_get(packages, "image");
	cr_assert_str_eq(kan_json_str(container, "state"), "cut");
	cr_assert(strstr(kan_json_str(container, "why"), "are not listed"));
	cr_assert_str_eq(kan_json_str(image, "state"), "cut");
	cr_assert_geq(kan_json_int(packages, "left_out"), 10);
	json_decref(doc);
}

/* Does a rule about the manager's own files say something of this one? */
static bool record_told(const json_t *doc, const char *path)
{
	size_t i = 0;
	json_t *o = NULL;
	json_array_foreach (json_object_get(doc, "findings"), i, o)
		if (strcmp(kan_json_str(o, "rule"), "integrity.package-db-file") == 0 &&
		    strstr(kan_json_str(o, "says"), path))
			return true;
	return false;
}

Test(packages, a_record_that_changed_without_a_version_is_told_and_a_query_is_not)
{
	struct world w = world();
	shipped(&w);
	file(&w, "changed", "var/lib/dpkg/info/tool.md5sums", "");
	file(&w, "added", "var/lib/rpm/rpmdb.sqlite-wal", "");
	deleted(&w, "var/lib/dpkg/info/tool.list");
	json_t *doc = analysed(&w);
	cr_assert(record_told(doc, "/var/lib/dpkg/info/tool.md5sums"));
	cr_assert(record_told(doc, "/var/lib/dpkg/info/tool.list"));
	cr_assert_not(record_told(doc, "/var/lib/rpm/rpmdb.sqlite-wal"));
	json_decref(doc);
}

Test(packages, a_record_of_a_package_with_another_version_is_not_told)
{
	struct world w = world();
	shipped(&w);
	upgrade(&w, "2.0", agrees);
	json_t *doc = analysed(&w);
	cr_assert_not(record_told(doc, "/var/lib/dpkg/"));
	json_decref(doc);
}

/* Rung 5: a file as the image's layer has it, with the checksum of what its bytes are. */
static void file_of_image(struct world *w, const char *path, const char *content, const char *more)
{
	char digest[KAN_SHA256_HEX];
	kan_sha256_hex(digest, kan_bytes_of(content));
	kan_buf_addf(&w->baseline,
		     "{\"layer\":0,\"path\":\"/%s\",\"type\":\"file\",\"sha256\":\"%s\","
		     "\"package_sum\":\"%s\"%s}\n",
		     path, digest, md5(content), more);
}

static json_int_t of_rung_5(const json_t *doc, const char *key)
{
	const json_t *image = json_object_get(doc, "image_integrity");
	return json_integer_value(
		json_object_get(json_array_get(json_object_get(image, "rungs"), 4), key));
}

static const char *word_of_rung_5(const json_t *doc, const char *key)
{
	const json_t *image = json_object_get(doc, "image_integrity");
	return kan_json_str(json_array_get(json_object_get(image, "rungs"), 4), key);
}

Test(packages, an_image_whose_files_are_as_recorded_is_on_rung_5)
{
	struct world w = world();
	shipped(&w);
	w.verified = true;
	file_of_image(&w, "usr/bin/tool", "shipped", "");
	file_of_image(&w, "usr/bin/other", "hidden", ",\"hidden_by\":1");
	file_of_image(&w, "usr/bin/other", "other", "");
	file_of_image(&w, "usr/bin/stray", "of nobody", "");
	json_t *doc = analysed(&w);
	cr_assert_str_eq(word_of_rung_5(doc, "result"), "verified");
	cr_assert_eq(of_rung_5(doc, "verified"), 2);
	cr_assert_eq(kan_json_int(json_object_get(doc, "image_integrity"), "reached"), 5);
	cr_assert(strstr(kan_json_str(json_object_get(doc, "image_integrity"), "says"),
			 "rung 5 of 5: its name, the digests of 1 layers and every header hold; "
			 "2 files are as their packages recorded them; rungs 2 to 5 rest"));
	json_decref(doc);
}

Test(packages, a_file_of_the_image_with_another_checksum_differs_and_is_named)
{
	struct world w = world();
	shipped(&w);
	w.verified = true;
	file_of_image(&w, "usr/bin/tool", "trojan", "");
	file_of_image(&w, "usr/bin/other", "other", "");
	file_of_image(&w, "etc/tool.conf", "edited", "");
	file_of_image(&w, "usr/share/plain", "x", "");
	json_t *doc = analysed(&w);
	const json_t *image = json_object_get(doc, "image_integrity");
	cr_assert_str_eq(word_of_rung_5(doc, "result"), "differs");
	cr_assert_eq(of_rung_5(doc, "verified"), 1);
	cr_assert_eq(of_rung_5(doc, "damaged"), 1);
	cr_assert_eq(kan_json_int(image, "reached"), 4);
	cr_assert_eq(kan_json_int(image, "conffiles"), 1);
	cr_assert_eq(kan_json_int(image, "unrecorded"), 1);
	const json_t *list = json_object_get(image, "modified");
	cr_assert_eq(json_array_size(list), 1);
	cr_assert_str_eq(kan_json_str(json_array_get(list, 0), "path"), "/usr/bin/tool");
	cr_assert_str_eq(kan_json_str(json_array_get(list, 0), "package"), "tool");
	json_decref(doc);
}

Test(packages, without_checksums_or_a_database_rung_5_is_not_done_and_says_why)
{
	struct world w = world();
	shipped(&w);
	w.verified = true;
	kan_buf_adds(
		&w.baseline,
		"{\"layer\":0,\"path\":\"/usr/bin/tool\",\"type\":\"file\",\"sha256\":\"\"}\n");
	json_t *doc = analysed(&w);
	cr_assert_str_eq(word_of_rung_5(doc, "result"), "not-done");
	cr_assert(strstr(word_of_rung_5(doc, "why"), "no checksum of the packages' kind"));
	json_decref(doc);
	struct world none = world();
	none.verified = true;
	kan_buf_adds(&none.gaps, "{\"collector\":\"image\",\"what\":\"pkgdb.tar\","
				 "\"code\":\"not-applicable\",\"why\":\"none\"}\n");
	file_of_image(&none, "usr/bin/tool", "shipped", "");
	doc = analysed(&none);
	cr_assert_str_eq(word_of_rung_5(doc, "why"), "the image has no package database");
	json_decref(doc);
}

Test(packages, a_file_of_nobody_without_a_checksum_is_nothing_to_rung_5)
{
	struct world w = world();
	shipped(&w);
	w.verified = true;
	file_of_image(&w, "usr/bin/tool", "shipped", "");
	kan_buf_adds(&w.baseline, "{\"layer\":0,\"path\":\"/opt/stray\",\"type\":\"file\","
				  "\"sha256\":\"\"}\n");
	json_t *doc = analysed(&w);
	cr_assert_str_eq(word_of_rung_5(doc, "result"), "verified", "%s",
			 word_of_rung_5(doc, "why"));
	cr_assert_eq(of_rung_5(doc, "verified"), 1);
	json_decref(doc);
}

/* Of one kind alone checksums are taken: of the other manager's files nothing is known. */
Test(packages, of_two_managers_in_an_image_that_records_another_kind_rung_5_is_not_done)
{
	struct world w = world();
	image_db(&w, "lib/apk/db/installed",
		 "P:aaa\nV:1.2-r0\nA:x86_64\nF:lib\nR:a\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n\n");
	shipped(&w);
	w.verified = true;
	file_of_image(&w, "usr/bin/tool", "shipped", "");
	file_of_image(&w, "lib/a", "abc", "");
	json_t *doc = analysed(&w);
	cr_assert_str_eq(word_of_rung_5(doc, "result"), "not-done");
	cr_assert(strstr(word_of_rung_5(doc, "why"), "no checksum of the packages' kind"));
	json_decref(doc);
}
