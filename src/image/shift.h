/* Facts of a file as a mount that moves ids shows them (mount_setattr(2), MOUNT_ATTR_IDMAP). */
#ifndef KAN_IMAGE_SHIFT_H
#define KAN_IMAGE_SHIFT_H

#include <kanshiki/bytes.h>
#include <linux/stat.h>

struct kan_idmaps;

/* Owner and group. An id that the map does not have stays what it is. */
void kan_shift_owners(struct statx *st, const struct kan_idmaps *m);
/* Packed attributes, in place: ids of access lists, and the root that a capability counts for. */
void kan_shift_xattrs(struct kan_buf *packed, const struct kan_idmaps *m);

#endif
