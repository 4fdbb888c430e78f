/* nft.ndjson of the collector network: one row a table, chain, rule, set or element. */
#include <stdlib.h>

#include "base/row.h"
#include "collectors/network.h"
#include "kernel/nft.h"

struct rowing {
	struct kan_netrows *to;
	struct kan_bytes texts; /* what is left of them */
	bool frozen;
};

static int row(const struct kan_nft_item *item, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	struct kan_nft_item i = *item;
	if (i.kind == KAN_NFT_RULES)
		(void)kan_nft_text(&i.text, &w->texts);
	struct kan_row *r = kan_netrow(w->to);
	if (!r)
		return 0;
	w->to->bad += kan_nft_row(r, &i, NULL) < 0;
	kan_row_bool(r, "frozen", w->frozen);
	return kan_rows_end(w->to->rows, err);
}

/* What the kernel refused of one ruleset. */
static void gaps(const struct kan_netrows *w, const struct kan_nft *nft)
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

static int one_space(struct kan_netrows *to, struct kan_err *err)
{
	kan_auto_free struct kan_nft *nft = kan_xalloc(sizeof(*nft));
	struct rowing w = {.to = to, .frozen = kan_sink_frozen(to->n->sink)};
	int rc = 0;
	kan_nft_read(nft, to->space->fd[KAN_NS_FILTER]);
	w.frozen &= kan_sink_frozen(to->n->sink);
	w.texts = kan_buf_bytes(&nft->texts);
	to->bad = 0;
	gaps(to, nft);
	for (size_t i = 0; i < KAN_NFT_KINDS && rc == 0; i++)
		rc = kan_nft_each(&to->bad, (enum kan_nft_kind)i, kan_buf_bytes(&nft->dumps[i].raw),
				  row, &w, err);
	kan_nft_free(nft);
	kan_netrows_bad(to, "nft");
	return rc;
}

int kan_network_nft(struct kan_network *n, struct kan_err *err)
{
	struct kan_netrows w = {.n = n};
	return kan_netrows_filter(&w, "nft.ndjson", one_space, err);
}
