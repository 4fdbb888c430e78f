/* Secrets in text: what a report shows in their place. The evidence itself is not touched. */
#ifndef KAN_ANALYZE_MASK_H
#define KAN_ANALYZE_MASK_H

#include <kanshiki/bytes.h>

/* Does a variable or an option of that name hold a secret? NULL: no; else its kind: "password",
 * "token", "secret", "key". A name that ends in file or path names a place. */
const char *kan_mask_name(struct kan_bytes name);
/* [password, 20 bytes, "hunt…"]: the first four only of 16 and more. Never a digest, which betrays
 * a short one. */
void kan_mask_value(struct kan_buf *out, const char *kind, struct kan_bytes value);
/* Appends text with what is secret in it replaced: values of secret names, passwords in URLs,
 * private keys, tokens by their form, password hashes. true: something was. */
bool kan_mask_text(struct kan_buf *out, struct kan_bytes text);
/* The next secret from at on, as kan_mask_text sees it: 1 + where it begins, and *n octets; 0:
 * there is none. */
size_t kan_mask_find(size_t *n, const char **kind, struct kan_bytes text, size_t at);
/* The kind of secret that an option makes of the argument behind it; NULL: none. */
const char *kan_mask_behind(struct kan_bytes option, struct kan_bytes text);
/* Is that word, a path or a name, a tool that takes a secret behind an option of one letter? */
bool kan_mask_is_tool(struct kan_bytes word);
/* Where in an argument a secret is that the one before it, or its tool, makes one: 1 + where, and
 * *n octets; 0: neither does, and its text may still hold some. tool: empty when none is known. */
size_t kan_mask_argument_at(size_t *n, const char **kind, struct kan_bytes tool,
			    struct kan_bytes before, struct kan_bytes text);
/* An argument behind argv[i - 1]: "--password" makes the next one secret. */
bool kan_mask_argument(struct kan_buf *out, struct kan_bytes tool, struct kan_bytes before,
		       struct kan_bytes text);

#endif
