/* All processes of a container in memory: members, pass A over all, then pass B; and who started
 * them. */
#include <stdlib.h>

#include "kernel/passes.h"

enum { ANCESTORS_MAX = 256 };

static void release(struct kan_process *p)
{
	kan_auto_close_fn(&p->who.dir);
	p->who.dir = -1;
}

/* One of those for which our descriptors did not suffice. */
static bool hold(struct kan_processes *all, struct kan_process *p,
		 const struct kan_processes_ask *ask)
{
	struct kan_err why = {0};
	p->gone = kan_member_open(&p->who, ask->members.proc_fd, &why) < 0;
	if (p->gone)
		kan_proc_refused(all, p, "stat", &why);
	return !p->gone;
}

/* Of one that was not held, all of it now: it is let go at once. */
static void first_pass(struct kan_processes *all, size_t first, const struct kan_processes_ask *ask)
{
	for (size_t i = first; i < all->n; i++) {
		struct kan_process *p = &all->v[i];
		bool before = kan_pass_frozen(ask), unheld = p->who.dir < 0;
		if (unheld && !hold(all, p, ask))
			continue;
		kan_pass_a(all, p);
		if (unheld)
			kan_pass_a_fds(all, p);
		p->frozen_a = before && kan_pass_frozen(ask);
		if (!unheld)
			continue;
		p->frozen_fds = p->frozen_a;
		release(p);
	}
}

static void second_pass(struct kan_processes *all, size_t first,
			const struct kan_processes_ask *ask, struct kan_pass_fds *tables)
{
	struct kan_bounded *b = kan_bounded_new();
	struct kan_pass_b how = {
		.bounded = b, .ask = ask, .root_fd = ask->root_fd, .tables = tables};
	(void)kan_proc_ns(&how.mntns, ask->members.init_dir, "mnt",
			  NULL); /* gone: every root is looked at by itself */
	kan_pass_b(all, first, &how);
	kan_bounded_free(b);
}

/* What the thread got none of: few processes, dead leaders, the end of one. */
static void rest_of_tables(struct kan_processes *all, size_t first,
			   const struct kan_processes_ask *ask)
{
	for (size_t i = first; i < all->n; i++)
		kan_pass_a_rest(all, &all->v[i], ask);
}

static void passes(struct kan_processes *all, size_t first, const struct kan_processes_ask *ask)
{
	struct kan_pass_fds *tables = kan_pass_fds_start(all, first, ask);
	first_pass(all, first, ask);
	if (!tables)
		rest_of_tables(all, first, ask);
	second_pass(all, first, ask, tables);
	kan_pass_fds_join(all, tables);
	if (tables)
		rest_of_tables(all, first, ask);
	for (size_t i = first; i < all->n; i++)
		release(&all->v[i]);
}

static void start(struct kan_process *p, struct kan_member *m)
{
	*p = (struct kan_process){.who = *m};
	p->raw[KAN_PF_CGROUP] = m->cgroup;
	m->cgroup = p->who.cgroup = (struct kan_buf){0};
	m->dir = -1;
}

int kan_processes_read(struct kan_processes *out, const struct kan_processes_ask *ask,
		       struct kan_err *err)
{
	struct kan_members m = {0};
	struct kan_processes all = {0};
	if (!out->held.slots)
		kan_held_init(&out->held);
	if (kan_members_find(&m, &ask->members, err) < 0)
		return -1;
	all.seen = m.seen;
	all.limit = m.limit;
	all.held = out->held;
	all.v = kan_xalloc((m.n ? m.n : 1) * sizeof(*all.v));
	for (; all.n < m.n; all.n++)
		start(&all.v[all.n], &m.v[all.n]);
	kan_members_free(&m);
	passes(&all, 0, ask);
	*out = all;
	return 0;
}

static int by_pid(const void *key, const void *element)
{
	const pid_t *pid = key;
	const struct kan_process *p = element;
	return (*pid > p->who.pid) - (*pid < p->who.pid);
}

const struct kan_process *kan_processes_find(const struct kan_processes *all, pid_t pid)
{
	return all->n ? bsearch(&pid, all->v, all->n, sizeof(*all->v), by_pid) : NULL;
}

static bool have(const struct kan_processes *list, pid_t pid)
{
	for (size_t i = 0; i < list->n; i++) /* unsorted, and a handful */
		if (list->v[i].who.pid == pid)
			return true;
	return false;
}

/* One parent; its own parent, or 0 when the line ends. */
static pid_t climb(struct kan_processes *out, pid_t pid, int proc_fd, struct kan_bounded *b)
{
	struct kan_member m = {.pid = pid, .dir = -1};
	struct kan_err why = {0};
	struct kan_process *p = &out->v[out->n];
	const struct kan_pass_b how = {.bounded = b, .root_fd = -1, .argv_only = true};
	if (kan_proc_pid_dir(&m.dir, proc_fd, pid, &why) < 0) {
		kan_proc_missed(out, pid, "ancestor", &why);
		return 0;
	}
	out->n++;
	start(p, &m);
	kan_pass_a(out, p); /* not a member: stat alone */
	if (!p->gone) {
		kan_pass_exe(out, p, p->who.dir);
		kan_pass_b(out, out->n - 1, &how);
	}
	release(p);
	return p->gone ? 0 : p->stat.ppid;
}

void kan_processes_ancestors(struct kan_processes *out, const struct kan_processes *all,
			     int proc_fd)
{
	struct kan_processes up = {0};
	struct kan_bounded *b = kan_bounded_new();
	struct kan_err full = {0};
	kan_held_init(&up.held);
	up.v = kan_xalloc(ANCESTORS_MAX * sizeof(*up.v));
	for (size_t i = 0; i < all->n; i++) {
		const struct kan_process *p = &all->v[i];
		pid_t next = p->who.by && !p->gone ? p->stat.ppid : 0;
		/* A stranger of a shared pid namespace is an ancestor as any other. */
		while (next > 0 && up.n < ANCESTORS_MAX && !have(&up, next)) {
			const struct kan_process *member = kan_processes_find(all, next);
			if (member && member->who.by)
				break;
			next = climb(&up, next, proc_fd, b);
		}
	}
	kan_bounded_free(b);
	kan_err_set(&full, KAN_ELIMIT, 0, "over %d ancestors", ANCESTORS_MAX);
	if (up.n == ANCESTORS_MAX)
		kan_proc_missed(&up, 0, "ancestry", &full);
	*out = up;
}

static void free_process(struct kan_process *p)
{
	kan_auto_close_fn(&p->who.dir);
	for (size_t i = 0; i < KAN_PF_COUNT; i++)
		kan_buf_free(&p->raw[i]);
	kan_buf_free(&p->exe.link);
	kan_buf_free(&p->cwd.link);
	kan_buf_free(&p->root.link);
	kan_fds_free(&p->fds);
	free(p->threads);
	free(p->unlinked);
}

void kan_processes_free(struct kan_processes *all)
{
	for (size_t i = 0; i < all->n; i++)
		free_process(&all->v[i]);
	free(all->v);
	free(all->miss);
	kan_held_free(&all->held);
	*all = (struct kan_processes){0};
}
