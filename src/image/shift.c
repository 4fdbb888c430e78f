/* Ids in attributes: linux/posix_acl_xattr.h, and cap_inode_getsecurity of security/commoncap.c. */
#include "image/shift.h"

#include <string.h>

#include "base/numbers.h"
#include "image/idmap.h"
#include "image/xattrs.h"

enum {
	ACL_HEAD = 4,
	ACL_ENTRY = 8, /* tag, permissions, id */
	ACL_USER = 2,
	ACL_GROUP = 8,
	REVISION = 3,      /* where a capability has it */
	CAP_2 = 20,        /* octets of revision 2 */
	CAP_3 = CAP_2 + 4, /* and of revision 3: a root behind it */
};

static uint32_t out_of(const struct kan_idmap *m, uint32_t inside)
{
	uint64_t id = inside;
	(void)kan_idmap_out(&id, m, inside);
	return (uint32_t)id;
}

void kan_shift_owners(struct statx *st, const struct kan_idmaps *m)
{
	st->stx_uid = out_of(&m->uid, st->stx_uid);
	st->stx_gid = out_of(&m->gid, st->stx_gid);
}

static void shift_acl(struct kan_buf *v, const struct kan_idmaps *m)
{
	for (size_t at = ACL_HEAD; at + ACL_ENTRY <= v->len; at += ACL_ENTRY) {
		uint8_t *id = v->data + at + 4;
		if (v->data[at] == ACL_USER)
			kan_put_le32(id, out_of(&m->uid, kan_le32(id)));
		else if (v->data[at] == ACL_GROUP)
			kan_put_le32(id, out_of(&m->gid, kan_le32(id)));
	}
}

/* Revision 2 counts for root, whoever that is; 3 names the id of that root. */
static void shift_capability(struct kan_buf *v, const struct kan_idmaps *m)
{
	bool named = v->len == CAP_3 && v->data[REVISION] == 3;
	uint32_t inside = named ? kan_le32(v->data + CAP_2) : 0, root = out_of(&m->uid, inside);
	uint8_t text[sizeof(root)];
	if (root == inside || (!named && (v->len != CAP_2 || v->data[REVISION] != 2)))
		return;
	kan_put_le32(text, root);
	v->len = CAP_2;
	v->data[REVISION] = 3;
	kan_buf_add(v, text, sizeof(text));
}

void kan_shift_xattrs(struct kan_buf *packed, const struct kan_idmaps *m)
{
	struct kan_xattr x;
	struct kan_buf out = KAN_BUF(packed->max);
	struct kan_bytes left = kan_buf_bytes(packed);
	while (kan_xattrs_next(&x, &left)) {
		kan_auto_buf struct kan_buf v = KAN_BUF(KAN_XATTRS_MAX);
		kan_buf_addb(&v, x.value);
		if (kan_xattr_acl(x.name))
			shift_acl(&v, m);
		else if (kan_bytes_eq(x.name, KAN_LIT("security.capability")))
			shift_capability(&v, m);
		/* What was left out is left out again: there is no value as long as that. */
		kan_xattrs_add(&out, x.name,
			       x.cut ? (struct kan_bytes){NULL, KAN_XATTRS_MAX}
				     : kan_buf_bytes(&v));
	}
	kan_buf_free(packed);
	*packed = out;
}
