/* OpenSSL's keys to SSH's wire form, and signatures with them. */
#include "custody/pkey.h"

#include "base/digest.h"
#include "custody/key.h"
#include "custody/sshwire.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

enum { SIG_MAX = KAN_RSA_BITS_MAX / 8, POINT = 65, GROUP = 32 };

void kan_pkey_quiet(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

static void put_number(struct kan_buf *out, const BIGNUM *n)
{
	uint8_t raw[SIG_MAX];

	if (BN_num_bytes(n) <= SIG_MAX)
		kan_wire_put_mpint(out, (struct kan_bytes){raw, (size_t)BN_bn2bin(n, raw)});
	else
		out->failed = true;
}

static int ed25519_blob(struct kan_buf *out, const EVP_PKEY *key, struct kan_err *err)
{
	uint8_t raw[KAN_KEY_RAW];
	size_t n = sizeof(raw);

	if (EVP_PKEY_get_raw_public_key(key, raw, &n) != 1)
		return kan_fail(err, KAN_EUNSUPPORTED, "this OpenSSL has no Ed25519");
	kan_wire_put_str(out, KAN_LIT(KAN_TYPE_ED25519));
	kan_wire_put_str(out, (struct kan_bytes){raw, n});
	return 0;
}

static int rsa_blob(struct kan_buf *out, const EVP_PKEY *key, struct kan_err *err)
{
	int bits = EVP_PKEY_get_bits(key);
	BIGNUM *n = NULL, *e = NULL;
	bool good;

	if (bits < KAN_RSA_BITS_MIN || bits > KAN_RSA_BITS_MAX)
		return kan_fail(err, KAN_EUNSUPPORTED, "RSA of %d bits: %d to %d are taken", bits,
				KAN_RSA_BITS_MIN, KAN_RSA_BITS_MAX);
	good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
	if (good) {
		kan_wire_put_str(out, KAN_LIT(KAN_TYPE_RSA));
		put_number(out, e);
		put_number(out, n);
	}
	BN_free(n);
	BN_free(e);
	return good ? 0 : kan_fail(err, KAN_EFORMAT, "damaged RSA key");
}

static int p256_blob(struct kan_buf *out, const EVP_PKEY *key, struct kan_err *err)
{
	char group[GROUP] = "";
	BIGNUM *x = NULL, *y = NULL;
	uint8_t point[POINT] = {4}; /* SEC 1: uncompressed */
	bool good;

	if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
	    (strcmp(group, "prime256v1") != 0 && strcmp(group, "P-256") != 0))
		return kan_fail(err, KAN_EUNSUPPORTED, "ECDSA on another curve than P-256");
	good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	       EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
	       BN_bn2binpad(x, point + 1, POINT / 2) > 0 &&
	       BN_bn2binpad(y, point + 1 + POINT / 2, POINT / 2) > 0;
	if (good) {
		kan_wire_put_str(out, KAN_LIT(KAN_TYPE_P256));
		kan_wire_put_str(out, KAN_LIT(KAN_CURVE_P256));
		kan_wire_put_str(out, (struct kan_bytes){point, sizeof(point)});
	}
	BN_free(x);
	BN_free(y);
	return good ? 0 : kan_fail(err, KAN_EFORMAT, "damaged ECDSA key");
}

int kan_pkey_blob(struct kan_buf *out, EVP_PKEY *key, struct kan_err *err)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_ED25519:
		return ed25519_blob(out, key, err);
	case EVP_PKEY_RSA:
		return rsa_blob(out, key, err);
	case EVP_PKEY_EC:
		return p256_blob(out, key, err);
	default:
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the key is neither Ed25519 nor RSA nor ECDSA");
	}
}

/* r and s, which OpenSSL has in DER. */
static int put_ecdsa(struct kan_buf *blob, const uint8_t *der, size_t n, struct kan_err *err)
{
	kan_auto_buf struct kan_buf pair = KAN_BUF(128);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);

	if (!sig)
		return kan_fail(err, KAN_EUNSUPPORTED, "OpenSSL would not sign");
	put_number(&pair, ECDSA_SIG_get0_r(sig));
	put_number(&pair, ECDSA_SIG_get0_s(sig));
	ECDSA_SIG_free(sig);
	kan_wire_put_str(blob, KAN_LIT(KAN_TYPE_P256));
	kan_wire_put_str(blob, kan_buf_bytes(&pair));
	return 0;
}

int kan_pkey_sign(struct kan_buf *blob, EVP_PKEY *key, struct kan_bytes message,
		  struct kan_err *err)
{
	int id = EVP_PKEY_get_base_id(key);
	const EVP_MD *md = id == EVP_PKEY_RSA  ? EVP_sha512()
			   : id == EVP_PKEY_EC ? EVP_sha256()
					       : NULL; /* Ed25519 hashes by itself */
	uint8_t sig[SIG_MAX];
	size_t n = sizeof(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 &&
		    EVP_DigestSign(ctx, sig, &n, message.p, message.n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		return kan_fail(err, KAN_EUNSUPPORTED, "OpenSSL would not sign");
	if (id == EVP_PKEY_EC)
		return put_ecdsa(blob, sig, n, err);
	kan_wire_put_str(blob,
			 id == EVP_PKEY_RSA ? KAN_LIT("rsa-sha2-512") : KAN_LIT(KAN_TYPE_ED25519));
	kan_wire_put_str(blob, (struct kan_bytes){sig, n});
	return 0;
}
