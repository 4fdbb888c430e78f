/* Where nothing tells the container's own layer from the image's: every entry of its root. */
#ifndef KAN_IMAGE_MERGED_H
#define KAN_IMAGE_MERGED_H

#include <kanshiki/err.h>
#include <stdint.h>

struct kan_target;
struct kan_sink;
struct kan_points;

/*
 * Rows of all entries of the init's root, without a word of change, to changes.ndjson; content of
 * those whose ctime is after Created, to upper.tar. unsupported: the root is of a kind that can
 * hang (FUSE, network) and is not touched. A root that is not the directory the engine keeps for
 * the container is not walked: a gap. items: rows.
 */
int kan_merged_take(uint64_t *items, const struct kan_target *t, struct kan_sink *s,
		    const struct kan_points *points, struct kan_err *err);

#endif
