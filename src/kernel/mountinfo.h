/* /proc/PID/mountinfo, proc(5) and Documentation/filesystems/proc.rst 3.5: a pure parser. */
#ifndef KAN_KERNEL_MOUNTINFO_H
#define KAN_KERNEL_MOUNTINFO_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_MOUNTINFO_LINES = 100000, KAN_MOUNTINFO_MAX = 32 << 20 };

/*
 * One line. Views are borrowed: octal escapes are decoded into scratch memory that lives for the
 * call. Not those of super: a comma within a value is an escape there, and only kan_mount_option
 * may tell it from one between two.
 */
struct kan_mount {
	int id, parent;
	unsigned major, minor;
	struct kan_bytes root, point, options, propagation, fstype, source, super;
};
/* Return -1 to stop (err set) or 1 to stop without error. */
typedef int kan_mount_fn(const struct kan_mount *m, void *arg, struct kan_err *err);
/* Each line in order. format with the line's number on the first bad line; limit beyond
 * KAN_MOUNTINFO_LINES. */
int kan_mountinfo_each(struct kan_bytes text, kan_mount_fn *fn, void *arg, struct kan_err *err);
/*
 * The value of one comma-separated option of super ("upperdir"), the kernel's octal and then
 * overlay's own \, and \\ escapes decoded. false: not there, or above out->max.
 */
bool kan_mount_option(struct kan_buf *out, struct kan_bytes options, const char *key);
/* Of an option that stands there several times ("lowerdir+"): all its values, ':' between them. */
bool kan_mount_options(struct kan_buf *out, struct kan_bytes options, const char *key);

#endif
