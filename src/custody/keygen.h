/* Signatures by ssh-keygen: for keys that only OpenSSH can use. */
#ifndef KAN_CUSTODY_KEYGEN_H
#define KAN_CUSTODY_KEYGEN_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_KEYGEN_WAIT_S = 30 };

/*
 * The armour of an SSHSIG by `ssh-keygen -Y sign`, verified, and its public key. refused: the key
 * file is open to others. Nobody is asked anything: a key with a passphrase belongs in an agent,
 * which ssh-keygen asks by itself (SSH_AUTH_SOCK).
 */
int kan_keygen_sign(struct kan_buf *armour, struct kan_buf *blob, const char *file, const char *ns,
		    struct kan_bytes message, struct kan_err *err);

#endif
