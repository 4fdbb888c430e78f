/* Type, mode, owner, time, target, device and attributes of a header against the entry. */
#include "image/layerfacts.h"

#include <sys/stat.h>

#include "image/file.h"
#include "image/idmap.h"
#include "image/layerdir.h"
#include "image/overlay.h"
#include "image/xattrs.h"
#include "image/xattrwords.h"

static const char capability[] = "security.capability";
enum { NS_PER_S = 1000000000 };

bool kan_layer_has_acl(struct kan_bytes packed)
{
	struct kan_xattr x;
	while (kan_xattrs_next(&x, &packed))
		if (kan_xattr_acl(x.name))
			return true;
	return false;
}

static bool is_capability(struct kan_bytes name)
{
	return kan_bytes_eq(name, kan_bytes_of(capability));
}

static bool find(struct kan_xattr *out, struct kan_bytes packed, struct kan_bytes name)
{
	while (kan_xattrs_next(out, &packed))
		if (kan_bytes_eq(out->name, name))
			return true;
	return false;
}

/* Whose root it counts for, on disk; one that the map does not have stays as it is. */
static uint64_t root_of(const struct kan_filecap *c, const struct kan_idmaps *o)
{
	uint64_t id = c->rootid;
	if (o)
		(void)kan_idmap_out(&id, &o->uid, c->rootid);
	return id;
}

/* Two values of security.capability that give the same to the same user. Revision 3 names a root:
 * that of the store's owners is no other than the one that revision 2 means. */
static bool same_cap(struct kan_bytes expected, struct kan_bytes found,
		     const struct kan_idmaps *owners)
{
	struct kan_filecap e, f;
	if (!kan_filecap_parse(&e, expected) || !kan_filecap_parse(&f, found))
		return kan_bytes_eq(expected, found);
	return e.permitted == f.permitted && e.inheritable == f.inheritable &&
	       e.effective == f.effective &&
	       (f.rootid == e.rootid || f.rootid == root_of(&e, owners) ||
		(owners && owners->unknown));
}

/* Engines of users write overlay's bookkeeping into the tar, too; where the layer is unpacked it is
 * another's or none. */
static bool bookkeeping(const struct kan_xattr *x)
{
	return kan_overlay_harmless(x->name, x->value, false) ||
	       kan_overlay_harmless(x->name, x->value, true);
}

static unsigned expected_one(const struct kan_xattr *x, const struct kan_layer_facts *f)
{
	struct kan_xattr other;
	unsigned bit = is_capability(x->name)   ? KAN_DAMAGE_CAPABILITY
		       : kan_xattr_acl(x->name) ? KAN_DAMAGE_ACL
						: KAN_DAMAGE_XATTRS;
	if (kan_xattr_label(x->name) || bookkeeping(x))
		return 0;
	if (!find(&other, f->xattrs, x->name))
		return bit;
	if (x->cut || other.cut)
		return 0;
	bool same = bit == KAN_DAMAGE_CAPABILITY ? same_cap(x->value, other.value, f->owners)
						 : kan_bytes_eq(x->value, other.value);
	return same ? 0 : bit;
}

/* Builders keep the directory that they filled, and write of its attributes the capability alone
 * into the tar. Access lists give rights. Overlay's own change what is seen, and no builder leaves
 * those. */
static unsigned unsaid_one(const struct kan_xattr *x, const struct kan_layer_member *m,
			   const struct kan_layer_facts *f)
{
	struct kan_xattr other;
	if (kan_overlay_harmless(x->name, x->value, f->userxattr) || kan_xattr_label(x->name) ||
	    find(&other, m->xattrs, x->name))
		return 0;
	if (is_capability(x->name))
		return KAN_DAMAGE_CAPABILITY;
	if (kan_xattr_acl(x->name))
		return KAN_DAMAGE_ACL;
	return kan_overlay_own(x->name, f->userxattr) ? KAN_DAMAGE_XATTRS : KAN_DAMAGE_MORE;
}

static unsigned attributes(const struct kan_layer_member *m, const struct kan_layer_facts *f)
{
	struct kan_xattr x;
	unsigned bits = 0;
	struct kan_bytes left = m->xattrs;
	while (kan_xattrs_next(&x, &left))
		bits |= expected_one(&x, f);
	left = f->xattrs;
	while (kan_xattrs_next(&x, &left))
		bits |= unsaid_one(&x, m, f);
	return bits;
}

/* An id that the store has no place for was not unpacked as itself. */
static bool owned(const struct kan_layer_member *m, const struct kan_layer_facts *f)
{
	uint64_t uid = m->uid, gid = m->gid;
	if (f->owners && f->owners->unknown)
		return true;
	bool known = !f->owners || (kan_idmap_out(&uid, &f->owners->uid, m->uid) &&
				    kan_idmap_out(&gid, &f->owners->gid, m->gid));
	return !known || (f->st->stx_uid == uid && f->st->stx_gid == gid);
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
	if (!owned(m, f))
		bits |= KAN_DAMAGE_OWNER;
	if (!same_time(m, st))
		bits |= KAN_DAMAGE_MTIME;
	return bits;
}
