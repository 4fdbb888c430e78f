/* Ed25519 keys with OpenSSL: made, loaded from a file, used to sign and to verify. */
#include "custody/key.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "custody/keyfile.h"
#include "custody/sshwire.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char type_name[] = "ssh-ed25519";

struct kan_key {
	uint8_t seed[KAN_KEY_RAW];
	uint8_t public[KAN_KEY_RAW];
	uint8_t blob[64];
	size_t blob_len;
	char comment[KAN_KEY_COMMENT];
	char fpr[KAN_KEY_FPR];
};

/* The machine's openssl.cnf can name a module to load: it is never read. */
static void quiet_openssl(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

void kan_key_free(struct kan_key *k)
{
	if (!k)
		return;
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}

void kan_key_auto(struct kan_key **k)
{
	kan_key_free(*k);
}

struct kan_bytes kan_key_blob(const struct kan_key *k)
{
	return (struct kan_bytes){k->blob, k->blob_len};
}

const char *kan_key_comment(const struct kan_key *k)
{
	return k->comment;
}

const char *kan_key_fpr(const struct kan_key *k)
{
	return k->fpr;
}

void kan_key_fingerprint(char out[KAN_KEY_FPR], struct kan_bytes blob)
{
	uint8_t raw[KAN_SHA256_SIZE];
	kan_auto_buf struct kan_buf text = KAN_BUF(64);

	kan_sha256(raw, blob);
	kan_base64(&text, (struct kan_bytes){raw, sizeof(raw)});
	snprintf(out, KAN_KEY_FPR, "SHA256:%.43s", kan_buf_str(&text));
}

void kan_key_line(struct kan_buf *out, struct kan_bytes blob)
{
	struct kan_wire w = {.rest = blob};

	kan_buf_addb(out, kan_wire_str(&w));
	kan_buf_addc(out, ' ');
	kan_base64(out, blob);
}

/* From the 32 secret bytes; the public key is computed, never believed. */
static int from_seed(struct kan_key **out, const uint8_t seed[KAN_KEY_RAW],
		     struct kan_bytes comment, struct kan_err *err)
{
	kan_auto_key struct kan_key *k = kan_xalloc(sizeof(*k));
	kan_auto_buf struct kan_buf blob = KAN_BUF(sizeof(k->blob));
	size_t n = KAN_KEY_RAW;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KAN_KEY_RAW);
	int good = pkey && EVP_PKEY_get_raw_public_key(pkey, k->public, &n) == 1;

	EVP_PKEY_free(pkey);
	if (!good)
		return kan_fail(err, KAN_EUNSUPPORTED, "this OpenSSL has no Ed25519");
	memcpy(k->seed, seed, KAN_KEY_RAW);
	kan_wire_put_str(&blob, kan_bytes_of(type_name));
	kan_wire_put_str(&blob, (struct kan_bytes){k->public, KAN_KEY_RAW});
	memcpy(k->blob, blob.data, blob.len);
	k->blob_len = blob.len;
	if (comment.n >= sizeof(k->comment))
		comment.n = sizeof(k->comment) - 1;
	if (comment.n)
		memcpy(k->comment, comment.p, comment.n);
	kan_key_fingerprint(k->fpr, kan_key_blob(k));
	*out = kan_take_ptr(k);
	return 0;
}

int kan_key_generate(struct kan_key **out, const char *comment, struct kan_err *err)
{
	uint8_t seed[KAN_KEY_RAW];
	int rc;

	quiet_openssl();
	if (RAND_priv_bytes(seed, sizeof(seed)) != 1)
		return kan_fail(err, KAN_EUNSUPPORTED, "no random bytes for a key");
	rc = from_seed(out, seed, kan_bytes_of(comment), err);
	OPENSSL_cleanse(seed, sizeof(seed));
	return rc;
}

/* OpenSSL would ask on the terminal: an encrypted file is told apart before, so this only says no.
 */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static int parse_pkcs8(struct kan_key **out, struct kan_bytes text, struct kan_err *err)
{
	uint8_t seed[KAN_KEY_RAW];
	size_t n = sizeof(seed);
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	int rc;

	BIO_free(bio);
	if (!pkey)
		return kan_fail(err, KAN_EFORMAT, "not a PKCS#8 key");
	if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_private_key(pkey, seed, &n) != 1) {
		EVP_PKEY_free(pkey);
		return kan_fail(err, KAN_EUNSUPPORTED, "the key is not Ed25519");
	}
	EVP_PKEY_free(pkey);
	rc = from_seed(out, seed, (struct kan_bytes){0}, err);
	OPENSSL_cleanse(seed, sizeof(seed));
	return rc;
}

static int parse_openssh(struct kan_key **out, struct kan_bytes text, struct kan_err *err)
{
	struct kan_keyfile f = {0};
	int rc = kan_keyfile_parse(&f, text, err);

	if (!rc)
		rc = from_seed(out, f.seed, kan_bytes_of(f.comment), err);
	if (!rc && memcmp((*out)->public, f.public, KAN_KEY_RAW) != 0) {
		kan_key_free(kan_take_ptr(*out));
		rc = kan_fail(err, KAN_EFORMAT, "public and private part of the key do not match");
	}
	OPENSSL_cleanse(&f, sizeof(f));
	return rc;
}

int kan_key_parse(struct kan_key **out, struct kan_bytes text, struct kan_err *err)
{
	struct kan_key *k = NULL;
	int rc;

	quiet_openssl();
	if (kan_bytes_starts(text, "-----BEGIN OPENSSH PRIVATE KEY-----"))
		rc = parse_openssh(&k, text, err);
	else if (kan_bytes_starts(text, "-----BEGIN PRIVATE KEY-----"))
		rc = parse_pkcs8(&k, text, err);
	else if (kan_bytes_starts(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----"))
		rc = kan_fail(err, KAN_EUNSUPPORTED, "the key is encrypted: give one that is not");
	else
		rc = kan_fail(err, KAN_EFORMAT, "neither a PKCS#8 PEM nor an OpenSSH private key");
	if (!rc)
		*out = k;
	return rc;
}

int kan_key_load(struct kan_key **out, int dirfd, const char *path, struct kan_err *err)
{
	kan_auto_close int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_KEY_FILE_MAX);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return kan_fail_sys(err, "key %s", path);
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "key %s: not a regular file", path);
	if (st.st_mode & 077)
		return kan_fail(err, KAN_EREFUSED, "key %s is open to others: chmod 600 it", path);
	rc = kan_read_all(&text, fd, err);
	if (!rc)
		rc = kan_key_parse(out, kan_buf_bytes(&text), err);
	OPENSSL_cleanse(text.data, text.cap);
	return rc < 0 ? kan_wrap(err, "key %s", path) : 0;
}

int kan_key_sign(uint8_t sig[KAN_KEY_SIG], const struct kan_key *k, struct kan_bytes message,
		 struct kan_err *err)
{
	size_t n = KAN_KEY_SIG;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, KAN_KEY_RAW);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int good = pkey && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		   EVP_DigestSign(ctx, sig, &n, message.p, message.n) == 1 && n == KAN_KEY_SIG;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return good ? 0 : kan_fail(err, KAN_EIO, "OpenSSL would not sign");
}

static bool ed25519_verifies(const uint8_t *public, struct kan_bytes sig, struct kan_bytes message)
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, KAN_KEY_RAW);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, sig.p, sig.n, message.p, message.n) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return good;
}

int kan_key_verify(struct kan_bytes blob, struct kan_bytes sig_blob, struct kan_bytes message,
		   struct kan_err *err)
{
	struct kan_wire w = {.rest = blob}, s = {.rest = sig_blob};
	struct kan_bytes type = kan_wire_str(&w), sig_type = kan_wire_str(&s);
	struct kan_bytes public, sig;

	quiet_openssl();
	if (w.bad || s.bad)
		return kan_fail(err, KAN_EFORMAT, "key or signature cut short");
	if (!kan_bytes_eq(type, kan_bytes_of(type_name)))
		return kan_fail(err, KAN_EUNSUPPORTED, "key type is not ssh-ed25519");
	public = kan_wire_str(&w);
	sig = kan_wire_str(&s);
	if (!kan_wire_done(&w) || !kan_wire_done(&s) || public.n != KAN_KEY_RAW ||
	    sig.n != KAN_KEY_SIG || !kan_bytes_eq(sig_type, type))
		return kan_fail(err, KAN_EFORMAT, "malformed Ed25519 key or signature");
	if (!ed25519_verifies(public.p, sig, message))
		return kan_fail(err, KAN_ETAMPER, "the signature does not fit the bytes");
	return 0;
}

int kan_key_encode(struct kan_buf *out, const struct kan_key *k, struct kan_err *err)
{
	struct kan_keyfile f = {0};
	int rc = 0;

	memcpy(f.seed, k->seed, KAN_KEY_RAW);
	memcpy(f.public, k->public, KAN_KEY_RAW);
	memcpy(f.comment, k->comment, sizeof(f.comment));
	if (RAND_bytes((unsigned char *)&f.check, sizeof(f.check)) != 1)
		rc = kan_fail(err, KAN_EUNSUPPORTED, "no random bytes for a key");
	else
		kan_keyfile_encode(out, &f);
	OPENSSL_cleanse(&f, sizeof(f));
	return rc;
}
