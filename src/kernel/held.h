/* Files that a descriptor of ours keeps reachable, once per device and inode: executables, and
 * files without a name. */
#ifndef KAN_KERNEL_HELD_H
#define KAN_KERNEL_HELD_H

#include <kanshiki/bytes.h>
#include <sys/types.h>

enum { KAN_HELD_MAX = 4096, KAN_HELD_SLOTS = 2 * KAN_HELD_MAX, KAN_HELD_NONE = -1 };

struct kan_held {
	dev_t dev;
	uint64_t ino, size;
	int fd; /* O_PATH */
};
struct kan_helds {
	struct kan_held *v;
	size_t n;
	uint64_t left_out; /* descriptors that found no room */
	uint16_t *slots;   /* index + 1 by hash; 0: free */
	dev_t shm, huge;   /* where the kernel keeps memfds; 0: not known */
};
/* Asks the kernel where it keeps memfds: by making two. Before the pause. */
void kan_held_init(struct kan_helds *h);
void kan_held_free(struct kan_helds *h);
/* Index of the file, or KAN_HELD_NONE. */
int kan_held_find(const struct kan_helds *h, dev_t dev, uint64_t ino);
/* Takes *fd when the file is new and there is room; it is closed otherwise. */
void kan_held_add(struct kan_helds *h, const struct kan_held *file);

/* Is it memory that the kernel names so, and no file that a container named so? link begins
 * "/memfd:". */
bool kan_held_memfd(const struct kan_helds *h, dev_t dev, struct kan_bytes link);
/* Shared anonymous memory and System V segments: they look like unlinked files. */
bool kan_held_memory(const struct kan_helds *h, dev_t dev, struct kan_bytes link);

#endif
