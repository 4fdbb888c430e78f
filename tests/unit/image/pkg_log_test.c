/* The managers' own logs, as testimony. */
#include "image/pkg_log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct kan_pkg_log *read_log(const char *text, size_t step)
{
	struct kan_pkg_log *l = kan_pkg_log_new(KAN_PKG_LOG_DPKG);
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i += step)
		kan_pkg_log_read(l, (struct kan_bytes){(const uint8_t *)text + i,
						       n - i < step ? n - i : step});
	kan_pkg_log_done(l);
	return l;
}

static bool says(const struct kan_pkg_log *l, const char *name, const char *state,
		 const char *version)
{
	return kan_pkg_log_says(l, kan_bytes_of(name), KAN_LIT("amd64"), kan_bytes_of(state),
				kan_bytes_of(version));
}

static const char text[] = "2026-11-26 17:00:00 startup packages configure\n"
			   "2026-11-26 17:00:01 install hello:amd64 <none> 1\n"
			   "2026-11-26 17:00:02 status half-installed hello:amd64 1\n"
			   "2026-11-26 17:00:03 status installed hello:amd64 1\n"
			   "rubbish\n"
			   "2026-11-26 17:01:00 status installed gone:amd64 2\n"
			   "2026-11-26 17:02:00 status not-installed gone:amd64 <none>";

Test(pkg_log, the_last_record_of_a_package_counts_however_it_is_cut)
{
	for (size_t step = 1; step < sizeof text; step += 7) {
		struct kan_pkg_log *l = read_log(text, step);
		cr_assert(says(l, "hello", "installed", "1"));
		cr_assert_not(says(l, "hello", "installed", "2"));
		cr_assert_not(says(l, "hello", "half-installed", "1"));
		cr_assert(says(l, "gone", "not-installed", ""));
		cr_assert_not(says(l, "gone", "installed", "2"));
		cr_assert_not(says(l, "other", "installed", "1"));
		cr_assert_not(kan_pkg_log_says(l, KAN_LIT("hello"), KAN_LIT("i386"),
					       KAN_LIT("installed"), KAN_LIT("1")));
		kan_pkg_log_free(l);
	}
}

Test(pkg_log, a_long_line_is_passed_over_and_the_next_one_is_read)
{
	struct kan_pkg_log *l = kan_pkg_log_new(KAN_PKG_LOG_DPKG);
	for (int i = 0; i < 10000; i++)
		kan_pkg_log_read(l, KAN_LIT("x"));
	kan_pkg_log_read(l, KAN_LIT("\n2026-11-26 17:00:03 status installed hello:amd64 1\n"));
	kan_pkg_log_done(l);
	cr_assert(says(l, "hello", "installed", "1"));
	kan_pkg_log_free(l);
}

Test(pkg_log, a_log_of_years_keeps_what_it_said_last)
{
	struct kan_pkg_log *l = kan_pkg_log_new(KAN_PKG_LOG_DPKG);
	char line[128];
	for (int i = 0; i < 5000; i++) {
		int n = snprintf(line, sizeof line,
				 "2026-11-26 17:00:03 status installed p%d:amd64 %d\n", i % 300, i);
		kan_pkg_log_read(l, (struct kan_bytes){(uint8_t *)line, (size_t)n});
	}
	kan_pkg_log_done(l);
	cr_assert(says(l, "p0", "installed", "4800"));
	cr_assert(says(l, "p199", "installed", "4999"));
	cr_assert(says(l, "p299", "installed", "4799"));
	cr_assert_not(says(l, "p299", "installed", "299"));
	kan_pkg_log_free(l);
}

static struct kan_pkg_log *read_rpm(const char *lines)
{
	struct kan_pkg_log *l = kan_pkg_log_new(KAN_PKG_LOG_RPM);
	kan_pkg_log_read(l, kan_bytes_of(lines));
	kan_pkg_log_done(l);
	return l;
}

static bool rpm_says(const struct kan_pkg_log *l, const char *name, const char *state,
		     const char *version)
{
	return kan_pkg_log_says(l, kan_bytes_of(name), KAN_LIT("x86_64"), kan_bytes_of(state),
				kan_bytes_of(version));
}

Test(pkg_log, dnf_yum_and_zypper_say_what_rpm_itself_writes_nowhere)
{
	struct kan_pkg_log *l = read_rpm(
		"2026-11-26T17:00:00+0000 INFO --- logging initialized ---\n"
		"2026-11-26T17:00:01+0000 SUBDEBUG Installed: vim-minimal-2:8.0-1.el8.x86_64\n"
		"2026-11-26T17:00:02+0000 SUBDEBUG Upgrade: curl-7.61-2.el8.x86_64\n"
		"2026-11-26T17:00:03+0000 SUBDEBUG Upgraded: curl-7.61-1.el8.x86_64\n"
		"2026-11-26T17:00:04+0000 SUBDEBUG Installed: gone-1-1.x86_64\n"
		"2026-11-26T17:00:05+0000 SUBDEBUG Erase: gone-1-1.x86_64\n"
		"Nov 26 17:00:06 Updated: openssl-1.0.2k-2.el7.x86_64\n"
		"2026-11-26 17:00:07|install|zypped|5-1.2|x86_64|root@host|repo|00ff|\n"
		"2026-11-26 17:00:08|remove |removed|5-1.2|x86_64|root@host|\n"
		"Nov 26 17:00:09 Installed: a b-1-1.x86_64\n");
	cr_assert(rpm_says(l, "vim-minimal", "installed", "2:8.0-1.el8"));
	cr_assert(rpm_says(l, "curl", "installed", "7.61-2.el8"));
	cr_assert_not(rpm_says(l, "curl", "installed", "7.61-1.el8"));
	cr_assert(rpm_says(l, "gone", "not-installed", ""));
	cr_assert_not(rpm_says(l, "gone", "installed", "1-1"));
	cr_assert(rpm_says(l, "openssl", "installed", "1.0.2k-2.el7"));
	cr_assert(rpm_says(l, "zypped", "installed", "5-1.2"));
	cr_assert(rpm_says(l, "removed", "not-installed", ""));
	cr_assert_not(rpm_says(l, "b", "installed", ""));
	kan_pkg_log_free(l);
}

static bool apk_says(const char *lines, const char *name, const char *state, const char *version)
{
	struct kan_pkg_log *l = kan_pkg_log_new(KAN_PKG_LOG_APK);
	kan_pkg_log_read(l, kan_bytes_of(lines));
	kan_pkg_log_done(l);
	bool says = kan_pkg_log_says(l, kan_bytes_of(name), KAN_LIT("x86_64"), kan_bytes_of(state),
				     kan_bytes_of(version));
	kan_pkg_log_free(l);
	return says;
}

/* As apk-tools 3.0 writes it. */
static const char apk[] = "\nRunning `apk add --no-cache curl gone` at 2026-11-26 17:00:01\n"
			  "apk-tools 3.0.1-r0, compiled for x86_64.\n"
			  "( 1/10) Installing curl (8.9.1-r0)\n"
			  "( 2/10) Installing gone (1-r0)\n"
			  "( 3/10) Installing low (2-r0)\n"
			  "(10/10) Installing same (1-r0)\n"
			  "Executing busybox-1.37.0-r20.trigger\n"
			  "OK: 12 MiB in 20 packages\n"
			  "\nRunning `apk upgrade` at 2026-11-26 17:00:02\n"
			  "(1/5) Upgrading curl@edge (8.9.1-r0 -> 8.10.0-r1)\n"
			  "(2/5) Purging gone (1-r0)\n"
			  "(3/5) Downgrading low (2-r0 -> 1-r9)\n"
			  "(?) Replacing same (1-r0 -> 1-r0)\n"
			  "(5/5) Updating pinning pinned@edge (3-r0)\n"
			  "ERROR: low-1-r9: IO ERROR\n";

Test(pkg_log, apk_says_what_it_brought_each_package_to)
{
	cr_assert(apk_says(apk, "curl", "installed", "8.10.0-r1"));
	cr_assert_not(apk_says(apk, "curl", "installed", "8.9.1-r0"));
	cr_assert(apk_says(apk, "gone", "not-installed", ""));
	cr_assert_not(apk_says(apk, "gone", "installed", "1-r0"));
	cr_assert(apk_says(apk, "low", "installed", "1-r9"));
	cr_assert(apk_says(apk, "same", "installed", "1-r0"));
	cr_assert_not(apk_says(apk, "pinned", "installed", ""), "nothing was brought anywhere");
}

Test(pkg_log, what_is_no_line_of_apks_claims_nothing)
{
	static const char *const lines[] = {"Installing p (1)",
					    "(1/1) Installing p",
					    "(1/1) Installing p (1",
					    "(1/1) Installing p ()",
					    "(1/1) Installing @p (1)",
					    "(1/1) Installing p (1) x",
					    "(1/1 Installing p (1)",
					    "(x) Installing p (1)",
					    "(1/1) Fetching p (1)",
					    "(1/1) Installing p q (1)",
					    "(1/1) Installing p (1 -> )",
					    "",
					    "* (1/1) Installing p (1)",
					    "(1/1) [APK unavailable, skipped] Reinstalling p (1)"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_assert_not(apk_says(lines[i], "p", "installed", ""), "%s", lines[i]);
	cr_assert(apk_says("(1/1) Installing p (1)", "p", "installed", "1"));
}

Test(pkg_log, a_log_is_known_by_its_place)
{
	cr_assert_eq(kan_pkg_log_of(KAN_LIT("var/log/apk.log")), KAN_PKG_LOG_APK);
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		for (const char *const *p = kan_pkg_log_paths(of); *p; p++)
			cr_assert_eq(kan_pkg_log_of(kan_bytes_of(*p)), of, "%s", *p);
	cr_assert_eq(kan_pkg_log_manager("apk"), KAN_PKG_LOG_APK);
	cr_assert_eq(kan_pkg_log_manager("pacman"), KAN_PKG_LOG_NONE);
	cr_assert_eq(kan_pkg_log_of(KAN_LIT("var/log/dpkg.log")), KAN_PKG_LOG_DPKG);
	cr_assert_eq(kan_pkg_log_of(KAN_LIT("var/log/dnf.rpm.log")), KAN_PKG_LOG_RPM);
	cr_assert_eq(kan_pkg_log_of(KAN_LIT("var/log/zypp/history")), KAN_PKG_LOG_RPM);
	cr_assert_eq(kan_pkg_log_of(KAN_LIT("var/log/dpkg.log.1")), KAN_PKG_LOG_NONE);
}
