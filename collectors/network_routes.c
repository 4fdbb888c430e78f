/* links, addresses, routes, rules and neighbours of the collector network: one row an answer of the
 * kernel. */
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/netlink.h"

enum { NAME_OCTETS = 32 };

struct rowing {
	struct kan_netrows to;
	enum kan_rt_kind kind;
};

static int answer(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	if (type != kan_rts[w->kind].answer)
		return 0;
	struct kan_row *r = kan_netrow(&w->to);
	if (!r)
		return 0;
	w->to.bad += kan_rt_row(r, w->kind, payload, NULL) < 0;
	kan_row_bool(r, "frozen", w->to.space->routes[w->kind].frozen);
	return kan_rows_end(w->to.rows, err);
}

static int one_space(struct rowing *w, struct kan_err *err)
{
	const struct kan_net_dump *d = &w->to.space->routes[w->kind];
	const char *name = kan_rts[w->kind].name;
	char what[KAN_NETWORK_WHAT];
	struct kan_err why = {0};
	w->to.bad = 0;
	if (!d->asked)
		return 0;
	/* A kernel without policy routing, bridges or traffic control has none of them. */
	if (d->err.code == KAN_EUNSUPPORTED && w->kind >= KAN_RT_RULES)
		kan_sink_gap(w->to.n->sink, kan_network_what(what, w->to.n, w->to.space, name),
			     KAN_GAP_NOT_APPLICABLE, "%s", d->err.text);
	else if (d->err.code != KAN_OK)
		kan_network_gap(w->to.n, w->to.space, name, d);
	if (kan_netlink_each(kan_buf_bytes(&d->raw), answer, w, &why) < 0) {
		if (why.code != KAN_EFORMAT) {
			*err = why;
			return -1;
		}
		w->to.bad++;
	}
	kan_netrows_bad(&w->to, name);
	return 0;
}

/* Kinds of one name are one artefact. */
static bool follows(size_t kind, size_t first)
{
	return kind < KAN_RT_KINDS && strcmp(kan_rts[kind].name, kan_rts[first].name) == 0;
}

static int all_spaces(struct rowing *w, size_t first, struct kan_err *err)
{
	for (size_t i = 0; i < w->to.n->list.n; i++) {
		w->to.space = w->to.n->spaces[i];
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
	struct rowing w = {.to = {.n = n}};
	(void)snprintf(name, sizeof(name), "%.16s.ndjson", kan_rts[first].name);
	if (kan_rows_open(&w.to.rows, n->sink, name, err) < 0)
		return -1;
	return kan_netrows_end(&w.to, name, all_spaces(&w, first, err), err);
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
