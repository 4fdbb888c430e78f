/* The staged shop's own service: listens, logs on both streams and never reaps a child. Nothing
 * more. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 8080,
	LIFETIME_S = 12 * 3600, /* a forgotten demo ends by itself */
	TICK_MS = 500,
	MAX_CLIENTS = 64,
};

static int listener(void)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_ANY),
	};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, MAX_CLIENTS) < 0) {
		perror("shopd: listen");
		exit(EXIT_FAILURE);
	}
	return fd;
}

/* A few lines that a log reader must keep apart: both streams, an escape sequence, a line without
 * its end. */
static void first_lines(void)
{
	fputs("shopd 2.3 ready on port 8080\n", stdout);
	fputs("shopd: warning: template cache is not writable\n", stderr);
	fputs("GET /search?q=\033[2J\033[31m%3Cscript%3E 200\n", stdout);
	fputs("POST /upload.php 200 invoice.php.jpg\n", stdout);
	fputs("shopd: upload: unexpected content type\n", stderr);
}

int main(void)
{
	struct pollfd ready = {.fd = listener(), .events = POLLIN};
	time_t end = time(NULL) + LIFETIME_S;
	int clients = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	first_lines();
	while (time(NULL) < end) {
		if (poll(&ready, 1, TICK_MS) <= 0)
			continue;
		if (clients < MAX_CLIENTS && accept4(ready.fd, NULL, NULL, SOCK_CLOEXEC) >= 0)
			printf("client %d\n", ++clients);
	}
	return EXIT_SUCCESS;
}
