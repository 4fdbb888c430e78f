/* Our own files: by directory descriptor, no link followed, close-on-exec, whole writes. */
#ifndef KAN_BASE_FILE_H
#define KAN_BASE_FILE_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

/* Buffers for bulk reads and writes: page-aligned (unaligned ones read 3x slower). free() it. */
enum { KAN_IO_READ = 256 << 10, KAN_IO_WRITE = 1 << 20 };
void *kan_io_buffer(size_t n);

/* All of it, EINTR and short writes handled. */
int kan_write_all(int fd, const void *p, size_t n, struct kan_err *err);
/* Append what fd gives until end or out->max (then limit). */
int kan_read_all(struct kan_buf *out, int fd, struct kan_err *err);
/* A regular file below dirfd (AT_FDCWD allowed), no symlink in the last component, capped by
 * out->max. */
int kan_read_file(struct kan_buf *out, int dirfd, const char *path, struct kan_err *err);
/* A pseudo file (/proc, /sys): the same without the regular-file rule. No symlink at any component.
 */
int kan_read_pseudo(struct kan_buf *out, int dirfd, const char *path, struct kan_err *err);
/* O_CREAT|O_EXCL|O_NOFOLLOW, mode exactly as given whatever the umask. */
int kan_create(int *fd, int dirfd, const char *path, mode_t mode, struct kan_err *err);
/* Write a new file whole (excl), fsync it. */
int kan_put_file(int dirfd, const char *path, mode_t mode, struct kan_bytes content,
		 struct kan_err *err);
/* The same, and never half of it or nothing under that name, whatever ends us. path: a name, or one
 * in a directory. Where the file system cannot: as kan_put_file, and what an error leaves is
 * removed. */
int kan_put_whole(int dirfd, const char *path, mode_t mode, struct kan_bytes content,
		  struct kan_err *err);
/* openat2 with RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS (+extra); several components. */
int kan_open_beneath(int *fd, int dirfd, const char *path, int flags, uint64_t extra_resolve,
		     struct kan_err *err);
/* openat2 RESOLVE_IN_ROOT|NO_MAGICLINKS|NO_SYMLINKS: an absolute path of the target, below its
 * root. */
int kan_open_in_root(int *fd, int rootfd, struct kan_bytes path, int flags, struct kan_err *err);
/* Directory made below dirfd with mode 0700, every component; existing ones must be directories, no
 * links. */
int kan_mkdirs(int dirfd, const char *path, struct kan_err *err);
/* bundle.md section 1: a component / a path of a bundle. */
bool kan_name_ok(const char *component);
bool kan_path_ok(const char *path);

#endif
