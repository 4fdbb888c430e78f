/* One entry of the upper directory against the lower one: the change word, and what differs. */
#ifndef KAN_IMAGE_COMPARE_H
#define KAN_IMAGE_COMPARE_H

#include <kanshiki/bytes.h>
#include <linux/stat.h>

enum kan_differs {
	KAN_DIFFERS_MODE = 1,
	KAN_DIFFERS_OWNER = 2,
	KAN_DIFFERS_XATTRS = 4,
	KAN_DIFFERS_ACL = 8,
	KAN_DIFFERS_CAPABILITY = 16,
	KAN_DIFFERS_FLAGS = 32,
	KAN_DIFFERS_MTIME = 64,
};
enum { KAN_DIFFERS_COUNT = 7 };
extern const char *const kan_differs_words[KAN_DIFFERS_COUNT]; /* by bit: "mode" first */

/* One side. Views are borrowed. */
struct kan_side {
	const struct statx *st;
	struct kan_bytes link, xattrs;
	const char *sha256; /* "" where it is not known */
};
enum kan_content_is {
	KAN_CONTENT_SAME,
	KAN_CONTENT_DIFFERS,
	KAN_CONTENT_OTHER_TYPE,
	KAN_CONTENT_UNKNOWN,
};

/* Pure. Of regular files of one size whose digest is not known on both sides nothing is said: no
 * claim without proof. */
enum kan_content_is kan_compare_content(const struct kan_side *upper, const struct kan_side *lower);
/* Pure: bits of kan_differs. Overlay's own attributes (the prefix in force) and the host's labels
 * are left out. */
unsigned kan_compare_metadata(const struct kan_side *upper, const struct kan_side *lower,
			      bool userxattr);

#endif
