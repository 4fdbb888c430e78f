/* Fields that every row about a file has. */
#include "image/file.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "image/layertar.h"
#include "image/xattrs.h"
#include "image/xattrwords.h"

enum {
	DIR_PATH_MAX = 4096
}; /* a directory deeper than that: its rows' length would grow with its depth */

const char *kan_file_type(unsigned mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "chr";
	case S_IFBLK:
		return "blk";
	default:
		return "unknown";
	}
}

bool kan_file_is(const struct kan_file *f, unsigned type)
{
	return (f->st.stx_mode & S_IFMT) == type;
}

uint64_t kan_statx_dev(const struct statx *st)
{
	return makedev(st->stx_dev_major, st->stx_dev_minor);
}

void kan_row_name(struct kan_row *r, const struct kan_file *f)
{
	r->subject = f->path;
	kan_row_bytes(r, "name", f->name);
	if (kan_file_is(f, S_IFDIR) && f->path_len > DIR_PATH_MAX)
		return;
	if (f->path_len > f->path.n)
		kan_row_uint(r, "path_len", f->path_len);
	kan_row_bytes(r, "path", f->path);
}

void kan_row_flags(struct kan_row *r, const struct statx *st)
{
	static const struct {
		uint64_t bit;
		const char *word;
	} known[] = {{STATX_ATTR_APPEND, "append"},       {STATX_ATTR_COMPRESSED, "compressed"},
		     {STATX_ATTR_ENCRYPTED, "encrypted"}, {STATX_ATTR_IMMUTABLE, "immutable"},
		     {STATX_ATTR_NODUMP, "nodump"},       {STATX_ATTR_VERITY, "verity"}};
	bool any = false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!(st->stx_attributes & known[i].bit))
			continue;
		if (!any)
			kan_row_arr(r, "flags");
		any = true;
		kan_row_str(r, NULL, known[i].word);
	}
	if (any)
		kan_row_arr_end(r);
}

/* Beside mtime, which every row of a file has. */
static void put_other_times(struct kan_row *r, const struct statx *st)
{
	kan_row_int(r, "ctime_ns", kan_statx_ns(&st->stx_ctime));
	if (st->stx_mask & STATX_ATIME)
		kan_row_int(r, "atime_ns", kan_statx_ns(&st->stx_atime));
	if (st->stx_mask & STATX_BTIME)
		kan_row_int(r, "btime_ns", kan_statx_ns(&st->stx_btime));
}

static void put_rdev(struct kan_row *r, const struct statx *st)
{
	if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
		kan_row_dev(r, "rdev", makedev(st->stx_rdev_major, st->stx_rdev_minor));
}

void kan_row_statx(struct kan_row *r, const struct statx *st)
{
	kan_row_mode(r, "mode", st->stx_mode);
	kan_row_uint(r, "uid", st->stx_uid);
	kan_row_uint(r, "gid", st->stx_gid);
	kan_row_uint(r, "size", st->stx_size);
	kan_row_uint(r, "blocks", st->stx_blocks);
	kan_row_uint(r, "nlink", st->stx_nlink);
	kan_row_dev(r, "dev", kan_statx_dev(st));
	kan_row_dec(r, "ino", st->stx_ino);
	put_rdev(r, st);
	kan_row_int(r, "mtime_ns", kan_statx_ns(&st->stx_mtime));
	put_other_times(r, st);
	kan_row_flags(r, st);
}

/* As many as end before `end`. false: not all. */
static bool put_xattrs(struct kan_row *r, struct kan_bytes xattrs, size_t end, bool values)
{
	struct kan_xattr x;
	bool whole = true;
	kan_row_arr(r, "xattrs");
	while (whole && kan_xattrs_next(&x, &xattrs)) {
		const struct kan_row before = *r;
		kan_row_obj(r, NULL);
		kan_row_bytes(r, "name", x.name);
		if (values && !x.cut)
			kan_row_bytes(r, "value", x.value);
		r->xattrs_cut |= x.cut; /* it was too much already when it was read */
		kan_row_obj_end(r);
		whole = r->buf.len <= end && !r->buf.failed;
		if (!whole) {
			r->buf.len = before.buf.len;
			r->buf.failed = before.buf.failed;
			r->comma = before.comma;
			r->cut = before.cut;
		}
	}
	kan_row_arr_end(r);
	return whole;
}

/* Values of hostile bytes take over four times their size: where they would take the row's room,
 * the names stand alone. Half of the room is left, since a row has two sides. */
void kan_row_xattrs(struct kan_row *r, struct kan_bytes xattrs)
{
	const size_t most = KAN_ROW_MAX - KAN_ROW_ROOM, at = r->buf.len;
	const size_t end = at < most ? at + (most - at) / 2 : at;
	const bool comma = r->comma, cut = r->cut;
	if (xattrs.n == 0 || r->buf.failed)
		return;
	if (!put_xattrs(r, xattrs, end, true)) {
		r->buf.len = at;
		r->comma = comma;
		r->cut = cut;
		r->xattrs_cut = true;
		(void)put_xattrs(r, xattrs, end, false);
	}
	kan_row_xattr_words(r, xattrs);
}

void kan_row_content(struct kan_row *r, const struct kan_file *f, const char *stored)
{
	if (f->sha256[0]) {
		kan_row_str(r, "sha256", f->sha256);
		kan_row_str(r, "sha256_of", f->by_extents ? "extents" : "whole");
	}
	if (f->hardlink.n)
		kan_row_bytes(r, "hardlink_to", f->hardlink);
	if (stored)
		kan_row_str(r, "stored", stored);
	if (f->content == KAN_CONTENT_READ && !f->stable) {
		kan_row_bool(r, "stable", false);
		kan_row_uint(r, "octets", f->octets);
	}
}

void kan_row_layer(struct kan_row *r, const char *key, int number)
{
	if (number < 0)
		kan_row_str(r, key, "init");
	else
		kan_row_int(r, key, number);
}

void kan_row_layer_facts(struct kan_row *r, const struct statx *st)
{
	kan_row_str(r, "type", kan_file_type(st->stx_mode));
	kan_row_mode(r, "mode", st->stx_mode);
	kan_row_uint(r, "uid", st->stx_uid);
	kan_row_uint(r, "gid", st->stx_gid);
	kan_row_uint(r, "size", st->stx_size);
	kan_row_int(r, "mtime_ns", kan_statx_ns(&st->stx_mtime));
	kan_row_dec(r, "ino", st->stx_ino);
	kan_row_uint(r, "nlink", st->stx_nlink);
}

/* The largest number that a row has: a header may say any. */
static uint64_t most(uint64_t v)
{
	return v < INT64_MAX ? v : INT64_MAX;
}

void kan_row_member(struct kan_row *r, unsigned mode, const uint64_t *size,
		    const struct kan_layer_member *m)
{
	kan_row_mode(r, "mode", mode);
	kan_row_uint(r, "uid", most(m->uid));
	kan_row_uint(r, "gid", most(m->gid));
	if (size)
		kan_row_uint(r, "size", *size);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		kan_row_dev(r, "rdev", makedev(m->major, m->minor));
	kan_row_int(r, "mtime_ns", m->mtime_ns);
	if (S_ISLNK(mode))
		kan_row_bytes(r, "link", m->link);
	kan_row_xattrs(r, m->xattrs);
}

void kan_row_below_facts(struct kan_row *r, const struct statx *st)
{
	kan_row_layer_facts(r, st);
	kan_row_uint(r, "blocks", st->stx_blocks);
	kan_row_dev(r, "dev", kan_statx_dev(st));
	put_rdev(r, st);
	put_other_times(r, st);
	kan_row_flags(r, st);
}
