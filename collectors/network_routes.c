/* links, addresses, routes, rules and neighbours of the collector network: one row an answer of the
 * kernel. */
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/netlink.h"

enum { NAME_OCTETS = 32 };

struct rowing {
	const struct kan_network *n;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	enum kan_rt_kind kind;
	uint64_t seen, kept, bad;
};

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	if (type != kan_rts[w->kind].answer)
		return 0;
	w->seen++;
	if (w->kept >= KAN_NETWORK_ROWS)
		return 0;
	w->kept++;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "netns", w->space->where.ino);
	w->bad += kan_rt_row(r, w->kind, payload, NULL) < 0;
	kan_row_bool(r, "frozen", w->space->routes[w->kind].frozen);
	return kan_rows_end(w->rows, err);
}

static int one_space(struct rowing *w, struct kan_err *err)
{
	const struct kan_net_dump *d = &w->space->routes[w->kind];
	const char *name = kan_rts[w->kind].name;
	char what[KAN_NETWORK_WHAT];
	struct kan_err why = {0};
	w->bad = 0;
	if (!d->asked)
		return 0;
	/* A kernel without policy routing, bridges or traffic control has none of them. */
	if (d->err.code == KAN_EUNSUPPORTED && w->kind >= KAN_RT_RULES)
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, name),
			     KAN_GAP_NOT_APPLICABLE, "%s", d->err.text);
	else if (d->err.code != KAN_OK)
		kan_network_gap(w->n, w->space, name, d);
	if (kan_netlink_each(kan_buf_bytes(&d->raw), answer, w, &why) < 0) {
		if (why.code != KAN_EFORMAT) {
			*err = why;
			return -1;
		}
		w->bad++;
	}
	if (w->bad)
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, name),
			     KAN_GAP_MALFORMED, "%llu answers cannot be parsed",
			     (unsigned long long)w->bad);
	return 0;
}

/* Kinds of one name are one artefact. */
static bool follows(size_t kind, size_t first)
{
	return kind < KAN_RT_KINDS && strcmp(kan_rts[kind].name, kan_rts[first].name) == 0;
}

static int all_spaces(struct rowing *w, size_t first, struct kan_err *err)
{
	for (size_t i = 0; i < w->n->list.n; i++) {
		w->space = w->n->spaces[i];
		for (size_t kind = first; follows(kind, first); kind++) {
			w->kind = (enum kan_rt_kind)kind;
			if (one_space(w, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int one_artefact(const struct kan_network *n, size_t first, struct kan_err *err)
{
	char name[NAME_OCTETS];
	struct rowing w = {.n = n};
	(void)snprintf(name, sizeof(name), "%.16s.ndjson", kan_rts[first].name);
	if (kan_rows_open(&w.rows, n->sink, name, err) < 0)
		return -1;
	if (all_spaces(&w, first, err) < 0) {
		kan_rows_abandon(w.rows);
		return -1;
	}
	if (w.seen > w.kept)
		kan_sink_limit(n->sink, kan_bytes_of(name), w.seen, w.kept, KAN_NETWORK_ROWS);
	return kan_rows_close(w.rows, err);
}

int kan_network_routes(struct kan_network *n, struct kan_err *err)
{
	for (size_t first = 0; first < KAN_RT_KINDS;) {
		size_t next = first + 1;
		if (one_artefact(n, first, err) < 0)
			return -1;
		while (follows(next, first))
			next++;
		first = next;
	}
	return 0;
}
