/* ssh-keygen -Y sign in a child: the one program of others that is ever started, and only for
 * --key ssh-keygen:FILE. */
#include "custody/keygen.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/sandbox.h"
#include "custody/sshsig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 64 << 10, SAID_MAX = 200, ENV_OCTETS = 4096, POLL_MS = 10, NS_PER_MS = 1000000 };

static const char *const programs[] = {"/usr/bin/ssh-keygen", "/bin/ssh-keygen",
				       "/usr/local/bin/ssh-keygen"};

struct run {
	int in, said; /* the message; what it says on stderr */
	const char *file, *ns;
	char home[ENV_OCTETS], agent[ENV_OCTETS];
};

/* A terminal to ask on, other descriptors, more rights: it gets none of them. */
static void child(const struct run *r, int out)
{
	const struct rlimit words = {WORDS_MAX, WORDS_MAX};
	const char *env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", r->home, r->agent, NULL};

	if (setsid() < 0 || dup2(r->in, 0) < 0 || dup2(out, 1) < 0 || dup2(r->said, 2) < 0 ||
	    syscall(SYS_close_range, 3u, ~0u, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_FSIZE, &words) < 0)
		_exit(126);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		execle(programs[i], "ssh-keygen", "-Y", "sign", "-q", "-f", r->file, "-n", r->ns,
		       (char *)NULL, env);
	_exit(127);
}

/* What the child writes, until it closes: no longer than the time, no more than the buffer. */
static int collect(struct kan_buf *out, int fd, int64_t until, struct kan_err *err)
{
	uint8_t piece[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until - kan_boot_ns();
		int ready = left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;
		ssize_t n;

		if (ready == 0)
			return kan_fail(err, KAN_ELIMIT, "ssh-keygen does not end within %d s",
					KAN_KEYGEN_WAIT_S);
		n = ready > 0 ? read(fd, piece, sizeof(piece)) : -1;
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return kan_fail(err, KAN_ELIMIT, "ssh-keygen: %s", strerror(errno));
		kan_buf_add(out, piece, n > 0 ? (size_t)n : 0);
		if (out->failed)
			return kan_fail(err, KAN_ELIMIT, "ssh-keygen says more than a signature");
	}
}

/* Its status; 128 when it had to be ended. */
static int status_of(pid_t pid, int64_t until)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * NS_PER_MS};
	int status, got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0 && kan_boot_ns() < until)
		nanosleep(&pause, NULL);
	if (got == pid)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	(void)kill(-pid, SIGKILL); /* and what it started */
	kan_sandbox_end(pid);
	return 128;
}

/* The last line of what it said, which is why. */
static int not_signed(int said, int status, struct kan_err *err)
{
	char text[SAID_MAX] = "";
	char *line = text, *end;
	off_t size = lseek(said, 0, SEEK_END);
	ssize_t n = pread(said, text, sizeof(text) - 1,
			  size < (off_t)sizeof(text) ? 0 : size - (off_t)sizeof(text) + 1);

	text[n > 0 ? n : 0] = 0;
	while (*line && (end = strpbrk(line, "\r\n")) && end[strspn(end, "\r\n")])
		line = end + strspn(end, "\r\n");
	line[strcspn(line, "\r\n")] = 0;
	if (status == 127)
		return kan_fail(err, KAN_EUNSUPPORTED, "there is no ssh-keygen on this machine");
	return kan_fail(err, KAN_EUNSUPPORTED, "ssh-keygen would not sign: %s",
			*line ? line : "it said nothing");
}

static int run(struct kan_buf *out, struct run *r, struct kan_err *err)
{
	const int64_t until = kan_boot_ns() + KAN_KEYGEN_WAIT_S * (int64_t)1000 * NS_PER_MS;
	kan_auto_close int end = -1;
	int rc, status;
	pid_t pid;

	if (kan_sandbox_fork(&pid, &end, err) < 0)
		return -1;
	if (pid == 0)
		child(r, end);
	rc = collect(out, end, until, err);
	status = status_of(pid, rc < 0 ? 0 : until);
	if (rc == 0 && status != 0)
		return not_signed(r->said, status, err);
	return rc;
}

/* "NAME=value" of what stays of our environment. */
static void keep(char out[ENV_OCTETS], const char *name)
{
	const char *value = getenv(name);

	if (!value || snprintf(out, ENV_OCTETS, "%s=%s", name, value) >= ENV_OCTETS)
		snprintf(out, ENV_OCTETS, "%s=", name);
}

static int sign(struct kan_buf *armour, const char *file, const char *ns, struct kan_bytes message,
		struct kan_err *err)
{
	kan_auto_close int in = memfd_create("message", MFD_CLOEXEC);
	kan_auto_close int said = memfd_create("words", MFD_CLOEXEC);
	struct run r = {.in = in, .said = said, .file = file, .ns = ns};

	keep(r.home, "HOME");
	keep(r.agent, "SSH_AUTH_SOCK");
	if (in < 0 || said < 0)
		return kan_fail_sys(err, "memfd");
	if (kan_write_all(in, message.p, message.n, err) < 0)
		return -1;
	if (lseek(in, 0, SEEK_SET) < 0)
		return kan_fail_sys(err, "memfd");
	return run(armour, &r, err);
}

/* As ssh-keygen does by itself for private keys; FILE.pub is that of a key in an agent. */
static int closed_to_others(const char *file, struct kan_err *err)
{
	size_t n = strlen(file);
	struct stat st;

	if (stat(file, &st) < 0)
		return kan_fail_sys(err, "key %s", file);
	if (st.st_mode & 077 && !(n > 4 && strcmp(file + n - 4, ".pub") == 0))
		return kan_fail(err, KAN_EREFUSED, "key %s is open to others: chmod 600 it", file);
	return 0;
}

int kan_keygen_sign(struct kan_buf *armour, struct kan_buf *blob, const char *file, const char *ns,
		    struct kan_bytes message, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_SSHSIG_MAX);
	kan_auto_sshsig struct kan_sshsig s = {0};

	if (closed_to_others(file, err) < 0)
		return -1;
	if (sign(&text, file, ns, message, err) < 0 ||
	    kan_sshsig_parse(&s, kan_buf_bytes(&text), err) < 0 ||
	    kan_sshsig_verify(&s, ns, message, err) < 0)
		return kan_wrap(err, "key %s", file);
	kan_buf_addb(armour, kan_buf_bytes(&text));
	kan_buf_addb(blob, s.key);
	return 0;
}
