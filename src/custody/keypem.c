/* PEM blocks one by one: the password is ours to ask for, and nothing but PKCS#8 is a key. */
#include "custody/keypem.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

enum { CERTS_MAX = 16, PASSWORD_MAX = 1024, PASSWORD_TRIES = 3 };

struct block {
	char *name, *header;
	unsigned char *data;
	long n;
};

static void block_free(struct block *b)
{
	OPENSSL_secure_free(b->name);
	OPENSSL_secure_free(b->header);
	OPENSSL_secure_clear_free(b->data, b->n > 0 ? (size_t)b->n : 0);
	*b = (struct block){0};
}

/* "Secure": what OpenSSL decodes on the way is wiped, too. */
static bool next_block(struct block *b, BIO *bio)
{
	return bio && PEM_read_bio_ex(bio, &b->name, &b->header, &b->data, &b->n,
				      PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) == 1;
}

void kan_keypem_free(struct kan_keypem *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
	sk_X509_pop_free(p->chain, X509_free);
	*p = (struct kan_keypem){0};
}

static EVP_PKEY *plain_key(const struct block *b)
{
	const unsigned char *at = b->data;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, b->n);
	EVP_PKEY *key = info && at == b->data + b->n ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

/* NULL: another password, or no key inside. */
static EVP_PKEY *decrypted(const X509_SIG *sealed, const struct kan_buf *password)
{
	PKCS8_PRIV_KEY_INFO *info =
		PKCS8_decrypt(sealed, (const char *)password->data, (int)password->len);
	EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return key;
}

static int try_passwords(EVP_PKEY **out, const X509_SIG *sealed, const char *path,
			 const struct kan_key_ask *ask, struct kan_err *err)
{
	for (int i = 0; i < PASSWORD_TRIES && !*out; i++) {
		kan_auto_buf struct kan_buf password = KAN_BUF(PASSWORD_MAX);
		int rc = ask->password(&password, path, ask->arg, err);

		if (rc == 0 && password.len)
			*out = decrypted(sealed, &password);
		OPENSSL_cleanse(password.data, password.cap);
		if (rc < 0)
			return -1;
	}
	return *out ? 0 : kan_fail(err, KAN_EDENIED, "that is not the key's password");
}

static int encrypted_key(EVP_PKEY **out, const struct block *b, const char *path,
			 const struct kan_key_ask *ask, struct kan_err *err)
{
	const unsigned char *at = b->data;
	X509_SIG *sealed;
	int rc;

	if (!ask || !ask->password)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the key is encrypted, and nobody can be asked for its password");
	sealed = d2i_X509_SIG(NULL, &at, b->n);
	rc = sealed ? try_passwords(out, sealed, path, ask, err)
		    : kan_fail(err, KAN_EFORMAT, "damaged PKCS#8 key");
	X509_SIG_free(sealed);
	return rc;
}

static int add_cert(struct kan_keypem *p, const struct block *b, struct kan_err *err)
{
	const unsigned char *at = b->data;
	X509 *cert = d2i_X509(NULL, &at, b->n);

	if (!p->chain)
		p->chain = sk_X509_new_null();
	if (!cert || !p->chain || sk_X509_num(p->chain) >= CERTS_MAX ||
	    sk_X509_push(p->chain, cert) <= 0) {
		X509_free(cert);
		return kan_fail(err, KAN_EFORMAT,
				"a certificate beside the key is damaged, or there are more than "
				"%d",
				CERTS_MAX);
	}
	return 0;
}

static int add_block(struct kan_keypem *p, const struct block *b, const char *path,
		     const struct kan_key_ask *ask, struct kan_err *err)
{
	bool locked = strcmp(b->name, PEM_STRING_PKCS8) == 0;
	size_t n = strlen(b->name), tail = strlen(" PRIVATE KEY");

	if (strcmp(b->name, PEM_STRING_X509) == 0)
		return add_cert(p, b, err);
	if (!locked && strcmp(b->name, PEM_STRING_PKCS8INF) != 0) {
		if (n > tail && strcmp(b->name + n - tail, " PRIVATE KEY") == 0)
			return kan_fail(err, KAN_EUNSUPPORTED,
					"not PKCS#8: openssl pkcs8 -topk8 makes it so");
		return 0; /* parameters and the like */
	}
	if (p->key)
		return kan_fail(err, KAN_EFORMAT, "more than one key in the file");
	if (locked)
		return encrypted_key(&p->key, b, path, ask, err);
	p->key = plain_key(b);
	return p->key ? 0 : kan_fail(err, KAN_EFORMAT, "damaged PKCS#8 key");
}

/* The certificate of the key itself leaves the others. */
static void find_own(struct kan_keypem *p)
{
	for (int i = 0; p->chain && i < sk_X509_num(p->chain); i++)
		if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(p->chain, i)), p->key) == 1) {
			p->cert = sk_X509_delete(p->chain, i);
			return;
		}
}

int kan_keypem_parse(struct kan_keypem *out, struct kan_bytes text, const char *path,
		     const struct kan_key_ask *ask, struct kan_err *err)
{
	struct kan_keypem p = {0};
	struct block b = {0};
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	int rc = 0;

	while (rc == 0 && next_block(&b, bio)) {
		rc = add_block(&p, &b, path, ask, err);
		block_free(&b);
	}
	BIO_free(bio);
	if (rc == 0 && !p.key)
		rc = kan_fail(err, KAN_EFORMAT, "neither a PKCS#8 PEM nor an OpenSSH private key");
	if (rc < 0) {
		kan_keypem_free(&p);
		return -1;
	}
	find_own(&p);
	*out = p;
	return 0;
}
