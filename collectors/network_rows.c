/* Rows of the collector network: what links, rules and connections have in common. */
#include "base/row.h"
#include "collectors/network.h"

struct kan_row *kan_netrow(struct kan_netrows *w)
{
	w->seen++;
	if (w->kept >= KAN_NETWORK_ROWS)
		return NULL;
	w->kept++;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "netns", w->space->where.ino);
	return r;
}

void kan_netrows_bad(const struct kan_netrows *w, const char *name)
{
	char what[KAN_NETWORK_WHAT];
	if (w->bad)
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, name),
			     KAN_GAP_MALFORMED, "%llu answers cannot be parsed",
			     (unsigned long long)w->bad);
}

int kan_netrows_end(struct kan_netrows *w, const char *file, int rc, struct kan_err *err)
{
	if (rc < 0) {
		kan_rows_abandon(w->rows);
		return -1;
	}
	if (w->seen > w->kept)
		kan_sink_limit(w->n->sink, kan_bytes_of(file), w->seen, w->kept, KAN_NETWORK_ROWS);
	return kan_rows_close(w->rows, err);
}

int kan_netrows_filter(struct kan_netrows *w, const char *file,
		       int (*one)(struct kan_netrows *w, struct kan_err *err), struct kan_err *err)
{
	int rc = 0;
	if (kan_rows_open(&w->rows, w->n->sink, file, err) < 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < w->n->list.n; i++) {
		w->space = w->n->spaces[i];
		/* Of the host's, host-side.ndjson has what names the container. */
		if (!w->space->host && w->space->fd[KAN_NS_FILTER] >= 0)
			rc = one(w, err);
	}
	return kan_netrows_end(w, file, rc, err);
}
