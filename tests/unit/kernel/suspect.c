/* A process with sockets of every kind in a network namespace of its own. */
#include "suspect.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, FAILED = 3 };

static void must(bool ok)
{
	if (!ok)
		_exit(FAILED);
}

static uint64_t inode(int fd)
{
	struct stat st;
	must(fstat(fd, &st) == 0);
	return st.st_ino;
}

static uint64_t net_of(const char *path)
{
	struct stat st;
	must(stat(path, &st) == 0);
	return st.st_ino;
}

static void loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	must(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &r) == 0);
	(void)close(fd);
}

static unsigned port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	must(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	return ntohs(a.sin_port);
}

static void internet(struct suspect_truth *t)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int *fd = t->fd;
	fd[SUSPECT_LISTENER] = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(fd[SUSPECT_LISTENER], (struct sockaddr *)&a, sizeof(a)) == 0 &&
	     listen(fd[SUSPECT_LISTENER], 5) == 0);
	t->port = port_of(fd[SUSPECT_LISTENER]);
	a.sin_port = htons((uint16_t)t->port);
	fd[SUSPECT_CLIENT] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd[SUSPECT_CLIENT], (struct sockaddr *)&a, sizeof(a)) == 0);
	t->client_port = port_of(fd[SUSPECT_CLIENT]);
	fd[SUSPECT_SERVER] = accept(fd[SUSPECT_LISTENER], NULL, NULL);
	must(write(fd[SUSPECT_CLIENT], "hello", 5) == 5);
	a.sin_port = 0;
	fd[SUSPECT_UDP] = socket(AF_INET, SOCK_DGRAM, 0);
	must(bind(fd[SUSPECT_UDP], (struct sockaddr *)&a, sizeof(a)) == 0);
	t->udp_port = port_of(fd[SUSPECT_UDP]);
	fd[SUSPECT_LISTENER6] = socket(AF_INET6, SOCK_STREAM, 0);
	must(listen(fd[SUSPECT_LISTENER6], 1) == 0);
	fd[SUSPECT_UNBOUND] = socket(AF_INET, SOCK_STREAM, 0);
	fd[SUSPECT_RAW] = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static void others(struct suspect_truth *t)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct sockaddr_nl netlink = {.nl_family = AF_NETLINK, .nl_groups = 1};
	struct sock_filter nothing[] = {{BPF_RET | BPF_K, 0, 0, 0xffff}};
	struct sock_fprog filter = {1, nothing};
	int *fd = t->fd;
	memcpy(name.sun_path, SUSPECT_NAME, sizeof(SUSPECT_NAME) - 1);
	fd[SUSPECT_ABSTRACT] = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(fd[SUSPECT_ABSTRACT], (struct sockaddr *)&name,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(SUSPECT_NAME) - 1)) ==
	     0);
	must(listen(fd[SUSPECT_ABSTRACT], 1) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, &fd[SUSPECT_PAIR_A]) == 0);
	fd[SUSPECT_PACKET] = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	must(setsockopt(fd[SUSPECT_PACKET], SOL_SOCKET, SO_ATTACH_FILTER, &filter,
			sizeof(filter)) == 0);
	fd[SUSPECT_NETLINK] = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	must(bind(fd[SUSPECT_NETLINK], (struct sockaddr *)&netlink, sizeof(netlink)) == 0);
}

struct side {
	struct suspect_truth *truth;
	int ready;
};

static void *in_another(void *arg)
{
	struct side *s = arg;
	must(unshare(CLONE_NEWNET) == 0);
	s->truth->thread_netns = net_of("/proc/thread-self/ns/net");
	must(write(s->ready, "x", 1) == 1);
	(void)pause();
	return NULL;
}

/* The page never comes: its write sleeps with the socket's lock held. */
static void *lock(void *arg)
{
	const struct suspect_truth *t = arg;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register r = {.range = {(uintptr_t)page, PAGE},
				    .mode = UFFDIO_REGISTER_MODE_MISSING};
	must(fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0 && ioctl(fd, UFFDIO_REGISTER, &r) == 0);
	(void)!write(t->fd[SUSPECT_CLIENT], page, 1);
	return NULL;
}

/* Until the thread sleeps in its write, as /proc says. */
static void wait_for_sleep(pid_t tid)
{
	char path[64], text[64], want[16];
	int length = snprintf(want, sizeof(want), "%ld ", (long)SYS_write);
	for (;;) {
		(void)snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		(void)close(fd);
		text[n > 0 ? n : 0] = 0;
		if (strncmp(text, want, (size_t)length) == 0)
			return; /* in write(2), and on no processor */
		(void)sched_yield();
	}
}

struct locker {
	struct suspect_truth *truth;
	_Atomic pid_t tid;
};

static void *locker(void *arg)
{
	struct locker *l = arg;
	l->tid = (pid_t)syscall(SYS_gettid);
	return lock(l->truth);
}

static void live(int report, enum suspect_way way) __attribute__((noreturn));

static void live(int report, enum suspect_way way)
{
	struct suspect_truth t = {.netns = 0};
	int ready[2];
	char byte = 0;
	pthread_t thread;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
	loopback_up();
	t.netns = net_of("/proc/self/ns/net");
	internet(&t);
	others(&t);
	for (size_t i = 0; i < SUSPECT_SOCKETS; i++)
		t.ino[i] = inode(t.fd[i]);
	must(pipe(ready) == 0);
	struct side s = {&t, ready[1]};
	struct locker l = {.truth = &t};
	if (way == SUSPECT_THREAD)
		must(pthread_create(&thread, NULL, in_another, &s) == 0 &&
		     read(ready[0], &byte, 1) == 1);
	if (way == SUSPECT_LOCKED) {
		must(pthread_create(&thread, NULL, locker, &l) == 0);
		while (!l.tid)
			(void)sched_yield();
		wait_for_sleep(l.tid);
	}
	must(write(report, &t, sizeof(t)) == sizeof(t));
	for (;;)
		(void)pause();
}

bool suspect_start(struct suspect *s, enum suspect_way way)
{
	int report[2];
	char path[32];
	cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
	s->pid = fork();
	if (s->pid == 0)
		live(report[1], way);
	(void)close(report[1]);
	bool told = read(report[0], &s->truth, sizeof(s->truth)) == sizeof(s->truth);
	(void)close(report[0]);
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)s->pid);
	s->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert(told || way == SUSPECT_LOCKED, "root is needed");
	return told;
}

void suspect_end(struct suspect *s)
{
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	(void)close(s->dir);
}
