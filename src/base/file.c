/* Our own files, and pseudo files of the kernel. */
#include "base/file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	CHUNK = 64 << 10,
	NAME_OCTETS = 100,
	PATH_OCTETS = 200,
	PATH_PARTS = 8,
	MKDIR_OCTETS = 4096
};

void *kan_io_buffer(size_t n)
{
	void *p = NULL;
	if (posix_memalign(&p, PAGE, n) != 0)
		return kan_xrealloc(NULL, SIZE_MAX,
				    SIZE_MAX); /* ends the process in the one place */
	return p;
}

int kan_write_all(int fd, const void *p, size_t n, struct kan_err *err)
{
	const uint8_t *at = p;
	while (n) {
		ssize_t done = write(fd, at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return kan_fail_sys(err, "write");
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int kan_read_all(struct kan_buf *out, int fd, struct kan_err *err)
{
	kan_auto_free uint8_t *chunk = kan_io_buffer(CHUNK);
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kan_fail_sys(err, "read");
		if (n == 0)
			return 0;
		size_t room = out->max - out->len;
		kan_buf_add(out, chunk, (size_t)n < room ? (size_t)n : room);
		if ((size_t)n > room)
			return kan_fail(err, KAN_ELIMIT, "over %zu bytes", out->max);
	}
}

int kan_read_file(struct kan_buf *out, int dirfd, const char *path, struct kan_err *err)
{
	struct stat st;
	kan_auto_close int pin = openat(dirfd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (pin < 0)
		return kan_fail_sys(err, "%s", path);
	if (fstat(pin, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "%s: not a regular file", path);
	struct stat opened;
	kan_auto_close int fd =
		openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &opened) < 0)
		return kan_fail_sys(err, "%s", path);
	if (opened.st_dev != st.st_dev || opened.st_ino != st.st_ino)
		return kan_fail(err, KAN_EREFUSED, "%s: another file took its place", path);
	return kan_read_all(out, fd, err) < 0 ? kan_wrap(err, "%s", path) : 0;
}

static int resolve(int *out, int dirfd, const char *path, int flags, uint64_t how,
		   struct kan_err *err)
{
	struct open_how h = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC), .resolve = how};
	long fd = syscall(SYS_openat2, dirfd, path, &h, sizeof(h));
	if (fd < 0)
		return kan_fail_sys(err, "%s", path);
	*out = (int)fd;
	return 0;
}

int kan_read_pseudo(struct kan_buf *out, int dirfd, const char *path, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	/* An absolute path is ours or the kernel's, from its root; a relative one stays below
	 * dirfd. */
	if (path[0] == '/' && resolve(&fd, AT_FDCWD, path, O_RDONLY, RESOLVE_NO_SYMLINKS, err) < 0)
		return -1;
	if (path[0] != '/' && kan_open_beneath(&fd, dirfd, path, O_RDONLY, 0, err) < 0)
		return -1;
	return kan_read_all(out, fd, err) < 0 ? kan_wrap(err, "%s", path) : 0;
}

int kan_create(int *out, int dirfd, const char *path, mode_t mode, struct kan_err *err)
{
	kan_auto_close int fd =
		openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return kan_fail_sys(err, "%s", path);
	if (fchmod(fd, mode) < 0)
		return kan_fail_sys(err, "%s", path);
	*out = kan_take_fd(&fd);
	return 0;
}

int kan_put_file(int dirfd, const char *path, mode_t mode, struct kan_bytes content,
		 struct kan_err *err)
{
	kan_auto_close int fd = -1;
	if (kan_create(&fd, dirfd, path, mode, err) < 0)
		return -1;
	if (kan_write_all(fd, content.p, content.n, err) < 0)
		return kan_wrap(err, "%s", path);
	if (fsync(fd) < 0)
		return kan_fail_sys(err, "%s", path);
	return close(kan_take_fd(&fd)) < 0 ? kan_fail_sys(err, "%s", path) : 0;
}

static int put_plain(int dir, const char *name, mode_t mode, struct kan_bytes content,
		     struct kan_err *err)
{
	struct kan_err why = {0};
	if (kan_put_file(dir, name, mode, content, &why) == 0)
		return 0;
	if (why.sys != EEXIST)
		(void)unlinkat(dir, name, 0);
	if (err)
		*err = why;
	return -1;
}

int kan_put_whole(int dirfd, const char *path, mode_t mode, struct kan_bytes content,
		  struct kan_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	kan_auto_free char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	kan_auto_close int at = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	kan_auto_close int fd = -1;
	char self[64];
	if (at < 0)
		return kan_fail_sys(err, "%s", path);
	fd = openat(at, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return put_plain(at, name, mode, content, err);
	if (fchmod(fd, mode) < 0)
		return kan_fail_sys(err, "%s", path);
	if (kan_write_all(fd, content.p, content.n, err) < 0)
		return kan_wrap(err, "%s", path);
	if (fsync(fd) < 0)
		return kan_fail_sys(err, "%s", path);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, at, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	return errno == EEXIST ? kan_fail_sys(err, "%s", path)
			       : put_plain(at, name, mode, content, err);
}

int kan_open_beneath(int *fd, int dirfd, const char *path, int flags, uint64_t extra,
		     struct kan_err *err)
{
	return resolve(fd, dirfd, path, flags,
		       RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | extra, err);
}

int kan_open_in_root(int *fd, int rootfd, struct kan_bytes path, int flags, struct kan_err *err)
{
	if (path.n == 0 || memchr(path.p, 0, path.n))
		return kan_fail(err, KAN_EFORMAT, "a path that is empty or has a NUL");
	kan_auto_free char *text = strndup((const char *)path.p, path.n);
	if (!text)
		return kan_fail_sys(err, "path");
	return resolve(fd, rootfd, text, flags,
		       RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, err);
}

int kan_mkdirs(int dirfd, const char *path, struct kan_err *err)
{
	char part[MKDIR_OCTETS];
	size_t n = strlen(path);
	if (n >= sizeof(part))
		return kan_fail(err, KAN_ELIMIT, "%.64s...: path too long", path);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdirat(dirfd, part, 0700) == 0)
			continue;
		if (errno != EEXIST)
			return kan_fail_sys(err, "%s", part);
		kan_auto_close int fd =
			openat(dirfd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return kan_fail_sys(err, "%s", part);
	}
	return 0;
}

/* Names that a Windows file system keeps for devices: bags travel. */
static bool reserved(const char *name, size_t n)
{
	static const char *const words[] = {"con", "nul", "aux", "prn"};
	const char *dot = memchr(name, '.', n);
	size_t stem = dot ? (size_t)(dot - name) : n;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (stem == 3 && strncmp(name, words[i], 3) == 0)
			return true;
	return stem == 4 && (strncmp(name, "com", 3) == 0 || strncmp(name, "lpt", 3) == 0) &&
	       name[3] >= '0' && name[3] <= '9';
}

static bool part_ok(const char *name, size_t n)
{
	if (n == 0 || n > NAME_OCTETS || name[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!first && (i == 0 || (c != '.' && c != '_' && c != '-')))
			return false;
	}
	return !reserved(name, n);
}

bool kan_name_ok(const char *component)
{
	return part_ok(component, strlen(component));
}

bool kan_path_ok(const char *path)
{
	size_t parts = 0;
	if (strlen(path) > PATH_OCTETS)
		return false;
	for (const char *at = path;; at++) {
		size_t n = strcspn(at, "/");
		if (!part_ok(at, n) || ++parts > PATH_PARTS)
			return false;
		at += n;
		if (!*at)
			return true;
	}
}
