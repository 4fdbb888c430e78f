/* SSHSIG: OpenSSH's detached signatures (PROTOCOL.sshsig), as git and ssh-keygen -Y use them. */
#ifndef KAN_CUSTODY_SSHSIG_H
#define KAN_CUSTODY_SSHSIG_H

#include "custody/key.h"

enum { KAN_SSHSIG_MAX = 16 << 10 };

#define KAN_NS_GIT "git"
#define KAN_NS_FILE "file"

/* A parsed envelope; the views point into raw. */
struct kan_sshsig {
	struct kan_buf raw;
	struct kan_bytes key, ns, hash, sig;
};

void kan_sshsig_free(struct kan_sshsig *s);
#define kan_auto_sshsig __attribute__((cleanup(kan_sshsig_free)))

/* Appends the armour, with its final LF: the bytes that ssh-keygen -Y sign writes. */
int kan_sshsig_sign(struct kan_buf *armour, const struct kan_key *k, const char *ns,
		    struct kan_bytes message, struct kan_err *err);
/* Its two halves, for keys that are somewhere else: what is signed, and the armour around the
 * signature blob of that. */
int kan_sshsig_body(struct kan_buf *out, const char *ns, struct kan_bytes message,
		    struct kan_err *err);
void kan_sshsig_armour(struct kan_buf *armour, struct kan_bytes key, const char *ns,
		       struct kan_bytes sig);
int kan_sshsig_parse(struct kan_sshsig *out, struct kan_bytes armour, struct kan_err *err);
/* Is it over these bytes and for this namespace? tamper: no. Who the key belongs to is not asked.
 */
int kan_sshsig_verify(const struct kan_sshsig *s, const char *ns, struct kan_bytes message,
		      struct kan_err *err);

#endif
