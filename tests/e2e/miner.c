/* What a dropped miner is like, harmless: asks a pool for work in its protocol, and uses little of
 * a processor. miner -o stratum+tcp://ADDRESS:PORT -u WALLET */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "act.h"

enum { ROUNDS = 100000, LIFETIME_S = 3600 };

static int pool(const char *url)
{
	char host[64];
	int port = 0;
	must(sscanf(url, "stratum+tcp://%63[0-9.]:%d", host, &port) == 2, "url");
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	must(inet_pton(AF_INET, host, &to.sin_addr) == 1, "address");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
	return fd;
}

int main(int argc, char **argv)
{
	must(argc == 5 && strcmp(argv[1], "-o") == 0 && strcmp(argv[3], "-u") == 0, "arguments");
	int fd = pool(argv[2]);
	dprintf(fd,
		"{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"%s\",\"pass\":\"x\"}}\n",
		argv[4]);
	volatile uint32_t hash = 0;
	for (time_t end = time(NULL) + LIFETIME_S; time(NULL) < end; usleep(50000))
		for (uint32_t i = 0; i < ROUNDS; i++)
			hash = hash * 16777619U ^ i;
	return 0;
}
