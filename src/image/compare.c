/* Content first, then metadata: pure functions over two sides. */
#include "image/compare.h"

#include <string.h>
#include <sys/stat.h>

#include "image/overlay.h"
#include "image/xattrs.h"

const char *const kan_differs_words[KAN_DIFFERS_COUNT] = {"mode",       "owner", "xattrs", "acl",
							  "capability", "flags", "mtime"};

/* verity and encrypted are no difference: a copy up takes neither along, and overlay hands on no
 * call of a container's that sets them. Both sides' rows have them. */
static const uint64_t flags_seen =
	STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP | STATX_ATTR_COMPRESSED;

static unsigned type_of(const struct kan_side *s)
{
	return s->st->stx_mode & S_IFMT;
}

static enum kan_content_is bytes(const struct kan_side *u, const struct kan_side *l)
{
	if (u->st->stx_size != l->st->stx_size)
		return KAN_CONTENT_DIFFERS;
	if (u->st->stx_size == 0)
		return KAN_CONTENT_SAME;
	if (!u->sha256[0] || !l->sha256[0])
		return KAN_CONTENT_UNKNOWN;
	return strcmp(u->sha256, l->sha256) == 0 ? KAN_CONTENT_SAME : KAN_CONTENT_DIFFERS;
}

enum kan_content_is kan_compare_content(const struct kan_side *u, const struct kan_side *l)
{
	bool same = true;
	if (type_of(u) != type_of(l))
		return KAN_CONTENT_OTHER_TYPE;
	if (type_of(u) == S_IFREG)
		return bytes(u, l);
	if (type_of(u) == S_IFLNK)
		same = kan_bytes_eq(u->link, l->link);
	else if (type_of(u) == S_IFCHR || type_of(u) == S_IFBLK)
		same = u->st->stx_rdev_major == l->st->stx_rdev_major &&
		       u->st->stx_rdev_minor == l->st->stx_rdev_minor;
	return same ? KAN_CONTENT_SAME : KAN_CONTENT_DIFFERS;
}

static unsigned kind(struct kan_bytes name)
{
	if (kan_xattr_acl(name))
		return KAN_DIFFERS_ACL;
	return kan_bytes_eq(name, KAN_LIT("security.capability")) ? KAN_DIFFERS_CAPABILITY
								  : KAN_DIFFERS_XATTRS;
}

static bool has(struct kan_bytes packed, const struct kan_xattr *want)
{
	struct kan_xattr x;
	while (kan_xattrs_next(&x, &packed))
		if (kan_bytes_eq(x.name, want->name))
			return x.cut == want->cut && kan_bytes_eq(x.value, want->value);
	return false;
}

/* What a has and b has not, or not with the same value. */
static unsigned missing(struct kan_bytes a, struct kan_bytes b, bool userxattr)
{
	unsigned bits = 0;
	struct kan_xattr x;
	while (kan_xattrs_next(&x, &a))
		if (!kan_overlay_own(x.name, userxattr) && !kan_xattr_label(x.name) && !has(b, &x))
			bits |= kind(x.name);
	return bits;
}

unsigned kan_compare_metadata(const struct kan_side *u, const struct kan_side *l, bool userxattr)
{
	unsigned bits =
		missing(u->xattrs, l->xattrs, userxattr) | missing(l->xattrs, u->xattrs, userxattr);
	if (u->st->stx_mode != l->st->stx_mode)
		bits |= KAN_DIFFERS_MODE;
	if (u->st->stx_uid != l->st->stx_uid || u->st->stx_gid != l->st->stx_gid)
		bits |= KAN_DIFFERS_OWNER;
	if ((u->st->stx_attributes & flags_seen) != (l->st->stx_attributes & flags_seen))
		bits |= KAN_DIFFERS_FLAGS;
	if (u->st->stx_mtime.tv_sec != l->st->stx_mtime.tv_sec ||
	    u->st->stx_mtime.tv_nsec != l->st->stx_mtime.tv_nsec)
		bits |= KAN_DIFFERS_MTIME;
	return bits;
}
