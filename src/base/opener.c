/* The open rule, and a bound on how long a real open and a read may take. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/tree.h"

enum {
	STACK_OCTETS = 128 << 10,
	CHUNK = 32 << 10,
	ROUND_MS = 1000,
	ROUND_NS = 1000000,
	NS_PER_S = 1000000000
};

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
 * is woken. Who waits too long leaves the whole worker behind: it owns its memory and the job then,
 * and frees both when its open comes back, if ever.
 */
enum { IDLE, ASKED, DONE, LEFT, QUIT };
enum job { OPEN, FIRST, READ, LIST }; /* FIRST: opened, and its first octets read */
struct task {
	enum job job;
	int fd;      /* to be opened, read or listed: the worker has a duplicate of its own */
	size_t most; /* octets to be read, or of names */
	uint64_t at; /* where to read from */
};
struct worker {
	sem_t go, done;
	_Atomic int state;
	struct task task;
	int fd;     /* what was opened */
	bool ended; /* all names are listed */
	struct kan_buf text;
	_Atomic unsigned steps; /* that came back so far: it moves */
	bool noatime;
	int rc;
	struct kan_err err;
};

struct kan_tree_opener {
	struct worker *worker;
	unsigned left; /* behind */
	bool said;     /* that no more is tried */
};

static void free_worker(struct worker *w)
{
	(void)sem_destroy(&w->go);
	(void)sem_destroy(&w->done);
	kan_buf_free(&w->text);
	free(w);
}

static void step(struct worker *w)
{
	(void)atomic_fetch_add(&w->steps, 1);
}

static int read_from(struct worker *w, int fd)
{
	uint8_t chunk[CHUNK];
	while (atomic_load(&w->state) == ASKED && w->text.len < w->task.most) {
		size_t done = w->text.len, left = w->task.most - done;
		ssize_t n =
			pread(fd, chunk, left < CHUNK ? left : CHUNK, (off_t)(w->task.at + done));
		if (n < 0 && errno != EINTR)
			return kan_fail_sys(&w->err, "read");
		if (n == 0)
			break;
		if (n < 0)
			continue;
		kan_buf_add(&w->text, chunk, (size_t)n);
		step(w);
	}
	return 0;
}

/* The place in the directory is that of the caller's descriptor. */
static int list(struct worker *w)
{
	uint8_t chunk[CHUNK];
	w->ended = false;
	while (atomic_load(&w->state) == ASKED && w->text.len + CHUNK <= w->task.most) {
		long n = syscall(SYS_getdents64, w->task.fd, chunk, CHUNK);
		if (n < 0)
			return kan_fail_sys(&w->err, "list");
		w->ended = n == 0;
		if (w->ended)
			break;
		kan_buf_add(&w->text, chunk, (size_t)n);
		step(w);
	}
	return 0;
}

static int open_first(struct worker *w)
{
	if (kan_tree_open(&w->fd, &w->noatime, w->task.fd, &w->err) < 0)
		return -1;
	step(w);
	if (w->task.job == OPEN || read_from(w, w->fd) == 0)
		return 0;
	(void)close(kan_take_fd(&w->fd));
	return -1;
}

static int work_on(struct worker *w)
{
	if (w->task.job == LIST)
		return list(w);
	return w->task.job == READ ? read_from(w, w->task.fd) : open_first(w);
}

/* true: somebody waits for it. */
static bool do_job(struct worker *w)
{
	int asked = ASKED;
	w->fd = -1;
	w->err = (struct kan_err){0};
	w->rc = work_on(w);
	(void)close(w->task.fd);
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
			(void)close(w->task.fd);
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

static struct timespec after_ms(unsigned ms)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / ROUND_MS;
	t.tv_nsec += (long)(ms % ROUND_MS) * ROUND_NS;
	t.tv_sec += t.tv_nsec / NS_PER_S;
	t.tv_nsec %= NS_PER_S;
	return t;
}

bool kan_tree_gave_up(const struct kan_err *err)
{
	return err->code == KAN_ELIMIT && err->sys == ETIMEDOUT;
}

bool kan_tree_gave_up_again(struct kan_tree_opener *o, const struct kan_err *err)
{
	bool again = o->said && kan_tree_gave_up(err);
	o->said |= kan_tree_gave_up(err);
	return again;
}

/* What it is at, of a task that is not done. */
static const char *word_of(enum job job, unsigned steps)
{
	if (job == OPEN || (job == FIRST && steps == 0))
		return "open";
	return job == LIST ? "list" : "read";
}

/* The task is the worker's, which is made when there is none. */
static int ask(struct kan_tree_opener *o, struct task task, struct kan_err *err)
{
	if (o->left >= KAN_TREE_STUCK) {
		kan_err_set(err, KAN_ELIMIT, ETIMEDOUT,
			    "%u did not return in 2 s each: this and what follows was not tried",
			    o->left);
		return -1;
	}
	if (!o->worker)
		o->worker = new_worker();
	if (!o->worker)
		return kan_fail(err, KAN_EIO, "no thread to be had");
	struct worker *w = o->worker;
	task.fd = fcntl(task.fd, F_DUPFD_CLOEXEC, 0);
	if (task.fd < 0)
		return kan_fail_sys(err, "%s", word_of(task.job, 0));
	w->task = task;
	if (w->text.max != task.most)
		kan_buf_free(&w->text);
	w->text.max = task.most;
	kan_buf_reset(&w->text);
	atomic_store(&w->steps, 0);
	atomic_store(&w->state, ASKED);
	(void)sem_post(&w->go);
	return 0;
}

static bool done_within(struct worker *w, unsigned ms)
{
	const struct timespec until = after_ms(ms);
	int rc = 0;
	while ((rc = sem_clockwait(&w->done, CLOCK_MONOTONIC, &until)) < 0 && errno == EINTR)
		continue;
	return rc == 0;
}

/* What goes on is waited for, for as many rounds. false: it is stuck, and the worker was left
 * behind with its buffer and its descriptors. */
static bool wait_for(struct kan_tree_opener *o, struct kan_err *err)
{
	struct worker *w = o->worker;
	enum job job = w->task.job;
	unsigned steps = 0;
	int asked = ASKED;
	for (int rounds = KAN_TREE_READ_MS / KAN_TREE_OPEN_MS; rounds > 0; rounds--) {
		if (done_within(w, KAN_TREE_OPEN_MS))
			return true;
		unsigned before = steps;
		steps = atomic_load(&w->steps);
		if (steps == before)
			break;
	}
	if (!atomic_compare_exchange_strong(&w->state, &asked, LEFT)) {
		while (sem_wait(&w->done) < 0) /* done at the last moment: told any time now */
			continue;
		return true;
	}
	o->worker = NULL;
	o->left++;
	kan_err_set(err, KAN_EIO, ETIMEDOUT, "%s did not return in 2 s; permission mark or storage",
		    word_of(job, steps));
	return false;
}

/* The worker with what it found. NULL: as err. */
static struct worker *run(struct kan_tree_opener *o, struct task task, struct kan_err *err)
{
	if (ask(o, task, err) < 0 || !wait_for(o, err))
		return NULL;
	struct worker *w = o->worker;
	if (w->rc < 0 && err)
		*err = w->err;
	return w->rc < 0 ? NULL : w;
}

/* Its buffer stays with the worker, for the next piece. */
static ssize_t copy(void *to, const struct worker *w)
{
	if (w->text.len)
		memcpy(to, w->text.data, w->text.len);
	return (ssize_t)w->text.len;
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

static void take_opened(int *fd, bool *noatime, struct worker *w)
{
	*fd = kan_take_fd(&w->fd);
	*noatime = w->noatime;
}

int kan_tree_open_bounded(int *fd, bool *noatime, struct kan_tree_opener *o, int path_fd,
			  struct kan_err *err)
{
	struct worker *w = run(o, (struct task){.job = OPEN, .fd = path_fd}, err);
	if (!w)
		return -1;
	take_opened(fd, noatime, w);
	return 0;
}

ssize_t kan_tree_first_bounded(void *to, size_t n, int *fd, bool *noatime,
			       struct kan_tree_opener *o, int path_fd, struct kan_err *err)
{
	struct worker *w = run(o, (struct task){.job = FIRST, .fd = path_fd, .most = n}, err);
	if (!w)
		return -1;
	take_opened(fd, noatime, w);
	return copy(to, w);
}

int kan_tree_read_bounded(struct kan_buf *out, struct kan_tree_opener *o, int fd, size_t most,
			  struct kan_err *err)
{
	if (most == 0)
		return 0;
	struct worker *w = run(o, (struct task){.job = READ, .fd = fd, .most = most}, err);
	if (!w)
		return -1;
	hand_over(out, &w->text);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "over %zu bytes", out->max) : 0;
}

ssize_t kan_tree_piece_bounded(void *to, size_t n, struct kan_tree_opener *o, int fd, uint64_t at,
			       struct kan_err *err)
{
	if (n == 0)
		return 0;
	struct worker *w = run(o, (struct task){READ, fd, n, at}, err);
	return w ? copy(to, w) : -1;
}

int kan_tree_dents_bounded(struct kan_buf *out, bool *ended, struct kan_tree_opener *o, int fd,
			   struct kan_err *err)
{
	kan_buf_reset(out);
	struct worker *w =
		run(o, (struct task){.job = LIST, .fd = fd, .most = KAN_TREE_DENTS}, err);
	if (!w)
		return -1;
	*ended = w->ended;
	hand_over(out, &w->text);
	return 0;
}
