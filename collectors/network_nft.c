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

/* A kernel that has never heard of these has none. */
static bool may_lack(size_t kind)
{
	return kind == KAN_NFT_OBJECTS || kind == KAN_NFT_FLOWTABLES;
}

void kan_network_nft_gaps(const struct kan_network *n, const struct kan_nft *nft,
			  const struct kan_nft_names *of)
{
	if (nft->err.sys == EINTR)
		kan_sink_gap(n->sink, of->ruleset, KAN_GAP_CHANGED, "%s; the last is kept",
			     nft->err.text);
	else if (nft->err.code != KAN_OK && nft->err.code != KAN_EUNSUPPORTED)
		kan_sink_gap_err(n->sink, of->ruleset, &nft->err);
	for (size_t i = 0; i < KAN_NFT_KINDS; i++) {
		const struct kan_err *e = &nft->dumps[i].err;
		if (e->code != KAN_OK && e->sys != EINTR && of->kinds >> i & 1 &&
		    !(may_lack(i) && e->code == KAN_EUNSUPPORTED))
			kan_sink_gap_err(n->sink, of->ruleset, e);
	}
	if (nft->sets > nft->sets_asked)
		kan_sink_limit(n->sink, of->sets, nft->sets, nft->sets_asked, KAN_NFT_SETS_MAX);
	if (nft->no_texts.code != KAN_OK)
		kan_sink_gap_err(n->sink, of->text, &nft->no_texts);
}

static void gaps(const struct kan_netrows *w, const struct kan_nft *nft)
{
	char ruleset[KAN_NETWORK_WHAT], text[KAN_NETWORK_WHAT];
	const struct kan_nft_names of = {
		.ruleset = kan_network_what(ruleset, w->n, w->space, "nft"),
		.sets = KAN_LIT("nft sets"),
		.text = kan_network_what(text, w->n, w->space, "text of nft rules"),
		.kinds = ~0U,
	};
	if (nft->err.code == KAN_EUNSUPPORTED)
		kan_sink_gap(w->n->sink, of.ruleset, KAN_GAP_NOT_APPLICABLE, "%s", nft->err.text);
	kan_network_nft_gaps(w->n, nft, &of);
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
