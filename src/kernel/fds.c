/* The descriptor table of a process, without opening what a descriptor names. */
#include "kernel/fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/held.h"

enum { FIRST = 16, LINK_OCTETS = 8192, INFO_OCTETS = 512 };

struct table {
	int fd_dir, info_dir;
	const struct kan_fds_room *room;
	size_t cap;
};

static int64_t value(struct kan_bytes line, const char *key, int base, bool *found)
{
	char text[32];
	size_t n = strlen(key);
	*found = kan_bytes_starts(line, key);
	if (!*found)
		return 0;
	size_t len = line.n - n < sizeof(text) ? line.n - n : sizeof(text) - 1;
	memcpy(text, line.p + n, len);
	text[len] = 0;
	return strtoll(text, NULL, base);
}

void kan_fdinfo_parse(int64_t *pos, int *flags, struct kan_bytes text)
{
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		struct kan_bytes line = {text.p, end ? (size_t)(end - text.p) : text.n};
		bool found = false;
		int64_t v = value(line, "pos:\t", 10, &found);
		if (found)
			*pos = v;
		v = value(line, "flags:\t", 8, &found);
		if (found)
			*flags = (int)v;
		text.n -= line.n + (end ? 1 : 0);
		text.p += line.n + (end ? 1 : 0);
	}
}

static void read_info(struct kan_fd *d, int info_dir, const char *name)
{
	uint8_t text[INFO_OCTETS];
	kan_auto_close int fd = info_dir < 0 ? -1 : openat(info_dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n > 0)
		kan_fdinfo_parse(&d->pos, &d->flags, (struct kan_bytes){text, (size_t)n});
}

/* Of the file itself, through the magic link: DONT_SYNC asks no FUSE or network server. */
static void read_stat(struct kan_fd *d, int fd_dir, const char *name)
{
	struct statx st;
	if (statx(fd_dir, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return;
	d->known = true;
	d->mode = st.stx_mode;
	d->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	d->rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor);
	d->nlink = st.stx_nlink;
	d->ino = st.stx_ino;
	d->size = st.stx_size;
	d->mnt_id = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
}

static void lose(const struct kan_fds_room *room, int fd)
{
	struct kan_err why = {0};
	kan_err_sys(&why, errno, "a file without a name could not be held");
	if (room->lost)
		room->lost(room->arg, fd, &why);
}

static void hold(const struct kan_fds_room *room, const struct kan_fd *d, int fd_dir,
		 const char *name)
{
	struct stat st;
	if (!d->known || !S_ISREG(d->mode) || d->nlink != 0)
		return;
	if (kan_held_find(room->held, d->dev, d->ino) != KAN_HELD_NONE)
		return;
	kan_auto_close int fd = openat(fd_dir, name, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		lose(room, d->fd);
		return;
	}
	if (st.st_dev != d->dev || st.st_ino != d->ino) {
		errno = ESTALE; /* the number became another file's: it was closed meanwhile */
		lose(room, d->fd);
		return;
	}
	struct kan_held file = {.dev = st.st_dev,
				.ino = st.st_ino,
				.size = (uint64_t)st.st_size,
				.fd = kan_take_fd(&fd)};
	kan_held_add(room->held, &file);
}

static struct kan_fd *more(struct kan_fds *f, size_t *cap)
{
	if (f->n == *cap) {
		*cap = *cap ? 2 * *cap : FIRST;
		f->v = kan_xrealloc(f->v, *cap, sizeof(*f->v));
	}
	struct kan_fd *d = &f->v[f->n++];
	*d = (struct kan_fd){.flags = -1};
	return d;
}

/* "socket:[4026]": no file can be called so, as paths begin with a slash. */
static bool is_socket(struct kan_fd *d, struct kan_bytes link)
{
	static const char start[] = "socket:[";
	char text[32], *end = NULL;
	size_t n = sizeof(start) - 1;
	if (!kan_bytes_starts(link, start) || link.n - n >= sizeof(text))
		return false;
	memcpy(text, link.p + n, link.n - n);
	text[link.n - n] = 0;
	d->ino = strtoull(text, &end, 10);
	return strcmp(end, "]") == 0;
}

/* false: no room for its link. */
static bool one(struct kan_fds *f, struct table *t, const char *name)
{
	uint8_t link[LINK_OCTETS];
	ssize_t n = readlinkat(t->fd_dir, name, (char *)link, sizeof(link));
	if (n < 0) { /* closed while we looked; frozen, that cannot be */
		f->seen--;
		return true;
	}
	if (f->text.len + (size_t)n > t->room->text)
		return false;
	struct kan_fd *d = more(f, &t->cap);
	d->fd = (int)strtol(name, NULL, 10);
	d->link_at = f->text.len;
	d->link_n = (uint32_t)n;
	kan_buf_add(&f->text, link, (size_t)n);
	if (is_socket(d, (struct kan_bytes){link, (size_t)n}) && f->sockets++ >= t->room->sockets) {
		f->sockets--;
		f->brief++;
		d->brief = true;
		return true;
	}
	read_stat(d, t->fd_dir, name);
	read_info(d, t->info_dir, name);
	d->memfd = d->known &&
		   kan_held_memfd(t->room->held, d->dev, (struct kan_bytes){link, (size_t)n});
	hold(t->room, d, t->fd_dir, name);
	return true;
}

static int by_fd(const void *a, const void *b)
{
	const struct kan_fd *x = a, *y = b;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

int kan_fds_read(struct kan_fds *out, int dir, const struct kan_fds_room *room, struct kan_err *err)
{
	*out = (struct kan_fds){.text = KAN_BUF(room->text)};
	int list = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = list < 0 ? NULL : fdopendir(list);
	if (!d) {
		(void)kan_fail_sys(err, "fd");
		kan_auto_close_fn(&list);
		return -1;
	}
	kan_auto_close int info = openat(dir, "fdinfo", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct table t = {.fd_dir = list, .info_dir = info, .room = room};
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		out->seen++;
		if (out->n < room->fds && !out->text_full)
			out->text_full = !one(out, &t, e->d_name);
	}
	(void)closedir(d);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_fd);
	return 0;
}

void kan_fds_free(struct kan_fds *f)
{
	free(f->v);
	kan_buf_free(&f->text);
	*f = (struct kan_fds){0};
}

struct kan_bytes kan_fd_link(const struct kan_fds *f, const struct kan_fd *d)
{
	return (struct kan_bytes){f->text.data ? f->text.data + d->link_at : NULL, d->link_n};
}

const char *kan_fd_kind(const struct kan_fds *f, const struct kan_fd *d)
{
	struct kan_bytes link = kan_fd_link(f, d);
	if (d->brief)
		return "socket";
	if (!d->known || kan_bytes_starts(link, "anon_inode:"))
		return "anon";
	switch (d->mode & S_IFMT) {
	case S_IFREG:
		return d->memfd ? "memfd" : "file";
	case S_IFDIR:
		return "dir";
	case S_IFCHR:
		return "chr";
	case S_IFBLK:
		return "blk";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "anon";
	}
}
