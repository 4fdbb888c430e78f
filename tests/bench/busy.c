/*
 * busy PROCESSES PAIRS: a container at work. So many processes, each with so many established TCP
 * connections to itself and one listener. Prints "ready" when all stand, then waits to be killed.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void pair(int listener, const struct sockaddr_in *to)
{
	int out = socket(AF_INET, SOCK_STREAM, 0);
	if (out < 0 || connect(out, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
	    accept(listener, NULL, NULL) < 0)
		die("connection");
}

static void work(int pairs, int done)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, n) < 0 ||
	    listen(listener, 16) < 0 || getsockname(listener, (struct sockaddr *)&a, &n) < 0)
		die("listener");
	for (int i = 0; i < pairs; i++)
		pair(listener, &a);
	if (write(done, "x", 1) != 1)
		die("pipe");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int processes = argc > 1 ? atoi(argv[1]) : 1, pairs = argc > 2 ? atoi(argv[2]) : 1, done[2];
	struct rlimit most = {65536, 65536};
	char one;
	(void)setrlimit(RLIMIT_NOFILE, &most);
	if (pipe(done) < 0)
		die("pipe");
	for (int i = 1; i < processes; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork");
		if (pid == 0)
			work(pairs, done[1]);
	}
	for (int i = 1; i < processes; i++)
		if (read(done[0], &one, 1) != 1)
			die("pipe");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
