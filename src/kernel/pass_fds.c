/* The descriptor tables of all processes, read by a second thread beside pass A. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/passes.h"

enum {
	WORTH_A_THREAD = 64, /* processes: for fewer it is not done before they are */
	NAP_NS = 200000,
};

struct kan_pass_fds {
	pthread_t thread;
	const struct kan_processes_ask *ask;
	struct kan_process *v; /* p->fds, has_fds, frozen_fds are the thread's until it is joined */
	size_t n;
	size_t first;
	_Atomic size_t done; /* so many of v are not the thread's any more */
	int *dirs;           /* of those that were held at its start; -1: not the thread's */
	struct kan_helds held;
	struct kan_processes mine; /* what could not be had, until it is joined */
	uint64_t kept, octets;     /* of all; what of it is the thread's: */
	uint64_t seen, mine_kept, mine_octets, full;
};

struct lost {
	struct kan_pass_fds *f;
	pid_t pid;
};

static void lost(void *arg, int fd, const struct kan_err *why)
{
	const struct lost *of = arg;
	char what[32];
	(void)snprintf(what, sizeof(what), "fd/%d", fd);
	kan_proc_missed(&of->f->mine, of->pid, what, why);
}

static void read_one(struct kan_pass_fds *f, struct kan_process *p, int dir)
{
	struct lost of = {f, p->who.pid};
	const struct kan_fds_room room = {.fds = (size_t)(KAN_PROC_FDS_TOTAL - f->kept),
					  .text = (size_t)(KAN_PROC_LINKS_TOTAL - f->octets),
					  .held = &f->held,
					  .lost = lost,
					  .arg = &of};
	if (!p->who.by || dir < 0)
		return;
	p->has_fds = kan_fds_read(&p->fds, dir, &room, NULL) == 0 && p->fds.n > 0;
	if (!p->has_fds) /* a dead leader, or its end: pass A looks again, and knows which */
		kan_fds_free(&p->fds);
	f->kept += p->fds.n;
	f->octets += p->fds.text.len;
	f->seen += p->fds.seen;
	f->mine_kept += p->fds.n;
	f->mine_octets += p->fds.text.len;
	f->full += p->fds.text_full;
	p->frozen_fds = kan_pass_frozen(f->ask);
}

static void *read_all(void *arg)
{
	struct kan_pass_fds *f = arg;
	for (size_t i = 0; i < f->n; i++) {
		read_one(f, &f->v[i], f->dirs[i]);
		atomic_store(&f->done, i + 1);
	}
	return NULL;
}

struct kan_pass_fds *kan_pass_fds_start(struct kan_processes *all, size_t first,
					const struct kan_processes_ask *ask)
{
	if (all->n - first < WORTH_A_THREAD)
		return NULL;
	struct kan_pass_fds *f = kan_xalloc(sizeof(*f));
	f->ask = ask;
	f->v = all->v + first;
	f->n = all->n - first;
	f->first = first;
	f->dirs = kan_xrealloc(NULL, f->n, sizeof(*f->dirs));
	for (size_t i = 0; i < f->n; i++)
		f->dirs[i] = f->v[i].who.dir;
	f->kept = all->fds_kept;
	f->octets = all->link_bytes;
	f->held = (struct kan_helds){.slots = kan_xalloc(KAN_HELD_SLOTS * sizeof(*f->held.slots)),
				     .shm = all->held.shm,
				     .huge = all->held.huge};
	if (pthread_create(&f->thread, NULL, read_all, f) == 0)
		return f;
	kan_held_free(&f->held);
	free(f->dirs);
	free(f);
	return NULL;
}

void kan_pass_fds_wait(const struct kan_pass_fds *f, size_t index)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	while (atomic_load(&f->done) <= index - f->first)
		(void)nanosleep(&nap, NULL);
}

void kan_pass_fds_join(struct kan_processes *all, struct kan_pass_fds *f)
{
	if (!f)
		return;
	(void)pthread_join(f->thread, NULL);
	all->fds_seen += f->seen;
	all->fds_kept += f->mine_kept;
	all->link_bytes += f->mine_octets;
	for (size_t i = 0; i < f->held.n; i++) {
		kan_held_add(&all->held, &f->held.v[i]);
		f->held.v[i].fd = -1;
	}
	all->held.left_out += f->held.left_out;
	all->links_full += f->full;
	for (size_t i = 0; i < f->mine.n_miss; i++)
		kan_proc_missed(all, f->mine.miss[i].pid, f->mine.miss[i].what,
				&f->mine.miss[i].err);
	all->misses += f->mine.misses - f->mine.n_miss;
	kan_held_free(&f->held);
	free(f->mine.miss);
	free(f->dirs);
	free(f);
}
