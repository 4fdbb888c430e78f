/* Makes each case of a process that is hard to take, and writes the truth of it to /tmp/truth: one
 * act an argument, a line a fact. Built static by the tests. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

enum { COPY = 65536, PAGE = 4096, FULL = 8192 };

/* "act key=value ...", whole, behind what others have said. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	int fd = open("/tmp/truth", O_WRONLY | O_CREAT | O_APPEND, 0644);
	must(fd >= 0 && write(fd, line, (size_t)n) == n, "truth");
	close(fd);
}

static void rest(void)
{
	for (;;)
		pause();
}

/* This program with its name behind it: bytes of its own, so that no two digests are the same. */
static void copy_to(int to, const char *name)
{
	char block[COPY];
	int from = open("/proc/self/exe", O_RDONLY);
	for (ssize_t n; (n = read(from, block, sizeof(block))) > 0;)
		must(write(to, block, (size_t)n) == n, "copy");
	must(write(to, name, strlen(name)) == (ssize_t)strlen(name), "tail");
	close(from);
}

static void copy_as(const char *path, const char *name)
{
	int to = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
	must(to >= 0, path);
	copy_to(to, name);
	close(to);
}

/* What a copy does as soon as it runs: stager hold NAME ACT PATH. */
static void hold(char **v)
{
	struct stat st;
	must(stat("/proc/self/exe", &st) == 0, "exe");
	if (strcmp(v[3], "unlink") == 0)
		must(unlink(v[4]) == 0, v[4]);
	if (strcmp(v[3], "replace") == 0) {
		copy_as("/root/other", "another");
		must(rename("/root/other", v[4]) == 0, v[4]);
	}
	say("%s pid=%d ino=%lu\n", v[2], (int)getpid(), (unsigned long)st.st_ino);
	rest();
}

static void run_copy(const char *path, const char *name, const char *act)
{
	copy_as(path, name);
	if (fork() == 0) {
		execl(path, "stager", "hold", name, act, path, NULL);
		_exit(9);
	}
}

/* Each form of an executable. */
static void programs(void)
{
	int fd = memfd_create("innocent", MFD_CLOEXEC);
	run_copy("/root/deleted", "deleted", "unlink");
	run_copy("/root/replaced", "replaced", "replace");
	run_copy("/root/x (deleted)", "named", "stay");
	run_copy("/root/plain", "plain", "stay");
	run_copy("/cache/tmpfs", "tmpfs", "stay");
	copy_to(fd, "memfd");
	if (fork() == 0) {
		char self[32];
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		execl(self, "[kworker/u8:2]", "hold", "memfd", "stay", "-", NULL);
		_exit(9);
	}
	close(fd);
}

/* Files that only a descriptor or a mapping keeps. */
static void loot(void)
{
	char text[PAGE];
	struct stat st;
	memset(text, 'L', sizeof(text));
	int log = open("/root/log", O_CREAT | O_EXCL | O_RDWR, 0600);
	must(write(log, text, sizeof(text)) == PAGE && unlink("/root/log") == 0, "log");
	must(fstat(log, &st) == 0, "log");
	say("log pid=%d fd=%d ino=%lu\n", (int)getpid(), log, (unsigned long)st.st_ino);
	memset(text, 'M', sizeof(text));
	int lib = open("/root/lib.so", O_CREAT | O_EXCL | O_RDWR, 0600);
	must(write(lib, text, sizeof(text)) == PAGE, "lib");
	void *at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, lib, 0);
	must(at != MAP_FAILED && unlink("/root/lib.so") == 0 && close(lib) == 0, "map");
	say("lib pid=%d start=0x%016lx\n", (int)getpid(), (unsigned long)at);
}

/* What must never be opened again: each open here, and without a name. */
static void traps(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/root/socket"};
	must(mkfifo("/root/fifo", 0600) == 0, "fifo");
	int fifo = open("/root/fifo", O_RDWR);
	must(mknod("/root/zero", S_IFCHR | 0600, makedev(1, 5)) == 0, "mknod");
	int zero = open("/root/zero", O_RDONLY), sock = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(sock, (void *)&a, sizeof(a)) == 0 && listen(sock, 4) == 0, "socket");
	must(fifo >= 0 && zero >= 0, "open");
	must(unlink("/root/fifo") == 0 && unlink("/root/zero") == 0 && unlink(a.sun_path) == 0,
	     "it");
	say("traps pid=%d fifo=%d chr=%d socket=%d\n", (int)getpid(), fifo, zero, sock);
}

static void ipc(void)
{
	struct {
		long type;
		char text[5];
	} m = {1, "hello"};
	/* In a namespace that is shared, one that ran before may have left them. */
	(void)mq_unlink("/plans");
	(void)msgctl(msgget(0x5eed, 0), IPC_RMID, NULL);
	(void)semctl(semget(0x2a, 0, 0), 0, IPC_RMID);
	int shm = shmget(IPC_PRIVATE, 3 * PAGE, 0640 | IPC_CREAT),
	    sem = semget(0x2a, 5, 0600 | IPC_CREAT), msg = msgget(0x5eed, 0600 | IPC_CREAT);
	must(shm >= 0 && sem >= 0 && msg >= 0, "sysv");
	must(shmat(shm, NULL, 0) != (void *)-1 && msgsnd(msg, &m, sizeof(m.text), 0) == 0, "use");
	struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 64};
	mqd_t q = mq_open("/plans", O_CREAT | O_RDWR, 0620, &attr);
	must(q >= 0 && mq_send(q, "soon", 4, 0) == 0, "mqueue");
	say("ipc pid=%d shm=%d sem=%d msg=%d\n", (int)getpid(), shm, sem, msg);
}

/* --- states ---------------------------------------------------------------------------------- */

static void zombies(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();
		must(pid >= 0, "fork");
		siginfo_t info;
		if (pid == 0)
			_exit((int)(i % 100));
		must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0, "waitid");
	}
	say("zombies n=%ld\n", n);
}

static void stopped(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		rest();
	}
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "stop");
	say("stopped pid=%d\n", (int)pid);
}

static void traced(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		rest();
	}
	must(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "trace");
	say("traced pid=%d tracer=%d\n", (int)pid, (int)getpid());
}

/* The parent waits in the kernel until its child executes something, which it never does. */
static void vforked(void)
{
	if (fork())
		return;
	pid_t parent = getpid();
	if (vfork() == 0) {
		say("vfork pid=%d child=%d\n", (int)parent, (int)getpid());
		rest();
	}
}

static void *survivor(void *arg)
{
	char text[512] = "";
	while (!strstr(text, ") Z")) {
		int fd = open("/proc/self/stat", O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		close(fd);
		sched_yield();
	}
	say("deadleader pid=%d tid=%d\n", (int)getpid(), (int)gettid());
	rest();
	return arg;
}

static void deadleader(void)
{
	pthread_t t;
	if (fork())
		return;
	int fd = open("/root/dead.so", O_CREAT | O_EXCL | O_RDWR, 0600);
	must(write(fd, "only a dead leader has me", 25) == 25, "write");
	must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED, "map");
	must(unlink("/root/dead.so") == 0 && close(fd) == 0, "unlink");
	must(pthread_create(&t, NULL, survivor, NULL) == 0, "thread");
	pthread_exit(NULL);
}

static void liar(char **v)
{
	if (fork())
		return;
	prctl(PR_SET_NAME, "a) Z 1\n\x1b[2J");
	memset(v[0], 0x1b, strlen(v[0]));
	say("liar pid=%d\n", (int)getpid());
	rest();
}

/* An argv of n MB. */
static void words(long n)
{
	enum { WORD = 125000, WORDS = 8 };
	struct rlimit r = {64 << 20, 64 << 20};
	char *word = malloc(WORD), **v = calloc((size_t)n * WORDS + 8, sizeof(*v));
	static char *const head[] = {"stager", "hold", "words", "stay", "-"};
	must(word && v && setrlimit(RLIMIT_STACK, &r) == 0, "argv");
	memset(word, 'A', WORD - 1);
	word[WORD - 1] = 0;
	memcpy(v, head, sizeof(head));
	for (long i = 0; i < n * WORDS; i++)
		v[5 + i] = word;
	execv("/proc/self/exe", v);
	_exit(9);
}

static void descriptors(long n)
{
	struct rlimit r;
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &r) == 0, "limit");
	int first = open("/dev/null", O_RDONLY);
	for (long i = 1; i < n; i++)
		must(dup(first) >= 0, "dup");
	say("descriptors pid=%d n=%ld\n", (int)getpid(), n);
}

static void many(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();
		must(pid >= 0, "fork");
		if (pid == 0)
			rest();
	}
	say("many n=%ld\n", n);
}

static void fork_for_ever(void)
{
	for (;;) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void storm(long n)
{
	say("storm n=%ld\n", n);
	for (long i = 0; i < n; i++)
		if (fork() == 0)
			fork_for_ever();
}

/* Pid namespaces within pid namespaces, the innermost with an IPC namespace of its own. */
static void nested(long levels)
{
	for (; levels > 0; levels--) {
		must(unshare(CLONE_NEWPID) == 0, "unshare");
		if (fork())
			rest();
	}
	must(unshare(CLONE_NEWIPC) == 0, "unshare");
	int shm = shmget(IPC_PRIVATE, FULL, 0600 | IPC_CREAT);
	must(shm >= 0, "shm");
	say("nested pid=%d shm=%d\n", (int)getpid(), shm);
	rest();
}

static void act(char **v)
{
	long n = v[2] ? atol(v[2]) : 0;
	if (strcmp(v[1], "hold") == 0)
		hold(v);
	else if (strcmp(v[1], "liar") == 0)
		liar(v);
	static const struct {
		const char *name;
		void (*plain)(void);
		void (*count)(long);
	} acts[] = {{"programs", programs, NULL},     {"loot", loot, NULL},
		    {"traps", traps, NULL},           {"ipc", ipc, NULL},
		    {"zombies", NULL, zombies},       {"stopped", stopped, NULL},
		    {"traced", traced, NULL},         {"vfork", vforked, NULL},
		    {"deadleader", deadleader, NULL}, {"descriptors", NULL, descriptors},
		    {"words", NULL, words},           {"many", NULL, many},
		    {"storm", NULL, storm},           {"nested", NULL, nested}};
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].name, v[1]) == 0 && acts[i].plain)
			acts[i].plain();
		else if (strcmp(acts[i].name, v[1]) == 0)
			acts[i].count(n);
	}
	rest();
}

/* stager "act arg" "act arg" ...: a process each. hold: the one act of a copy. */
int main(int argc, char **argv)
{
	umask(0);
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		act(argv);
	for (int i = 1; i < argc; i++)
		if (fork() == 0) {
			char *v[4] = {argv[0], strtok(argv[i], " "), strtok(NULL, " "), NULL};
			act(v);
		}
	say("init pid=%d\n", (int)getpid());
	rest();
}
