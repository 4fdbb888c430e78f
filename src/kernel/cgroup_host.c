/* What the host has of cgroups, before there is a container. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/cgroup.h"

static const char top[] = "/sys/fs/cgroup", unified[] = "/sys/fs/cgroup/unified",
		  freezer[] = "/sys/fs/cgroup/freezer";

static bool is(const char *path, unsigned magic)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && (unsigned)fs.f_type == magic;
}

const char *kan_cgroup_mode(void)
{
	struct statfs fs;
	if (statfs(top, &fs) < 0)
		return "none";
	if (is(top, CGROUP2_SUPER_MAGIC))
		return "v2";
	return is(unified, CGROUP2_SUPER_MAGIC) ? "hybrid" : "v1";
}

/* The root has no such file: any group below it tells whether this kernel (5.2) has it. */
static bool v2_freezes(const char *path)
{
	bool found = false;
	DIR *d = opendir(path);
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		char name[NAME_MAX + 16];
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/cgroup.freeze", e->d_name);
		found = faccessat(dirfd(d), name, F_OK, 0) == 0;
	}
	if (d)
		(void)closedir(d);
	return found;
}

int kan_cgroup_freezer(struct kan_err *err)
{
	struct statvfs v;
	const char *path = is(freezer, CGROUP_SUPER_MAGIC)    ? freezer
			   : is(top, CGROUP2_SUPER_MAGIC)     ? top
			   : is(unified, CGROUP2_SUPER_MAGIC) ? unified
							      : NULL;
	if (!path || (path != freezer && !v2_freezes(path)))
		return kan_fail(err, KAN_EUNSUPPORTED, "no freezer is mounted below %s", top);
	if (statvfs(path, &v) == 0 && v.f_flag & ST_RDONLY)
		return kan_fail(err, KAN_EDENIED, "%s is mounted read-only", path);
	return 0;
}
