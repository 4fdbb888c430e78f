/* RFC 3161 with OpenSSL's TS. Neither its configuration nor the system's trust store is read. */
#include "custody/tsp.h"

#include "base/digest.h"
#include "base/file.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ts.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	NONCE = 16,
	DIGITS = 14,     /* YYYYMMDDhhmmss */
	YEAR_MAX = 2200, /* nanoseconds in 64 bits end in 2262 */
	SECOND = 1000000000,
	WORDS = 200, /* of a reply, into an error */
};

struct kan_tsp_ca {
	STACK_OF(X509) * list;
};

/* The machine's openssl.cnf can name a module to load: it is never read. */
static void quiet(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ERR_clear_error();
}

void kan_tsp_ca_free(struct kan_tsp_ca *ca)
{
	if (!ca)
		return;
	sk_X509_pop_free(ca->list, X509_free);
	free(ca);
}

void kan_tsp_ca_auto(struct kan_tsp_ca **ca)
{
	kan_tsp_ca_free(*ca);
}

/* OpenSSL would ask on the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int read_certificates(struct kan_tsp_ca *ca, BIO *bio, struct kan_err *err)
{
	X509 *one;

	while ((one = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		if (sk_X509_num(ca->list) >= KAN_TSP_CAS || !sk_X509_push(ca->list, one)) {
			X509_free(one);
			return kan_fail(err, KAN_EUSAGE, "more than %d certificates", KAN_TSP_CAS);
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return kan_fail(err, KAN_EUSAGE, "a certificate cannot be read");
	return sk_X509_num(ca->list) ? 0 : kan_fail(err, KAN_EUSAGE, "no PEM certificate in it");
}

static int read_ca(struct kan_buf *text, const char *path, struct kan_err *err)
{
	kan_auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return kan_fail(err, KAN_EUSAGE, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EUSAGE, "not a regular file");
	return kan_read_all(text, fd, err);
}

int kan_tsp_ca_load(struct kan_tsp_ca **out, const char *path, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_TSP_CA_MAX);
	kan_auto_tsp_ca struct kan_tsp_ca *ca = kan_xalloc(sizeof(*ca));
	BIO *bio;
	int rc;

	quiet();
	if (read_ca(&text, path, err) < 0)
		return kan_wrap(err, "%s", path);
	ca->list = sk_X509_new_null();
	bio = BIO_new_mem_buf(kan_buf_str(&text), (int)text.len);
	rc = ca->list && bio ? read_certificates(ca, bio, err)
			     : kan_fail(err, KAN_EIO, "OpenSSL has no memory");
	BIO_free(bio);
	ERR_clear_error();
	if (rc < 0)
		return kan_wrap(err, "%s", path);
	*out = kan_take_ptr(ca);
	return 0;
}

static TS_MSG_IMPRINT *imprint_of(struct kan_bytes message)
{
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algo = X509_ALGOR_new();
	uint8_t sum[KAN_SHA256_SIZE];
	int good;

	kan_sha256(sum, message);
	good = imprint && algo &&
	       X509_ALGOR_set0(algo, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) &&
	       TS_MSG_IMPRINT_set_algo(imprint, algo) &&
	       TS_MSG_IMPRINT_set_msg(imprint, sum, sizeof(sum));
	X509_ALGOR_free(algo);
	if (good)
		return imprint;
	TS_MSG_IMPRINT_free(imprint);
	return NULL;
}

static ASN1_INTEGER *fresh_nonce(void)
{
	uint8_t raw[NONCE];
	BIGNUM *n = RAND_bytes(raw, sizeof(raw)) == 1 ? BN_bin2bn(raw, sizeof(raw), NULL) : NULL;
	ASN1_INTEGER *nonce = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;

	BN_free(n);
	return nonce;
}

int kan_tsp_request(struct kan_buf *out, struct kan_bytes message, struct kan_err *err)
{
	TS_REQ *req = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = imprint_of(message);
	ASN1_INTEGER *nonce = fresh_nonce();
	uint8_t *der = NULL;
	int n = -1;

	quiet();
	if (req && imprint && nonce && TS_REQ_set_version(req, 1) &&
	    TS_REQ_set_msg_imprint(req, imprint) && TS_REQ_set_nonce(req, nonce) &&
	    TS_REQ_set_cert_req(req, 1))
		n = i2d_TS_REQ(req, &der);
	if (n > 0)
		kan_buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	ASN1_INTEGER_free(nonce);
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(req);
	return n > 0 && !out->failed ? 0 : kan_fail(err, KAN_EIO, "OpenSSL makes no request");
}

/* The same digest by the same algorithm: whoever can choose another one can choose a weak one. */
static bool over(TS_MSG_IMPRINT *imprint, struct kan_bytes message)
{
	const ASN1_OBJECT *algo = NULL;
	const ASN1_OCTET_STRING *got = TS_MSG_IMPRINT_get_msg(imprint);
	uint8_t sum[KAN_SHA256_SIZE];

	X509_ALGOR_get0(&algo, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
	kan_sha256(sum, message);
	return OBJ_obj2nid(algo) == NID_sha256 && got &&
	       kan_bytes_eq((struct kan_bytes){ASN1_STRING_get0_data(got),
					       (size_t)ASN1_STRING_length(got)},
			    (struct kan_bytes){sum, sizeof(sum)});
}

/* NULL: not one whole request of ours. */
static TS_REQ *parse_request(struct kan_bytes bytes)
{
	const uint8_t *p = bytes.p;
	TS_REQ *req = bytes.n && bytes.n <= KAN_TSP_REQUEST_MAX
			      ? d2i_TS_REQ(NULL, &p, (long)bytes.n)
			      : NULL;

	if (req && p == bytes.p + bytes.n && TS_REQ_get_version(req) == 1 &&
	    TS_REQ_get_nonce(req) && TS_REQ_get_cert_req(req))
		return req;
	TS_REQ_free(req);
	return NULL;
}

int kan_tsp_request_check(struct kan_bytes request, struct kan_bytes message, struct kan_err *err)
{
	TS_REQ *req;
	bool same;

	quiet();
	req = parse_request(request);
	same = req && over(TS_REQ_get_msg_imprint(req), message);
	TS_REQ_free(req);
	ERR_clear_error();
	if (same)
		return 0;
	return req ? kan_fail(err, KAN_ETAMPER, "a request over other bytes")
		   : kan_fail(err, KAN_EFORMAT, "no request for a time stamp");
}

/* genTime: YYYYMMDDhhmmss[.fraction]Z. */
static int gen_time(int64_t *at, const ASN1_GENERALIZEDTIME *t, struct kan_err *err)
{
	const char *text = (const char *)ASN1_STRING_get0_data(t);
	int n = ASN1_STRING_length(t);
	int64_t ns = 0, unit = SECOND;
	struct tm tm;

	if (n <= DIGITS || text[n - 1] != 'Z' || !ASN1_TIME_to_tm(t, &tm) ||
	    tm.tm_year + 1900 > YEAR_MAX || tm.tm_year < 70)
		return kan_fail(err, KAN_EFORMAT, "a stamp without a good time");
	for (int i = DIGITS + 1; i < n - 1 && unit > 1; i++) {
		unit /= 10;
		ns += (text[i] - '0') * unit;
	}
	*at = (int64_t)timegm(&tm) * SECOND + ns;
	return 0;
}

static bool same_nonce(const TS_TST_INFO *info, struct kan_bytes request)
{
	TS_REQ *req = parse_request(request);
	const ASN1_INTEGER *got = TS_TST_INFO_get_nonce(info);
	bool same = req && got && ASN1_INTEGER_cmp(TS_REQ_get_nonce(req), got) == 0;

	TS_REQ_free(req);
	return same;
}

static int check_info(int64_t *at, TS_TST_INFO *info, const struct kan_tsp_ask *ask,
		      struct kan_err *err)
{
	if (TS_TST_INFO_get_version(info) != 1)
		return kan_fail(err, KAN_EFORMAT, "a stamp of an unknown version");
	if (!over(TS_TST_INFO_get_msg_imprint(info), ask->message))
		return kan_fail(err, KAN_ETAMPER, "the stamp is over other bytes");
	if (ask->request.n && !same_nonce(info, ask->request))
		return kan_fail(err, KAN_ETAMPER, "the stamp answers another request");
	return gen_time(at, TS_TST_INFO_get_time(info), err);
}

/* What is trusted: the authorities, or without any what the stamp carries itself. */
static X509_STORE *store_of(const STACK_OF(X509) * certificates, bool whole, int64_t at)
{
	X509_STORE *store = X509_STORE_new();

	for (int i = 0; store && i < sk_X509_num(certificates); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(certificates, i)) != 1) {
			X509_STORE_free(store);
			return NULL;
		}
	if (!store)
		return NULL;
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)(at / SECOND));
	if (!whole)
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

/* OpenSSL's last word; which kind of failure it is decides the code. */
static int explain(bool known, struct kan_err *err)
{
	const char *data = NULL;
	unsigned long e = ERR_peek_last_error_data(&data, NULL);
	const char *why = ERR_reason_error_string(e);

	if (ERR_GET_REASON(e) == TS_R_CERTIFICATE_VERIFY_ERROR)
		return kan_fail(err, KAN_ENOTFOUND, "%s, as of its own time: %.*s",
				known ? "not by an authority of the CA file"
				      : "its certificate is not one for time stamps",
				WORDS, data ? data : "");
	return kan_fail(err, KAN_ETAMPER, "the stamp's signature is not good: %.*s", WORDS,
			why ? why : "");
}

static int check_signature(PKCS7 *token, const struct kan_tsp_ca *ca, int64_t at,
			   struct kan_err *err)
{
	X509_STORE *store;
	X509 *signer = NULL;
	int good;

	store = store_of(ca ? ca->list : token->d.sign->cert, ca, at);
	if (!store)
		return kan_fail(err, KAN_EFORMAT, "a stamp whose certificates cannot be read");
	good = TS_RESP_verify_signature(token, NULL, store, &signer) == 1;
	X509_free(signer);
	X509_STORE_free(store);
	return good ? 0 : explain(ca, err);
}

/* Their words stay bytes until the printer escapes them. */
static int no_stamp(TS_RESP *resp, struct kan_err *err)
{
	TS_STATUS_INFO *info = TS_RESP_get_status_info(resp);
	long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(info));
	const STACK_OF(ASN1_UTF8STRING) *texts = TS_STATUS_INFO_get0_text(info);
	const ASN1_UTF8STRING *text = texts && sk_ASN1_UTF8STRING_num(texts) > 0
					      ? sk_ASN1_UTF8STRING_value(texts, 0)
					      : NULL;

	return kan_fail(err, KAN_EFORMAT, "the authority gave no stamp (status %ld)%s%.*s", status,
			text ? ": " : "",
			text && ASN1_STRING_length(text) < WORDS ? ASN1_STRING_length(text) : 0,
			text ? (const char *)ASN1_STRING_get0_data(text) : "");
}

static int check_reply(int64_t *at, TS_RESP *resp, const struct kan_tsp_ask *ask,
		       struct kan_err *err)
{
	TS_TST_INFO *info = TS_RESP_get_tst_info(resp);
	PKCS7 *token = TS_RESP_get_token(resp);
	long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(resp)));

	if (!info || !token || status < TS_STATUS_GRANTED || status > TS_STATUS_GRANTED_WITH_MODS)
		return no_stamp(resp, err);
	if (!PKCS7_type_is_signed(token))
		return kan_fail(err, KAN_EFORMAT, "a stamp that is not signed");
	if (check_info(at, info, ask, err) < 0)
		return -1;
	return check_signature(token, ask->ca, *at, err);
}

int kan_tsp_verify(int64_t *at, struct kan_bytes reply, const struct kan_tsp_ask *ask,
		   struct kan_err *err)
{
	const uint8_t *p = reply.p;
	TS_RESP *resp = NULL;
	int64_t when = 0;
	int rc;

	quiet();
	if (reply.n && reply.n <= KAN_TSP_REPLY_MAX)
		resp = d2i_TS_RESP(NULL, &p, (long)reply.n);
	if (!resp || p != reply.p + reply.n)
		rc = kan_fail(err, KAN_EFORMAT, "no reply of a time stamp authority");
	else
		rc = check_reply(&when, resp, ask, err);
	TS_RESP_free(resp);
	ERR_clear_error();
	if (!rc)
		*at = when;
	return rc;
}
