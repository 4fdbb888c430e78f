/* An OpenSSL key in SSH's forms: its public key in wire form, and a signature as a blob. */
#ifndef KAN_CUSTODY_PKEY_H
#define KAN_CUSTODY_PKEY_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <openssl/types.h>

enum { KAN_RSA_BITS_MIN = 2048, KAN_RSA_BITS_MAX = 8192 };

#define KAN_TYPE_ED25519 "ssh-ed25519"
#define KAN_TYPE_RSA "ssh-rsa"
#define KAN_TYPE_P256 "ecdsa-sha2-nistp256"
#define KAN_CURVE_P256 "nistp256"

/* The machine's openssl.cnf can name a module to load: it is never read. */
void kan_pkey_quiet(void);
/* Ed25519, RSA of 2048 to 8192 bits, ECDSA on P-256; unsupported: any other. */
int kan_pkey_blob(struct kan_buf *out, EVP_PKEY *key, struct kan_err *err);
/* RSA signs as rsa-sha2-512. RFC 8332, RFC 5656, RFC 8709. */
int kan_pkey_sign(struct kan_buf *blob, EVP_PKEY *key, struct kan_bytes message,
		  struct kan_err *err);

#endif
