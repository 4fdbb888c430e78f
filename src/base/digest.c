/* SHA-256 by OpenSSL. */
#include "base/digest.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"

static const char scheme[] = "sha256:";

struct kan_digest {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

struct kan_digest *kan_digest_new(void)
{
	struct kan_digest *d = kan_xalloc(sizeof(*d));
	d->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->ctx = EVP_MD_CTX_new();
	if (!d->md || !d->ctx)
		abort(); /* no digest, no evidence */
	kan_digest_start(d);
	return d;
}

void kan_digest_free(struct kan_digest *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->md);
	free(d);
}

void kan_digest_start(struct kan_digest *d)
{
	if (EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1)
		abort();
}

void kan_digest_add(struct kan_digest *d, const void *p, size_t n)
{
	if (n && EVP_DigestUpdate(d->ctx, p, n) != 1)
		abort();
}

void kan_digest_finish(char hex[KAN_SHA256_HEX], struct kan_digest *d)
{
	uint8_t raw[KAN_SHA256_SIZE];
	unsigned n = 0;
	if (EVP_DigestFinal_ex(d->ctx, raw, &n) != 1 || n != sizeof(raw))
		abort();
	kan_hex(hex, (struct kan_bytes){raw, sizeof(raw)});
}

void kan_sha256(uint8_t raw[KAN_SHA256_SIZE], struct kan_bytes v)
{
	size_t n = 0;
	if (EVP_Q_digest(NULL, "SHA256", NULL, v.p ? v.p : (const uint8_t *)"", v.n, raw, &n) != 1)
		abort();
}

void kan_sha256_hex(char hex[KAN_SHA256_HEX], struct kan_bytes v)
{
	uint8_t raw[KAN_SHA256_SIZE];
	kan_sha256(raw, v);
	kan_hex(hex, (struct kan_bytes){raw, sizeof(raw)});
}

void kan_hex(char *out, struct kan_bytes v)
{
	static const char digit[] = "0123456789abcdef";
	for (size_t i = 0; i < v.n; i++) {
		out[2 * i] = digit[v.p[i] >> 4];
		out[2 * i + 1] = digit[v.p[i] & 15];
	}
	out[2 * v.n] = 0;
}

bool kan_unhex(uint8_t *out, size_t n, struct kan_bytes hex)
{
	if (hex.n != 2 * n)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		int c = tolower(hex.p[i]);
		if (!isxdigit(c))
			return false;
		unsigned digit = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | digit : digit << 4);
	}
	return true;
}

bool kan_is_sha256_hex(const char *s)
{
	return s && strlen(s) == KAN_SHA256_HEX - 1 &&
	       strspn(s, "0123456789abcdef") == KAN_SHA256_HEX - 1;
}

const char *kan_digest_bare(const char *id)
{
	return id + (strncmp(id, scheme, KAN_DIGEST_SCHEME) == 0 ? KAN_DIGEST_SCHEME : 0);
}

bool kan_is_digest(const char *s)
{
	return s && kan_digest_bare(s) != s && kan_is_sha256_hex(kan_digest_bare(s));
}

const char *kan_digest_hex(const char *id)
{
	return id && kan_is_sha256_hex(kan_digest_bare(id)) ? kan_digest_bare(id) : NULL;
}

void kan_digest_name(char out[KAN_DIGEST], const char *id)
{
	(void)snprintf(out, KAN_DIGEST, "%s%.64s", scheme, kan_digest_bare(id));
}

void kan_digest_of(char out[KAN_DIGEST], struct kan_bytes v)
{
	char hex[KAN_SHA256_HEX];
	kan_sha256_hex(hex, v);
	kan_digest_name(out, hex);
}

int kan_sha256_fd(char hex[KAN_SHA256_HEX], uint64_t *octets, int fd, struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_io_buffer(KAN_IO_READ);
	struct kan_digest *d = kan_digest_new();
	uint64_t total = 0;
	ssize_t n = 0;
	while ((n = read(fd, buffer, KAN_IO_READ)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		kan_digest_add(d, buffer, (size_t)n);
		total += (uint64_t)n;
	}
	if (n == 0)
		kan_digest_finish(hex, d);
	kan_digest_free(d);
	if (n < 0)
		return kan_fail_sys(err, "read");
	*octets = total;
	return 0;
}

ssize_t kan_digest_pinned(struct kan_digest *d, uint8_t *buffer, size_t room,
			  struct kan_tree_opener *o, int path_fd, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	bool noatime = true;
	ssize_t first = kan_tree_first_bounded(buffer, room, &fd, &noatime, o, path_fd, err);
	ssize_t n = first;
	for (uint64_t at = 0; n > 0;) {
		kan_digest_add(d, buffer, (size_t)n);
		at += (uint64_t)n;
		n = (size_t)n < room ? 0 : kan_tree_piece_bounded(buffer, room, o, fd, at, err);
	}
	return n < 0 ? n : first;
}

int kan_sha256_pinned(char hex[KAN_SHA256_HEX], struct kan_tree_opener *o, int path_fd,
		      struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_io_buffer(KAN_IO_READ);
	struct kan_digest *d = kan_digest_new();
	ssize_t n = kan_digest_pinned(d, buffer, KAN_IO_READ, o, path_fd, err);
	if (n >= 0)
		kan_digest_finish(hex, d);
	kan_digest_free(d);
	return n < 0 ? -1 : 0;
}
