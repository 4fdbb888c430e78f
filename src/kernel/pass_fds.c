/* The descriptor tables of all processes, read by a second thread beside pass A. */
#include <pthread.h>
#include <stdlib.h>

#include "kernel/passes.h"

enum { WORTH_A_THREAD = 64 }; /* processes: for fewer it is not done before they are */

struct kan_pass_fds {
	pthread_t thread;
	const struct kan_processes_ask *ask;
	struct kan_process *v; /* p->fds, has_fds, frozen_fds are the thread's until it is joined */
	size_t n;
	struct kan_helds held;
	uint64_t kept, octets;
};

static void read_one(struct kan_pass_fds *f, struct kan_process *p)
{
	const struct kan_fds_room room = {.fds = (size_t)(KAN_PROC_FDS_TOTAL - f->kept),
					  .text = (size_t)(KAN_PROC_LINKS_TOTAL - f->octets),
					  .held = &f->held};
	if (!p->who.by)
		return;
	p->has_fds = kan_fds_read(&p->fds, p->who.dir, &room, NULL) == 0 && p->fds.n > 0;
	if (!p->has_fds) /* a dead leader, or its end: pass A looks again, and knows which */
		kan_fds_free(&p->fds);
	f->kept += p->fds.n;
	f->octets += p->fds.text.len;
	p->frozen_fds = kan_pass_frozen(f->ask);
}

static void *read_all(void *arg)
{
	struct kan_pass_fds *f = arg;
	for (size_t i = 0; i < f->n; i++)
		read_one(f, &f->v[i]);
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
	f->kept = all->fds_kept;
	f->octets = all->link_bytes;
	f->held = (struct kan_helds){.slots = kan_xalloc(KAN_HELD_SLOTS * sizeof(*f->held.slots)),
				     .shm = all->held.shm,
				     .huge = all->held.huge};
	if (pthread_create(&f->thread, NULL, read_all, f) == 0)
		return f;
	kan_held_free(&f->held);
	free(f);
	return NULL;
}

void kan_pass_fds_join(struct kan_processes *all, struct kan_pass_fds *f)
{
	if (!f)
		return;
	(void)pthread_join(f->thread, NULL);
	for (size_t i = 0; i < f->n; i++) {
		all->fds_seen += f->v[i].fds.seen;
		all->fds_kept += f->v[i].fds.n;
		all->link_bytes += f->v[i].fds.text.len;
	}
	for (size_t i = 0; i < f->held.n; i++) {
		kan_held_add(&all->held, &f->held.v[i]);
		f->held.v[i].fd = -1;
	}
	all->held.left_out += f->held.left_out;
	kan_held_free(&f->held);
	free(f);
}
