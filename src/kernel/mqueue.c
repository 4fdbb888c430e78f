/* POSIX message queues: the names in an mqueue mount of a process, and the figures of each. */
#include "kernel/mqueue.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "kernel/mountinfo.h"

enum { FIRST = 16 };

struct search {
	struct kan_mqueues *out;
	int root_fd;
	struct kan_err why;
};

/* The table's word counts only when the path leads to that very mount. */
static bool is_mount(int fd, uint64_t id)
{
	struct statx st;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_MNT_ID,
		     &st) == 0 &&
	       st.stx_mask & STATX_MNT_ID && st.stx_mnt_id == id;
}

static int on_mount(const struct kan_mount *m, void *arg, struct kan_err *err)
{
	struct search *s = arg;
	kan_auto_close int fd = -1;
	bool noatime = false;
	struct stat st;
	(void)err;
	if (!kan_bytes_eq(m->fstype, KAN_LIT("mqueue")) || s->out->dir >= 0)
		return 0;
	if (kan_open_in_root(&fd, s->root_fd, m->point, O_PATH | O_DIRECTORY, &s->why) < 0)
		return 0;
	if (!is_mount(fd, (uint64_t)m->id)) {
		kan_err_set(&s->why, KAN_EUNSUPPORTED, 0, "something is mounted over it");
		return 0;
	}
	int dir = -1;
	if (kan_tree_open(&dir, &noatime, fd, &s->why) < 0)
		return 0;
	if (fstat(dir, &st) < 0) {
		kan_err_sys(&s->why, errno, "message queues");
		kan_auto_close_fn(&dir);
		return 0;
	}
	s->out->dir = dir;
	s->out->dev = st.st_dev;
	return 0;
}

int kan_mqueues_open(struct kan_mqueues *out, struct kan_bytes mountinfo, int root_fd,
		     struct kan_err *err)
{
	struct search s = {.out = out, .root_fd = root_fd};
	*out = (struct kan_mqueues){.dir = -1};
	kan_err_set(&s.why, KAN_EUNSUPPORTED, 0, "no mqueue mount is seen");
	if (kan_mountinfo_each(mountinfo, on_mount, &s, err) < 0)
		return -1;
	if (out->dir >= 0)
		return 0;
	if (err)
		*err = s.why;
	return -1;
}

static int figures(struct kan_mqueue *q, int dir, struct kan_err *err)
{
	kan_auto_close int pin = openat(dir, q->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1;
	struct mq_attr a;
	struct stat st;
	bool noatime = false;
	if (pin < 0 || fstat(pin, &st) < 0)
		return kan_fail_sys(err, "message queue");
	q->dev = st.st_dev;
	q->ino = st.st_ino;
	q->mode = st.st_mode;
	q->uid = st.st_uid;
	q->gid = st.st_gid;
	if (kan_tree_open(&fd, &noatime, pin, err) < 0)
		return -1;
	if (syscall(SYS_mq_getsetattr, fd, NULL, &a) < 0)
		return kan_fail_sys(err, "mq_getattr");
	q->known = true;
	q->maxmsg = a.mq_maxmsg;
	q->msgsize = a.mq_msgsize;
	q->curmsgs = a.mq_curmsgs;
	return 0;
}

static void add(struct kan_mqueues *q, const char *name)
{
	struct kan_err why = {0};
	if (++q->seen > KAN_MQUEUES_MAX)
		return;
	if (q->n % FIRST == 0)
		q->v = kan_xrealloc(q->v, q->n + FIRST, sizeof(*q->v));
	struct kan_mqueue *m = &q->v[q->n];
	*m = (struct kan_mqueue){0};
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	int rc = figures(m, q->dir, &why);
	if (rc < 0 && why.code == KAN_ENOTFOUND) {
		q->seen--; /* unlinked meanwhile */
		return;
	}
	q->n++;
	if (rc < 0 && q->err.code == KAN_OK)
		q->err = why;
}

static int by_name(const void *a, const void *b)
{
	const struct kan_mqueue *x = a, *y = b;
	return strcmp(x->name, y->name);
}

void kan_mqueues_read(struct kan_mqueues *q)
{
	int own = q->dir < 0 ? -1 : openat(q->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = own < 0 ? NULL : fdopendir(own);
	if (!d) {
		kan_auto_close_fn(&own);
		return;
	}
	for (struct dirent *e; (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			add(q, e->d_name);
	(void)closedir(d);
	if (q->n)
		qsort(q->v, q->n, sizeof(*q->v), by_name);
}

void kan_mqueues_free(struct kan_mqueues *q)
{
	kan_auto_close_fn(&q->dir);
	free(q->v);
	*q = (struct kan_mqueues){.dir = -1};
}
