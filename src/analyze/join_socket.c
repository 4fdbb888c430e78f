/* The joins of sockets: who holds them, where the peer is, and whether the port was meant to be
 * open. */
#include <string.h>

#include "analyze/join.h"

enum { PORT_KEY = 24 };

static bool in_any(const struct in6_addr *a, const struct kan_net *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kan_ip_in(a, &list[i]))
			return true;
	return false;
}

static bool in_text(const struct in6_addr *a, const char *const *nets)
{
	for (; *nets; nets++) {
		struct kan_net net;
		if (kan_ip_net(&net, *nets) && kan_ip_in(a, &net))
			return true;
	}
	return false;
}

/* An address of the host on an engine's network is a gateway. What is in no table is public. */
static const char *scope_of(const struct kan_facts *f, const struct in6_addr *a, const char *laddr)
{
	static const char *const loopback[] = {"127.0.0.0/8", "::1", NULL};
	static const char *const metadata[] = {"169.254.169.254", "fd00:ec2::254",
					       "100.100.100.200", NULL};
	static const char *const near[] = {
		"10.0.0.0/8",    "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"100.64.0.0/10", "fc00::/7",      "fe80::/10",      NULL};
	struct in6_addr local;
	if (in_text(a, loopback))
		return "loopback";
	if (in_any(a, f->selves, f->n_selves) ||
	    (kan_ip_parse(&local, laddr) && memcmp(&local, a, sizeof local) == 0))
		return "self";
	if (in_text(a, metadata))
		return "metadata";
	if (in_any(a, f->gateways, f->n_gateways))
		return "gateway";
	if (in_any(a, f->nets, f->n_nets))
		return "neighbour";
	return in_text(a, near) ? "private" : "public";
}

static void join_peer(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	static const struct in6_addr any6;
	struct in6_addr a, any4;
	(void)kan_ip_parse(&any4, "0.0.0.0");
	const char *raddr = kan_json_str(row, "raddr");
	if (!kan_ip_parse(&a, raddr) || memcmp(&a, &any6, sizeof a) == 0 ||
	    memcmp(&a, &any4, sizeof a) == 0)
		return;
	json_object_set_new(extra, "peer.scope",
			    json_string(scope_of(f, &a, kan_json_str(row, "laddr"))));
	int64_t port = kan_get_int(row, "lport", -1);
	bool in = port >= 0 && port < KAN_FACTS_PORTS &&
		  f->listening[port / 64] & 1ULL << (port % 64);
	json_object_set_new(extra, "sock.dir", json_string(in ? "in" : "out"));
}

static void join_exposed(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	char key[PORT_KEY];
	if (!f->inspect) {
		json_object_set_new(extra, "sock.exposed", json_null());
		return;
	}
	(void)snprintf(key, sizeof key, "%d/%.8s", (int)kan_get_int(row, "lport", 0),
		       kan_json_str(row, "proto"));
	bool yes = json_object_get(kan_get(f->inspect, "Config.ExposedPorts"), key) ||
		   json_object_get(kan_get(f->inspect, "HostConfig.PortBindings"), key) ||
		   json_object_get(kan_get(f->image_inspect, "Config.ExposedPorts"), key);
	json_object_set_new(extra, "sock.exposed", json_boolean(yes));
}

static void copy(json_t *extra, const char *column, const json_t *row, const char *key)
{
	json_t *v = json_object_get(row, key);
	if (v)
		json_object_set(extra, column, v);
}

void kan_join_socket(json_t *extra, const json_t *row, const struct kan_facts *f)
{
	json_t *pids = json_array();
	size_t i = 0;
	json_t *owner = NULL;
	json_array_foreach (json_object_get(row, "owners"), i, owner)
		json_array_append(pids, json_array_get(owner, 0));
	json_object_set_new(extra, "pid", pids);
	if (strncmp(kan_json_str(row, "family"), "inet", 4) != 0)
		return;
	join_peer(extra, row, f);
	join_exposed(extra, row, f);
	copy(extra, "sock.sent", row, "bytes_sent");
	copy(extra, "sock.received", row, "bytes_received");
	const json_t *sent = json_object_get(row, "bytes_sent");
	int64_t received = kan_get_int(row, "bytes_received", 0);
	if (sent)
		json_object_set_new(
			extra, "sock.ratio",
			json_integer(json_integer_value(sent) / (received > 0 ? received : 1)));
}
