/* What the programs that act inside of a container share. */
#ifndef KAN_TESTS_ACT_H
#define KAN_TESTS_ACT_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static inline void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(9);
}

/* The tests wait for this file. */
static inline void ready(const char *act)
{
	char path[128];
	snprintf(path, sizeof(path), "/tmp/ready-%s", act);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	must(fd >= 0, path);
	close(fd);
}

static inline void wait_for_ever(void)
{
	for (;;)
		pause();
}

#endif
