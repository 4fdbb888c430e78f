/* Descriptor tables, of ourselves: what each kind looks like. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/fds.h"
#include "kernel/held.h"

static struct kan_fds table;
static struct kan_helds held;
static int dir;

static void setup(void)
{
	kan_held_init(&held);
	dir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void teardown(void)
{
	kan_fds_free(&table);
	kan_held_free(&held);
	(void)close(dir);
}

TestSuite(fds, .init = setup, .fini = teardown);

static void look(size_t fds, size_t text)
{
	struct kan_fds_room room = {.fds = fds, .text = text, .held = &held};
	struct kan_err err = {0};
	cr_assert_eq(kan_fds_read(&table, dir, &room, &err), 0, "%s", err.text);
}

/* Of a copy of ourselves: what reading opens is not in it. */
static void look_at_copy(void)
{
	char path[32];
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			(void)pause();
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int own = dir;
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	look(1024, 1 << 20);
	(void)close(dir);
	dir = own;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static const struct kan_fd *find(int fd)
{
	for (size_t i = 0; i < table.n; i++)
		if (table.v[i].fd == fd)
			return &table.v[i];
	cr_assert_fail("no row of %d", fd);
	return NULL;
}

static void is(int fd, const char *kind, const char *link)
{
	const struct kan_fd *d = find(fd);
	cr_assert_str_eq(kan_fd_kind(&table, d), kind);
	cr_assert(kan_bytes_starts(kan_fd_link(&table, d), link), "%.*s", (int)d->link_n,
		  (const char *)kan_fd_link(&table, d).p);
}

Test(fds, each_kind_by_what_the_kernel_says)
{
	int pipes[2], sockets[2];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC),
	    root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int memory = memfd_create("a b", MFD_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	look(1024, 1 << 20);
	is(null, "chr", "/dev/null");
	is(root, "dir", "/");
	is(memory, "memfd", "/memfd:a b (deleted)");
	is(event, "anon", "anon_inode:[eventfd]");
	is(pipes[0], "fifo", "pipe:[");
	is(sockets[0], "socket", "socket:[");
	cr_assert_eq(find(null)->flags & O_ACCMODE, O_RDWR);
	cr_assert_eq(find(pipes[1])->flags & O_ACCMODE, O_WRONLY);
}

Test(fds, every_socket_has_its_own_inode_and_the_facts_of_its_kind)
{
	int sockets[3];
	struct stat st;
	for (int i = 0; i < 3; i++)
		cr_assert_geq(sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 0);
	look(1024, 1 << 20);
	for (int i = 0; i < 3; i++) {
		const struct kan_fd *d = find(sockets[i]);
		cr_assert_eq(fstat(sockets[i], &st), 0);
		is(sockets[i], "socket", "socket:[");
		cr_assert(d->ino == st.st_ino && d->dev == st.st_dev && d->mode == st.st_mode);
		cr_assert(d->nlink == st.st_nlink && d->rdev == st.st_rdev && d->size == 0);
	}
}

Test(fds, numbers_far_apart_are_found)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int far[] = {40, 41, 300, 1000};
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(dup3(null, far[i], O_CLOEXEC), far[i]);
	(void)close(null);
	look_at_copy();
	for (size_t i = 0; i < 4; i++)
		is(far[i], "chr", "/dev/null");
	for (size_t i = 1; i < table.n; i++)
		cr_assert_lt(table.v[i - 1].fd, table.v[i].fd, "each once");
	cr_assert_eq(table.seen, table.n);
}

Test(fds, a_file_without_a_name_is_held_and_has_its_position)
{
	char path[] = "/tmp/kan-fds-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);
	cr_assert_eq(write(fd, "loot", 4), 4);
	cr_assert_eq(unlink(path), 0);
	look(1024, 1 << 20);
	const struct kan_fd *d = find(fd);
	is(fd, "file", path);
	cr_assert_eq(d->nlink, 0);
	cr_assert_eq(d->size, 4);
	cr_assert_eq(d->pos, 4);
	int at = kan_held_find(&held, d->dev, d->ino);
	cr_assert_neq(at, KAN_HELD_NONE);
	cr_assert_eq(held.v[at].size, 4);
}

/* The one that is waited for becomes -1. */
static void note_lost(void *arg, int fd, const struct kan_err *why)
{
	int *wanted = arg;
	cr_assert_eq(why->sys, EMFILE, "%d: %s", fd, why->text);
	*wanted = fd == *wanted ? -1 : *wanted;
}

Test(fds, one_that_could_not_be_held_is_told_and_is_no_limit)
{
	char path[] = "/tmp/kan-fds-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), wanted = fd;
	struct kan_err err = {0};
	struct kan_fds_room room = {
		.fds = 1024, .text = 1 << 20, .held = &held, .lost = note_lost, .arg = &wanted};
	cr_assert_eq(unlink(path), 0);
	int first = dup(fd), second = dup(fd); /* these two are left: for the lists */
	(void)close(first);
	(void)close(second);
	struct rlimit few = {.rlim_cur = (rlim_t)second + 1, .rlim_max = (rlim_t)second + 1};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_assert_eq(kan_fds_read(&table, dir, &room, &err), 0, "%s", err.text);
	cr_assert_eq(wanted, -1);
	cr_assert_eq(held.left_out, 0);
	cr_assert_eq(find(fd)->nlink, 0, "the row is there all the same");
}

Test(fds, a_file_with_a_name_is_not_held)
{
	int fd = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	look(1024, 1 << 20);
	cr_assert_eq(kan_held_find(&held, find(fd)->dev, find(fd)->ino), KAN_HELD_NONE);
}

Test(fds, a_file_that_is_called_like_a_memfd_is_a_file)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(root, "memfd:x", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(unlinkat(root, "memfd:x", 0), 0);
	look(1024, 1 << 20);
	is(fd, "file", "/memfd:x (deleted)");
}

Test(fds, what_finds_no_room_is_counted)
{
	for (int i = 0; i < 100; i++)
		cr_assert_geq(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	look(7, 1 << 20);
	cr_assert_eq(table.n, 7);
	cr_assert_geq(table.seen, 100);
	kan_fds_free(&table);
	look(1024, 64);
	cr_assert_lt(table.n, 20);
	cr_assert_leq(table.text.len, 64);
	cr_assert_geq(table.seen, 100);
}

Test(fds, rows_come_in_the_order_of_their_numbers)
{
	int low = open("/dev/null", O_RDONLY | O_CLOEXEC), high = fcntl(low, F_DUPFD_CLOEXEC, 500);
	look_at_copy();
	for (size_t i = 1; i < table.n; i++)
		cr_assert_lt(table.v[i - 1].fd, table.v[i].fd);
	cr_assert_eq(table.v[table.n - 1].fd, high);
}

Test(fdinfo, position_and_flags)
{
	int64_t pos = -1;
	int flags = -1;
	kan_fdinfo_parse(
		&pos, &flags,
		kan_bytes_of("pos:\t9223372036854775807\nflags:\t02100002\nmnt_id:\t9\nino:\t1\n"));
	cr_assert_eq(pos, INT64_MAX);
	cr_assert_eq(flags, 02100002);
	pos = 7;
	kan_fdinfo_parse(&pos, &flags, kan_bytes_of("eventfd-count: 0\npos:"));
	cr_assert_eq(pos, 7);
}
