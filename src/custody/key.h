/* Ed25519 keys: the file forms they come in, their fingerprint, and a signature with them. */
#ifndef KAN_CUSTODY_KEY_H
#define KAN_CUSTODY_KEY_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_KEY_RAW = 32,
	KAN_KEY_SIG = 64,
	KAN_KEY_FPR = 64,    /* "SHA256:" and 43 characters */
	KAN_KEY_BLOB = 2048, /* a public key of any type, as allowed_signers and SSHSIG carry it */
	KAN_KEY_FILE_MAX = 64 << 10,
	KAN_KEY_COMMENT = 128,
};

struct kan_key; /* a private key; its memory is wiped by free */

int kan_key_generate(struct kan_key **out, const char *comment, struct kan_err *err);
/* A regular file, no link, that nobody else may open (else refused). */
int kan_key_load(struct kan_key **out, int dirfd, const char *path, struct kan_err *err);
/* The bytes of a key file: PKCS#8 PEM or openssh-key-v1, unencrypted, Ed25519. */
int kan_key_parse(struct kan_key **out, struct kan_bytes text, struct kan_err *err);
void kan_key_free(struct kan_key *k);
void kan_key_auto(struct kan_key **k);
#define kan_auto_key __attribute__((cleanup(kan_key_auto)))

struct kan_bytes kan_key_blob(const struct kan_key *k); /* public key, wire form */
const char *kan_key_comment(const struct kan_key *k);
const char *kan_key_fpr(const struct kan_key *k);
int kan_key_sign(uint8_t sig[KAN_KEY_SIG], const struct kan_key *k, struct kan_bytes message,
		 struct kan_err *err);
/* openssh-key-v1, unencrypted: what ssh-keygen reads. The buffer's owner wipes it. */
int kan_key_encode(struct kan_buf *out, const struct kan_key *k, struct kan_err *err);

/* Of any public key blob. */
void kan_key_fingerprint(char out[KAN_KEY_FPR], struct kan_bytes blob);
/* "ssh-ed25519 AAAA..."; the type is the blob's first string. */
void kan_key_line(struct kan_buf *out, struct kan_bytes blob);
/* tamper: another message or another key signed. unsupported: not Ed25519. */
int kan_key_verify(struct kan_bytes blob, struct kan_bytes sig_blob, struct kan_bytes message,
		   struct kan_err *err);

#endif
