/* A cgroup's directory and all below it, each once, within bounds that a container cannot move. */
#include "kernel/cgroup_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup.h"

enum { PATH_OCTETS = 4096 };

static int each_dir(struct kan_cgroup_walk *w, int dir, const char *path, unsigned depth);

/* One that was removed meanwhile is not left out: it is no more. */
static int one_below(struct kan_cgroup_walk *w, int dir, const char *path, const char *name,
		     unsigned depth)
{
	char below[PATH_OCTETS];
	kan_auto_close int child =
		openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child < 0) {
		w->left_out |= errno != ENOENT;
		return 0;
	}
	int n = snprintf(below, sizeof(below), "%s/%s", path, name);
	if (n > 0 && (size_t)n < sizeof(below))
		return each_dir(w, child, below, depth + 1);
	w->left_out = true;
	return 0;
}

static int all_below(struct kan_cgroup_walk *w, int dir, const char *path, unsigned depth)
{
	int rc = 0, own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		w->left_out |= errno != ENOENT;
		kan_auto_close_fn(&own);
		return 0;
	}
	for (struct dirent *e; rc >= 0 && (e = readdir(d));)
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			rc = one_below(w, dir, path, e->d_name, depth);
	(void)closedir(d);
	return rc;
}

static int each_dir(struct kan_cgroup_walk *w, int dir, const char *path, unsigned depth)
{
	if (w->seen >= KAN_CGROUP_DIRS || depth > KAN_CGROUP_DEPTH) {
		w->left_out = true;
		return 0;
	}
	w->seen++;
	int rc = w->fn(dir, path, w->arg);
	return rc < 0 ? rc : all_below(w, dir, path, depth);
}

int kan_cgroup_walk(struct kan_cgroup_walk *w, int dir, const char *path)
{
	return each_dir(w, dir, path, 0);
}
