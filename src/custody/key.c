/* Private keys with OpenSSL: made, loaded from a file, used to sign. */
#include "custody/key.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "custody/keyfile.h"
#include "custody/keypem.h"
#include "custody/pkey.h"
#include "custody/sshwire.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kan_key {
	struct kan_keypem pem;
	uint8_t blob[KAN_KEY_BLOB];
	size_t blob_len;
	char comment[KAN_KEY_COMMENT];
	char fpr[KAN_KEY_FPR];
};

void kan_key_free(struct kan_key *k)
{
	if (!k)
		return;
	kan_keypem_free(&k->pem); /* OpenSSL wipes it */
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

const struct kan_keypem *kan_key_pem(const struct kan_key *k)
{
	return &k->pem;
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

/* The public key is computed, never believed. *pem is taken, also on failure. */
static int from_pem(struct kan_key **out, struct kan_keypem *pem, struct kan_bytes comment,
		    struct kan_err *err)
{
	kan_auto_key struct kan_key *k = kan_xalloc(sizeof(*k));
	kan_auto_buf struct kan_buf blob = KAN_BUF(sizeof(k->blob));

	k->pem = *pem;
	*pem = (struct kan_keypem){0};
	if (kan_pkey_blob(&blob, k->pem.key, err) < 0)
		return -1;
	if (blob.failed)
		return kan_fail(err, KAN_ELIMIT, "the public key is longer than %d bytes",
				KAN_KEY_BLOB);
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

static int from_seed(struct kan_key **out, const uint8_t seed[KAN_KEY_RAW],
		     struct kan_bytes comment, struct kan_err *err)
{
	struct kan_keypem pem = {
		.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KAN_KEY_RAW)};

	if (!pem.key)
		return kan_fail(err, KAN_EUNSUPPORTED, "this OpenSSL has no Ed25519");
	return from_pem(out, &pem, comment, err);
}

int kan_key_generate(struct kan_key **out, const char *comment, struct kan_err *err)
{
	uint8_t seed[KAN_KEY_RAW];
	int rc;

	kan_pkey_quiet();
	if (RAND_priv_bytes(seed, sizeof(seed)) != 1)
		return kan_fail(err, KAN_EUNSUPPORTED, "no random bytes for a key");
	rc = from_seed(out, seed, kan_bytes_of(comment), err);
	OPENSSL_cleanse(seed, sizeof(seed));
	return rc;
}

static int parse_openssh(struct kan_key **out, struct kan_bytes text, struct kan_err *err)
{
	struct kan_keyfile f = {0};
	uint8_t public[KAN_KEY_RAW];
	size_t n = sizeof(public);
	struct kan_key *k = NULL;
	int rc = kan_keyfile_parse(&f, text, err);

	if (!rc)
		rc = from_seed(&k, f.seed, kan_bytes_of(f.comment), err);
	if (!rc && (EVP_PKEY_get_raw_public_key(k->pem.key, public, &n) != 1 ||
		    memcmp(public, f.public, KAN_KEY_RAW) != 0)) {
		kan_key_free(kan_take_ptr(k));
		rc = kan_fail(err, KAN_EFORMAT, "public and private part of the key do not match");
	}
	OPENSSL_cleanse(&f, sizeof(f));
	if (!rc)
		*out = k;
	return rc;
}

int kan_key_parse(struct kan_key **out, struct kan_bytes text, const char *path,
		  const struct kan_key_ask *ask, struct kan_err *err)
{
	struct kan_keypem pem = {0};

	kan_pkey_quiet();
	if (kan_bytes_starts(text, "-----BEGIN OPENSSH PRIVATE KEY-----"))
		return parse_openssh(out, text, err);
	if (kan_keypem_parse(&pem, text, path, ask, err) < 0)
		return -1;
	return from_pem(out, &pem, (struct kan_bytes){0}, err);
}

int kan_key_load(struct kan_key **out, int dirfd, const char *path, const struct kan_key_ask *ask,
		 struct kan_err *err)
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
		rc = kan_key_parse(out, kan_buf_bytes(&text), path, ask, err);
	OPENSSL_cleanse(text.data, text.cap);
	return rc < 0 ? kan_wrap(err, "key %s", path) : 0;
}

int kan_key_sign(struct kan_buf *blob, const struct kan_key *k, struct kan_bytes message,
		 struct kan_err *err)
{
	return kan_pkey_sign(blob, k->pem.key, message, err);
}

int kan_key_encode(struct kan_buf *out, const struct kan_key *k, struct kan_err *err)
{
	struct kan_keyfile f = {0};
	size_t seed = KAN_KEY_RAW, public = KAN_KEY_RAW;
	int rc = 0;

	memcpy(f.comment, k->comment, sizeof(f.comment));
	if (EVP_PKEY_get_base_id(k->pem.key) != EVP_PKEY_ED25519 ||
	    EVP_PKEY_get_raw_private_key(k->pem.key, f.seed, &seed) != 1 ||
	    EVP_PKEY_get_raw_public_key(k->pem.key, f.public, &public) != 1)
		rc = kan_fail(err, KAN_EUNSUPPORTED, "the key is not Ed25519");
	else if (RAND_bytes((unsigned char *)&f.check, sizeof(f.check)) != 1)
		rc = kan_fail(err, KAN_EUNSUPPORTED, "no random bytes for a key");
	else
		kan_keyfile_encode(out, &f);
	OPENSSL_cleanse(&f, sizeof(f));
	return rc;
}
