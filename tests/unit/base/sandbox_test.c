/* The readers' sandbox holds: each test tries what a hijacked reader would. */
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/sandbox.h"
#include "base/tar.h"
#include "place.h"

static struct kan_sandbox_state enter(const char *readable, const char *writable)
{
	struct kan_sandbox_state state = {0};
	struct kan_err err = {0};
	const char *r[] = {readable, NULL}, *w[] = {writable, NULL};
	cr_assert_eq(kan_sandbox_reader(&state, r, w, &err), 0, "%s", err.text);
	cr_assert(state.no_new_privs);
	return state;
}

/* What it tried is told by the status: criterion's own channel is a socket that was open before. */
static int inside(const char *readable, const char *writable,
		  int (*attack)(const char *readable, const char *writable))
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) {
		struct kan_sandbox_state s = enter(readable, writable);
		_exit(s.landlock && s.seccomp ? attack(readable, writable) : 99);
	}
	(void)waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == 99)
		cr_skip_test("this kernel has no Landlock or no seccomp");
	return WEXITSTATUS(status);
}

static int escapes(const char *readable, const char *writable)
{
	static char word[] = "true";
	static char *const argv[] = {word, NULL};
	(void)readable;
	(void)writable;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		return 1;
	if (ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0)
		return 2;
	if (mount("none", "/mnt", "tmpfs", 0, "") == 0 || errno != EPERM)
		return 3;
	if (kill(getppid(), 0) == 0)
		return 4;
	(void)execve("/bin/true", argv, argv + 1);
	return errno == EPERM || errno == EACCES ? 0 : 5;
}

Test(sandbox, no_socket_no_exec_no_ptrace_no_mount_no_signal)
{
	struct test_place p = test_place();
	cr_assert_eq(inside(p.path, NULL, escapes), 0);
	test_leave(&p);
}

/* What no path protects: modes and times by name, a terminal, other processes, a copy of itself. */
static int reaches_around(const char *readable, const char *writable)
{
	char path[128], c = 'x';
	struct rlimit r = {1, 1};
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	(void)writable;
	(void)snprintf(path, sizeof(path), "%s/in", readable);
	if (chmod(path, 0777) == 0 || fchmodat(AT_FDCWD, path, 0777, 0) == 0 ||
	    utimensat(AT_FDCWD, path, times, 0) == 0)
		return 1;
	if (open(path, O_RDONLY | O_TRUNC | O_CLOEXEC) >= 0)
		return 2;
	if (ioctl(0, TIOCSTI, &c) == 0 || errno != EPERM)
		return 3;
	if (fork() >= 0)
		return 4;
	if (syscall(SYS_tgkill, getppid(), getppid(), 0) == 0)
		return 5;
	return prlimit(getppid(), RLIMIT_NOFILE, &r, NULL) == 0 ? 6 : 0;
}

Test(sandbox, no_mode_no_time_no_emptied_file_no_terminal_no_child_no_other_process)
{
#ifdef KAN_SANITIZED
	cr_skip_test("the leak checker needs a child and its limits");
#endif
	struct test_place p = test_place();
	test_put(p.fd, "in", "x");
	cr_assert_eq(inside(p.path, NULL, reaches_around), 0);
	test_leave(&p);
}

static void *nothing(void *arg)
{
	return arg;
}

static int starts_a_thread(const char *readable, const char *writable)
{
	pthread_t t;
	(void)readable;
	(void)writable;
	return pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL);
}

Test(sandbox, a_thread_starts_inside)
{
	struct test_place p = test_place();
	cr_assert_eq(inside(p.path, NULL, starts_a_thread), 0);
	test_leave(&p);
}

static int paths(const char *readable, const char *writable)
{
	char path[128];
	kan_auto_close int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/in", readable);
	kan_auto_close int in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return 2;
	(void)snprintf(path, sizeof(path), "%s/new", readable);
	if (open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
		return 3;
	(void)snprintf(path, sizeof(path), "%s/report", writable);
	kan_auto_close int out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (out < 0 || write(out, "ok", 2) != 2)
		return 4;
	return unlink(path) == 0 ? 0 : 5;
}

Test(sandbox, only_the_bundle_is_readable_and_only_the_output_writable)
{
	struct test_place p = test_place();
	char bundle[100], out[100];
	cr_assert_eq(kan_mkdirs(p.fd, "bundle", NULL), 0);
	cr_assert_eq(kan_mkdirs(p.fd, "out", NULL), 0);
	test_put(p.fd, "bundle/in", "x");
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", p.path);
	(void)snprintf(out, sizeof(out), "%s/out", p.path);
	cr_assert_eq(inside(bundle, out, paths), 0);
	test_leave(&p);
}

static int to_buf(void *arg, const void *p, size_t n, struct kan_err *err)
{
	(void)err;
	kan_buf_add(arg, p, n);
	return 0;
}

static ssize_t from_buf(void *arg, const void **p, struct kan_err *err)
{
	struct kan_bytes *rest = arg;
	(void)err;
	ssize_t n = (ssize_t)rest->n;
	*p = rest->p;
	rest->n = 0;
	return n;
}

static int on_member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	(void)err;
	*(bool *)arg = kan_bytes_eq(m->path, KAN_LIT("na\xc3\xafve"));
	return 0;
}

static int reads_a_tar(const char *readable, const char *writable)
{
	kan_auto_buf struct kan_buf made = KAN_BUF(1 << 20);
	struct kan_tar *t = NULL;
	struct kan_tar_entry e = {.path = KAN_LIT("na\xc3\xafve"), .mode = S_IFREG | 0644};
	bool same = false;
	struct kan_tar_visit v = {.member = on_member, .arg = &same};
	(void)readable;
	(void)writable;
	if (kan_tar_new(&t, to_buf, &made, NULL) < 0 || kan_tar_entry(t, &e, NULL) < 0 ||
	    kan_tar_finish(t, NULL) < 0 || kan_tar_close(t, NULL) < 0)
		return 1;
	struct kan_bytes rest = kan_buf_bytes(&made);
	if (kan_tar_read(from_buf, &rest, &v, NULL) < 0)
		return 2;
	return same ? 0 : 3;
}

Test(sandbox, a_tar_with_names_of_any_language_is_read_inside)
{
	struct test_place p = test_place();
	cr_assert_eq(inside(p.path, NULL, reads_a_tar), 0);
	test_leave(&p);
}

Test(sandbox, a_place_that_is_not_there_is_an_error_and_not_a_wider_sandbox)
{
	struct kan_sandbox_state state = {0};
	struct kan_err err = {0};
	const char *r[] = {"/nonexistent/bundle", NULL}, *w[] = {NULL};
	cr_assert_eq(kan_sandbox_reader(&state, r, w, &err), -1);
	cr_assert_eq(err.code, KAN_ENOTFOUND);
}

Test(sandbox, a_clean_process_has_its_descriptors_and_a_short_environment)
{
	struct kan_err err = {0};
	cr_assert_eq(setenv("LD_PRELOAD", "/tmp/x.so", 1), 0);
	cr_assert_eq(setenv("GIT_DIR", "/tmp", 1), 0);
	cr_assert_eq(setenv("OPENSSL_CONF", "/tmp/x", 1), 0);
	cr_assert_eq(setenv("KANSHIKI_HOME", "/srv/k", 1), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(0);
		(void)close(1);
		if (kan_process_clean(&err) < 0)
			_exit(1);
		if (getenv("LD_PRELOAD") || getenv("GIT_DIR") || getenv("OPENSSL_CONF"))
			_exit(2);
		if (strcmp(getenv("KANSHIKI_HOME"), "/srv/k") != 0 ||
		    strcmp(getenv("LC_ALL"), "C") != 0)
			_exit(3);
		if (fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || umask(0) != 077)
			_exit(4);
		(void)raise(SIGPIPE);
		(void)raise(SIGXFSZ);
		_exit(0);
	}
	int status = 0;
	(void)waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
}

Test(sandbox, a_child_that_says_it_is_done_and_sleeps_is_ended, .timeout = 20)
{
	struct kan_err err = {0};
	pid_t pid = -1;
	char word[8] = "";
	int end = -1;
	cr_assert_eq(kan_sandbox_fork(&pid, &end, &err), 0, "%s", err.text);
	if (pid == 0) {
		(void)!write(end, "done", 4);
		for (;;)
			(void)pause();
	}
	cr_assert_eq(read(end, word, sizeof(word)), 4);
	cr_assert_str_eq(word, "done");
	kan_sandbox_end(pid);
	cr_assert_eq(read(end, word, sizeof(word)), 0, "nobody writes any more");
	cr_assert_eq(kill(pid, 0), -1);
	(void)close(end);
}
