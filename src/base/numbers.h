/* Numbers at a place that the caller has proved to be there. */
#ifndef KAN_BASE_NUMBERS_H
#define KAN_BASE_NUMBERS_H

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

static inline void kan_put_le32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t kan_le64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline uint16_t kan_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint16_t kan_le16(const uint8_t *p)
{
	return (uint16_t)(p[1] << 8 | p[0]);
}

#endif
