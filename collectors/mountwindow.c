/* Measuring before the pause, and reading all of it at once inside. */
#include "collectors/mountwindow.h"

#include <stdlib.h>

#include "image/mountfiles.h"

enum {
	WINDOW_ENTRIES = 256, /* read inside the pause when there are no more than that */
	WINDOW_OCTETS = 4 << 20,
	WINDOW_MOUNTS = 32, /* each has a reader of its own then */
	STUCK_MAX = 8,      /* then no more mounts are entered */
};

void kan_mountwindow_init(struct kan_mountwindow *c, struct kan_sink *sink, struct kan_plan *plan,
			  struct kan_mountfiles *files)
{
	*c = (struct kan_mountwindow){.sink = sink, .plan = plan, .files = files};
	c->thread = kan_bounded_new();
	c->ahead = kan_xrealloc(NULL, plan->n + 1, sizeof(struct kan_mountread *));
	for (size_t i = 0; i < plan->n; i++)
		c->ahead[i] = NULL;
}

void kan_mountwindow_free(struct kan_mountwindow *c)
{
	for (size_t i = 0; i < c->plan->n; i++)
		kan_mountread_free(c->ahead[i]);
	free(c->ahead);
	kan_bounded_free(c->thread);
}

/* Is it entered for its content, and is nobody else of the same place before it? */
static bool has_content(const struct kan_planned *m)
{
	return m->rule.act > KAN_MOUNT_STAT && m->first == m && !m->through &&
	       m->space->root_fd >= 0;
}

bool kan_mount_only_small(const struct kan_planned *m)
{
	return m->rule.act == KAN_MOUNT_SMALL || m->rule.act == KAN_MOUNT_DIGEST;
}

const struct kan_small kan_mount_bind_limit = {KAN_BIND_ENTRIES, KAN_BIND_OCTETS, KAN_BIND_FILE};
static const struct kan_small window_limit = {WINDOW_ENTRIES, WINDOW_OCTETS, WINDOW_OCTETS};
static const struct kan_small no_limit = {0, 0, 0};

int kan_mountwindow_enter(struct kan_entered *e, struct kan_mountwindow *c,
			  const struct kan_planned *m, struct kan_small limit, struct kan_err *why)
{
	if (c->stuck >= STUCK_MAX)
		return kan_fail(why, KAN_ELIMIT, "%d mounts did not answer; no more are entered",
				STUCK_MAX);
	int rc = kan_enter_mount(e, c->thread, m, limit, why);
	if (rc < 0 && why->sys == ETIMEDOUT) {
		c->stuck++;
		kan_sink_window_break(c->sink);
	}
	return rc;
}

bool kan_mountwindow_fits(struct kan_mountwindow *c, uint64_t *entries, uint64_t *octets)
{
	size_t n = 0;
	for (size_t i = 0; i < c->plan->n; i++) {
		struct kan_planned *m = &c->plan->v[i];
		struct kan_entered e = {.fd = -1};
		struct kan_err why = {0};
		if (!has_content(m))
			continue;
		if (++n > WINDOW_MOUNTS)
			return false;
		if (kan_mountwindow_enter(
			    &e, c, m, kan_mount_only_small(m) ? kan_mount_bind_limit : window_limit,
			    &why) < 0)
			continue; /* told when its turn comes */
		kan_auto_close_fn(&e.fd);
		if (kan_mount_only_small(m))
			m->small = e.size.small ? 1 : -1;
		*entries += m->small < 0 ? 1 : e.size.entries;
		*octets += m->small < 0 ? 0 : e.size.octets;
		if ((!kan_mount_only_small(m) && !e.size.small) || *entries > WINDOW_ENTRIES ||
		    *octets > WINDOW_OCTETS)
			return false;
	}
	return true;
}

void kan_mountwindow_read(struct kan_mountwindow *c)
{
	for (size_t i = 0; i < c->plan->n; i++) {
		struct kan_planned *m = &c->plan->v[i];
		struct kan_entered e = {.fd = -1};
		struct kan_err why = {0};
		if (!has_content(m) || m->small < 0 ||
		    kan_mountwindow_enter(&e, c, m, no_limit, &why) < 0)
			continue;
		(void)kan_mountread_start(&c->ahead[i], c->files, m, m->rule.act, &e, &why);
		kan_auto_close_fn(&e.fd);
	}
	for (size_t i = 0; i < c->plan->n; i++)
		if (c->ahead[i])
			kan_mountread_settle(c->ahead[i]);
}
