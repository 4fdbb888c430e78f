/* /proc/PID/maps, proc(5): a pure parser. */
#ifndef KAN_KERNEL_MAPS_H
#define KAN_KERNEL_MAPS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

/* One mapping. path is the kernel's own text: a newline in it stands as \012, an unlinked file ends
 * in " (deleted)". */
struct kan_map {
	uint64_t start, end, offset, ino;
	unsigned major, minor;
	char perms[5];
	struct kan_bytes path; /* borrowed; empty for anonymous memory */
};
/* Return -1 to stop (err set) or 1 to stop without error. */
typedef int kan_map_fn(const struct kan_map *m, void *arg, struct kan_err *err);
/* Each line in order; format with the line's number on the first bad one. A last line without its
 * end is left out. */
int kan_maps_each(struct kan_bytes text, kan_map_fn *fn, void *arg, struct kan_err *err);

#endif
