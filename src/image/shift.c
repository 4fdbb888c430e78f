/* Ids in attributes: linux/posix_acl_xattr.h, and cap_inode_getsecurity of security/commoncap.c. */
#include "image/shift.h"

#include <string.h>

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

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void shift_acl(struct kan_buf *v, const struct kan_idmaps *m)
{
	for (size_t at = ACL_HEAD; at + ACL_ENTRY <= v->len; at += ACL_ENTRY) {
		uint8_t *id = v->data + at + 4;
		if (v->data[at] == ACL_USER)
			put_le32(id, out_of(&m->uid, le32(id)));
		else if (v->data[at] == ACL_GROUP)
			put_le32(id, out_of(&m->gid, le32(id)));
	}
}

/* Revision 2 counts for root, whoever that is; 3 names the id of that root. */
static void shift_capability(struct kan_buf *v, const struct kan_idmaps *m)
{
	bool named = v->len == CAP_3 && v->data[REVISION] == 3;
	uint32_t inside = named ? le32(v->data + CAP_2) : 0, root = out_of(&m->uid, inside);
	uint8_t text[sizeof(root)];
	if (root == inside || (!named && (v->len != CAP_2 || v->data[REVISION] != 2)))
		return;
	put_le32(text, root);
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
		if (kan_bytes_starts(x.name, "system.posix_acl_"))
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
