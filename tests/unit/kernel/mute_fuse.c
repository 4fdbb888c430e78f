/* A FUSE file system that is mounted and then says nothing. */
#include "mute_fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_OCTETS = 1 << 20, PAGE = 4096, LONG_S = 1 << 20 };

static void reply(int fd, uint64_t unique, int error, const void *body, size_t n)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + n), .error = error, .unique = unique};
	struct iovec v[2] = {{&h, sizeof(h)}, {(void *)(uintptr_t)body, n}};
	ssize_t done = writev(fd, v, n ? 2 : 1);
	(void)done;
}

static void init(int fd, uint64_t unique)
{
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				    .minor = 31,
				    .max_readahead = PAGE,
				    .max_write = PAGE};
	reply(fd, unique, 0, &out, sizeof(out));
}

/* Enough to be a directory; whoever looks a name up waits. */
static void answer(int fd, const struct fuse_in_header *h)
{
	struct fuse_attr_out attr = {
		.attr_valid = LONG_S,
		.attr = {.ino = h->nodeid, .nlink = 1, .blksize = PAGE, .mode = S_IFDIR | 0755}};
	if (h->opcode == FUSE_INIT)
		init(fd, h->unique);
	else if (h->opcode == FUSE_GETATTR)
		reply(fd, h->unique, 0, &attr, sizeof(attr));
}

static void serve(int fd) __attribute__((noreturn));

static void serve(int fd)
{
	static char request[REQUEST_OCTETS] __attribute__((aligned(8)));
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		ssize_t n = read(fd, request, sizeof(request));
		if (n < 0 && errno != EINTR && errno != ENOENT)
			_exit(0);
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			answer(fd, (const struct fuse_in_header *)request);
	}
}

bool mute_fuse_mount(struct mute_fuse *f, const char *point)
{
	char options[96];
	f->point = point;
	f->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
		       f->fd);
	if (f->fd < 0 || mount("mute", point, "fuse", MS_NODEV | MS_NOSUID, options) < 0)
		return false;
	f->server = fork();
	if (f->server == 0)
		serve(f->fd);
	return true;
}

void mute_fuse_end(struct mute_fuse *f)
{
	(void)kill(f->server, SIGKILL);
	(void)waitpid(f->server, NULL, 0);
	(void)close(f->fd); /* the last one: the kernel gives up on what waits */
	(void)umount2(f->point, MNT_DETACH);
}
