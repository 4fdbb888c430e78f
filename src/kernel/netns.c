/* Every network namespace that a member or one of its threads is in. */
#include "kernel/netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/members.h"
#include "kernel/procfs.h"

enum { FILE_OCTETS = 64, ALONE = 3 /* links of a task directory with one thread */ };

static bool has_ended(const struct kan_netns *n)
{
	char file[FILE_OCTETS];
	struct stat st;
	(void)snprintf(file, sizeof(file), "%sns/net", n->path);
	return fstatat(n->dir, file, &st, 0) < 0;
}

/* Through this task from now on. */
static bool hold(struct kan_netns *n, uint64_t ino, const struct kan_member *m, const char *path)
{
	int dir = fcntl(m->dir, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return false;
	*n = (struct kan_netns){.ino = ino, .pid = m->pid, .dir = dir};
	(void)snprintf(n->path, sizeof(n->path), "%s", path);
	return true;
}

static void hold_again(struct kan_netns *n, const struct kan_member *m, const char *path)
{
	int old = n->dir;
	if (hold(n, n->ino, m, path))
		kan_auto_close_fn(&old);
}

static void look(struct kan_netns_list *l, const struct kan_member *m, const char *path)
{
	char file[FILE_OCTETS];
	struct stat st;
	(void)snprintf(file, sizeof(file), "%sns/net", path);
	if (fstatat(m->dir, file, &st, 0) < 0)
		return; /* ended */
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].ino != st.st_ino)
			continue;
		if (l->v[i].ended)
			hold_again(&l->v[i], m, path);
		return;
	}
	if (l->n == KAN_NETNS_MAX) {
		(void)kan_seen_first(&l->more, st.st_ino);
	} else if (hold(&l->v[l->n], st.st_ino, m, path)) {
		l->n++;
	} else {
		l->refused_why = errno;
		(void)kan_seen_first(&l->refused, st.st_ino);
	}
}

static void threads(struct kan_netns_list *l, const struct kan_member *m)
{
	char path[KAN_NETNS_PATH];
	struct stat st;
	if (fstatat(m->dir, "task", &st, 0) < 0 || st.st_nlink <= ALONE)
		return;
	int fd = openat(m->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		kan_auto_close_fn(&fd);
		return;
	}
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "task/%.12s/", e->d_name);
		look(l, m, path);
	}
	(void)closedir(d);
}

void kan_netns_add(struct kan_netns_list *out, const struct kan_members *m, pid_t init)
{
	for (size_t i = 0; i < out->n; i++)
		out->v[i].ended = has_ended(&out->v[i]);
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].pid == init)
			look(out, &m->v[i], "");
	for (size_t i = 0; i < m->n; i++) {
		look(out, &m->v[i], "");
		threads(out, &m->v[i]);
	}
}

void kan_netns_free(struct kan_netns_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		kan_auto_close_fn(&l->v[i].dir);
	kan_seen_free(&l->more);
	kan_seen_free(&l->refused);
	l->n = 0;
}

int kan_netns_open(int *fd, const struct kan_netns *n, struct kan_err *err)
{
	char file[FILE_OCTETS];
	struct stat st;
	(void)snprintf(file, sizeof(file), "%sns/net", n->path);
	kan_auto_close int got = openat(n->dir, file, O_RDONLY | O_CLOEXEC);
	if (got < 0 || fstat(got, &st) < 0)
		return kan_fail_sys(err, "network namespace of %d", (int)n->pid);
	if (st.st_ino != n->ino)
		return kan_fail(err, KAN_ENOTFOUND, "%d went into another network namespace",
				(int)n->pid);
	*fd = kan_take_fd(&got);
	return 0;
}

int kan_netns_read(struct kan_buf *out, const struct kan_netns *n, const char *file,
		   struct kan_err *err)
{
	char path[FILE_OCTETS];
	(void)snprintf(path, sizeof(path), "%snet/%.24s", n->path, file);
	return kan_proc_read(out, n->dir, path, err);
}

uint64_t kan_netns_of(int proc_fd, pid_t pid)
{
	kan_auto_close int dir = -1;
	uint64_t ino = 0;
	if (kan_proc_pid_dir(&dir, proc_fd, pid, NULL) == 0)
		(void)kan_proc_ns(&ino, dir, "net", NULL);
	return ino;
}
