/* Pass B over all processes, many at a time: one that blocks is left behind, and the next batch
 * begins after it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/passes.h"

enum {
	BATCH = 64,
	UNHELD = 8,             /* of those that have to be opened anew */
	BATCH_OCTETS = 32 << 20 /* then it ends early: memory is bounded by what all may have */
};

struct batch {
	struct kan_pass_job *v[BATCH];
	struct kan_process *of[BATCH];
	size_t n;
	const struct kan_processes_ask *ask;
	int root; /* own */
	_Atomic int64_t began_ns;
	size_t *reached;      /* of who waits: at, when the thread is left behind */
	pthread_mutex_t lock; /* of what follows */
	size_t at;            /* in hand; those before it are done */
	size_t octets;
	bool closed; /* left behind: nothing more may be begun or told */
};

bool kan_pass_frozen(const struct kan_processes_ask *ask)
{
	return ask && ask->frozen && ask->frozen(ask->arg);
}

/* The next one to be done; NULL: no more. */
static struct kan_pass_job *begin(struct batch *b, bool *frozen)
{
	(void)pthread_mutex_lock(&b->lock);
	bool more = !b->closed && b->at < b->n && b->octets < BATCH_OCTETS;
	struct kan_pass_job *j = more ? b->v[b->at] : NULL;
	if (more)
		*frozen = kan_pass_frozen(b->ask);
	b->began_ns = kan_bounded_now();
	(void)pthread_mutex_unlock(&b->lock);
	return j;
}

static void end(struct batch *b, struct kan_pass_job *j, bool frozen)
{
	(void)pthread_mutex_lock(&b->lock);
	if (!b->closed) {
		b->of[b->at]->frozen_b = frozen && kan_pass_frozen(b->ask);
		b->octets += kan_pass_job_octets(j);
		b->at++;
	}
	(void)pthread_mutex_unlock(&b->lock);
}

static void work(void *arg)
{
	struct batch *b = arg;
	bool frozen = false;
	for (struct kan_pass_job *j; (j = begin(b, &frozen));) {
		kan_pass_job_do(j);
		end(b, j, frozen);
	}
}

static void drop(void *arg)
{
	struct batch *b = arg;
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i])
			kan_pass_job_free(b->v[i]);
	kan_auto_close_fn(&b->root);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

/* Everything that is done; those that were not begun are made anew for the next batch. */
static void take(struct batch *b, bool left_behind)
{
	for (size_t i = 0; i < b->n; i++) {
		if (i < b->at || (left_behind && i == b->at))
			kan_pass_job_take(b->v[i]);
		if (left_behind && i == b->at)
			continue; /* it stays with the thread that has it in hand */
		if (i >= b->at)
			kan_pass_job_back(b->v[i]);
		kan_pass_job_free(b->v[i]);
		b->v[i] = NULL;
	}
}

static void salvage(void *arg)
{
	struct batch *b = arg;
	(void)pthread_mutex_lock(&b->lock);
	b->closed = true;
	*b->reached = b->at;
	take(b, true);
	(void)pthread_mutex_unlock(&b->lock);
}

static bool asks_for(struct kan_processes *all, const struct kan_process *p,
		     const struct kan_pass_b *how)
{
	if (p->gone || kan_process_ended(p) || kan_process_kthread(p) ||
	    (!p->who.by && !how->argv_only))
		return false;
	all->not_tried += all->stuck >= KAN_PROC_STUCK_MAX;
	return all->stuck < KAN_PROC_STUCK_MAX;
}

/* Where there are more than our descriptors can hold, each is opened for its own turn. */
static bool reach(struct kan_processes *all, struct kan_process *p, const struct kan_pass_b *how)
{
	struct kan_err why = {0};
	if (how->tables) {
		kan_pass_fds_wait(how->tables, (size_t)(p - all->v));
		kan_pass_a_rest(all, p, how->ask);
	}
	if (p->who.dir >= 0 || kan_member_open(&p->who, how->ask->members.proc_fd, &why) == 0)
		return true;
	kan_proc_refused(all, p, "memory", &why);
	return false;
}

/* Where in all the batch ends. */
static size_t fill(struct batch *b, struct kan_processes *all, size_t from,
		   const struct kan_pass_b *how)
{
	unsigned unheld = 0;
	b->root = how->root_fd < 0 ? -1 : fcntl(how->root_fd, F_DUPFD_CLOEXEC, 0);
	b->ask = how->ask;
	(void)pthread_mutex_init(&b->lock, NULL);
	for (; from < all->n && b->n < BATCH; from++) {
		struct kan_process *p = &all->v[from];
		p->frozen_b = p->frozen_a; /* when there is nothing to read */
		if (!asks_for(all, p, how))
			continue;
		if (p->who.dir < 0 && unheld++ == UNHELD)
			break;
		if (!reach(all, p, how))
			continue;
		b->of[b->n] = p;
		b->v[b->n++] = kan_pass_job_new(all, p, how->argv_only,
						p->ns[KAN_NS_MNT] == how->mntns ? b->root : -1);
	}
	return from;
}

/* A suspect may have many that block: the first ones are waited for as long as designed. */
static unsigned patience(const struct kan_processes *all)
{
	return all->stuck < KAN_PROC_STUCK_SLOW ? KAN_BOUNDED_MS : KAN_PROC_STUCK_MS;
}

static void one_stuck(struct kan_processes *all, struct kan_process *p,
		      const struct kan_pass_b *how, const struct kan_err *why)
{
	p->stuck = true;
	p->frozen_b = false;
	all->stuck++;
	kan_proc_missed(all, p->who.pid, "memory", why);
	if (how->ask && how->ask->stuck)
		how->ask->stuck(how->ask->arg);
}

/* 0: as many as at are done; -1: blocked in the one at at, or no thread. The batch is gone in every
 * case. */
static int run(struct batch *b, size_t *at, unsigned ms, struct kan_bounded *bounded,
	       struct kan_err *err)
{
	struct kan_bounded_work what = {.job = b,
					.ms = ms,
					.began_ns = &b->began_ns,
					.work = work,
					.drop = drop,
					.salvage = salvage};
	b->reached = at;
	b->began_ns = kan_bounded_now();
	int rc = kan_bounded_run(bounded, &what, err);
	if (rc < 0 && err->sys == ETIMEDOUT)
		return -1;
	*at = b->at;
	take(b, false);
	drop(b);
	return rc;
}

/* Index of the process that the next batch begins with. */
static size_t one_batch(struct kan_processes *all, size_t from, const struct kan_pass_b *how)
{
	struct kan_err why = {0};
	struct kan_process *of[BATCH];
	struct batch *b = kan_xalloc(sizeof(*b));
	size_t to = fill(b, all, from, how), n = b->n, at = 0;
	memcpy(of, b->of, sizeof(of));
	int rc = run(b, &at, patience(all), how->bounded, &why);
	if (rc < 0 && why.sys == ETIMEDOUT && at < n)
		one_stuck(all, of[at++], how, &why);
	for (; rc < 0 && why.sys != ETIMEDOUT && at < n; at++)
		kan_proc_missed(all, of[at]->who.pid, "memory", &why);
	return at < n ? (size_t)(of[at] - all->v) : to;
}

void kan_pass_b(struct kan_processes *all, size_t first, const struct kan_pass_b *how)
{
	for (size_t at = first; at < all->n;)
		at = one_batch(all, at, how);
}
