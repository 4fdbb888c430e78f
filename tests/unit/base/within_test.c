/* Is a directory within another: by inode, whatever the names say. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/within.h"

static char top[] = "/tmp/kan-within-XXXXXX";

static int at(const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void make(const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	cr_assert_eq(mkdir(path, 0700), 0);
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(top));
	make("a");
	make("a/b");
	make("c");
}

static void end(void)
{
	static const char *const names[] = {"link", "a/b", "a", "c", ""};
	char path[128];
	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		if (unlink(path) < 0)
			(void)rmdir(path);
	}
}

TestSuite(within, .init = begin, .fini = end);

Test(within, a_directory_is_within_itself_and_all_above_it_and_nothing_else)
{
	struct kan_ancestors a;
	char link[128];
	int inner = at("a/b"), outer = at("a"), other = at("c"), root = open("/", O_PATH);
	kan_ancestors_of(&a, inner);
	cr_assert(kan_ancestors_have(&a, inner));
	cr_assert(kan_ancestors_have(&a, outer));
	cr_assert(kan_ancestors_have(&a, root));
	cr_assert_not(kan_ancestors_have(&a, other));
	kan_ancestors_of(&a, outer);
	cr_assert_not(kan_ancestors_have(&a, inner), "what is below it is not above it");
	(void)snprintf(link, sizeof(link), "%s/link", top);
	cr_assert_eq(symlink("a/b", link), 0);
	int by_link = at("link");
	kan_ancestors_of(&a, by_link);
	cr_assert(kan_ancestors_have(&a, outer), "whatever it is called");
	int all[] = {inner, outer, other, root, by_link};
	for (size_t i = 0; i < 5; i++)
		(void)close(all[i]);
}

Test(within, what_is_not_there_yet_is_looked_for_above)
{
	char path[128];
	struct stat found, there;
	(void)snprintf(path, sizeof(path), "%s/a/none/deep/er", top);
	int fd = kan_nearest_dir(path), outer = at("a");
	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(fd, &found), 0);
	cr_assert_eq(fstat(outer, &there), 0);
	cr_assert_eq(found.st_ino, there.st_ino);
	(void)close(fd);
	(void)close(outer);
	fd = kan_nearest_dir("/nonexistent");
	cr_assert_eq(fstat(fd, &found), 0);
	cr_assert_eq(stat("/", &there), 0);
	cr_assert_eq(found.st_ino, there.st_ino);
	(void)close(fd);
}
