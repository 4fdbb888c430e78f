/* The open rule, and a bound on how long a real open may take. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
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
 * One worker with one job slot, handed to and fro by two semaphores: no lock is held when the other
 * is woken. Who waits too long leaves the whole worker behind: it owns its memory then, and frees
 * it when its open comes back, if ever.
 */
enum { IDLE, ASKED, DONE, LEFT, QUIT };
struct worker {
	sem_t go, done;
	_Atomic int state;
	int path_fd; /* the worker's own duplicate */
	int fd;
	bool noatime;
	int rc;
	struct kan_err err;
};

struct kan_tree_opener {
	struct worker *worker;
};

static void free_worker(struct worker *w)
{
	(void)sem_destroy(&w->go);
	(void)sem_destroy(&w->done);
	free(w);
}

/* true: somebody waits for it. */
static bool do_job(struct worker *w)
{
	int asked = ASKED;
	w->fd = -1;
	w->err = (struct kan_err){0};
	w->rc = kan_tree_open(&w->fd, &w->noatime, w->path_fd, &w->err);
	(void)close(w->path_fd);
	if (atomic_compare_exchange_strong(&w->state, &asked, DONE))
		return true;
	if (w->fd >= 0)
		(void)close(w->fd);
	return false;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	for (;;) {
		if (sem_wait(&w->go) < 0)
			continue;
		int state = atomic_load(&w->state);
		if (state == LEFT)
			(void)close(w->path_fd);
		if (state != ASKED || !do_job(w))
			break;
		(void)sem_post(&w->done);
	}
	free_worker(w);
	return NULL;
}

static struct worker *new_worker(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	struct worker *w = kan_xalloc(sizeof(*w));
	(void)sem_init(&w->go, 0, 0);
	(void)sem_init(&w->done, 0, 0);
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
		atomic_store(&o->worker->state, QUIT);
		(void)sem_post(&o->worker->go);
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

/* false: the worker was left behind. */
static bool wait_done(struct worker *w)
{
	const struct timespec until = deadline();
	int asked = ASKED;
	while (sem_clockwait(&w->done, CLOCK_MONOTONIC, &until) < 0) {
		if (errno != ETIMEDOUT)
			continue;
		if (atomic_compare_exchange_strong(&w->state, &asked, LEFT))
			return false;
		while (sem_wait(&w->done) < 0) /* done at the last moment: told any time now */
			continue;
		return true;
	}
	return true;
}

int kan_tree_open_bounded(int *fd, bool *noatime, struct kan_tree_opener *o, int path_fd,
			  struct kan_err *err)
{
	if (!o->worker)
		o->worker = new_worker();
	if (!o->worker)
		return kan_fail(err, KAN_EIO, "no thread to be had");
	struct worker *w = o->worker;
	w->path_fd = fcntl(path_fd, F_DUPFD_CLOEXEC, 0);
	if (w->path_fd < 0)
		return kan_fail_sys(err, "open");
	atomic_store(&w->state, ASKED);
	(void)sem_post(&w->go);
	if (!wait_done(w)) {
		o->worker = NULL;
		kan_err_set(err, KAN_EIO, ETIMEDOUT,
			    "open did not return in 2 s; permission mark or storage");
		return -1;
	}
	if (w->rc == 0) {
		*fd = w->fd;
		*noatime = w->noatime;
	} else if (err) {
		*err = w->err;
	}
	return w->rc;
}
