/* host-side.ndjson of the collector network: the other end of each veth, the bridge, and what
 * rules, connections and processes of the host name this container. */
#include "collectors/network_host.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/row.h"
#include "kernel/netlink.h"

enum { V4 = 4, V6 = 16, SCOPE_HOST = 254, LINK_LOCAL_4 = 169, NAMES = 4 };

struct kan_row *kan_host_begin(struct kan_host *h, const char *kind)
{
	h->rows_seen++;
	if (h->rows_kept >= KAN_NETWORK_ROWS)
		return NULL;
	h->rows_kept++;
	struct kan_row *r = kan_rows_begin(h->rows);
	kan_row_str(r, "kind", kind);
	if (h->n->engine)
		kan_row_dec(r, "netns", h->n->engine_where.ino);
	return r;
}

int kan_host_end(struct kan_host *h, struct kan_row *r, struct kan_err *err)
{
	kan_row_bool(r, "frozen", h->frozen);
	return kan_rows_end(h->rows, err);
}

int kan_host_count(struct kan_host *h, const char *what, uint64_t seen, uint64_t kept,
		   struct kan_err *err)
{
	struct kan_row *r = kan_host_begin(h, "count");
	if (!r)
		return 0;
	kan_row_str(r, "what", what);
	kan_row_uint(r, "seen", seen);
	kan_row_uint(r, "kept", kept);
	return kan_host_end(h, r, err);
}

void kan_host_add(struct kan_host *h, const char *why, const void *v, size_t n, unsigned prefix)
{
	if (n == 0 || n > KAN_HOST_OCTETS)
		return;
	for (size_t i = 0; i < h->n_v; i++)
		if (h->v[i].n == n && memcmp(h->v[i].v, v, n) == 0)
			return;
	if (h->n_v == KAN_HOST_NEEDLES) {
		h->left_out++;
		return;
	}
	struct kan_host_needle *to = &h->v[h->n_v++];
	*to = (struct kan_host_needle){.why = why, .n = n, .prefix = prefix};
	memcpy(to->v, v, n);
}

bool kan_host_names(struct kan_row *r, const struct kan_host *h, struct kan_bytes in, bool write)
{
	const char *told[NAMES];
	size_t n = 0;
	for (size_t i = 0; i < h->n_v; i++) {
		const struct kan_host_needle *v = &h->v[i];
		bool known = false;
		if (!in.n || !memmem(in.p, in.n, v->v, v->n))
			continue;
		for (size_t k = 0; k < n; k++)
			known |= told[k] == v->why;
		if (!known && n < NAMES)
			told[n++] = v->why;
	}
	if (!write || !n)
		return n > 0;
	kan_row_arr(r, "names");
	for (size_t i = 0; i < n; i++)
		kan_row_str(r, NULL, told[i]);
	kan_row_arr_end(r);
	return true;
}

/* What every container has names none. */
static bool everybodys(const struct kan_rt_ends *e)
{
	const struct kan_bytes a = e->address;
	if (e->scope == SCOPE_HOST || (a.n != V4 && a.n != V6))
		return true;
	return a.n == V6 && a.p[0] == 0xfe && (a.p[1] & 0xc0) == 0x80;
}

/* The address, and the network that it is in, as a rule of a whole bridge would have it. */
static int take_address(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct kan_host *h = arg;
	struct kan_rt_ends e;
	uint8_t net[V6];
	(void)err;
	if (type != kan_rts[KAN_RT_ADDRESSES].answer ||
	    !kan_rt_ends(&e, KAN_RT_ADDRESSES, payload) || everybodys(&e))
		return 0;
	kan_host_add(h, "address", e.address.p, e.address.n, (unsigned)e.address.n * 8);
	memcpy(net, e.address.p, e.address.n);
	for (size_t bit = e.prefix; bit < e.address.n * 8; bit++)
		net[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	for (size_t i = 0; i < e.address.n; i++)
		if (net[i]) { /* zeros alone are in every rule */
			kan_host_add(h, "subnet", net, e.address.n, e.prefix);
			break;
		}
	return 0;
}

static void add_text(struct kan_host *h, const json_t *address)
{
	uint8_t v[V6];
	const char *text = json_string_value(address);
	int n = !text                               ? 0
		: inet_pton(AF_INET, text, v) == 1  ? V4
		: inet_pton(AF_INET6, text, v) == 1 ? V6
						    : 0;
	kan_host_add(h, "address", v, (size_t)n, (unsigned)n * 8);
}

/* By the engine's word, before those of the namespace: of these a container can make as many as it
 * likes. */
static void given_addresses(struct kan_host *h)
{
	const char *name = NULL;
	json_t *one = NULL;
	json_t *settings = json_object_get(h->n->t->inspect, "NetworkSettings");
	json_object_foreach (json_object_get(settings, "Networks"), name, one) {
		add_text(h, json_object_get(one, "IPAddress"));
		add_text(h, json_object_get(one, "GlobalIPv6Address"));
	}
}

bool kan_host_inside(const struct kan_host *h, const struct kan_netspace *s)
{
	return !s->host && s->where.ino != h->n->engine_where.ino;
}

static void addresses(struct kan_host *h)
{
	const struct kan_network *n = h->n;
	for (size_t i = 0; i < n->list.n; i++)
		if (kan_host_inside(h, n->spaces[i]))
			(void)kan_netlink_each(
				kan_buf_bytes(&n->spaces[i]->routes[KAN_RT_ADDRESSES].raw),
				take_address, h, NULL);
	if (h->left_out)
		kan_sink_limit(n->sink, KAN_LIT("names of the container at the host"),
			       h->n_v + h->left_out, h->n_v, KAN_HOST_NEEDLES);
}

static int all(struct kan_host *h, struct kan_err *err)
{
	h->frozen = kan_sink_frozen(h->n->sink);
	if (kan_host_ports(h, err) < 0)
		return -1;
	if (!h->n->engine || h->n->engine->closed.code != KAN_OK)
		return 0; /* told where it was opened */
	const struct kan_net_dump *links = &h->n->engine->routes[KAN_RT_LINKS];
	if (links->err.code != KAN_OK)
		kan_network_gap(h->n, h->n->engine, "links of the host side", links);
	given_addresses(h);
	if (kan_host_links(h, err) < 0)
		return -1;
	addresses(h);
	if (kan_host_conntrack(h, err) < 0 || kan_host_nft(h, err) < 0 ||
	    kan_host_iptables(h, err) < 0)
		return -1;
	return kan_host_proxies(h, err);
}

int kan_network_host(struct kan_network *n, struct kan_err *err)
{
	kan_auto_free struct kan_host *h = kan_xalloc(sizeof(*h));
	h->n = n;
	if (kan_rows_open(&h->rows, n->sink, "host-side.ndjson", err) < 0)
		return -1;
	if (all(h, err) < 0) {
		kan_rows_abandon(h->rows);
		return -1;
	}
	if (h->rows_seen > h->rows_kept)
		kan_sink_limit(n->sink, KAN_LIT("host-side.ndjson"), h->rows_seen, h->rows_kept,
			       KAN_NETWORK_ROWS);
	return kan_rows_close(h->rows, err);
}
