/* One file of a tree, as it was when it was read: what rows are made of. */
#ifndef KAN_IMAGE_FILE_H
#define KAN_IMAGE_FILE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <linux/stat.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/tar.h"

struct kan_row;
struct kan_layer_member;

enum kan_content {
	KAN_CONTENT_NONE,      /* not a regular file, or not wanted */
	KAN_CONTENT_READ,      /* sha256 and octets tell what was read */
	KAN_CONTENT_LINKED,    /* another name of hardlink: sha256 is that one's */
	KAN_CONTENT_ELSEWHERE, /* a metacopy file: its data is the lower file's */
	KAN_CONTENT_LIMIT,     /* more than one file may have */
	KAN_CONTENT_REFUSED,   /* a problem was recorded for it */
	KAN_CONTENT_STUCK,     /* its open or a read did not return */
};

/* Views are borrowed. A file that is streamed has its digest only when all its data has gone by. */
struct kan_file {
	struct kan_bytes path; /* "/a/b" below the tree's root; at most KAN_ROW_PATH_MAX of it */
	uint64_t path_len;     /* all of it */
	struct kan_bytes name, link, xattrs, hardlink;
	unsigned depth;
	struct statx st;
	bool frozen;
	bool xattrs_known;
	enum kan_content content;
	bool store; /* its bytes are wanted in the tar, not the digest alone */
	int note;   /* what the reader's note said of it */
	bool streamed, by_extents;
	bool stable;     /* size, mtime and ctime were the same before and after */
	uint64_t octets; /* bytes read, holes not counted */
	char sha256[KAN_SHA256_HEX];
	uint8_t sum[KAN_CHECKSUM_MAX], sum_n; /* of a package manager's kind, where asked for */
	bool sparse;
	const struct kan_tar_extent *extents;
	size_t n_extents;
	struct kan_bytes data; /* when not streamed */
};

const char *kan_file_type(unsigned mode); /* file dir symlink fifo socket chr blk */
bool kan_file_is(const struct kan_file *f, unsigned type); /* S_IFREG ... */
uint64_t kan_statx_dev(const struct statx *st);

/* Fields of a row. */
void kan_row_name(struct kan_row *r, const struct kan_file *f); /* name, path */
void kan_row_statx(struct kan_row *r, const struct statx *st);  /* mode to btime_ns, flags */
/* Names with values, and the known ones in words; nothing when there are none. */
void kan_row_xattrs(struct kan_row *r, struct kan_bytes xattrs);
void kan_row_flags(struct kan_row *r, const struct statx *st);
/* A layer's number as rows have it: "init" for the engine's own, below 0. */
void kan_row_layer(struct kan_row *r, const char *key, int number);
/* What the image says of a file, the same in baseline, ghosts and below{}: type to nlink. */
void kan_row_layer_facts(struct kan_row *r, const struct statx *st);
/* The rest of it, in below{} alone: blocks, devices, the other times, flags. */
void kan_row_below_facts(struct kan_row *r, const struct statx *st);
/* The same of a tar's header: mode to attributes; no inode, one time. size: NULL where it says
 * none.
 */
void kan_row_member(struct kan_row *r, unsigned mode, const uint64_t *size,
		    const struct kan_layer_member *m);
void kan_row_content(struct kan_row *r, const struct kan_file *f,
		     const char *stored); /* sha256 to stable */

#endif
