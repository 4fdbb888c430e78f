/* A file that is packed as a whole (gzip, zstd), read at places as if it were not. Nothing of it is
 * kept: what lies before the place is unpacked anew. */
#ifndef KAN_IMAGE_PACKED_H
#define KAN_IMAGE_PACKED_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

/* Told by its first octets. unsupported: packed with what is not read here. */
int kan_packed_is(bool *packed, int fd, struct kan_err *err);
struct kan_packed;
/* fd is borrowed. each, max: octets that may be unpacked, in one pass and in all together. */
struct kan_packed *kan_packed_new(int fd, uint64_t each, uint64_t max);
void kan_packed_free(struct kan_packed *p);
/* As pread: 0 at the end. -1: format (also: at is beyond the end), limit. */
ssize_t kan_packed_read(struct kan_packed *p, void *to, size_t n, uint64_t at, struct kan_err *err);

#endif
