/* Locks of a home, beside the chain's own: held for a whole run. */
#include "cli/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "cli/cmd.h"

enum { LOOK_EVERY_MS = 50 };

/* One of 256, by the key's digest: their number stays small, and two keys of one only wait. */
static int open_lock(int *fd, const char *home, const char *key, struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	kan_auto_free char *dir = kan_path(home, "locks");
	if (kan_own_dir(home, err) < 0 || kan_own_dir(dir, err) < 0)
		return -1;
	kan_sha256_hex(hex, kan_bytes_of(key));
	hex[2] = 0;
	kan_auto_free char *path = kan_path(dir, hex);
	*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	return *fd < 0 ? kan_fail_sys(err, "%s", path) : 0;
}

static struct flock whole(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

static void say_who(int fd)
{
	struct flock by = whole();
	if (fcntl(fd, F_GETLK, &by) == 0 && by.l_type != F_UNLCK && by.l_pid > 0)
		kan_say("waiting for another kanshiki, process %ld, that is at work on this",
			(long)by.l_pid);
	else
		kan_say("waiting for another kanshiki that is at work on this");
}

int kan_take_turn(int *fd, const char *home, const char *key, unsigned seconds, struct kan_err *err)
{
	const struct timespec nap = {0, LOOK_EVERY_MS * 1000000L};
	int64_t until = kan_boot_ns() + (int64_t)seconds * 1000000000;
	if (open_lock(fd, home, key, err) < 0)
		return -1;
	/* A lock of this process alone: children that are left behind do not keep it. */
	struct flock lock = whole();
	for (bool said = false; fcntl(*fd, F_SETLK, &lock) < 0; said = true) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return kan_fail_sys(err, "%s/locks", home);
		if (!said)
			say_who(*fd);
		if (kan_boot_ns() > until)
			return kan_fail(err, KAN_EREFUSED,
					"another kanshiki has been at work on this for %u s: look "
					"for it, and run this again",
					seconds);
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}
