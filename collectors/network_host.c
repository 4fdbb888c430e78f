/* host-side.ndjson of the collector network: the other end of each veth, the bridge, and what
 * rules, connections and processes of the host name this container. */
#include "collectors/network_host.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/row.h"
#include "kernel/netlink.h"

enum { V4 = 4, V6 = 16, SCOPE_HOST = 254, LINK_LOCAL_4 = 169, NAMES = 4, ANSWER_OCTETS = 4096 };

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

/* A device in the dump of the engine's namespace. */
struct search {
	int32_t ifindex;
	bool found;
	struct kan_rt_ends ends;
	struct kan_bytes payload;
};

static int same_index(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct search *s = arg;
	struct kan_rt_ends e;
	(void)err;
	if (type != kan_rts[KAN_RT_LINKS].answer || !kan_rt_ends(&e, KAN_RT_LINKS, payload) ||
	    e.ifindex != s->ifindex)
		return 0;
	*s = (struct search){s->ifindex, true, e, payload};
	return 1;
}

static struct search link_of(const struct kan_host *h, int32_t ifindex)
{
	struct search s = {.ifindex = ifindex};
	const struct kan_net_dump *d = &h->n->engine->routes[KAN_RT_LINKS];
	if (ifindex > 0)
		(void)kan_netlink_each(kan_buf_bytes(&d->raw), same_index, &s, NULL);
	return s;
}

static void needle_of(struct kan_host *h, const char *why, struct kan_bytes name)
{
	uint8_t v[KAN_HOST_OCTETS] = {0};
	if (name.n == 0 || name.n >= KAN_HOST_OCTETS)
		return;
	memcpy(v, name.p, name.n);
	kan_host_add(h, why, v, name.n + 1, 0); /* with its NUL: no longer name is meant */
}

static int device(struct kan_host *h, const char *kind, const struct search *s,
		  const struct kan_rt_ends *of, uint64_t netns, struct kan_err *err)
{
	struct kan_row *r = kan_host_begin(h, kind);
	if (!r)
		return 0;
	if (of) {
		kan_row_dec(r, "of_netns", netns);
		kan_row_int(r, "of_ifindex", of->ifindex);
	}
	kan_row_obj(r, "link");
	(void)kan_rt_row(r, KAN_RT_LINKS, s->payload, NULL);
	kan_row_obj_end(r);
	return kan_host_end(h, r, err);
}

struct joining {
	struct kan_host *h;
	uint64_t netns;
	bool numbered; /* what the engine's namespace is called in this one */
	int32_t engine;
	struct kan_err stopped;
};

static int take_nsid(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct joining *j = arg;
	(void)err;
	if (type == RTM_NEWNSID)
		j->numbered = kan_rt_nsid(&j->engine, payload);
	return 0;
}

static void number_engine(struct joining *j, const struct kan_netspace *s)
{
	uint8_t request[KAN_RT_NSID_OCTETS];
	kan_auto_buf struct kan_buf raw = KAN_BUF(ANSWER_OCTETS);
	kan_auto_close int ns = -1;
	struct kan_err why = {0};
	if (s->fd[KAN_NS_ROUTE] < 0)
		return;
	if (kan_netns_open(&ns, &j->h->n->engine_where, &why) == 0) {
		const uint16_t type = kan_rt_nsid_ask(request, ns);
		if (kan_netlink_get(&raw, s->fd[KAN_NS_ROUTE], type,
				    (struct kan_bytes){request, sizeof(request)}, &why) == 0)
			(void)kan_netlink_each(kan_buf_bytes(&raw), take_nsid, j, &why);
	}
	if (why.code != KAN_OK)
		kan_sink_gap_err(j->h->n->sink, KAN_LIT("veth of the host side"), &why);
}

/* Both ends have to name each other, and the other one's namespace has to be the engine's: numbers
 * of devices repeat in every namespace, and a container chooses those of its own. */
static int join(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct joining *j = arg;
	struct kan_rt_ends e;
	(void)err;
	if (type != kan_rts[KAN_RT_LINKS].answer || !kan_rt_ends(&e, KAN_RT_LINKS, payload) ||
	    !e.elsewhere || !j->numbered || e.netnsid != j->engine)
		return 0;
	struct search peer = link_of(j->h, e.iflink);
	if (!peer.found || peer.ends.iflink != e.ifindex || !kan_bytes_eq(peer.ends.kind, e.kind))
		return 0;
	needle_of(j->h, "veth", peer.ends.name);
	if (device(j->h, "veth", &peer, &e, j->netns, &j->stopped) < 0)
		return -1;
	struct search bridge = link_of(j->h, peer.ends.master);
	if (!bridge.found)
		return 0;
	needle_of(j->h, "bridge", bridge.ends.name);
	return device(j->h, "bridge", &bridge, NULL, 0, &j->stopped);
}

/* In the engine's own namespace there is no other end. */
static bool is_inside(const struct kan_host *h, const struct kan_netspace *s)
{
	return !s->host && s->where.ino != h->n->engine_where.ino;
}

static void addresses(struct kan_host *h)
{
	const struct kan_network *n = h->n;
	for (size_t i = 0; i < n->list.n; i++)
		if (is_inside(h, n->spaces[i]))
			(void)kan_netlink_each(
				kan_buf_bytes(&n->spaces[i]->routes[KAN_RT_ADDRESSES].raw),
				take_address, h, NULL);
	if (h->left_out)
		kan_sink_limit(n->sink, KAN_LIT("names of the container at the host"),
			       h->n_v + h->left_out, h->n_v, KAN_HOST_NEEDLES);
}

static int devices(struct kan_host *h, struct kan_err *err)
{
	struct kan_network *n = h->n;
	given_addresses(h);
	for (size_t i = 0; i < n->list.n; i++) {
		const struct kan_netspace *s = n->spaces[i];
		struct joining j = {.h = h, .netns = s->where.ino};
		if (!is_inside(h, s))
			continue;
		number_engine(&j, s);
		(void)kan_netlink_each(kan_buf_bytes(&s->routes[KAN_RT_LINKS].raw), join, &j, NULL);
		if (j.stopped.code != KAN_OK) {
			*err = j.stopped;
			return -1;
		}
	}
	addresses(h);
	return 0;
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
	if (devices(h, err) < 0 || kan_host_conntrack(h, err) < 0 || kan_host_nft(h, err) < 0 ||
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
