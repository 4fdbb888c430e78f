/* Work that may block in the kernel, done by a thread that can be left behind. */
#include "kernel/bounded.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_OCTETS = 256 << 10 };

/* Who waits too long leaves the whole worker behind: it owns its memory and its job then. */
struct worker {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	kan_bounded_fn *work, *drop;
	void *job; /* NULL: none waits */
	bool done, quit, abandoned;
};

struct kan_bounded {
	struct worker *worker;
};

static void free_worker(struct worker *w)
{
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->changed);
	free(w);
}

static void do_job(struct worker *w)
{
	void *job = w->job;
	kan_bounded_fn *work = w->work, *drop = w->drop;
	w->job = NULL;
	(void)pthread_mutex_unlock(&w->lock);
	work(job);
	(void)pthread_mutex_lock(&w->lock);
	if (w->abandoned)
		drop(job);
	w->done = true;
	(void)pthread_cond_broadcast(&w->changed);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	(void)pthread_mutex_lock(&w->lock);
	while (!w->quit && !w->abandoned) {
		if (w->job)
			do_job(w);
		else
			(void)pthread_cond_wait(&w->changed, &w->lock);
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
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attr, STACK_OCTETS);
	int failed = pthread_create(&thread, &attr, run, w);
	(void)pthread_attr_destroy(&attr);
	if (!failed)
		return w;
	free_worker(w);
	return NULL;
}

struct kan_bounded *kan_bounded_new(void)
{
	return kan_xalloc(sizeof(struct kan_bounded));
}

void kan_bounded_free(struct kan_bounded *b)
{
	if (b && b->worker) {
		struct worker *w = b->worker;
		(void)pthread_mutex_lock(&w->lock);
		w->quit = true;
		(void)pthread_cond_broadcast(&w->changed);
		(void)pthread_mutex_unlock(&w->lock);
	}
	free(b);
}

static int leave_behind(struct kan_bounded *b, struct kan_err *err)
{
	struct worker *w = b->worker;
	w->abandoned = true;
	b->worker = NULL;
	(void)pthread_mutex_unlock(&w->lock);
	kan_err_set(err, KAN_EIO, ETIMEDOUT, "blocked for %d s in the kernel; left behind", KAN_BOUNDED_MS / 1000);
	return -1;
}

int kan_bounded_run(struct kan_bounded *b, kan_bounded_fn *work, void *job, kan_bounded_fn *drop, struct kan_err *err)
{
	struct timespec until;
	if (!b->worker)
		b->worker = new_worker();
	if (!b->worker)
		return kan_fail(err, KAN_ELIMIT, "no thread to be had");
	struct worker *w = b->worker;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += KAN_BOUNDED_MS / 1000;
	(void)pthread_mutex_lock(&w->lock);
	w->done = false;
	w->work = work;
	w->drop = drop;
	w->job = job;
	(void)pthread_cond_broadcast(&w->changed);
	while (!w->done)
		if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT && !w->done)
			return leave_behind(b, err);
	(void)pthread_mutex_unlock(&w->lock);
	return 0;
}
