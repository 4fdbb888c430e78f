/* "epoch:upstream-revision", as dpkg and rpm both write a version. */
#ifndef KAN_IMAGE_PKG_VERSION_H
#define KAN_IMAGE_PKG_VERSION_H

#include <kanshiki/bytes.h>

/* Part by part in the manager's own order; no epoch is epoch 0. <0, 0, >0. */
typedef int kan_pkg_part_cmp(struct kan_bytes a, struct kan_bytes b);
int kan_pkg_version_by(kan_pkg_part_cmp *cmp, struct kan_bytes a, struct kan_bytes b);

#endif
