/* A FUSE file system that is mounted and then says nothing. */
#ifndef KAN_TEST_MUTE_FUSE_H
#define KAN_TEST_MUTE_FUSE_H

#include <stdbool.h>
#include <sys/types.h>

struct mute_fuse {
	const char *point;
	int fd;
	pid_t server;
};
/* The caller has a mount namespace of its own. false: this machine has no FUSE. */
bool mute_fuse_mount(struct mute_fuse *f, const char *point);
void mute_fuse_end(struct mute_fuse *f); /* whoever waits for it is let go */

#endif
