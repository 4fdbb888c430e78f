/* Import: a tar that may be anybody's, or a directory, into a place of its own; nothing of it is
 * believed before it was verified there. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "evidence/carry.h"

enum { MODE = 0400, DEPTH_MAX = 16, LAST_MAX = 4096, PATH_OCTETS = 512 };
static const uint64_t reserve = (uint64_t)64 << 20;
static const char bagit[] = "bagit.txt";

struct importing {
	struct kan_carried *c;
	int parent_fd, file;
	char path[PATH_OCTETS]; /* of the file that is open */
	uint64_t left, budget;  /* of this file; of the file system */
	struct kan_buf last;    /* bagit.txt */
	bool in_last;
};

static void partial_name(char out[KAN_BAG_NAME + 32], const struct kan_carried *c)
{
	(void)snprintf(out, KAN_BAG_NAME + 32, "%s%s", c->bundle, KAN_CARRIED);
}

/* Ours, a few levels deep: whatever else is there stays, and so does its directory. */
static void remove_below(int fd, int depth)
{
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	if (d)
		rewinddir(d);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0 || depth >= DEPTH_MAX)
			continue;
		kan_auto_close int sub =
			openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			remove_below(sub, depth + 1);
		(void)unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	if (d)
		(void)closedir(d);
	else if (again >= 0)
		(void)close(again);
}

void kan_carry_empty(int dir_fd)
{
	remove_below(dir_fd, 0);
}

void kan_carry_close(struct kan_carried *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

void kan_carry_drop(struct kan_carried *c, int parent_fd)
{
	char name[KAN_BAG_NAME + 32];
	if (c->fd < 0)
		return;
	partial_name(name, c);
	remove_below(c->fd, 0);
	(void)unlinkat(parent_fd, name, AT_REMOVEDIR);
	kan_carry_close(c);
}

int kan_carry_hold(struct kan_carried *c, struct kan_err *err)
{
	if (flock(c->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	int why = errno;
	kan_carry_close(c);
	errno = why;
	return why == EWOULDBLOCK
		       ? kan_fail(err, KAN_EREFUSED, "%s is being imported already", c->bundle)
		       : kan_fail_sys(err, "%s", c->bundle);
}

char *kan_carry_path(const struct kan_carried *c, const char *parent)
{
	struct kan_buf b = KAN_BUF(4096);
	kan_buf_addf(&b, "%s/%s%s", parent, c->bundle, KAN_CARRIED);
	return b.data ? (char *)b.data : kan_xstrdup(parent);
}

/* Made, or what a crash left there emptied. The lock is its owner's life. */
static int make_place(struct kan_carried *c, int parent_fd, struct kan_err *err)
{
	char name[KAN_BAG_NAME + 32];
	partial_name(name, c);
	if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
		return kan_fail_sys(err, "%s", name);
	c->fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->fd < 0)
		return kan_fail_sys(err, "%s", name);
	if (flock(c->fd, LOCK_EX | LOCK_NB) < 0) {
		kan_carry_close(c);
		return errno == EWOULDBLOCK ? kan_fail(err, KAN_EREFUSED,
						       "%s is being imported already", c->bundle)
					    : kan_fail_sys(err, "%s", name);
	}
	remove_below(c->fd, 0);
	return 0;
}

static int take_budget(struct importing *in, struct kan_err *err)
{
	struct statvfs fs;
	if (fstatvfs(in->parent_fd, &fs) < 0)
		return kan_fail_sys(err, "free space");
	uint64_t free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
	in->budget = free_octets > reserve ? free_octets - reserve : 0;
	return 0;
}

static int begin(struct importing *in, const char *top, size_t n, struct kan_err *err)
{
	char name[KAN_BAG_NAME];
	if (n >= sizeof(name))
		return kan_fail(err, KAN_ETAMPER, "a directory that no bundle has");
	memcpy(name, top, n);
	name[n] = 0;
	if (*in->c->bundle)
		return strcmp(name, in->c->bundle) == 0
			       ? 0
			       : kan_fail(err, KAN_ETAMPER, "a second directory beside the bundle");
	if (!kan_name_ok(name) || strchr(name, '.'))
		return kan_fail(err, KAN_ETAMPER, "a directory that no bundle has");
	memcpy(in->c->bundle, name, n + 1);
	return take_budget(in, err) < 0 ? -1 : make_place(in->c, in->parent_fd, err);
}

/* A file that a bundle has, and how large it may be; 0: none. */
static uint64_t cap_of(const char *path)
{
	if (strncmp(path, "data/", 5) == 0)
		return kan_path_ok(path) ? UINT64_MAX : 0;
	if (strncmp(path, "seal/", 5) == 0)
		return kan_proof_is(path + 5) ? KAN_BAG_PROOF_CAP : 0;
	for (size_t i = 0; i < KAN_TAGS; i++)
		if (strcmp(path, kan_tags[i].name) == 0)
			return kan_tags[i].cap;
	return strcmp(path, KAN_TAGMANIFEST) == 0 ? KAN_BAG_TAGMANIFEST_CAP : 0;
}

static int end_file(struct importing *in, struct kan_err *err)
{
	if (in->left)
		return kan_fail(err, KAN_ETAMPER, "%s: less than its header says", in->path);
	in->in_last = false;
	if (in->file < 0)
		return 0;
	int rc = fdatasync(in->file);
	if (close(kan_take_fd(&in->file)) < 0 || rc < 0)
		return kan_fail_sys(err, "%s", in->path);
	return 0;
}

static int make_dirs(struct importing *in, struct kan_err *err)
{
	char dir[sizeof(in->path)];
	(void)snprintf(dir, sizeof(dir), "%s", in->path);
	char *slash = strrchr(dir, '/');
	if (!slash)
		return 0;
	*slash = 0;
	return kan_mkdirs(in->c->fd, dir, err);
}

static int begin_file(struct importing *in, const char *path, uint64_t size, struct kan_err *err)
{
	uint64_t cap = cap_of(path);
	if (strlen(path) >= sizeof(in->path) || cap == 0)
		return kan_fail(err, KAN_ETAMPER, "a file that no bundle has");
	(void)snprintf(in->path, sizeof(in->path), "%s", path);
	if (size > cap)
		return kan_fail(err, KAN_ETAMPER, "%s: %llu octets, over %llu", path,
				(unsigned long long)size, (unsigned long long)cap);
	if (size > in->budget)
		return kan_fail(err, KAN_EIO, "%s: %llu octets, and %llu are free less 64 MiB",
				path, (unsigned long long)size, (unsigned long long)in->budget);
	in->budget -= size;
	in->left = size;
	in->in_last = strcmp(path, bagit) == 0;
	if (in->in_last && in->last.len)
		return kan_fail(err, KAN_ETAMPER, "%s: a second time", path);
	if (in->in_last)
		return 0;
	if (make_dirs(in, err) < 0)
		return -1;
	struct kan_err why = {0};
	if (kan_create(&in->file, in->c->fd, path, MODE, &why) == 0)
		return 0;
	return why.sys == EEXIST ? kan_fail(err, KAN_ETAMPER, "%s: a second time", path)
				 : kan_fail(err, why.code, "%s", why.text);
}

/* bundle/path: the bundle, and behind it the path; NULL: it is neither. */
static const char *split(char out[PATH_OCTETS], struct kan_bytes path)
{
	if (path.n == 0 || path.n >= PATH_OCTETS || memchr(path.p, 0, path.n))
		return NULL;
	memcpy(out, path.p, path.n);
	out[path.n] = 0;
	char *slash = strchr(out, '/');
	return slash && slash != out && slash[1] ? slash + 1 : NULL;
}

static int member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	char text[PATH_OCTETS];
	struct importing *in = arg;
	if (end_file(in, err) < 0)
		return -1;
	if (S_ISDIR(m->mode) && !m->hardlink.n)
		return 1;
	const char *path = split(text, m->path);
	if (!S_ISREG(m->mode) || m->hardlink.n || m->link.n || m->sparse)
		return kan_fail(err, KAN_ETAMPER, "a member that is no plain file");
	if (!path)
		return kan_fail(err, KAN_ETAMPER, "a file outside a bundle");
	if (begin(in, text, (size_t)(path - text) - 1, err) < 0)
		return -1;
	return begin_file(in, path, m->size, err);
}

static int data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct importing *in = arg;
	if (piece.n > in->left)
		return kan_fail(err, KAN_ETAMPER, "%s: more than its header says", in->path);
	in->left -= piece.n;
	if (in->in_last) {
		kan_buf_addb(&in->last, piece);
		return in->last.failed ? kan_fail(err, KAN_ETAMPER, "%s: too large", bagit) : 0;
	}
	return kan_write_all(in->file, piece.p, piece.n, err);
}

/* The directories' entries, deepest last does not matter: each is synced. */
static int sync_below(int fd, int depth, struct kan_err *err)
{
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	int rc = d ? 0 : kan_fail_sys(err, "directory");
	if (d)
		rewinddir(d);
	for (struct dirent *e; rc == 0 && d && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		kan_auto_close int sub =
			openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0 && depth < DEPTH_MAX)
			rc = sync_below(sub, depth + 1, err);
	}
	if (d)
		(void)closedir(d);
	else if (again >= 0)
		(void)close(again);
	return rc == 0 && fsync(fd) < 0 ? kan_fail_sys(err, "sync") : rc;
}

/* bagit.txt makes a bundle of it: it comes when everything else is on the disk. */
static int finish(struct importing *in, struct kan_err *err)
{
	if (end_file(in, err) < 0)
		return -1;
	if (in->c->fd < 0)
		return kan_fail(err, KAN_ETAMPER, "there is no bundle in it");
	if (sync_below(in->c->fd, 0, err) < 0)
		return -1;
	if (in->last.len && kan_put_file(in->c->fd, bagit, MODE, kan_buf_bytes(&in->last), err) < 0)
		return -1;
	return fsync(in->c->fd) < 0 ? kan_fail_sys(err, "%s", in->c->bundle) : 0;
}

static void leave(struct importing *in)
{
	kan_auto_close_fn(&in->file);
	kan_buf_free(&in->last);
}

int kan_carry_in(struct kan_carried *out, int parent_fd, kan_tar_in_fn *in_fn, void *arg,
		 struct kan_err *err)
{
	struct importing in = {
		.c = out, .parent_fd = parent_fd, .file = -1, .last = KAN_BUF(LAST_MAX)};
	struct kan_tar_visit v = {.max_members = KAN_CARRY_MEMBERS,
				  .max_bytes = UINT64_MAX,
				  .member = member,
				  .data = data,
				  .arg = &in};
	*out = (struct kan_carried){.fd = -1};
	int rc = kan_tar_read(in_fn, arg, &v, err);
	if (rc == 0)
		rc = finish(&in, err);
	leave(&in);
	return rc;
}

static int copy_file(struct importing *in, int bag_fd, const char *path, uint8_t *piece,
		     struct kan_err *err)
{
	kan_auto_close int fd = -1;
	uint64_t size = 0;
	if (end_file(in, err) < 0 || kan_bag_open(&fd, &size, bag_fd, path, INT64_MAX, err) < 0 ||
	    begin_file(in, path, size, err) < 0)
		return -1;
	for (;;) {
		ssize_t n = read(fd, piece, KAN_IO_READ);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kan_fail_sys(err, "%s", path);
		if (n == 0)
			return 0;
		if (data((struct kan_bytes){piece, (size_t)n}, in, err) < 0)
			return -1;
	}
}

int kan_carry_copy(struct kan_carried *out, int parent_fd, int bag_fd, const char *name,
		   struct kan_err *err)
{
	struct importing in = {
		.c = out, .parent_fd = parent_fd, .file = -1, .last = KAN_BUF(LAST_MAX)};
	struct kan_carry_list list = {0};
	kan_auto_free uint8_t *piece = kan_io_buffer(KAN_IO_READ);
	*out = (struct kan_carried){.fd = -1};
	if (kan_carry_files(&list, bag_fd, err) < 0)
		return -1;
	int rc = begin(&in, name, strlen(name), err);
	for (size_t i = 0; rc == 0 && i < list.n; i++)
		rc = copy_file(&in, bag_fd, list.path[i], piece, err);
	if (rc == 0)
		rc = finish(&in, err);
	kan_carry_files_free(&list);
	leave(&in);
	return rc;
}

int kan_carry_keep(struct kan_carried *c, int parent_fd, struct kan_err *err)
{
	char name[KAN_BAG_NAME + 32];
	struct stat st;
	partial_name(name, c);
	int rc = renameat2(parent_fd, name, parent_fd, c->bundle, RENAME_NOREPLACE);
	/* A file system without that flag: the home is ours alone, and its lock is held. */
	if (rc < 0 && errno == EINVAL)
		rc = fstatat(parent_fd, c->bundle, &st, AT_SYMLINK_NOFOLLOW) == 0
			     ? (errno = EEXIST, -1)
			     : renameat(parent_fd, name, parent_fd, c->bundle);
	if (rc < 0 && (errno == EEXIST || errno == ENOTEMPTY))
		return 1;
	if (rc < 0 || fsync(parent_fd) < 0)
		return kan_fail_sys(err, "%s", c->bundle);
	return 0;
}
