/* Owners as a tar has them, and as a store keeps them for an engine or containers in a user
 * namespace. */
#ifndef KAN_IMAGE_IDMAP_H
#define KAN_IMAGE_IDMAP_H

#include <jansson.h>
#include <kanshiki/bytes.h>

struct kan_row;
struct kan_target;

enum { KAN_IDMAP_LINES = 340 }; /* user_namespaces(7): as many as a map may have */

/* Without a line every id is itself. */
struct kan_idmap {
	size_t n;
	struct {
		uint32_t inside, outside, count;
	} v[KAN_IDMAP_LINES];
};
struct kan_idmaps {
	struct kan_idmap uid, gid;
};

/* Pure: /proc/PID/uid_map, "INSIDE OUTSIDE COUNT" a line. What maps all to itself has no line. */
void kan_idmap_parse(struct kan_idmap *out, struct kan_bytes text);
/* The id on disk. false: the map does not have it. */
bool kan_idmap_out(uint64_t *out, const struct kan_idmap *m, uint64_t inside);

/*
 * Of the target's store: the user namespace of an engine that is not root's; or the one that an
 * engine gives its containers, told by a data root that is called UID.GID and belongs to it.
 */
void kan_idmaps_of(struct kan_idmaps *out, const struct kan_target *t);
/* uid_map and gid_map, a text a line, where they are not empty; and back from a row. */
void kan_row_idmaps(struct kan_row *r, const struct kan_idmaps *o);
void kan_idmaps_read(struct kan_idmaps *out, const json_t *row);

#endif
