/* The wrapped calls: the real ones, until the step is reached. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "fault.h"

/* The linker knows them, no header does. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

static enum fault_kind kind;
static int left;

int __real_openat64(int dir, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_renameat(int from, const char *a, int to, const char *b);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __real_unlinkat(int dir, const char *path, int flags);
int __real_fchmod(int fd, mode_t mode);
int __real_fchmodat(int dir, const char *path, mode_t mode, int flags);
int __real_mkdirat(int dir, const char *path, mode_t mode);
int __real_ftruncate64(int fd, off_t n);

void fault_set(enum fault_kind k, int step)
{
	kind = k;
	left = step;
}

bool fault_hit(void)
{
	return left <= 0;
}

/* true: the call fails with errno set. */
static bool step(void)
{
	if (kind == FAULT_NONE || --left != 0)
		return false;
	if (kind == FAULT_DIE_BEFORE)
		_exit(FAULT_DIED);
	if (kind == FAULT_DIE_TORN)
		return false;
	errno = kind == FAULT_EIO ? EIO : ENOSPC;
	return true;
}

static bool dies_now(void)
{
	return kind == FAULT_DIE_TORN && left == 0;
}

static int done(int rc)
{
	if (dies_now())
		_exit(FAULT_DIED);
	return rc;
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	if (flags & O_CREAT) {
		va_list ap;
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (!(flags & O_CREAT))
		return __real_openat64(dir, path, flags);
	return step() ? -1 : done(__real_openat64(dir, path, flags, mode));
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (step())
		return -1;
	if (dies_now()) {
		(void)__real_write(fd, p, n / 2);
		_exit(FAULT_DIED);
	}
	return __real_write(fd, p, n);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	return step() ? -1 : done(__real_renameat(from, a, to, b));
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	return step() ? -1 : done(__real_renameat2(from, a, to, b, flags));
}

int __wrap_unlinkat(int dir, const char *path, int flags)
{
	return step() ? -1 : done(__real_unlinkat(dir, path, flags));
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return step() ? -1 : done(__real_fchmod(fd, mode));
}

int __wrap_fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	return step() ? -1 : done(__real_fchmodat(dir, path, mode, flags));
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	return step() ? -1 : done(__real_mkdirat(dir, path, mode));
}

int __wrap_ftruncate64(int fd, off_t n)
{
	return step() ? -1 : done(__real_ftruncate64(fd, n));
}

int __wrap_fsync(int fd)
{
	(void)fd;
	return step() ? -1 : done(0);
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	return step() ? -1 : done(0);
}
