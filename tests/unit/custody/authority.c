/* Time stamp authorities of the tests' own. */
#include "authority.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void authority_path(char out[512], const struct fixture *f, const char *name, const char *file)
{
	snprintf(out, 512, "%s/%s/%s", f->dir, name, file);
}

void authority_make(const struct fixture *f, const char *name, const char *start, const char *end)
{
	free(fixture_must(f->dir, KAN_SOURCE "/tests/custody/authority.sh %s %s %s", name,
			  start ? start : "", end ? end : ""));
}

void authority_reply(struct kan_buf *out, const struct fixture *f, const char *name,
		     struct kan_bytes request)
{
	char path[512];

	fixture_write(f->dir, "request.tsq", request.p, request.n);
	free(fixture_must(f->dir,
			  "cd %s && rm -f ../reply.tsr && openssl ts -reply -config tsa.cnf"
			  " -queryfile ../request.tsq -out ../reply.tsr",
			  name));
	snprintf(path, sizeof(path), "%s/reply.tsr", f->dir);
	fixture_read(out, path);
}

struct moment {
	long s, us;
};

static int clock_of(struct TS_resp_ctx *ctx, void *arg, long *s, long *us)
{
	const struct moment *m = arg;

	(void)ctx;
	*s = m->s;
	*us = m->us;
	return 1;
}

static ASN1_INTEGER *serial_of(struct TS_resp_ctx *ctx, void *arg)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();

	(void)ctx;
	(void)arg;
	ASN1_INTEGER_set(n, 7);
	return n;
}

static FILE *opened(const struct fixture *f, const char *name, const char *file)
{
	char path[512];
	FILE *at;

	authority_path(path, f, name, file);
	at = fopen(path, "r");
	cr_assert_not_null(at, "%s", path);
	return at;
}

void authority_reply_at(struct kan_buf *out, const struct fixture *f, const char *name,
			struct kan_bytes request, time_t at, long usec)
{
	struct moment m = {(long)at, usec};
	TS_RESP_CTX *ctx = TS_RESP_CTX_new();
	BIO *in = BIO_new_mem_buf(request.p, (int)request.n);
	FILE *cert = opened(f, name, "tsa.pem"), *key = opened(f, name, "tsa.key");
	X509 *signer = PEM_read_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *pkey = PEM_read_PrivateKey(key, NULL, NULL, NULL);
	ASN1_OBJECT *policy = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	uint8_t *der = NULL;
	TS_RESP *resp;
	int n;

	cr_assert(TS_RESP_CTX_set_signer_cert(ctx, signer));
	cr_assert(TS_RESP_CTX_set_signer_key(ctx, pkey));
	cr_assert(TS_RESP_CTX_set_signer_digest(ctx, EVP_sha256()));
	cr_assert(TS_RESP_CTX_set_ess_cert_id_digest(ctx, EVP_sha256()));
	cr_assert(TS_RESP_CTX_set_def_policy(ctx, policy));
	cr_assert(TS_RESP_CTX_add_md(ctx, EVP_sha256()));
	cr_assert(TS_RESP_CTX_add_md(ctx, EVP_sha512()));
	cr_assert(TS_RESP_CTX_add_md(ctx, EVP_sha3_256()));
	TS_RESP_CTX_set_clock_precision_digits(ctx, 6);
	TS_RESP_CTX_set_time_cb(ctx, clock_of, &m);
	TS_RESP_CTX_set_serial_cb(ctx, serial_of, NULL);
	resp = TS_RESP_create_response(ctx, in);
	cr_assert_not_null(resp);
	n = i2d_TS_RESP(resp, &der);
	cr_assert_gt(n, 0);
	kan_buf_add(out, der, (size_t)n);
	OPENSSL_free(der);
	TS_RESP_free(resp);
	ASN1_OBJECT_free(policy);
	EVP_PKEY_free(pkey);
	X509_free(signer);
	fclose(cert);
	fclose(key);
	BIO_free(in);
	TS_RESP_CTX_free(ctx);
}
