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
void kan_procs_look_before(struct kan_procs *c, const struct kan_members *early)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	kan_procs_add_ipc(c, c->t->pid_dir);
	c->before = kan_xalloc((early->n + 1) * sizeof(*c->before));
	for (size_t i = 0; i < early->n; i++) {
		if (!early->v[i].by || early->v[i].dir < 0)
			continue;
		note(c, &early->v[i], &text);
		kan_procs_add_ipc(c, early->v[i].dir);
	}
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
