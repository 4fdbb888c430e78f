/* Extended attributes of one file, packed into one view: read once, looked at often. */
#ifndef KAN_IMAGE_XATTRS_H
#define KAN_IMAGE_XATTRS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum { KAN_XATTRS_MAX = 256 << 10 }; /* packed; beyond: the names, without values */

/* One attribute of a packed view. cut: the value was left out. */
struct kan_xattr {
	struct kan_bytes name, value;
	bool cut;
};

/* Read into out (emptied). pin: O_PATH; parent and name serve links and special files. false: err
 * says why. */
bool kan_xattrs_read(struct kan_buf *out, int pin, int parent, struct kan_bytes name,
		     struct kan_err *err);
/* The same of an open file. */
bool kan_xattrs_read_open(struct kan_buf *out, int fd, struct kan_err *err);
/* One more behind those of a packed buffer. */
void kan_xattrs_add(struct kan_buf *out, struct kan_bytes name, struct kan_bytes value);
/* The first attribute of what is left, which is moved on. false: there is none. */
bool kan_xattrs_next(struct kan_xattr *out, struct kan_bytes *packed);
bool kan_xattrs_find(struct kan_bytes *value, struct kan_bytes packed, const char *name);
/* Labels that the system of the host sets: of SELinux, IMA, EVM, AppArmor, Smack. A tar has none of
 * them, and what is copied up gets the mount's. */
bool kan_xattr_label(struct kan_bytes name);
bool kan_xattr_acl(struct kan_bytes name); /* an access list, of either kind */

#endif
