/* Directories above a directory. */
#include "base/within.h"

#include <fcntl.h>
#include <kanshiki/bytes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void kan_ancestors_of(struct kan_ancestors *out, int fd)
{
	int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	out->n = 0;
	while (at >= 0 && out->n < KAN_WITHIN_ANCESTORS) {
		struct stat st;
		if (fstat(at, &st) < 0 || (out->n && out->v[out->n - 1].dev == st.st_dev &&
					   out->v[out->n - 1].ino == st.st_ino))
			break;
		out->v[out->n].dev = st.st_dev;
		out->v[out->n++].ino = st.st_ino;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = up;
	}
	if (at >= 0)
		(void)close(at);
}

bool kan_ancestors_have(const struct kan_ancestors *a, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].dev == st.st_dev && a->v[i].ino == st.st_ino)
			return true;
	return false;
}

int kan_nearest_dir(const char *dir)
{
	int fd = -1;
	kan_auto_free char *path = kan_xstrdup(dir);
	for (char *slash = path; path && fd < 0 && slash;) {
		fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		slash = strrchr(path, '/');
		if (slash)
			slash[slash == path && path[1]] = 0;
	}
	return fd;
}
