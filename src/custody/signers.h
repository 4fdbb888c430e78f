/* allowed_signers (ssh-keygen(1)): who vouches for which key, from outside the evidence. */
#ifndef KAN_CUSTODY_SIGNERS_H
#define KAN_CUSTODY_SIGNERS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_SIGNERS_FILE_MAX = 1 << 20, KAN_SIGNERS_MAX = 4096 };

struct kan_signers;

/* usage: a line that cannot be read, a pattern, cert-authority; the text names the line. */
int kan_signers_parse(struct kan_signers **out, struct kan_bytes text, struct kan_err *err);
int kan_signers_load(struct kan_signers **out, const char *path, struct kan_err *err);
void kan_signers_free(struct kan_signers *s);
void kan_signers_auto(struct kan_signers **s);
#define kan_auto_signers __attribute__((cleanup(kan_signers_auto)))

struct kan_signers_ask {
	const char *principal; /* NULL: whoever the key belongs to */
	struct kan_bytes key;  /* public key blob */
	const char *ns;
	int64_t at; /* seconds since 1970 */
};
/* The principal that is trusted with it, borrowed; NULL: none, and *why says it in words. */
const char *kan_signers_find(const struct kan_signers *s, const struct kan_signers_ask *ask,
			     const char **why);

#endif
