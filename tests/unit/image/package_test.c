/* Package databases out of bytes, and who owns a path by them. */
#include "image/package.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "image/pkg_index.h"

struct heard {
	char text[4096];
	size_t n;
};

static void note(struct heard *h, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	h->n += (size_t)vsnprintf(h->text + h->n, sizeof h->text - h->n, fmt, ap);
	va_end(ap);
}

#define B(v) (int)(v).n, (const char *)(v).p

static int about(const struct kan_pkg_about *p, void *arg, struct kan_err *err)
{
	(void)err;
	note(arg, "P %.*s %.*s %.*s src=%.*s/%.*s %.*s%s\n", B(p->name), B(p->arch), B(p->version),
	     B(p->source), B(p->source_version), B(p->state),
	     p->installed ? "" : " (not in place)");
	return 0;
}

static int owned(const struct kan_pkg_owned *o, void *arg, struct kan_err *err)
{
	char hex[2 * KAN_PKG_SUM_MAX + 1] = "";
	(void)err;
	kan_hex(hex, o->sum);
	note(arg, "O %.*s:%.*s %.8s%s%s\n", B(o->package), B(o->path), hex,
	     o->directory ? " dir" : "", o->conffile ? " conf" : "");
	return 0;
}

static int diverted(struct kan_bytes from, struct kan_bytes to, struct kan_bytes by, void *arg,
		    struct kan_err *err)
{
	(void)err;
	note(arg, "D %.*s>%.*s by %.*s\n", B(from), B(to), B(by));
	return 0;
}

/* Whole, then byte by byte: both must hear the same. */
static int read_text(struct heard *h, enum kan_pkg_db db, const char *package,
		     struct kan_bytes text, struct kan_err *err)
{
	struct heard other = {.n = 0};
	struct kan_pkg_events a = {about, owned, diverted, h}, b = {about, owned, diverted, &other};
	struct kan_pkg_reader *x = kan_pkg_reader_new(db, kan_bytes_of(package), &a);
	struct kan_pkg_reader *y = kan_pkg_reader_new(db, kan_bytes_of(package), &b);
	struct kan_err again = {0};
	int rc = kan_pkg_read(x, text, err), bytewise = 0;
	if (rc == 0)
		rc = kan_pkg_read_end(x, err);
	for (size_t i = 0; i < text.n && bytewise == 0; i++)
		bytewise = kan_pkg_read(y, (struct kan_bytes){text.p + i, 1}, &again);
	if (bytewise == 0)
		bytewise = kan_pkg_read_end(y, &again);
	cr_assert_eq(rc, bytewise);
	cr_assert_str_eq(h->text, other.text);
	cr_assert(rc == 0 || strcmp(err->text, again.text) == 0, "%s / %s", err->text, again.text);
	kan_pkg_reader_free(x);
	kan_pkg_reader_free(y);
	return rc;
}

static void reads(enum kan_pkg_db db, const char *package, const char *text, const char *want)
{
	struct heard h = {.n = 0};
	struct kan_err err = {0};
	cr_assert_eq(read_text(&h, db, package, kan_bytes_of(text), &err), 0, "%s", err.text);
	cr_assert_str_eq(h.text, want);
}

static void refuses(enum kan_pkg_db db, struct kan_bytes text, const char *heard, const char *why)
{
	struct heard h = {.n = 0};
	struct kan_err err = {0};
	cr_assert_eq(read_text(&h, db, "p", text, &err), -1);
	cr_assert_eq(err.code, KAN_EFORMAT);
	cr_assert_str_eq(err.text, why);
	cr_assert_str_eq(h.text, heard);
}

Test(package, a_file_of_a_database_is_known_by_its_place)
{
	static const struct {
		const char *path, *package;
		enum kan_pkg_db db;
	} cases[] = {
		{"var/lib/dpkg/status", "", KAN_PKG_STATUS},
		{"var/lib/dpkg/status-old", "", KAN_PKG_OTHER},
		{"var/lib/dpkg/info/libc6:amd64.list", "libc6:amd64", KAN_PKG_LIST},
		{"var/lib/dpkg/info/bash.md5sums", "bash", KAN_PKG_MD5SUMS},
		{"var/lib/dpkg/info/bash.postinst", "", KAN_PKG_OTHER},
		{"var/lib/dpkg/info/x/bash.list", "", KAN_PKG_OTHER},
		{"var/lib/dpkg/info/.list", "", KAN_PKG_OTHER},
		{"var/lib/dpkg/status.d/base", "base", KAN_PKG_STATUS_D},
		{"var/lib/dpkg/status.d/base.md5sums", "base", KAN_PKG_MD5SUMS},
		{"usr/lib/apk/db/installed", "", KAN_PKG_APK},
		{"var/lib/rpm/rpmdb.sqlite", "", KAN_PKG_RPM},
		{"var/lib/rpm/rpmdb.sqlite-wal", "", KAN_PKG_RPM_WAL},
		{"usr/lib/sysimage/rpm/Packages.db", "", KAN_PKG_RPM},
		{"usr/share/rpm/Packages", "", KAN_PKG_RPM},
		{"var/lib/rpm/Name", "", KAN_PKG_OTHER},
		{"srv/var/lib/dpkg/status", "", KAN_PKG_OTHER},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct kan_bytes package;
		cr_assert_eq(kan_pkg_db_of(&package, kan_bytes_of(cases[i].path)), cases[i].db,
			     "%s", cases[i].path);
		cr_assert(kan_bytes_eq(package, kan_bytes_of(cases[i].package)), "%s",
			  cases[i].path);
	}
}

Test(package, dpkgs_status_gives_packages_and_their_configuration_files)
{
	reads(KAN_PKG_STATUS, "",
	      "Package: bash\nStatus: install ok installed\nArchitecture: amd64\n"
	      "Version: 5.2-1\nDescription: shell\n more of it\n .\nConffiles:\n"
	      " /etc/my conf 00112233445566778899aabbccddeeff\n"
	      " /etc/old ffeeddccbbaa99887766554433221100 obsolete\n"
	      " /etc/new newconffile\n"
	      "Homepage: x\n\n"
	      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
	      "package: libc6\nSTATUS: install ok installed\nSource: glibc (2.36-9)\n"
	      "Architecture: i386\nVersion: 2.36-9+b1",
	      "P bash amd64 5.2-1 src=/ installed\n"
	      "O bash:etc/my conf 00112233 conf\nO bash:etc/old ffeeddcc conf\n"
	      "O bash:etc/new  conf\n"
	      "P gone  1 src=/ config-files (not in place)\n"
	      "P libc6 i386 2.36-9+b1 src=glibc/2.36-9 installed\n");
}

Test(package, an_image_without_dpkg_has_a_stanza_a_file)
{
	reads(KAN_PKG_STATUS_D, "base", "Package: base-files\nVersion: 12\nArchitecture: amd64\n",
	      "P base-files amd64 12 src=/ installed\n");
}

Test(package, dpkgs_lists_and_checksums_give_paths)
{
	reads(KAN_PKG_LIST, "libc6:amd64", "/.\n/usr\n/usr/lib/a b\n",
	      "O libc6:amd64:usr \nO libc6:amd64:usr/lib/a b \n");
	reads(KAN_PKG_MD5SUMS, "x",
	      "00112233445566778899aabbccddeeff  usr/bin/ls\n"
	      "FFEEDDCCBBAA99887766554433221100  ./etc/a b\n",
	      "O x:usr/bin/ls 00112233\nO x:etc/a b ffeeddcc\n");
	reads(KAN_PKG_DIVERSIONS, "", "/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n",
	      "D bin/sh>bin/sh.distrib by dash\nD a>b by :\n");
}

Test(package, apks_database_gives_packages_directories_and_files)
{
	reads(KAN_PKG_APK, "",
	      "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\nT:the c library\n"
	      "F:\nR:rootfile\nF:lib\nM:0:0:755\nR:ld.so\na:0:0:755\n"
	      "Z:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\nR:libc.so\n\n"
	      "P:empty\nV:1\n\n",
	      "P musl x86_64 1.2.4-r2 src=musl/ installed\n"
	      "O musl:rootfile \nO musl:lib  dir\nO musl:lib/ld.so 00010203\nO musl:lib/libc.so \n"
	      "P empty  1 src=/ installed\n");
}

Test(package, apks_checksums_have_three_forms_and_no_other_is_taken_for_none)
{
	reads(KAN_PKG_APK, "",
	      "P:a\nV:1\nF:x\nR:sha1\nZ:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\n"
	      "R:sha256\nZ:Q2AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	      "R:md5\nZ:ffeeddccbbaa99887766554433221100\n\n",
	      "P a  1 src=/ installed\nO a:x  dir\nO a:x/sha1 00010203\nO a:x/sha256 00010203\n"
	      "O a:x/md5 ffeeddcc\n");
	refuses(KAN_PKG_APK, KAN_LIT("P:a\nV:1\nF:x\nR:y\nZ:Q3AAAA\n"),
		"P a  1 src=/ installed\nO a:x  dir\n",
		"byte 16: a checksum of a kind that is not read");
}

Test(package, apks_binary_database_is_known_and_told)
{
	refuses(KAN_PKG_APK, KAN_LIT("ADB.\0\0idx\n\0"), "",
		"byte 0: apk's binary database, which is not read");
}

Test(package, a_malformed_record_is_told_with_its_byte_and_what_was_before_it_stays)
{
	static const char *const first = "Package: a\nStatus: install ok installed\n\n";
	char text[256];
	(void)snprintf(text, sizeof text, "%sPackage: b\nnonsense\n", first);
	refuses(KAN_PKG_STATUS, kan_bytes_of(text), "P a   src=/ installed\n",
		"byte 52: a line that is no field");
	refuses(KAN_PKG_STATUS, KAN_LIT("Version: 1\n\n"), "",
		"byte 11: a stanza ends here that names no package");
	refuses(KAN_PKG_STATUS, KAN_LIT("Package: a\nPackage: b\n"), "",
		"byte 11: Package twice in one stanza");
	refuses(KAN_PKG_STATUS, KAN_LIT("Package: a\0\n"), "", "byte 0: a NUL in the text");
	refuses(KAN_PKG_LIST, KAN_LIT("/a\nb\n"), "O p:a \n",
		"byte 3: a path that is not absolute");
	refuses(KAN_PKG_MD5SUMS, KAN_LIT("zz\n"), "",
		"byte 0: a line that is no checksum of a path");
	refuses(KAN_PKG_DIVERSIONS, KAN_LIT("/a\n/b\n"), "", "byte 6: a diversion that is cut off");
	refuses(KAN_PKG_APK, KAN_LIT("P:a\nV:1\nR:x\n"), "",
		"byte 8: a file that is in no directory");
	refuses(KAN_PKG_APK, KAN_LIT("P:a\nF:x\n"), "",
		"byte 4: a package without name and version");
	refuses(KAN_PKG_APK, KAN_LIT("P:a:b\nV:1\nF:x\n"), "",
		"byte 10: a package without name and version");
	refuses(KAN_PKG_APK, KAN_LIT("P:a\nV:1\nF:x\nR:y\nZ:Q1AA==\n"),
		"P a  1 src=/ installed\nO a:x  dir\n", "byte 16: a checksum that is none");
}

Test(package, a_line_without_end_is_a_limit_and_not_memory)
{
	struct kan_pkg_events on = {0};
	struct kan_pkg_reader *r = kan_pkg_reader_new(KAN_PKG_STATUS, KAN_LIT(""), &on);
	struct kan_err err = {0};
	static uint8_t piece[64 << 10];
	int rc = 0, pieces = 0;
	memset(piece, 'a', sizeof piece);
	while (rc == 0 && pieces++ < 100)
		rc = kan_pkg_read(r, (struct kan_bytes){piece, sizeof piece}, &err);
	cr_assert_eq(rc, -1);
	cr_assert_eq(pieces, 17);
	cr_assert_str_eq(err.text, "byte 0: a line of more than 1048576 bytes");
	kan_pkg_reader_free(r);
}

Test(package, versions_are_ordered_as_dpkg_orders_them)
{
	static const char *const rising[] = {"1.0~rc1", "1.0",   "1.0-1", "1.0-1+b1", "1.0a",
					     "1.0+x",   "1.1",   "1.10",  "1.010.1",  "2",
					     "1:0.1",   "2:0~a", NULL};
	for (size_t i = 0; rising[i]; i++)
		for (size_t k = 0; rising[k]; k++) {
			int c = kan_pkg_version_cmp(kan_bytes_of(rising[i]),
						    kan_bytes_of(rising[k]));
			cr_assert_eq((c > 0) - (c < 0), (i > k) - (i < k), "%s %s", rising[i],
				     rising[k]);
		}
	cr_assert_eq(kan_pkg_version_cmp(KAN_LIT("1.01"), KAN_LIT("1.1")), 0);
	cr_assert_eq(kan_pkg_version_cmp(KAN_LIT("0:1-0"), KAN_LIT("1")), 0);
}

/* Who owns what. */
struct world {
	struct kan_pkg_paths *wanted, *links;
	struct kan_pkg_index *x;
};

static struct world world(const char *const *wanted, const char *const *links)
{
	struct world w = {kan_pkg_paths_new(), kan_pkg_paths_new(), NULL};
	for (; *wanted; wanted++)
		kan_pkg_paths_add(w.wanted, kan_bytes_of(*wanted), (struct kan_bytes){0});
	for (; links && *links; links += 2)
		kan_pkg_paths_add(w.links, kan_bytes_of(links[0]), kan_bytes_of(links[1]));
	kan_pkg_paths_sort(w.wanted);
	kan_pkg_paths_sort(w.links);
	w.x = kan_pkg_index_new(w.wanted, w.links);
	return w;
}

static void end(struct world *w)
{
	kan_pkg_index_free(w->x);
	kan_pkg_paths_free(w->wanted);
	kan_pkg_paths_free(w->links);
}

static void put(const struct world *w, const char *path, const char *text)
{
	cr_assert(kan_pkg_index_file(w->x, kan_bytes_of(path)), "%s", path);
	kan_pkg_index_data(w->x, kan_bytes_of(text));
}

static const struct kan_pkg_owner *owner(const struct world *w, const char *path)
{
	size_t at = kan_pkg_paths_find(w->wanted, kan_bytes_of(path));
	cr_assert_neq(at, KAN_PKG_NOWHERE, "%s", path);
	return kan_pkg_index_owner(w->x, at);
}

static void is_owned(const struct world *w, const char *path, const char *package, unsigned sum)
{
	const struct kan_pkg_owner *o = owner(w, path);
	cr_assert(o, "%s", path);
	cr_assert(kan_bytes_eq(o->key, kan_bytes_of(package)), "%s", path);
	cr_assert_eq(o->sum_n ? o->sum[0] : 0, sum, "%s", path);
}

#define MD5(n) n "000000000000000000000000000000"

Test(owner, a_path_through_the_images_directory_links_has_its_owner)
{
	struct world w = world(
		(const char *const[]){"usr/bin/ls", "usr/lib/x86/libc.so", "usr/bin/stray", NULL},
		(const char *const[]){"bin", "usr/bin", "lib", "/usr/lib", "usr/lib/x",
				      "../../usr/lib/x86", NULL});
	put(&w, "var/lib/dpkg/info/coreutils.list", "/bin\n/bin/ls\n");
	put(&w, "var/lib/dpkg/info/coreutils.md5sums", MD5("ab") "  bin/ls\n");
	put(&w, "var/lib/dpkg/info/libc6:amd64.md5sums", MD5("cd") "  lib/x/libc.so\n");
	kan_pkg_index_done(w.x);
	is_owned(&w, "usr/bin/ls", "coreutils", 0xab);
	is_owned(&w, "usr/lib/x86/libc.so", "libc6:amd64", 0xcd);
	cr_assert_null(owner(&w, "usr/bin/stray"));
	end(&w);
}

Test(owner, links_in_a_circle_own_nothing_and_end)
{
	struct world w = world((const char *const[]){"a/x", NULL},
			       (const char *const[]){"a", "b", "b", "a", NULL});
	put(&w, "var/lib/dpkg/info/p.list", "/a/x\n");
	kan_pkg_index_done(w.x);
	cr_assert_null(owner(&w, "a/x"));
	end(&w);
}

/* A link to itself by a long way round costs forty times that way for each path below it. */
Test(owner, links_that_multiply_the_work_end_it_as_a_limit)
{
	kan_auto_buf struct kan_buf target = KAN_BUF(8 << 10), list = KAN_BUF(1 << 20);
	for (int i = 0; i < 800; i++)
		kan_buf_adds(&target, "d/../");
	kan_buf_adds(&target, "l");
	for (int i = 0; i < 4000; i++)
		kan_buf_adds(&list, "/l/x\n");
	struct world w = world((const char *const[]){"usr/bin/ls", NULL},
			       (const char *const[]){"l", kan_buf_str(&target), NULL});
	put(&w, "var/lib/dpkg/info/p.list", kan_buf_str(&list));
	kan_pkg_index_done(w.x);
	cr_assert_eq(kan_pkg_index_faults(w.x), 1);
	cr_assert_eq(kan_pkg_index_fault(w.x, 0)->err.code, KAN_ELIMIT);
	end(&w);
}

Test(owner, a_diverted_file_lies_elsewhere_for_all_but_the_diverting_package)
{
	struct world w = world((const char *const[]){"usr/bin/sh", "usr/bin/sh.distrib", NULL},
			       (const char *const[]){"bin", "usr/bin", NULL});
	put(&w, "var/lib/dpkg/diversions", "/bin/sh\n/bin/sh.distrib\ndash\n");
	put(&w, "var/lib/dpkg/info/bash.md5sums", MD5("aa") "  bin/sh\n");
	put(&w, "var/lib/dpkg/info/dash.md5sums", MD5("bb") "  usr/bin/sh\n");
	kan_pkg_index_done(w.x);
	is_owned(&w, "usr/bin/sh.distrib", "bash", 0xaa);
	is_owned(&w, "usr/bin/sh", "dash", 0xbb);
	end(&w);
}

Test(owner, a_configuration_file_has_the_checksum_of_the_status_file)
{
	struct world w = world((const char *const[]){"etc/p.conf", NULL}, NULL);
	put(&w, "var/lib/dpkg/status",
	    "Package: p\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
	    "Conffiles:\n /etc/p.conf " MD5("77") "\n");
	put(&w, "var/lib/dpkg/info/p.list", "/etc\n/etc/p.conf\n");
	kan_pkg_index_done(w.x);
	is_owned(&w, "etc/p.conf", "p", 0x77);
	cr_assert(owner(&w, "etc/p.conf")->conffile);
	const struct kan_pkg_package *p = kan_pkg_index_named(w.x, KAN_LIT("p"));
	cr_assert(p && kan_bytes_eq(p->version, KAN_LIT("1")));
	cr_assert_null(kan_pkg_index_named(w.x, KAN_LIT("p:i386")));
	end(&w);
}

Test(owner, a_directory_of_several_packages_has_the_first_and_counts_the_others)
{
	struct world w = world((const char *const[]){"etc", NULL}, NULL);
	put(&w, "var/lib/dpkg/info/a.list", "/etc\n");
	put(&w, "var/lib/dpkg/info/b.list", "/etc\n");
	put(&w, "var/lib/dpkg/info/a:i386.list", "/etc\n");
	kan_pkg_index_done(w.x);
	is_owned(&w, "etc", "a", 0);
	cr_assert_eq(owner(&w, "etc")->others, 1);
	end(&w);
}

Test(owner, a_broken_file_is_a_fault_with_file_and_byte_and_the_others_are_read)
{
	struct world w = world((const char *const[]){"a", "b", NULL}, NULL);
	put(&w, "var/lib/dpkg/info/p.list", "/a\nrubbish\n");
	put(&w, "var/lib/dpkg/info/q.list", "/b\n");
	put(&w, "var/lib/rpm/rpmdb.sqlite", "SQLite format 3");
	kan_pkg_index_done(w.x);
	is_owned(&w, "a", "p", 0);
	is_owned(&w, "b", "q", 0);
	cr_assert_eq(kan_pkg_index_faults(w.x), 2);
	cr_assert_str_eq(kan_pkg_index_fault(w.x, 0)->file, "var/lib/dpkg/info/p.list");
	cr_assert_str_eq(kan_pkg_index_fault(w.x, 0)->err.text,
			 "byte 3: a path that is not absolute");
	cr_assert_str_eq(kan_pkg_index_fault(w.x, 1)->err.text, "byte 0: no SQLite database");
	end(&w);
}
