/* Extended attributes packed into one buffer: length of name, length of value, name, value. */
#include "image/xattrs.h"

#include <string.h>

#include "base/tree.h"

struct head {
	uint32_t name, value; /* value: VALUE_CUT when it was left out */
};

static const uint32_t value_cut = UINT32_MAX;

void kan_xattrs_add(struct kan_buf *out, struct kan_bytes name, struct kan_bytes value)
{
	struct head h = {(uint32_t)name.n, (uint32_t)value.n};
	if (out->len + sizeof(h) + name.n + value.n > KAN_XATTRS_MAX) {
		h.value = value_cut;
		value.n = 0;
	}
	kan_buf_add(out, &h, sizeof(h));
	kan_buf_addb(out, name);
	kan_buf_addb(out, value);
}

static void add(struct kan_bytes name, struct kan_bytes value, void *arg)
{
	kan_xattrs_add(arg, name, value);
}

static bool whole(const struct kan_buf *out, int rc, struct kan_err *err)
{
	if (rc == 0 && out->failed)
		rc = kan_fail(err, KAN_ELIMIT, "more than %zu bytes of attributes", out->max);
	return rc == 0;
}

bool kan_xattrs_read(struct kan_buf *out, int pin, int parent, struct kan_bytes name,
		     struct kan_err *err)
{
	kan_buf_reset(out);
	return whole(out, kan_tree_xattrs(pin, parent, name, add, out, err), err);
}

bool kan_xattrs_read_open(struct kan_buf *out, int fd, struct kan_err *err)
{
	kan_buf_reset(out);
	return whole(out, kan_tree_open_xattrs(fd, add, out, err), err);
}

bool kan_xattrs_next(struct kan_xattr *out, struct kan_bytes *packed)
{
	struct head h;
	if (packed->n < sizeof(h))
		return false;
	memcpy(&h, packed->p, sizeof(h));
	const uint8_t *p = packed->p + sizeof(h);
	uint32_t n = h.value == value_cut ? 0 : h.value;
	*out = (struct kan_xattr){
		.name = {p, h.name}, .value = {p + h.name, n}, .cut = h.value == value_cut};
	packed->p = p + h.name + n;
	packed->n -= sizeof(h) + h.name + n;
	return true;
}

bool kan_xattrs_find(struct kan_bytes *value, struct kan_bytes packed, const char *name)
{
	struct kan_xattr x;
	while (kan_xattrs_next(&x, &packed)) {
		if (!kan_bytes_eq(x.name, kan_bytes_of(name)))
			continue;
		*value = x.value;
		return true;
	}
	return false;
}

bool kan_xattr_label(struct kan_bytes name)
{
	static const char *const labels[] = {"security.selinux", "security.ima", "security.evm",
					     "security.apparmor", "security.SMACK64"};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (kan_bytes_starts(name, labels[i]))
			return true;
	return false;
}

bool kan_xattr_acl(struct kan_bytes name)
{
	return kan_bytes_eq(name, KAN_LIT("system.posix_acl_access")) ||
	       kan_bytes_eq(name, KAN_LIT("system.posix_acl_default"));
}
