/* tar-split: how an engine keeps the tar of a layer without its files, so that it can be made
 * again. */
#ifndef KAN_IMAGE_TARSPLIT_H
#define KAN_IMAGE_TARSPLIT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_SPLIT_LINE = 4 << 20,    /* one line of JSON */
	KAN_SPLIT_PAYLOAD = 3 << 20, /* raw bytes of a segment */
	KAN_SPLIT_NAME = 64 << 10,
};

enum kan_split_type { KAN_SPLIT_FILE = 1, KAN_SPLIT_SEGMENT = 2 };
/* One entry. Buffers are kept from line to line. */
struct kan_split {
	enum kan_split_type type;
	struct kan_buf name; /* of a file: as the tar has it */
	uint64_t size, crc;
	bool has_crc;
	struct kan_buf payload; /* of a segment: bytes of the tar as they are */
};
void kan_split_init(struct kan_split *s);
void kan_split_free(struct kan_split *s);
/* Pure: a line without its LF. -1 format, limit. */
int kan_split_parse(struct kan_split *out, struct kan_bytes line, struct kan_err *err);

/* CRC-64 of ISO 3309 as tar-split counts it. One table a user; start with 0. */
struct kan_crc64 {
	uint64_t table[8][256];
};
void kan_crc64_init(struct kan_crc64 *c);
uint64_t kan_crc64_add(uint64_t crc, const struct kan_crc64 *c, struct kan_bytes piece);

#endif
