/* network: every socket with its owners, and how packets travel, in each network namespace of the
 * container. */
#include "collectors/network.h"

#include <kanshiki/collector.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "evidence/holders.h"
#include "kernel/bounded.h"
#include "kernel/netlink.h"
#include "kernel/procfs.h"

enum { PROTOCOLS_MAX = 64 << 10, MODULES_MAX = 4 << 20 };

static const char *const artefacts[] = {"sockets.ndjson",     "links.ndjson",
					"addresses.ndjson",   "routes.ndjson",
					"rules.ndjson",       "neighbours.ndjson",
					"proc-net.tar",       "hosts",
					"hostname",           "resolv.conf",
					"engine-hosts",       "engine-hostname",
					"engine-resolv.conf", NULL};
static const struct kan_limit limits[] = {{"rows", KAN_NETWORK_ROWS, false},
					  {"dump_octets", KAN_NETLINK_DUMP_MAX, false},
					  {"all_dumps_octets", KAN_NETSPACE_TOTAL, false},
					  {"namespaces", KAN_NETNS_MAX, false},
					  {"owners", KAN_OWNERS_MAX, false},
					  {"owners_of_a_socket", KAN_NETWORK_OWNERS, false},
					  {"file_octets", KAN_NETWORK_FILE, false},
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

static bool frozen(const void *arg)
{
	return kan_sink_frozen(arg);
}

static void stuck(void *arg)
{
	kan_sink_window_break(arg);
}

/* Who is in them now: what went away stays, its netlink sockets keep it alive. */
static int find(struct kan_network *n, struct kan_err *err)
{
	const struct kan_target *t = n->t;
	const struct kan_members_ask ask = {.proc_fd = t->proc_fd,
					    .init_dir = t->pid_dir,
					    .id = t->id,
					    .cgroup = t->cgroup,
					    .pid_private = t->pid_private,
					    .strangers = &n->strangers};
	uint64_t own = kan_netns_of(t->proc_fd, getpid()), first = kan_netns_of(t->proc_fd, 1);
	kan_members_free(&n->members);
	if (kan_members_find(&n->members, &ask, err) < 0)
		return -1;
	kan_netns_add(&n->list, &n->members);
	for (size_t i = 0; i < n->list.n; i++) {
		if (n->spaces[i])
			continue;
		uint64_t ino = n->list.v[i].ino;
		n->spaces[i] = kan_xalloc(sizeof(*n->spaces[i]));
		kan_netspace_open(n->spaces[i], &n->list.v[i],
				  t->net_host || ino == own || ino == first);
	}
	return 0;
}

/* In the pause. TCP takes as long as all the rest: of the first namespace it is begun first. */
static int read_all(struct kan_network *n, struct kan_netspace_ask *ask, struct kan_err *err)
{
	if (n->list.n)
		kan_netspace_begin(n->spaces[0], ask);
	int rc = find(n, err);
	for (size_t i = 0; i < n->list.n; i++) {
		if (i)
			kan_netspace_begin(n->spaces[i], ask);
		if (rc == 0)
			kan_netspace_read(n->spaces[i], ask);
		if (i + 1 == n->list.n && !kan_holders_promised(n->sink))
			kan_network_owners(n);
		kan_netspace_finish(n->spaces[i], ask);
	}
	return rc;
}

static void texts(struct kan_network *n, struct kan_netspace_ask *ask)
{
	for (size_t i = 0; i < n->list.n; i++)
		kan_netspace_texts(n->spaces[i], ask);
}

/* Which helpers of netlink's the kernel has loaded, for our sake or another's. */
static unsigned modules(const struct kan_target *t)
{
	static const char *const names[] = {"\ninet_diag ",    "\ntcp_diag ",   "\nudp_diag ",
					    "\nraw_diag ",     "\nunix_diag ",  "\naf_packet_diag ",
					    "\nnetlink_diag ", "\nvsock_diag ", "\nsctp_diag "};
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

static int read_network(struct kan_network *n, struct kan_err *err)
{
	kan_auto_buf struct kan_buf protocols = KAN_BUF(PROTOCOLS_MAX);
	struct kan_err why = {0};
	if (find(n, err) < 0)
		return -1;
	if (kan_proc_read(&protocols, n->t->pid_dir, "net/protocols", &why) < 0)
		kan_sink_gap_err(n->sink, KAN_LIT("protocols"), &why);
	struct kan_netspace_ask ask = {.protocols = kan_buf_bytes(&protocols),
				       .frozen = frozen,
				       .stuck = stuck,
				       .arg = n->sink,
				       .worker = kan_bounded_new(),
				       .budget = KAN_NETSPACE_TOTAL};
	unsigned before = modules(n->t);
	if (n->list.n)
		kan_netspace_warm(n->spaces[0], &ask);
	if (modules(n->t) & ~before)
		kan_sink_impact(
			n->sink,
			"the kernel loaded diag modules to answer netlink requests of ours");
	int rc = kan_sink_window_enter(n->sink, 0, 0, err);
	if (rc == 0)
		rc = read_all(n, &ask, err);
	kan_sink_window_leave(n->sink);
	/* The twins say again what the dumps have said, and take as long again. */
	if (rc == 0) {
		texts(n, &ask);
		kan_network_told_owners(n);
	}
	kan_bounded_free(ask.worker);
	return rc;
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
	kan_sink_scope(n->sink, KAN_LIT("nft, iptables, conntrack, host side"),
		       "not read by this build");
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
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	kan_auto_free struct kan_network *n = kan_xalloc(sizeof(*n));
	*n = (struct kan_network){.t = t, .sink = sink};
	int rc = read_network(n, err);
	if (rc == 0) {
		tell_limits(n);
		rc = kan_network_sockets(n, err) < 0 || kan_network_routes(n, err) < 0 ||
				     kan_network_texts(n, err) < 0 || kan_network_files(n, err) < 0
			     ? -1
			     : 0;
	}
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
