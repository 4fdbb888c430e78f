/* A directory for one test, taken away by the test program's end. */
#ifndef KAN_TEST_PLACE_H
#define KAN_TEST_PLACE_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct test_place {
	char path[64];
	int fd;
};

static inline struct test_place test_place(void)
{
	struct test_place p = {.path = "/tmp/kan-test-XXXXXX"};
	cr_assert_not_null(mkdtemp(p.path));
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(p.fd, 0);
	return p;
}

/* By descriptors, so that it works beyond PATH_MAX too. */
static inline void test_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0)
			continue;
		int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0) {
			test_empty(sub);
			(void)close(sub);
		}
		(void)unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	if (d)
		(void)closedir(d);
}

static inline void test_leave(struct test_place *p)
{
	test_empty(p->fd);
	(void)close(p->fd);
	(void)rmdir(p->path);
}

static inline void test_put(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(kan_write_all(fd, text, strlen(text), NULL), 0);
	(void)close(fd);
}

#endif
