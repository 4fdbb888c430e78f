/* Enter a mount of the container: by its root, and only if it is the one that was listed. */
#ifndef KAN_IMAGE_ENTERMOUNT_H
#define KAN_IMAGE_ENTERMOUNT_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <linux/stat.h>

#include "image/measure.h"

struct kan_planned;
struct kan_bounded;

struct kan_entered {
	int fd; /* O_PATH; yours */
	struct statx st;
	struct kan_measured size;
};
/*
 * Bounded: it may block on dead storage. unsupported: something is mounted over it, or it is not
 * reached; ETIMEDOUT: it blocks.
 */
int kan_enter_mount(struct kan_entered *out, struct kan_bounded *b, const struct kan_planned *m,
		    struct kan_small limit, struct kan_err *err);

#endif
