/* Owners as a tar has them, and as a store keeps them for an engine or containers in a user
 * namespace. */
#ifndef KAN_IMAGE_IDMAP_H
#define KAN_IMAGE_IDMAP_H

#include <jansson.h>
#include <kanshiki/bytes.h>

#include "kernel/idmap.h"

struct kan_row;
struct kan_target;

struct kan_idmaps {
	bool unknown; /* the disk of a user's engine does not say them */
	bool users;   /* the engine itself is in a user namespace: it makes no device nodes */
	struct kan_idmap uid, gid;
};

/*
 * Of the target's store: the user namespace of an engine that is not root's; or the one that an
 * engine gives its containers, told by a data root that is called UID.GID and belongs to it.
 */
void kan_idmaps_of(struct kan_idmaps *out, const struct kan_target *t);
/* uid_map and gid_map, a text a line, where they are not empty, or owners_unknown, and
 * users_engine; and back from a row. */
void kan_row_idmaps(struct kan_row *r, const struct kan_idmaps *o);
void kan_idmaps_read(struct kan_idmaps *out, const json_t *row);

#endif
