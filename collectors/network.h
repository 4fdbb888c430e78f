/* The parts of the collector network: what was read in the pause, and who makes artefacts of it. */
#ifndef KAN_COLLECTORS_NETWORK_H
#define KAN_COLLECTORS_NETWORK_H

#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "kernel/members.h"
#include "kernel/netspace.h"
#include "kernel/owners.h"
#include "kernel/xtables.h"

enum {
	KAN_NETWORK_ROWS = 1 << 20,
	KAN_NETWORK_OWNERS = 4096, /* in one row */
	KAN_NETWORK_FILE = 1 << 20,
	KAN_NETWORK_WHAT = 64,
};

struct kan_network {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_members members;
	struct kan_strangers strangers; /* who was looked at before the pause */
	struct kan_netns_list list;
	struct kan_netspace *spaces[KAN_NETNS_MAX]; /* of each in list */
	struct kan_owners owners;
	bool owners_frozen;
	/* Where the engine is, and the host's end of the container's network. */
	struct kan_netns engine_where;
	struct kan_netspace *engine; /* NULL: not known, or the container's own */
	struct kan_owners peers; /* strangers who hold the other end of a member's unix socket */
	uint64_t rows;
};

/* Fields of one socket, as it was told. */
struct kan_row;
void kan_network_sock(struct kan_row *r, const struct kan_sock *s);
/* network_owners.c: read in the pause; taken after it, when the collector processes has promised.
 */
void kan_network_owners(struct kan_network *n);
void kan_network_told_owners(struct kan_network *n);
/* sockets.ndjson. */
int kan_network_sockets(struct kan_network *n, struct kan_err *err);
/* links, addresses, routes, rules, neighbours. */
int kan_network_routes(struct kan_network *n, struct kan_err *err);
/*
 * Rules and tracked connections of every namespace: right after the pause, through sockets made
 * before it. The container could change them by then, as it could before the pause: a rule does not
 * vanish by itself, and dumping many of them would hold the container for long. Each row's "frozen"
 * says how it was.
 */
int kan_network_nft(struct kan_network *n, struct kan_err *err);
int kan_network_iptables(struct kan_network *n, struct kan_err *err);
int kan_network_conntrack(struct kan_network *n, struct kan_err *err);
/* Everything that is asked in the pause, and right after it. */
int kan_network_read(struct kan_network *n, struct kan_err *err);
/* The engine's namespace, opened before the pause, read after it; who holds the other ends. */
void kan_network_engine_open(struct kan_network *n);
void kan_network_engine_read(struct kan_network *n, struct kan_netspace_ask *ask);
void kan_network_peers(struct kan_network *n);
/* host-side.ndjson. */
int kan_network_host(struct kan_network *n, struct kan_err *err);
/* Is connection tracking loaded? Asking for it would load it. */
bool kan_network_tracks(const struct kan_network *n);
/* Legacy tables that a namespace has by now, of one family. The number in out. */
size_t kan_network_tables(char out[KAN_XT_TABLES][KAN_XT_NAME], const struct kan_network *n,
			  const struct kan_netspace *s, bool six);
/* proc-net.tar; hosts, hostname, resolv.conf and the engine's copies. */
int kan_network_texts(struct kan_network *n, struct kan_err *err);
int kan_network_files(struct kan_network *n, struct kan_err *err);

/* network_rows.c: rows of what a dump of each namespace gave. Parts that need more have it around.
 */
struct kan_netrows {
	const struct kan_network *n;
	struct kan_rows *rows;
	const struct kan_netspace *space;
	uint64_t seen, kept, bad; /* bad: of the present dump */
};
/* One more; NULL: there is no room for it, and it is counted. */
struct kan_row *kan_netrow(struct kan_netrows *w);
/* What of name could not be parsed is a gap. */
void kan_netrows_bad(const struct kan_netrows *w, const char *name);
/* Closes; what found no room is a limit. rc < 0: abandons instead. */
int kan_netrows_end(struct kan_netrows *w, const char *file, int rc, struct kan_err *err);
/* An artefact of each namespace that is not the host's, whose netfilter can be asked. */
int kan_netrows_filter(struct kan_netrows *w, const char *file,
		       int (*one)(struct kan_netrows *w, struct kan_err *err), struct kan_err *err);

struct kan_nft;
/* What the kernel refused of one ruleset, but that it has none. kinds: bits of those that matter.
 */
struct kan_nft_names {
	struct kan_bytes ruleset, sets, text;
	unsigned kinds;
};
void kan_network_nft_gaps(const struct kan_network *n, const struct kan_nft *nft,
			  const struct kan_nft_names *of);

/* "tcp6", or "tcp6 of netns 4026532644" when there are several. Lives in out. */
struct kan_bytes kan_network_what(char out[KAN_NETWORK_WHAT], const struct kan_network *n,
				  const struct kan_netspace *s, const char *name);
/* The dump's failure as a gap. */
void kan_network_gap(const struct kan_network *n, const struct kan_netspace *s, const char *name,
		     const struct kan_net_dump *d);

#endif
