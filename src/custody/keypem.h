/* A PEM file: one PKCS#8 key, encrypted or not, and the X.509 certificates that came with it. */
#ifndef KAN_CUSTODY_KEYPEM_H
#define KAN_CUSTODY_KEYPEM_H

#include "custody/key.h"

#include <openssl/types.h>

struct kan_keypem {
	EVP_PKEY *key;
	X509 *cert;             /* of that key; or NULL */
	STACK_OF(X509) * chain; /* the other certificates; or NULL */
};

/* unsupported: encrypted, and nobody can be asked; another PEM key form. denied: the password is
 * wrong, three times. path is for the question. */
int kan_keypem_parse(struct kan_keypem *out, struct kan_bytes text, const char *path,
		     const struct kan_key_ask *ask, struct kan_err *err);
void kan_keypem_free(struct kan_keypem *p);

#endif
