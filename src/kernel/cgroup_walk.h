/* A cgroup's directory and all below it, each once, within bounds that a container cannot move. */
#ifndef KAN_KERNEL_CGROUP_WALK_H
#define KAN_KERNEL_CGROUP_WALK_H

#include <stdbool.h>

enum { KAN_CGROUP_DEPTH = 32 }; /* KAN_CGROUP_DIRS of cgroup.h bounds their number */

/* path: of the cgroup, "/docker/ID/inner"; names in it are of the container's making. -1 stops. */
typedef int kan_cgroup_dir_fn(int dir, const char *path, void *arg);
struct kan_cgroup_walk {
	kan_cgroup_dir_fn *fn;
	void *arg;
	unsigned seen; /* directories that fn was called for */
	bool left_out; /* some were too many, too deep, or could not be opened */
};
/* What is left out costs itself and what is below it; its siblings are visited all the same. */
int kan_cgroup_walk(struct kan_cgroup_walk *w, int dir, const char *path);

#endif
