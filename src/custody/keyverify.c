/* Signatures of public keys in wire form: every length is somebody else's. */
#include "custody/key.h"

#include "base/digest.h"
#include "custody/pkey.h"
#include "custody/sshwire.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

enum { POINT = 65, P256_NUMBER = 33, USER_PRESENT = 1, DER_MAX = 128, APPLICATION_MAX = 256 };

enum kind { ED25519, RSA_KEY, P256, SK_ED25519, SK_P256, KINDS };

static const char *const types[KINDS] = {
	[ED25519] = KAN_TYPE_ED25519,
	[RSA_KEY] = KAN_TYPE_RSA,
	[P256] = KAN_TYPE_P256,
	[SK_ED25519] = "sk-ssh-ed25519@openssh.com",
	[SK_P256] = "sk-ecdsa-sha2-nistp256@openssh.com",
};

struct public
{
	enum kind kind;
	EVP_PKEY *key;
	struct kan_bytes application; /* of a security key */
};

static void public_free(struct public *p)
{
	EVP_PKEY_free(p->key);
}
#define auto_public __attribute__((cleanup(public_free)))

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_key(struct kan_bytes e, struct kan_bytes n)
{
	BIGNUM *be = BN_bin2bn(e.p, (int)e.n, NULL), *bn = BN_bin2bn(n.p, (int)n.n, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key;

	if (be && bn && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	key = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(be);
	BN_free(bn);
	return key;
}

static EVP_PKEY *p256_key(struct kan_bytes point)
{
	uint8_t copy[POINT];
	char group[] = "P-256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};

	if (point.n != POINT || point.p[0] != 4)
		return NULL;
	memcpy(copy, point.p, POINT);
	return from_params("EC", params); /* a point that is not on the curve is refused */
}

static EVP_PKEY *ed25519_key(struct kan_bytes raw)
{
	if (raw.n != KAN_KEY_RAW)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.p, raw.n);
}

static int read_rsa(struct public *p, struct kan_wire *w, struct kan_err *err)
{
	struct kan_bytes e = kan_wire_mpint(w), n = kan_wire_mpint(w);

	if (w->bad)
		return kan_fail(err, KAN_EFORMAT, "malformed RSA key");
	/* An exponent of 64 bits is the most that OpenSSL takes with a long modulus. */
	if (n.n < KAN_RSA_BITS_MIN / 8 || n.n > KAN_RSA_BITS_MAX / 8 || e.n > 8)
		return kan_fail(err, KAN_EUNSUPPORTED, "RSA: %d to %d bits are taken",
				KAN_RSA_BITS_MIN, KAN_RSA_BITS_MAX);
	p->key = rsa_key(e, n);
	if (p->key && EVP_PKEY_get_bits(p->key) < KAN_RSA_BITS_MIN)
		return kan_fail(err, KAN_EUNSUPPORTED, "RSA: %d to %d bits are taken",
				KAN_RSA_BITS_MIN, KAN_RSA_BITS_MAX);
	return 0;
}

static void read_curve(struct public *p, struct kan_wire *w)
{
	struct kan_bytes curve = kan_wire_str(w), point = kan_wire_str(w);

	if (!w->bad && kan_bytes_eq(curve, KAN_LIT(KAN_CURVE_P256)))
		p->key = p256_key(point);
}

/* The views of out live as long as the blob. */
static int read_public(struct public *out, struct kan_bytes blob, struct kan_err *err)
{
	auto_public struct public p = {.kind = ED25519};
	struct kan_wire w = {.rest = blob};
	struct kan_bytes type = kan_wire_str(&w);

	kan_pkey_quiet();
	if (w.bad)
		return kan_fail(err, KAN_EFORMAT, "key cut short");
	while (p.kind < KINDS && !kan_bytes_eq(type, kan_bytes_of(types[p.kind])))
		p.kind++;
	if (p.kind == KINDS)
		return kan_fail(err, KAN_EUNSUPPORTED,
				"keys of type %.*s are not verified here: Ed25519, RSA, ECDSA "
				"P-256 and their security keys are",
				type.n < 64 ? (int)type.n : 64, (const char *)type.p);
	if (p.kind == RSA_KEY && read_rsa(&p, &w, err) < 0)
		return -1;
	if (p.kind == P256 || p.kind == SK_P256)
		read_curve(&p, &w);
	if (p.kind == ED25519 || p.kind == SK_ED25519) {
		struct kan_bytes raw = kan_wire_str(&w);

		p.key = w.bad ? NULL : ed25519_key(raw);
	}
	if (p.kind == SK_ED25519 || p.kind == SK_P256)
		p.application = kan_wire_str(&w);
	if (!p.key || !kan_wire_done(&w) || p.application.n > APPLICATION_MAX)
		return kan_fail(err, KAN_EFORMAT, "malformed %s key", types[p.kind]);
	*out = p;
	p.key = NULL;
	return 0;
}

int kan_key_check(struct kan_bytes blob, struct kan_err *err)
{
	auto_public struct public p = {0};

	return read_public(&p, blob, err);
}

static int fits(EVP_PKEY *key, const EVP_MD *md, struct kan_bytes sig, struct kan_bytes message,
		struct kan_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, sig.p, sig.n, message.p, message.n) == 1;

	EVP_MD_CTX_free(ctx);
	return good ? 0 : kan_fail(err, KAN_ETAMPER, "the signature does not fit the bytes");
}

static int malformed(const struct public *p, struct kan_err *err)
{
	return kan_fail(err, KAN_EFORMAT, "malformed signature of a %s key", types[p->kind]);
}

static int verify_ed25519(const struct public *p, struct kan_bytes sig, struct kan_bytes message,
			  struct kan_err *err)
{
	return sig.n == KAN_KEY_SIG ? fits(p->key, NULL, sig, message, err) : malformed(p, err);
}

/* SSH has r and s one after the other, OpenSSL wants them in DER. */
static int verify_p256(const struct public *p, struct kan_bytes pair, struct kan_bytes message,
		       struct kan_err *err)
{
	struct kan_wire w = {.rest = pair};
	struct kan_bytes r = kan_wire_mpint(&w), s = kan_wire_mpint(&w);
	uint8_t der[DER_MAX], *at = der;
	ECDSA_SIG *sig;
	int n = -1;

	if (!kan_wire_done(&w) || r.n > P256_NUMBER || s.n > P256_NUMBER)
		return malformed(p, err);
	sig = ECDSA_SIG_new();
	/* From here they are the signature's, also when one of them is missing. */
	if (sig && ECDSA_SIG_set0(sig, BN_bin2bn(r.p, (int)r.n, NULL),
				  BN_bin2bn(s.p, (int)s.n, NULL)) == 1)
		n = i2d_ECDSA_SIG(sig, &at);
	ECDSA_SIG_free(sig);
	if (n <= 0)
		return malformed(p, err);
	return fits(p->key, EVP_sha256(), (struct kan_bytes){der, (size_t)n}, message, err);
}

static int verify_rsa(const struct public *p, struct kan_bytes type, struct kan_bytes sig,
		      struct kan_bytes message, struct kan_err *err)
{
	const EVP_MD *md = kan_bytes_eq(type, KAN_LIT("rsa-sha2-512"))   ? EVP_sha512()
			   : kan_bytes_eq(type, KAN_LIT("rsa-sha2-256")) ? EVP_sha256()
									 : NULL;

	if (!md)
		return kan_fail(err, KAN_EFORMAT,
				"an RSA signature that is neither rsa-sha2-512 nor rsa-sha2-256");
	if (sig.n != (size_t)EVP_PKEY_get_size(p->key))
		return malformed(p, err);
	return fits(p->key, md, sig, message, err);
}

/* What a security key signs (OpenSSH's PROTOCOL.u2f): hashes, and its own flags and counter. */
static int verify_sk(const struct public *p, struct kan_bytes sig, struct kan_wire *rest,
		     struct kan_bytes message, struct kan_err *err)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(128);
	const struct kan_bytes tail = rest->rest; /* one octet of flags, a counter of four */
	uint8_t digest[KAN_SHA256_SIZE];

	if (rest->bad || tail.n != 5)
		return malformed(p, err);
	if (!(tail.p[0] & USER_PRESENT))
		return kan_fail(err, KAN_ETAMPER,
				"the security key signed without anybody touching it");
	kan_sha256(digest, p->application);
	kan_buf_add(&body, digest, sizeof(digest));
	kan_buf_addb(&body, tail);
	kan_sha256(digest, message);
	kan_buf_add(&body, digest, sizeof(digest));
	return p->kind == SK_P256 ? verify_p256(p, sig, kan_buf_bytes(&body), err)
				  : verify_ed25519(p, sig, kan_buf_bytes(&body), err);
}

int kan_key_verify(struct kan_bytes blob, struct kan_bytes sig_blob, struct kan_bytes message,
		   struct kan_err *err)
{
	auto_public struct public p = {0};
	struct kan_wire w = {.rest = sig_blob};
	struct kan_bytes type = kan_wire_str(&w), sig = kan_wire_str(&w);

	if (read_public(&p, blob, err) < 0)
		return -1;
	if (w.bad)
		return kan_fail(err, KAN_EFORMAT, "signature cut short");
	if (p.kind != RSA_KEY && !kan_bytes_eq(type, kan_bytes_of(types[p.kind])))
		return malformed(&p, err);
	if (p.kind == SK_ED25519 || p.kind == SK_P256)
		return verify_sk(&p, sig, &w, message, err);
	if (!kan_wire_done(&w))
		return malformed(&p, err);
	return p.kind == RSA_KEY ? verify_rsa(&p, type, sig, message, err)
	       : p.kind == P256  ? verify_p256(&p, sig, message, err)
				 : verify_ed25519(&p, sig, message, err);
}
