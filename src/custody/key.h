/* Private keys: the file forms they come in, their fingerprint, and a signature with them. */
#ifndef KAN_CUSTODY_KEY_H
#define KAN_CUSTODY_KEY_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_KEY_RAW = 32,    /* an Ed25519 key, public or private */
	KAN_KEY_SIG = 64,    /* and its signature */
	KAN_KEY_FPR = 64,    /* "SHA256:" and 43 characters */
	KAN_KEY_BLOB = 2048, /* a public key or a signature of any type, in wire form */
	KAN_KEY_FILE_MAX = 64 << 10,
	KAN_KEY_COMMENT = 128,
};

struct kan_key; /* a private key; its memory is wiped by free */

/* Who is asked for the password of an encrypted key file; it goes into out and is wiped. */
struct kan_key_ask {
	int (*password)(struct kan_buf *out, const char *path, void *arg, struct kan_err *err);
	void *arg;
};

int kan_key_generate(struct kan_key **out, const char *comment, struct kan_err *err);
/* A regular file, no link, that nobody else may open (else refused). ask NULL: nobody is asked. */
int kan_key_load(struct kan_key **out, int dirfd, const char *path, const struct kan_key_ask *ask,
		 struct kan_err *err);
/*
 * The bytes of a key file: PKCS#8 PEM (Ed25519, RSA, ECDSA P-256) with the certificates beside it,
 * or openssh-key-v1 (Ed25519, unencrypted). path is for the question.
 */
int kan_key_parse(struct kan_key **out, struct kan_bytes text, const char *path,
		  const struct kan_key_ask *ask, struct kan_err *err);
void kan_key_free(struct kan_key *k);
void kan_key_auto(struct kan_key **k);
#define kan_auto_key __attribute__((cleanup(kan_key_auto)))

struct kan_bytes kan_key_blob(const struct kan_key *k); /* public key, wire form */
const char *kan_key_comment(const struct kan_key *k);
const char *kan_key_fpr(const struct kan_key *k);
/* The signature blob of SSH: its type and its bytes. */
int kan_key_sign(struct kan_buf *blob, const struct kan_key *k, struct kan_bytes message,
		 struct kan_err *err);
/* openssh-key-v1, unencrypted: what ssh-keygen reads. The buffer's owner wipes it. unsupported:
 * not Ed25519. */
int kan_key_encode(struct kan_buf *out, const struct kan_key *k, struct kan_err *err);
/* Key and certificates as OpenSSL has them, borrowed; its cert is NULL when there is none. */
struct kan_keypem;
const struct kan_keypem *kan_key_pem(const struct kan_key *k);

/* Of any public key blob. */
void kan_key_fingerprint(char out[KAN_KEY_FPR], struct kan_bytes blob);
/* "ssh-ed25519 AAAA..."; the type is the blob's first string. */
void kan_key_line(struct kan_buf *out, struct kan_bytes blob);
/* Ed25519, ECDSA P-256, RSA of 2048 to 8192 bits, and the security keys of the first two: can
 * kan_key_verify tell? unsupported: no; format: it is malformed. */
int kan_key_check(struct kan_bytes blob, struct kan_err *err);
/* tamper: another message or another key signed, or nobody touched the security key. unsupported:
 * another type of key. format: malformed, also RSA with SHA-1. */
int kan_key_verify(struct kan_bytes blob, struct kan_bytes sig_blob, struct kan_bytes message,
		   struct kan_err *err);

#endif
