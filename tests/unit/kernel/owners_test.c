/* Who holds a socket. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/owners.h"

Test(owners, only_the_kernels_own_word_is_a_socket)
{
	cr_assert_eq(kan_owners_ino(KAN_LIT("socket:[90211]")), 90211);
	cr_assert_eq(kan_owners_ino(KAN_LIT("socket:[18446744073709551615]")), UINT64_MAX);
	cr_assert_eq(kan_owners_ino(KAN_LIT("socket:[18446744073709551616]")), 0);
	cr_assert_eq(kan_owners_ino(KAN_LIT("socket:[]")), 0);
	cr_assert_eq(kan_owners_ino(KAN_LIT("socket:[12")), 0);
	cr_assert_eq(kan_owners_ino(KAN_LIT("/tmp/socket:[12]")), 0);
	cr_assert_eq(kan_owners_ino(KAN_LIT("socket:[1x]")), 0);
	cr_assert_eq(kan_owners_ino(KAN_LIT("pipe:[12]")), 0);
	cr_assert_eq(kan_owners_ino((struct kan_bytes){0}), 0);
}

static int dir_of_self(void)
{
	int dir = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(dir, 0);
	return dir;
}

Test(owners, every_descriptor_of_a_socket_is_found_and_no_other)
{
	struct kan_owners o = {0};
	struct stat st;
	size_t n = 0;
	int dir = dir_of_self(), fd = socket(AF_INET6, SOCK_STREAM, 0), again = dup(fd),
	    other = socket(AF_UNIX, SOCK_DGRAM, 0);
	cr_assert(fd >= 0 && again >= 0 && other >= 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(kan_owners_read(&o, dir, getpid(), NULL), 0);
	kan_owners_sort(&o);
	const struct kan_owner *found = kan_owners_find(&n, &o, st.st_ino);
	cr_assert_eq(n, 2);
	cr_assert_eq(found[0].fd, fd);
	cr_assert_eq(found[1].fd, again);
	cr_assert_eq(found[0].pid, getpid());
	cr_assert_null(kan_owners_find(&n, &o, 0));
	cr_assert_eq(n, 0);
	cr_assert_null(kan_owners_find(&n, &o, UINT64_MAX));
	kan_owners_free(&o);
}

Test(owners, the_kernel_says_what_an_unbound_socket_is)
{
	char proto[KAN_OWNERS_PROTO];
	struct stat st;
	int dir = dir_of_self(), fd = socket(AF_INET6, SOCK_STREAM, 0);
	cr_assert_eq(fstat(fd, &st), 0);
	struct kan_owner o = {.ino = st.st_ino, .pid = getpid(), .fd = fd};
	kan_owners_proto(proto, &o, dir);
	cr_assert_str_eq(proto, "TCPv6");
	o.ino++;
	kan_owners_proto(proto, &o, dir);
	cr_assert_str_eq(proto, "", "another socket by now");
}

static int ready[2]; /* not on the stack of a thread that ends */

static void *live_on(void *arg)
{
	(void)!write(ready[1], "x", 1);
	(void)pause();
	return arg;
}

Test(owners, a_dead_leaders_sockets_are_found_through_a_thread)
{
	struct stat st;
	char path[64], byte = 0;
	size_t n = 0;
	struct kan_owners o = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert_eq(pipe(ready), 0);
	cr_assert_eq(fstat(fd, &st), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)pthread_create(&thread, NULL, live_on, NULL);
		pthread_exit(NULL);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* The leader may still be on its way out: its table is the same one. */
	cr_assert_eq(kan_owners_read(&o, dir, pid, NULL), 0);
	kan_owners_sort(&o);
	cr_assert_not_null(kan_owners_find(&n, &o, st.st_ino));
	cr_assert_eq(n, 1);
	(void)kill(pid, SIGKILL);
	kan_owners_free(&o);
}
