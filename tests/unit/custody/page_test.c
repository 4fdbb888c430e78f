/* docs/verify-without-kanshiki.md: its commands, run as they stand there, on what we make. */
#include "authority.h"
#include "custody/anchor.h"
#include "custody/write.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int page(struct kan_buf *out, const struct fixture *f, const struct kan_receipt *r,
		const char *tsa_ca)
{
	return fixture_run(out, f->dir,
			   KAN_SOURCE
			   "/tests/custody/verify_page.sh " KAN_SOURCE
			   "/docs/verify-without-kanshiki.md %s %s allowed kanshiki@$(uname -n)"
			   " inc-42 %s %s",
			   r->bundle, f->repo, r->seal, tsa_ca);
}

static void no_fn(const struct kan_anchor_told *told, void *arg)
{
	(void)arg;
	cr_expect(!told->why, "%s", told->path);
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
	cr_assert_eq(page(&out, &f, &r, ""), 0, "%s", kan_buf_str(&out));
	cr_assert_str_eq(kan_buf_str(&out),
			 "ok B1\nok B2\nok B3\nok B4\nok B5\nok R1\nok R2\nok R3\nok R4\n"
			 "ok R6\nok R7\nok R8\nok OUT\nok B1\nok B2\nok B3\nok B4\nok B5\n");
}

/* Bag and collect commit stamped in 2020, by an authority whose certificate has expired since. */
static void make_stamped(struct fixture *f, struct kan_receipt *r)
{
	enum { AT = 1590000000 };
	kan_auto_buf struct kan_buf message = KAN_BUF(1 << 20), request = KAN_BUF(4096),
				    reply = KAN_BUF(1 << 20);
	struct kan_custody *c = NULL;
	struct kan_receipt a;
	struct kan_err err = {0};
	char path[512];

	make(f, r);
	authority_make(f, "tsa", "20190101000000Z", "20210101000000Z");
	cr_assert_eq(kan_custody_open(&c, f->home, NULL, NULL), 0);
	snprintf(path, sizeof(path), "%s/" BUNDLE_A "/tagmanifest-sha256.txt", f->dir);
	fixture_read(&message, path);
	cr_assert_eq(kan_tsp_request(&request, kan_buf_bytes(&message), NULL), 0);
	authority_reply_at(&reply, f, "tsa", kan_buf_bytes(&request), AT, 250000);
	fixture_write(f->dir, BUNDLE_A "/seal/tagmanifest-sha256.txt.tsr", reply.data, reply.len);
	free(fixture_must(f->dir, "mkdir -p home/bundles && mv " BUNDLE_A " home/bundles/ &&"
				  " ln -s home/bundles/" BUNDLE_A " " BUNDLE_A));
	cr_assert_eq(kan_custody_anchor(&(struct kan_anchor_sum){0}, c,
					&(struct kan_anchor_ask){.fn = no_fn}, &fixture_act, &err),
		     0, "%s", err.text);
	kan_buf_reset(&message);
	kan_buf_reset(&request);
	kan_buf_reset(&reply);
	cr_assert_eq(kan_git_read(&message, c->git, r->commit, KAN_GIT_COMMIT, NULL), 0);
	cr_assert_eq(kan_tsp_request(&request, kan_buf_bytes(&message), NULL), 0);
	authority_reply_at(&reply, f, "tsa", kan_buf_bytes(&request), AT, 0);
	cr_assert_eq(kan_anchor_commit(&a, c, r, kan_buf_bytes(&reply), &fixture_act, &err), 0);
	kan_custody_free(c);
}

Test(page, its_commands_about_stamps_are_content_long_after_the_authoritys_certificate)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	struct kan_receipt r;

	make_stamped(&f, &r);
	cr_assert_eq(page(&out, &f, &r, "tsa/ca.pem"), 0, "%s", kan_buf_str(&out));
	cr_assert_str_eq(kan_buf_str(&out),
			 "ok B1\nok B2\nok B3\nok B4\nok B5\nok B7\nok R1\nok R2\nok R3\nok R4\n"
			 "ok R5\nok R6\nok R7\nok R8\nok OUT\nok B1\nok B2\nok B3\nok B4\nok B5\n"
			 "ok B7\n");
	authority_make(&f, "stranger", NULL, NULL);
	cr_expect_neq(page(NULL, &f, &r, "stranger/ca.pem"), 0);
}

static void page_fails(const char *change, const char *at)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf out = KAN_BUF(1 << 20);
	struct kan_receipt r;

	make(&f, &r);
	free(fixture_must(f.dir, "chmod -R u+w %s && %s", r.bundle, change));
	cr_expect_neq(page(&out, &f, &r, ""), 0, "%s", change);
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

Test(page, its_command_for_cms_is_content_with_what_we_make)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	char bag[512], key[600];

	fixture_make(&f);
	fixture_bag(bag, &f, BUNDLE_A, "a");
	free(fixture_must(
		f.dir, "umask 077; openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=me -days 9"
		       " -keyout key -out ca 2>/dev/null && cat key ca > both"));
	snprintf(key, sizeof(key), "%s/both", f.dir);
	cr_assert_eq(kan_custody_open(&c, f.home, key, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_sign(c, bag, &err), 0, "%s", err.text);
	kan_custody_free(c);
	free(fixture_must(bag,
			  "export CA=%s/ca; sed -n '/^```bash B6$/,/^```$/p' " KAN_SOURCE
			  "/docs/verify-without-kanshiki.md | sed '1d;$d' | bash -e |"
			  " grep -x 'CMS Verification successful'",
			  f.dir));
}
