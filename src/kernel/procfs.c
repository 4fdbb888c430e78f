/* /proc: proven once, read through held descriptors. */
#include "kernel/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"

enum {
	TEXT_OCTETS = 64 << 10,
	STAT_OCTETS = 16 << 20, /* /proc/stat has every interrupt of a big machine */
	LINK_OCTETS = 8192,
	PIECE_OCTETS = 8192,
	NS_OCTETS = 64,
	PID_LAST = 4194304,
	NS_PER_S = 1000000000,
	USUAL_HZ = 100,
};

/* NSpid with more than one number: we are in a pid namespace of our own, and this /proc is not the
 * host's. */
static int prove_ours(int proc_fd, struct kan_err *err)
{
	char self[32];
	kan_auto_buf struct kan_buf text = KAN_BUF(TEXT_OCTETS);
	struct kan_proc_status st;
	ssize_t n = readlinkat(proc_fd, "self", self, sizeof(self) - 1);
	if (n < 0)
		return kan_fail_sys(err, "/proc/self");
	self[n] = 0;
	if (strtol(self, NULL, 10) != getpid())
		return kan_fail(
			err, KAN_EREFUSED,
			"/proc/self is not us: this /proc belongs to another pid namespace");
	kan_auto_close int dir = -1;
	if (kan_proc_pid_dir(&dir, proc_fd, getpid(), err) < 0 ||
	    kan_proc_read(&text, dir, "status", err) < 0 ||
	    kan_proc_status_parse(&st, kan_buf_bytes(&text), err) < 0)
		return -1;
	if (st.n_nspid != 1)
		return kan_fail(err, KAN_EREFUSED,
				"we are in a pid namespace of our own: run in the host's");
	return 0;
}

int kan_proc_open(int *proc_fd, struct kan_err *err)
{
	struct statfs fs;
	kan_auto_close int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return kan_fail_sys(err, "/proc");
	if (fstatfs(fd, &fs) < 0)
		return kan_fail_sys(err, "/proc");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return kan_fail(err, KAN_EREFUSED, "/proc is no procfs");
	if (prove_ours(fd, err) < 0)
		return -1;
	*proc_fd = kan_take_fd(&fd);
	return 0;
}

int kan_proc_pid_dir(int *fd, int proc_fd, pid_t pid, struct kan_err *err)
{
	char name[16];
	if (pid < 1 || pid > PID_LAST)
		return kan_fail(err, KAN_EREFUSED, "%d is no pid of a process", (int)pid);
	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	return kan_open_beneath(fd, proc_fd, name, O_PATH | O_DIRECTORY, RESOLVE_NO_XDEV, err);
}

int kan_pidfd_open(int *fd, pid_t pid, struct kan_err *err)
{
	long got = syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	if (got < 0)
		return kan_fail_sys(err, "pidfd of %d", (int)pid);
	*fd = (int)got;
	return 0;
}

int kan_proc_read(struct kan_buf *out, int pid_dir, const char *file, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	if (kan_open_beneath(&fd, pid_dir, file, O_RDONLY | O_NONBLOCK, RESOLVE_NO_XDEV, err) < 0)
		return -1;
	/* Many small ones within the pause: no buffer is allocated for each. */
	uint8_t text[PIECE_OCTETS];
	for (ssize_t n; (n = read(fd, text, sizeof(text))) != 0;) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kan_fail_sys(err, "%s", file);
		size_t room = out->max - out->len;
		kan_buf_add(out, text, (size_t)n < room ? (size_t)n : room);
		if ((size_t)n > room)
			return kan_fail(err, KAN_ELIMIT, "%s: over %zu bytes", file, out->max);
	}
	return 0;
}

int kan_proc_read_piece(struct kan_buf *out, int pid_dir, const char *file, struct kan_err *err)
{
	uint8_t text[PIECE_OCTETS];
	kan_auto_close int fd = -1;
	if (kan_open_beneath(&fd, pid_dir, file, O_RDONLY | O_NONBLOCK, RESOLVE_NO_XDEV, err) < 0)
		return -1;
	size_t room = out->max - out->len;
	ssize_t n = read(fd, text, sizeof(text) < room ? sizeof(text) : room);
	if (n < 0)
		return kan_fail_sys(err, "%s", file);
	kan_buf_add(out, text, (size_t)n);
	if ((size_t)n < sizeof(text) && (size_t)n < room)
		return 0;
	return kan_read_all(out, fd, err) < 0 ? kan_wrap(err, "%s", file) : 0;
}

int kan_proc_stat_read(struct kan_proc_stat *out, struct kan_buf *text, int pid_dir,
		       struct kan_err *err)
{
	kan_buf_reset(text);
	if (kan_proc_read_piece(text, pid_dir, "stat", err) < 0)
		return -1;
	return kan_proc_stat_parse(out, kan_buf_bytes(text), err);
}

int kan_proc_ns_link(uint64_t *ino, int dir, const char *path, struct kan_err *err)
{
	char text[NS_OCTETS], *end = NULL;
	ssize_t n = readlinkat(dir, path, text, sizeof(text) - 1);
	if (n < 0)
		return kan_fail_sys(err, "%s", path);
	text[n] = 0;
	const char *at = strchr(text, '[');
	uint64_t v = at ? strtoull(at + 1, &end, 10) : 0;
	if (!end || *end != ']')
		return kan_fail(err, KAN_EFORMAT, "%s: %s", path, text);
	*ino = v;
	return 0;
}

int kan_proc_ns(uint64_t *ino, int pid_dir, const char *name, struct kan_err *err)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "ns/%s", name);
	return kan_proc_ns_link(ino, pid_dir, path, err);
}

int kan_proc_link(struct kan_buf *out, int pid_dir, const char *name, struct kan_err *err)
{
	char target[LINK_OCTETS];
	ssize_t n = readlinkat(pid_dir, name, target, sizeof(target));
	if (n < 0)
		return kan_fail_sys(err, "%s", name);
	kan_buf_add(out, target, (size_t)n);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "%s: over %zu bytes", name, out->max) : 0;
}

int kan_proc_magic(int *fd, int pid_dir, const char *name, struct kan_err *err)
{
	int flags = strncmp(name, "ns/", 3) == 0 ? O_RDONLY : O_PATH;
	int got = openat(pid_dir, name, flags | O_CLOEXEC);
	if (got < 0)
		return kan_fail_sys(err, "%s", name);
	*fd = got;
	return 0;
}

int kan_proc_btime(int64_t *btime_ns, int proc_fd, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	if (kan_read_pseudo(&text, proc_fd, "stat", err) < 0)
		return -1;
	const char *at = strstr(kan_buf_str(&text), "\nbtime ");
	if (!at)
		return kan_fail(err, KAN_EFORMAT, "/proc/stat has no btime");
	*btime_ns = strtoll(at + sizeof("\nbtime ") - 1, NULL, 10) * NS_PER_S;
	return 0;
}

int64_t kan_proc_started(int64_t btime_ns, uint64_t starttime)
{
	long hz = sysconf(_SC_CLK_TCK);
	uint64_t per_s = hz > 0 ? (uint64_t)hz : USUAL_HZ;
	return btime_ns + (int64_t)(starttime / per_s) * NS_PER_S +
	       (int64_t)(starttime % per_s * NS_PER_S / per_s);
}

int kan_proc_start_ns(int64_t *ns, int proc_fd, uint64_t starttime, struct kan_err *err)
{
	int64_t btime_ns = 0;
	if (kan_proc_btime(&btime_ns, proc_fd, err) < 0)
		return -1;
	*ns = kan_proc_started(btime_ns, starttime);
	return 0;
}

int kan_proc_each_ino(int proc_fd, kan_proc_pid_ino_fn *fn, void *arg, struct kan_err *err)
{
	int fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		(void)kan_fail_sys(err, "/proc");
		kan_auto_close_fn(&fd);
		return -1;
	}
	for (struct dirent *e; (e = readdir(d));) {
		char *end = NULL;
		long pid = strtol(e->d_name, &end, 10);
		if (*end || pid < 1 || pid > PID_LAST)
			continue;
		if (fn((pid_t)pid, e->d_ino, arg) < 0)
			break;
	}
	(void)closedir(d);
	return 0;
}

struct each {
	kan_proc_pid_fn *fn;
	void *arg;
};

static int without_ino(pid_t pid, uint64_t ino, void *arg)
{
	const struct each *e = arg;
	(void)ino;
	return e->fn(pid, e->arg);
}

int kan_proc_each(int proc_fd, kan_proc_pid_fn *fn, void *arg, struct kan_err *err)
{
	struct each e = {fn, arg};
	return kan_proc_each_ino(proc_fd, without_ino, &e, err);
}
