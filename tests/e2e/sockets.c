/* A member with one socket of each kind; it writes inodes and descriptors to a file, and waits. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
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

static void others(const char *engine)
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
	memset(&u.sun_path, 0, sizeof(u.sun_path));
	strncpy(u.sun_path, engine, sizeof(u.sun_path) - 1);
	must(connect(tell("engine", socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&u,
		     sizeof(u)) == 0,
	     "engine");
}

int main(int argc, char **argv)
{
	must(argc == 3 && (truth = fopen(argv[2], "w")), "truth");
	internet();
	others(argv[1]);
	fputs("end\n", truth);
	must(fclose(truth) == 0, "truth");
	for (;;)
		pause();
}
