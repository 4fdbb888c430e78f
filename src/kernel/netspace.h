/* All that one network namespace tells, raw and in memory: asked in the pause, decoded after it. */
#ifndef KAN_KERNEL_NETSPACE_H
#define KAN_KERNEL_NETSPACE_H

#include "kernel/netns.h"
#include "kernel/rtnetlink.h"
#include "kernel/sockdiag.h"

struct kan_bounded;

enum {
	KAN_NETSPACE_TOTAL = 384 << 20, /* raw bytes of all namespaces together */
	KAN_NETSPACE_TEXTS = 32,
};

/* Sockets made inside the namespace. IP4 and IP6 are bound to nothing: only options are asked for.
 */
enum kan_netspace_socket {
	KAN_NS_DIAG,
	KAN_NS_SPARE, /* for the one whose question blocks */
	KAN_NS_ROUTE,
	KAN_NS_FILTER,
	KAN_NS_IP4,
	KAN_NS_IP6,
	KAN_NETSPACE_SOCKETS
};

/* A text twin: below net/. sockets: it lists the sockets of everybody in the namespace. */
struct kan_net_text {
	const char *file;
	bool sockets;
};
extern const struct kan_net_text kan_net_texts[KAN_NETSPACE_TEXTS]; /* file NULL: unused */

struct kan_net_dump {
	struct kan_buf raw;
	struct kan_err err; /* code KAN_OK: whole */
	bool asked;         /* false: no such thing can exist here */
	bool text;          /* of the text twin, because the kernel has no sock_diag for it */
	bool frozen;        /* all of it while the target was frozen */
};

struct kan_netspace {
	struct kan_netns where;             /* borrowed */
	bool host;                          /* the host's: strangers' sockets are in it */
	struct kan_err closed;              /* it could not be entered */
	int fd[KAN_NETSPACE_SOCKETS];       /* -1: could not be had, */
	int why[KAN_NETSPACE_SOCKETS];      /* and its errno */
	uint64_t own[KAN_NETSPACE_SOCKETS]; /* their inodes: they are in the answers, and no
					       evidence */
	struct kan_net_dump socks[KAN_SOCK_KINDS], routes[KAN_RT_KINDS], texts[KAN_NETSPACE_TEXTS];
	void *tcp;    /* begun, and not finished */
	bool at_once; /* tcp6 is in the dump of tcp, until kan_netspace_split */
	bool less;    /* asked without what waits for a socket's lock, and why: sys ETIMEDOUT: one
			 was held; else no thread could be had to wait in */
	struct kan_err less_why;
};

struct kan_netspace_ask {
	struct kan_bytes protocols;      /* /proc/net/protocols */
	bool (*frozen)(const void *arg); /* is the target frozen at this moment? */
	void (*stuck)(void *arg);        /* a read blocks: the pause has to end */
	void *arg;
	struct kan_bounded *worker;
	size_t budget; /* in, out: raw octets that may still be kept */
};

/* Before the pause. What cannot be entered is in closed; free in every case. */
void kan_netspace_open(struct kan_netspace *out, const struct kan_netns *where, bool host);
/* Makes the kernel load what it needs to answer: that takes time, and is done before the pause. */
void kan_netspace_warm(struct kan_netspace *n, const struct kan_netspace_ask *ask);
/*
 * In the pause, in this order. TCP takes as long as all the rest: it is begun, and read beside it
 * by the worker, one namespace at a time. Failures stay with the dump. Each begin has its finish.
 */
void kan_netspace_begin(struct kan_netspace *n, struct kan_netspace_ask *ask);
void kan_netspace_read(struct kan_netspace *n, struct kan_netspace_ask *ask);
void kan_netspace_finish(struct kan_netspace *n, struct kan_netspace_ask *ask);
/* After the pause: what was asked for at once, by kind. */
void kan_netspace_split(struct kan_netspace *n);
/* After the pause: kinds of links from KAN_RT_LATER on. */
void kan_netspace_later(struct kan_netspace *n, struct kan_netspace_ask *ask);
/* One kind alone, at any time. */
void kan_netspace_sockets(struct kan_netspace *n, size_t kind, struct kan_netspace_ask *ask);
void kan_netspace_links(struct kan_netspace *n, enum kan_rt_kind kind,
			struct kan_netspace_ask *ask);
/* The text twins. Not in the pause: for some of them the kernel walks the table of all namespaces.
 */
void kan_netspace_texts(struct kan_netspace *n, struct kan_netspace_ask *ask);
/* The connections of this moment, by family. */
int kan_netspace_established(struct kan_buf *four, struct kan_buf *six,
			     const struct kan_netspace *n, struct kan_err *err);
void kan_netspace_free(struct kan_netspace *n);

#endif
