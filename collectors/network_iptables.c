/* iptables-legacy.ndjson and .raw of the collector network: tables that are there already. */
#include <stdio.h>
#include <string.h>

#include "base/row.h"
#include "collectors/network.h"

enum { NAMES_MAX = 4096, HEAD_OCTETS = 256 };

struct rowing {
	struct kan_netrows to;
	struct kan_artefact *raw;
	bool frozen;
};

size_t kan_network_tables(char out[KAN_XT_TABLES][KAN_XT_NAME], const struct kan_network *n,
			  const struct kan_netspace *s, bool six)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(NAMES_MAX);
	const char *file = six ? "ip6_tables_names" : "ip_tables_names";
	struct kan_err why = {0};
	char what[KAN_NETWORK_WHAT];
	if (kan_netns_read(&text, &s->where, file, &why) < 0) {
		/* No such file: nothing of the kind is in this kernel. ESRCH is another matter. */
		if (why.sys != ENOENT)
			kan_sink_gap_err(n->sink, kan_network_what(what, n, s, file), &why);
		return 0;
	}
	size_t seen = kan_xt_names(out, kan_buf_bytes(&text));
	if (seen > KAN_XT_TABLES)
		kan_sink_limit(n->sink, kan_bytes_of(file), seen, KAN_XT_TABLES, KAN_XT_TABLES);
	return seen < KAN_XT_TABLES ? seen : KAN_XT_TABLES;
}

static int row(const struct kan_xt_rule *rule, void *arg, struct kan_err *err)
{
	struct rowing *w = arg;
	struct kan_row *r = kan_netrow(&w->to);
	if (!r)
		return 0;
	w->to.bad += kan_xt_row(r, rule, NULL) < 0;
	kan_row_bool(r, "frozen", w->frozen);
	return kan_rows_end(w->to.rows, err);
}

/* A line of JSON says whose the octets behind it are: the kernel's info, then its entries. */
static int store(struct rowing *w, const struct kan_xt_table *t, struct kan_err *err)
{
	char head[HEAD_OCTETS];
	const int n =
		snprintf(head, sizeof(head),
			 "{\"netns\":\"%llu\",\"family\":\"%s\",\"info\":%zu,\"entries\":%zu}\n",
			 (unsigned long long)w->to.space->where.ino, t->six ? "ip6" : "ip",
			 sizeof(t->info), t->entries.len);
	if (kan_artefact_write(w->raw, head, (size_t)n, err) < 0 ||
	    kan_artefact_write(w->raw, &t->info, sizeof(t->info), err) < 0)
		return -1;
	return kan_artefact_write(w->raw, t->entries.data, t->entries.len, err);
}

static int one_table(struct rowing *w, bool six, const char *name, struct kan_err *err)
{
	struct kan_xt_table t;
	char what[KAN_NETWORK_WHAT];
	w->frozen = kan_sink_frozen(w->to.n->sink);
	kan_xt_read(&t, w->to.space->fd[six ? KAN_NS_IP6 : KAN_NS_IP4], six, name);
	w->frozen &= kan_sink_frozen(w->to.n->sink);
	w->to.bad = 0;
	const struct kan_bytes whose = kan_network_what(what, w->to.n, w->to.space, name);
	if (t.err.sys == EAGAIN)
		kan_sink_gap(w->to.n->sink, whose, KAN_GAP_CHANGED, "%s", t.err.text);
	else if (t.err.code != KAN_OK)
		kan_sink_gap_err(w->to.n->sink, whose, &t.err);
	int rc = store(w, &t, err);
	if (rc == 0)
		rc = kan_xt_each(&w->to.bad, &t, row, w, err);
	kan_xt_free(&t);
	if (w->to.bad)
		kan_sink_gap(w->to.n->sink, whose, KAN_GAP_MALFORMED,
			     "its entries end in the middle");
	return rc;
}

static int one_space(struct rowing *w, struct kan_err *err)
{
	char names[KAN_XT_TABLES][KAN_XT_NAME];
	for (int six = 0; six <= 1; six++) {
		size_t count = 0;
		if (w->to.space->fd[six ? KAN_NS_IP6 : KAN_NS_IP4] >= 0)
			count = kan_network_tables(names, w->to.n, w->to.space, six != 0);
		for (size_t i = 0; i < count; i++)
			if (one_table(w, six != 0, names[i], err) < 0)
				return -1;
	}
	return 0;
}

static int all_spaces(struct rowing *w, struct kan_err *err)
{
	for (size_t i = 0; i < w->to.n->list.n; i++) {
		w->to.space = w->to.n->spaces[i];
		if (!w->to.space->host && one_space(w, err) < 0)
			return -1;
	}
	return 0;
}

int kan_network_iptables(struct kan_network *n, struct kan_err *err)
{
	struct rowing w = {.to = {.n = n}};
	if (kan_rows_open(&w.to.rows, n->sink, "iptables-legacy.ndjson", err) < 0)
		return -1;
	if (kan_sink_open(&w.raw, n->sink, "iptables-legacy.raw", err) < 0) {
		kan_rows_abandon(w.to.rows);
		return -1;
	}
	int rc = all_spaces(&w, err);
	if (rc < 0)
		kan_artefact_abandon(w.raw);
	else
		rc = kan_artefact_close(w.raw, err);
	return kan_netrows_end(&w.to, "iptables-legacy.ndjson", rc, err);
}
