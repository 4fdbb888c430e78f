/* sockets.ndjson of the collector network: one row a socket, with everybody who holds it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/netlink.h"

enum { VFS_MINOR_BITS = 20 };

struct rowing {
	struct kan_network *n;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	const struct kan_net_dump *dump;
	const struct kan_sock_kind *kind;
	uint64_t seen, bad, strangers;
	unsigned unable; /* kinds that the kernel cannot tell, by bit */
};

static void hex(struct kan_row *r, const char *key, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(2 * KAN_ROW_PATH_MAX);
	for (size_t i = 0; i < v.n && !text.failed; i++)
		kan_buf_addf(&text, "%02x", v.p[i]);
	if (v.p)
		kan_row_str(r, key, kan_buf_str(&text));
}

static void addresses(struct kan_row *r, const struct kan_sock *s)
{
	if (s->laddr[0])
		kan_row_str(r, "laddr", s->laddr);
	if (s->has_ports)
		kan_row_int(r, "lport", s->lport);
	if (s->raddr[0])
		kan_row_str(r, "raddr", s->raddr);
	if (s->has_ports)
		kan_row_int(r, "rport", s->rport);
	if (s->has_ifindex)
		kan_row_int(r, "ifindex", s->ifindex);
}

static void counters(struct kan_row *r, const struct kan_sock *s)
{
	if (s->has_queues) {
		kan_row_int(r, "rqueue", s->rqueue);
		kan_row_int(r, "wqueue", s->wqueue);
	}
	if (s->has_timer) {
		kan_row_int(r, "timer", s->timer);
		kan_row_int(r, "retrans", s->retrans);
	}
	if (s->has_mark)
		kan_row_int(r, "mark", s->mark);
	if (s->has_shutdown)
		kan_row_int(r, "shutdown", s->shutdown);
	if (s->has_cgroup)
		kan_row_dec(r, "cgroup", s->cgroup);
	if (s->has_sent)
		kan_row_uint(r, "bytes_sent", s->bytes_sent);
	if (s->has_received) {
		kan_row_uint(r, "bytes_acked", s->bytes_acked);
		kan_row_uint(r, "bytes_received", s->bytes_received);
	}
}

/* Connections that nobody has accepted yet: inodes of their other ends. */
static void pending(struct kan_row *r, struct kan_bytes icons)
{
	if (!icons.p)
		return;
	kan_row_arr(r, "icons");
	for (; icons.n >= sizeof(uint32_t); icons.p += sizeof(uint32_t), icons.n -= sizeof(uint32_t)) {
		uint32_t ino = 0;
		memcpy(&ino, icons.p, sizeof(ino));
		kan_row_dec(r, NULL, ino);
	}
	kan_row_arr_end(r);
}

static void others(struct kan_row *r, const struct kan_sock *s)
{
	if (s->name.p)
		kan_row_bytes(r, "name", s->name);
	if (s->has_peer)
		kan_row_dec(r, "peer_ino", s->peer_ino);
	if (s->has_vfs) {
		kan_row_dec(r, "vfs_ino", s->vfs_ino);
		kan_row_dev(r, "vfs_dev", makedev(s->vfs_dev >> VFS_MINOR_BITS, s->vfs_dev & ((1U << VFS_MINOR_BITS) - 1)));
	}
	pending(r, s->icons);
	if (s->has_protocol)
		kan_row_int(r, "protocol", s->protocol);
	if (s->has_portid)
		kan_row_int(r, "portid", s->portid);
	hex(r, "groups", s->groups);
	if (s->has_fanout)
		kan_row_int(r, "fanout", s->fanout);
	hex(r, "filter", s->filter);
}

static void owners(struct kan_row *r, const struct rowing *w, struct kan_owner *o, size_t count)
{
	size_t kept = count < KAN_NETWORK_OWNERS ? count : KAN_NETWORK_OWNERS;
	kan_row_arr(r, "owners");
	for (size_t i = 0; i < kept; i++) {
		kan_row_arr(r, NULL);
		kan_row_int(r, NULL, o[i].pid);
		kan_row_int(r, NULL, o[i].fd);
		kan_row_arr_end(r);
	}
	kan_row_arr_end(r);
	for (size_t i = 0; i < count; i++)
		o[i].told = true;
	if (kept < count)
		kan_sink_limit(w->n->sink, KAN_LIT("owners of a socket"), count, kept, KAN_NETWORK_OWNERS);
}

static void word(struct kan_row *r, const char *key, const char *value)
{
	if (value)
		kan_row_str(r, key, value);
}

static int row(const struct kan_sock *s, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	size_t count = 0;
	struct kan_owner *o = kan_owners_find(&count, &w->n->owners, s->ino);
	w->strangers += w->space->host && !count;
	if (w->space->host && !count)
		return 0;
	w->seen++;
	if (w->n->rows >= KAN_NETWORK_ROWS)
		return 0;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "netns", w->space->where.ino);
	kan_row_dec(r, "ino", s->ino);
	if (s->has_uid)
		kan_row_int(r, "uid", s->uid);
	if (s->has_cookie)
		kan_row_mask(r, "cookie", s->cookie);
	word(r, "family", s->family);
	word(r, "type", s->type);
	word(r, "proto", s->proto);
	word(r, "state", s->state);
	addresses(r, s);
	counters(r, s);
	others(r, s);
	owners(r, w, o, count);
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
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, w->kind->name), KAN_GAP_MALFORMED,
			     "%llu answers or lines cannot be parsed", (unsigned long long)w->bad);
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
 * A member holds it and no dump has it: not bound yet, of a namespace that nobody is in, or of a kind that cannot be
 * asked for. The kernel still says what it is.
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
		kan_sink_gap(w->n->sink, kan_bytes_of(kan_sock_kinds[kind].name), KAN_GAP_UNSUPPORTED,
			     "this kernel cannot tell these sockets, and a process holds one");
		w->unable &= ~(1U << kind);
	}
	w->seen++;
	if (w->n->rows >= KAN_NETWORK_ROWS)
		return 0;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "ino", o->ino);
	if (kind < KAN_SOCK_KINDS) {
		word(r, "family", kan_sock_kinds[kind].family);
		word(r, "type", kan_sock_kinds[kind].type);
		word(r, "proto", kan_sock_kinds[kind].proto);
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
	if (all_rows(&w, err) < 0) {
		kan_rows_abandon(w.rows);
		return -1;
	}
	if (w.seen > n->rows)
		kan_sink_limit(n->sink, KAN_LIT("sockets"), w.seen, n->rows, KAN_NETWORK_ROWS);
	if (w.strangers)
		kan_sink_scope(n->sink, KAN_LIT("sockets of the host's network"), "no process of the container holds them");
	return kan_rows_close(w.rows, err);
}
