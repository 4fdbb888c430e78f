/* Which socket a socket file leads to: by the file's inode, never by a name. */
#include "engine/listener.h"

#include <kanshiki/bytes.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kernel/netlink.h"
#include "kernel/nsopen.h"
#include "kernel/procfs.h"
#include "kernel/sockdiag.h"

enum { DUMP_OCTETS = 16 << 20, REQUEST_OCTETS = 256, KERNEL_MINOR_BITS = 20 };

static void make_socket(int *fds, int *why, size_t n, const void *arg)
{
	(void)n;
	(void)arg;
	fds[0] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	why[0] = fds[0] < 0 ? errno : 0;
}

static int open_diag(int *out, int pid_dir, struct kan_err *err)
{
	kan_auto_close int ns = -1;
	int why = 0;
	if (kan_proc_magic(&ns, pid_dir, "ns/net", err) < 0 ||
	    kan_nsopen(out, &why, 1, ns, CLONE_NEWNET, make_socket, NULL, err) < 0)
		return -1;
	if (*out < 0) {
		kan_err_sys(err, why, "netlink socket");
		return -1;
	}
	return kan_netlink_prepare(*out, err);
}

static const struct kan_sock_kind *unix_kind(void)
{
	for (size_t i = 0; i < KAN_SOCK_KINDS; i++)
		if (kan_sock_kinds[i].name && kan_sock_kinds[i].af == AF_UNIX)
			return &kan_sock_kinds[i];
	return NULL;
}

struct search {
	const struct kan_sock_kind *kind;
	uint32_t ino, dev; /* of the file, as the kernel writes them */
	uint32_t exact, other;
	unsigned n_exact, n_other;
};

/* Some filesystems show another device number to stat than the kernel has for the file. */
static int look(uint16_t type, struct kan_bytes payload, void *arg, struct kan_err *err)
{
	struct search *s = arg;
	struct kan_sock sock = {0};
	(void)type;
	(void)err;
	if (kan_sock_parse(&sock, s->kind, payload, NULL) < 0 || !sock.has_vfs ||
	    sock.vfs_ino != s->ino || !sock.state || strcmp(sock.state, "LISTEN") != 0)
		return 0;
	bool exact = sock.vfs_dev == s->dev;
	*(exact ? &s->exact : &s->other) = sock.ino;
	*(exact ? &s->n_exact : &s->n_other) += 1;
	return 0;
}

static int choose(uint64_t *ino, const struct search *s, struct kan_err *err)
{
	unsigned n = s->n_exact ? s->n_exact : s->n_other;
	if (n == 0)
		return kan_fail(err, KAN_ENOTFOUND, "no socket listens there");
	if (n > 1)
		return kan_fail(err, KAN_EUNSUPPORTED, "%u sockets could be meant", n);
	*ino = s->n_exact ? s->exact : s->other;
	return 0;
}

int kan_listening_socket(uint64_t *ino, int pid_dir, const char *path, struct kan_err *err)
{
	struct stat st;
	struct search s = {.kind = unix_kind()};
	kan_auto_close int diag = -1;
	kan_auto_buf struct kan_buf dump = KAN_BUF(DUMP_OCTETS), request = KAN_BUF(REQUEST_OCTETS);
	if (stat(path, &st) < 0)
		return kan_fail_sys(err, "%.200s", path);
	if (open_diag(&diag, pid_dir, err) < 0)
		return -1;
	kan_sock_request(&request, s.kind, KAN_SOCK_ALL);
	if (kan_netlink_dump(&dump, diag, SOCK_DIAG_BY_FAMILY, kan_buf_bytes(&request), err) < 0)
		return -1;
	s.ino = (uint32_t)st.st_ino;
	s.dev = major(st.st_dev) << KERNEL_MINOR_BITS | minor(st.st_dev);
	if (kan_netlink_each(kan_buf_bytes(&dump), look, &s, err) < 0)
		return -1;
	return choose(ino, &s, err);
}
