/* What the collector network reads in the pause: raw, and decoded after it. */
#include <stdio.h>
#include <unistd.h>

#include "collectors/network.h"
#include "kernel/bounded.h"
#include "kernel/procfs.h"

enum { PROTOCOLS_MAX = 64 << 10, TWINS_INSIDE = 1 << 20 };

static bool frozen(const void *arg)
{
	return kan_sink_frozen(arg);
}

static void stuck(void *arg)
{
	kan_sink_window_break(arg);
}

/* 0: unknown. */
static uint64_t net_of(const struct kan_target *t, pid_t pid)
{
	kan_auto_close int dir = -1;
	uint64_t ino = 0;
	if (kan_proc_pid_dir(&dir, t->proc_fd, pid, NULL) == 0)
		(void)kan_proc_ns(&ino, dir, "net", NULL);
	return ino;
}

/* Who is in them now: what went away stays, its netlink sockets keep it alive. */
static int find(struct kan_network *n, struct kan_err *err)
{
	const struct kan_target *t = n->t;
	const struct kan_members_ask ask = {.proc_fd = t->proc_fd,
					    .init_dir = t->pid_dir,
					    .id = t->id,
					    .cgroup = t->cgroup,
					    .pid_private = t->pid_private};
	uint64_t own = net_of(t, getpid()), first = net_of(t, 1);
	kan_members_free(&n->members);
	if (kan_members_find(&n->members, &ask, err) < 0)
		return -1;
	kan_netns_add(&n->list, &n->members);
	for (size_t i = 0; i < n->list.n; i++) {
		if (n->spaces[i])
			continue;
		uint64_t ino = n->list.v[i].ino;
		n->spaces[i] = kan_xalloc(sizeof(*n->spaces[i]));
		kan_netspace_open(n->spaces[i], &n->list.v[i],
				  t->net_host || ino == own || ino == first);
	}
	return 0;
}

static void owners(struct kan_network *n)
{
	n->owners_frozen = kan_sink_frozen(n->sink);
	for (size_t i = 0; i < n->members.n; i++) {
		struct kan_err why = {0};
		char what[KAN_NETWORK_WHAT];
		(void)snprintf(what, sizeof(what), "descriptors of %d", (int)n->members.v[i].pid);
		if (kan_owners_read(&n->owners, n->members.v[i].dir, n->members.v[i].pid, &why) <
			    0 &&
		    why.code != KAN_ENOTFOUND)
			kan_sink_gap_err(n->sink, kan_bytes_of(what), &why);
	}
	kan_owners_sort(&n->owners);
	n->owners_frozen &= kan_sink_frozen(n->sink);
}

/* In the pause. */
static int read_all(struct kan_network *n, struct kan_netspace_ask *ask, struct kan_err *err)
{
	if (find(n, err) < 0)
		return -1;
	for (size_t i = 0; i < n->list.n; i++)
		kan_netspace_read(n->spaces[i], ask);
	owners(n);
	return 0;
}

static void texts(struct kan_network *n, struct kan_netspace_ask *ask)
{
	for (size_t i = 0; i < n->list.n; i++)
		kan_netspace_texts(n->spaces[i], ask);
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
	/* The twins take as long again: of a busy container they are read when it runs. */
	bool busy = KAN_NETSPACE_TOTAL - ask.budget > TWINS_INSIDE;
	if (rc == 0 && !busy)
		texts(n, &ask);
	kan_sink_window_leave(n->sink);
	if (rc == 0 && busy)
		texts(n, &ask);
	for (size_t i = 0; i < n->list.n && rc == 0; i++)
		if (!n->spaces[i]->host)
			kan_netspace_tc(n->spaces[i], &ask);
	kan_network_engine_read(n, &ask);
	kan_bounded_free(ask.worker);
	return rc;
}
