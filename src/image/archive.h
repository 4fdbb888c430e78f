/* A reference from elsewhere as named parts: a tar file, or a directory. Nothing is unpacked to
 * disk. */
#ifndef KAN_IMAGE_ARCHIVE_H
#define KAN_IMAGE_ARCHIVE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

enum {
	KAN_ARCHIVE_MEMBERS = 20000,
	KAN_ARCHIVE_NAME = 1024,
	KAN_ARCHIVE_HOPS = 8, /* links of an archive from one member to another */
};
/* Beside its room, unpacked of one that is packed as a whole, which is begun again for each part.
 */
#define KAN_ARCHIVE_PACKED (UINT64_C(64) << 30)
/* What honest images pack to is about a fourth; layers of text to a tenth. */
enum { KAN_ARCHIVE_TIMES = 16, KAN_ARCHIVE_PASSES = 256 };

struct kan_archive;
struct kan_packed;
/* room and so many times what lies on disk of the file; holes of a file lie nowhere. */
uint64_t kan_archive_bound(uint64_t room, int fd, unsigned times);
/* A tar, plain or packed as a whole, or a directory; fd is borrowed. room: octets that a packed one
 * may have however little it takes on disk. -1: format, limit, unsupported (packed with what is not
 * read here). */
int kan_archive_open(struct kan_archive **out, int fd, uint64_t room, struct kan_err *err);
void kan_archive_free(struct kan_archive *a);

/* The bytes of one member; not longer than the archive. */
struct kan_archive_part {
	int fd; /* yours */
	struct kan_packed *packed;
	uint64_t at, left;
};
/*
 * By its name ("blobs/sha256/..."). Links of a tar lead to other members only; a directory's are
 * not followed. -1: not-found, format (it is there twice, or no file).
 */
int kan_archive_find(struct kan_archive_part *out, const struct kan_archive *a, const char *name,
		     struct kan_err *err);
void kan_archive_close(struct kan_archive_part *p);
/* 0 at the end. */
ssize_t kan_archive_pull(struct kan_archive_part *p, void *to, size_t n, struct kan_err *err);
/* All of it, at most out->max. */
int kan_archive_read(struct kan_buf *out, const struct kan_archive *a, const char *name,
		     struct kan_err *err);

#endif
