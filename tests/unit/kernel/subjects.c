/* Processes for a test to look at. */
#include "subjects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kanshiki/bytes.h>

enum { READY_FD = 100, HOLD_FD = 0 };

void subject_ready(void)
{
	(void)close(READY_FD);
}

static void hold_on(void)
{
	char c;
	while (read(HOLD_FD, &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

void subject_wait(const char *word)
{
	(void)word;
	subject_ready();
	hold_on();
}

void subject_exec(const char *word)
{
	(void)execl(word, word, "-", (char *)NULL);
	_exit(126);
}

static int copy_cat(int to)
{
	int from = open("/bin/cat", O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (from < 0 || fstat(from, &st) < 0)
		return -1;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return -1;
		left -= n;
	}
	return close(from);
}

void subject_exec_memfd(const char *word)
{
	char *const argv[] = {(char *)(uintptr_t) "[kworker/0:1]", (char *)(uintptr_t) "-", NULL};
	char *const envp[] = {(char *)(uintptr_t) "SECRET=x=y", NULL};
	int fd = memfd_create(word, MFD_CLOEXEC);
	if (fd >= 0 && copy_cat(fd) == 0)
		(void)fexecve(fd, argv, envp);
	_exit(126);
}

static void *worker(void *arg)
{
	(void)arg;
	(void)prctl(PR_SET_NAME, "worker");
	(void)unshare(CLONE_NEWNET);
	subject_ready();
	hold_on();
	return NULL;
}

void subject_threads(const char *word)
{
	pthread_t t;
	(void)word;
	if (pthread_create(&t, NULL, worker, NULL) == 0)
		(void)pthread_join(t, NULL);
	_exit(126);
}

static void *survivor(void *arg)
{
	char text[64] = "";
	(void)arg;
	while (!strstr(text, ") Z")) {
		int fd =
			open("/proc/self/stat",
			     O_RDONLY | O_CLOEXEC); /* of the host's /proc: the host's view of us */
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		(void)close(fd);
		(void)sched_yield();
	}
	subject_ready();
	hold_on();
	return NULL;
}

void subject_dead_leader(const char *word)
{
	pthread_t t;
	(void)word;
	if (pthread_create(&t, NULL, survivor, NULL) != 0)
		_exit(126);
	(void)syscall(SYS_exit, 0);
	_exit(126);
}

void subject_named(const char *word)
{
	(void)prctl(PR_SET_NAME, word);
	subject_wait(word);
}

static void become(struct subjects *s, subject_fn *fn, const char *word, int ready)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup3(ready, READY_FD, O_CLOEXEC);
	(void)dup2(s->hold[0], HOLD_FD);
	(void)close_range(3, READY_FD - 1, 0);
	(void)close_range(READY_FD + 1, ~0U, 0);
	fn(word);
	_exit(0);
}

/* Between the test and the subject, so that the test itself stays in its namespace and may have
 * threads. */
static void keep(struct subjects *s, subject_fn *fn, const char *word, int report)
	__attribute__((noreturn));

static void keep(struct subjects *s, subject_fn *fn, const char *word, int report)
{
	int ready[2];
	char c;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	int rc = s->pidns >= 0 ? setns(s->pidns, CLONE_NEWPID) : unshare(CLONE_NEWPID);
	if (rc < 0 || pipe2(ready, O_CLOEXEC) < 0)
		_exit(1);
	pid_t pid = fork();
	if (pid == 0)
		become(s, fn, word, ready[1]);
	(void)close(ready[1]);
	(void)close(s->hold[1]);
	while (read(ready[0], &c, 1) < 0 && errno == EINTR)
		;
	if (write(report, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		_exit(1);
	(void)dup2(s->hold[0], HOLD_FD);
	hold_on();
	_exit(0);
}

static void end_at_once(const char *word)
{
	_exit((int)strtol(word, NULL, 10));
}

static pid_t start(struct subjects *s, subject_fn *fn, const char *word, bool zombie)
{
	int report[2];
	pid_t pid = 0;
	cr_assert_lt(s->n, sizeof(s->keepers) / sizeof(s->keepers[0]));
	cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
	pid_t keeper = fork();
	if (keeper == 0)
		keep(s, fn, word, report[1]);
	(void)close(report[1]);
	s->keepers[s->n++] = keeper;
	cr_assert_eq(read(report[0], &pid, sizeof(pid)), (ssize_t)sizeof(pid),
		     "root and pid namespaces are needed");
	(void)close(report[0]);
	/* Its files are closed before it is a zombie: the kernel's own word says when it is one. */
	for (char state = 0; zombie && state != 'Z';) {
		char path[64], text[512] = "";
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = 0;
		(void)close(fd);
		const char *at = strrchr(text, ')');
		state = at && at[1] ? at[2] : 'Z';
	}
	return pid;
}

pid_t subject(struct subjects *s, subject_fn *fn, const char *word)
{
	return start(s, fn, word, false);
}

pid_t subject_zombie(struct subjects *s, int status)
{
	char word[16];
	(void)snprintf(word, sizeof(word), "%d", status);
	return start(s, end_at_once, word, true);
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, flags | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s", path);
	return fd;
}

struct subjects *subjects_new(void)
{
	struct subjects *s = kan_xalloc(sizeof(*s));
	s->pidns = -1;
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/kan-subjects-XXXXXX");
	cr_assert_not_null(mkdtemp(s->dir));
	cr_assert_eq(chmod(s->dir, 0755), 0);
	cr_assert_eq(pipe2(s->hold, O_CLOEXEC), 0);
	s->init = subject(s, subject_exec, "/bin/cat");
	s->pidns = open_of(s->init, "ns/pid", O_RDONLY);
	s->init_dir = open_of(s->init, "", O_PATH | O_DIRECTORY);
	s->root_fd = open_of(s->init, "root", O_PATH | O_DIRECTORY);
	s->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s;
}

void subjects_free(struct subjects *s)
{
	(void)kill(s->init, SIGKILL); /* and with it all of its namespace */
	for (size_t i = 0; i < s->n; i++) {
		(void)kill(s->keepers[i], SIGKILL);
		(void)waitpid(s->keepers[i], NULL, 0);
	}
	int fds[] = {s->pidns, s->init_dir, s->root_fd, s->proc_fd, s->hold[0], s->hold[1]};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		(void)close(fds[i]);
	free(subject_line("rm -rf '%s'", s->dir));
	free(s);
}

const char *subject_path(const struct subjects *s, const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	return kan_xstrdup(path);
}

void subject_copy(const struct subjects *s, const char *name)
{
	const char *path = subject_path(s, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(copy_cat(fd), 0);
	(void)close(fd);
	free((void *)(uintptr_t)path);
}

char *subject_line(const char *fmt, ...)
{
	char command[2048], line[4096] = "";
	int out[2];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(out[1], 1);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	ssize_t n = read(out[0], line, sizeof(line) - 1);
	(void)close(out[0]);
	(void)waitpid(pid, NULL, 0);
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	return kan_xstrdup(line);
}
