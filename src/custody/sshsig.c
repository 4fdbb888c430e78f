/* SSHSIG envelopes: made, parsed, verified. */
#include "custody/sshsig.h"

#include "custody/sshwire.h"

#include <openssl/evp.h>

static const char armour_name[] = "SSH SIGNATURE";
static const struct kan_bytes magic = {(const uint8_t *)"SSHSIG", 6};

void kan_sshsig_free(struct kan_sshsig *s)
{
	kan_buf_free(&s->raw);
}

/* The bytes that are signed: never the message itself, so that no protocol's bytes can be had
 * signed. */
static int signed_bytes(struct kan_buf *out, struct kan_bytes ns, struct kan_bytes hash,
			struct kan_bytes message, struct kan_err *err)
{
	const EVP_MD *md = kan_bytes_eq(hash, KAN_LIT("sha512"))   ? EVP_sha512()
			   : kan_bytes_eq(hash, KAN_LIT("sha256")) ? EVP_sha256()
								   : NULL;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!md)
		return kan_fail(err, KAN_EFORMAT,
				"the signature's hash is neither sha512 nor sha256");
	if (EVP_Digest(message.p, message.n, digest, &n, md, NULL) != 1)
		return kan_fail(err, KAN_EUNSUPPORTED, "this OpenSSL has no SHA-2");
	kan_buf_addb(out, magic);
	kan_wire_put_str(out, ns);
	kan_wire_put_str(out, (struct kan_bytes){0});
	kan_wire_put_str(out, hash);
	kan_wire_put_str(out, (struct kan_bytes){digest, n});
	return 0;
}

int kan_sshsig_body(struct kan_buf *out, const char *ns, struct kan_bytes message,
		    struct kan_err *err)
{
	return signed_bytes(out, kan_bytes_of(ns), KAN_LIT("sha512"), message, err);
}

void kan_sshsig_armour(struct kan_buf *armour, struct kan_bytes key, const char *ns,
		       struct kan_bytes sig)
{
	kan_auto_buf struct kan_buf envelope = KAN_BUF(KAN_SSHSIG_MAX);

	kan_buf_addb(&envelope, magic);
	kan_wire_put_u32(&envelope, 1);
	kan_wire_put_str(&envelope, key);
	kan_wire_put_str(&envelope, kan_bytes_of(ns));
	kan_wire_put_str(&envelope, (struct kan_bytes){0});
	kan_wire_put_str(&envelope, KAN_LIT("sha512"));
	kan_wire_put_str(&envelope, sig);
	kan_wire_armour(armour, armour_name, kan_buf_bytes(&envelope));
}

int kan_sshsig_sign(struct kan_buf *armour, const struct kan_key *k, const char *ns,
		    struct kan_bytes message, struct kan_err *err)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(1024);
	kan_auto_buf struct kan_buf sig = KAN_BUF(KAN_KEY_BLOB);

	if (kan_sshsig_body(&body, ns, message, err) < 0 ||
	    kan_key_sign(&sig, k, kan_buf_bytes(&body), err) < 0)
		return -1;
	kan_sshsig_armour(armour, kan_key_blob(k), ns, kan_buf_bytes(&sig));
	return 0;
}

int kan_sshsig_parse(struct kan_sshsig *out, struct kan_bytes armour, struct kan_err *err)
{
	kan_auto_sshsig struct kan_sshsig s = {.raw = KAN_BUF(KAN_SSHSIG_MAX)};
	struct kan_wire w;

	if (kan_wire_dearmour(&s.raw, armour_name, armour, err) < 0)
		return -1;
	w = (struct kan_wire){.rest = kan_buf_bytes(&s.raw)};
	kan_wire_expect(&w, magic);
	if (kan_wire_u32(&w) != 1 || w.bad)
		return kan_fail(err, KAN_EFORMAT, "not an SSHSIG of version 1");
	s.key = kan_wire_str(&w);
	s.ns = kan_wire_str(&w);
	(void)kan_wire_str(&w); /* reserved: not signed over by us, ignored as ssh-keygen does */
	s.hash = kan_wire_str(&w);
	s.sig = kan_wire_str(&w);
	if (!kan_wire_done(&w) || s.key.n > KAN_KEY_BLOB)
		return kan_fail(err, KAN_EFORMAT, "malformed SSHSIG");
	*out = s;
	s.raw = (struct kan_buf){0};
	return 0;
}

int kan_sshsig_verify(const struct kan_sshsig *s, const char *ns, struct kan_bytes message,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf body = KAN_BUF(1024);

	if (!kan_bytes_eq(s->ns, kan_bytes_of(ns)))
		return kan_fail(err, KAN_ETAMPER, "signed for another purpose than \"%s\"", ns);
	if (signed_bytes(&body, s->ns, s->hash, message, err) < 0)
		return -1;
	return kan_key_verify(s->key, s->sig, kan_buf_bytes(&body), err);
}
