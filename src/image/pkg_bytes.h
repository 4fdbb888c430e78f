/* Numbers at a place that the caller has proved to be there. */
#ifndef KAN_IMAGE_PKG_BYTES_H
#define KAN_IMAGE_PKG_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t kan_be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint32_t kan_le32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint32_t kan_be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t kan_le16(const uint8_t *p)
{
	return (uint32_t)p[1] << 8 | p[0];
}

#endif
