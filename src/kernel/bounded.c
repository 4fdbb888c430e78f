/* Work that may block in the kernel, done by a thread that can be left behind. */
#include "kernel/bounded.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_OCTETS = 256 << 10, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

/* Who waits too long leaves the whole worker behind: it owns its memory and its job then. */
struct worker {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct kan_bounded_work what;
	int64_t begun_ns;
	bool waits, done, quit, abandoned; /* waits: what has not been begun */
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
	w->waits = false;
	(void)pthread_mutex_unlock(&w->lock);
	w->what.work(w->what.job); /* what stays as it is until this is done */
	(void)pthread_mutex_lock(&w->lock);
	if (w->abandoned)
		w->what.drop(w->what.job);
	w->done = true;
	(void)pthread_cond_broadcast(&w->changed);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	(void)pthread_mutex_lock(&w->lock);
	while (!w->quit && !w->abandoned) {
		if (w->waits)
			do_job(w);
		else
			(void)pthread_cond_wait(&w->changed, &w->lock);
	}
	if (w->waits) /* left behind before it had begun */
		w->what.drop(w->what.job);
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
	unsigned ms = w->what.ms;
	if (w->what.salvage)
		w->what.salvage(w->what.job);
	w->abandoned = true;
	b->worker = NULL;
	(void)pthread_mutex_unlock(&w->lock);
	kan_err_set(err, KAN_EIO, ETIMEDOUT, "blocked for %u ms in the kernel; left behind", ms);
	return -1;
}

int64_t kan_bounded_now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct timespec deadline(int64_t began_ns, unsigned ms)
{
	int64_t at = began_ns + (int64_t)ms * NS_PER_MS;
	return (struct timespec){.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S};
}

/* A step that began later has its own time. */
static bool too_late(struct timespec *until, const struct kan_bounded_work *what)
{
	int64_t began = what->began_ns ? *what->began_ns : 0;
	if (began + (int64_t)what->ms * NS_PER_MS <= kan_bounded_now())
		return true;
	*until = deadline(began, what->ms);
	return false;
}

int kan_bounded_begin(struct kan_bounded *b, const struct kan_bounded_work *what,
		      struct kan_err *err)
{
	if (!b->worker)
		b->worker = new_worker();
	if (!b->worker)
		return kan_fail(err, KAN_ELIMIT, "no thread to be had");
	struct worker *w = b->worker;
	(void)pthread_mutex_lock(&w->lock);
	w->done = false;
	w->what = *what;
	w->begun_ns = kan_bounded_now();
	w->waits = true;
	(void)pthread_cond_broadcast(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
	return 0;
}

int kan_bounded_wait(struct kan_bounded *b, struct kan_err *err)
{
	struct worker *w = b->worker;
	(void)pthread_mutex_lock(&w->lock);
	struct timespec until = deadline(w->begun_ns, w->what.ms);
	while (!w->done)
		if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT &&
		    !w->done && too_late(&until, &w->what))
			return leave_behind(b, err);
	(void)pthread_mutex_unlock(&w->lock);
	return 0;
}

int kan_bounded_run(struct kan_bounded *b, const struct kan_bounded_work *what, struct kan_err *err)
{
	return kan_bounded_begin(b, what, err) < 0 ? -1 : kan_bounded_wait(b, err);
}
