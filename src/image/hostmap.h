/* Where on the host a mount of the container comes from: by the engine's own mount table. */
#ifndef KAN_IMAGE_HOSTMAP_H
#define KAN_IMAGE_HOSTMAP_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_mount;
struct kan_hostmap;

/* What is known of (device, root). A place can have several paths: any that is the system's counts.
 */
struct kan_origin {
	bool known;  /* some path of the engine leads there */
	bool system; /* a directory or file of the host's system, or of the engine's data */
	bool volume; /* the data of a volume below the engine's data root */
	bool own;    /* a whole file system that the engine mounted for a container: its /dev/shm */
};

/* mountinfo of the engine's process; data_root as the engine names it, or NULL. */
int kan_hostmap_new(struct kan_hostmap **out, struct kan_bytes mountinfo, const char *data_root,
		    struct kan_err *err);
void kan_hostmap_free(struct kan_hostmap *h);
/* path (emptied first) gets the path of the narrowest mount of the engine. */
struct kan_origin kan_hostmap_find(struct kan_buf *path, const struct kan_hostmap *h,
				   const struct kan_mount *m);

/* Pure: is that path the host's system? data_root may be empty. */
bool kan_host_system(struct kan_bytes path, struct kan_bytes data_root);
/* Pure: is path dir itself or below it? */
bool kan_path_within(struct kan_bytes path, struct kan_bytes dir);

#endif
