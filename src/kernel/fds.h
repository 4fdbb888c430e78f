/* The descriptor table of a process, without opening what a descriptor names. */
#ifndef KAN_KERNEL_FDS_H
#define KAN_KERNEL_FDS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/stat.h>
#include <sys/types.h>

struct kan_helds;

struct kan_fd {
	int fd;
	int flags;  /* of fdinfo; -1 unknown */
	bool known; /* the stat fields are valid */
	bool brief; /* a socket of which the link alone was read: ino is known, and nothing else */
	bool memfd; /* the kernel's own memory, under a memfd's name */
	mode_t mode;
	dev_t dev, rdev;
	uint32_t nlink, link_n;
	uint64_t ino, size, mnt_id, link_at;
	int64_t pos;
};
struct kan_fds {
	struct kan_fd *v;
	size_t n;
	uint64_t seen;           /* more than n: no room */
	uint64_t sockets, brief; /* of those in v: asked for whole, or not */
	bool text_full;          /* it was the room for links that ended */
	struct kan_buf text;
};
struct kan_fds_room {
	size_t fds, text;       /* descriptors, and octets of their links, that are kept */
	size_t sockets;         /* of which more than the link is asked */
	struct kan_helds *held; /* gets unlinked regular files: their bytes exist nowhere else */
	/* One of those could not be held; NULL: nobody asks. */
	void (*lost)(void *arg, int fd, const struct kan_err *why);
	void *arg;
};
/* dir: a held /proc/PID or task/TID. What finds no room is counted. Free out in every case. */
int kan_fds_read(struct kan_fds *out, int dir, const struct kan_fds_room *room,
		 struct kan_err *err);
void kan_fds_free(struct kan_fds *f);
/* The kernel's text, "/dev/null", "socket:[123]"; borrowed. */
struct kan_bytes kan_fd_link(const struct kan_fds *f, const struct kan_fd *d);
/* file dir chr blk fifo socket memfd anon */
const char *kan_fd_kind(const struct kan_fds *f, const struct kan_fd *d);
/* Pure: fdinfo's pos and flags. */
void kan_fdinfo_parse(int64_t *pos, int *flags, struct kan_bytes text);

#endif
