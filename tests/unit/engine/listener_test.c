/* The socket behind a socket file is found by the file, and never by a name. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/listener.h"

static char place[64];
static int self = -1;

static void make_place(void)
{
	(void)snprintf(place, sizeof(place), "/tmp/kan-listener-XXXXXX");
	cr_assert(mkdtemp(place));
	self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(self, 0);
}

static void clear_place(void)
{
	char command[128];
	(void)snprintf(command, sizeof(command), "rm -rf %s", place);
	cr_assert_eq(system(command), 0);
	(void)close(self);
}

TestSuite(listener, .init = make_place, .fini = clear_place);

/* Binds text as it stands; its name in the kernel's table is that text. */
static int bound(const char *text, bool listening)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", text);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listening ? listen(fd, 1) : 0, 0);
	return fd;
}

static uint64_t inode_of(int fd)
{
	struct stat st;
	cr_assert_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

static const char *below(char out[128], const char *name)
{
	(void)snprintf(out, 128, "%s/%s", place, name);
	return out;
}

Test(listener, is_found_through_a_link_to_its_directory)
{
	char path[128], link[128], through[128];
	uint64_t ino = 0;
	int fd = bound(below(path, "engine.sock"), true);
	cr_assert_eq(symlink(place, below(link, "run")), 0);
	cr_assert_eq(kan_listening_socket(&ino, self, below(through, "run/engine.sock"), NULL), 0);
	cr_assert_eq(ino, inode_of(fd));
	(void)close(fd);
}

Test(listener, is_not_one_whose_name_only_ends_or_reads_like_it)
{
	char path[128], dir[128], other[128];
	uint64_t ino = 0;
	cr_assert_eq(mkdir(below(dir, "x"), 0700), 0);
	cr_assert_eq(chdir(dir), 0);
	int forged = bound("engine.sock", true); /* the same last component */
	cr_assert_eq(chdir("/"), 0);
	int real = bound(below(path, "engine.sock"), true);
	/* And one that has the very same name, below a file that is there no more. */
	cr_assert_eq(rename(path, below(other, "moved.sock")), 0);
	int same = bound(path, true);
	cr_assert_eq(kan_listening_socket(&ino, self, other, NULL), 0);
	cr_assert_eq(ino, inode_of(real));
	cr_assert_eq(kan_listening_socket(&ino, self, path, NULL), 0);
	cr_assert_eq(ino, inode_of(same));
	(void)close(forged);
	(void)close(real);
	(void)close(same);
}

Test(listener, that_does_not_listen_is_not_found)
{
	char path[128];
	uint64_t ino = 0;
	struct kan_err err = {0};
	int fd = bound(below(path, "engine.sock"), false);
	cr_assert_eq(kan_listening_socket(&ino, self, path, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
	(void)close(fd);
}
