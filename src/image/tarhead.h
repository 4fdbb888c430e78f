/* One header of a tar with what extends it: pure, over bytes. */
#ifndef KAN_IMAGE_TARHEAD_H
#define KAN_IMAGE_TARHEAD_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_layer_member;

enum { KAN_TARHEAD_BLOCK = 512 };

/* What extended headers said of the member that is to come. */
struct kan_tarhead {
	struct kan_buf path, link, xattrs, own_path;
	bool has_path, has_link, has_size, has_uid, has_gid, has_mtime, sparse, any;
	uint64_t size, uid, gid;
	int64_t mtime_ns;
	bool fraction;
};
void kan_tarhead_init(struct kan_tarhead *h);
void kan_tarhead_free(struct kan_tarhead *h);
void kan_tarhead_reset(struct kan_tarhead *h);
bool kan_tarhead_empty(const struct kan_tarhead *h);

/* The checksum. -1 format. */
int kan_tarhead_check(const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err);
/* Does it extend the next header (pax x and g, GNU long names)? */
bool kan_tarhead_extends(const uint8_t block[KAN_TARHEAD_BLOCK]);
int kan_tarhead_size(uint64_t *out, const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err);
int kan_tarhead_extend(struct kan_tarhead *h, const uint8_t block[KAN_TARHEAD_BLOCK],
		       struct kan_bytes meta, struct kan_err *err);
/* The member that this block begins; views of h and block. -1 format, unsupported. */
int kan_tarhead_member(struct kan_layer_member *out, struct kan_tarhead *h,
		       const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err);

#endif
