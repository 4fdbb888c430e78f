/* Overlay's marks. Linux Documentation/filesystems/overlayfs.rst, fs/overlayfs/overlayfs.h. */
#include "image/overlay.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>

#include "image/xattrs.h"

enum {
	FH_VERSION = 0,
	FH_MAGIC = 0xfb,
	FH_HEAD = 21, /* version, magic, len, flags, type, uuid */
	FH_BIG_ENDIAN = 1,
	FH_ANY_ENDIAN = 2,
	/* enum fid_type of linux/exportfs.h */
	FID_INO32_GEN = 1,
	FID_INO32_GEN_PARENT = 2,
	FID_BTRFS = 0x4d,
	FID_BTRFS_PARENT = 0x4e,
	FID_BTRFS_PARENT_ROOT = 0x4f,
	FID_INO64_GEN = 0x81,
	FID_INO64_GEN_PARENT = 0x82,
	NAME_OCTETS = 255,
};

const char *kan_overlay_prefix(bool userxattr)
{
	return userxattr ? "user.overlay." : "trusted.overlay.";
}

static uint32_t word(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t two_words(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static bool fid(uint64_t *ino, uint32_t *gen, unsigned type, struct kan_bytes v)
{
	switch (type) {
	case FID_INO32_GEN:
		if (v.n == 12) { /* tmpfs: generation first, then the inode in two words */
			*gen = word(v.p);
			*ino = word(v.p + 4) | (uint64_t)word(v.p + 8) << 32;
			return true;
		}
		__attribute__((fallthrough));
	case FID_INO32_GEN_PARENT:
		if (v.n < 8)
			return false;
		*ino = word(v.p);
		*gen = word(v.p + 4);
		return true;
	case FID_INO64_GEN:
	case FID_INO64_GEN_PARENT:
		if (v.n < 12)
			return false;
		*ino = two_words(v.p);
		*gen = word(v.p + 8);
		return true;
	case FID_BTRFS: /* object, root, generation */
	case FID_BTRFS_PARENT:
	case FID_BTRFS_PARENT_ROOT:
		if (v.n < 20)
			return false;
		*ino = two_words(v.p);
		*gen = word(v.p + 16);
		return true;
	default:
		return false;
	}
}

bool kan_overlay_origin(uint64_t *ino, uint32_t *gen, struct kan_bytes v)
{
	uint64_t i = 0;
	uint32_t g = 0;
	if (v.n < FH_HEAD || v.p[0] != FH_VERSION || v.p[1] != FH_MAGIC || v.p[2] < FH_HEAD ||
	    v.p[2] > v.n)
		return false;
	bool big = v.p[3] & FH_BIG_ENDIAN, any = v.p[3] & FH_ANY_ENDIAN;
	if (!any && big != (__BYTE_ORDER == __BIG_ENDIAN))
		return false;
	if (!fid(&i, &g, v.p[4], (struct kan_bytes){v.p + FH_HEAD, (size_t)v.p[2] - FH_HEAD}) ||
	    i == 0)
		return false;
	*ino = i;
	*gen = g;
	return true;
}

static bool component_ok(const uint8_t *p, size_t n)
{
	bool dots = (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
	return n > 0 && n <= NAME_OCTETS && !dots && !memchr(p, 0, n);
}

bool kan_overlay_redirect_ok(struct kan_bytes v)
{
	bool absolute = v.n > 0 && v.p[0] == '/';
	size_t from = absolute;
	for (size_t i = from; i <= v.n; i++) {
		if (i < v.n && v.p[i] != '/')
			continue;
		if (!component_ok(v.p + from, i - from) || (i < v.n && !absolute))
			return false;
		from = i + 1;
	}
	return v.n > 0;
}

bool kan_overlay_redirect_moves(struct kan_bytes v, struct kan_bytes name, struct kan_bytes path)
{
	return v.n && !kan_bytes_eq(v, name) && !kan_bytes_eq(v, path);
}

static struct kan_bytes after(struct kan_bytes name, const char *prefix)
{
	size_t n = strlen(prefix);
	return kan_bytes_starts(name, prefix) ? (struct kan_bytes){name.p + n, name.n - n}
					      : (struct kan_bytes){0};
}

static void mark(struct kan_overlay_marks *m, struct kan_bytes word_, struct kan_bytes value)
{
	if (kan_bytes_eq(word_, KAN_LIT("opaque")) && value.n == 1 &&
	    (value.p[0] == 'y' || value.p[0] == 'x'))
		m->opaque = (char)value.p[0];
	else if (kan_bytes_eq(word_, KAN_LIT("metacopy")))
		m->metacopy = true;
	else if (kan_bytes_eq(word_, KAN_LIT("whiteout")))
		m->whiteout = true;
	else if (kan_bytes_eq(word_, KAN_LIT("redirect")) && kan_overlay_redirect_ok(value))
		m->redirect = value;
	else if (kan_bytes_eq(word_, KAN_LIT("protattr")))
		m->flags = (memchr(value.p, 'i', value.n) ? STATX_ATTR_IMMUTABLE : 0) |
			   (memchr(value.p, 'a', value.n) ? STATX_ATTR_APPEND : 0);
	else if (kan_bytes_eq(word_, KAN_LIT("origin")))
		m->has_origin = kan_overlay_origin(&m->origin_ino, &m->origin_gen, value);
}

struct kan_overlay_marks kan_overlay_marks(struct kan_bytes xattrs, bool userxattr)
{
	struct kan_overlay_marks m = {0};
	struct kan_xattr x;
	while (kan_xattrs_next(&x, &xattrs))
		mark(&m, after(x.name, kan_overlay_prefix(userxattr)), x.value);
	return m;
}

bool kan_overlay_own(struct kan_bytes name, bool userxattr)
{
	struct kan_bytes rest = after(name, kan_overlay_prefix(userxattr));
	return rest.n && !kan_bytes_starts(rest, "overlay.");
}

bool kan_overlay_harmless(struct kan_bytes name, struct kan_bytes value, bool userxattr)
{
	static const char *const words[] = {"origin", "impure", "nlink",
					    "uuid",   "upper",  "protattr"};
	struct kan_bytes rest = after(name, kan_overlay_prefix(userxattr));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (kan_bytes_eq(rest, kan_bytes_of(words[i])))
			return true;
	return kan_bytes_eq(rest, KAN_LIT("opaque")) && kan_bytes_eq(value, KAN_LIT("y"));
}

bool kan_overlay_planted(struct kan_bytes name, bool userxattr)
{
	return after(name, kan_overlay_prefix(!userxattr)).n ||
	       kan_bytes_starts(after(name, kan_overlay_prefix(userxattr)), "overlay.");
}

bool kan_overlay_chr0(const struct statx *st)
{
	return S_ISCHR(st->stx_mode) && st->stx_rdev_major == 0 && st->stx_rdev_minor == 0;
}

bool kan_overlay_whiteout(const struct statx *st, bool attribute)
{
	return kan_overlay_chr0(st) || (attribute && S_ISREG(st->stx_mode) && st->stx_size == 0);
}
