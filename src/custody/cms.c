/* CMS with OpenSSL. What is verified may be anybody's: its parts are counted before they are used.
 */
#include "custody/cms.h"

#include "custody/keypem.h"
#include "custody/pkey.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

enum { SIGNERS_MAX = 8, CERTS_MAX = 32, DIGESTS_MAX = 8, CA_CERTS_MAX = 1024, LEVEL = 2 };

static const unsigned flags = CMS_BINARY | CMS_DETACHED;

bool kan_cms_can(const struct kan_key *k)
{
	const struct kan_keypem *p = kan_key_pem(k);
	int id = EVP_PKEY_get_base_id(p->key);

	return p->cert && (id == EVP_PKEY_RSA || id == EVP_PKEY_EC);
}

static int put_der(struct kan_buf *out, CMS_ContentInfo *cms, struct kan_err *err)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);

	if (n > 0)
		kan_buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	if (n <= 0 || out->failed)
		return kan_fail(err, KAN_ELIMIT, "the CMS signature cannot be written");
	return 0;
}

int kan_cms_sign(struct kan_buf *der, const struct kan_key *k, struct kan_bytes content,
		 struct kan_err *err)
{
	const struct kan_keypem *p = kan_key_pem(k);
	BIO *bio = BIO_new_mem_buf(content.p, (int)content.n);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, p->chain, bio, flags | CMS_PARTIAL);
	int rc;

	if (cms && bio && CMS_add1_signer(cms, p->cert, p->key, EVP_sha256(), flags) &&
	    CMS_final(cms, bio, NULL, flags) == 1)
		rc = put_der(der, cms, err);
	else
		rc = kan_fail(err, KAN_EUNSUPPORTED, "OpenSSL would not sign with the certificate");
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	return rc;
}

/* One element; what is in it, and what is behind it. */
static bool element(struct kan_bytes *in, struct kan_bytes *behind, int want)
{
	const unsigned char *at = behind->p;
	long n;
	int tag, class, how;

	if (!behind->n)
		return false;
	how = ASN1_get_object(&at, &n, &tag, &class, (long)behind->n);
	/* 0x80: an error; 1: of indefinite length, which DER does not have. */
	if (how & 0x81 || (want >= 0 && tag != want))
		return false;
	*in = (struct kan_bytes){at, (size_t)n};
	behind->n -= (size_t)(at - behind->p) + (size_t)n;
	behind->p = at + n;
	return true;
}

/*
 * OpenSSL stacks one filter on the other for each digest that a signature announces, and each of
 * them calls the next: thousands of them would be the end of the stack.
 */
static bool few_digests(CMS_ContentInfo *cms)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der); /* DER, whatever it came as */
	struct kan_bytes in = {0}, rest = {der, n > 0 ? (size_t)n : 0};
	unsigned digests = 0;
	bool good;

	good = element(&in, &rest, V_ASN1_SEQUENCE) && (rest = in, true) && /* ContentInfo */
	       element(&in, &rest, V_ASN1_OBJECT) && element(&in, &rest, 0) && (rest = in, true) &&
	       element(&in, &rest, V_ASN1_SEQUENCE) && (rest = in, true) && /* SignedData */
	       element(&in, &rest, V_ASN1_INTEGER) && element(&in, &rest, V_ASN1_SET);
	for (rest = in; good && rest.n && digests <= DIGESTS_MAX; digests++)
		good = element(&in, &rest, V_ASN1_SEQUENCE);
	OPENSSL_free(der);
	return good && digests > 0 && digests <= DIGESTS_MAX;
}

static bool few_certs(CMS_ContentInfo *cms)
{
	STACK_OF(X509) *certs = CMS_get1_certs(cms);
	int n = sk_X509_num(certs);

	sk_X509_pop_free(certs, X509_free);
	return n <= CERTS_MAX;
}

static bool sha2_signers(CMS_ContentInfo *cms)
{
	STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
	int n = sk_CMS_SignerInfo_num(signers);

	for (int i = 0; i < n && i < SIGNERS_MAX; i++) {
		X509_ALGOR *hash = NULL;
		const ASN1_OBJECT *name;
		int nid;

		CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(signers, i), NULL, NULL, &hash,
					 NULL);
		X509_ALGOR_get0(&name, NULL, NULL, hash);
		nid = OBJ_obj2nid(name);
		if (nid != NID_sha256 && nid != NID_sha384 && nid != NID_sha512)
			return false;
	}
	return n > 0 && n <= SIGNERS_MAX;
}

static int parse(CMS_ContentInfo **out, struct kan_bytes der, struct kan_err *err)
{
	const unsigned char *at = der.p;
	CMS_ContentInfo *cms;

	kan_pkey_quiet();
	cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.n);
	if (!cms || at != der.p + der.n || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    CMS_is_detached(cms) != 1) {
		CMS_ContentInfo_free(cms);
		return kan_fail(err, KAN_EFORMAT, "not a detached CMS signature");
	}
	if (!few_digests(cms) || !few_certs(cms) || !sha2_signers(cms)) {
		CMS_ContentInfo_free(cms);
		return kan_fail(err, KAN_EFORMAT,
				"a CMS signature of more parts than one has, or with a hash that "
				"is not SHA-2");
	}
	*out = cms;
	return 0;
}

/* store NULL: whose certificate it is, is not asked. */
static bool fits(CMS_ContentInfo *cms, struct kan_bytes content, X509_STORE *store)
{
	BIO *bio = BIO_new_mem_buf(content.n ? (const void *)content.p : "", (int)content.n);
	unsigned how = CMS_BINARY | (store ? 0 : CMS_NO_SIGNER_CERT_VERIFY);
	bool good = bio && CMS_verify(cms, NULL, store, bio, NULL, how) == 1;

	BIO_free(bio);
	return good;
}

/* Words of a certificate in ASCII: what is not is escaped by OpenSSL. */
static void name_signer(char out[KAN_CMS_NAME], CMS_ContentInfo *cms)
{
	STACK_OF(X509) *signers = CMS_get0_signers(cms);
	X509 *cert = signers ? sk_X509_value(signers, 0) : NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (cert && bio &&
	    X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(bio, out, KAN_CMS_NAME - 1);
	out[n > 0 ? n : 0] = 0;
	BIO_free(bio);
	sk_X509_free(signers);
}

static X509_STORE *read_store(struct kan_bytes ca, int64_t at)
{
	BIO *bio = BIO_new_mem_buf(ca.p, (int)ca.n);
	X509_STORE *store = X509_STORE_new();
	X509 *cert;
	int n = 0;

	while (bio && store && n < CA_CERTS_MAX &&
	       (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	if (store && n) {
		X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), at);
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), LEVEL);
		return store;
	}
	X509_STORE_free(store);
	return NULL;
}

/* "Verify error: certificate has expired" */
static void reason(char why[KAN_CMS_WHY])
{
	const char *data = NULL;
	int what = 0;
	unsigned long code = ERR_peek_last_error_data(&data, &what);

	if (data && what & ERR_TXT_STRING)
		snprintf(why, KAN_CMS_WHY, "%s", data);
	else
		snprintf(why, KAN_CMS_WHY, "OpenSSL says error %lx", code);
}

static int check_trust(struct kan_cms_said *out, CMS_ContentInfo *cms,
		       const struct kan_cms_ask *ask, struct kan_err *err)
{
	X509_STORE *store = read_store(ask->ca, ask->at);

	if (!store)
		return kan_fail(err, KAN_EUSAGE, "--ca: no PEM certificate in the file");
	ERR_clear_error();
	/* That it fits is known: what is left is whose certificate it is. */
	out->trusted = fits(cms, ask->content, store);
	if (!out->trusted)
		reason(out->why);
	X509_STORE_free(store);
	return 0;
}

int kan_cms_verify(struct kan_cms_said *out, struct kan_bytes der, const struct kan_cms_ask *ask,
		   struct kan_err *err)
{
	struct kan_cms_said said = {0};
	CMS_ContentInfo *cms = NULL;
	int rc;

	if (parse(&cms, der, err) < 0)
		return -1;
	rc = fits(cms, ask->content, NULL)
		     ? 0
		     : kan_fail(err, KAN_ETAMPER, "the signature does not fit the bytes");
	if (rc == 0)
		name_signer(said.signer, cms);
	if (rc == 0 && ask->ca.n)
		rc = check_trust(&said, cms, ask, err);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	if (rc == 0)
		*out = said;
	return rc;
}

int kan_cms_ca_ok(struct kan_bytes ca, struct kan_err *err)
{
	X509_STORE *store;

	kan_pkey_quiet();
	store = read_store(ca, 0);
	ERR_clear_error();
	if (!store)
		return kan_fail(err, KAN_EUSAGE, "no PEM certificate in it");
	X509_STORE_free(store);
	return 0;
}

bool kan_cms_is_by(struct kan_bytes der, const struct kan_key *k, struct kan_bytes content)
{
	CMS_ContentInfo *cms = NULL;
	STACK_OF(X509) * signers;
	bool same;

	if (parse(&cms, der, NULL) < 0)
		return false;
	same = fits(cms, content, NULL);
	signers = same ? CMS_get0_signers(cms) : NULL;
	same = sk_X509_num(signers) == 1 &&
	       X509_cmp(sk_X509_value(signers, 0), kan_key_pem(k)->cert) == 0;
	sk_X509_free(signers);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return same;
}
