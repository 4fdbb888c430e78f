/* Tar by libarchive: a pax writer for trees of the target, a reader for archives. Never extracts.
 */
#ifndef KAN_BASE_TAR_H
#define KAN_BASE_TAR_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Each header and piece as it comes, unbuffered: an artefact buffers. */
typedef int kan_tar_out_fn(void *arg, const void *p, size_t n, struct kan_err *err);
struct kan_tar;

/* pax restricted, no filter. */
int kan_tar_new(struct kan_tar **out, kan_tar_out_fn *fn, void *arg, struct kan_err *err);

enum { KAN_TAR_EXTENTS = 4096, KAN_TAR_PATH_MAX = 128 << 10 };
struct kan_tar_extent {
	uint64_t offset, length;
};
struct kan_tar_entry {
	struct kan_bytes path; /* stored without leading '/'; beyond KAN_TAR_PATH_MAX: limit */
	mode_t mode;           /* type and permissions; set-id bits are cleared by the writer */
	uint64_t uid, gid, size;
	int64_t mtime_ns;
	dev_t rdev;                /* of a device */
	struct kan_bytes link;     /* symlink target */
	struct kan_bytes hardlink; /* path of an earlier member; then no content */
	/* Data extents of a sparse file, ascending, within size; NULL: not sparse. Beyond
	 * KAN_TAR_EXTENTS: limit. */
	const struct kan_tar_extent *extents;
	size_t n_extents;
};
/*
 * Header; then exactly size bytes by data (sparse: all extents' bytes in order), then finish. -1
 * with limit, format or unsupported (a socket): nothing was written, the next entry may follow.
 */
int kan_tar_entry(struct kan_tar *t, const struct kan_tar_entry *e, struct kan_err *err);
int kan_tar_data(struct kan_tar *t, const void *p, size_t n, struct kan_err *err);
/* Pads with zeros when less came than announced, so the archive stays whole. */
int kan_tar_finish(struct kan_tar *t, struct kan_err *err);
int kan_tar_close(struct kan_tar *t, struct kan_err *err); /* end of archive; frees in every case */
void kan_tar_free(struct kan_tar *t);                      /* NULL allowed; without end */

/* Reader: tar format only, no filter unless gzip is allowed. Pull from in; names are bytes and not
 * used as paths. */
typedef ssize_t kan_tar_in_fn(void *arg, const void **p,
			      struct kan_err *err); /* 0: end, -1: error */
struct kan_tar_member {
	struct kan_bytes path, link, hardlink;
	mode_t mode;
	uint64_t uid, gid, size;
	int64_t mtime_ns;
	bool sparse;
};
struct kan_tar_visit {
	bool gzip;
	uint64_t max_members, max_bytes; /* 0: 20,000 / 64 GiB */
	/* Return 0 go on with the content, 1 skip it, -1 stop with err. */
	int (*member)(const struct kan_tar_member *m, void *arg, struct kan_err *err);
	int (*data)(struct kan_bytes piece, void *arg,
		    struct kan_err *err); /* logical content: holes are zeros */
	void *arg;
};
int kan_tar_read(kan_tar_in_fn *in, void *in_arg, const struct kan_tar_visit *v,
		 struct kan_err *err);

#endif
