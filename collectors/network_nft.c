/* nft.ndjson of the collector network: one row a table, chain, rule, set or element. */
#include <stdlib.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/nft.h"

struct rowing {
	struct kan_network *n;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	struct kan_bytes texts; /* what is left of them */
	bool frozen;
	uint64_t seen, kept, bad;
};

static int row(const struct kan_nft_item *item, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	struct kan_nft_item i = *item;
	if (i.kind == KAN_NFT_RULES)
		(void)kan_nft_text(&i.text, &w->texts);
	w->seen++;
	if (w->kept >= KAN_NETWORK_ROWS)
		return 0;
	w->kept++;
	struct kan_row *r = kan_rows_begin(w->rows);
	kan_row_dec(r, "netns", w->space->where.ino);
	w->bad += kan_nft_row(r, &i, NULL) < 0;
	kan_row_bool(r, "frozen", w->frozen);
	return kan_rows_end(w->rows, err);
}

/* What the kernel refused of one ruleset. */
static void gaps(const struct rowing *w, const struct kan_nft *nft)
{
	char what[KAN_NETWORK_WHAT];
	struct kan_sink *sink = w->n->sink;
	const struct kan_bytes name = kan_network_what(what, w->n, w->space, "nft");
	if (nft->err.code == KAN_EUNSUPPORTED)
		kan_sink_gap(sink, name, KAN_GAP_NOT_APPLICABLE, "%s", nft->err.text);
	else if (nft->err.sys == EINTR)
		kan_sink_gap(sink, name, KAN_GAP_CHANGED, "%s; the last is kept", nft->err.text);
	else if (nft->err.code != KAN_OK)
		kan_sink_gap_err(sink, name, &nft->err);
	for (size_t i = 0; i < KAN_NFT_KINDS; i++) {
		const struct kan_err *e = &nft->dumps[i].err;
		bool old = i == KAN_NFT_OBJECTS || i == KAN_NFT_FLOWTABLES;
		if (e->code == KAN_OK || e->sys == EINTR || (old && e->code == KAN_EUNSUPPORTED))
			continue; /* a kernel without them has none */
		kan_sink_gap_err(sink, name, e);
	}
	if (nft->sets > nft->sets_asked)
		kan_sink_limit(sink, KAN_LIT("nft sets"), nft->sets, nft->sets_asked,
			       KAN_NFT_SETS_MAX);
	if (nft->no_texts.code != KAN_OK)
		kan_sink_gap_err(sink, kan_network_what(what, w->n, w->space, "text of nft rules"),
				 &nft->no_texts);
}

static int one_space(struct rowing *w, struct kan_err *err)
{
	kan_auto_free struct kan_nft *nft = kan_xalloc(sizeof(*nft));
	char what[KAN_NETWORK_WHAT];
	int rc = 0;
	w->frozen = kan_sink_frozen(w->n->sink);
	kan_nft_read(nft, w->space->fd[KAN_NS_FILTER]);
	w->frozen &= kan_sink_frozen(w->n->sink);
	w->texts = kan_buf_bytes(&nft->texts);
	w->bad = 0;
	gaps(w, nft);
	for (size_t i = 0; i < KAN_NFT_KINDS && rc == 0; i++)
		rc = kan_nft_each(&w->bad, (enum kan_nft_kind)i, kan_buf_bytes(&nft->dumps[i].raw),
				  row, w, err);
	kan_nft_free(nft);
	if (w->bad)
		kan_sink_gap(w->n->sink, kan_network_what(what, w->n, w->space, "nft"),
			     KAN_GAP_MALFORMED, "%llu answers cannot be parsed",
			     (unsigned long long)w->bad);
	return rc;
}

int kan_network_nft(struct kan_network *n, struct kan_err *err)
{
	struct rowing w = {.n = n};
	if (kan_rows_open(&w.rows, n->sink, "nft.ndjson", err) < 0)
		return -1;
	for (size_t i = 0; i < n->list.n; i++) {
		w.space = n->spaces[i];
		/* The host's own rules are for host-side.ndjson. */
		if (w.space->host || w.space->fd[KAN_NS_FILTER] < 0)
			continue;
		if (one_space(&w, err) < 0) {
			kan_rows_abandon(w.rows);
			return -1;
		}
	}
	if (w.seen > w.kept)
		kan_sink_limit(n->sink, KAN_LIT("nft.ndjson"), w.seen, w.kept, KAN_NETWORK_ROWS);
	return kan_rows_close(w.rows, err);
}
