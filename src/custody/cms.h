/* CMS (RFC 5652): a detached signature by a certificate, as `openssl cms` makes and verifies it. */
#ifndef KAN_CUSTODY_CMS_H
#define KAN_CUSTODY_CMS_H

#include "custody/key.h"

enum { KAN_CMS_CA_MAX = 1 << 20, KAN_CMS_NAME = 256, KAN_CMS_WHY = 160 };

/* Does it have a certificate, of RSA or ECDSA? */
bool kan_cms_can(const struct kan_key *k);
/* DER, SHA-256, with the certificate and what came with it. */
int kan_cms_sign(struct kan_buf *der, const struct kan_key *k, struct kan_bytes content,
		 struct kan_err *err);

struct kan_cms_ask {
	struct kan_bytes content;
	struct kan_bytes ca; /* PEM certificates that are trusted; empty: none */
	int64_t at;          /* seconds since 1970: when they must be valid */
};
struct kan_cms_said {
	char signer[KAN_CMS_NAME]; /* the certificate's subject, RFC 2253; ASCII */
	bool trusted;              /* by ca, for signing, at that time */
	char why[KAN_CMS_WHY];     /* not */
};
/* Does it fit the content? tamper: no. format, unsupported: no detached signature of CMS, or one of
 * more parts, or with an older hash, than any of ours. usage: ca is no PEM. */
int kan_cms_verify(struct kan_cms_said *out, struct kan_bytes der, const struct kan_cms_ask *ask,
		   struct kan_err *err);
/* usage: no PEM certificate in it. */
int kan_cms_ca_ok(struct kan_bytes ca, struct kan_err *err);
/* Is it by this key's certificate, and over the content? */
bool kan_cms_is_by(struct kan_bytes der, const struct kan_key *k, struct kan_bytes content);

#endif
