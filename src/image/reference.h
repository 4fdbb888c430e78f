/* A reference image from a clean machine, in any of its shapes: its config, and its layers as tars.
 */
#ifndef KAN_IMAGE_REFERENCE_H
#define KAN_IMAGE_REFERENCE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_REFERENCE_DOCUMENT = 4 << 20, /* of JSON, but for the config */
	KAN_REFERENCE_CONFIG = 16 << 20,
	KAN_REFERENCE_DOCUMENTS = 64, /* of manifests and indexes that are looked at */
	KAN_REFERENCE_DEPTH = 4,      /* of indexes in indexes */
	KAN_REFERENCE_LAYERS = 512,
};
/* Read and unpacked of all layers, whatever they take on disk; KAN_ARCHIVE_TIMES that come on top.
 * A gigabyte of zeros packs to nothing and is as good as any other: it is what the work may be. */
#define KAN_REFERENCE_ROOM (UINT64_C(4) << 30)
#define KAN_REFERENCE_ROOM_HERE (UINT64_C(64) << 30) /* of this host's own store or stream */

/* In this order: config once, then each layer from the base up with its data. -1 stops it. */
struct kan_reference_visit {
	int (*config)(struct kan_bytes raw, void *arg, struct kan_err *err);
	int (*layer)(size_t n, void *arg, struct kan_err *err);
	int (*data)(struct kan_bytes piece, void *arg, struct kan_err *err);
	int (*end)(size_t n, void *arg, struct kan_err *err);
	/* Of kan_reference_apart: what the process that reads could not let go or shut. Or NULL. */
	void (*unboxed)(bool privileges, bool landlock, bool seccomp, void *arg);
	void *arg;
};
/* Where it is. fd: a docker-save archive (legacy, or OCI with manifest.json), an archive or a
 * directory of an OCI layout, or a content store. Borrowed. */
struct kan_reference_from {
	int fd;
	const char *image_id; /* "sha256:...": of several images the one whose config or manifest
				 has it */
	const char *digest;   /* of an index or manifest that is begun with; or NULL */
	bool strict;      /* none but the image of image_id: its config's digest, or that of what
			     leads to it by digests */
	const char *part; /* strict, and the id is an index of several: the manifest; or NULL */
	uint64_t room;    /* 0: KAN_REFERENCE_ROOM */
	int64_t until_ns; /* kan_reference_apart: of kan_boot_ns, when it is given up; 0: never */
};
/* A file or a directory. fd is yours. */
int kan_reference_open(int *fd, const char *path, struct kan_err *err);
/*
 * Layers may be plain, gzip or zstd. A single image is taken whatever its id is, unless strict.
 * Blobs must have the digest of their name, layers that of the config: before a byte of one is
 * handed on. refused: strict, and it is another image.
 */
int kan_reference_read(const struct kan_reference_from *from, const struct kan_reference_visit *v,
		       struct kan_err *err);
/* The same in a process of its own: sandboxed, no other descriptor, no power of root but to read
 * files of a directory. The callbacks are called in this one. limit: it does not begin, says
 * nothing for ten minutes, or is not done at until_ns. */
int kan_reference_apart(const struct kan_reference_from *from, const struct kan_reference_visit *v,
			struct kan_err *err);

#endif
