/* The engine's side of the collector network: its namespace, and strangers at the other end of a
 * member's unix socket. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "collectors/network.h"
#include "kernel/netlink.h"
#include "kernel/procfs.h"

static size_t unix_kind(void)
{
	size_t i = 0;
	while (i + 1 < KAN_SOCK_KINDS && kan_sock_kinds[i].af != AF_UNIX)
		i++;
	return i;
}

void kan_network_engine_open(struct kan_network *n)
{
	struct kan_netns *w = &n->engine_where;
	struct kan_err why = {0};
	if (n->t->engine_pid <= 0) {
		kan_sink_gap(n->sink, KAN_LIT("host side"), KAN_GAP_DENIED,
			     "the engine's process is not known, and with it where it is");
		return;
	}
	w->pid = n->t->engine_pid;
	if (kan_proc_pid_dir(&w->dir, n->t->proc_fd, w->pid, &why) < 0 ||
	    kan_proc_ns(&w->ino, w->dir, "net", &why) < 0) {
		kan_sink_gap_err(n->sink, KAN_LIT("host side"), &why);
		return;
	}
	n->engine = kan_xalloc(sizeof(*n->engine));
	kan_netspace_open(n->engine, w, true);
	if (n->engine->closed.code != KAN_OK)
		kan_sink_gap_err(n->sink, KAN_LIT("host side"), &n->engine->closed);
}

void kan_network_engine_read(struct kan_network *n, struct kan_netspace_ask *ask)
{
	if (!n->engine)
		return;
	kan_netspace_links(n->engine, KAN_RT_LINKS, ask);
	/* A connection of the host's belongs to the host's namespace at both ends, also where a
	 * member has accepted it. When it is a member's namespace, too, it was asked already. */
	for (size_t i = 0; i < n->list.n; i++)
		if (n->list.v[i].ino == n->engine_where.ino)
			return;
	kan_netspace_sockets(n->engine, unix_kind(), ask);
}

struct wanted {
	const struct kan_network *n;
	uint64_t *v;
	size_t n_v, cap;
};

static int want_peer(const struct kan_sock *s, struct wanted *w)
{
	size_t mine = 0, theirs = 0;
	(void)kan_owners_find(&mine, &w->n->owners, s->ino);
	if (!s->has_peer || !mine)
		return 0;
	(void)kan_owners_find(&theirs, &w->n->owners, s->peer_ino);
	if (theirs)
		return 0;
	if (w->n_v == w->cap) {
		w->cap = w->cap ? 2 * w->cap : KAN_NETWORK_WHAT;
		w->v = kan_xrealloc(w->v, w->cap, sizeof(*w->v));
	}
	w->v[w->n_v++] = s->peer_ino;
	return 0;
}

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct kan_sock s;
	(void)type;
	if (kan_sock_parse(&s, &kan_sock_kinds[unix_kind()], payload, err) < 0)
		return 0; /* told where rows are made */
	return want_peer(&s, arg);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int by_pid(const void *key, const void *member)
{
	pid_t a = *(const pid_t *)key, b = ((const struct kan_member *)member)->pid;
	return (a > b) - (a < b);
}

struct scan {
	struct kan_network *n;
	const struct wanted *wanted;
	struct kan_owners one; /* of the process in hand */
};

static void keep(struct kan_owners *to, const struct kan_owner *o)
{
	to->seen++;
	if (to->n >= KAN_OWNERS_MAX)
		return;
	if (to->n == to->cap) {
		to->cap = to->cap ? 2 * to->cap : KAN_NETWORK_WHAT;
		to->v = kan_xrealloc(to->v, to->cap, sizeof(*to->v));
	}
	to->v[to->n++] = *o;
}

static int look(pid_t pid, void *arg)
{
	struct scan *s = arg;
	const struct wanted *w = s->wanted;
	const struct kan_members *m = &s->n->members;
	kan_auto_close int dir = -1;
	if (bsearch(&pid, m->v, m->n, sizeof(*m->v), by_pid) ||
	    kan_proc_pid_dir(&dir, s->n->t->proc_fd, pid, NULL) < 0)
		return 0;
	s->one.n = 0;
	(void)kan_owners_read(&s->one, dir, pid, NULL); /* ended, or not ours to see */
	for (size_t i = 0; i < s->one.n; i++)
		if (bsearch(&s->one.v[i].ino, w->v, w->n_v, sizeof(*w->v), by_number))
			keep(&s->n->peers, &s->one.v[i]);
	return 0;
}

/* By links of descriptors alone: nothing of a stranger is opened, and nothing of him is kept but
 * that he holds it. */
void kan_network_peers(struct kan_network *n)
{
	struct wanted w = {.n = n};
	struct scan s = {.n = n, .wanted = &w};
	const size_t kind = unix_kind();
	for (size_t i = 0; i < n->list.n + (n->engine ? 1 : 0); i++) {
		const struct kan_netspace *space = i < n->list.n ? n->spaces[i] : n->engine;
		if (!space->socks[kind].text)
			(void)kan_netlink_each(kan_buf_bytes(&space->socks[kind].raw), answer, &w,
					       NULL);
	}
	if (w.n_v) {
		qsort(w.v, w.n_v, sizeof(*w.v), by_number);
		(void)kan_proc_each(n->t->proc_fd, look, &s, NULL);
		kan_owners_sort(&n->peers);
	}
	kan_owners_free(&s.one);
	free(w.v);
}
