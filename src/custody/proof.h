/* What a signer leaves in a bag's seal/: its SSHSIG, and a CMS signature when its key has a
 * certificate. */
#ifndef KAN_CUSTODY_PROOF_H
#define KAN_CUSTODY_PROOF_H

#include "custody/signer.h"

/* Beside what is there, never over it; a signer that has signed already does not sign again. */
int kan_proof_sign(const char *bundle_dir, const struct kan_signer *s, struct kan_err *err);

#endif
