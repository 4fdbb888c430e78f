/* The openssh-key-v1 file form, unencrypted Ed25519 only: bytes to fields and back. */
#ifndef KAN_CUSTODY_KEYFILE_H
#define KAN_CUSTODY_KEYFILE_H

#include "custody/key.h"

struct kan_keyfile {
	uint8_t seed[KAN_KEY_RAW], public[KAN_KEY_RAW];
	uint32_t check;
	char comment[KAN_KEY_COMMENT];
};

/* unsupported: encrypted, or another key type. The caller wipes out. */
int kan_keyfile_parse(struct kan_keyfile *out, struct kan_bytes text, struct kan_err *err);
void kan_keyfile_encode(struct kan_buf *out, const struct kan_keyfile *f);

#endif
