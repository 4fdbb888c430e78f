/* conntrack.ndjson of the collector network: connections that the kernel tracks. */
#include <sys/stat.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/conntrack.h"
#include "kernel/netlink.h"

struct rowing {
	struct kan_netrows *to;
	bool frozen;
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
	struct kan_row *r = kan_netrow(w->to);
	if (!r)
		return 0;
	w->to->bad += kan_ct_row(r, payload, NULL) < 0;
	kan_row_bool(r, "frozen", w->frozen);
	return kan_rows_end(w->to->rows, err);
}

static int one_space(struct kan_netrows *to, struct kan_err *err)
{
	uint8_t request[KAN_CT_ASK_OCTETS];
	const uint16_t type = kan_ct_ask(request);
	struct kan_net_dump dump = {.raw = KAN_BUF(KAN_NETLINK_DUMP_MAX)};
	struct rowing w = {.to = to};
	struct kan_err why = {0};
	to->bad = 0;
	dump.frozen = kan_sink_frozen(to->n->sink);
	(void)kan_netlink_dump(&dump.raw, to->space->fd[KAN_NS_FILTER], type,
			       (struct kan_bytes){request, sizeof(request)}, &dump.err);
	dump.frozen &= kan_sink_frozen(to->n->sink);
	w.frozen = dump.frozen;
	if (dump.err.code != KAN_OK)
		kan_network_gap(to->n, to->space, "conntrack", &dump);
	int rc = kan_netlink_each(kan_buf_bytes(&dump.raw), row, &w, &why);
	kan_buf_free(&dump.raw);
	to->bad += rc < 0 && why.code == KAN_EFORMAT;
	kan_netrows_bad(to, "conntrack");
	if (rc == 0 || why.code == KAN_EFORMAT)
		return 0;
	*err = why;
	return -1;
}

int kan_network_conntrack(struct kan_network *n, struct kan_err *err)
{
	struct kan_netrows w = {.n = n};
	if (kan_network_tracks(n))
		return kan_netrows_filter(&w, "conntrack.ndjson", one_space, err);
	kan_sink_gap(n->sink, KAN_LIT("conntrack"), KAN_GAP_NOT_APPLICABLE,
		     "this kernel tracks no connections now: asking would load the module");
	return 0;
}
