/* Who holds a socket: one table over the descriptors of all members, sorted by inode. */
#ifndef KAN_KERNEL_OWNERS_H
#define KAN_KERNEL_OWNERS_H

#include <kanshiki/bytes.h>
#include <kanshiki/err.h>
#include <sys/types.h>

enum { KAN_OWNERS_MAX = 1 << 20, KAN_OWNERS_PROTO = 32 };

struct kan_owner {
	uint64_t ino;
	pid_t pid;
	int fd;
	bool told; /* for the one who makes rows of sockets */
};
struct kan_owners {
	struct kan_owner *v;
	size_t n, cap;
	uint64_t seen; /* more than n: KAN_OWNERS_MAX */
};

/* The sockets of a held /proc/PID, by the kernel's links alone; nothing is opened but the
 * directory. */
int kan_owners_read(struct kan_owners *o, int dir, pid_t pid, struct kan_err *err);
void kan_owners_add(struct kan_owners *o, uint64_t ino, pid_t pid, int fd);
void kan_owners_sort(struct kan_owners *o);
/* All of one socket, by pid and descriptor. inode 0 has none. */
struct kan_owner *kan_owners_find(size_t *n, const struct kan_owners *o, uint64_t ino);
/*
 * What kind of socket it is by the kernel's own word, "TCPv6", asked through a held /proc/PID;
 * empty when the descriptor is another's by now.
 */
void kan_owners_proto(char out[KAN_OWNERS_PROTO], const struct kan_owner *o, int dir);
/* Pure: the inode of "socket:[123]", or 0. */
uint64_t kan_owners_ino(struct kan_bytes link);
void kan_owners_free(struct kan_owners *o);

#endif
