/* SHA-256 and SHA-512 by OpenSSL, fetched once, one context per user. */
#ifndef KAN_BASE_DIGEST_H
#define KAN_BASE_DIGEST_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

enum {
	KAN_SHA256_HEX = 65,
	KAN_SHA256_SIZE = 32,
	KAN_DIGEST_SCHEME = 7, /* "sha256:" */
	KAN_DIGEST = KAN_DIGEST_SCHEME + KAN_SHA256_HEX,
};

struct kan_digest;
struct kan_digest *kan_digest_new(void); /* SHA-256; aborts when OpenSSL has none */
void kan_digest_free(struct kan_digest *d);
void kan_digest_start(struct kan_digest *d); /* may be started again after finish */
void kan_digest_add(struct kan_digest *d, const void *p, size_t n);
void kan_digest_finish(char hex[KAN_SHA256_HEX], struct kan_digest *d);

void kan_sha256_hex(char hex[KAN_SHA256_HEX], struct kan_bytes v);
void kan_sha256(uint8_t raw[KAN_SHA256_SIZE], struct kan_bytes v);
void kan_hex(char *out, struct kan_bytes v); /* 2n + 1 chars */
/* Back again, of digits in either case. false: they are not just 2n of them. */
bool kan_unhex(uint8_t *out, size_t n, struct kan_bytes hex);
bool kan_is_sha256_hex(const char *s); /* 64 lower hex digits and nothing else */
bool kan_is_digest(const char *s);     /* "sha256:" and such digits */
/* The digits of an id, with or without the scheme, as Podman has it. NULL: it is none. */
const char *kan_digest_hex(const char *id);
const char *kan_digest_bare(const char *id); /* without the scheme, whatever it is */
/* With the scheme, which it may have already; cut to the length of one. */
void kan_digest_name(char out[KAN_DIGEST], const char *id);
void kan_digest_of(char out[KAN_DIGEST], struct kan_bytes v); /* and the hash itself */
/* From the current offset to the end, plain reads in an aligned buffer. */
int kan_sha256_fd(char hex[KAN_SHA256_HEX], uint64_t *octets, int fd, struct kan_err *err);
struct kan_tree_opener;
/* Of a target's file, which is pinned: opened and read with the opener's bound. */
int kan_sha256_pinned(char hex[KAN_SHA256_HEX], struct kan_tree_opener *o, int path_fd,
		      struct kan_err *err);
/* The same into a digest that is started, by way of buffer. Yields how much the first read had:
 * less than room is all of it, and is in the buffer still. */
ssize_t kan_digest_pinned(struct kan_digest *d, uint8_t *buffer, size_t room,
			  struct kan_tree_opener *o, int path_fd, struct kan_err *err);

#endif
