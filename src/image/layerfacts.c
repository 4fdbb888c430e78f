/* Type, mode, owner, time, target, device and attributes of a header against the entry. */
#include "image/layerfacts.h"

#include <endian.h>
#include <string.h>
#include <sys/stat.h>

#include "image/file.h"
#include "image/layerdir.h"
#include "image/overlay.h"
#include "image/xattrs.h"
#include "kernel/idmap.h"

static const char capability[] = "security.capability";
enum { NS_PER_S = 1000000000, CAP_2 = 20, CAP_3 = 24 };
static const uint32_t CAP_REVISION = 0xff000000, CAP_REVISION_2 = 0x02000000,
		      CAP_REVISION_3 = 0x03000000;

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

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* What is set in a user namespace has the namespace's root with it, and the tar has not:
 * capabilities(7), "File capability extensions". */
static bool same_capability(struct kan_bytes tar, struct kan_bytes found,
			    const struct kan_layer_facts *f)
{
	if (tar.n != CAP_2 || found.n != CAP_3 || !f->uid)
		return false;
	uint32_t one = get32(tar.p), other = get32(found.p);
	return (one & CAP_REVISION) == CAP_REVISION_2 && (other & CAP_REVISION) == CAP_REVISION_3 &&
	       (one & ~CAP_REVISION) == (other & ~CAP_REVISION) &&
	       memcmp(tar.p + sizeof(one), found.p + sizeof(one), CAP_2 - sizeof(one)) == 0 &&
	       get32(found.p + CAP_2) == kan_idmap_out(f->uid, 0);
}

static bool same_value(const struct kan_xattr *tar, const struct kan_xattr *found,
		       const struct kan_layer_facts *f)
{
	return tar->cut || found->cut || kan_bytes_eq(tar->value, found->value) ||
	       (kan_bytes_eq(tar->name, kan_bytes_of(capability)) &&
		same_capability(tar->value, found->value, f));
}

static unsigned attributes(const struct kan_layer_member *m, const struct kan_layer_facts *f)
{
	struct kan_xattr x, other;
	unsigned bits = 0;
	struct kan_bytes left = m->xattrs;
	while (kan_xattrs_next(&x, &left)) {
		bool there = find(&other, f->xattrs, x.name);
		if (!label(x.name) && (!there || !same_value(&x, &other, f)))
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
	if (f->uid && f->gid &&
	    (st->stx_uid != kan_idmap_out(f->uid, m->uid) ||
	     st->stx_gid != kan_idmap_out(f->gid, m->gid)))
		bits |= KAN_DAMAGE_OWNER;
	if (!same_time(m, st))
		bits |= KAN_DAMAGE_MTIME;
	return bits;
}
