/* Who signs what custody writes: the home's host key, or what --key names. custody.md section 6. */
#ifndef KAN_CUSTODY_SIGNER_H
#define KAN_CUSTODY_SIGNER_H

#include "custody/home.h"

#include <kanshiki/custody.h>

/* The password of an encrypted key file, into out, which its owner wipes. */
typedef int kan_signer_password_fn(struct kan_buf *out, const char *path, void *arg,
				   struct kan_err *err);
/* Borrowed. spec NULL: the host key; else a file, "agent", "agent:SHA256:...", "agent:FILE.pub" or
 * "ssh-keygen:FILE". */
struct kan_signer_ask {
	const char *spec;
	kan_signer_password_fn *password; /* NULL: nobody can be asked */
	void *arg;
};

struct kan_signer;

/* The key has been used, or at least read, when this returns. home is for the host key alone. */
int kan_signer_open(struct kan_signer **out, const struct kan_signer_ask *ask,
		    const struct kan_home *home, struct kan_err *err);
void kan_signer_free(struct kan_signer *s); /* secrets are wiped */
/* The public key in wire form, its fingerprint, its comment ("" where there is none). */
struct kan_bytes kan_signer_blob(const struct kan_signer *s);
const char *kan_signer_fpr(const struct kan_signer *s);
const char *kan_signer_comment(const struct kan_signer *s);
bool kan_signer_is_host(const struct kan_signer *s);
/* The key itself, borrowed; NULL when it is in an agent or with ssh-keygen. */
const struct kan_key *kan_signer_key(const struct kan_signer *s);
/* One line for people, and for the impact of the events that it signs; NULL: nothing. */
const char *kan_signer_warning(const struct kan_signer *s);
/* Appends the armour of an SSHSIG with its final LF. */
int kan_signer_sign(struct kan_buf *armour, const struct kan_signer *s, const char *ns,
		    struct kan_bytes message, struct kan_err *err);

/* Its line for an allowed_signers file. email: the principal; NULL: the host key's own name. usage:
 * no name that such a file can have. */
int kan_signer_line(struct kan_buf *out, const struct kan_signer *s, const char *email,
		    struct kan_err *err);
int kan_signer_line_of(struct kan_buf *out, const struct kan_key *k, const char *email,
		       struct kan_err *err);

/* kan_custody_open with more ways to name a key. */
int kan_custody_open_as(struct kan_custody **out, const char *home,
			const struct kan_signer_ask *ask, struct kan_err *err);
const char *kan_custody_fpr(const struct kan_custody *c);
/* kan_signer_warning of the signer in use. */
const char *kan_custody_warning(const struct kan_custody *c);

#endif
