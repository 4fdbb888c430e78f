/* Paths looked up in the lower layers of a layer; builders leave more in a directory than in its
 * tar. */
#include "image/layerbelow.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/tree.h"
#include "image/layerfacts.h"
#include "image/layername.h"
#include "image/lower.h"
#include "image/nameset.h"
#include "image/overlay.h"
#include "image/xattrs.h"

enum { LINK = 64 << 10 };
static const struct kan_bytes capability = KAN_LIT("security.capability");

/* held keeps the directory that out was found in: attributes of links are read by it. */
static int resolve(struct kan_below *out, struct kan_below *held, const struct kan_stack *s,
		   struct kan_bytes path, struct kan_err *err)
{
	*held = (struct kan_below){.fd = -1, .data_fd = -1};
	if (kan_lower_root(out, s, err) < 0)
		return -1;
	for (struct kan_bytes name = kan_layer_next(&path); out->found && name.n;
	     name = kan_layer_next(&path)) {
		struct kan_below below;
		const struct kan_lower_name ask = {.name = name};
		if (kan_lower_lookup(&below, s, &out->view, &ask, err) < 0) {
			kan_below_free(out);
			kan_below_free(held);
			return -1;
		}
		kan_below_free(held);
		*held = *out;
		*out = below;
	}
	return 0;
}

static void let_go(struct kan_below *b, struct kan_below *held)
{
	kan_below_free(b);
	kan_below_free(held);
}

int kan_layerbelow_has(const struct kan_stack *below, struct kan_bytes path, struct kan_err *err)
{
	struct kan_below b, held;
	if (resolve(&b, &held, below, path, err) < 0)
		return -1;
	int has = b.found;
	let_go(&b, &held);
	return has;
}

/* --- an opaque directory --- */

struct hiding {
	const struct kan_stack *below;
	const struct kan_below *dir;
	const struct kan_nameset *names;
	struct kan_buf path;
	size_t base;
	bool hides;
};

static int on_name(struct kan_bytes name, void *arg, struct kan_err *err)
{
	struct hiding *h = arg;
	struct kan_below b;
	if (h->hides)
		return 0;
	h->path.len = h->base;
	kan_buf_addc(&h->path, '/');
	kan_buf_addb(&h->path, name);
	struct kan_bytes path = kan_buf_bytes(&h->path);
	if (kan_nameset_has(h->names, KAN_NAME_MEMBER, path) ||
	    kan_nameset_has(h->names, KAN_NAME_WHITEOUT, path))
		return 0;
	const struct kan_lower_name ask = {.name = name};
	if (kan_lower_lookup(&b, h->below, &h->dir->view, &ask, err) < 0)
		return -1;
	h->hides = b.found;
	kan_below_free(&b);
	return 0;
}

int kan_layerbelow_opaque_hides(const struct kan_stack *below, struct kan_bytes path,
				const struct kan_nameset *names, struct kan_err *err)
{
	struct kan_below b, held;
	if (resolve(&b, &held, below, path, err) < 0)
		return -1;
	struct hiding h = {
		.below = below, .dir = &b, .names = names, .path = KAN_BUF(KAN_NAMESET_PATH * 2)};
	kan_buf_addb(&h.path, kan_bytes_eq(path, KAN_LIT("/")) ? (struct kan_bytes){0} : path);
	h.base = h.path.len;
	int rc = b.found && S_ISDIR(b.st.stx_mode)
			 ? kan_lower_names(below, &b.view, on_name, &h, err)
			 : 0;
	kan_buf_free(&h.path);
	let_go(&b, &held);
	return rc < 0 ? -1 : h.hides;
}

/* --- an entry that was copied up --- */

static bool same_facts(const struct statx *a, const struct statx *b)
{
	bool dir = S_ISDIR(a->stx_mode), device = S_ISCHR(a->stx_mode) || S_ISBLK(a->stx_mode);
	if (a->stx_mode != b->stx_mode || a->stx_uid != b->stx_uid || a->stx_gid != b->stx_gid)
		return false;
	if (device &&
	    (a->stx_rdev_major != b->stx_rdev_major || a->stx_rdev_minor != b->stx_rdev_minor))
		return false;
	return dir || (a->stx_size == b->stx_size && a->stx_mtime.tv_sec == b->stx_mtime.tv_sec);
}

static int same_content(const struct kan_below *b, const struct kan_tree_entry *e,
			struct kan_tree_opener *opener, struct kan_err *err)
{
	char a[KAN_SHA256_HEX], c[KAN_SHA256_HEX];
	if (kan_sha256_pinned(a, opener, e->fd, err) < 0 ||
	    kan_sha256_pinned(c, opener, b->data_fd, err) < 0)
		return -1;
	return strcmp(a, c) == 0;
}

static int same_link(const struct kan_below *b, const struct kan_tree_entry *e, struct kan_err *err)
{
	kan_auto_buf struct kan_buf a = KAN_BUF(LINK), c = KAN_BUF(LINK);
	if (kan_tree_readlink(&a, e->fd, err) < 0 || kan_tree_readlink(&c, b->fd, err) < 0)
		return -1;
	return kan_bytes_eq(kan_buf_bytes(&a), kan_buf_bytes(&c));
}

/* Marks of overlay that lead elsewhere are no copy's. */
static bool leads_elsewhere(struct kan_bytes packed, bool userxattr)
{
	struct kan_xattr x;
	while (kan_xattrs_next(&x, &packed))
		if (kan_overlay_own(x.name, userxattr) &&
		    !kan_overlay_harmless(x.name, x.value, userxattr))
			return true;
	return false;
}

static bool capability_of(struct kan_bytes *out, struct kan_bytes packed)
{
	struct kan_xattr x;
	*out = (struct kan_bytes){0};
	while (kan_xattrs_next(&x, &packed))
		if (kan_bytes_eq(x.name, capability)) {
			*out = x.value;
			return !x.cut;
		}
	return true;
}

/* Each access list of a is one of b. */
static bool acls_in(struct kan_bytes a, struct kan_bytes b)
{
	struct kan_xattr x, y;
	while (kan_xattrs_next(&x, &a)) {
		bool found = !kan_xattr_acl(x.name);
		for (struct kan_bytes left = b; !found && kan_xattrs_next(&y, &left);)
			found = kan_bytes_eq(x.name, y.name) && !x.cut && !y.cut &&
				kan_bytes_eq(x.value, y.value);
		if (!found)
			return false;
	}
	return true;
}

static bool same_acls(struct kan_bytes a, struct kan_bytes b)
{
	return acls_in(a, b) && acls_in(b, a);
}

int kan_layerbelow_same_acl(const struct kan_stack *below, struct kan_bytes path,
			    struct kan_bytes xattrs, struct kan_err *err)
{
	struct kan_below b, held;
	kan_auto_buf struct kan_buf there = KAN_BUF(KAN_XATTRS_MAX * 4);
	if (resolve(&b, &held, below, path, err) < 0)
		return -1;
	struct kan_bytes name = kan_layer_last(path);
	int rc = !b.found ? 0 : kan_xattrs_read(&there, b.fd, b.parent_fd, name, err) ? 1 : -1;
	if (rc > 0)
		rc = same_acls(xattrs, kan_buf_bytes(&there));
	let_go(&b, &held);
	return rc;
}

/* Of attributes only these make an entry do what it did not do below. */
static int same_power(const struct kan_below *b, const struct kan_tree_entry *e, bool userxattr,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf a = KAN_BUF(KAN_XATTRS_MAX * 4),
				    c = KAN_BUF(KAN_XATTRS_MAX * 4);
	struct kan_bytes x, y;
	if (!kan_xattrs_read(&a, e->fd, e->parent_fd, e->name, err) ||
	    !kan_xattrs_read(&c, b->fd, b->parent_fd, e->name, err))
		return -1;
	return !leads_elsewhere(kan_buf_bytes(&a), userxattr) &&
	       capability_of(&x, kan_buf_bytes(&a)) && capability_of(&y, kan_buf_bytes(&c)) &&
	       kan_bytes_eq(x, y) && same_acls(kan_buf_bytes(&a), kan_buf_bytes(&c));
}

static int same(const struct kan_below *b, const struct kan_tree_entry *e, bool userxattr,
		struct kan_tree_opener *opener, struct kan_err *err)
{
	if (!b->found || !same_facts(&b->st, e->st))
		return 0;
	int rc = same_power(b, e, userxattr, err);
	if (rc > 0 && S_ISLNK(e->st->stx_mode))
		return same_link(b, e, err);
	return rc > 0 && S_ISREG(e->st->stx_mode) ? same_content(b, e, opener, err) : rc;
}

int kan_layerbelow_same(const struct kan_stack *below, const struct kan_tree_entry *e,
			struct kan_tree_opener *opener, struct kan_err *err)
{
	struct kan_below b, held;
	if (resolve(&b, &held, below, e->path, err) < 0)
		return -1;
	int rc = same(&b, e, below->userxattr, opener, err);
	let_go(&b, &held);
	return rc;
}
