/* Inside the collector network: what of the host's side names this container. */
#ifndef KAN_COLLECTORS_NETWORK_HOST_H
#define KAN_COLLECTORS_NETWORK_HOST_H

#include "collectors/network.h"

enum {
	KAN_HOST_NEEDLES = 256,
	KAN_HOST_OCTETS = 24, /* an address, or a device's name with its NUL */
};

/* Octets that name the container in rules of others. */
struct kan_host_needle {
	const char *why; /* address, subnet, veth, bridge */
	uint8_t v[KAN_HOST_OCTETS];
	size_t n;
	unsigned prefix; /* of an address */
};
struct kan_host {
	struct kan_network *n;
	struct kan_rows *rows;
	struct kan_host_needle v[KAN_HOST_NEEDLES];
	size_t n_v;
	uint64_t left_out; /* needles for which there was no room */
	bool frozen;
	uint64_t rows_kept, rows_seen;
};

/* A row begun; NULL: no room. End it with kan_host_end. */
struct kan_row *kan_host_begin(struct kan_host *h, const char *kind);
int kan_host_end(struct kan_host *h, struct kan_row *r, struct kan_err *err);
/* How many there were, of which only those that name the container are rows. */
int kan_host_count(struct kan_host *h, const char *what, uint64_t seen, uint64_t kept,
		   struct kan_err *err);
void kan_host_add(struct kan_host *h, const char *why, const void *v, size_t n, unsigned prefix);
/* By bit: which needles are in these octets. "names" of the row. */
bool kan_host_names(struct kan_row *r, const struct kan_host *h, struct kan_bytes in, bool write);

/* A namespace of the container's own; in the engine's there is no other end. */
bool kan_host_inside(const struct kan_host *h, const struct kan_netspace *s);
/* The other end of each veth at the host, and its bridge. */
int kan_host_links(struct kan_host *h, struct kan_err *err);
/* nft, legacy iptables, conntrack of the engine's namespace. */
int kan_host_nft(struct kan_host *h, struct kan_err *err);
int kan_host_iptables(struct kan_host *h, struct kan_err *err);
int kan_host_conntrack(struct kan_host *h, struct kan_err *err);
/* docker-proxy or rootlessport, by argv; published ports, by inspect. */
int kan_host_proxies(struct kan_host *h, struct kan_err *err);
int kan_host_ports(struct kan_host *h, struct kan_err *err);

#endif
