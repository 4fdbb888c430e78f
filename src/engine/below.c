/* Below the data root: a user's engine may not lead root to what is not that user's. */
#include "engine/below.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/dataroot.h"
#include "kernel/procfs.h"

enum { NAME_OCTETS = 256, MAP_OCTETS = 64 << 10, STATUS_OCTETS = 64 << 10 };

struct kan_uids *kan_uids_new(uint32_t own, struct kan_bytes map, struct kan_bytes groups)
{
	if (own == 0)
		return NULL;
	struct kan_uids *u = kan_xalloc(sizeof(*u));
	u->own = own;
	kan_idmap_parse(&u->uid, map);
	kan_idmap_parse(&u->gid, groups);
	return u;
}

bool kan_uids_has(const struct kan_uids *u, uint32_t uid)
{
	if (uid == 0)
		return false;
	return uid == u->own || (!kan_idmap_has(&u->uid, 0) && kan_idmap_has(&u->uid, uid));
}

int kan_uids_of(struct kan_uids **out, int pid_dir, struct kan_err *err)
{
	kan_auto_buf struct kan_buf status = KAN_BUF(STATUS_OCTETS), map = KAN_BUF(MAP_OCTETS),
				    groups = KAN_BUF(MAP_OCTETS);
	struct kan_proc_status s;
	if (kan_proc_read(&status, pid_dir, "status", err) < 0 ||
	    kan_proc_status_parse(&s, kan_buf_bytes(&status), err) < 0 ||
	    kan_proc_read(&map, pid_dir, "uid_map", err) < 0 ||
	    kan_proc_read(&groups, pid_dir, "gid_map", err) < 0)
		return -1;
	*out = kan_uids_new(s.uid[1], kan_buf_bytes(&map), kan_buf_bytes(&groups));
	return 0;
}

int kan_below_owned(const struct kan_target *t, int fd, const char *what, struct kan_err *err)
{
	struct stat st;
	if (!t->uids)
		return 0;
	if (fstat(fd, &st) < 0)
		return kan_fail_sys(err, "%.200s", what);
	if (!kan_uids_has(t->uids, st.st_uid))
		return kan_fail(err, KAN_EREFUSED,
				"%.200s belongs to uid %u, and the engine is of uid %u", what,
				(unsigned)st.st_uid, (unsigned)t->uids->own);
	return 0;
}

/* The first name on the way, as a directory of the same file system. */
static int first_name(int *dir, const struct kan_target *t, const char *below, size_t n,
		      struct kan_err *err)
{
	char name[NAME_OCTETS];
	struct stat root, st;
	kan_auto_close int fd = -1;
	if (n >= sizeof(name))
		return kan_fail(err, KAN_ELIMIT, "%.64s...: a name too long", below);
	memcpy(name, below, n);
	name[n] = 0;
	if (kan_open_beneath(&fd, t->data_root_fd, name, O_PATH | O_DIRECTORY, 0, err) < 0)
		return -1;
	if (fstat(t->data_root_fd, &root) < 0 || fstat(fd, &st) < 0)
		return kan_fail_sys(err, "%s", name);
	if (st.st_dev != root.st_dev)
		return kan_fail(err, KAN_EREFUSED, "%s: another file system lies there", name);
	if (kan_below_owned(t, fd, name, err) < 0)
		return -1;
	*dir = kan_take_fd(&fd);
	return 0;
}

static int pin_users(int *out, const struct kan_target *t, const char *below, int flags,
		     struct kan_err *err)
{
	kan_auto_close int dir = -1, fd = -1;
	size_t n = strcspn(below, "/");
	const char *rest = below + n + strspn(below + n, "/");
	if (*rest && first_name(&dir, t, below, n, err) < 0)
		return -1;
	if (kan_open_beneath(&fd, *rest ? dir : t->data_root_fd, *rest ? rest : below, flags,
			     RESOLVE_NO_XDEV, err) < 0 ||
	    kan_below_owned(t, fd, below, err) < 0)
		return -1;
	*out = kan_take_fd(&fd);
	return 0;
}

int kan_below_pin(int *fd, const struct kan_target *t, const char *below, int flags,
		  struct kan_err *err)
{
	if (t->uids)
		return pin_users(fd, t, below, flags | O_PATH, err);
	return kan_open_beneath(fd, t->data_root_fd, below, flags | O_PATH, 0, err);
}

int kan_below_beside(struct kan_buf *out, const struct kan_target *t, const char *path,
		     struct kan_err *err)
{
	kan_auto_close int pin = -1;
	if (t->engine_root_fd < 0)
		return kan_fail(err, KAN_EDENIED, "the engine's process is not proven");
	if (kan_open_beneath(&pin, t->engine_root_fd, path, O_PATH | O_NOFOLLOW, 0, err) < 0 ||
	    kan_below_owned(t, pin, path, err) < 0)
		return -1;
	return kan_dataroot_read_pin(out, pin, path, err);
}

int kan_below_file(int *fd, const struct kan_target *t, const char *below, struct kan_err *err)
{
	kan_auto_close int pin = -1;
	return kan_below_pin(&pin, t, below, O_NOFOLLOW, err) < 0
		       ? -1
		       : kan_dataroot_open_pin(fd, pin, below, err);
}

int kan_below_read(struct kan_buf *out, const struct kan_target *t, const char *below,
		   struct kan_err *err)
{
	kan_auto_close int pin = -1;
	return kan_below_pin(&pin, t, below, O_NOFOLLOW, err) < 0
		       ? -1
		       : kan_dataroot_read_pin(out, pin, below, err);
}

int kan_below_words(struct kan_buf *out, const struct kan_target *t, const char *below,
		    struct kan_err *err)
{
	if (kan_below_read(out, t, below, err) < 0)
		return -1;
	if (strlen(kan_buf_str(out)) == out->len)
		return 0;
	return kan_fail(err, KAN_EFORMAT, "%.200s has a NUL in it", below);
}
