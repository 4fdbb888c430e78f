/* host-side.ndjson of the collector network: the other end of each veth, and its bridge. */
#include "collectors/network_host.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "base/row.h"
#include "kernel/netlink.h"

enum { ANSWER_OCTETS = 4096 };

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

int kan_host_links(struct kan_host *h, struct kan_err *err)
{
	struct kan_network *n = h->n;
	for (size_t i = 0; i < n->list.n; i++) {
		const struct kan_netspace *s = n->spaces[i];
		struct joining j = {.h = h, .netns = s->where.ino};
		if (!kan_host_inside(h, s))
			continue;
		number_engine(&j, s);
		(void)kan_netlink_each(kan_buf_bytes(&s->routes[KAN_RT_LINKS].raw), join, &j, NULL);
		if (j.stopped.code != KAN_OK) {
			*err = j.stopped;
			return -1;
		}
	}
	return 0;
}
