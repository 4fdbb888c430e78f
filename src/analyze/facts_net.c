/* The pass over sockets, and the networks of the engine: which addresses are near. */
#include <stdlib.h>
#include <string.h>

#include "analyze/facts.h"

enum { NET_TEXT = 80 };

static int take_socket(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	struct kan_sock *s = kan_facts_more(&f->socks, &f->n_socks, KAN_FACTS_SOCKETS, sizeof *s);
	if (!s) {
		f->whole_sockets = false;
		return 0;
	}
	const char *family = kan_json_str(row, "family");
	s->ino = kan_get_dec(row, "ino");
	s->family = strncmp(family, "inet", 4) == 0 ? 'i' : strcmp(family, "unix") == 0 ? 'u' : 'o';
	int64_t port = kan_get_int(row, "lport", -1);
	if (s->family == 'i' && port >= 0 && port < KAN_FACTS_PORTS &&
	    strcmp(kan_json_str(row, "state"), "LISTEN") == 0)
		f->listening[port / 64] |= 1ULL << (port % 64);
	return 0;
}

static void add_net(struct kan_net *list, size_t *n, const char *text)
{
	struct kan_net net;
	if (*n < KAN_FACTS_NETS && text && *text && kan_ip_net(&net, text))
		list[(*n)++] = net;
}

/* What inspect says of each network the container is in. */
static void own_networks(struct kan_facts *f)
{
	const char *name = NULL;
	json_t *n = NULL;
	json_object_foreach (kan_get(f->inspect, "NetworkSettings.Networks"), name, n) {
		char net[NET_TEXT];
		add_net(f->selves, &f->n_selves, kan_json_str(n, "IPAddress"));
		add_net(f->selves, &f->n_selves, kan_json_str(n, "GlobalIPv6Address"));
		add_net(f->gateways, &f->n_gateways, kan_json_str(n, "Gateway"));
		add_net(f->gateways, &f->n_gateways, kan_json_str(n, "IPv6Gateway"));
		if (snprintf(net, sizeof net, "%s/%lld", kan_json_str(n, "IPAddress"),
			     (long long)kan_get_int(n, "IPPrefixLen", 32)) < (int)sizeof net)
			add_net(f->nets, &f->n_nets, net);
	}
}

static void engine_networks(struct kan_facts *f)
{
	size_t i = 0, k = 0;
	json_t *n = NULL, *c = NULL;
	json_array_foreach (f->networks, i, n) {
		json_array_foreach (kan_get(n, "IPAM.Config"), k, c) {
			add_net(f->nets, &f->n_nets, kan_json_str(c, "Subnet"));
			add_net(f->gateways, &f->n_gateways, kan_json_str(c, "Gateway"));
		}
	}
}

static int take_address(const json_t *row, uint64_t line, void *arg, struct kan_err *err)
{
	struct kan_facts *f = arg;
	(void)line;
	(void)err;
	add_net(f->selves, &f->n_selves, kan_json_str(row, "address"));
	return 0;
}

int kan_facts_network(struct kan_facts *f, struct kan_err *err)
{
	struct kan_err missing = {0};
	own_networks(f);
	engine_networks(f);
	if (kan_source_rows(f->source, "data/network/addresses.ndjson", take_address, f, &missing) <
		    0 &&
	    missing.code != KAN_ENOTFOUND)
		return kan_fail(err, missing.code, "%s", missing.text);
	missing = (struct kan_err){0};
	if (kan_source_rows(f->source, "data/network/sockets.ndjson", take_socket, f, &missing) <
		    0 &&
	    missing.code != KAN_ENOTFOUND)
		return kan_fail(err, missing.code, "%s", missing.text);
	kan_facts_sort(f);
	return 0;
}
