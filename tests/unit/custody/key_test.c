/* Key files and SSHSIG, against OpenSSH and OpenSSL themselves. */
#include "custody/key.h"

#include "custody/sshsig.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void refused(const struct fixture *f, const char *name, enum kan_code code, const char *text)
{
	struct kan_key *k = NULL;
	struct kan_err err = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	cr_assert_eq(kan_key_load(&k, AT_FDCWD, path, NULL, &err), -1, "%s", name);
	cr_assert_null(k);
	cr_expect_eq(err.code, code, "%s: %s", name, err.text);
	cr_expect(strstr(err.text, text), "%s: %s", name, err.text);
}

static void public_line_is(const struct kan_key *k, const char *want)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(1024);

	kan_key_line(&line, kan_key_blob(k));
	cr_assert_eq(strncmp(want, kan_buf_str(&line), line.len), 0, "%s is not %s",
		     kan_buf_str(&line), want);
}

/* A key of ours in f->dir/ours. */
static struct kan_key *make(const struct fixture *f)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);
	struct kan_key *k = NULL;

	cr_assert_eq(kan_key_generate(&k, "kanshiki@web-03 20261122053000Z", NULL), 0);
	cr_assert_eq(kan_key_encode(&text, k, NULL), 0);
	fixture_write(f->dir, "ours", text.data, text.len);
	return k;
}

Test(key, ssh_keygen_reads_the_key_file_that_we_make)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_free char *public = NULL, *listed = NULL;

	fixture_make(&f);
	k = make(&f);
	public = fixture_must(f.dir, "ssh-keygen -y -f ours");
	public_line_is(k, public);
	cr_assert(strstr(public, "kanshiki@web-03 20261122053000Z"));
	listed = fixture_must(f.dir, "ssh-keygen -l -f ours");
	cr_assert(strstr(listed, kan_key_fpr(k)), "%s", listed);
}

Test(key, a_key_file_of_ours_comes_back_with_its_comment)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL, *again = NULL;

	fixture_make(&f);
	k = make(&f);
	again = fixture_key(&f, "ours");
	cr_assert_str_eq(kan_key_fpr(again), kan_key_fpr(k));
	cr_assert_str_eq(kan_key_comment(again), "kanshiki@web-03 20261122053000Z");
}

Test(key, a_key_made_by_ssh_keygen_is_read)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_free char *public = NULL;

	fixture_make(&f);
	public = fixture_must(f.dir, "ssh-keygen -q -t ed25519 -N '' -C aiko -f k && cat k.pub");
	k = fixture_key(&f, "k");
	public_line_is(k, public);
	cr_assert_str_eq(kan_key_comment(k), "aiko");
}

Test(key, a_key_made_by_openssl_is_read)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_free char *hex = NULL;
	char ours[65];

	fixture_make(&f);
	hex = fixture_must(f.dir,
			   "openssl genpkey -algorithm ed25519 -out k && chmod 600 k && "
			   "openssl pkey -in k -pubout -outform DER | tail -c 32 | xxd -p -c 64");
	k = fixture_key(&f, "k");
	for (int i = 0; i < 32; i++)
		snprintf(ours + 2 * i, 3, "%02x",
			 kan_key_blob(k).p[kan_key_blob(k).n - 32 + (size_t)i]);
	cr_assert_str_eq(ours, hex);
}

Test(key, a_key_that_cannot_be_used_says_why)
{
	auto_fixture struct fixture f;

	fixture_make(&f);
	free(fixture_must(
		f.dir,
		"ssh-keygen -q -t ed25519 -N secret -f locked &&"
		" ssh-keygen -q -t rsa -b 2048 -N '' -f rsa &&"
		" openssl genpkey -algorithm ed25519 -aes256 -pass pass:x -out pem &&"
		" openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out rsapem &&"
		" openssl ecparam -name secp384r1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt"
		" -out ecpem && openssl genrsa -traditional -out oldpem 2048 && chmod 600 *pem &&"
		" ssh-keygen -q -t ed25519 -N '' -f open && chmod 640 open &&"
		" ln -s rsa link && mkfifo -m 600 fifo && echo no > text && chmod 600 text"));
	refused(&f, "locked", KAN_EUNSUPPORTED, "encrypted: ssh-add it, then --key agent");
	refused(&f, "rsa", KAN_EUNSUPPORTED, "not Ed25519");
	refused(&f, "pem", KAN_EUNSUPPORTED, "encrypted");
	refused(&f, "rsapem", KAN_EUNSUPPORTED, "RSA of 1024 bits");
	refused(&f, "ecpem", KAN_EUNSUPPORTED, "another curve than P-256");
	refused(&f, "oldpem", KAN_EUNSUPPORTED, "not PKCS#8: openssl pkcs8 -topk8");
	refused(&f, "open", KAN_EREFUSED, "open to others");
	refused(&f, "link", KAN_EREFUSED, "symbolic links");
	refused(&f, "fifo", KAN_EREFUSED, "not a regular file");
	refused(&f, "text", KAN_EFORMAT, "neither");
	refused(&f, "none", KAN_ENOTFOUND, "none");
}

Test(key, a_key_file_cut_anywhere_is_no_key)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);

	fixture_make(&f);
	k = make(&f);
	cr_assert_eq(kan_key_encode(&text, k, NULL), 0);
	for (size_t n = 0; n + 1 < text.len; n++) {
		struct kan_key *other = NULL;

		cr_expect_eq(
			kan_key_parse(&other, (struct kan_bytes){text.data, n}, "", NULL, NULL), -1,
			"%zu", n);
	}
}

/* ssh-keygen's signature of a file, by the same key. */
static void same_signature(const struct fixture *f, const struct kan_key *k, const char *ns,
			   const char *message)
{
	kan_auto_buf struct kan_buf ours = KAN_BUF(4096), theirs = KAN_BUF(4096);
	char path[512];

	fixture_write(f->dir, "m", message, strlen(message));
	free(fixture_must(f->dir, "rm -f m.sig; ssh-keygen -q -Y sign -f ours -n %s m", ns));
	snprintf(path, sizeof(path), "%s/m.sig", f->dir);
	fixture_read(&theirs, path);
	cr_assert_eq(kan_sshsig_sign(&ours, k, ns, kan_bytes_of(message), NULL), 0);
	cr_assert_str_eq(kan_buf_str(&ours), kan_buf_str(&theirs));
}

Test(sshsig, our_signature_is_ssh_keygens_byte_for_byte)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;

	fixture_make(&f);
	k = make(&f);
	same_signature(&f, k, "file", "hello\n");
	same_signature(&f, k, "git", "");
	same_signature(&f, k, "kanshiki-custody", "a line\nand another\n");
}

static int verify(const struct kan_buf *armour, const char *ns, const char *message,
		  struct kan_err *err)
{
	kan_auto_sshsig struct kan_sshsig s = {0};

	if (kan_sshsig_parse(&s, kan_buf_bytes(armour), err) < 0)
		return -1;
	return kan_sshsig_verify(&s, ns, kan_bytes_of(message), err);
}

Test(sshsig, a_signature_fits_its_message_and_purpose_and_nothing_else)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf armour = KAN_BUF(4096);
	struct kan_err err = {0};

	fixture_make(&f);
	k = make(&f);
	cr_assert_eq(kan_sshsig_sign(&armour, k, "file", KAN_LIT("seal"), NULL), 0);
	cr_assert_eq(verify(&armour, "file", "seal", &err), 0, "%s", err.text);
	cr_assert_eq(verify(&armour, "file", "seaL", &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
	err = (struct kan_err){0};
	cr_assert_eq(verify(&armour, "git", "seal", &err), -1);
	cr_assert_eq(err.code, KAN_ETAMPER);
}

Test(sshsig, a_signature_of_ssh_keygen_with_sha256_is_good_too)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf armour = KAN_BUF(4096);
	struct kan_err err = {0};
	char path[512];

	fixture_make(&f);
	k = make(&f);
	free(fixture_must(
		f.dir,
		"printf seal > m && ssh-keygen -q -Y sign -O hashalg=sha256 -f ours -n file m"));
	snprintf(path, sizeof(path), "%s/m.sig", f.dir);
	fixture_read(&armour, path);
	cr_assert_eq(verify(&armour, "file", "seal", &err), 0, "%s", err.text);
}

Test(sshsig, another_key_type_is_said_not_failed)
{
	auto_fixture struct fixture f;
	kan_auto_buf struct kan_buf armour = KAN_BUF(8192);
	struct kan_err err = {0};
	char path[512];

	fixture_make(&f);
	free(fixture_must(f.dir, "ssh-keygen -q -t ecdsa -b 384 -N '' -f e && printf seal > m &&"
				 " ssh-keygen -q -Y sign -f e -n file m"));
	snprintf(path, sizeof(path), "%s/m.sig", f.dir);
	fixture_read(&armour, path);
	cr_assert_eq(verify(&armour, "file", "seal", &err), -1);
	cr_assert_eq(err.code, KAN_EUNSUPPORTED);
	cr_assert(strstr(err.text, "ecdsa-sha2-nistp384"), "%s", err.text);
}

Test(sshsig, every_changed_character_of_the_armour_is_noticed)
{
	auto_fixture struct fixture f;
	kan_auto_key struct kan_key *k = NULL;
	kan_auto_buf struct kan_buf armour = KAN_BUF(4096);

	fixture_make(&f);
	k = make(&f);
	cr_assert_eq(kan_sshsig_sign(&armour, k, "file", KAN_LIT("seal"), NULL), 0);
	for (size_t i = 0; i < armour.len; i++) {
		const uint8_t was = armour.data[i];

		/* Line breaks inside the base64 are the unsigned part of the armour. */
		armour.data[i] = was == 'A' ? 'B' : 'A';
		if (was != '\n')
			cr_expect_eq(verify(&armour, "file", "seal", NULL), -1, "at %zu", i);
		armour.data[i] = was;
	}
	cr_assert_eq(verify(&armour, "file", "seal", NULL), 0);
}
