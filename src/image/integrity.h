/* Is the image what it claims to be: its name, its layers' digests, its directories' headers. */
#ifndef KAN_IMAGE_INTEGRITY_H
#define KAN_IMAGE_INTEGRITY_H

#include <kanshiki/err.h>
#include <kanshiki/target.h>

struct kan_sink;

enum { KAN_INTEGRITY_ENTRIES = 2000000 };
#define KAN_INTEGRITY_SPLIT_MAX (UINT64_C(4) << 30) /* of a layer's tar-split, unpacked */

/*
 * Writes integrity.ndjson. The image's name (rung 2) always; the layers (rungs 3 and 4) when the
 * policy asks for it. until_ns: of kan_boot_ns, when a reference or a content store is read no
 * longer, which is a gap; 0: no end. -1: evidence cannot be written.
 */
int kan_integrity_take(const struct kan_target *t, int64_t until_ns, struct kan_sink *s,
		       struct kan_err *err);

#endif
