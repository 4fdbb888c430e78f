/* Keys of every type that is taken, against OpenSSH and OpenSSL; and each field of a signature
 * changed. */
#include "custody/key.h"

#include "base/digest.h"
#include "custody/keypem.h"
#include "custody/pkey.h"
#include "custody/sshsig.h"
#include "custody/sshwire.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int verify(const struct kan_buf *armour, const char *message, struct kan_err *err)
{
	kan_auto_sshsig struct kan_sshsig s = {0};

	if (kan_sshsig_parse(&s, kan_buf_bytes(armour), err) < 0)
		return -1;
	return kan_sshsig_verify(&s, "file", kan_bytes_of(message), err);
}

static void read_in(struct kan_buf *out, const struct fixture *f, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fixture_read(out, path);
}

/* ssh-keygen is told to trust the key for aiko, and verifies "seal" with it. */
static void ssh_keygen_verifies(const struct fixture *f, struct kan_bytes blob,
				const struct kan_buf *armour)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(8192);

	kan_buf_adds(&line, "aiko ");
	kan_key_line(&line, blob);
	kan_buf_addc(&line, '\n');
	fixture_write(f->dir, "allowed", line.data, line.len);
	fixture_write(f->dir, "s.sig", armour->data, armour->len);
	free(fixture_must(f->dir, "printf seal | ssh-keygen -Y verify -f allowed -I aiko -n file"
				  " -s s.sig"));
}

static void both_ways(const struct fixture *f, const char *pem, const char *ssh_keygen)
{
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf ours = KAN_BUF(8192), theirs = KAN_BUF(8192);
	struct kan_err err = {0};

	free(fixture_must(f->dir, "rm -rf k t t.pub m.sig; %s && chmod 600 k && %s", pem,
			  ssh_keygen));
	k = fixture_key(f, "k");
	cr_assert_eq(kan_sshsig_sign(&ours, k, "file", KAN_LIT("seal"), &err), 0, "%s", err.text);
	ssh_keygen_verifies(f, kan_key_blob(k), &ours);
	cr_assert_eq(verify(&ours, "seal", &err), 0, "%s", err.text);
	cr_assert_eq(verify(&ours, "seaL", &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	free(fixture_must(f->dir, "printf seal > m && ssh-keygen -q -Y sign -f t -n file m"));
	read_in(&theirs, f, "m.sig");
	cr_assert_eq(verify(&theirs, "seal", &err), 0, "%s", err.text);
	cr_assert_eq(verify(&theirs, "seaL", &err), -1);
}

Test(keytypes, rsa_goes_both_ways_with_ssh_keygen)
{
	auto_fixture struct fixture f;

	fixture_make(&f);
	both_ways(&f, "openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out k",
		  "ssh-keygen -q -t rsa -b 3072 -N '' -f t");
}

Test(keytypes, ecdsa_goes_both_ways_with_ssh_keygen)
{
	auto_fixture struct fixture f;

	fixture_make(&f);
	both_ways(&f, "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out k",
		  "ssh-keygen -q -t ecdsa -b 256 -N '' -f t");
	/* r and s are numbers: of a hundred signatures some are shorter, some need a zero. */
	for (int i = 0; i < 100; i++) {
		kan_auto_key struct kan_key *k = fixture_key(&f, "k");
		kan_auto_buf struct kan_buf ours = KAN_BUF(8192);
		struct kan_err err = {0};

		cr_assert_eq(kan_sshsig_sign(&ours, k, "file", KAN_LIT("seal"), &err), 0);
		cr_assert_eq(verify(&ours, "seal", &err), 0, "%s", err.text);
	}
}

Test(keytypes, ed25519_in_pem_goes_both_ways_with_ssh_keygen)
{
	auto_fixture struct fixture f;

	fixture_make(&f);
	both_ways(&f, "openssl genpkey -algorithm ed25519 -out k",
		  "ssh-keygen -q -t ed25519 -N '' -f t");
}

Test(keytypes, the_fingerprint_is_ssh_keygens)
{
	auto_fixture struct fixture f;
	static const char *const commands[] = {
		"openssl genpkey -algorithm rsa -out k",
		"openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out k"};

	fixture_make(&f);
	for (size_t i = 0; i < 2; i++) {
		kan_auto_key struct kan_key *k = NULL;
		kan_auto_free char *listed = NULL;

		listed = fixture_must(f.dir, "%s 2>/dev/null && chmod 600 k && ssh-keygen -l -f k",
				      commands[i]);
		k = fixture_key(&f, "k");
		cr_assert(strstr(listed, kan_key_fpr(k)), "%s: %s", listed, kan_key_fpr(k));
	}
}

Test(keytypes, rsa_with_sha1_is_malformed_and_with_sha256_is_good)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	static const struct {
		const char *type, *md;
		int rc;
	} how[] = {{"rsa-sha2-256", "sha256", 0},
		   {"ssh-rsa", "sha1", -1},
		   {"rsa-sha2-512", "sha256", -1}};

	fixture_make(&f);
	free(fixture_must(f.dir, "openssl genpkey -algorithm rsa -out k && chmod 600 k"));
	k = fixture_key(&f, "k");
	fixture_write(f.dir, "m", "seal", 4);
	for (size_t i = 0; i < 3; i++) {
		kan_auto_buf struct kan_buf raw = KAN_BUF(4096), sig = KAN_BUF(4096);
		struct kan_err err = {0};

		free(fixture_must(f.dir, "openssl dgst -%s -sign k -out raw m", how[i].md));
		read_in(&raw, &f, "raw");
		kan_wire_put_str(&sig, kan_bytes_of(how[i].type));
		kan_wire_put_str(&sig, kan_buf_bytes(&raw));
		cr_expect_eq(
			kan_key_verify(kan_key_blob(k), kan_buf_bytes(&sig), KAN_LIT("seal"), &err),
			how[i].rc, "%s: %s", how[i].type, err.text);
		if (strcmp(how[i].type, "ssh-rsa") == 0)
			cr_expect_eq(err.code, KAN_EFORMAT);
	}
}

/* A security key as software: the same bytes as a token's, by a key of OpenSSL. */
struct token {
	struct kan_buf blob, sig;
};

static void token_free(struct token *t)
{
	kan_buf_free(&t->blob);
	kan_buf_free(&t->sig);
}
#define auto_token __attribute__((cleanup(token_free)))

static void token_public(struct token *t, const struct kan_key *k, const char *type)
{
	struct kan_wire w = {.rest = kan_key_blob(k)};

	(void)kan_wire_str(&w);
	kan_wire_put_str(&t->blob, kan_bytes_of(type));
	kan_buf_addb(&t->blob, w.rest);
	kan_wire_put_str(&t->blob, KAN_LIT("ssh:"));
}

static void token_sign(struct token *t, const struct kan_key *k, const char *type, uint8_t flags,
		       struct kan_bytes message)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(256), sig = KAN_BUF(1024);
	const uint8_t tail[5] = {flags, 0, 0, 1, 2};
	uint8_t digest[32];
	struct kan_wire w;

	kan_sha256(digest, KAN_LIT("ssh:"));
	kan_buf_add(&body, digest, 32);
	kan_buf_add(&body, tail, 5);
	kan_sha256(digest, message);
	kan_buf_add(&body, digest, 32);
	cr_assert_eq(kan_key_sign(&sig, k, kan_buf_bytes(&body), NULL), 0);
	w = (struct kan_wire){.rest = kan_buf_bytes(&sig)};
	(void)kan_wire_str(&w);
	kan_wire_put_str(&t->sig, kan_bytes_of(type));
	kan_wire_put_str(&t->sig, kan_wire_str(&w));
	kan_buf_add(&t->sig, tail, 5);
}

static void token_test(const struct fixture *f, const char *type)
{
	kan_auto_key struct kan_key *k = fixture_key(f, "k");
	auto_token struct token t = {KAN_BUF(4096), KAN_BUF(4096)}, idle = t;
	kan_auto_buf struct kan_buf body = KAN_BUF(4096), armour = KAN_BUF(8192);
	struct kan_err err = {0};

	token_public(&t, k, type);
	cr_assert_eq(kan_sshsig_body(&body, "file", KAN_LIT("seal"), NULL), 0);
	token_sign(&t, k, type, 1, kan_buf_bytes(&body));
	kan_sshsig_armour(&armour, kan_buf_bytes(&t.blob), "file", kan_buf_bytes(&t.sig));
	ssh_keygen_verifies(f, kan_buf_bytes(&t.blob), &armour);
	cr_assert_eq(verify(&armour, "seal", &err), 0, "%s", err.text);
	token_sign(&idle, k, type, 4, kan_buf_bytes(&body));
	cr_assert_eq(kan_key_verify(kan_buf_bytes(&t.blob), kan_buf_bytes(&idle.sig),
				    kan_buf_bytes(&body), &err),
		     -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	cr_assert(strstr(err.text, "touching"), "%s", err.text);
	/* One bit of the key or of the signature, wherever it is. */
	for (size_t i = 0; i < t.blob.len + t.sig.len; i++) {
		uint8_t *at = i < t.blob.len ? t.blob.data + i : t.sig.data + (i - t.blob.len);

		*at ^= 1;
		cr_expect_eq(kan_key_verify(kan_buf_bytes(&t.blob), kan_buf_bytes(&t.sig),
					    kan_buf_bytes(&body), NULL),
			     -1, "%s: octet %zu", type, i);
		*at ^= 1;
	}
}

Test(keytypes, a_security_keys_signature_is_good_when_somebody_touched_it)
{
	auto_fixture struct fixture f;

	fixture_make(&f);
	free(fixture_must(f.dir, "openssl genpkey -algorithm ed25519 -out k && chmod 600 k"));
	token_test(&f, "sk-ssh-ed25519@openssh.com");
	free(fixture_must(f.dir, "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256"
				 " -out k && chmod 600 k"));
	token_test(&f, "sk-ecdsa-sha2-nistp256@openssh.com");
}

/* Every octet of key and signature; each prefix of both. Nothing of it is good, or crashes. */
static void changed_anywhere(const struct kan_key *k)
{
	kan_auto_buf struct kan_buf blob = KAN_BUF(4096), sig = KAN_BUF(4096);
	struct kan_bytes message = KAN_LIT("seal");

	kan_buf_addb(&blob, kan_key_blob(k));
	cr_assert_eq(kan_key_sign(&sig, k, message, NULL), 0);
	cr_assert_eq(kan_key_verify(kan_buf_bytes(&blob), kan_buf_bytes(&sig), message, NULL), 0);
	for (size_t i = 0; i < blob.len + sig.len; i++) {
		uint8_t *at = i < blob.len ? blob.data + i : sig.data + (i - blob.len);
		struct kan_err err = {0};

		*at ^= 0x10;
		cr_expect_eq(
			kan_key_verify(kan_buf_bytes(&blob), kan_buf_bytes(&sig), message, &err),
			-1, "octet %zu", i);
		cr_expect(err.code == KAN_ETAMPER || err.code == KAN_EFORMAT ||
			  err.code == KAN_EUNSUPPORTED);
		*at ^= 0x10;
	}
	for (size_t n = 0; n < blob.len; n++)
		cr_expect_eq(kan_key_check((struct kan_bytes){blob.data, n}, NULL), -1, "%zu", n);
	for (size_t n = 0; n < sig.len; n++)
		cr_expect_eq(kan_key_verify(kan_buf_bytes(&blob), (struct kan_bytes){sig.data, n},
					    message, NULL),
			     -1, "%zu", n);
	kan_buf_addc(&sig, 0);
	cr_expect_eq(kan_key_verify(kan_buf_bytes(&blob), kan_buf_bytes(&sig), message, NULL), -1);
}

Test(keytypes, a_signature_changed_in_any_field_is_noticed)
{
	auto_fixture struct fixture f;
	static const char *const commands[] = {
		"openssl genpkey -algorithm ed25519 -out k",
		"openssl genpkey -algorithm rsa -out k",
		"openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256 -out k"};

	fixture_make(&f);
	for (size_t i = 0; i < 3; i++) {
		kan_auto_key struct kan_key *k = NULL;

		free(fixture_must(f.dir, "%s && chmod 600 k", commands[i]));
		k = fixture_key(&f, "k");
		changed_anywhere(k);
	}
}

/* Signature and key of another size are told before OpenSSL is asked. */
Test(keytypes, numbers_that_are_not_in_their_shortest_form_are_malformed)
{
	static const struct {
		const char *octets;
		size_t n;
	} bad[] = {{"\0\0\0\0", 4},         {"\0\0\0\1\0", 5},     {"\0\0\0\1\x80", 5},
		   {"\0\0\0\2\0\x7f", 6},   {"\0\0\0\2\x80\0", 6}, {"\0\0\0\3\0\0\x80", 7},
		   {"\xff\xff\xff\xff", 4}, {"\0\0\0\5\1", 5}};
	struct kan_wire good = {.rest = KAN_LIT("\0\0\0\2\0\x80")};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kan_wire w = {.rest = {(const uint8_t *)bad[i].octets, bad[i].n}};

		cr_expect_eq(kan_wire_mpint(&w).n, 0);
		cr_expect(w.bad, "%zu", i);
	}
	cr_assert(kan_bytes_eq(kan_wire_mpint(&good), KAN_LIT("\x80")));
	cr_assert(kan_wire_done(&good));
}

Test(keytypes, rsa_of_1024_bits_or_of_16384_is_not_verified)
{
	static const size_t octets[] = {128, 255, 2047};

	for (size_t i = 0; i < 3; i++) {
		kan_auto_buf struct kan_buf blob = KAN_BUF(8192), n = KAN_BUF(4096);
		struct kan_err err = {0};

		for (size_t k = 0; k < octets[i]; k++)
			kan_buf_addc(&n, (char)0xc5);
		kan_wire_put_str(&blob, KAN_LIT("ssh-rsa"));
		kan_wire_put_mpint(&blob, KAN_LIT("\1\0\1"));
		kan_wire_put_mpint(&blob, kan_buf_bytes(&n));
		cr_expect_eq(kan_key_check(kan_buf_bytes(&blob), &err), -1);
		cr_expect_eq(err.code, KAN_EUNSUPPORTED, "%s", err.text);
	}
}

/* Answers with the words of a list, one a call. */
struct words {
	const char *const *at;
	unsigned asked;
};

static int answer(struct kan_buf *out, const char *path, void *arg, struct kan_err *err)
{
	struct words *w = arg;

	cr_assert(strstr(path, "/k"), "%s", path);
	w->asked++;
	if (!w->at[w->asked - 1])
		return kan_fail(err, KAN_EUSAGE, "nobody there");
	kan_buf_adds(out, w->at[w->asked - 1]);
	return 0;
}

static int load_asked(struct kan_key **k, const struct fixture *f, struct words *w,
		      struct kan_err *err)
{
	const struct kan_key_ask ask = {answer, w};
	char path[512];

	snprintf(path, sizeof(path), "%s/k", f->dir);
	return kan_key_load(k, AT_FDCWD, path, &ask, err);
}

Test(keytypes, the_password_of_an_encrypted_key_is_asked_for_three_times_at_most)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL, *none = NULL;
	static const char *const third[] = {"no", "", "secret", NULL};
	static const char *const wrong[] = {"no", "neither", "nor this", "secret"};
	static const char *const nobody[] = {NULL};
	struct kan_err err = {0};

	fixture_make(&f);
	free(fixture_must(f.dir, "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-256"
				 " -aes256 -pass pass:secret -out k && chmod 600 k"));
	cr_assert_eq(load_asked(&k, &f, &(struct words){third, 0}, &err), 0, "%s", err.text);
	cr_assert_eq(load_asked(&none, &f, &(struct words){wrong, 0}, &err), -1);
	cr_assert_eq(err.code, KAN_EDENIED);
	cr_assert_eq(load_asked(&none, &f, &(struct words){nobody, 0}, &err), -1);
	cr_assert_eq(err.code, KAN_EUSAGE);
}

Test(keytypes, the_certificate_beside_a_key_is_found_wherever_it_stands)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL, *bare = NULL;

	fixture_make(&f);
	free(fixture_must(
		f.dir, "for n in ca me; do openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=$n"
		       " -keyout $n.key -out $n.crt 2>/dev/null; done;"
		       " cat ca.crt me.crt me.key > k; cp me.key b; chmod 600 k b"));
	k = fixture_key(&f, "k");
	bare = fixture_key(&f, "b");
	cr_assert_not_null(kan_key_pem(k)->cert);
	cr_assert_not_null(kan_key_pem(k)->chain);
	cr_assert_null(kan_key_pem(bare)->cert);
	cr_assert_str_eq(kan_key_fpr(k), kan_key_fpr(bare));
}
