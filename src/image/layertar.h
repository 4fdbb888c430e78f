/* The tar of a layer as its bytes go by: pushed in, headers handed on exactly as they were written.
 */
#ifndef KAN_IMAGE_LAYERTAR_H
#define KAN_IMAGE_LAYERTAR_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_LAYERTAR_META = 2 << 20, /* of one extended header or long name */
	KAN_LAYERTAR_PATH = 4096,    /* PATH_MAX: no engine unpacks a longer one */
	KAN_LAYERTAR_MEMBERS = 2000000,
	KAN_LAYERTAR_EXTENDED = 64, /* headers before one member; four are in use */
};

/* Views are borrowed for the call. */
struct kan_layer_member {
	struct kan_bytes path, link; /* link: of symbolic and hard links */
	struct kan_bytes xattrs;     /* packed, as image/xattrs.h has them */
	unsigned mode;               /* type and permissions; a hard link has no type */
	bool hardlink;
	uint64_t uid, gid, size;
	int64_t mtime_ns;
	bool mtime_fraction; /* the header tells more than seconds */
	unsigned major, minor;
};
struct kan_layertar_visit {
	int (*member)(const struct kan_layer_member *m, void *arg, struct kan_err *err);
	int (*data)(struct kan_bytes piece, void *arg, struct kan_err *err); /* or NULL */
	int (*end)(void *arg, struct kan_err *err); /* of the member's data; or NULL */
	void *arg;
};

struct kan_layertar;
struct kan_layertar *kan_layertar_new(const struct kan_layertar_visit *v);
void kan_layertar_free(struct kan_layertar *t);
/* In pieces of any size. -1: format, limit, unsupported (sparse members), or what visit said. */
int kan_layertar_feed(struct kan_layertar *t, struct kan_bytes piece, struct kan_err *err);
/* Content that is not there to be pushed. */
int kan_layertar_skip(struct kan_layertar *t, uint64_t n, struct kan_err *err);
/* All has been pushed: -1 format when it ends within a member. */
int kan_layertar_finish(struct kan_layertar *t, struct kan_err *err);
bool kan_layertar_ended(const struct kan_layertar *t);    /* what follows means nothing */
uint64_t kan_layertar_left(const struct kan_layertar *t); /* content that is to come now */
uint64_t kan_layertar_members(const struct kan_layertar *t);

#endif
