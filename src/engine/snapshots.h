/* Inside the engine room and for layers: which directory of containerd's overlay snapshotter is
 * which snapshot, by the snapshotter's own database. */
#ifndef KAN_ENGINE_SNAPSHOTS_H
#define KAN_ENGINE_SNAPSHOTS_H

#include <kanshiki/target.h>

enum { KAN_SNAPSHOT_NAME = 256 };

/* One snapshot. name and parent as the snapshotter has them: "moby/7/sha256:..."; the directory is
 * snapshots/<id>. */
struct kan_snapshot {
	char name[KAN_SNAPSHOT_NAME], parent[KAN_SNAPSHOT_NAME];
	uint64_t id;
};
struct kan_snapshots {
	struct kan_snapshot *v;
	size_t n;
};
/* Pure: all of a database. limit, format. Yours: free v. */
int kan_snapshots_read(struct kan_snapshots *out, struct kan_bytes db, struct kan_err *err);
/* The same out of the engine's store: of the snapshotter that layer, a kan_layer's path, lies in;
 * NULL: of the one that has the container. root: where it is, below the data root or whole; room
 * for KAN_STORE_PATH. */
int kan_snapshots_of(struct kan_snapshots *out, char *root, const struct kan_target *t,
		     const char *layer, struct kan_err *err);
/* Of Docker, by the last part of its name, behind "moby/7/"; by its whole name; by its number; by
 * the path of its directory, ".../snapshots/<number>/fs". NULL: none. */
const struct kan_snapshot *kan_snapshot_key(const struct kan_snapshots *s, const char *key);
const struct kan_snapshot *kan_snapshot_named(const struct kan_snapshots *s, const char *name);
const struct kan_snapshot *kan_snapshot_number(const struct kan_snapshots *s, uint64_t id);
const struct kan_snapshot *kan_snapshot_at(const struct kan_snapshots *s, const char *path);
/* Docker's own: "<64 hex>-init". A builder that commits containers leaves theirs below its layers.
 */
bool kan_snapshot_is_init(const struct kan_snapshot *s);
const char *kan_snapshot_last(const struct kan_snapshot *s);

#endif
