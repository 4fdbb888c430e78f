/* One member after another against the directory; then the directory against the members. */
#include "image/layerdir_part.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "image/idmap.h"
#include "image/layerbelow.h"
#include "image/layerfacts.h"
#include "image/layername.h"
#include "image/lower.h"
#include "image/nameset.h"
#include "image/overlay.h"
#include "image/xattrs.h"

enum { PIECE = 4000, NAMES = KAN_LAYERDIR_NAMES };
enum { HELD = 256 }; /* members that differ and wait for another of their name */

const char *const kan_damage_words[KAN_DAMAGE_COUNT] = {
	"content",   "size",       "type",        "mode",          "owner", "mtime",    "link",
	"device",    "capability", "xattrs",      "missing",       "extra", "whiteout", "opaque",
	"duplicate", "name",       "more-xattrs", "unmade-device", "acl"};

bool kan_damage_is_noted(const char *word)
{
	for (unsigned i = 0; i < KAN_DAMAGE_COUNT; i++)
		if (strcmp(word, kan_damage_words[i]) == 0)
			return KAN_DAMAGE_NOTED >> i & 1;
	return false;
}

static void begin(struct kan_layer_pending *p)
{
	*p = (struct kan_layer_pending){.pin = -1};
	p->path = p->link = p->found_link = KAN_BUF(KAN_LAYERTAR_PATH);
	p->xattrs = p->found_xattrs = KAN_BUF(KAN_XATTRS_MAX * 4);
}

static void end(struct kan_layer_pending *p)
{
	if (p->pin >= 0)
		(void)close(p->pin);
	kan_buf_free(&p->path);
	kan_buf_free(&p->link);
	kan_buf_free(&p->xattrs);
	kan_buf_free(&p->found_link);
	kan_buf_free(&p->found_xattrs);
}

struct kan_layerdir *kan_layerdir_new(const struct kan_layerdir_opts *o)
{
	struct kan_layerdir *l = kan_xalloc(sizeof(*l));
	l->o = *o;
	l->names = kan_nameset_new(NAMES);
	l->path = KAN_BUF(KAN_LAYERTAR_PATH);
	l->held = kan_xalloc(HELD * sizeof(*l->held));
	begin(&l->p);
	return l;
}

void kan_layerdir_free(struct kan_layerdir *l)
{
	if (!l)
		return;
	end(&l->p);
	for (size_t i = 0; i < l->n_held; i++)
		end(&l->held[i]);
	free(l->held);
	kan_nameset_free(l->names);
	kan_buf_free(&l->path);
	free(l);
}

/* A path is opened in pieces that the kernel takes, each at a slash. */
static size_t piece_of(struct kan_bytes path)
{
	if (path.n <= PIECE)
		return path.n;
	const uint8_t *slash = memrchr(path.p, '/', PIECE);
	return slash ? (size_t)(slash - path.p) : path.n;
}

int kan_layer_pin(int *out, int fd, struct kan_bytes path, struct kan_err *err)
{
	kan_auto_close int at = -1;
	char text[PIECE + 1];
	while (path.n && *path.p == '/')
		path = (struct kan_bytes){path.p + 1, path.n - 1};
	do {
		size_t n = piece_of(path);
		if (n > PIECE)
			return kan_fail(err, KAN_ELIMIT, "a name of %zu bytes", n);
		memcpy(text, path.p, n);
		memcpy(text + n, n ? "" : ".", n ? 1 : 2);
		int next = -1;
		if (kan_open_beneath(&next, at < 0 ? fd : at, text, O_PATH | O_NOFOLLOW,
				     RESOLVE_NO_XDEV, err) < 0)
			return -1;
		if (at >= 0)
			(void)close(at);
		at = next;
		path.p += n + (n < path.n);
		path.n -= n + (n < path.n);
	} while (path.n);
	*out = kan_take_fd(&at);
	return 0;
}

/* Of nothing that is there: no such name, a file on the way, a link or a mount on the way. */
static bool absent(const struct kan_err *why)
{
	return why->sys == ENOENT || why->sys == ENOTDIR || why->sys == ELOOP || why->sys == EXDEV;
}

static int look(struct statx *st, int pin, struct kan_err *err)
{
	if (statx(pin, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
		  STATX_BASIC_STATS | STATX_BTIME, st) < 0)
		return kan_fail_sys(err, "stat");
	return 0;
}

/* The directory of an entry is wanted by its attributes, when it is a link or special. */
static int read_xattrs(struct kan_buf *out, int fd, int pin, struct kan_bytes path,
		       struct kan_err *err)
{
	kan_auto_close int parent = -1;
	struct kan_bytes above = kan_layer_above(path), name = path;
	struct stat st;
	if (fstat(pin, &st) < 0)
		return kan_fail_sys(err, "stat");
	if (above.n && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		if (kan_layer_pin(&parent, fd, above, err) < 0)
			return -1;
		name = kan_layer_last(path);
	}
	return kan_xattrs_read(out, pin, parent, name, err) ? 0 : -1;
}

static int read_facts(struct kan_layerdir *l, struct kan_err *err)
{
	struct kan_layer_pending *p = &l->p;
	kan_buf_reset(&p->found_link);
	kan_buf_reset(&p->found_xattrs);
	if (look(&p->st, p->pin, err) < 0)
		return -1;
	if (S_ISLNK(p->st.stx_mode) && kan_tree_readlink(&p->found_link, p->pin, err) < 0)
		return -1;
	return read_xattrs(&p->found_xattrs, l->o.fd, p->pin, kan_buf_bytes(&p->path), err);
}

static int tell(struct kan_layerdir *l, const struct kan_layer_pending *p, struct kan_err *err)
{
	struct kan_layer_member m = p->member;
	m.path = kan_buf_bytes(&p->path);
	m.link = kan_buf_bytes(&p->link);
	m.xattrs = kan_buf_bytes(&p->xattrs);
	struct kan_damage d = {
		.path = m.path,
		.bits = p->bits,
		.expected = &m,
		.found = p->there ? &p->st : NULL,
		.link = kan_buf_bytes(&p->found_link),
		.xattrs = kan_buf_bytes(&p->found_xattrs),
		.expected_sum = p->expected[0] ? p->expected : NULL,
		.found_sum = p->found[0] ? p->found : NULL,
	};
	return l->o.damage(&d, l->o.arg, err);
}

/* The member that came last is done: if it differs it waits, as long as there is room. */
static int settle(struct kan_layerdir *l, struct kan_err *err)
{
	struct kan_layer_pending *p = &l->p;
	p->there = p->pin >= 0;
	if (p->there)
		(void)close(p->pin);
	p->pin = -1;
	int rc = 0;
	if (p->is && p->bits && l->n_held < HELD) {
		l->held[l->n_held++] = *p;
		begin(p);
	} else if (p->is && p->bits) {
		rc = tell(l, p, err);
	}
	p->is = false;
	p->bits = 0;
	p->expected[0] = p->found[0] = 0;
	return rc;
}

/* Of two members with one name the later is what is unpacked. */
static void forget(struct kan_layerdir *l, struct kan_bytes path)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n_held; i++) {
		bool same = kan_bytes_eq(kan_buf_bytes(&l->held[i].path), path) &&
			    l->held[i].kind == KAN_LAYER_NAME_ENTRY;
		if (same)
			end(&l->held[i]);
		else
			l->held[kept++] = l->held[i];
	}
	l->n_held = kept;
}

int kan_layerdir_tell(struct kan_layerdir *l, struct kan_err *err)
{
	int rc = settle(l, err);
	for (size_t i = 0; i < l->n_held; i++) {
		if (rc == 0)
			rc = tell(l, &l->held[i], err);
		end(&l->held[i]);
	}
	l->n_held = 0;
	return rc;
}

static struct kan_bytes keep(struct kan_buf *to, struct kan_bytes v)
{
	kan_buf_reset(to);
	kan_buf_addb(to, v);
	return kan_buf_bytes(to);
}

static void hold(struct kan_layerdir *l, const struct kan_layer_member *m)
{
	struct kan_layer_pending *p = &l->p;
	p->is = true;
	p->kind = KAN_LAYER_NAME_ENTRY;
	p->member = *m;
	p->member.link = keep(&p->link, m->link);
	p->member.xattrs = keep(&p->xattrs, m->xattrs);
	p->member.path = keep(&p->path, kan_buf_bytes(&l->path));
	kan_buf_reset(&p->found_link);
	kan_buf_reset(&p->found_xattrs);
}

/* Another name of a file is one when it has its inode; of a file of another layer nothing is said.
 * One whose file the tar has, and the directory no longer, is none. */
static unsigned hardlink(struct kan_layerdir *l)
{
	kan_auto_close int pin = -1;
	kan_auto_buf struct kan_buf to = KAN_BUF(KAN_LAYERTAR_PATH);
	struct statx st;
	struct kan_err why = {0};
	struct kan_layer_pending *p = &l->p;
	if (kan_layer_name(&to, p->member.link) != KAN_LAYER_NAME_ENTRY)
		return KAN_DAMAGE_NAME;
	if (kan_layer_pin(&pin, l->o.fd, kan_buf_bytes(&to), &why) < 0 || look(&st, pin, &why) < 0)
		return absent(&why) && kan_nameset_has(l->names, KAN_NAME_MEMBER,
						       kan_buf_bytes(&to))
			       ? KAN_DAMAGE_LINK
			       : 0;
	bool same = st.stx_ino == p->st.stx_ino && st.stx_dev_major == p->st.stx_dev_major &&
		    st.stx_dev_minor == p->st.stx_dev_minor;
	return same ? 0 : KAN_DAMAGE_LINK;
}

/* In a user namespace no device node can be made: engines leave them out of what they unpack. */
static unsigned not_there(const struct kan_layerdir *l, const struct kan_err *why)
{
	const struct kan_layer_member *m = &l->p.member;
	bool device = (S_ISCHR(m->mode) || S_ISBLK(m->mode)) && !m->hardlink;
	return device && why->sys == ENOENT && l->o.owners && l->o.owners->users
		       ? KAN_DAMAGE_UNMADE
		       : KAN_DAMAGE_MISSING;
}

/* Builders write no access list into the tar: one that was copied up with its entry is the lower
 * layer's. */
static unsigned acl(struct kan_layerdir *l)
{
	struct kan_err why = {0};
	struct kan_bytes path = kan_buf_bytes(&l->p.path);
	enum kan_layer_look look = kan_layerdir_look(l, path);
	if (look != KAN_LOOK)
		return look == KAN_LOOK_NONE ? KAN_DAMAGE_ACL : KAN_DAMAGE_MORE;
	int same =
		kan_layerbelow_same_acl(l->o.below, path, kan_buf_bytes(&l->p.found_xattrs), &why);
	if (same < 0)
		l->o.unknown(path, &why, l->o.arg);
	return same ? KAN_DAMAGE_MORE : KAN_DAMAGE_ACL;
}

static void compare(struct kan_layerdir *l)
{
	struct kan_layer_pending *p = &l->p;
	struct kan_err why = {0};
	/* Engines make the root of a layer themselves, and drop what the tar says of it. */
	if (kan_bytes_eq(kan_buf_bytes(&p->path), KAN_LIT("/")))
		return;
	if (kan_layer_pin(&p->pin, l->o.fd, kan_buf_bytes(&p->path), &why) < 0) {
		if (absent(&why))
			p->bits |= not_there(l, &why);
		else
			l->o.unknown(kan_buf_bytes(&p->path), &why, l->o.arg);
		return;
	}
	if (read_facts(l, &why) < 0) {
		l->o.unknown(kan_buf_bytes(&p->path), &why, l->o.arg);
		return;
	}
	const struct kan_layer_facts f = {.st = &p->st,
					  .link = kan_buf_bytes(&p->found_link),
					  .xattrs = kan_buf_bytes(&p->found_xattrs),
					  .userxattr = l->o.userxattr,
					  .owners = l->o.owners};
	unsigned bits = p->member.hardlink ? hardlink(l) : kan_layer_differs(&p->member, &f);
	if (bits & KAN_DAMAGE_ACL && !kan_layer_has_acl(p->member.xattrs))
		bits = (bits & ~(unsigned)KAN_DAMAGE_ACL) | acl(l);
	p->bits |= bits;
}

/* What is there in its place is left to the walk: the layer may have made the name anew. An opaque
 * directory hides the name too, and where nothing lies below there is nothing to hide. */
static bool hides(struct kan_layerdir *l, struct kan_bytes path)
{
	kan_auto_close int pin = -1;
	struct kan_err why = {0};
	if (kan_layer_pin(&pin, l->o.fd, path, &why) == 0)
		return true;
	int has = -1;
	if (absent(&why)) {
		enum kan_layer_look look = kan_layerdir_look(l, path);
		if (look != KAN_LOOK)
			return look == KAN_LOOK_SPENT;
		if (kan_layerdir_below_opaque(l, path))
			return true;
		has = kan_layerbelow_has(l->o.below, path, &why);
	}
	if (has < 0)
		l->o.unknown(path, &why, l->o.arg);
	return has <= 0;
}

/* What a mark of the tar is in the directory: 0 when it is there. */
static unsigned mark(struct kan_layerdir *l, enum kan_layer_name kind, struct kan_bytes path)
{
	l->p.kind = kind;
	if (kind == KAN_LAYER_NAME_OPAQUE) {
		(void)kan_nameset_add(l->names, KAN_NAME_OPAQUE, path);
		(void)kan_nameset_add(l->names, KAN_NAME_ABOVE, path);
		if (kan_layerdir_is_opaque(l, path))
			return 0;
		enum kan_layer_look look = kan_layerdir_look(l, path);
		bool there = look == KAN_LOOK_SPENT ||
			     (look == KAN_LOOK && kan_layerdir_below_opaque(l, path));
		return there ? 0 : KAN_DAMAGE_OPAQUE;
	}
	(void)kan_nameset_add(l->names, KAN_NAME_WHITEOUT, path);
	return hides(l, path) ? 0 : KAN_DAMAGE_WHITEOUT;
}

int kan_layerdir_member(struct kan_layerdir *l, const struct kan_layer_member *m,
			struct kan_err *err)
{
	if (settle(l, err) < 0)
		return -1;
	enum kan_layer_name kind = kan_layer_name(&l->path, m->path);
	struct kan_bytes path = kan_buf_bytes(&l->path);
	if (kind == KAN_LAYER_NAME_AUFS)
		return 0;
	if (kind == KAN_LAYER_NAME_BAD) {
		(void)keep(&l->path, m->path);
		hold(l, m);
		l->p.bits = KAN_DAMAGE_NAME;
		return 0;
	}
	kan_nameset_add_above(l->names, path);
	hold(l, m);
	if (kind != KAN_LAYER_NAME_ENTRY) {
		l->p.bits = mark(l, kind, path);
		return 0;
	}
	if (!kan_nameset_add(l->names, KAN_NAME_MEMBER, path)) {
		forget(l, path);
		l->p.bits = KAN_DAMAGE_DUPLICATE;
	}
	compare(l);
	return 0;
}

int kan_layerdir_pin(const struct kan_layerdir *l, struct kan_bytes path)
{
	kan_auto_buf struct kan_buf at = KAN_BUF(KAN_LAYERTAR_PATH);
	bool entry = kan_layer_name(&at, path) == KAN_LAYER_NAME_ENTRY;
	return entry && l->p.is && kan_bytes_eq(kan_buf_bytes(&at), kan_buf_bytes(&l->p.path))
		       ? l->p.pin
		       : -1;
}

void kan_layerdir_content(struct kan_layerdir *l, const char *expected, const char *found)
{
	l->p.bits |= KAN_DAMAGE_CONTENT;
	memcpy(l->p.expected, expected, strnlen(expected, KAN_LAYERDIR_SUM - 1) + 1);
	memcpy(l->p.found, found, strnlen(found, KAN_LAYERDIR_SUM - 1) + 1);
	l->p.expected[KAN_LAYERDIR_SUM - 1] = l->p.found[KAN_LAYERDIR_SUM - 1] = 0;
}
