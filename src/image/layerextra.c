/* The directory against all members of the tar: what it has more, and what it hides. */
#include <sys/stat.h>

#include "base/tree.h"
#include "image/layerbelow.h"
#include "image/layerdir_part.h"
#include "image/lower.h"
#include "image/overlay.h"
#include "image/xattrs.h"

enum { LINK = 64 << 10 };
enum { STEPS = 50000000 }; /* names on the way */

static void spent(struct kan_layerdir *l)
{
	struct kan_err why = {0};
	if (l->spent)
		return;
	l->spent = true;
	(void)kan_fail(&why, KAN_ELIMIT,
		       "over %d names were looked up in the layers below: of what else is more or "
		       "hidden it is not known whether it is damage",
		       STEPS);
	l->o.unknown(KAN_LIT("/"), &why, l->o.arg);
}

/* Every name of a long path costs as much as the names before it. */
enum kan_layer_look kan_layerdir_look(struct kan_layerdir *l, struct kan_bytes path)
{
	uint64_t depth = 1;
	if (!l->o.below)
		return KAN_LOOK_NONE;
	for (size_t i = 0; i < path.n; i++)
		depth += path.p[i] == '/';
	l->steps += depth * depth;
	if (l->steps < STEPS)
		return KAN_LOOK;
	spent(l);
	return KAN_LOOK_SPENT;
}

bool kan_layerdir_is_opaque(const struct kan_layerdir *l, struct kan_bytes path)
{
	kan_auto_close int pin = -1;
	return kan_layer_pin(&pin, l->o.fd, path, NULL) == 0 &&
	       kan_lower_opaque(pin, l->o.userxattr);
}

bool kan_layerdir_below_opaque(const struct kan_layerdir *l, struct kan_bytes path)
{
	for (struct kan_bytes up = kan_layer_above(path); up.n; up = kan_layer_above(up))
		if (kan_layerdir_is_opaque(l, up))
			return true;
	return false;
}

static int tell_found(struct kan_layerdir *l, const struct kan_tree_entry *e, unsigned bits,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf link = KAN_BUF(LINK), xattrs = KAN_BUF(KAN_XATTRS_MAX * 4);
	if (S_ISLNK(e->st->stx_mode))
		(void)kan_tree_readlink(&link, e->fd, NULL);
	(void)kan_xattrs_read(&xattrs, e->fd, e->parent_fd, e->name, NULL);
	struct kan_damage d = {.path = e->path,
			       .bits = bits,
			       .found = e->st,
			       .link = kan_buf_bytes(&link),
			       .xattrs = kan_buf_bytes(&xattrs)};
	return l->o.damage(&d, l->o.arg, err);
}

/* Does it matter that the tar does not say this? Where the layers below are known, they tell. */
static bool matters(struct kan_layerdir *l, struct kan_bytes path, int rc,
		    const struct kan_err *why)
{
	if (rc < 0)
		l->o.unknown(path, why, l->o.arg);
	return rc > 0;
}

/* A differ leaves out what was copied up and not changed. */
static bool extra(struct kan_layerdir *l, const struct kan_tree_entry *e)
{
	struct kan_err why = {0};
	enum kan_layer_look look = kan_layerdir_look(l, e->path);
	if (look != KAN_LOOK)
		return look == KAN_LOOK_NONE;
	int same = kan_layerbelow_same(l->o.below, e, l->o.opener, &why);
	return matters(l, e->path, same < 0 ? same : !same, &why);
}

/* With an index, redirects or metacopy the kernel marks each new directory so, and differs that
 * compare trees write names one by one. */
static bool opaque(struct kan_layerdir *l, const struct kan_tree_entry *e)
{
	struct kan_err why = {0};
	if (!kan_lower_opaque(e->fd, l->o.userxattr) ||
	    kan_nameset_has(l->names, KAN_NAME_OPAQUE, e->path))
		return false;
	enum kan_layer_look look = kan_layerdir_look(l, e->path);
	if (look != KAN_LOOK)
		return look == KAN_LOOK_NONE;
	int rc = kan_layerbelow_opaque_hides(l->o.below, e->path, l->names, &why);
	return matters(l, e->path, rc, &why);
}

/* One of a name that is not below hides nothing; a parent that is opaque says it for all. */
static bool hider(struct kan_layerdir *l, const struct kan_tree_entry *e)
{
	struct kan_err why = {0};
	enum kan_layer_look look = kan_layerdir_look(l, e->path);
	if (look != KAN_LOOK)
		return look == KAN_LOOK_NONE;
	if (kan_layerdir_below_opaque(l, e->path))
		return false;
	return matters(l, e->path, kan_layerbelow_has(l->o.below, e->path, &why), &why);
}

/* What the tar does not say of this entry of the directory. */
static unsigned unsaid(struct kan_layerdir *l, const struct kan_tree_entry *e)
{
	bool dir = S_ISDIR(e->st->stx_mode),
	     member = kan_nameset_has(l->names, KAN_NAME_MEMBER, e->path),
	     hidden = kan_nameset_has(l->names, KAN_NAME_WHITEOUT, e->path);
	unsigned bits = hidden && !member ? KAN_DAMAGE_WHITEOUT : 0;
	if (kan_overlay_chr0(e->st))
		return !member && !hidden && hider(l, e) ? KAN_DAMAGE_WHITEOUT : 0;
	if (S_ISSOCK(e->st->stx_mode))
		return bits; /* no tar has one: builders leave them where they are */
	if (!member && e->depth && !(dir && kan_nameset_has(l->names, KAN_NAME_ABOVE, e->path)) &&
	    (bits || extra(l, e)))
		bits |= KAN_DAMAGE_EXTRA;
	if (dir && opaque(l, e))
		bits |= KAN_DAMAGE_OPAQUE;
	return bits;
}

static enum kan_tree_next on_entry(const struct kan_tree_entry *e, void *arg)
{
	struct kan_layerdir *l = arg;
	unsigned bits = unsaid(l, e);
	if (bits == 0 || tell_found(l, e, bits, &l->err) == 0)
		return KAN_TREE_GO;
	l->fatal = true;
	return KAN_TREE_STOP;
}

static void on_problem(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct kan_layerdir *l = arg;
	l->o.unknown(path, why, l->o.arg);
}

int kan_layerdir_finish(struct kan_layerdir *l, struct kan_err *err)
{
	struct kan_err why = {0};
	struct kan_tree_walk w = {.max_entries = KAN_LAYERDIR_ENTRIES,
				  .fn = on_entry,
				  .problem = on_problem,
				  .arg = l,
				  .opener = l->o.opener};
	if (kan_layerdir_tell(l, err) < 0)
		return -1;
	if (kan_nameset_full(l->names)) {
		(void)kan_fail(&why, KAN_ELIMIT, "over %d names in a layer, or one over %d bytes",
			       KAN_LAYERDIR_NAMES, KAN_NAMESET_PATH);
		l->o.unknown(KAN_LIT("/"), &why, l->o.arg);
		return 0;
	}
	int rc = kan_tree_walk(&w, l->o.fd, &why);
	if (l->fatal && err)
		*err = l->err;
	if (l->fatal)
		return -1;
	if (rc < 0)
		l->o.unknown(KAN_LIT("/"), &why, l->o.arg);
	return 0;
}
