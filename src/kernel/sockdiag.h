/* Sockets as the kernel tells them: by sock_diag, and by the text twins in /proc/net. Pure
 * functions over bytes. */
#ifndef KAN_KERNEL_SOCKDIAG_H
#define KAN_KERNEL_SOCKDIAG_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_SOCK_KINDS = 17,
	KAN_SOCK_TCP = 0, /* of kan_sock_kinds */
	KAN_SOCK_TCP6 = 1,
	KAN_SOCK_ADDRESS = 48,
	KAN_SOCK_LINE = 4096, /* of a text twin; a longer one is malformed */
};

/* A kind of socket that is asked for by itself. */
struct kan_sock_kind {
	const char *name;                  /* of its text twin in /proc/PID/net */
	const char *family, *proto, *type; /* NULL: in each answer */
	const char *registered; /* in /proc/net/protocols; not there: no such socket can exist */
	uint8_t af, protocol;
	bool diag, text; /* by which ways it can be asked for */
};
extern const struct kan_sock_kind kan_sock_kinds[KAN_SOCK_KINDS];

/* What was told. Words are NULL, views have p NULL and flags are false where it was not. Views
 * borrow the input. */
struct kan_sock {
	const char *family, *type, *proto, *state;
	uint32_t ino, uid, ifindex, rqueue, wqueue, mark, peer_ino, vfs_ino, vfs_dev, portid,
		fanout;
	uint64_t cookie, cgroup, bytes_sent, bytes_acked, bytes_received;
	char laddr[KAN_SOCK_ADDRESS], raddr[KAN_SOCK_ADDRESS]; /* empty: none */
	uint32_t lport, rport;
	unsigned timer, retrans, protocol, shutdown;
	struct kan_bytes name, icons, filter, groups;
	bool has_uid, has_cookie, has_ports, has_ifindex, has_queues, has_timer, has_mark,
		has_cgroup, has_sent, has_received, has_peer, has_vfs, has_protocol, has_shutdown,
		has_portid, has_fanout;
};

enum kan_sock_ask {
	KAN_SOCK_ALL,
	KAN_SOCK_LESS,        /* without tcp_info, which waits for a socket's lock */
	KAN_SOCK_ESTABLISHED, /* as less, and connections alone */
	KAN_SOCK_NONE,        /* no socket at all: it only loads what the kernel needs to answer */
};
/* The request of a dump, for type SOCK_DIAG_BY_FAMILY. */
void kan_sock_request(struct kan_buf *out, const struct kan_sock_kind *k, enum kan_sock_ask ask);
/*
 * TCP of both families in one dump, in the words of before Linux 3.3 (type TCPDIAG_GETSOCK). For
 * each dump of TCP the kernel walks the table of all namespaces, which takes 8 ms on a large host.
 */
void kan_sock_request_tcp(struct kan_buf *out, enum kan_sock_ask ask);
/* The answers to it, by family: both keeps those of IPv4, six gets the others. In place, because
 * such a dump is the largest there is. format: cut; what came before is split. */
int kan_sock_split_tcp(struct kan_buf *both, struct kan_buf *six, struct kan_err *err);
/* One answer, behind its netlink header. format: cut; what came before is set. */
int kan_sock_parse(struct kan_sock *out, const struct kan_sock_kind *k, struct kan_bytes payload,
		   struct kan_err *err);

/*
 * Each line of a text twin. A container can forge lines of /proc/net/unix by a name with a line
 * feed: what is read there is a fallback. *bad counts lines that cannot be read. -1 only when fn
 * says so.
 */
typedef int kan_sock_fn(const struct kan_sock *s, void *arg, struct kan_err *err);
int kan_sock_text(uint64_t *bad, const struct kan_sock_kind *k, struct kan_bytes text,
		  kan_sock_fn *fn, void *arg, struct kan_err *err);

/* Words of the kernel's numbers; NULL: unknown. */
const char *kan_sock_state(unsigned state); /* ESTABLISHED, LISTEN ... */
const char *kan_sock_type(unsigned type);   /* stream dgram raw seqpacket */
/* Is this protocol in the text of /proc/net/protocols? */
bool kan_sock_registered(struct kan_bytes protocols, const char *name);

#endif
