/* What the collector network reads in the pause and right after it: raw, and decoded later. */
#include <unistd.h>

#include "collectors/network.h"
#include "evidence/holders.h"
#include "kernel/bounded.h"
#include "kernel/procfs.h"

enum { PROTOCOLS_MAX = 64 << 10 };

static bool frozen(const void *arg)
{
	return kan_sink_frozen(arg);
}

static void stuck(void *arg)
{
	kan_sink_window_break(arg);
}

/* Who is in them now: what went away stays, its netlink sockets keep it alive. */
static int find(struct kan_network *n, struct kan_err *err)
{
	const struct kan_target *t = n->t;
	const struct kan_members_ask ask = {.proc_fd = t->proc_fd,
					    .init_dir = t->pid_dir,
					    .id = t->id,
					    .cgroup = t->cgroup,
					    .pid_private = t->pid_private,
					    .strangers = &n->strangers};
	uint64_t own = kan_netns_of(t->proc_fd, getpid()), first = kan_netns_of(t->proc_fd, 1);
	kan_members_free(&n->members);
	if (kan_members_find(&n->members, &ask, err) < 0)
		return -1;
	kan_netns_add(&n->list, &n->members, t->pid);
	for (size_t i = 0; i < n->list.n; i++) {
		if (n->spaces[i]) {
			n->spaces[i]->where = n->list.v[i]; /* the task may be another */
			continue;
		}
		uint64_t ino = n->list.v[i].ino;
		n->spaces[i] = kan_xalloc(sizeof(*n->spaces[i]));
		kan_netspace_open(n->spaces[i], &n->list.v[i],
				  t->net_host || ino == own || ino == first);
	}
	return 0;
}

/* In the pause. TCP takes as long as all the rest: of the first namespace it is begun first. */
static int read_all(struct kan_network *n, struct kan_netspace_ask *ask, struct kan_err *err)
{
	if (n->list.n)
		kan_netspace_begin(n->spaces[0], ask);
	int rc = find(n, err);
	for (size_t i = 0; i < n->list.n; i++) {
		if (i)
			kan_netspace_begin(n->spaces[i], ask);
		if (rc == 0)
			kan_netspace_read(n->spaces[i], ask);
		if (i + 1 == n->list.n && !kan_holders_promised(n->sink))
			kan_network_owners(n);
		kan_netspace_finish(n->spaces[i], ask);
	}
	return rc;
}

static void texts(struct kan_network *n, struct kan_netspace_ask *ask)
{
	for (size_t i = 0; i < n->list.n; i++)
		kan_netspace_texts(n->spaces[i], ask);
}

/* Of the host's own network only sockets are the container's. */
static void later(struct kan_network *n, struct kan_netspace_ask *ask)
{
	for (size_t i = 0; i < n->list.n; i++)
		if (!n->spaces[i]->host)
			kan_netspace_later(n->spaces[i], ask);
}

int kan_network_read(struct kan_network *n, struct kan_err *err)
{
	kan_auto_buf struct kan_buf protocols = KAN_BUF(PROTOCOLS_MAX);
	struct kan_err why = {0};
	if (find(n, err) < 0)
		return -1;
	kan_network_engine_open(n);
	if (kan_proc_read(&protocols, n->t->pid_dir, "net/protocols", &why) < 0)
		kan_sink_gap_err(n->sink, KAN_LIT("protocols"), &why);
	struct kan_netspace_ask ask = {.protocols = kan_buf_bytes(&protocols),
				       .frozen = frozen,
				       .stuck = stuck,
				       .arg = n->sink,
				       .worker = kan_bounded_new(),
				       .budget = KAN_NETSPACE_TOTAL};
	if (n->list.n)
		kan_netspace_warm(n->spaces[0], &ask);
	int rc = kan_sink_window_enter(n->sink, 0, 0, err);
	if (rc == 0)
		rc = read_all(n, &ask, err);
	kan_sink_window_leave(n->sink);
	/* The twins say again what the dumps have said, and take as long again. */
	if (rc == 0) {
		kan_network_engine_read(n, &ask);
		later(n, &ask);
		texts(n, &ask);
		kan_network_told_owners(n);
	}
	kan_bounded_free(ask.worker);
	return rc;
}
