/* What is looked at before the pause, so that the pause is short and does not hide what it changes.
 */
#include <stdlib.h>

#include "base/row.h"
#include "collectors/process_parts.h"

enum { STAT_OCTETS = 4096 };

/* A freezer of cgroup v1 shows all that sleeps or is stopped as D. */
struct kan_procs_before {
	pid_t pid;
	uint64_t starttime;
	char state;
};

static void note(struct kan_procs *c, const struct kan_member *m, struct kan_buf *text)
{
	struct kan_proc_stat st;
	if (kan_proc_stat_read(&st, text, m->dir, NULL) == 0)
		c->before[c->n_before++] =
			(struct kan_procs_before){m->pid, st.starttime, st.state};
}

/* The init's namespace first: an mqueue mount that others see too is its own. */
void kan_procs_look_before(struct kan_procs *c)
{
	const struct kan_target *t = c->t;
	const struct kan_members_ask who = {.proc_fd = t->proc_fd,
					    .init_dir = t->pid_dir,
					    .id = t->id,
					    .cgroup = t->cgroup,
					    .pid_private = t->pid_private,
					    .neighbours = !t->pid_private,
					    .learn = &c->strangers};
	struct kan_members m = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	kan_procs_add_ipc(c, t->pid_dir);
	if (kan_members_find(&m, &who, NULL) < 0)
		return; /* in the window it is tried again, and told */
	c->before = kan_xalloc((m.n + 1) * sizeof(*c->before));
	for (size_t i = 0; i < m.n; i++) {
		if (!m.v[i].by)
			continue;
		note(c, &m.v[i], &text);
		kan_procs_add_ipc(c, m.v[i].dir);
	}
	kan_members_free(&m);
}

static int by_pid(const void *key, const void *element)
{
	const pid_t *pid = key;
	const struct kan_procs_before *b = element;
	return (*pid > b->pid) - (*pid < b->pid);
}

void kan_procs_row_before(struct kan_row *r, const struct kan_procs *c, const struct kan_process *p)
{
	const struct kan_procs_before *b =
		p->frozen_a && c->n_before
			? bsearch(&p->who.pid, c->before, c->n_before, sizeof(*c->before), by_pid)
			: NULL;
	if (!b || b->starttime != p->stat.starttime || b->state == p->stat.state)
		return;
	kan_row_str(r, "state_before", (char[]){b->state, 0});
}
