/* Checksums of package managers by OpenSSL, which may refuse the weak ones. */
#include "base/checksum.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct kan_checksum {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

static const char *name_of(size_t size)
{
	return size == 16 ? "MD5" : size == 20 ? "SHA1" : size == 32 ? "SHA256" : NULL;
}

struct kan_checksum *kan_checksum_new(size_t size)
{
	const char *name = name_of(size);
	EVP_MD *md = name ? EVP_MD_fetch(NULL, name, NULL) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!md || !ctx || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		EVP_MD_free(md);
		return NULL;
	}
	struct kan_checksum *c = kan_xalloc(sizeof(*c));
	c->md = md;
	c->ctx = ctx;
	return c;
}

void kan_checksum_free(struct kan_checksum *c)
{
	if (!c)
		return;
	EVP_MD_CTX_free(c->ctx);
	EVP_MD_free(c->md);
	free(c);
}

void kan_checksum_start(struct kan_checksum *c)
{
	if (EVP_DigestInit_ex2(c->ctx, c->md, NULL) != 1)
		abort(); /* it could be begun before */
}

void kan_checksum_add(struct kan_checksum *c, struct kan_bytes piece)
{
	if (piece.n && EVP_DigestUpdate(c->ctx, piece.p, piece.n) != 1)
		abort();
}

void kan_checksum_finish(uint8_t out[KAN_CHECKSUM_MAX], struct kan_checksum *c)
{
	unsigned n = 0;
	if (EVP_DigestFinal_ex(c->ctx, out, &n) != 1)
		abort();
}
