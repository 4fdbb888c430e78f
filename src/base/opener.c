/* The open rule, and a bound on how long a real open and a read may take. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/tree.h"

enum { STACK_OCTETS = 128 << 10, CHUNK = 32 << 10, ROUND_MS = 1000, ROUND_NS = 1000000 };

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
	int given; /* the worker's own duplicate, to be opened or read; -1: no job */
	int fd;
	size_t most; /* to be read; 0: it is to be opened */
	struct kan_buf text;
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
	kan_buf_free(&w->text);
	free(w);
}

/* With the lock; let go while it may block. */
static int open_given(struct worker *w, int given, struct kan_err *err)
{
	int fd = -1;
	bool noatime = true;
	(void)pthread_mutex_unlock(&w->lock);
	int rc = kan_tree_open(&fd, &noatime, given, err);
	(void)pthread_mutex_lock(&w->lock);
	if (w->abandoned && fd >= 0)
		(void)close(fd);
	w->fd = fd;
	w->noatime = noatime;
	return rc;
}

/* The same; what has come so far shows that it moves. */
static int read_given(struct worker *w, int given, struct kan_err *err)
{
	uint8_t chunk[CHUNK];
	while (!w->abandoned && w->text.len < w->most) {
		size_t at = w->text.len, left = w->most - at;
		(void)pthread_mutex_unlock(&w->lock);
		ssize_t n = pread(given, chunk, left < CHUNK ? left : CHUNK, (off_t)at);
		int why = errno;
		(void)pthread_mutex_lock(&w->lock);
		if (n < 0 && why != EINTR) {
			kan_err_sys(err, why, "read");
			return -1;
		}
		if (n == 0)
			break;
		if (n > 0)
			kan_buf_add(&w->text, chunk, (size_t)n);
	}
	return 0;
}

static void do_job(struct worker *w, int given)
{
	struct kan_err err = {0};
	w->rc = w->most ? read_given(w, given, &err) : open_given(w, given, &err);
	w->err = err;
	w->done = true;
	(void)close(given);
	(void)pthread_cond_broadcast(&w->changed);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	(void)pthread_mutex_lock(&w->lock);
	while (!w->quit && !w->abandoned) {
		if (w->given < 0) {
			(void)pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		int given = w->given;
		w->given = -1;
		do_job(w, given);
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
	w->given = w->fd = -1;
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

static struct timespec after_ms(unsigned ms)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / ROUND_MS;
	t.tv_nsec += (long)(ms % ROUND_MS) * ROUND_NS;
	return t;
}

/* The worker keeps its lock, its buffer and its descriptor. */
static int leave_behind(struct kan_tree_opener *o, struct kan_err *err)
{
	struct worker *w = o->worker;
	const char *what = w->most ? "read" : "open";
	w->abandoned = true;
	o->worker = NULL;
	(void)pthread_mutex_unlock(&w->lock);
	kan_err_set(err, KAN_EIO, ETIMEDOUT, "%s did not return in 2 s; permission mark or storage",
		    what);
	return -1;
}

/* A job for the worker, which is made when there is none. 0: it holds the lock. */
static int give(struct kan_tree_opener *o, int fd, size_t most, struct kan_err *err)
{
	if (!o->worker)
		o->worker = new_worker();
	if (!o->worker)
		return kan_fail(err, KAN_EIO, "no thread to be had");
	struct worker *w = o->worker;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return kan_fail_sys(err, "%s", most ? "read" : "open");
	(void)pthread_mutex_lock(&w->lock);
	w->done = false;
	w->given = own;
	w->most = most;
	kan_buf_free(&w->text);
	w->text = KAN_BUF(most);
	(void)pthread_cond_broadcast(&w->changed);
	return 0;
}

/* A read that goes on is waited for, for as many rounds; an open has one. false: it is stuck. */
static bool wait_for(struct worker *w)
{
	size_t before = 0;
	for (int rounds = KAN_TREE_READ_MS / KAN_TREE_OPEN_MS; rounds > 0; rounds--) {
		struct timespec until = after_ms(KAN_TREE_OPEN_MS);
		int rc = 0;
		while (!w->done && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&w->changed, &w->lock, &until);
		if (w->done || w->text.len == before)
			return w->done;
		before = w->text.len;
	}
	return false;
}

int kan_tree_open_bounded(int *fd, bool *noatime, struct kan_tree_opener *o, int path_fd,
			  struct kan_err *err)
{
	if (give(o, path_fd, 0, err) < 0)
		return -1;
	struct worker *w = o->worker;
	if (!wait_for(w))
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

/* Not copied where it need not be: it may be all of a database. */
static void hand_over(struct kan_buf *out, struct kan_buf *text)
{
	if (out->len || text->len > out->max) {
		kan_buf_addb(out, kan_buf_bytes(text));
		return;
	}
	kan_buf_free(out);
	out->data = kan_take_ptr(text->data);
	out->len = text->len;
	out->cap = text->cap;
	*text = KAN_BUF(0);
}

int kan_tree_read_bounded(struct kan_buf *out, struct kan_tree_opener *o, int fd, size_t most,
			  struct kan_err *err)
{
	if (most == 0)
		return 0;
	if (give(o, fd, most, err) < 0)
		return -1;
	struct worker *w = o->worker;
	if (!wait_for(w))
		return leave_behind(o, err);
	int rc = w->rc;
	if (rc == 0)
		hand_over(out, &w->text);
	else if (err)
		*err = w->err;
	(void)pthread_mutex_unlock(&w->lock);
	return rc == 0 && out->failed ? kan_fail(err, KAN_ELIMIT, "over %zu bytes", out->max) : rc;
}
