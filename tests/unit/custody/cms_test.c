/* CMS signatures, against openssl cms; and those that somebody made to do harm. */
#include "custody/cms.h"

#include "custody/bag.h"
#include "custody/check.h"
#include "custody/keypem.h"
#include "custody/signer.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEAL "seal/tagmanifest-sha256.txt"

/* An authority ca.crt, and me: key, certificate by it and the certificate in the middle, in one
 * file. days: how long the certificate is good. */
static void make_certificate(const struct fixture *f, const char *algorithm, const char *days)
{
	free(fixture_must(
		f->dir,
		"rm -f me.pem; N=\"openssl req -new -nodes\";"
		"$N -x509 -newkey rsa:2048 -subj /CN=root -days 99 -keyout ca.key -out ca.crt;"
		"$N -newkey rsa:2048 -subj /CN=middle -keyout mid.key -out mid.csr;"
		"printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=keyCertSign\\n' > x;"
		"openssl x509 -req -in mid.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 99"
		" -extfile x -out mid.crt;"
		"$N -newkey %s -subj '/CN=Aiko Mori/O=Example' -keyout me.key -out me.csr;"
		"openssl x509 -req -in me.csr -CA mid.crt -CAkey mid.key -CAcreateserial -days %s"
		" -out me.crt; cat me.key me.crt mid.crt > me.pem && chmod 600 me.pem",
		algorithm, days));
}

static void at(char path[512], const struct fixture *f, const char *name)
{
	snprintf(path, 512, "%s/%s", f->dir, name);
}

/* A bag that me.pem has signed. */
static void signed_bag(char bag[512], const struct fixture *f)
{
	struct kan_custody *c = NULL;
	struct kan_err err = {0};
	char key[512];

	at(key, f, "me.pem");
	fixture_bag(bag, f, BUNDLE_A, "a");
	cr_assert_eq(kan_custody_open(&c, f->home, key, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_sign(c, bag, &err), 0, "%s", err.text);
	kan_custody_free(c);
}

static struct findings verified(const struct fixture *f, const char *bag, const char *ca)
{
	struct findings found = FINDINGS;
	struct kan_custody_trust trust = {0};
	struct kan_err err = {0};
	char path[512];

	if (ca) {
		at(path, f, ca);
		trust.ca = path;
	}
	cr_assert_eq(kan_custody_verify_seal(bag, &trust, findings_fn, &found, &err), 0, "%s",
		     err.text);
	return found;
}

static void expect_of(const char *about, const struct fixture *f, const char *bag, const char *ca,
		      const char *result, const char *detail)
{
	struct findings found = verified(f, bag, ca);

	cr_expect(said(&found, "cms", result, "", detail), "%s: %s: %s", about, detail,
		  kan_buf_str(&found.text));
	kan_buf_free(&found.text);
}

static void expect(const struct fixture *f, const char *bag, const char *ca, const char *result,
		   const char *detail)
{
	expect_of("", f, bag, ca, result, detail);
}

static void b6(const char *bag, const char *ca)
{
	free(fixture_must(bag,
			  "openssl cms -verify -binary -inform DER -in " SEAL ".p7s"
			  " -content tagmanifest-sha256.txt -CAfile ../%s -out /dev/null",
			  ca));
}

static void whole_way(const char *algorithm)
{
	auto_fixture struct fixture f;
	char bag[512];

	fixture_make(&f);
	make_certificate(&f, algorithm, "30");
	signed_bag(bag, &f);
	b6(bag, "ca.crt");
	expect(&f, bag, "ca.crt", "ok", "a certificate of the CA");
	expect(&f, bag, NULL, "not-done", "good, by O=Example,CN=Aiko Mori; no --ca");
	/* Another root of the same name vouches for nobody. */
	free(fixture_must(f.dir, "openssl req -new -x509 -nodes -newkey rsa:2048 -subj /CN=root"
				 " -keyout other.key -out other.crt"));
	expect(&f, bag, "other.crt", "not-done", "good, by O=Example,CN=Aiko Mori: ");
	free(fixture_must(bag, "chmod u+w tagmanifest-sha256.txt;"
			       " sed -i 's/^./0/' tagmanifest-sha256.txt"));
	expect(&f, bag, "ca.crt", "failed", "does not fit the bytes");
	expect(&f, bag, NULL, "failed", "does not fit the bytes");
}

Test(cms, openssl_cms_accepts_our_signature_by_rsa_and_we_verify_it)
{
	whole_way("rsa:2048");
}

Test(cms, openssl_cms_accepts_our_signature_by_ecdsa_and_we_verify_it)
{
	whole_way("ec -pkeyopt ec_paramgen_curve:P-256");
}

Test(cms, an_ed25519_key_with_a_certificate_leaves_no_cms)
{
	auto_fixture struct fixture f;
	char bag[512];

	fixture_make(&f);
	make_certificate(&f, "ed25519", "30");
	signed_bag(bag, &f);
	expect(&f, bag, NULL, "not-done", "no CMS signature");
}

Test(cms, a_certificate_counts_only_while_it_is_valid)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf der = KAN_BUF(1 << 20), ca = KAN_BUF(1 << 20);
	struct kan_cms_said out = {0};
	struct kan_err err = {0};
	const int64_t now = time(NULL);
	char path[512];

	fixture_make(&f);
	make_certificate(&f, "rsa:2048", "1");
	at(path, &f, "me.pem");
	cr_assert_eq(kan_key_load(&k, AT_FDCWD, path, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_cms_sign(&der, k, KAN_LIT("seal"), &err), 0, "%s", err.text);
	at(path, &f, "ca.crt");
	fixture_read(&ca, path);
	for (int day = -1; day <= 2; day++) {
		const struct kan_cms_ask ask = {KAN_LIT("seal"), kan_buf_bytes(&ca),
						now + day * 86400 + 3600};

		cr_assert_eq(kan_cms_verify(&out, kan_buf_bytes(&der), &ask, &err), 0, "%s",
			     err.text);
		cr_expect_eq(out.trusted, day == 0, "day %d: %s", day, out.why);
	}
	cr_expect(strstr(out.why, "expired"), "%s", out.why);
}

Test(cms, a_signature_of_openssl_is_verified_and_one_that_holds_its_own_content_is_not)
{
	auto_fixture struct fixture f;
	char bag[512];
	static const struct {
		const char *how, *result, *detail;
	} rows[] = {
		{"", "ok", ""},
		{"-stream", "failed", "not a detached"}, /* it holds its content */
		{"-noattr", "ok", ""},
		{"-md sha384", "ok", ""},
		{"-md sha1", "failed", "not SHA-2"},
		{"-nodetach", "failed", "not a detached CMS signature"},
		{"-nocerts", "failed", "does not fit"},
	};

	fixture_make(&f);
	make_certificate(&f, "rsa:2048", "30");
	fixture_bag(bag, &f, BUNDLE_A, "a");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		free(fixture_must(bag,
				  "rm -rf seal; mkdir seal; openssl cms -sign -binary -outform DER"
				  " -in tagmanifest-sha256.txt -signer ../me.crt -inkey ../me.key"
				  " -certfile ../mid.crt %s -out " SEAL ".p7s",
				  rows[i].how));
		expect_of(rows[i].how, &f, bag, "ca.crt", rows[i].result, rows[i].detail);
	}
	free(fixture_must(bag, "openssl cms -encrypt -binary -outform DER -in bagit.txt -out " SEAL
			       ".p7s ../me.crt"));
	expect(&f, bag, "ca.crt", "failed", "not a detached CMS signature");
}

static int verify_bytes(const struct kan_buf *der, struct kan_err *err)
{
	struct kan_cms_said out = {0};

	return kan_cms_verify(&out, kan_buf_bytes(der), &(struct kan_cms_ask){KAN_LIT("seal")},
			      err);
}

static void sign_here(struct kan_buf *der, const struct fixture *f)
{
	kan_auto_key struct kan_key *k = NULL;
	char path[512];

	at(path, f, "me.pem");
	cr_assert_eq(kan_key_load(&k, AT_FDCWD, path, NULL, NULL), 0);
	cr_assert_eq(kan_cms_sign(der, k, KAN_LIT("seal"), NULL), 0);
}

Test(cms, a_signature_cut_or_prolonged_anywhere_is_none)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf der = KAN_BUF(1 << 20);

	fixture_make(&f);
	make_certificate(&f, "ec -pkeyopt ec_paramgen_curve:P-256", "30");
	sign_here(&der, &f);
	cr_assert_eq(verify_bytes(&der, NULL), 0);
	kan_buf_addc(&der, 0);
	cr_expect_eq(verify_bytes(&der, NULL), -1);
	der.len--;
	while (der.len--)
		cr_expect_eq(verify_bytes(&der, NULL), -1, "%zu", der.len);
}

/* DER of one length octet or of two behind 0x82. */
static void put_length(struct kan_buf *out, size_t n)
{
	const uint8_t four[] = {0x83, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	kan_buf_add(out, four, sizeof(four));
}

static void wrap(struct kan_buf *out, char tag, const struct kan_buf *in)
{
	kan_buf_addc(out, tag);
	put_length(out, in->len);
	kan_buf_addb(out, kan_buf_bytes(in));
}

/* A signature that is good, but announces n more digests than it uses. */
static void more_digests(struct kan_buf *out, const struct kan_buf *good, size_t n)
{
	kan_auto_buf struct kan_buf set = KAN_BUF(1 << 20), data = KAN_BUF(1 << 20),
				    inner = KAN_BUF(1 << 20), outer = KAN_BUF(1 << 20);
	static const char sha256[] = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
	/* ContentInfo, its type, [0] and SignedData, each with a length of two octets; version 1.
	 */
	enum { TYPE = 4, TYPE_OCTETS = 11, VERSION = TYPE + TYPE_OCTETS + 8, SET = VERSION + 3 };
	const size_t rest = SET + 2 + (size_t)good->data[SET + 1];

	cr_assert_eq(good->data[SET], 0x31);
	kan_buf_add(&set, good->data + SET + 2, good->data[SET + 1]);
	while (n--)
		kan_buf_add(&set, sha256, sizeof(sha256) - 1);
	kan_buf_add(&data, good->data + VERSION, 3);
	wrap(&data, 0x31, &set);
	kan_buf_add(&data, good->data + rest, good->len - rest);
	wrap(&inner, 0x30, &data);
	kan_buf_add(&outer, good->data + TYPE, TYPE_OCTETS);
	wrap(&outer, (char)0xa0, &inner);
	wrap(out, 0x30, &outer);
	cr_assert(!out->failed && !outer.failed && !set.failed);
}

/* OpenSSL alone takes them all, and minutes for 70,000. */
Test(cms, a_signature_with_thousands_of_digests_is_refused_before_it_is_used)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf good = KAN_BUF(1 << 20);
	static const size_t more[] = {0, 7, 8, 70000};

	fixture_make(&f);
	make_certificate(&f, "ec -pkeyopt ec_paramgen_curve:P-256", "30");
	sign_here(&good, &f);
	for (size_t i = 0; i < 4; i++) {
		kan_auto_buf struct kan_buf der = KAN_BUF(1 << 20);
		struct kan_err err = {0};

		more_digests(&der, &good, more[i]);
		cr_assert_eq(verify_bytes(&der, &err), more[i] < 8 ? 0 : -1, "%zu: %s", more[i],
			     err.text);
		cr_assert(more[i] < 8 || strstr(err.text, "more parts"), "%s", err.text);
	}
}

Test(cms, what_is_nested_without_end_is_refused)
{
	kan_auto_buf struct kan_buf der = KAN_BUF(1 << 20);

	/* Constructed, of indefinite length, each in the other. */
	for (size_t i = 0; i < 500000; i++)
		kan_buf_add(&der, "\x30\x80", 2);
	cr_assert_eq(verify_bytes(&der, NULL), -1);
	for (size_t i = 0; i + 1 < der.len; i += 2)
		der.data[i] = 0x24; /* octet strings of octet strings */
	cr_assert_eq(verify_bytes(&der, NULL), -1);
}

Test(cms, a_file_that_is_no_pem_is_said_before_anything_is_verified)
{
	auto_fixture struct fixture f;
	struct findings found = FINDINGS;
	struct kan_err err = {0};
	char bag[512], ca[512];

	fixture_make(&f);
	fixture_bag(bag, &f, BUNDLE_A, "a");
	fixture_write(f.dir, "junk", "junk", 4);
	at(ca, &f, "junk");
	cr_assert_eq(kan_custody_verify_seal(bag, &(struct kan_custody_trust){.ca = ca},
					     findings_fn, &found, &err),
		     -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
	cr_assert_eq(found.text.len, 0);
}

/* Two stations, two signers: the second one's proofs stand beside the first one's. */
Test(cms, a_second_station_adds_its_signatures_and_a_third_time_changes_nothing)
{
	auto_fixture struct fixture f;
	struct kan_custody *c = NULL;
	struct kan_receipt receipt = {0};
	struct kan_err err = {0};
	struct findings found;
	kan_auto_free char *before = NULL, *after = NULL;
	char bag[512], home[512];

	fixture_make(&f);
	fixture_bag(bag, &f, BUNDLE_A, "a");
	cr_assert_eq(kan_custody_open(&c, f.home, NULL, &err), 0, "%s", err.text);
	cr_assert_eq(kan_custody_sign(c, bag, &err), 0, "%s", err.text);
	kan_custody_free(c);
	make_certificate(&f, "ec -pkeyopt ec_paramgen_curve:P-256", "30");
	at(home, &f, "station");
	for (int i = 0; i < 2; i++) {
		char key[512];

		at(key, &f, "me.pem");
		cr_assert_eq(kan_custody_open(&c, home, key, &err), 0, "%s", err.text);
		cr_assert_eq(kan_custody_sign(c, bag, &err), 0, "%s", err.text);
		cr_assert_eq(kan_custody_commit(&receipt, c, bag, "collect", &fixture_act, &err), 0,
			     "%s", err.text);
		kan_custody_free(c);
		if (i == 0)
			before = fixture_must(bag, "cd seal && sha256sum *");
		else
			after = fixture_must(bag, "cd seal && sha256sum *");
	}
	cr_assert_str_eq(before, after);
	cr_assert(strstr(after, ".2.sig") && strstr(after, ".p7s") && !strstr(after, ".3.sig"));
	found = verified(&f, bag, "ca.crt");
	cr_expect(said(&found, "signature", "not-done", SEAL ".sig", "good"));
	cr_expect(said(&found, "signature", "not-done", SEAL ".2.sig", "good"));
	cr_expect(said(&found, "cms", "ok", "", "the CA"));
	cr_expect_eq(found.failed, 0, "%s", kan_buf_str(&found.text));
	kan_buf_reset(&found.text);
	at(home, &f, "station/custody.git");
	cr_assert_eq(kan_custody_verify(home, NULL, findings_fn, &found, &err), 0);
	cr_expect_eq(found.failed, 0, "%s", kan_buf_str(&found.text));
	cr_expect(said(&found, "signature", "not-done", SEAL ".2.sig", "good"));
	cr_expect(said(&found, "cms", "not-done", SEAL ".p7s", "good, by O=Example,CN=Aiko Mori"));
	kan_buf_free(&found.text);
}
