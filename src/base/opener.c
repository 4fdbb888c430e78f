/* The open rule, and a bound on how long a real open may take. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/tree.h"

enum { STACK_OCTETS = 128 << 10 };

int kan_tree_pin(int *fd, int dir_fd, struct kan_bytes name, struct kan_err *err)
{
	char text[256];
	if (name.n == 0 || name.n >= sizeof(text))
		return kan_fail(err, KAN_EFORMAT, "a name of %zu bytes", name.n);
	for (size_t i = 0; i < name.n; i++)
		text[i] = (char)name.p[i];
	text[name.n] = 0;
	int got = openat(dir_fd, text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (got < 0)
		return kan_fail_sys(err, "open");
	*fd = got;
	return 0;
}

int kan_tree_open(int *out, bool *noatime, int path_fd, struct kan_err *err)
{
	char self[64];
	struct stat before, after;
	if (fstat(path_fd, &before) < 0)
		return kan_fail_sys(err, "stat");
	if (!S_ISREG(before.st_mode) && !S_ISDIR(before.st_mode))
		return kan_fail(err, KAN_EREFUSED, "neither file nor directory: never opened");
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", path_fd);
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	*noatime = true;
	kan_auto_close int fd = open(self, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM) {
		*noatime = false;
		fd = open(self, flags);
	}
	if (fd < 0)
		return kan_fail_sys(err, "open");
	if (fstat(fd, &after) < 0)
		return kan_fail_sys(err, "stat");
	if (after.st_dev != before.st_dev || after.st_ino != before.st_ino ||
	    (after.st_mode & S_IFMT) != (before.st_mode & S_IFMT))
		return kan_fail(err, KAN_EREFUSED, "another file took its place");
	*out = kan_take_fd(&fd);
	return 0;
}

/*
 * One worker with one job slot. Who waits too long leaves the whole worker behind: it owns its
 * memory then, and frees it when its open comes back, if ever.
 */
struct worker {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int path_fd; /* the worker's own duplicate; -1: no job */
	int fd;
	bool noatime, done, quit, abandoned;
	int rc;
	struct kan_err err;
};

struct kan_tree_opener {
	struct worker *worker;
};

static void free_worker(struct worker *w)
{
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->changed);
	free(w);
}

static void do_job(struct worker *w, int path_fd)
{
	int fd = -1;
	bool noatime = true;
	struct kan_err err = {0};
	(void)pthread_mutex_unlock(&w->lock);
	int rc = kan_tree_open(&fd, &noatime, path_fd, &err);
	(void)close(path_fd);
	(void)pthread_mutex_lock(&w->lock);
	if (w->abandoned && fd >= 0)
		(void)close(fd);
	w->fd = fd;
	w->rc = rc;
	w->noatime = noatime;
	w->err = err;
	w->done = true;
	(void)pthread_cond_broadcast(&w->changed);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	(void)pthread_mutex_lock(&w->lock);
	while (!w->quit && !w->abandoned) {
		if (w->path_fd < 0) {
			(void)pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		int path_fd = w->path_fd;
		w->path_fd = -1;
		do_job(w, path_fd);
	}
	(void)pthread_mutex_unlock(&w->lock);
	free_worker(w);
	return NULL;
}

static struct worker *new_worker(void)
{
	pthread_condattr_t clock;
	pthread_attr_t attr;
	pthread_t thread;
	struct worker *w = kan_xalloc(sizeof(*w));
	w->path_fd = w->fd = -1;
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_OCTETS);
	int failed = pthread_create(&thread, &attr, work, w);
	(void)pthread_attr_destroy(&attr);
	if (failed) {
		free_worker(w);
		return NULL;
	}
	return w;
}

struct kan_tree_opener *kan_tree_opener_new(void)
{
	return kan_xalloc(
		sizeof(struct kan_tree_opener)); /* its thread starts with the first open */
}

void kan_tree_opener_free(struct kan_tree_opener *o)
{
	if (!o)
		return;
	if (o->worker) {
		struct worker *w = o->worker;
		(void)pthread_mutex_lock(&w->lock);
		w->quit = true;
		(void)pthread_cond_broadcast(&w->changed);
		(void)pthread_mutex_unlock(&w->lock);
	}
	free(o);
}

static struct timespec deadline(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += KAN_TREE_OPEN_MS / 1000;
	return t;
}

static int leave_behind(struct kan_tree_opener *o, struct kan_err *err)
{
	struct worker *w = o->worker;
	w->abandoned = true;
	o->worker = NULL;
	(void)pthread_mutex_unlock(&w->lock);
	kan_err_set(err, KAN_EIO, ETIMEDOUT,
		    "open did not return in 2 s; permission mark or storage");
	return -1;
}

int kan_tree_open_bounded(int *fd, bool *noatime, struct kan_tree_opener *o, int path_fd,
			  struct kan_err *err)
{
	if (!o->worker)
		o->worker = new_worker();
	if (!o->worker)
		return kan_fail(err, KAN_EIO, "no thread to be had");
	struct worker *w = o->worker;
	int own = fcntl(path_fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return kan_fail_sys(err, "open");
	struct timespec until = deadline();
	(void)pthread_mutex_lock(&w->lock);
	w->done = false;
	w->path_fd = own;
	(void)pthread_cond_broadcast(&w->changed);
	while (!w->done)
		if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT && !w->done)
			return leave_behind(o, err);
	int rc = w->rc;
	if (rc == 0) {
		*fd = w->fd;
		*noatime = w->noatime;
	} else if (err) {
		*err = w->err;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return rc;
}
