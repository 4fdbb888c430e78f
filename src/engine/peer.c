/* Who answers on the socket: the engine's process, its root, its data root. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/below.h"
#include "engine/claims.h"
#include "engine/listener.h"
#include "kernel/procfs.h"

enum { LINK_OCTETS = 4096, FD_LAST = 4096 };

static const char *const engines[] = {"dockerd", "podman", "docker", "com.docker.backend"};

/* SO_PEERCRED names the process that called listen(): with socket activation that is pid 1. */
static pid_t listener(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred who = {0};
	socklen_t n = sizeof(who);
	if (strlen(path) >= sizeof(a.sun_path))
		return 0;
	memcpy(a.sun_path, path, strlen(path));
	kan_auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
		return 0;
	return who.pid;
}

/* The last component of its executable is one of the engines' names. */
static bool is_engine(int pid_dir, struct kan_buf *exe)
{
	kan_buf_reset(exe);
	if (kan_proc_link(exe, pid_dir, "exe", NULL) < 0)
		return false;
	const char *slash = strrchr(kan_buf_str(exe), '/');
	for (size_t i = 0; slash && i < sizeof(engines) / sizeof(engines[0]); i++)
		if (strcmp(slash + 1, engines[i]) == 0)
			return true;
	return false;
}

static bool holds(int pid_dir, const char *socket)
{
	for (int fd = 0; fd < FD_LAST; fd++) {
		char name[32], target[64];
		(void)snprintf(name, sizeof(name), "fd/%d", fd);
		ssize_t n = readlinkat(pid_dir, name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		if (strcmp(target, socket) == 0)
			return true;
	}
	return false;
}

struct search {
	int proc_fd;
	char socket[32];
	pid_t found;
};

static int try_holder(pid_t pid, void *arg)
{
	struct search *s = arg;
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf exe = KAN_BUF(LINK_OCTETS);
	if (kan_proc_pid_dir(&dir, s->proc_fd, pid, NULL) < 0 || !is_engine(dir, &exe) ||
	    !holds(dir, s->socket))
		return 0;
	s->found = pid;
	return -1;
}

/* Socket activation: the engine is the process that holds the listening socket. */
static pid_t holder(const struct kan_target *t, int listener_dir, const char *path)
{
	struct search s = {.proc_fd = t->proc_fd};
	uint64_t ino = 0;
	if (kan_listening_socket(&ino, listener_dir, path, NULL) < 0)
		return 0;
	(void)snprintf(s.socket, sizeof(s.socket), "socket:[%llu]", (unsigned long long)ino);
	(void)kan_proc_each(t->proc_fd, try_holder, &s, NULL);
	return s.found;
}

static int find_engine(struct kan_target *t, const char *socket, struct kan_buf *exe, int *dir,
		       struct kan_err *err)
{
	char value[64];
	pid_t pid = listener(socket);
	(void)snprintf(value, sizeof(value), "pid %d", (int)pid);
	if (pid < 1 || kan_proc_pid_dir(dir, t->proc_fd, pid, err) < 0) {
		kan_claim(t, "engine", value, KAN_UNPROVEN,
			  "SO_PEERCRED names no process of this host");
		return kan_fail(err, KAN_EUNSUPPORTED, "the engine's process is not on this host");
	}
	if (!is_engine(*dir, exe)) {
		pid = holder(t, *dir, socket);
		kan_auto_close_fn(dir);
		*dir = -1;
		if (pid < 1 || kan_proc_pid_dir(dir, t->proc_fd, pid, err) < 0 ||
		    !is_engine(*dir, exe)) {
			kan_claim(t, "engine", value, KAN_UNPROVEN,
				  "the listener is no known engine, and none holds its socket");
			return kan_fail(err, KAN_EUNSUPPORTED,
					"no engine's process holds the socket");
		}
	}
	(void)snprintf(value, sizeof(value), "pid %d", (int)pid);
	t->engine_pid = pid;
	kan_claim(t, "engine", value, KAN_PROVEN, kan_buf_str(exe));
	return 0;
}

/* Links on the way to the data root are the host's own; below it none is followed. */
static int open_data_root(int *out, int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		return -1;
	*out = (int)fd;
	return 0;
}

/* Where /info does not say it, inspect does: <root>/containers/<id>/resolv.conf. A claim like the
 * other. Yours. */
static char *root_of_inspect(const struct kan_target *t)
{
	char tail[128];
	const char *path = json_string_value(json_object_get(t->inspect, "ResolvConfPath"));
	int n = snprintf(tail, sizeof(tail), "/containers/%s/resolv.conf", t->id);
	size_t len = path ? strlen(path) : 0;
	if (n < 0 || len <= (size_t)n || strcmp(path + len - (size_t)n, tail) != 0)
		return NULL;
	return strndup(path, len - (size_t)n);
}

static char *claimed_root(const struct kan_target *t, struct kan_engine *e)
{
	kan_auto_buf struct kan_buf raw = KAN_BUF(KAN_ENGINE_ANSWER_MAX);
	json_t *info = NULL;
	if (kan_engine_get_raw(&raw, e, "/info", NULL) < 0 ||
	    kan_engine_parse(&info, kan_buf_bytes(&raw), NULL) < 0)
		return root_of_inspect(t);
	char *path = kan_xstrdup(json_string_value(json_object_get(info, "DockerRootDir")));
	json_decref(info);
	return path;
}

static void prove_data_root(struct kan_target *t, struct kan_engine *e)
{
	kan_auto_free char *path = claimed_root(t, e);
	struct kan_err why = {0};
	if (!path || path[0] != '/' || !path[1])
		kan_claim(t, "data root", path ? path : "", KAN_UNPROVEN,
			  "no directory of its own is named");
	else if (open_data_root(&t->data_root_fd, t->engine_root_fd, path) < 0)
		kan_claim(t, "data root", path, KAN_CONTRADICTED,
			  "no such directory in the engine's mount namespace");
	else if (kan_below_owned(t, t->data_root_fd, path, &why) < 0) {
		kan_auto_close_fn(&t->data_root_fd);
		t->data_root_fd = -1;
		kan_claim(t, "data root", path, KAN_CONTRADICTED, why.text);
	} else {
		t->data_root = kan_xstrdup(path);
		kan_claim(t, "data root", path, KAN_PROVEN,
			  "a directory of the engine's mount namespace");
	}
}

int kan_prove_engine(struct kan_target *t, struct kan_engine *e, struct kan_err *err)
{
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf exe = KAN_BUF(LINK_OCTETS);
	if (!kan_engine_socket(e))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the engine is not on a unix socket of this host");
	if (find_engine(t, kan_engine_socket(e), &exe, &dir, err) < 0)
		return -1;
	if (kan_uids_of(&t->uids, dir, err) < 0)
		return kan_wrap(err, "the engine's user");
	if (kan_proc_magic(&t->engine_root_fd, dir, "root", err) < 0)
		return kan_wrap(err, "the engine's root");
	prove_data_root(t, e);
	return 0;
}
