/* What lies below the data root of an engine that runs: where it may be, and whose. An engine that
 * is not root's has a mount namespace of its own, in which its user mounts what he likes. */
#ifndef KAN_ENGINE_BELOW_H
#define KAN_ENGINE_BELOW_H

#include <kanshiki/target.h>
#include <sys/stat.h>

#include "kernel/idmap.h"

/* The engine's own user, never root, and the maps of its user namespace. */
struct kan_uids {
	uint32_t own;
	struct kan_idmap uid, gid;
};
/* Pure: own, and /proc/PID/uid_map and gid_map as their reader's namespace sees them. Yours: free
 * it. NULL: own is root. */
struct kan_uids *kan_uids_new(uint32_t own, struct kan_bytes map, struct kan_bytes groups);
/* Its own, or an id that its namespace was given. A map that has root is not one of a user's
 * namespace: then its own alone. */
bool kan_uids_has(const struct kan_uids *u, uint32_t uid);
/* Of the process: its effective user and its maps. -1: not to be read, nothing is known. */
int kan_uids_of(struct kan_uids **out, int pid_dir, struct kan_err *err);

/* refused: an engine that is not root's, and a file that is not its user's. what: for the text. */
int kan_below_owned(const struct kan_target *t, int fd, const char *what, struct kan_err *err);
/* O_PATH below the data root, no link followed; of an engine that is not root's also no mount, and
 * its own. A driver's directory may be a mount of itself (Podman makes it one). */
int kan_below_pin(int *fd, const struct kan_target *t, const char *below, int flags,
		  struct kan_err *err);
/* Is that directory the one that the engine keeps for the container's root, below its data root, by
 * device and inode? A container may pivot into what it likes. refused: no, or it cannot be told. */
int kan_root_proven(const struct kan_target *t, int root_fd, struct kan_err *err);
/* One of the engine's own outside of its data root: path is below the root of its mount namespace.
 */
int kan_below_beside(struct kan_buf *out, const struct kan_target *t, const char *path,
		     struct kan_err *err);
/* A regular file there, opened with a bound; or read whole, limit: over out->max. */
int kan_below_file(int *fd, const struct kan_target *t, const char *below, struct kan_err *err);
int kan_below_read(struct kan_buf *out, const struct kan_target *t, const char *below,
		   struct kan_err *err);
/* Of words that are compared, or that a path is made of. format: behind a NUL there would be more
 * than is seen. */
int kan_below_words(struct kan_buf *out, const struct kan_target *t, const char *below,
		    struct kan_err *err);

#endif
