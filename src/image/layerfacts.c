/* Type, mode, owner, time, target, device and attributes of a header against the entry. */
#include "image/layerfacts.h"

#include <sys/stat.h>

#include "image/file.h"
#include "image/layerdir.h"
#include "image/overlay.h"
#include "image/xattrs.h"

static const char capability[] = "security.capability";
enum { NS_PER_S = 1000000000 };

/* The system of the host labels files as it likes: nothing of a tar. */
static bool label(struct kan_bytes name)
{
	static const char *const labels[] = {"security.selinux", "security.ima", "security.evm",
					     "security.apparmor", "security.SMACK64"};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (kan_bytes_starts(name, labels[i]))
			return true;
	return false;
}

static unsigned bit_of(struct kan_bytes name)
{
	return kan_bytes_eq(name, kan_bytes_of(capability)) ? KAN_DAMAGE_CAPABILITY
							    : KAN_DAMAGE_XATTRS;
}

static bool find(struct kan_xattr *out, struct kan_bytes packed, struct kan_bytes name)
{
	while (kan_xattrs_next(out, &packed))
		if (kan_bytes_eq(out->name, name))
			return true;
	return false;
}

static unsigned attributes(const struct kan_layer_member *m, const struct kan_layer_facts *f)
{
	struct kan_xattr x, other;
	unsigned bits = 0;
	struct kan_bytes left = m->xattrs;
	while (kan_xattrs_next(&x, &left)) {
		bool there = find(&other, f->xattrs, x.name);
		if (!label(x.name) &&
		    (!there || (!x.cut && !other.cut && !kan_bytes_eq(x.value, other.value))))
			bits |= bit_of(x.name);
	}
	left = f->xattrs;
	while (kan_xattrs_next(&x, &left))
		if (!kan_overlay_harmless(x.name, x.value, f->userxattr) && !label(x.name) &&
		    !find(&other, m->xattrs, x.name))
			bits |= bit_of(x.name);
	return bits;
}

/* Most engines write whole seconds into a header, whatever the file has. */
static bool same_time(const struct kan_layer_member *m, const struct statx *st)
{
	int64_t found = kan_statx_ns(&st->stx_mtime);
	if (m->mtime_fraction)
		return found == m->mtime_ns;
	return st->stx_mtime.tv_sec == m->mtime_ns / NS_PER_S;
}

static unsigned by_type(const struct kan_layer_member *m, const struct kan_layer_facts *f)
{
	const struct statx *st = f->st;
	bool device = S_ISCHR(m->mode) || S_ISBLK(m->mode);
	unsigned bits = 0;
	if (S_ISREG(m->mode) && st->stx_size != m->size)
		bits |= st->stx_size > m->size ? KAN_DAMAGE_SIZE | KAN_DAMAGE_CONTENT
					       : KAN_DAMAGE_SIZE;
	if (S_ISLNK(m->mode) && !kan_bytes_eq(m->link, f->link))
		bits |= KAN_DAMAGE_LINK;
	if (device && (st->stx_rdev_major != m->major || st->stx_rdev_minor != m->minor))
		bits |= KAN_DAMAGE_DEVICE;
	if (!S_ISLNK(m->mode) && (st->stx_mode & 07777) != (m->mode & 07777))
		bits |= KAN_DAMAGE_MODE; /* of a link the kernel knows no mode */
	return bits;
}

unsigned kan_layer_differs(const struct kan_layer_member *m, const struct kan_layer_facts *f)
{
	const struct statx *st = f->st;
	if ((st->stx_mode & S_IFMT) != (m->mode & S_IFMT))
		return KAN_DAMAGE_TYPE;
	unsigned bits = by_type(m, f) | attributes(m, f);
	if (st->stx_uid != m->uid + f->uid_shift || st->stx_gid != m->gid + f->gid_shift)
		bits |= KAN_DAMAGE_OWNER;
	if (!same_time(m, st))
		bits |= KAN_DAMAGE_MTIME;
	return bits;
}
