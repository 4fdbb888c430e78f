/* RFC 3161: our request is one to openssl, its reply is a stamp to us, and what is not is named. */
#include "custody/tsp.h"

#include "authority.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE KAN_LIT("stamped\n")

enum { AT = 1590000000, SECOND = 1000000000 }; /* 2020-05-20T18:40:00Z */

struct made {
	struct fixture f;
	struct kan_tsp_ca *ca;
	struct kan_buf request, reply;
};

static void clean(struct made *m)
{
	kan_tsp_ca_free(m->ca);
	kan_buf_free(&m->request);
	kan_buf_free(&m->reply);
	fixture_remove(&m->f);
}
#define auto_made __attribute__((cleanup(clean)))

static struct kan_tsp_ca *authorities(const struct fixture *f, const char *name)
{
	struct kan_tsp_ca *ca = NULL;
	struct kan_err err = {0};
	char path[512];

	authority_path(path, f, name, "ca.pem");
	cr_assert_eq(kan_tsp_ca_load(&ca, path, &err), 0, "%s", err.text);
	return ca;
}

/* An authority, a request over MESSAGE, and nothing answered yet. */
static void asked(struct made *m, const char *start, const char *end)
{
	struct kan_err err = {0};

	*m = (struct made){.request = KAN_BUF(KAN_TSP_REQUEST_MAX), .reply = KAN_BUF(1 << 21)};
	fixture_make(&m->f);
	authority_make(&m->f, "tsa", start, end);
	m->ca = authorities(&m->f, "tsa");
	cr_assert_eq(kan_tsp_request(&m->request, MESSAGE, &err), 0, "%s", err.text);
}

static int verify(int64_t *at, const struct made *m, struct kan_err *err)
{
	return kan_tsp_verify(at, kan_buf_bytes(&m->reply),
			      &(struct kan_tsp_ask){MESSAGE, kan_buf_bytes(&m->request), m->ca},
			      err);
}

static void refused(const struct made *m, enum kan_code code, const char *words)
{
	struct kan_err err = {0};
	int64_t at = 42;

	cr_expect_eq(verify(&at, m, &err), -1);
	cr_expect_eq(err.code, code, "code %d: %s", err.code, err.text);
	cr_expect(strstr(err.text, words), "%s", err.text);
	cr_expect_eq(at, 42, "untouched on failure");
}

Test(tsp, a_request_is_what_openssl_reads_as_one)
{
	auto_made struct made m;
	char *text;

	asked(&m, NULL, NULL);
	fixture_write(m.f.dir, "q.tsq", m.request.data, m.request.len);
	text = fixture_must(m.f.dir, "openssl ts -query -in q.tsq -text");
	cr_expect(strstr(text, "Version: 1\n"), "%s", text);
	cr_expect(strstr(text, "Hash Algorithm: sha256\n"));
	cr_expect(strstr(text, "Certificate required: yes\n"));
	cr_expect(strstr(text, "Nonce: 0x"));
	free(text);
	cr_expect_eq(kan_tsp_request_check(kan_buf_bytes(&m.request), MESSAGE, NULL), 0);
}

Test(tsp, two_requests_over_the_same_bytes_have_different_nonces)
{
	kan_auto_buf struct kan_buf a = KAN_BUF(4096), b = KAN_BUF(4096);

	cr_assert_eq(kan_tsp_request(&a, MESSAGE, NULL), 0);
	cr_assert_eq(kan_tsp_request(&b, MESSAGE, NULL), 0);
	cr_assert_not(kan_bytes_eq(kan_buf_bytes(&a), kan_buf_bytes(&b)));
}

Test(tsp, what_is_no_request_over_these_bytes_is_not_sent)
{
	kan_auto_buf struct kan_buf a = KAN_BUF(4096);
	struct kan_err err = {0};

	cr_assert_eq(kan_tsp_request(&a, KAN_LIT("other"), NULL), 0);
	cr_expect_eq(kan_tsp_request_check(kan_buf_bytes(&a), MESSAGE, &err), -1);
	cr_expect_eq(err.code, KAN_ETAMPER);
	kan_buf_addc(&a, 0);
	cr_expect_eq(kan_tsp_request_check(kan_buf_bytes(&a), KAN_LIT("other"), &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT, "a byte behind it");
	cr_expect_eq(kan_tsp_request_check(KAN_LIT(""), MESSAGE, &err), -1);
	cr_expect_eq(err.code, KAN_EFORMAT);
}

Test(tsp, the_answer_of_openssl_is_a_stamp_with_its_time)
{
	auto_made struct made m;
	struct kan_err err = {0};
	int64_t at = 0, now = (int64_t)time(NULL);

	asked(&m, NULL, NULL);
	authority_reply(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request));
	cr_assert_eq(verify(&at, &m, &err), 0, "%s", err.text);
	cr_assert_geq(at / SECOND, now);
	cr_assert_eq(at % SECOND, 0);
}

Test(tsp, a_time_with_a_fraction_keeps_it)
{
	auto_made struct made m;
	struct kan_err err = {0};
	int64_t at = 0;

	asked(&m, NULL, NULL);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 70500);
	cr_assert_eq(verify(&at, &m, &err), 0, "%s", err.text);
	cr_assert_eq(at, (int64_t)AT * SECOND + 70500000);
}

Test(tsp, a_stamp_over_other_bytes_is_altered)
{
	auto_made struct made m;
	kan_auto_buf struct kan_buf other = KAN_BUF(4096);

	asked(&m, NULL, NULL);
	cr_assert_eq(kan_tsp_request(&other, KAN_LIT("other"), NULL), 0);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&other), AT, 0);
	refused(&m, KAN_ETAMPER, "over other bytes");
}

Test(tsp, the_same_digest_under_the_name_of_another_algorithm_is_not_ours)
{
	auto_made struct made m;

	asked(&m, NULL, NULL);
	free(fixture_must(m.f.dir, "openssl ts -query -sha3-256 -cert -out q -digest $(printf"
				   " 'stamped\\n' | sha256sum | cut -c1-64)"));
	m.request.len = 0;
	char path[512];
	snprintf(path, sizeof(path), "%s/q", m.f.dir);
	fixture_read(&m.request, path);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 0);
	refused(&m, KAN_ETAMPER, "over other bytes");
}

Test(tsp, a_stamp_with_another_nonce_answers_another_request)
{
	auto_made struct made m;
	kan_auto_buf struct kan_buf other = KAN_BUF(4096);
	int64_t at = 0;

	asked(&m, NULL, NULL);
	cr_assert_eq(kan_tsp_request(&other, MESSAGE, NULL), 0);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&other), AT, 0);
	refused(&m, KAN_ETAMPER, "another request");
	m.request.len = 0; /* not at hand: a stamp all the same */
	cr_expect_eq(verify(&at, &m, NULL), 0);
}

Test(tsp, another_authority_does_not_vouch)
{
	auto_made struct made m;

	asked(&m, NULL, NULL);
	authority_make(&m.f, "stranger", NULL, NULL);
	authority_reply_at(&m.reply, &m.f, "stranger", kan_buf_bytes(&m.request), AT, 0);
	refused(&m, KAN_ENOTFOUND, "not by an authority of the CA file");
}

Test(tsp, a_certificate_that_has_expired_since_still_vouches_for_its_time)
{
	auto_made struct made m;
	struct kan_err err = {0};
	int64_t at = 0;

	asked(&m, "20190101000000Z", "20210101000000Z");
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 0);
	cr_assert_eq(verify(&at, &m, &err), 0, "%s", err.text);
	fixture_write(m.f.dir, "r.tsr", m.reply.data, m.reply.len);
	cr_expect_neq(fixture_run(NULL, m.f.dir,
				  "printf 'stamped\\n' > m && openssl ts -verify -data m -in"
				  " r.tsr -CAfile tsa/ca.pem"),
		      0, "today it has expired");
	free(fixture_must(
		m.f.dir, "openssl ts -verify -data m -in r.tsr -CAfile tsa/ca.pem -attime %d", AT));
}

Test(tsp, a_time_at_which_the_certificate_was_not_valid_does_not_count)
{
	auto_made struct made m;

	asked(&m, "20190101000000Z", "20200101000000Z");
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 0);
	refused(&m, KAN_ENOTFOUND, "expired");
}

Test(tsp, without_an_authority_its_own_certificate_has_to_fit)
{
	auto_made struct made m;
	struct kan_err err = {0};
	int64_t at = 0;

	asked(&m, NULL, NULL);
	kan_tsp_ca_free(m.ca);
	m.ca = NULL;
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 0);
	cr_assert_eq(verify(&at, &m, &err), 0, "%s", err.text);
	m.reply.data[m.reply.len - 1] ^= 1; /* in the signature, which is last */
	refused(&m, KAN_ETAMPER, "");
}

Test(tsp, a_certificate_of_the_same_authority_for_servers_makes_no_stamps)
{
	auto_made struct made m;
	char path[512];

	asked(&m, NULL, NULL);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 0);
	fixture_write(m.f.dir, "good.tsr", m.reply.data, m.reply.len);
	free(fixture_must(m.f.dir,
			  "openssl ts -reply -in good.tsr -token_out -out good.p7 &&"
			  " openssl cms -verify -noverify -inform DER -in good.p7 -out info.der &&"
			  " openssl cms -sign -nodetach -binary -cades -econtent_type"
			  " id-smime-ct-TSTInfo -signer tsa/server.pem -inkey tsa/server.key"
			  " -outform DER -in info.der -out bad.p7 &&"
			  " openssl ts -reply -token_in -in bad.p7 -out bad.tsr"));
	m.reply.len = 0;
	snprintf(path, sizeof(path), "%s/bad.tsr", m.f.dir);
	fixture_read(&m.reply, path);
	refused(&m, KAN_ENOTFOUND, "purpose");
	kan_tsp_ca_free(m.ca);
	m.ca = NULL;
	refused(&m, KAN_ENOTFOUND, "not one for time stamps");
}

Test(tsp, a_rejection_is_told_with_the_authoritys_words)
{
	auto_made struct made m;
	struct kan_buf sha512 = KAN_BUF(4096);
	char path[512];

	asked(&m, NULL, NULL);
	free(fixture_must(m.f.dir, "printf x > m && openssl ts -query -data m -md5 -out q"));
	snprintf(path, sizeof(path), "%s/q", m.f.dir);
	fixture_read(&sha512, path);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&sha512), AT, 0);
	kan_buf_free(&sha512);
	refused(&m, KAN_EFORMAT, "gave no stamp (status 2): ");
}

Test(tsp, no_changed_byte_gives_another_time_and_no_cut_gives_any)
{
	auto_made struct made m;
	int64_t at = 0;

	asked(&m, NULL, NULL);
	authority_reply_at(&m.reply, &m.f, "tsa", kan_buf_bytes(&m.request), AT, 0);
	for (size_t i = 0; i < m.reply.len; i++) {
		m.reply.data[i] ^= 1;
		at = 0;
		if (verify(&at, &m, NULL) == 0)
			cr_assert_eq(at, (int64_t)AT * SECOND, "byte %zu", i);
		m.reply.data[i] ^= 1;
	}
	for (size_t n = 0; n < m.reply.len; n++)
		cr_assert_eq(kan_tsp_verify(&at, (struct kan_bytes){m.reply.data, n},
					    &(struct kan_tsp_ask){.message = MESSAGE}, NULL),
			     -1);
	kan_buf_addc(&m.reply, 0);
	refused(&m, KAN_EFORMAT, "no reply");
}

Test(tsp, what_is_larger_than_the_format_allows_is_not_parsed)
{
	auto_made struct made m;

	asked(&m, NULL, NULL);
	for (size_t i = 0; i <= KAN_TSP_REPLY_MAX; i++)
		kan_buf_addc(&m.reply, '0');
	refused(&m, KAN_EFORMAT, "no reply");
}

static void no_authorities(const struct fixture *f, const char *name, const char *words)
{
	struct kan_tsp_ca *ca = NULL;
	struct kan_err err = {0};
	char path[512];

	authority_path(path, f, "x", name);
	cr_expect_eq(kan_tsp_ca_load(&ca, path, &err), -1, "%s", name);
	cr_expect_eq(err.code, KAN_EUSAGE, "%s: %s", name, err.text);
	cr_expect(strstr(err.text, words), "%s", err.text);
	cr_expect_null(ca);
}

Test(tsp, a_file_without_certificates_names_no_authority)
{
	auto_fixture struct fixture f;
	struct kan_tsp_ca *ca = NULL;
	char path[512];

	fixture_make(&f);
	authority_make(&f, "x", NULL, NULL);
	free(fixture_must(f.dir,
			  "cd x && : > empty && mkfifo fifo && mkdir dir && ln -s ca.pem link"
			  " && sed 's/^MII/MI!/' ca.pem > bad && cat ca.pem bad > half &&"
			  " for i in {1..65}; do cat ca.pem; done > many"));
	no_authorities(&f, "none", "No such file");
	no_authorities(&f, "empty", "no PEM certificate");
	no_authorities(&f, "tsa.key", "no PEM certificate");
	no_authorities(&f, "fifo", "not a regular file");
	no_authorities(&f, "dir", "not a regular file");
	no_authorities(&f, "bad", "cannot be read");
	no_authorities(&f, "half", "cannot be read");
	no_authorities(&f, "many", "more than 64");
	authority_path(path, &f, "x", "link");
	cr_expect_eq(kan_tsp_ca_load(&ca, path, NULL), 0, "the user's own link");
	kan_tsp_ca_free(ca);
}
