/* Ids that are the same at each run: made of what they name. */
#include "reports/ids.h"

#include <stdio.h>

#include "base/checksum.h"
#include "base/digest.h"

enum { SHA1_SIZE = 20, UUID_OCTETS = 16, VERSION_AT = 6, VARIANT_AT = 8 };

static void text_of(char text[KAN_UUID_TEXT], const uint8_t octets[UUID_OCTETS], uint8_t version)
{
	char hex[2 * UUID_OCTETS + 1];
	uint8_t v[UUID_OCTETS];
	for (size_t i = 0; i < UUID_OCTETS; i++)
		v[i] = octets[i];
	v[VERSION_AT] = (uint8_t)((v[VERSION_AT] & 0x0f) | version << 4);
	v[VARIANT_AT] = (uint8_t)((v[VARIANT_AT] & 0x3f) | 0x80);
	kan_hex(hex, (struct kan_bytes){v, UUID_OCTETS});
	(void)snprintf(text, KAN_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		       hex + 16, hex + 20);
}

void kan_uuid_of(char text[KAN_UUID_TEXT], struct kan_bytes seed)
{
	uint8_t digest[KAN_SHA256_SIZE];
	kan_sha256(digest, seed);
	text_of(text, digest, 4);
}

bool kan_uuid_observable(char text[KAN_UUID_TEXT], struct kan_bytes name)
{
	/* 00abedb4-aa42-466c-9c01-fed23315a9b7 */
	static const uint8_t space[UUID_OCTETS] = {0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c,
						   0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7};
	uint8_t digest[KAN_CHECKSUM_MAX];
	struct kan_checksum *c = kan_checksum_new(SHA1_SIZE);
	if (!c)
		return false;
	kan_checksum_start(c);
	kan_checksum_add(c, (struct kan_bytes){space, UUID_OCTETS});
	kan_checksum_add(c, name);
	kan_checksum_finish(digest, c);
	kan_checksum_free(c);
	text_of(text, digest, 5);
	return true;
}
