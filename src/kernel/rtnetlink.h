/* How packets travel, as the kernel's RTNETLINK tells it: one answer becomes one row. Pure
 * functions over bytes. */
#ifndef KAN_KERNEL_RTNETLINK_H
#define KAN_KERNEL_RTNETLINK_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

struct kan_row;

enum kan_rt_kind {
	KAN_RT_LINKS,
	KAN_RT_ADDRESSES,
	KAN_RT_ROUTES,
	KAN_RT_RULES,
	KAN_RT_NEIGHBOURS,
	KAN_RT_PROXIES,                /* neighbours answered for */
	KAN_RT_LATER = KAN_RT_PROXIES, /* from here on: not in the pause */
	KAN_RT_FDB,                    /* of bridges */
	KAN_RT_QDISCS,
	KAN_RT_FILTERS, /* one dump a place where filters may hang */
	KAN_RT_KINDS
};
enum { KAN_RT_RAW_MAX = 64 << 10 }; /* attributes kept in a row, before they become hex */

struct kan_rt {
	const char *name; /* "links"; kinds of one name are neighbours, and in one artefact */
	uint16_t request, answer; /* message types */
};
extern const struct kan_rt kan_rts[KAN_RT_KINDS];

/*
 * Where filters hang below this queueing discipline: ingress and egress, or its own classes. The
 * number of requests; each is a message of its own.
 */
enum { KAN_RT_PLACES = 2, KAN_RT_FILTER_OCTETS = 20 };
size_t kan_rt_filter_requests(uint8_t out[KAN_RT_PLACES][KAN_RT_FILTER_OCTETS],
			      struct kan_bytes qdisc);
/* The request of a dump. */
void kan_rt_request(struct kan_buf *out, enum kan_rt_kind kind);
/*
 * Fields of the row: what is known by name, and all attributes as "raw" in hex. format: the answer
 * is cut; the fields before stand.
 */
int kan_rt_row(struct kan_row *r, enum kan_rt_kind kind, struct kan_bytes payload,
	       struct kan_err *err);

/* What joins a device with its other end, and an address with what names it. Views borrow. */
struct kan_rt_ends {
	int32_t ifindex, iflink, master; /* 0: none */
	struct kan_bytes name, kind, address;
	unsigned prefix, scope;
	bool elsewhere;  /* iflink is of another namespace: */
	int32_t netnsid; /* its number in the one that was asked */
};
/* Of a link or an address; false: cut. */
bool kan_rt_ends(struct kan_rt_ends *out, enum kan_rt_kind kind, struct kan_bytes payload);
/* Which number a namespace has in another one: the request, and its answer. false: it has none. */
enum { KAN_RT_NSID_OCTETS = 12 };
uint16_t kan_rt_nsid_ask(uint8_t out[KAN_RT_NSID_OCTETS], int ns_fd);
bool kan_rt_nsid(int32_t *out, struct kan_bytes payload);

#endif
