/* A member with one socket of each kind; it writes inodes and descriptors to a file, and waits. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *truth;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(3);
}

static int tell(const char *name, int fd)
{
	struct stat st;
	must(fd >= 0 && fstat(fd, &st) == 0, name);
	fprintf(truth, "%s %lu\n%s_fd %d\n", name, (unsigned long)st.st_ino, name, fd);
	return fd;
}

static void internet(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);
	int mark = 77;
	int listener = tell("tcp_listen", socket(AF_INET, SOCK_STREAM, 0));
	must(bind(listener, (struct sockaddr *)&a, n) == 0 && listen(listener, 5) == 0, "listen");
	must(getsockname(listener, (struct sockaddr *)&a, &n) == 0, "name");
	fprintf(truth, "tcp_port %d\n", ntohs(a.sin_port));
	int client = tell("tcp_client", socket(AF_INET, SOCK_STREAM, 0));
	must(setsockopt(client, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0, "mark");
	must(connect(client, (struct sockaddr *)&a, n) == 0, "connect");
	int server = tell("tcp_server", accept(listener, NULL, NULL));
	(void)server;
	must(write(client, "hello", 5) == 5, "write");
	a.sin_port = 0;
	must(bind(tell("udp", socket(AF_INET, SOCK_DGRAM, 0)), (struct sockaddr *)&a, n) == 0,
	     "udp");
	must(bind(tell("udplite", socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)),
		  (struct sockaddr *)&a, n) == 0,
	     "udplite");
	tell("raw", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static void reach(const char *name, const char *path)
{
	struct sockaddr_un u = {.sun_family = AF_UNIX};
	strncpy(u.sun_path, path, sizeof(u.sun_path) - 1);
	must(connect(tell(name, socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&u,
		     sizeof(u)) == 0,
	     name);
}

static int offer(const char *path)
{
	struct sockaddr_un u = {.sun_family = AF_UNIX};
	int fd = tell("offered", socket(AF_UNIX, SOCK_STREAM, 0));
	strncpy(u.sun_path, path, sizeof(u.sun_path) - 1);
	must(bind(fd, (struct sockaddr *)&u, sizeof(u)) == 0 && listen(fd, 5) == 0, path);
	return fd;
}

/* A child that listens in a network namespace of its own. */
static void elsewhere(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(4711)};
	unsigned long told[2] = {0};
	int ends[2];
	must(pipe(ends) == 0, "pipe");
	if (fork() == 0) {
		struct stat st, ns;
		must(unshare(CLONE_NEWNET) == 0, "unshare");
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		must(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 5) == 0,
		     "elsewhere");
		must(fstat(fd, &st) == 0 && stat("/proc/self/ns/net", &ns) == 0, "stat");
		told[0] = st.st_ino;
		told[1] = ns.st_ino;
		must(write(ends[1], told, sizeof(told)) == sizeof(told), "tell");
		for (;;)
			pause();
	}
	must(read(ends[0], told, sizeof(told)) == sizeof(told), "read");
	fprintf(truth, "elsewhere %lu\nelsewhere_netns %lu\n", told[0], told[1]);
	must(close(ends[0]) == 0 && close(ends[1]) == 0, "close");
}

static void others(void)
{
	static const char name[] = "\0or\nforged: 00000002 00000000 00010000\0x";
	struct sockaddr_un u = {.sun_family = AF_UNIX};
	struct sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, 0xffff}};
	struct sock_fprog filter = {1, all};
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = 1};
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 1};
	int pair[2], fanout = 9;
	int packet = tell("packet", socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
	must(setsockopt(packet, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0,
	     "filter");
	must(bind(packet, (struct sockaddr *)&ll, sizeof(ll)) == 0, "packet");
	must(setsockopt(packet, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof(fanout)) == 0, "fanout");
	must(bind(tell("netlink", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)),
		  (struct sockaddr *)&nl, sizeof(nl)) == 0,
	     "netlink");
	memcpy(u.sun_path, name, sizeof(name) - 1);
	must(bind(tell("abstract", socket(AF_UNIX, SOCK_DGRAM, 0)), (struct sockaddr *)&u,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1)) == 0,
	     "abstract");
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "pair");
	tell("pair_a", pair[0]);
	tell("pair_b", pair[1]);
}

/* sockets ENGINE STRANGER OFFER TRUTH: connects to two, waits for somebody at the third. */
int main(int argc, char **argv)
{
	must(argc == 5 && (truth = fopen(argv[4], "w")), "truth");
	elsewhere();
	internet();
	others();
	reach("engine", argv[1]);
	reach("stranger", argv[2]);
	int offered = offer(argv[3]);
	fputs("end\n", truth);
	must(fflush(truth) == 0, "truth");
	tell("accepted", accept(offered, NULL, NULL));
	fputs("done\n", truth);
	must(fclose(truth) == 0, "truth");
	for (;;)
		pause();
}
