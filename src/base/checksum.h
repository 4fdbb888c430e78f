/* MD5, SHA-1 and SHA-256 over what package managers recorded them of. Never a proof of ours. */
#ifndef KAN_BASE_CHECKSUM_H
#define KAN_BASE_CHECKSUM_H

#include <kanshiki/bytes.h>

enum { KAN_CHECKSUM_MAX = 32 };

struct kan_checksum;
/* size: 16 MD5, 20 SHA-1, 32 SHA-256. NULL: OpenSSL has it not, or refuses it (FIPS). */
struct kan_checksum *kan_checksum_new(size_t size);
void kan_checksum_free(struct kan_checksum *c);
void kan_checksum_start(struct kan_checksum *c);
void kan_checksum_add(struct kan_checksum *c, struct kan_bytes piece);
void kan_checksum_finish(uint8_t out[KAN_CHECKSUM_MAX], struct kan_checksum *c); /* size octets */

#endif
