/* What the staged intruder left running: it sleeps, listens or connects, and does nothing else. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LIFETIME_S = 12 * 3600, /* a forgotten demo ends by itself */
	MAX_CLIENTS = 64,
	CONNECT_TRIES = 50,
	CONNECT_PAUSE_US = 100000,
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "suspect: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static _Noreturn void idle(void)
{
	for (;;)
		pause();
}

static struct sockaddr_in address_of(const char *host, const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	address.sin_port = htons((in_port_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		fail(host);
	return address;
}

/* One abstract name with a NUL and a line feed in it, which no text file can carry unforged. */
static void abstract_listener(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static const char name[] = "\0relay\n\001";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path, name, sizeof name - 1);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name - 1)) < 0 ||
	    listen(fd, 1) < 0)
		fail("abstract socket");
}

/* An unlinked file that only this descriptor still holds. */
static void unlinked_file(const char *path)
{
	static const char loot[] = "card;4111111111111111;12/29\n";
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, loot, sizeof loot - 1) < 0 || unlink(path) < 0)
		fail(path);
}

/* A child that has ended and that nobody waits for. */
static void zombie(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		_exit(EXIT_SUCCESS);
}

static _Noreturn void listen_on(const char *port, const char *loot)
{
	struct sockaddr_in address = address_of("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, MAX_CLIENTS) < 0)
		fail("listen");
	if (loot) {
		abstract_listener();
		unlinked_file(loot);
		zombie();
	}
	for (int clients = 0; clients < MAX_CLIENTS;)
		clients += accept(fd, NULL, NULL) >= 0;
	idle();
}

static _Noreturn void connect_to(const char *host, const char *port)
{
	static const char hello[] = "login x4\n";
	struct sockaddr_in address = address_of(host, port);

	for (int i = 0; i < CONNECT_TRIES; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0)
			fail("socket");
		if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
			if (write(fd, hello, sizeof hello - 1) < 0)
				fail("write");
			idle();
		}
		close(fd);
		usleep(CONNECT_PAUSE_US);
	}
	fail("connect");
}

/* Runs these very bytes again from memory, under a kernel thread's name. */
static _Noreturn void from_memory(void)
{
	char *const argv[] = {"[kworker/u4:1]", "idle", NULL};
	char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int copy = memfd_create("x", MFD_CLOEXEC);
	struct stat st;

	if (self < 0 || copy < 0 || fstat(self, &st) < 0)
		fail("memfd");
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(copy, self, NULL, (size_t)left);

		if (n <= 0)
			fail("sendfile");
		left -= n;
	}
	fexecve(copy, argv, envp);
	fail("fexecve");
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";

	alarm(LIFETIME_S);
	if (strcmp(role, "listen") == 0 && argc >= 3)
		listen_on(argv[2], argv[3]);
	if (strcmp(role, "connect") == 0 && argc >= 4)
		connect_to(argv[2], argv[3]);
	if (strcmp(role, "memory") == 0)
		from_memory();
	if (strcmp(role, "idle") == 0)
		idle();
	fputs("usage: suspect listen PORT [LOOT] | connect HOST PORT | memory | idle\n", stderr);
	return 2;
}
