/* LFS objects: cloned, linked or copied into the store under their digest, and checked there. */
#include "custody/lfs.h"

#include "base/clock.h"
#include "base/file.h"
#include "custody/files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TMP_NAME = 64 };

static const char tmp_dir[] = "lfs/tmp";
static const char tmp_prefix[] = "kanshiki-";

void kan_lfs_path(char out[KAN_LFS_PATH], const char *oid)
{
	snprintf(out, KAN_LFS_PATH, "lfs/objects/%.2s/%.2s/%s", oid, oid + 2, oid);
}

int kan_lfs_open(int *fd, int repo_fd, const struct kan_lfs_object *o, struct kan_err *err)
{
	char path[KAN_LFS_PATH];
	kan_auto_close int opened = -1;
	uint64_t size = 0;

	kan_lfs_path(path, o->oid);
	if (kan_files_open(&opened, &size, repo_fd, path, err) < 0)
		return -1;
	if (size != o->size)
		return kan_fail(err, KAN_ETAMPER,
				"%s: object was altered: its size is not its pointer's", path);
	*fd = kan_take_fd(&opened);
	return 0;
}

int kan_lfs_check(int repo_fd, const struct kan_lfs_object *o, struct kan_err *err)
{
	char path[KAN_LFS_PATH], hex[KAN_SHA256_HEX];
	kan_auto_close int fd = -1;
	uint64_t size = 0;

	kan_lfs_path(path, o->oid);
	if (kan_lfs_open(&fd, repo_fd, o, err) < 0 || kan_sha256_fd(hex, &size, fd, err) < 0)
		return -1;
	if (strcmp(hex, o->oid) != 0)
		return kan_fail(err, KAN_ETAMPER, "%s: object was altered", path);
	return 0;
}

/* A file that nobody writes any more: sealed, ours, without any write bit. */
static bool linkable(int src)
{
	struct stat st;

	return fstat(src, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 0277);
}

static int link_fd(int fd, int dirfd, const char *to)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, dirfd, to, AT_SYMLINK_FOLLOW);
}

static int copy(int dst, int src, struct kan_err *err)
{
	kan_auto_free void *buf = kan_io_buffer(KAN_IO_READ);
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(src, buf, KAN_IO_READ, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kan_fail_sys(err, "read");
		if (n == 0)
			return 0;
		if (kan_write_all(dst, buf, (size_t)n, err) < 0)
			return -1;
		at += n;
	}
}

/* The new object's digest is taken from its own bytes, so a source that changes meanwhile cannot
 * lie. */
static int hash_new(char hex[KAN_SHA256_HEX], uint64_t *size, int fd, struct kan_err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return kan_fail_sys(err, "seek");
	return kan_sha256_fd(hex, size, fd, err);
}

static int sync_dirs(int repo_fd, const char *path, struct kan_err *err)
{
	char dir[KAN_LFS_PATH];

	snprintf(dir, sizeof(dir), "%s", path);
	for (int up = 0; up < 3; up++) {
		kan_auto_close int fd = -1;

		*strrchr(dir, '/') = 0;
		fd = openat(repo_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return kan_fail_sys(err, "%s", dir);
	}
	return 0;
}

static int make_dirs(int repo_fd, const char *path, struct kan_err *err)
{
	char dir[KAN_LFS_PATH];

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = 0;
	return kan_mkdirs(repo_fd, dir, err);
}

/* Fill a new file. A clone of a sealed file is that file: it is not hashed again. */
static int fill(struct kan_lfs_object *o, int fd, int src, const char *want, struct kan_err *err)
{
	if (ioctl(fd, FICLONE, src) == 0) {
		if (want) {
			memcpy(o->oid, want, KAN_SHA256_HEX);
			return 0;
		}
	} else if (copy(fd, src, err) < 0) {
		return -1;
	}
	return hash_new(o->oid, &o->size, fd, err);
}

/* Clone or copy into lfs/tmp. tmp is a name below the repository. */
static int make_copy(char tmp[TMP_NAME], struct kan_lfs_object *o, int repo_fd, int src,
		     const char *want, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	int rc;

	/* A remote has no lock of ours: two machines may have the same pid there. */
	snprintf(tmp, TMP_NAME, "%s/%s%d-%lld", tmp_dir, tmp_prefix, (int)getpid(),
		 (long long)kan_now_ns());
	fd = openat(repo_fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd < 0 || fchmod(fd, 0400) < 0)
		return kan_fail_sys(err, "%s", tmp);
	rc = fill(o, fd, src, want, err);
	if (!rc && fsync(fd) < 0)
		rc = kan_fail_sys(err, "%s", tmp);
	if (rc < 0)
		unlinkat(repo_fd, tmp, 0);
	return rc;
}

static int place_copy(struct kan_lfs_object *o, int repo_fd, int src, const char *want,
		      struct kan_err *err)
{
	char tmp[TMP_NAME], path[KAN_LFS_PATH];
	int rc = 0;

	if (make_copy(tmp, o, repo_fd, src, want, err) < 0)
		return -1;
	kan_lfs_path(path, o->oid);
	if (want && strcmp(want, o->oid) != 0)
		rc = kan_fail(err, KAN_ETAMPER, "content is not what its digest says");
	else
		rc = make_dirs(repo_fd, path, err);
	if (!rc && linkat(repo_fd, tmp, repo_fd, path, 0) < 0)
		rc = errno == EEXIST ? kan_lfs_check(repo_fd, o, err)
				     : kan_fail_sys(err, "%s", path);
	unlinkat(repo_fd, tmp, 0);
	return rc < 0 ? -1 : sync_dirs(repo_fd, path, err);
}

/* 1: linked; 0: this file system or this file will not be linked. */
static int try_link(int repo_fd, int src, const char *path, struct kan_err *err)
{
	if (!linkable(src) || link_fd(src, repo_fd, path) < 0)
		return 0;
	if (fsync(src) < 0)
		return kan_fail_sys(err, "%s", path);
	return sync_dirs(repo_fd, path, err) < 0 ? -1 : 1;
}

/* Is cloning possible here? Then the object is an inode of its own, at no cost. */
static bool clones(int repo_fd, int src)
{
	kan_auto_close int fd = openat(repo_fd, tmp_dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);

	return fd >= 0 && ioctl(fd, FICLONE, src) == 0;
}

static int put_sealed(struct kan_lfs_object *o, int repo_fd, int src, const char *want,
		      struct kan_err *err)
{
	char path[KAN_LFS_PATH];
	struct stat there;
	int rc;

	kan_lfs_path(path, want);
	memcpy(o->oid, want, KAN_SHA256_HEX);
	if (fstatat(repo_fd, path, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return kan_lfs_check(repo_fd, o, err);
	if (clones(repo_fd, src))
		return place_copy(o, repo_fd, src, want, err);
	if (make_dirs(repo_fd, path, err) < 0)
		return -1;
	rc = try_link(repo_fd, src, path, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	return place_copy(o, repo_fd, src, want, err);
}

int kan_lfs_put(struct kan_lfs_object *out, int repo_fd, int src, const char *want,
		struct kan_err *err)
{
	struct kan_lfs_object o = {.oid = ""};
	struct stat st;
	int rc;

	if (fstat(src, &st) < 0)
		return kan_fail_sys(err, "stat");
	o.size = (uint64_t)st.st_size;
	if (!o.size) {
		kan_sha256_hex(o.oid, (struct kan_bytes){0});
		if (want && strcmp(want, o.oid) != 0)
			return kan_fail(err, KAN_ETAMPER, "content is not what its digest says");
		*out = o;
		return 0;
	}
	if (kan_mkdirs(repo_fd, tmp_dir, err) < 0)
		return -1;
	rc = want ? put_sealed(&o, repo_fd, src, want, err)
		  : place_copy(&o, repo_fd, src, NULL, err);
	if (!rc)
		*out = o;
	return rc;
}

int kan_lfs_copy(int repo_fd, int src, const struct kan_lfs_object *o, struct kan_err *err)
{
	char path[KAN_LFS_PATH];
	struct kan_lfs_object made = *o;
	struct stat there;

	kan_lfs_path(path, o->oid);
	if (fstatat(repo_fd, path, &there, AT_SYMLINK_NOFOLLOW) == 0)
		return kan_lfs_check(repo_fd, o, err);
	if (kan_mkdirs(repo_fd, tmp_dir, err) < 0)
		return -1;
	return place_copy(&made, repo_fd, src, o->oid, err);
}

void kan_lfs_sweep(int repo_fd)
{
	kan_files_sweep(repo_fd, tmp_dir, tmp_prefix, 0);
}
