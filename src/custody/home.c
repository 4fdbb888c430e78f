/* A home: made on first use, refused when others could write to it. */
#include "custody/home.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/self.h"
#include "custody/files.h"
#include "custody/git.h"
#include "custody/lfs.h"
#include "custody/plain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_POLL_MS = 20, STALE_OBJECT_S = 3600 };

static const char repo_config[] = "[core]\n"
				  "\trepositoryformatversion = 0\n"
				  "\tfilemode = true\n"
				  "\tbare = true\n"
				  "\tlogAllRefUpdates = always\n"
				  "\tfsync = all\n"
				  "[gc]\n"
				  "\tauto = 0\n"
				  "[receive]\n"
				  "\tdenyNonFastForwards = true\n"
				  "\tdenyDeletes = true\n";

void kan_home_host(char out[KAN_FORM_HOST])
{
	json_auto_t *host = kan_host_json();
	const char *name = json_string_value(json_object_get(host, "name"));

	kan_form_host(out, name ? name : "");
}

static int make_parents(const char *path, struct kan_err *err)
{
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return kan_fail(err, KAN_EUSAGE, "home: path too long");
	for (char *p = dir + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return kan_fail_sys(err, "home: %s", dir);
		*p = '/';
	}
	return 0;
}

/* The directory that is there: of ours alone, and its resolved name. */
static int open_own(int *fd, char whole[PATH_MAX], const char *path, struct kan_err *err)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return kan_fail(err, KAN_EREFUSED,
				"home %s is a link or no directory: name another with --home",
				path);
	if (*fd < 0 || fstat(*fd, &st) < 0 || !realpath(path, whole))
		return kan_fail_sys(err, "home %s", path);
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return kan_fail(err, KAN_EREFUSED,
				"home %s must be yours alone: chown it, chmod 700", path);
	return 0;
}

int kan_home_look(int *fd, char whole[PATH_MAX], const char *path, struct kan_err *err)
{
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return open_own(fd, whole, path, err) < 0 ? -1 : 1;
}

static int open_home(struct kan_home *h, const char *path, struct kan_err *err)
{
	if (make_parents(path, err) < 0)
		return -1;
	if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != ENOTDIR)
		return kan_fail_sys(err, "home %s", path);
	if (open_own(&h->fd, h->path, path, err) < 0)
		return -1;
	if (snprintf(h->repo, sizeof(h->repo), "%s/custody.git", h->path) >= (int)sizeof(h->repo))
		return kan_fail(err, KAN_EUSAGE, "home: path too long");
	return kan_mkdirs(h->fd, "bundles", err) < 0 || kan_mkdirs(h->fd, "reports", err) < 0 ||
			       kan_mkdirs(h->fd, "keys", err) < 0
		       ? -1
		       : 0;
}

/* The files of an empty bare repository: no hooks, no templates, nothing that is not needed. */
static int fill_repo(int fd, struct kan_err *err)
{
	static const char *const dirs[] = {"objects/info", "objects/pack", "refs/heads",
					   "refs/tags",    "lfs/objects",  "lfs/tmp"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (kan_mkdirs(fd, dirs[i], err) < 0)
			return -1;
	if (kan_put_file(fd, "config", 0600, kan_bytes_of(repo_config), err) < 0 ||
	    kan_put_file(fd, "kanshiki.lock", 0600, (struct kan_bytes){0}, err) < 0 ||
	    kan_put_file(fd, "HEAD", 0600, KAN_LIT("ref: refs/heads/main\n"), err) < 0)
		return -1;
	return fsync(fd) < 0 ? kan_fail_sys(err, "custody.git") : 0;
}

static void discard_repo(int home_fd, const char *name)
{
	static const char *const parts[] = {"/config",
					    "/kanshiki.lock",
					    "/HEAD",
					    "/objects/info",
					    "/objects/pack",
					    "/objects",
					    "/refs/heads",
					    "/refs/tags",
					    "/refs",
					    "/lfs/objects",
					    "/lfs/tmp",
					    "/lfs",
					    ""};
	char path[128];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", name, parts[i]);
		if (unlinkat(home_fd, path, 0) < 0)
			unlinkat(home_fd, path, AT_REMOVEDIR);
	}
}

/* Made aside, then renamed: nobody ever sees half a repository. */
static int make_repo(const struct kan_home *h, struct kan_err *err)
{
	char name[64];
	kan_auto_close int fd = -1;
	int rc;

	snprintf(name, sizeof(name), "custody.git.%d.%" PRId64 ".new", (int)getpid(),
		 kan_boot_ns());
	if (kan_mkdirs(h->fd, name, err) < 0)
		return -1;
	fd = openat(h->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "%s", name);
	rc = fill_repo(fd, err);
	/* A directory that is not empty is never replaced, so plain rename is enough. */
	if (!rc && renameat(h->fd, name, h->fd, "custody.git") == 0)
		return fsync(h->fd) < 0 ? kan_fail_sys(err, "home %s", h->path) : 0;
	if (!rc && errno != EEXIST && errno != ENOTEMPTY)
		rc = kan_fail_sys(err, "%s", h->repo);
	discard_repo(h->fd, name);
	return rc;
}

int kan_home_open(struct kan_home *out, const char *path, struct kan_err *err)
{
	struct kan_home h = {.fd = -1, .repo_fd = -1};
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int rc = open_home(&h, path, err);

	if (!rc) {
		h.repo_fd = openat(h.fd, "custody.git", flags);
		if (h.repo_fd < 0 && errno == ENOENT) {
			rc = make_repo(&h, err);
			if (!rc)
				h.repo_fd = openat(h.fd, "custody.git", flags);
		}
	}
	if (!rc && h.repo_fd < 0)
		rc = kan_fail_sys(err, "%s", h.repo);
	if (!rc)
		rc = kan_plain_repo(h.repo_fd, h.repo, KAN_ETAMPER, err);
	if (rc < 0) {
		kan_home_close(&h);
		return -1;
	}
	*out = h;
	return 0;
}

void kan_home_close(struct kan_home *h)
{
	if (h->repo_fd >= 0)
		close(h->repo_fd);
	if (h->fd >= 0)
		close(h->fd);
	h->repo_fd = h->fd = -1;
}

/* The comment carries the time it was made: the trust line's valid-after. */
static int make_key(struct kan_buf *text, struct kan_err *err)
{
	kan_auto_key struct kan_key *k = NULL;
	char comment[KAN_KEY_COMMENT], host[KAN_FORM_HOST], when[KAN_COMPACT];

	kan_home_host(host);
	kan_compact_utc(when, kan_now_ns());
	snprintf(comment, sizeof(comment), "%s %.8s%.6sZ", host, when, when + 9);
	if (kan_key_generate(&k, comment, err) < 0)
		return -1;
	return kan_key_encode(text, k, err);
}

/* Written aside and linked: a second process finds a whole key or none. */
static int put_once(int dirfd, const char *path, mode_t mode, struct kan_bytes content,
		    struct kan_err *err)
{
	char tmp[128];
	int rc = 0;

	snprintf(tmp, sizeof(tmp), "%s.%d.%" PRId64, path, (int)getpid(), kan_boot_ns());
	if (kan_put_file(dirfd, tmp, mode, content, err) < 0)
		return -1;
	if (linkat(dirfd, tmp, dirfd, path, 0) < 0 && errno != EEXIST)
		rc = kan_fail_sys(err, "%s", path);
	unlinkat(dirfd, tmp, 0);
	return rc;
}

static int make_host_key(const struct kan_home *h, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(4096);
	int rc = make_key(&text, err);

	if (!rc)
		rc = put_once(h->fd, "keys/host", 0600, kan_buf_bytes(&text), err);
	OPENSSL_cleanse(text.data, text.cap);
	return rc;
}

/* keys/host.pub is for people; it is made from the key that is there. */
static int put_public(const struct kan_home *h, const struct kan_key *k, struct kan_err *err)
{
	kan_auto_buf struct kan_buf line = KAN_BUF(1024);
	struct stat st;

	if (fstatat(h->fd, "keys/host.pub", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	kan_key_line(&line, kan_key_blob(k));
	kan_buf_addf(&line, " %s\n", kan_key_comment(k));
	return put_once(h->fd, "keys/host.pub", 0600, kan_buf_bytes(&line), err);
}

int kan_home_key(struct kan_key **out, const struct kan_home *h, struct kan_err *err)
{
	kan_auto_key struct kan_key *k = NULL;
	struct stat st;

	if (fstatat(h->fd, "keys/host", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return kan_fail_sys(err, "keys/host");
		if (make_host_key(h, err) < 0)
			return -1;
	}
	if (kan_key_load(&k, h->fd, "keys/host", NULL, err) < 0 || put_public(h, k, err) < 0)
		return -1;
	*out = kan_take_ptr(k);
	return 0;
}

int kan_home_break_lock(const struct kan_home *h, struct kan_err *err)
{
	if (unlinkat(h->repo_fd, KAN_GIT_BRANCH ".lock", 0) == 0)
		return 1;
	return errno == ENOENT ? 0 : kan_fail_sys(err, "%s/%s.lock", h->repo, KAN_GIT_BRANCH);
}

enum kan_home_locks kan_home_locks(const char *home)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%.4000s/custody.git/kanshiki.lock", home);
	kan_auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return KAN_HOME_WRITES;
	bool died = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0;
	(void)snprintf(path, sizeof(path), "%.4000s/custody.git/" KAN_GIT_BRANCH ".lock", home);
	if (lstat(path, &st) < 0)
		return KAN_HOME_FREE;
	return died ? KAN_HOME_DIED : KAN_HOME_GIT_LEFT;
}

int kan_home_moving(const struct kan_home *h, bool moving, struct kan_err *err)
{
	kan_auto_close int fd =
		openat(h->repo_fd, "kanshiki.lock", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || (moving ? pwrite(fd, "M", 1, 0) != 1 : ftruncate(fd, 0) < 0))
		return kan_fail_sys(err, "%s/kanshiki.lock", h->repo);
	return 0;
}

/* The holder before us died while it moved main: its lock on it is nobody's. */
static int take_over(const struct kan_home *h, int lock, struct kan_err *err)
{
	struct stat st;

	if (fstat(lock, &st) < 0)
		return kan_fail_sys(err, "%s/kanshiki.lock", h->repo);
	if (st.st_size == 0)
		return 0;
	return kan_home_break_lock(h, err) < 0 ? -1 : kan_home_moving(h, false, err);
}

int kan_home_lock(int *fd, const struct kan_home *h, struct kan_err *err)
{
	kan_auto_close int lock = openat(h->repo_fd, "kanshiki.lock",
					 O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	const int64_t until = kan_boot_ns() + (int64_t)KAN_HOME_LOCK_S * 1000000000;
	const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};

	if (lock < 0)
		return kan_fail_sys(err, "%s/kanshiki.lock", h->repo);
	while (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return kan_fail_sys(err, "%s/kanshiki.lock", h->repo);
		if (kan_boot_ns() > until)
			return kan_fail(err, KAN_EIO,
					"%s: another kanshiki writes since %d s: try again",
					h->repo, KAN_HOME_LOCK_S);
		nanosleep(&pause, NULL);
	}
	if (take_over(h, lock, err) < 0)
		return -1;
	kan_lfs_sweep(h->repo_fd);
	kan_files_sweep(h->repo_fd, "objects", "tmp_object_git2_", STALE_OBJECT_S);
	*fd = kan_take_fd(&lock);
	return 0;
}
