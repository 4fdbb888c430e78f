/* What keeps a freezer from closing, or a reader from coming back, and what has to be the same
 * after a pause: one act, then it waits. Built
 * static by the tests. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "act.h"

/* Who opens the file, or the directory, waits for an answer that never comes. */
static void mark(const char *path, uint64_t of)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
	must(fd >= 0, "fanotify_init");
	must(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM | of, AT_FDCWD, path) == 0, path);
	ready("mark");
}

/*
 * A FUSE server that never answers. Who waits for it is frozen by a kernel of today; who waits for
 * the lock of a directory, which that one holds, is not.
 */
static void fuse(const char *point)
{
	char options[128], path[256];
	int fd = open("/dev/fuse", O_RDWR);
	must(fd >= 0, "/dev/fuse");
	mkdir(point, 0755);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	must(mount("mute", point, "fuse", 0, options) == 0, "mount");
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();
		must(child >= 0, "fork");
		if (child)
			continue;
		snprintf(path, sizeof(path), "%s/%d", point, i);
		(void)mkdir(path, 0755);
		_exit(0);
	}
	ready("fuse");
}

/* A parent that waits in vfork for a child which neither executes nor ends. */
static void parent(void)
{
	if (fork() == 0) {
		if (vfork() == 0)
			wait_for_ever();
		_exit(0);
	}
	ready("vfork");
}

/* Both ends of a connection, and a listener that is none. */
static void connected(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, (struct sockaddr *)&a, n) == 0 && listen(listener, 1) == 0, "listen");
	must(getsockname(listener, (struct sockaddr *)&a, &n) == 0, "getsockname");
	must(connect(client, (struct sockaddr *)&a, n) == 0, "connect");
	must(accept(listener, NULL, NULL) >= 0, "accept");
	ready("connected");
}

int main(int argc, char **argv)
{
	must(argc >= 2, "usage");
	if (strcmp(argv[1], "mark") == 0)
		mark(argv[2], 0);
	else if (strcmp(argv[1], "markdir") == 0)
		mark(argv[2], FAN_ONDIR);
	else if (strcmp(argv[1], "fuse") == 0)
		fuse(argv[2]);
	else if (strcmp(argv[1], "vfork") == 0)
		parent();
	else if (strcmp(argv[1], "connected") == 0)
		connected();
	wait_for_ever();
	return 0;
}
