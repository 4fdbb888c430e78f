/* Where evidence may lie: never within the target's reach, never through a link, with space left.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/within.h"
#include "capture/conductor.h"

enum {
	NAME_TRIES = 16,
};

/* A bind of "/" reaches every place there is: refusing would leave no place at all, so it is said.
 */
static int reach_of_mounts(const struct kan_conductor *c, const char *dir, int dir_fd,
			   struct kan_err *err)
{
	struct kan_ancestors up;
	size_t i = 0;
	kan_ancestors_of(&up, dir_fd);
	json_t *mount = NULL;
	bool offline = c->target->depth == KAN_DEPTH_OFFLINE;
	if (offline && kan_ancestors_have(&up, c->target->data_root_fd))
		return kan_fail(err, KAN_EREFUSED,
				"%s is inside the data root that is to be read: choose another "
				"place with -o or --home",
				dir);
	json_array_foreach (json_object_get(c->target->inspect, "Mounts"), i, mount) {
		const char *source = json_string_value(json_object_get(mount, "Source"));
		if (!source || source[0] != '/' || !source[1] || c->target->engine_root_fd < 0)
			continue;
		/* Followed as the engine follows it; only its inode is looked at. */
		kan_auto_close int fd =
			openat(c->target->engine_root_fd, source + 1, O_PATH | O_CLOEXEC);
		if (fd >= 0 && kan_ancestors_have(&up, fd))
			return kan_fail(err, KAN_EREFUSED,
					"%s is inside %s, which the container has mounted: choose "
					"another place with -o or --home",
					dir, source);
	}
	if (c->target->upper_fd >= 0 && kan_ancestors_have(&up, c->target->upper_fd))
		return kan_fail(err, KAN_EREFUSED,
				"%s is inside the container's own filesystem: choose another place",
				dir);
	return 0;
}

/* The directory, or what there is of the way to it. */
static int reach_of(const struct kan_conductor *c, const char *dir, struct kan_err *err)
{
	kan_auto_close int fd = kan_nearest_dir(dir);
	return fd < 0 ? 0 : reach_of_mounts(c, dir, fd, err);
}

int kan_place_reach(const struct kan_conductor *c, struct kan_err *err)
{
	if (reach_of(c, c->req->parent_dir, err) < 0)
		return -1;
	return c->req->home_dir ? reach_of(c, c->req->home_dir, err) : 0;
}

static int ours_alone(const char *dir, int fd, struct kan_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return kan_fail_sys(err, "%s", dir);
	if (st.st_uid != geteuid())
		return kan_fail(err, KAN_EREFUSED,
				"%s belongs to uid %u, not to us: choose another place", dir,
				(unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return kan_fail(err, KAN_EREFUSED,
				"%s is writable by others: chmod go-w it, or choose another place",
				dir);
	return 0;
}

static int space_left(const char *dir, int fd, struct kan_err *err)
{
	struct statvfs v;
	if (fstatvfs(fd, &v) < 0)
		return kan_fail_sys(err, "%s", dir);
	if ((uint64_t)v.f_bavail * v.f_frsize < KAN_CAPTURE_SPACE_MIN)
		return kan_fail(
			err, KAN_EIO,
			"%s has less than 64 MiB free: make space, or choose another place with -o",
			dir);
	return 0;
}

static void warn(struct kan_conductor *c, const char *why)
{
	struct kan_capture_progress p = {
		.event = KAN_CAPTURE_WARNING, .why = why, .target = c->target};
	if (c->req->progress)
		c->req->progress(&p, c->req->arg);
}

static bool host_bound(const struct kan_conductor *c)
{
	size_t i = 0;
	json_t *mount = NULL;
	if (c->target->depth == KAN_DEPTH_OFFLINE) /* its host is another */
		return false;
	json_array_foreach (json_object_get(c->target->inspect, "Mounts"), i, mount) {
		const char *source = json_string_value(json_object_get(mount, "Source"));
		if (source && strcmp(source, "/") == 0)
			return true;
	}
	return false;
}

static void within_reach(struct kan_conductor *c)
{
	if (!host_bound(c))
		return;
	kan_record_impact(c, "the container has the host's root directory mounted: the evidence "
			     "was written within its reach");
	warn(c, "the container has the host's root directory mounted: the evidence lies within its "
		"reach");
}

static void same_disk(struct kan_conductor *c)
{
	struct stat ours, engines;
	if (c->target->data_root_fd < 0 || fstat(c->parent_fd, &ours) < 0 ||
	    fstat(c->target->data_root_fd, &engines) < 0 || ours.st_dev != engines.st_dev)
		return;
	kan_record_impact(
		c, "the bundle was written to the filesystem that holds the engine's data root");
	warn(c, c->target->depth == KAN_DEPTH_OFFLINE
			? "the evidence lies on the disk of the data root; deleted data there may "
			  "be overwritten (use -o)"
			: "the evidence lies on the engine's own disk; deleted data there may be "
			  "overwritten (use -o)");
}

int kan_place_check(struct kan_conductor *c, struct kan_err *err)
{
	const char *dir = c->req->parent_dir;
	struct stat st;
	if (lstat(dir, &st) == 0 && S_ISLNK(st.st_mode))
		return kan_fail(err, KAN_EREFUSED,
				"%s is a symbolic link: name the directory itself", dir);
	c->parent_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->parent_fd < 0)
		return kan_fail_sys(err, "%s", dir);
	if (ours_alone(dir, c->parent_fd, err) < 0 || space_left(dir, c->parent_fd, err) < 0)
		return -1;
	return reach_of_mounts(c, dir, c->parent_fd, err);
}

static void name_bundle(struct kan_conductor *c)
{
	char stamp[KAN_COMPACT];
	uint8_t random[2] = {0};
	kan_compact_utc(stamp, c->started_ns);
	if (getrandom(random, sizeof(random), 0) < 0)
		random[0] = (uint8_t)kan_boot_ns();
	(void)snprintf(c->bundle, sizeof(c->bundle), "%s-%.12s-%02x%02x", stamp, c->target->id,
		       random[0], random[1]);
}

static int begin(struct kan_conductor *c, const char *partial, struct kan_err *err)
{
	if (kan_open_beneath(&c->bundle_fd, c->parent_fd, partial, O_RDONLY | O_DIRECTORY, 0, err) <
	    0)
		return -1;
	if (mkdirat(c->bundle_fd, "data", 0700) < 0)
		return kan_fail_sys(err, "%s/%s/data", c->req->parent_dir, partial);
	return kan_journal_new(&c->journal, c->bundle_fd, c->bundle, err);
}

int kan_place_make(struct kan_conductor *c, struct kan_err *err)
{
	char partial[96];
	for (int i = 0; i < NAME_TRIES; i++) {
		name_bundle(c);
		if (faccessat(c->parent_fd, c->bundle, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		(void)snprintf(partial, sizeof(partial), "%s.partial", c->bundle);
		if (mkdirat(c->parent_fd, partial, 0700) == 0)
			break;
		if (errno != EEXIST)
			return kan_fail_sys(err, "%s/%s", c->req->parent_dir, partial);
		c->bundle[0] = 0;
	}
	if (!c->bundle[0])
		return kan_fail(err, KAN_EIO, "%s: no free name for a bundle", c->req->parent_dir);
	if (begin(c, partial, err) < 0) {
		/* Without a journal it is no beginning of a bundle: nothing is left to be finished.
		 */
		if (c->bundle_fd >= 0) {
			(void)unlinkat(c->bundle_fd, "journal.ndjson", 0);
			(void)unlinkat(c->bundle_fd, "data", AT_REMOVEDIR);
		}
		(void)unlinkat(c->parent_fd, partial, AT_REMOVEDIR);
		return -1;
	}
	same_disk(c);
	within_reach(c);
	return 0;
}
