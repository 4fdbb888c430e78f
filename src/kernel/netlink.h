/* Dumps over netlink, by libmnl: one request, all answers raw in memory, so that nothing is decoded
 * in the pause. */
#ifndef KAN_KERNEL_NETLINK_H
#define KAN_KERNEL_NETLINK_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_NETLINK_DUMP_MAX = 64 << 20, /* raw bytes of one dump */
	KAN_NETLINK_BUFFER = 1 << 20,
	KAN_NETLINK_TRIES = 3, /* of a dump that the kernel says changed meanwhile */
	KAN_NETLINK_WAIT_S = 2,
};

/*
 * One dump. fd: a netlink socket of the namespace that is asked. request: the payload behind the
 * netlink header. out gets every message of the answer, headers included. unsupported: the kernel
 * has no such family (ENOENT); limit: above out->max, what came is kept; -1 with sys EINTR: it
 * changed in every try, the last is kept.
 */
int kan_netlink_dump(struct kan_buf *out, int fd, uint16_t type, struct kan_bytes request,
		     struct kan_err *err);
/* The same for what is no dump: one question, one answer. */
int kan_netlink_get(struct kan_buf *out, int fd, uint16_t type, struct kan_bytes request,
		    struct kan_err *err);
/* A dump of which only some messages are kept: want tells which, and may count. */
struct kan_netlink_some {
	int fd;
	uint16_t type;
	struct kan_bytes request;
	bool (*want)(struct kan_bytes message, void *arg); /* with its header */
	void (*again)(void *arg); /* what came does not count: the dump begins anew */
	void *arg;
};
int kan_netlink_dump_some(struct kan_buf *out, const struct kan_netlink_some *what,
			  struct kan_err *err);
/* Prepare a socket before the pause: receive buffer, time limit. */
int kan_netlink_prepare(int fd, struct kan_err *err);

/* Pure: does the table /proc/net/netlink have the kernel's own end of this protocol? Asked without
 * a socket: to open one makes the kernel load the module. */
bool kan_netlink_loaded(struct kan_bytes table, unsigned protocol);

/* Pure: each message of a dump. payload is behind its header; a cut message ends with format. */
typedef int kan_netlink_fn(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err);
int kan_netlink_each(struct kan_bytes dump, kan_netlink_fn *fn, void *arg, struct kan_err *err);

/* Pure: attributes behind a fixed header of header octets, the last of each type wins. */
struct kan_attrs {
	struct kan_bytes *v; /* by type; p NULL: not there */
	uint16_t max;        /* highest type wanted; v has max + 1 */
};
/* format when an attribute passes the end; those before it are set. */
int kan_netlink_attrs(struct kan_attrs *out, struct kan_bytes payload, size_t header,
		      struct kan_err *err);
/* Takes the first attribute off a list in which a type may come often. false: none, or cut. */
bool kan_attr_next(uint16_t *type, struct kan_bytes *value, struct kan_bytes *list);
/* Little helpers of decoders: exact length or nothing. */
bool kan_attr_u32(uint32_t *out, const struct kan_attrs *a, uint16_t type);
bool kan_attr_be16(uint32_t *out, const struct kan_attrs *a, uint16_t type);
bool kan_attr_be32(uint32_t *out, const struct kan_attrs *a, uint16_t type);
bool kan_attr_be64(uint64_t *out, const struct kan_attrs *a, uint16_t type);
bool kan_attr_u8(uint8_t *out, const struct kan_attrs *a, uint16_t type);

#endif
