/* network: every socket with its owners, and how packets travel, in each network namespace of the
 * container. */
#include "collectors/network.h"

#include <kanshiki/collector.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "collectors/network_host.h"
#include "kernel/netlink.h"
#include "kernel/nft.h"

enum { MODULES_MAX = 4 << 20 };

static const char *const artefacts[] = {"sockets.ndjson",
					"links.ndjson",
					"addresses.ndjson",
					"routes.ndjson",
					"rules.ndjson",
					"neighbours.ndjson",
					"tc.ndjson",
					"nft.ndjson",
					"iptables-legacy.ndjson",
					"iptables-legacy.raw",
					"conntrack.ndjson",
					"host-side.ndjson",
					"proc-net.tar",
					"hosts",
					"hostname",
					"resolv.conf",
					"engine-hosts",
					"engine-hostname",
					"engine-resolv.conf",
					NULL};
static const struct kan_limit limits[] = {{"rows", KAN_NETWORK_ROWS, false},
					  {"dump_octets", KAN_NETLINK_DUMP_MAX, false},
					  {"all_dumps_octets", KAN_NETSPACE_TOTAL, false},
					  {"namespaces", KAN_NETNS_MAX, false},
					  {"owners", KAN_OWNERS_MAX, false},
					  {"owners_of_a_socket", KAN_NETWORK_OWNERS, false},
					  {"file_octets", KAN_NETWORK_FILE, false},
					  {"nft_dump_octets", KAN_NFT_DUMP_MAX, false},
					  {"nft_sets", KAN_NFT_SETS_MAX, false},
					  {"names_at_host", KAN_HOST_NEEDLES, false},
					  {"legacy_table_octets", KAN_XT_TABLE_MAX, false},
					  {NULL, 0, false}};

struct kan_bytes kan_network_what(char out[KAN_NETWORK_WHAT], const struct kan_network *n,
				  const struct kan_netspace *s, const char *name)
{
	if (n->list.n > 1)
		(void)snprintf(out, KAN_NETWORK_WHAT, "%.24s of netns %llu", name,
			       (unsigned long long)s->where.ino);
	else
		(void)snprintf(out, KAN_NETWORK_WHAT, "%.24s", name);
	return kan_bytes_of(out);
}

void kan_network_gap(const struct kan_network *n, const struct kan_netspace *s, const char *name,
		     const struct kan_net_dump *d)
{
	char what[KAN_NETWORK_WHAT];
	struct kan_bytes w = kan_network_what(what, n, s, name);
	if (d->err.code == KAN_EIO && d->err.sys == EINTR)
		kan_sink_gap(n->sink, w, KAN_GAP_CHANGED, "%s; the last is kept", d->err.text);
	else
		kan_sink_gap_err(n->sink, w, &d->err);
}

/* Which helpers of netlink's the kernel has loaded, for our sake or another's. */
static unsigned modules(const struct kan_target *t)
{
	static const char *const names[] = {
		"\ninet_diag ", "\ntcp_diag ",       "\nudp_diag ",     "\nraw_diag ",
		"\nunix_diag ", "\naf_packet_diag ", "\nnetlink_diag ", "\nvsock_diag ",
		"\nsctp_diag ", "\nnfnetlink ",      "\nnf_tables ",    "\nnf_conntrack_netlink "};
	kan_auto_buf struct kan_buf text = KAN_BUF(MODULES_MAX);
	unsigned found = 0;
	kan_buf_addc(&text, '\n');
	if (kan_read_pseudo(&text, t->proc_fd, "modules", NULL) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(kan_buf_str(&text), names[i]))
			found |= 1U << i;
	return found;
}

static void tell_limits(const struct kan_network *n)
{
	if (n->list.more.n)
		kan_sink_limit(n->sink, KAN_LIT("network namespaces"), n->list.n + n->list.more.n,
			       n->list.n, KAN_NETNS_MAX);
	if (n->list.refused.n) {
		struct kan_err why = {0};
		kan_err_set(&why, KAN_ELIMIT, n->list.refused_why,
			    "%zu left out: no descriptor was to be had", n->list.refused.n);
		kan_sink_gap_err(n->sink, KAN_LIT("network namespaces"), &why);
	}
	if (n->owners.seen > n->owners.n)
		kan_sink_limit(n->sink, KAN_LIT("owners"), n->owners.seen, n->owners.n,
			       KAN_OWNERS_MAX);
	for (size_t i = 0; i < n->list.n; i++) {
		char what[KAN_NETWORK_WHAT];
		const struct kan_netspace *s = n->spaces[i];
		if (s->closed.code != KAN_OK)
			kan_sink_gap_err(n->sink, kan_network_what(what, n, s, "namespace"),
					 &s->closed);
		if (s->less && s->less_why.sys == ETIMEDOUT)
			kan_sink_gap(n->sink, kan_network_what(what, n, s, "tcp_info"),
				     KAN_GAP_STUCK,
				     "a socket's lock is held: byte counts were left out");
		else if (s->less)
			kan_sink_gap_err(n->sink, kan_network_what(what, n, s, "tcp_info"),
					 &s->less_why);
	}
	kan_sink_impact(n->sink,
			"netlink sockets of ours were open in the container's network namespaces");
}

static void free_network(struct kan_network *n)
{
	for (size_t i = 0; i < n->list.n; i++) {
		kan_netspace_free(n->spaces[i]);
		free(n->spaces[i]);
	}
	kan_netns_free(&n->list);
	kan_members_free(&n->members);
	kan_strangers_free(&n->strangers);
	kan_owners_free(&n->owners);
	kan_owners_free(&n->peers);
	if (n->engine)
		kan_netspace_free(n->engine);
	free(n->engine);
	kan_auto_close_fn(&n->engine_where.dir);
}

/* In the order in which things vanish; last the rules, of which a container can make more than
 * there is room for. */
static int write_all(struct kan_network *n, struct kan_err *err)
{
	static int (*const parts[])(struct kan_network *, struct kan_err *) = {
		kan_network_conntrack, kan_network_host,    kan_network_sockets,
		kan_network_routes,    kan_network_texts,   kan_network_files,
		kan_network_nft,       kan_network_iptables};
	kan_network_peers(n);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i](n, err) < 0)
			return -1;
	return 0;
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	kan_auto_free struct kan_network *n = kan_xalloc(sizeof(*n));
	*n = (struct kan_network){.t = t, .sink = sink, .engine_where.dir = -1};
	unsigned before = modules(t);
	int rc = kan_network_read(n, err);
	if (rc == 0) {
		tell_limits(n);
		rc = write_all(n, err);
	}
	if (modules(t) & ~before)
		kan_sink_impact(sink, "the kernel loaded diag or netfilter modules to answer "
				      "netlink requests of ours");
	kan_sink_items(sink, n->rows);
	free_network(n);
	return rc;
}

extern const struct kan_collector kan_collector_network;
const struct kan_collector kan_collector_network = {
	.name = "network",
	.summary =
		"every socket with its owners, and how packets travel, in each network namespace",
	.tier = KAN_TIER_PAUSED,
	.needs = KAN_NEEDS_HOST | KAN_NEEDS_PROCESS,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
