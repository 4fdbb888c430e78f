/* sockets.ndjson of the collector network: one row a socket, with everybody who holds it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/row.h"
#include "collectors/network.h"
#include "kernel/netlink.h"
#include "kernel/seen.h"

enum { PATH_OCTETS = 32, COMM_MAX = 256 };

struct rowing {
	struct kan_network *n;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	const struct kan_net_dump *dump;
	const struct kan_sock_kind *kind;
	struct kan_seen met;
	uint64_t seen, bad, strangers;
	unsigned unable; /* kinds that the kernel cannot tell, by bit */
};

static void list(struct kan_row *r, const char *key, const struct kan_owner *o, size_t kept)
{
	kan_row_arr(r, key);
	for (size_t i = 0; i < kept; i++) {
		kan_row_arr(r, NULL);
		kan_row_int(r, NULL, o[i].pid);
		kan_row_int(r, NULL, o[i].fd);
		kan_row_arr_end(r);
	}
	kan_row_arr_end(r);
}

static void owners(struct kan_row *r, const struct rowing *w, struct kan_owner *o, size_t count)
{
	size_t kept = count < KAN_NETWORK_OWNERS ? count : KAN_NETWORK_OWNERS;
	list(r, "owners", o, kept);
	for (size_t i = 0; i < count; i++)
		o[i].told = true;
	if (kept < count)
		kan_sink_limit(w->n->sink, KAN_LIT("owners of a socket"), count, kept,
			       KAN_NETWORK_OWNERS);
}

/* Who is at the other end: members, or strangers such as an engine behind its docker.sock. */
static void peer(struct kan_row *r, const struct rowing *w, const struct kan_sock *s)
{
	size_t count = 0;
	char path[PATH_OCTETS];
	kan_auto_buf struct kan_buf comm = KAN_BUF(COMM_MAX);
	const struct kan_owner *o = kan_owners_find(&count, &w->n->owners, s->peer_ino);
	bool stranger = !o;
	if (!o)
		o = kan_owners_find(&count, &w->n->peers, s->peer_ino);
	if (!o)
		return;
	list(r, "peer_owners", o, count < KAN_NETWORK_OWNERS ? count : KAN_NETWORK_OWNERS);
	if (!stranger)
		return; /* processes.ndjson has him */
	(void)snprintf(path, sizeof(path), "%d/comm", (int)o->pid);
	if (kan_read_pseudo(&comm, w->n->t->proc_fd, path, NULL) == 0 && comm.len)
		kan_row_bytes(r, "peer_comm", (struct kan_bytes){comm.data, comm.len - 1});
}

/* What we ask through is in the namespace, too. */
static bool ours(const struct kan_netspace *space, uint64_t ino)
{
	for (size_t i = 0; i < KAN_NETSPACE_SOCKETS; i++)
		if (ino && space->own[i] == ino)
			return true;
	return false;
}

static int row(const struct kan_sock *s, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	size_t count = 0;
	struct kan_owner *o = kan_owners_find(&count, &w->n->owners, s->ino);
	w->strangers += w->space->host && w->space != w->n->engine && !count;
	if ((w->space->host && !count) || ours(w->space, s->ino))
		return 0;
	/* The kernel tells a netlink socket that listens to a group twice. */
	if (w->kind->af == AF_NETLINK && !kan_seen_first(&w->met, s->cookie))
		return 0;
	w->seen++;
	if (w->n->rows >= KAN_NETWORK_ROWS)
		return 0;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "netns", w->space->where.ino);
	kan_row_dec(r, "ino", s->ino);
	kan_network_sock(r, s);
	owners(r, w, o, count);
	if (s->has_peer && count)
		peer(r, w, s);
	kan_row_str(r, "source", w->dump->text ? "text" : "sock_diag");
	kan_row_bool(r, "frozen", w->dump->frozen && w->n->owners_frozen);
	w->n->rows++;
	return kan_rows_end(w->rows, err);
}

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	struct kan_sock s;
	(void)type;
	w->bad += kan_sock_parse(&s, w->kind, payload, NULL) < 0;
	return row(&s, w, err);
}

static int rows_of_dump(struct rowing *w, struct kan_err *err)
{
	struct kan_err why = {0};
	struct kan_bytes raw = kan_buf_bytes(&w->dump->raw);
	if (w->dump->text)
		return kan_sock_text(&w->bad, w->kind, raw, row, w, err);
	if (kan_netlink_each(raw, answer, w, &why) == 0)
		return 0;
	w->bad++;
	if (why.code == KAN_EFORMAT)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static int one_kind(struct rowing *w, size_t kind, struct kan_err *err)
{
	char what[KAN_NETWORK_WHAT];
	w->kind = &kan_sock_kinds[kind];
	w->dump = &w->space->socks[kind];
	w->bad = 0;
	if (!w->dump->asked)
		return 0;
	if (w->dump->err.code == KAN_EUNSUPPORTED && !w->kind->text)
		w->unable |= 1U << kind;
	else if (w->dump->err.code != KAN_OK)
		kan_network_gap(w->n, w->space, w->kind->name, w->dump);
	if (rows_of_dump(w, err) < 0)
		return -1;
	if (w->bad)
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, w->kind->name),
			     KAN_GAP_MALFORMED, "%llu answers or lines cannot be parsed",
			     (unsigned long long)w->bad);
	return 0;
}

static int by_pid(const void *key, const void *member)
{
	pid_t a = *(const pid_t *)key, b = ((const struct kan_member *)member)->pid;
	return (a > b) - (a < b);
}

static size_t kind_of(const char *proto)
{
	size_t i = 0;
	if (strcmp(proto, "UNIX-STREAM") == 0)
		proto = "UNIX";
	while (i < KAN_SOCK_KINDS && strcmp(kan_sock_kinds[i].registered, proto) != 0)
		i++;
	return i;
}

/*
 * A member holds it and no dump has it: not bound yet, of a namespace that nobody is in, or of a
 * kind that cannot be asked for. The kernel still says what it is.
 */
static int leftover(struct rowing *w, struct kan_owner *o, size_t count, struct kan_err *err)
{
	char proto[KAN_OWNERS_PROTO] = "";
	const struct kan_members *m = &w->n->members;
	const struct kan_member *who = bsearch(&o->pid, m->v, m->n, sizeof(*m->v), by_pid);
	if (who)
		kan_owners_proto(proto, o, who->dir);
	size_t kind = kind_of(proto);
	if (kind < KAN_SOCK_KINDS && w->unable & 1U << kind) {
		kan_sink_gap(w->n->sink, kan_bytes_of(kan_sock_kinds[kind].name),
			     KAN_GAP_UNSUPPORTED,
			     "this kernel cannot tell these sockets, and a process holds one");
		w->unable &= ~(1U << kind);
	}
	w->seen++;
	if (w->n->rows >= KAN_NETWORK_ROWS)
		return 0;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "ino", o->ino);
	if (kind < KAN_SOCK_KINDS) {
		const struct kan_sock s = {.family = kan_sock_kinds[kind].family,
					   .type = kan_sock_kinds[kind].type,
					   .proto = kan_sock_kinds[kind].proto};
		kan_network_sock(r, &s);
	}
	if (proto[0])
		kan_row_bytes(r, "protocol_name", kan_bytes_of(proto));
	owners(r, w, o, count);
	kan_row_str(r, "source", "fd");
	kan_row_bool(r, "frozen", w->n->owners_frozen);
	w->n->rows++;
	return kan_rows_end(w->rows, err);
}

static int all_rows(struct rowing *w, struct kan_err *err)
{
	struct kan_owners *all = &w->n->owners;
	for (size_t i = 0; i < w->n->list.n; i++) {
		w->space = w->n->spaces[i];
		for (size_t k = 0; k < KAN_SOCK_KINDS; k++)
			if (one_kind(w, k, err) < 0)
				return -1;
	}
	w->space = w->n->engine;
	for (size_t k = 0; w->space && k < KAN_SOCK_KINDS; k++)
		if (one_kind(w, k, err) < 0)
			return -1;
	for (size_t i = 0, count = 0; i < all->n; i += count) {
		struct kan_owner *o = kan_owners_find(&count, all, all->v[i].ino);
		if (!o->told && leftover(w, o, count, err) < 0)
			return -1;
	}
	return 0;
}

int kan_network_sockets(struct kan_network *n, struct kan_err *err)
{
	struct rowing w = {.n = n};
	if (kan_rows_open(&w.rows, n->sink, "sockets.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < n->list.n; i++)
		kan_netspace_split(n->spaces[i]);
	int rc = all_rows(&w, err);
	kan_seen_free(&w.met);
	if (rc < 0) {
		kan_rows_abandon(w.rows);
		return -1;
	}
	if (w.seen > n->rows)
		kan_sink_limit(n->sink, KAN_LIT("sockets"), w.seen, n->rows, KAN_NETWORK_ROWS);
	if (w.strangers)
		kan_sink_scope(n->sink, KAN_LIT("sockets of the host's network"),
			       "no process of the container holds them");
	return kan_rows_close(w.rows, err);
}
