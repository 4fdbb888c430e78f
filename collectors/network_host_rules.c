/* Rules and connections of the host that name this container: rows; the others are counted. */
#include <linux/netlink.h>
#include <string.h>

#include "base/row.h"
#include "collectors/network_host.h"
#include "kernel/conntrack.h"
#include "kernel/netlink.h"
#include "kernel/nft.h"

struct rowing {
	struct kan_host *h;
	struct kan_bytes texts;
	uint64_t seen, kept, bad;
};

static int nft_row(const struct kan_nft_item *item, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	struct kan_nft_item i = *item;
	const struct kan_bytes words = kan_nft_words(item);
	if (i.kind == KAN_NFT_RULES)
		(void)kan_nft_text(&i.text, &w->texts);
	w->seen++;
	if (!kan_host_names(NULL, w->h, words, false))
		return 0;
	w->kept++;
	struct kan_row *r = kan_host_begin(w->h, "nft");
	if (!r)
		return 0;
	(void)kan_host_names(r, w->h, words, true);
	kan_row_obj(r, "nft");
	w->bad += kan_nft_row(r, &i, NULL) < 0;
	kan_row_obj_end(r);
	return kan_host_end(w->h, r, err);
}

static void bad(const struct rowing *w, struct kan_bytes what)
{
	if (w->bad)
		kan_sink_gap(w->h->n->sink, what, KAN_GAP_MALFORMED, "%llu cannot be parsed",
			     (unsigned long long)w->bad);
}

int kan_host_nft(struct kan_host *h, struct kan_err *err)
{
	static const enum kan_nft_kind kinds[] = {KAN_NFT_RULES, KAN_NFT_ELEMENTS};
	/* Without the sets nobody asks for their elements. */
	static const struct kan_nft_names names = {
		.ruleset = KAN_LIT("nft of the host"),
		.sets = KAN_LIT("nft sets of the host"),
		.text = KAN_LIT("text of nft rules of the host"),
		.kinds = 1U << KAN_NFT_RULES | 1U << KAN_NFT_SETS | 1U << KAN_NFT_ELEMENTS,
	};
	kan_auto_free struct kan_nft *nft = kan_xalloc(sizeof(*nft));
	struct rowing w = {.h = h};
	int rc = 0;
	if (h->n->engine->fd[KAN_NS_FILTER] < 0)
		return 0;
	h->frozen = kan_sink_frozen(h->n->sink);
	kan_nft_read(nft, h->n->engine->fd[KAN_NS_FILTER]);
	w.texts = kan_buf_bytes(&nft->texts);
	kan_network_nft_gaps(h->n, nft, &names);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc == 0; i++) {
		const struct kan_nft_dump *d = &nft->dumps[kinds[i]];
		rc = kan_nft_each(&w.bad, kinds[i], kan_buf_bytes(&d->raw), nft_row, &w, err);
	}
	kan_nft_free(nft);
	bad(&w, KAN_LIT("nft of the host"));
	return rc < 0 ? -1 : kan_host_count(h, "nft", w.seen, w.kept, err);
}

static int xt_row(const struct kan_xt_rule *rule, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	w->seen++;
	if (!kan_host_names(NULL, w->h, rule->entry, false))
		return 0;
	w->kept++;
	struct kan_row *r = kan_host_begin(w->h, "iptables");
	if (!r)
		return 0;
	(void)kan_host_names(r, w->h, rule->entry, true);
	kan_row_obj(r, "iptables");
	w->bad += kan_xt_row(r, rule, NULL) < 0;
	kan_row_obj_end(r);
	return kan_host_end(w->h, r, err);
}

static int one_table(struct rowing *w, bool six, const char *name, struct kan_err *err)
{
	struct kan_xt_table t;
	kan_xt_read(&t, w->h->n->engine->fd[six ? KAN_NS_IP6 : KAN_NS_IP4], six, name);
	if (t.err.sys == EAGAIN)
		kan_sink_gap(w->h->n->sink, KAN_LIT("iptables of the host"), KAN_GAP_CHANGED, "%s",
			     t.err.text);
	else if (t.err.code != KAN_OK)
		kan_sink_gap_err(w->h->n->sink, KAN_LIT("iptables of the host"), &t.err);
	int rc = kan_xt_each(&w->bad, &t, xt_row, w, err);
	kan_xt_free(&t);
	return rc;
}

int kan_host_iptables(struct kan_host *h, struct kan_err *err)
{
	char names[KAN_XT_TABLES][KAN_XT_NAME];
	struct rowing w = {.h = h};
	h->frozen = kan_sink_frozen(h->n->sink);
	for (int six = 0; six <= 1; six++) {
		size_t n = 0;
		if (h->n->engine->fd[six ? KAN_NS_IP6 : KAN_NS_IP4] >= 0)
			n = kan_network_tables(names, h->n, h->n->engine, six != 0);
		for (size_t i = 0; i < n; i++)
			if (one_table(&w, six != 0, names[i], err) < 0)
				return -1;
	}
	bad(&w, KAN_LIT("iptables of the host"));
	return kan_host_count(h, "iptables", w.seen, w.kept, err);
}

struct tracked {
	struct kan_host *h;
	struct kan_bytes of[KAN_HOST_NEEDLES];
	size_t n;
	uint64_t seen, kept;
};

/* A host tracks hundreds of thousands: only ours are kept in memory. */
static bool want(struct kan_bytes message, void *arg)
{
	struct tracked *w = arg;
	struct nlmsghdr m;
	memcpy(&m, message.p, sizeof(m));
	w->seen++;
	return kan_ct_is(m.nlmsg_type) &&
	       kan_ct_has((struct kan_bytes){message.p + sizeof(m), message.n - sizeof(m)}, w->of,
			  w->n);
}

static void again(void *arg)
{
	struct tracked *w = arg;
	w->seen = 0;
}

static int ct_row(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct tracked *w = arg;
	(void)type;
	w->kept++;
	struct kan_row *r = kan_host_begin(w->h, "conntrack");
	if (!r)
		return 0;
	kan_row_obj(r, "conntrack");
	(void)kan_ct_row(r, payload, NULL);
	kan_row_obj_end(r);
	return kan_host_end(w->h, r, err);
}

int kan_host_conntrack(struct kan_host *h, struct kan_err *err)
{
	uint8_t request[KAN_CT_ASK_OCTETS];
	kan_auto_free struct tracked *w = kan_xalloc(sizeof(*w));
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_NETLINK_DUMP_MAX);
	struct kan_err why = {0};
	w->h = h;
	if (!kan_network_tracks(h->n) || h->n->engine->fd[KAN_NS_FILTER] < 0)
		return 0;
	for (size_t i = 0; i < h->n_v; i++)
		if (strcmp(h->v[i].why, "address") == 0)
			w->of[w->n++] = (struct kan_bytes){h->v[i].v, h->v[i].n};
	const struct kan_netlink_some what = {.fd = h->n->engine->fd[KAN_NS_FILTER],
					      .type = kan_ct_ask(request),
					      .request = {request, sizeof(request)},
					      .want = want,
					      .again = again,
					      .arg = w};
	h->frozen = kan_sink_frozen(h->n->sink);
	if (kan_netlink_dump_some(&raw, &what, &why) < 0)
		kan_sink_gap_err(h->n->sink, KAN_LIT("conntrack of the host"), &why);
	if (kan_netlink_each(kan_buf_bytes(&raw), ct_row, w, err) < 0)
		return -1;
	return kan_host_count(h, "conntrack", w->seen, w->kept, err);
}
