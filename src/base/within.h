/* Is a directory within another one, whatever they are called: by device and inode. */
#ifndef KAN_BASE_WITHIN_H
#define KAN_BASE_WITHIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { KAN_WITHIN_ANCESTORS = 256 };

/* A directory and all above it. */
struct kan_ancestors {
	size_t n;
	struct {
		dev_t dev;
		ino_t ino;
	} v[KAN_WITHIN_ANCESTORS];
};
void kan_ancestors_of(struct kan_ancestors *out, int fd);
/* Is the file of fd one of them? */
bool kan_ancestors_have(const struct kan_ancestors *a, int fd);
/* The directory at path, or the nearest one there is on the way to it: O_PATH, yours; -1: none. */
int kan_nearest_dir(const char *path);

#endif
