/* Time stamps in a bag and in a repository: what verify says of them, and what becomes of a queue.
 */
#include "custody/stamp.h"

#include "authority.h"
#include "custody/act.h"
#include "custody/anchor.h"
#include "custody/check.h"
#include "custody/write.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AT = 1590000000 }; /* 2020-05-20T18:40:00Z */

struct made {
	struct fixture f;
	struct kan_receipt r;
	struct kan_custody *c;
	char bag[512], ca[512];
};

static void clean(struct made *m)
{
	kan_custody_free(m->c);
	fixture_remove(&m->f);
}
#define auto_made __attribute__((cleanup(clean)))

/* A signed bag, not committed; authorities "tsa" and "stranger". */
static void sealed(struct made *m)
{
	struct kan_err err = {0};

	*m = (struct made){.c = NULL};
	fixture_make(&m->f);
	authority_make(&m->f, "tsa", NULL, NULL);
	authority_make(&m->f, "stranger", NULL, NULL);
	authority_path(m->ca, &m->f, "tsa", "ca.pem");
	fixture_bag(m->bag, &m->f, BUNDLE_A, "a");
	cr_assert_eq(kan_custody_open(&m->c, m->f.home, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_sign(m->c, m->bag, &err), 0, "%s", err.text);
}

static void committed(struct made *m)
{
	struct kan_err err = {0};

	cr_assert_eq(kan_custody_commit(&m->r, m->c, m->bag, "collect", &fixture_act, &err), 0,
		     "%s", err.text);
}

/* A stamp of these bytes by that authority, at AT. */
static void stamped(struct kan_buf *out, const struct made *m, const char *authority,
		    struct kan_bytes message)
{
	kan_auto_buf struct kan_buf request = KAN_BUF(KAN_TSP_REQUEST_MAX);

	cr_assert_eq(kan_tsp_request(&request, message, NULL), 0);
	authority_reply_at(out, &m->f, authority, kan_buf_bytes(&request), AT, 0);
}

static void manifest_of(struct kan_buf *out, const struct made *m)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/tagmanifest-sha256.txt", m->bag);
	fixture_read(out, path);
}

/* seal/tagmanifest-sha256.txt<ending>, over the manifest or, with other, over other bytes. */
static void put_stamp(const struct made *m, const char *ending, const char *authority, bool other)
{
	kan_auto_buf struct kan_buf reply = KAN_BUF(1 << 20), manifest = KAN_BUF(1 << 20);
	char path[128];

	manifest_of(&manifest, m);
	stamped(&reply, m, authority, other ? KAN_LIT("other") : kan_buf_bytes(&manifest));
	snprintf(path, sizeof(path), "seal/tagmanifest-sha256.txt%s", ending);
	fixture_write(m->bag, path, reply.data, reply.len);
}

static void verify_bag(struct findings *v, const struct made *m, const char *allowed,
		       const char *ca)
{
	struct kan_custody_trust trust = {.allowed_signers = allowed, .tsa_ca = ca};
	struct kan_err err = {0};

	kan_buf_reset(&v->text);
	v->failed = 0;
	cr_assert_eq(kan_custody_verify_seal(m->bag, &trust, findings_fn, v, &err), 0, "%s",
		     err.text);
}

static void verify_repo(struct findings *v, const struct made *m, const char *allowed,
			const char *ca)
{
	struct kan_custody_trust trust = {.allowed_signers = allowed, .tsa_ca = ca};
	struct kan_err err = {0};

	kan_buf_reset(&v->text);
	v->failed = 0;
	cr_assert_eq(kan_custody_verify(m->f.repo, &trust, findings_fn, v, &err), 0, "%s",
		     err.text);
}

#define says(v, ...) cr_expect(said(v, __VA_ARGS__), "%s", kan_buf_str(&(v)->text))

Test(stamp, of_a_seal_is_verified_as_of_its_own_time)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	verify_bag(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "not-done", "", "no time stamp and no --seal: whoever holds the key");
	put_stamp(&m, ".tsr", "tsa", false);
	verify_bag(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "ok", "", "stamped at 2020-05-20T18:40:00");
	verify_bag(&v, &m, NULL, NULL);
	says(&v, "timestamp", "not-done", "", "no --tsa-ca: no authority vouches");
	cr_expect_eq(v.failed, 0);
	kan_buf_free(&v.text);
}

Test(stamp, over_other_bytes_is_altered_whoever_is_trusted)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	put_stamp(&m, ".tsr", "tsa", true);
	verify_bag(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "failed", ".tsr", "over other bytes");
	verify_bag(&v, &m, NULL, NULL);
	says(&v, "timestamp", "failed", ".tsr", "over other bytes");
	kan_buf_free(&v.text);
}

Test(stamp, by_a_stranger_is_refused_and_of_two_authorities_one_suffices)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	put_stamp(&m, ".tsr", "stranger", false);
	verify_bag(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "failed", ".tsr", "not by an authority of the CA file");
	put_stamp(&m, ".2.tsr", "tsa", false);
	verify_bag(&v, &m, NULL, m.ca);
	cr_expect_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	says(&v, "timestamp", "ok", "", "2020-05-20");
	put_stamp(&m, ".3.tsr", "tsa", true);
	verify_bag(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "failed", ".3.tsr", "over other bytes");
	kan_buf_free(&v.text);
}

Test(stamp, that_is_a_link_is_not_followed)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	put_stamp(&m, ".tsr", "tsa", false);
	free(fixture_must(m.bag, "cd seal && mv *.tsr ../../elsewhere &&"
				 " ln -s ../../elsewhere tagmanifest-sha256.txt.tsr"));
	verify_bag(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "failed", ".tsr", "");
	kan_buf_free(&v.text);
}

Test(stamp, dates_the_signers_trust)
{
	auto_made struct made m;
	struct findings v = FINDINGS;
	char allowed[512];

	sealed(&m);
	put_stamp(&m, ".tsr", "tsa", false);
	free(fixture_must(m.f.dir, "echo \"k valid-before=\\\"20210101Z\\\" $(cut -d' ' -f1,2"
				   " home/keys/host.pub)\" > allowed"));
	snprintf(allowed, sizeof(allowed), "%s/allowed", m.f.dir);
	verify_bag(&v, &m, allowed, NULL);
	says(&v, "signature", "not-done", ".sig", "today: signed after its key was no longer");
	verify_bag(&v, &m, allowed, m.ca);
	says(&v, "signature", "ok", "", "trusted at its stamped time");
	put_stamp(&m, ".tsr", "stranger", false);
	verify_bag(&v, &m, allowed, m.ca);
	says(&v, "signature", "not-done", ".sig", "today: signed after");
	kan_buf_free(&v.text);
}

Test(stamp, more_not_done_than_are_told_is_not_a_failure)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	free(fixture_must(m.bag, "cd seal && for i in {2..70}; do cp tagmanifest-sha256.txt.sig"
				 " tagmanifest-sha256.txt.$i.sig; done"));
	verify_bag(&v, &m, NULL, NULL);
	cr_expect_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	says(&v, "signature", "not-done", "", "and 6 more");
	kan_buf_free(&v.text);
}

/* The commit's stamp goes in with the reports. */
static void derived(struct made *m, const char *authority)
{
	kan_auto_buf struct kan_buf commit = KAN_BUF(1 << 20), reply = KAN_BUF(1 << 20);
	struct kan_receipt d;
	struct kan_err err = {0};
	char dir[512];

	cr_assert_eq(kan_git_read(&commit, m->c->git, m->r.commit, KAN_GIT_COMMIT, &err), 0);
	stamped(&reply, m, authority, kan_buf_bytes(&commit));
	fixture_write(m->f.dir, "report/report.html", "<p>", 3);
	snprintf(dir, sizeof(dir), "%s/report", m->f.dir);
	cr_assert_eq(kan_custody_derive_with(&d, m->c, &m->r,
					     &(struct kan_derived){dir, kan_buf_bytes(&reply)},
					     &fixture_act, &err),
		     0, "%s", err.text);
}

Test(stamp, of_seal_and_commit_reach_as_far_as_the_commit)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	put_stamp(&m, ".tsr", "tsa", false);
	committed(&m);
	verify_repo(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "not-done", "", "1 of 1 seals and 0 of 1 of their commits");
	says(&v, "anchors", "ok", "", "no commit");
	derived(&m, "tsa");
	verify_repo(&v, &m, NULL, m.ca);
	cr_expect_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	says(&v, "timestamp", "ok", "", "1 seals and their commits are stamped");
	says(&v, "anchors", "ok", "", "the first 1 of 2 commits, up to event 1 of case inc-42");
	verify_repo(&v, &m, NULL, NULL);
	says(&v, "timestamp", "not-done", "", "2 stamps over these bytes");
	says(&v, "anchors", "not-done", "", "could have rebuilt");
	/* What git gives of the commit is what was stamped. */
	free(fixture_must(
		m.f.repo,
		"git cat-file commit %s > ../c && git show main:cases/inc-42/anchors/%s.tsr"
		" > ../c.tsr && openssl ts -verify -data ../c -in ../c.tsr -CAfile %s"
		" -attime %d | grep 'Verification: OK'",
		m.r.commit, m.r.commit, m.ca, AT));
	kan_buf_free(&v.text);
}

Test(stamp, of_a_commit_dates_its_signers_trust)
{
	auto_made struct made m;
	struct findings v = FINDINGS;
	char allowed[512];

	sealed(&m);
	committed(&m);
	derived(&m, "tsa");
	free(fixture_must(m.f.dir, "echo \"$(git -C home/custody.git log -1 --format=%%ce)"
				   " valid-before=\\\"20210101Z\\\" $(cut -d' ' -f1,2"
				   " home/keys/host.pub)\" > allowed"));
	snprintf(allowed, sizeof(allowed), "%s/allowed", m.f.dir);
	verify_repo(&v, &m, allowed, m.ca);
	cr_expect_not(said(&v, "signers", "not-done", m.r.commit, ""), "%s", kan_buf_str(&v.text));
	says(&v, "signers", "not-done", "", "at the committer date: signed after");
	verify_repo(&v, &m, allowed, NULL);
	says(&v, "signers", "not-done", m.r.commit, "at the committer date: signed after");
	kan_buf_free(&v.text);
}

Test(stamp, of_a_commit_by_a_stranger_is_refused)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	committed(&m);
	derived(&m, "stranger");
	verify_repo(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "failed", m.r.commit, "not by an authority of the CA file");
	kan_buf_free(&v.text);
}

static void anchored(const struct made *m, const char *commit, struct kan_bytes message)
{
	kan_auto_buf struct kan_buf reply = KAN_BUF(1 << 20);
	struct kan_receipt of = m->r, out;
	struct kan_err err = {0};

	snprintf(of.commit, sizeof(of.commit), "%s", commit);
	stamped(&reply, m, "tsa", message);
	cr_assert_eq(kan_anchor_commit(&out, m->c, &of, kan_buf_bytes(&reply), &fixture_act, &err),
		     0, "%s", err.text);
}

Test(stamp, for_a_commit_that_is_not_in_the_history_is_told)
{
	auto_made struct made m;
	struct findings v = FINDINGS;
	kan_auto_buf struct kan_buf bytes = KAN_BUF(1 << 20);
	kan_auto_free char *orphan = NULL;

	sealed(&m);
	committed(&m);
	/* The same commit signed again, as by somebody who rebuilt the history: another object. */
	orphan = fixture_must(m.f.repo,
			      "git cat-file commit main | sed 's/^author .* </author X </' |"
			      " git hash-object -t commit -w --stdin");
	cr_assert_eq(kan_git_read(&bytes, m.c->git, orphan, KAN_GIT_COMMIT, NULL), 0);
	anchored(&m, orphan, kan_buf_bytes(&bytes));
	anchored(&m, "00000000000000000000000000000000000000ff", KAN_LIT("gone"));
	verify_repo(&v, &m, NULL, m.ca);
	says(&v, "timestamp", "failed", orphan, "not in this history");
	says(&v, "timestamp", "failed", "00ff.tsr", "a commit that is not here");
	kan_buf_free(&v.text);
}

/* An anchor event about the bundle, that says this of the file that it brings. */
static void said_anchor(const struct made *m, const char *path, const char *key, const char *value,
			const char *file)
{
	json_auto_t *more =
		json_pack("{s:{s:s,s:s,s:s}}", "anchor", "kind", "stamp", "file", file, key, value);
	json_auto_t *what = NULL;
	kan_auto_write struct kan_write w = {.type = "anchor",
					     .case_id = m->r.case_id,
					     .bundle = m->r.bundle,
					     .seal = m->r.seal,
					     .act = &fixture_act,
					     .more = more};
	kan_auto_close int lock = -1;
	struct kan_receipt out;
	char id[KAN_GIT_ID];

	cr_assert_eq(kan_home_lock(&lock, &m->c->home, NULL), 0);
	cr_assert_eq(kan_write_what(&what, m->c, &m->r, NULL), 0);
	cr_assert_eq(kan_git_put_blob(id, m->c->git, KAN_LIT("x"), NULL), 0);
	kan_write_add(&w, path, id);
	w.what = what;
	cr_assert_eq(kan_write_event(&out, m->c, &w, NULL), 0);
}

static void lying_anchor(const char *path, const char *key, const char *value, const char *words)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	committed(&m);
	said_anchor(&m, path, key, *value ? value : m.r.seal,
		    "cases/inc-42/bundles/" BUNDLE_A "/seal/a.tsr");
	verify_repo(&v, &m, NULL, NULL);
	if (words)
		says(&v, "events", "failed", "", words);
	else
		cr_expect_not(said(&v, "events", "failed", "", ""), "%s", kan_buf_str(&v.text));
	kan_buf_free(&v.text);
}

Test(anchor, an_event_that_names_another_file_or_other_bytes_is_told)
{
	lying_anchor("seal/a.tsr", "seal", "", NULL);
	lying_anchor("seal/b.tsr", "seal", "", "the one file that it names");
	lying_anchor("seal/a.tsr", "seal",
		     "00000000000000000000000000000000000000000000000000000000000000ff",
		     "not over what it names");
	lying_anchor("seal/a.tsr", "commit", "00000000000000000000000000000000000000ff",
		     "not over what it names");
}

Test(stamp, that_is_larger_than_any_reply_is_none)
{
	auto_made struct made m;
	struct findings v = FINDINGS;

	sealed(&m);
	free(fixture_must(m.bag, "head -c 1100000 /dev/zero > seal/tagmanifest-sha256.txt.tsr"));
	verify_bag(&v, &m, NULL, NULL);
	says(&v, "timestamp", "failed", ".tsr", "");
	committed(&m);
	verify_repo(&v, &m, NULL, NULL);
	says(&v, "timestamp", "failed", ".tsr", "no reply");
	kan_buf_free(&v.text);
}

static void no_fn(const struct kan_anchor_told *told, void *arg)
{
	unsigned *failed = arg;

	*failed += told->why != NULL;
}

/* The bag where anchor looks for it. */
static void at_home(struct made *m)
{
	free(fixture_must(m->f.dir, "mkdir -p home/bundles && mv %s home/bundles/", BUNDLE_A));
	snprintf(m->bag, sizeof(m->bag), "%s/bundles/" BUNDLE_A, m->f.home);
}

Test(anchor, proofs_that_came_later_get_an_event_each_and_once)
{
	auto_made struct made m;
	struct findings v = FINDINGS;
	struct kan_anchor_sum sum = {0};
	struct kan_err err = {0};
	unsigned failed = 0;
	struct kan_anchor_ask ask = {.fn = no_fn, .arg = &failed};

	sealed(&m);
	committed(&m);
	at_home(&m);
	put_stamp(&m, ".tsr", "tsa", false);
	free(fixture_must(m.bag, "ssh-keygen -q -t ed25519 -N '' -f ../k && ssh-keygen -q -Y sign"
				 " -f ../k -n file < tagmanifest-sha256.txt >"
				 " seal/tagmanifest-sha256.txt.2.sig"));
	cr_assert_eq(kan_custody_anchor(&sum, m.c, &ask, &fixture_act, &err), 0, "%s", err.text);
	cr_expect_eq(sum.events, 2);
	cr_expect_eq(sum.waiting, 1, "its commit");
	cr_assert_eq(kan_custody_anchor(&sum, m.c, &ask, &fixture_act, &err), 0, "%s", err.text);
	cr_expect_eq(sum.events, 0);
	cr_expect_eq(failed, 0);
	verify_repo(&v, &m, NULL, m.ca);
	cr_expect_eq(v.failed, 0, "%s", kan_buf_str(&v.text));
	says(&v, "events", "ok", "", "3 events");
	says(&v, "timestamp", "not-done", "", "1 of 1 seals and 0 of 1");
	says(&v, "signature", "not-done", ".2.sig", "");
	kan_buf_free(&v.text);
}

Test(anchor, what_is_no_good_proof_does_not_go_into_the_repository)
{
	auto_made struct made m;
	struct kan_anchor_sum sum = {0};
	struct kan_err err = {0};
	unsigned failed = 0;
	struct kan_anchor_ask ask = {.fn = no_fn, .arg = &failed};

	sealed(&m);
	committed(&m);
	at_home(&m);
	put_stamp(&m, ".tsr", "tsa", true);
	fixture_write(m.bag, "seal/tagmanifest-sha256.txt.2.tsr", "x", 1);
	fixture_write(m.bag, "seal/tagmanifest-sha256.txt.2.sig", "x", 1);
	fixture_write(m.bag, "seal/tagmanifest-sha256.txt.sig", "other", 5);
	free(fixture_must(m.bag, "mkfifo seal/tagmanifest-sha256.txt.3.sig"));
	cr_assert_eq(kan_custody_anchor(&sum, m.c, &ask, &fixture_act, &err), 0, "%s", err.text);
	cr_expect_eq(sum.events, 0);
	cr_expect_eq(sum.failed, 5);
	cr_expect_eq(failed, 5);
}

Test(anchor, a_copy_with_another_seal_is_not_the_bundle)
{
	auto_made struct made m;
	struct kan_anchor_sum sum = {0};
	struct kan_err err = {0};
	unsigned failed = 0;
	struct kan_anchor_ask ask = {.fn = no_fn, .arg = &failed};

	sealed(&m);
	committed(&m);
	fixture_bag(m.bag, &m.f, BUNDLE_A, "b");
	at_home(&m);
	cr_assert_eq(kan_custody_anchor(&sum, m.c, &ask, &fixture_act, &err), 0, "%s", err.text);
	cr_expect_eq(failed, 1);
}

static enum kan_stamp seal_state(const struct made *m, const char *url, struct kan_err *why)
{
	enum kan_stamp state = KAN_STAMP_NONE;
	struct kan_err err = {0};

	cr_assert_eq(kan_stamp_bundle(&state, m->c, m->bag,
				      &(struct kan_stamp_ask){.url = url, .queue = true}, why,
				      &err),
		     0, "%s", err.text);
	return state;
}

Test(queue, a_request_that_is_not_answered_stays_and_is_sent_as_it_is)
{
	auto_made struct made m;
	kan_auto_buf struct kan_buf before = KAN_BUF(4096), after = KAN_BUF(4096);
	struct kan_err why = {0};
	char path[1024];

	sealed(&m);
	snprintf(path, sizeof(path), "%s/seal/tagmanifest-sha256.txt.tsq", m.bag);
	cr_expect_eq(seal_state(&m, "http://127.0.0.1:1/", &why), KAN_STAMP_QUEUED);
	cr_expect(strstr(why.text, "cannot connect"), "%s", why.text);
	cr_expect_eq(why.code, KAN_EENGINE);
	fixture_read(&before, path);
	cr_expect_eq(seal_state(&m, "http://127.0.0.1:1/", &why), KAN_STAMP_QUEUED);
	fixture_read(&after, path);
	cr_expect(kan_bytes_eq(kan_buf_bytes(&before), kan_buf_bytes(&after)));
	free(fixture_must(m.bag, "test $(ls seal | wc -l) = 2"));
}

Test(queue, a_reply_that_a_crash_cut_is_taken_away_and_asked_again)
{
	auto_made struct made m;
	struct kan_err why = {0};

	sealed(&m);
	(void)seal_state(&m, "http://127.0.0.1:1/", &why);
	fixture_write(m.bag, "seal/tagmanifest-sha256.txt.tsr", "0", 1);
	cr_expect_eq(seal_state(&m, NULL, &why), KAN_STAMP_QUEUED);
	free(fixture_must(m.bag, "test ! -e seal/tagmanifest-sha256.txt.tsr"));
	/* Without its request nobody knows what it was: it stays for people to see. */
	free(fixture_must(m.bag, "rm -f seal/*.tsq && echo 0 > seal/tagmanifest-sha256.txt.tsr"));
	cr_expect_eq(seal_state(&m, NULL, &why), KAN_STAMP_NONE);
	free(fixture_must(m.bag, "test -e seal/tagmanifest-sha256.txt.tsr"));
}

Test(queue, a_request_over_other_bytes_is_not_sent)
{
	auto_made struct made m;
	kan_auto_buf struct kan_buf other = KAN_BUF(4096);
	struct kan_err why = {0};

	sealed(&m);
	cr_assert_eq(kan_tsp_request(&other, KAN_LIT("other"), NULL), 0);
	fixture_write(m.bag, "seal/tagmanifest-sha256.txt.tsq", other.data, other.len);
	cr_expect_eq(seal_state(&m, NULL, &why), KAN_STAMP_NONE);
	cr_expect_eq(seal_state(&m, "http://127.0.0.1:1/", &why), KAN_STAMP_QUEUED);
	free(fixture_must(m.bag, "test -e seal/tagmanifest-sha256.txt.2.tsq"));
}

Test(queue, a_url_is_one_of_http_or_https)
{
	static const char *const bad[] = {
		"",         "tsa",         "ftp://x/",   "http://",      "http:///x",
		"https:/x", "http://a b/", "http://a\n", "http://u:p@h/"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(kan_stamp_url(bad[i], NULL), -1, "%s", bad[i]);
	cr_expect_eq(kan_stamp_url("http://tsa.example.org/tsr", NULL), 0);
	cr_expect_eq(kan_stamp_url("https://tsa.example.org:8443/", NULL), 0);
}
