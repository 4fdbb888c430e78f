/* docs/verify-without-kanshiki.md: its commands, run as they stand there, on what we make. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static int page(struct kan_buf *out, const struct fixture *f, const struct kan_receipt *r)
{
	return fixture_run(out, f->dir,
			   KAN_SOURCE
			   "/tests/custody/verify_page.sh " KAN_SOURCE
			   "/docs/verify-without-kanshiki.md %s %s allowed kanshiki@$(uname -n)"
			   " inc-42 %s",
			   r->bundle, f->repo, r->seal);
}

static void make(struct fixture *f, struct kan_receipt *r)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(4096);
	struct kan_custody *c = NULL;
	struct kan_receipt n;

	fixture_make(f);
	fixture_commit(r, f, BUNDLE_A);
	cr_assert_eq(kan_custody_open(&c, f->home, NULL, NULL), 0);
	cr_assert_eq(kan_custody_note(&n, c, r, "seen", &fixture_act, NULL), 0);
	cr_assert_eq(kan_custody_signer_line(&line, c, NULL, NULL), 0);
	fixture_write(f->dir, "allowed", line.data, line.len);
	kan_custody_free(c);
}

Test(page, every_command_of_the_page_is_content_with_what_we_make)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	struct kan_receipt r;

	make(&f, &r);
	cr_assert_eq(page(&out, &f, &r), 0, "%s", kan_buf_str(&out));
	cr_assert_str_eq(kan_buf_str(&out),
			 "ok B1\nok B2\nok B3\nok B4\nok B5\nok R1\nok R2\nok R3\nok R4\n"
			 "ok R6\nok R7\nok R8\nok OUT\nok B1\nok B2\nok B3\nok B4\nok B5\n");
}

static void page_fails(const char *change, const char *at)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	struct kan_receipt r;

	make(&f, &r);
	free(fixture_must(f.dir, "chmod -R u+w %s && %s", r.bundle, change));
	cr_expect_neq(page(&out, &f, &r), 0, "%s", change);
	cr_expect(strstr(kan_buf_str(&out), at), "%s: %s", change, kan_buf_str(&out));
}

Test(page, its_commands_notice_what_they_are_there_for)
{
	page_fails("echo x > " BUNDLE_A "/stray", "B1");
	page_fails("mkdir " BUNDLE_A "/data/none", "B1");
	page_fails("rm " BUNDLE_A "/gaps.ndjson", "B1");
	page_fails("printf Y | dd conv=notrunc of=" BUNDLE_A "/bag-info.txt 2>&1", "B3");
	page_fails("cd " BUNDLE_A
		   " && sed -i s/web-03/web-04/ bag-info.txt && h=$(sha256sum bag-info.txt) &&"
		   " sed -i \"s/^.*  bag-info.txt/$h/\" tagmanifest-sha256.txt",
		   "B2");
	page_fails("sed -i s/AAAA/AAAB/ " BUNDLE_A "/seal/*.sig", "B5");
}
