/* Who holds a socket: one table over the descriptors of all members, sorted by inode. */
#include "kernel/owners.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/fds.h"

enum { FIRST = 256, LINK_OCTETS = 64, TASK_OCTETS = 40 };

uint64_t kan_owners_ino(struct kan_bytes link)
{
	static const struct kan_bytes head = KAN_LIT("socket:[");
	uint64_t ino = 0;
	if (link.n < head.n + 2 || memcmp(link.p, head.p, head.n) != 0 || link.p[link.n - 1] != ']')
		return 0;
	for (size_t i = head.n; i + 1 < link.n; i++) {
		uint64_t digit = (uint64_t)link.p[i] - '0';
		if (digit > 9 || ino > (UINT64_MAX - digit) / 10)
			return 0;
		ino = ino * 10 + digit;
	}
	return ino;
}

void kan_owners_add(struct kan_owners *o, uint64_t ino, pid_t pid, int fd)
{
	o->seen++;
	if (o->n >= KAN_OWNERS_MAX)
		return;
	if (o->n == o->cap) {
		o->cap = o->cap ? 2 * o->cap : FIRST;
		o->v = kan_xrealloc(o->v, o->cap, sizeof(*o->v));
	}
	o->v[o->n++] = (struct kan_owner){ino, pid, fd, false};
}

static DIR *open_list(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		(void)close(fd);
	return d;
}

struct holder {
	struct kan_owners *o;
	pid_t pid;
};

static bool look(int fd_dir, const char *name, int fd, void *arg)
{
	const struct holder *h = arg;
	char link[LINK_OCTETS];
	ssize_t n = readlinkat(fd_dir, name, link, sizeof(link));
	uint64_t ino =
		n > 0 ? kan_owners_ino((struct kan_bytes){(const uint8_t *)link, (size_t)n}) : 0;
	if (ino)
		kan_owners_add(h->o, ino, h->pid, fd);
	return n >= 0;
}

static bool read_table(struct kan_owners *o, int dir, const char *path, pid_t pid)
{
	struct holder h = {o, pid};
	return kan_fds_each(dir, path, look, &h, NULL) == 0;
}

/* A dead leader has no table; the threads that live on share one. */
static bool read_thread(struct kan_owners *o, int dir, pid_t pid)
{
	char path[TASK_OCTETS];
	bool read = false;
	DIR *d = open_list(dir, "task");
	for (struct dirent *e; d && !read && (e = readdir(d));) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		size_t before = o->n;
		(void)snprintf(path, sizeof(path), "task/%.16s/fd", e->d_name);
		read = read_table(o, dir, path, pid) && o->n > before;
	}
	if (d)
		(void)closedir(d);
	return read;
}

/* A leader that ended while it was read took what was not read yet with it. */
static bool still_there(int dir, const struct kan_owner *last)
{
	char path[TASK_OCTETS], link[LINK_OCTETS];
	(void)snprintf(path, sizeof(path), "fd/%d", last->fd);
	return readlinkat(dir, path, link, sizeof(link)) >= 0;
}

static void drop(struct kan_owners *o, size_t from, size_t n)
{
	memmove(o->v + from, o->v + from + n, (o->n - from - n) * sizeof(*o->v));
	o->n -= n;
	o->seen -= n;
}

int kan_owners_read(struct kan_owners *o, int dir, pid_t pid, struct kan_err *err)
{
	size_t before = o->n;
	bool read = read_table(o, dir, "fd", pid);
	int sys = errno;
	size_t found = o->n - before;
	if (found && still_there(dir, &o->v[o->n - 1]))
		return 0;
	if (read_thread(o, dir, pid)) {
		if (o->n > before + found)
			drop(o, before, found); /* the thread's table has them again */
		return 0;
	}
	if (found || read)
		return 0;
	kan_err_sys(err, sys, "descriptors of %d", (int)pid);
	return -1;
}

static int by_ino(const void *a, const void *b)
{
	const struct kan_owner *x = a, *y = b;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

void kan_owners_sort(struct kan_owners *o)
{
	if (o->n)
		qsort(o->v, o->n, sizeof(*o->v), by_ino);
}

struct kan_owner *kan_owners_find(size_t *n, const struct kan_owners *o, uint64_t ino)
{
	size_t low = 0, high = o->n;
	*n = 0;
	if (ino == 0)
		return NULL;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (o->v[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + *n < o->n && o->v[low + *n].ino == ino)
		++*n;
	return *n ? &o->v[low] : NULL;
}

void kan_owners_proto(char out[KAN_OWNERS_PROTO], const struct kan_owner *o, int dir)
{
	char path[TASK_OCTETS];
	struct stat st;
	(void)snprintf(path, sizeof(path), "fd/%d", o->fd);
	out[0] = 0;
	kan_auto_close int pin = openat(dir, path, O_PATH | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_ino != o->ino)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", pin);
	ssize_t n = getxattr(path, "system.sockprotoname", out, KAN_OWNERS_PROTO - 1);
	out[n > 0 ? n : 0] = 0;
}

void kan_owners_free(struct kan_owners *o)
{
	free(o->v);
	*o = (struct kan_owners){0};
}
