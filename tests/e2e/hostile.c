/* What an attacker does inside of a container: one act an argument, then it waits. Built static by
 * the tests. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "act.h"

static void put(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	must(fd >= 0 && write(fd, p, n) == (ssize_t)n, path);
	close(fd);
}

static long number(char **v, int i, long other)
{
	return v[i] ? atol(v[i]) : other;
}

/* swap DIR TARGET: a directory and a link to TARGET, a file and a link to TARGET/marker, exchanged
 * without end. */
static void *exchange(void *arg)
{
	char a[4096], b[4096];
	snprintf(a, sizeof(a), "%s/1", (char *)arg);
	snprintf(b, sizeof(b), "%s/2", (char *)arg);
	for (;;)
		syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2);
	return NULL;
}

static void swap(char **v)
{
	char path[4096], to[4096];
	pthread_t t;
	mkdir(v[2], 0755);
	for (int i = 0; i < 40; i++) {
		char *place = NULL;
		must(asprintf(&place, "%s/%d", v[2], i) > 0, "swap");
		mkdir(place, 0755);
		snprintf(path, sizeof(path), "%s/1", place);
		if (i % 2) {
			mkdir(path, 0755);
			strcat(path, "/marker");
			put(path, "mine\n", 5);
			snprintf(path, sizeof(path), "%s/1/sub", place);
			mkdir(path, 0755);
			snprintf(to, sizeof(to), "%s", v[3]);
		} else {
			put(path, "mine\n", 5);
			snprintf(to, sizeof(to), "%s/marker", v[3]);
		}
		snprintf(path, sizeof(path), "%s/2", place);
		must(symlink(to, path) == 0, path);
		if (i >= 36)
			must(pthread_create(&t, NULL, exchange, place) == 0, "thread");
	}
}

/* names DIR: each byte a name, and some that lie. */
static void names(char **v)
{
	char path[4096];
	mkdir(v[2], 0755);
	for (int c = 1; c < 256; c++) {
		if (c == '/')
			continue;
		snprintf(path, sizeof(path), "%s/b%c", v[2], c);
		put(path, &c, 1);
	}
	static const char *const more[] = {".wh.passwd",
					   ".wh..wh..opq",
					   ".git",
					   "x (deleted)",
					   "../",
					   "a\nb",
					   "\xe2\x80\xae"
					   "exe",
					   "caf\xc3\xa9",
					   "cafe\xcc\x81",
					   "Case",
					   "case",
					   NULL};
	for (int i = 0; more[i]; i++) {
		if (strchr(more[i], '/'))
			continue;
		snprintf(path, sizeof(path), "%s/%s", v[2], more[i]);
		put(path, "x", 1);
	}
}

/* deep DIR N LENGTH */
static void deep(char **v)
{
	char name[256];
	long n = number(v, 3, 300), len = number(v, 4, 200);
	memset(name, 'd', sizeof(name));
	name[len] = 0;
	mkdir(v[2], 0755);
	int dir = open(v[2], O_PATH);
	for (long i = 0; i < n; i++) {
		must(mkdirat(dir, name, 0755) == 0, "mkdirat");
		int next = openat(dir, name, O_PATH);
		must(next >= 0, "deep");
		close(dir);
		dir = next;
	}
	int fd = openat(dir, "leaf", O_CREAT | O_WRONLY, 0644);
	must(fd >= 0 && write(fd, "leaf\n", 5) == 5, "leaf");
}

static void many(char **v)
{
	char path[4096];
	mkdir(v[2], 0755);
	for (long i = 0, n = number(v, 3, 1000); i < n; i++) {
		snprintf(path, sizeof(path), "%s/%ld", v[2], i);
		int fd = open(path, O_CREAT | O_WRONLY, 0644);
		must(fd >= 0, path);
		close(fd);
	}
}

/* links DIR N: so many files of two names each, more than any table of them holds. */
static void links(char **v)
{
	char a[4096], b[4096];
	must(mkdir(v[2], 0755) == 0 && chdir(v[2]) == 0 && mkdir("a", 0755) == 0 &&
		     mkdir("b", 0755) == 0,
	     v[2]);
	for (long i = 0, n = number(v, 3, 70000); i < n; i++) {
		snprintf(a, sizeof(a), "a/%ld", i);
		snprintf(b, sizeof(b), "b/%ld", i);
		put(a, a, strlen(a));
		must(link(a, b) == 0, b);
	}
}

/* odd DIR: types, links, holes, attributes */
static void odd(char **v)
{
	char big[65000];
	must(mkdir(v[2], 0755) == 0 && chdir(v[2]) == 0, v[2]);
	must(mkfifo("fifo", 0644) == 0, "fifo");
	must(mknod("socket", S_IFSOCK | 0644, 0) == 0, "socket");
	must(mknod("watchdog", S_IFCHR | 0644, makedev(10, 130)) == 0, "watchdog");
	must(mknod("zero", S_IFCHR | 0644, makedev(1, 5)) == 0, "zero");
	must(mknod("disk", S_IFBLK | 0644, makedev(254, 0)) == 0, "disk");
	must(symlink("loop", "loop") == 0 && symlink("/proc/self/root/etc/shadow", "magic") == 0,
	     "links");
	put("hard1", "hard\n", 5);
	must(link("hard1", "hard2") == 0 && link("hard1", "hard3") == 0, "hard");
	must(link("fifo", "fifo2") == 0 && link("loop", "loop2") == 0,
	     "hard links of special files");
	int fd = open("hole", O_CREAT | O_RDWR, 0644);
	must(ftruncate(fd, 100L << 30) == 0 && pwrite(fd, "end", 3, (100L << 30) - 3) == 3, "hole");
	close(fd);
	put("setid", "s", 1);
	must(chmod("setid", 06755) == 0, "setid");
	memset(big, 'x', sizeof(big));
	put("attrs", "a", 1);
	put("bigattr", "a", 1);
	int rc = setxattr("bigattr", "user.big", big, 3500, 0);
	fprintf(stderr, "big xattr: %d %d\n", rc, errno);
	(void)setxattr("attrs", "user.overlay.opaque", "y", 1, 0);
	(void)setxattr("attrs", "user.overlay.redirect", "/etc/shadow", 11, 0);
	(void)setxattr("attrs", "user.overlay.origin", "\0\xfb\1garbage", 10, 0);
	(void)setxattr("attrs", "user.overlay.whiteout", "y", 1, 0);
	(void)setxattr("attrs", "user.overlay.metacopy", "", 0, 0);
	(void)setxattr("attrs", "user.a\nb\x1b[31m\xff", "v\0w", 3, 0);
	(void)setxattr("attrs", "user.empty", "", 0, 0);
	must(mkdir("opaque", 0755) == 0, "opaque");
	(void)setxattr("opaque", "user.overlay.opaque", "x", 1, 0);
	put("immutable", "i", 1);
	int flags = FS_IMMUTABLE_FL;
	fd = open("immutable", O_RDONLY);
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
		perror("immutable");
	close(fd);
	put("noperm", "n", 1);
	(void)chmod("noperm", 0);
	must(mkdir("noperm.d", 0) == 0, "noperm.d");
	put("back", "b", 1);
	struct timespec t[2] = {{-5000000000L, 1}, {-5000000000L, 999999999}};
	(void)utimensat(AT_FDCWD, "back", t, 0);
}

enum { MOVING = 8 << 20, STEP = 64 << 10 };

static void fill(int fd)
{
	static char block[STEP];
	for (off_t n = 0; n < MOVING; n += STEP)
		(void)!pwrite(fd, block, sizeof(block), n);
}

static void *grow(void *arg)
{
	for (int fd = open(arg, O_CREAT | O_RDWR | O_TRUNC, 0644);;) {
		fill(fd);
		(void)!ftruncate(fd, 0);
	}
	return NULL;
}

static void *shrink(void *arg)
{
	for (int fd = open(arg, O_CREAT | O_RDWR | O_TRUNC, 0644);;) {
		fill(fd);
		for (off_t n = MOVING; n > 0; n -= STEP)
			(void)!ftruncate(fd, n);
	}
	return NULL;
}

/* moving DIR: files that grow, shrink and come and go */
static void *come_and_go(void *arg)
{
	char a[256];
	for (unsigned i = 0;; i++) {
		snprintf(a, sizeof(a), "%s/t%u", (char *)arg, i % 100);
		int fd = open(a, O_CREAT | O_WRONLY, 0644);
		if (fd >= 0)
			close(fd);
		snprintf(a, sizeof(a), "%s/t%u", (char *)arg, (i + 50) % 100);
		unlink(a);
	}
	return NULL;
}

static void moving(char **v)
{
	pthread_t t;
	char *g = NULL, *s = NULL;
	mkdir(v[2], 0755);
	must(asprintf(&g, "%s/grow", v[2]) > 0 && asprintf(&s, "%s/shrink", v[2]) > 0, "moving");
	pthread_create(&t, NULL, grow, g);
	pthread_create(&t, NULL, shrink, s);
	pthread_create(&t, NULL, come_and_go, v[2]);
}

static void fds(char **v)
{
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	for (long i = 0, n = number(v, 2, 10000); i < n; i++)
		must(open("/dev/null", O_RDONLY) >= 0, "fds");
}

static void *idle(void *arg)
{
	wait_for_ever();
	return arg;
}

static void *in_other_netns(void *arg)
{
	(void)arg;
	must(unshare(CLONE_NEWNET) == 0, "unshare net");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(4242)};
	must(bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0, "listen");
	ready("netns");
	wait_for_ever();
	return NULL;
}

static void threads(char **v)
{
	pthread_attr_t attr;
	pthread_t t;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384 * 2);
	for (long i = 0, n = number(v, 2, 2000); i < n; i++)
		must(pthread_create(&t, &attr, idle, NULL) == 0, "threads");
}

static void comm(char **v)
{
	static const char *const lies[] = {"x) R 1 (", "a\nb\x1b[31m", "kworker/0:1", "\xff\xfe)",
					   NULL};
	for (int i = 0; lies[i]; i++)
		if (fork() == 0) {
			prctl(PR_SET_NAME, lies[i]);
			memset(v[0], 'K', strlen(v[0]));
			wait_for_ever();
		}
}

static void argv_mb(char **v)
{
	long mb = number(v, 2, 1);
	char *one = malloc(120000), *args[200] = {"/proc/self/exe", "wait"};
	memset(one, 'A', 119999);
	one[119999] = 0;
	long n = mb * 1000000 / 120000;
	for (long i = 0; i < n && i < 190; i++)
		args[2 + i] = one;
	if (fork() == 0) {
		struct rlimit r = {64 << 20, 64 << 20};
		setrlimit(RLIMIT_STACK, &r);
		execve(args[0], args, (char *[]){NULL});
		perror("argv");
		_exit(9);
	}
}

static void zombies(char **v)
{
	for (long i = 0, n = number(v, 2, 10); i < n; i++)
		if (fork() == 0)
			_exit(0);
}

static void deadleader(char **v)
{
	pthread_t t;
	(void)v;
	if (fork())
		return;
	pthread_create(&t, NULL, idle, NULL);
	pthread_exit(NULL);
}

static void copy_self(int to)
{
	char block[65536];
	int from = open("/proc/self/exe", O_RDONLY);
	for (ssize_t n; (n = read(from, block, sizeof(block))) > 0;)
		must(write(to, block, (size_t)n) == n, "copy");
	close(from);
}

static void run_memfd(char **v)
{
	(void)v;
	int fd = memfd_create("x (deleted)", MFD_CLOEXEC);
	copy_self(fd);
	if (fork() == 0) {
		fexecve(fd, (char *[]){"memfd-proc", "wait", NULL}, (char *[]){"SECRET=1", NULL});
		_exit(9);
	}
}

static void run_deleted(char **v)
{
	(void)v;
	int fd = open("/tmp/gone (deleted)", O_CREAT | O_WRONLY, 0755);
	copy_self(fd);
	close(fd);
	fd = open("/tmp/gone", O_CREAT | O_WRONLY, 0755);
	copy_self(fd);
	close(fd);
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			execl(i ? "/tmp/gone" : "/tmp/gone (deleted)",
			      i ? "gone-proc" : "named-proc", "wait", NULL);
			_exit(9);
		}
	while (access("/tmp/ready-wait2", F_OK) && access("/tmp/ready-wait", F_OK))
		usleep(1000);
	usleep(200000);
	unlink("/tmp/gone");
}

static void storm(char **v)
{
	for (long i = 0, n = number(v, 2, 4); i < n; i++)
		if (fork() == 0)
			for (;;) {
				pid_t p = fork();
				if (p == 0)
					_exit(0);
				if (p > 0)
					waitpid(p, NULL, 0);
			}
}

static void sockets(char **v)
{
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
	for (long i = 0, n = number(v, 2, 1000); i < n; i++)
		must(socket(i % 2 ? AF_UNIX : AF_INET, SOCK_DGRAM, 0) >= 0, "sockets");
}

static void abstract(char **v)
{
	static const struct {
		const char *p;
		size_t n;
	} names_[] = {{"\0a\nffff: 00000002 0 10000 1 1 99 @forged", 40},
		      {"\0\0\0x", 4},
		      {"\0", 1},
		      {"\0\xff\x1b[2J", 6}};
	(void)v;
	for (int i = 0; i < 4; i++) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		memcpy(a.sun_path, names_[i].p, names_[i].n);
		must(bind(fd, (void *)&a,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + names_[i].n)) == 0,
		     "abstract");
		listen(fd, 3);
	}
}

/* A listening socket that only a message in flight holds. */
static void scm(char **v)
{
	int pair[2], fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7777)};
	char c = 'x', control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	(void)v;
	memset(control, 0, sizeof(control));
	must(bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0 &&
		     socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0,
	     "scm");
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	*h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	must(sendmsg(pair[0], &m, 0) == 1, "sendmsg");
	close(fd);
}

static void spaces(char **v)
{
	pthread_t t;
	(void)v;
	pthread_create(&t, NULL, in_other_netns, NULL);
	if (fork() == 0) {
		must(unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) == 0,
		     "unshare");
		if (fork() == 0) {
			must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
			must(mount("t", "/mnt", "tmpfs", 0, NULL) == 0, "tmpfs");
			put("/mnt/inner", "inner\n", 6);
			must(mount("p", "/proc", "proc", 0, NULL) == 0, "proc");
			ready("inner");
		}
		wait_for_ever();
	}
}

/* Mounts over what others would look at. */
static void cover(char **v)
{
	char path[64];
	(void)v;
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
	snprintf(path, sizeof(path), "/proc/%d", (int)getpid());
	must(mount("cover", path, "tmpfs", 0, NULL) == 0, "over proc");
	put("/root/hidden", "hidden\n", 7);
	must(mkdir("/root/d", 0755) == 0, "d");
	put("/root/d/below", "below\n", 6);
	put("/root/above", "above\n", 6);
	must(mount("cover", "/root/d", "tmpfs", 0, NULL) == 0, "over d");
	put("/root/d/top", "top\n", 4);
	must(mount("/root/above", "/root/hidden", NULL, MS_BIND, NULL) == 0, "over a file");
	must(mount("cover", "/etc", "tmpfs", 0, NULL) == 0, "over etc");
	put("/etc/passwd", "lie\n", 4);
	mkdir("/mnt/o", 0755);
	mkdir("/mnt/o/u", 0755);
	/* an overlay whose words name paths of the host */
	must(mount("t", "/mnt", "tmpfs", 0, NULL) == 0, "tmpfs");
	mkdir("/mnt/u", 0755), mkdir("/mnt/w", 0755), mkdir("/mnt/m", 0755), mkdir("/mnt/l", 0755);
	if (mount("o", "/mnt/m", "overlay", 0, "lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w") <
	    0)
		perror("overlay");
	for (int i = 0; i < number(v, 2, 0); i++)
		must(mount("many", "/mnt/l", "tmpfs", 0, NULL) == 0, "many mounts");
}

static void gush(char **v)
{
	static char line[60000];
	memset(line, 'L', sizeof(line));
	memcpy(line, "\x1b[2J\x1b]0;x\x07{\"log\":\"forged\"}", 27);
	line[sizeof(line) - 1] = '\n';
	for (long i = 0, n = number(v, 2, 1) * 1000000 / (long)sizeof(line); i < n; i++)
		must(write(1, line, sizeof(line)) > 0, "write");
}

/* The init itself: its root is another one, its first thread is gone, something lies over its root.
 */
static void jail(char **v)
{
	(void)v;
	mkdir("/srv/jail", 0755), mkdir("/srv/jail/tmp", 0755);
	put("/root/outside", "outside\n", 8);
	put("/srv/jail/inside", "inside\n", 7);
	must(chroot("/srv/jail") == 0 && chdir("/") == 0, "chroot");
}

static void deadinit(char **v)
{
	pthread_t t;
	(void)v;
	put("/root/mine", "mine\n", 5);
	must(pthread_create(&t, NULL, idle, NULL) == 0, "thread");
	ready("deadinit");
	pthread_exit(NULL);
}

static void overroot(char **v)
{
	(void)v;
	put("/root/mine", "mine\n", 5);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
	must(mount("cover", "/", "tmpfs", 0, NULL) == 0, "over the root");
}

/* forge UPPER LOWER: an overlay over the root whose words are paths of the host. */
static void forge(char **v)
{
	char options[9000], path[4096];
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
	must(mount("t", "/mnt", "tmpfs", 0, NULL) == 0 && chdir("/mnt") == 0, "tmpfs");
	for (int i = 2; i < 4; i++)
		for (char *at = v[i] + 1; at; at = at[-1] ? at : NULL) {
			at = strchr(at, '/');
			snprintf(path, sizeof(path), "/mnt%.*s",
				 (int)(at ? at - v[i] : (long)strlen(v[i])), v[i]);
			mkdir(path, 0755);
			if (!at++)
				break;
		}
	/* seen from here these are the very paths of the host */
	must(mkdir("/mnt/.words", 0755) == 0 && chroot("/mnt") == 0, "chroot");
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=/.words", v[3], v[2]);
	must(mount("o", "/", "overlay", 0, options) == 0, "overlay");
	mkdir("/tmp", 0755);
}

static void nothing(char **v)
{
	(void)v;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*act)(char **);
	} acts[] = {{"swap", swap},
		    {"names", names},
		    {"deep", deep},
		    {"many", many},
		    {"odd", odd},
		    {"moving", moving},
		    {"links", links},
		    {"fds", fds},
		    {"threads", threads},
		    {"comm", comm},
		    {"argv", argv_mb},
		    {"zombies", zombies},
		    {"deadleader", deadleader},
		    {"memfd", run_memfd},
		    {"deleted", run_deleted},
		    {"storm", storm},
		    {"sockets", sockets},
		    {"abstract", abstract},
		    {"scm", scm},
		    {"spaces", spaces},
		    {"cover", cover},
		    {"gush", gush},
		    {"jail", jail},
		    {"deadinit", deadinit},
		    {"overroot", overroot},
		    {"forge", forge},
		    {"wait", nothing}};
	for (size_t i = 0; argc > 1 && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, argv[1]) == 0) {
			acts[i].act(argv);
			ready(argv[1]);
			wait_for_ever();
		}
	/* several acts, each in a process of its own: "all" "act arg arg" ... */
	for (int i = 2; i < argc; i++)
		if (fork() == 0) {
			char *v[8] = {argv[0]}, *save = NULL;
			for (int k = 1;
			     k < 7 && (v[k] = strtok_r(k == 1 ? argv[i] : NULL, " ", &save)); k++)
				;
			execv("/proc/self/exe", v);
			_exit(9);
		}
	wait_for_ever();
}
