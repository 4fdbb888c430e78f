/* conntrack.ndjson of the collector network: connections that the kernel tracks. */
#include <sys/stat.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/conntrack.h"
#include "kernel/netlink.h"

struct rowing {
	struct kan_network *n;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	struct kan_net_dump dump;
	uint64_t seen, kept, bad;
};

bool kan_network_tracks(const struct kan_network *n)
{
	struct stat st;
	return fstatat(n->t->proc_fd, "sys/net/netfilter/nf_conntrack_max", &st, 0) == 0;
}

static int row(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	if (!kan_ct_is(type))
		return 0;
	w->seen++;
	if (w->kept >= KAN_NETWORK_ROWS)
		return 0;
	w->kept++;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "netns", w->space->where.ino);
	w->bad += kan_ct_row(r, payload, NULL) < 0;
	kan_row_bool(r, "frozen", w->dump.frozen);
	return kan_rows_end(w->rows, err);
}

static int one_space(struct rowing *w, struct kan_err *err)
{
	uint8_t request[KAN_CT_ASK_OCTETS];
	const uint16_t type = kan_ct_ask(request);
	char what[KAN_NETWORK_WHAT];
	struct kan_err why = {0};
	w->dump = (struct kan_net_dump){.raw = KAN_BUF(KAN_NETLINK_DUMP_MAX)};
	w->bad = 0;
	w->dump.frozen = kan_sink_frozen(w->n->sink);
	(void)kan_netlink_dump(&w->dump.raw, w->space->fd[KAN_NS_FILTER], type,
			       (struct kan_bytes){request, sizeof(request)}, &w->dump.err);
	w->dump.frozen &= kan_sink_frozen(w->n->sink);
	if (w->dump.err.code != KAN_OK)
		kan_network_gap(w->n, w->space, "conntrack", &w->dump);
	int rc = kan_netlink_each(kan_buf_bytes(&w->dump.raw), row, w, &why);
	kan_buf_free(&w->dump.raw);
	w->bad += rc < 0 && why.code == KAN_EFORMAT;
	if (w->bad)
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, "conntrack"),
			     KAN_GAP_MALFORMED, "%llu answers cannot be parsed",
			     (unsigned long long)w->bad);
	if (rc == 0 || why.code == KAN_EFORMAT)
		return 0;
	*err = why;
	return -1;
}

int kan_network_conntrack(struct kan_network *n, struct kan_err *err)
{
	struct rowing w = {.n = n};
	if (!kan_network_tracks(n)) {
		kan_sink_gap(n->sink, KAN_LIT("conntrack"), KAN_GAP_NOT_APPLICABLE,
			     "this kernel tracks no connections now: asking would load the module");
		return 0;
	}
	if (kan_rows_open(&w.rows, n->sink, "conntrack.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < n->list.n; i++) {
		w.space = n->spaces[i];
		/* Of the host's network host-side.ndjson has what names the container. */
		if (w.space->host || w.space->fd[KAN_NS_FILTER] < 0)
			continue;
		if (one_space(&w, err) < 0) {
			kan_rows_abandon(w.rows);
			return -1;
		}
	}
	if (w.seen > w.kept)
		kan_sink_limit(n->sink, KAN_LIT("conntrack.ndjson"), w.seen, w.kept,
			       KAN_NETWORK_ROWS);
	return kan_rows_close(w.rows, err);
}
