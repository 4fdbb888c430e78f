/* A process with sockets of every kind in a network namespace of its own; it tells what it opened,
 * and waits. */
#ifndef KAN_TEST_SUSPECT_H
#define KAN_TEST_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum suspect_socket {
	SUSPECT_LISTENER, /* 127.0.0.1 */
	SUSPECT_CLIENT,   /* connected to it; wrote "hello" */
	SUSPECT_SERVER,   /* what it accepted */
	SUSPECT_LISTENER6,
	SUSPECT_UDP,
	SUSPECT_RAW,      /* ICMP */
	SUSPECT_PACKET,   /* every protocol, with a filter of one instruction */
	SUSPECT_ABSTRACT, /* listens on SUSPECT_NAME */
	SUSPECT_PAIR_A,
	SUSPECT_PAIR_B,
	SUSPECT_UNBOUND, /* a TCP socket that is in no table of the kernel */
	SUSPECT_NETLINK,
	SUSPECT_SOCKETS,
};
#define SUSPECT_NAME "\0relay\n\001"

struct suspect_truth {
	int fd[SUSPECT_SOCKETS];
	uint64_t ino[SUSPECT_SOCKETS];
	unsigned port, client_port, udp_port;
	uint64_t netns, thread_netns;
};
enum suspect_way {
	SUSPECT_ALONE,  /* waits */
	SUSPECT_THREAD, /* and has a thread in one more namespace */
	SUSPECT_LOCKED, /* a thread holds the client's lock for ever; false when this kernel cannot
			 */
};
struct suspect {
	pid_t pid;
	int dir; /* /proc/PID */
	struct suspect_truth truth;
};
bool suspect_start(struct suspect *s, enum suspect_way way);
void suspect_end(struct suspect *s);

#endif
