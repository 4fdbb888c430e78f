/* containerd's store: where it is, and the blobs in it. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "engine/below.h"
#include "engine/dataroot.h"
#include "engine/store.h"

/* dockerd runs a containerd of its own there, unless it found one running. */
const char kan_containerd_managed[] = "containerd/daemon";
const char kan_containerd_place[] = "/var/lib/containerd";

bool kan_is_containerd(const struct kan_target *t)
{
	return t->storage && strcmp(t->storage, "overlayfs") == 0;
}

/* Links on the way are the host's own; below it none is followed. */
static int open_own(const struct kan_target *t, struct kan_err *err)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	long fd = t->engine_root_fd < 0 ? -1
					: syscall(SYS_openat2, t->engine_root_fd,
						  kan_containerd_place, &how, sizeof(how));
	if (fd < 0)
		return kan_fail_sys(err, "%s", kan_containerd_place);
	kan_auto_close int own = (int)fd;
	return kan_below_owned(t, own, kan_containerd_place, err) < 0 ? -1 : kan_take_fd(&own);
}

int kan_containerd_own(int *out, const char **rest, const struct kan_target *t, const char *path,
		       struct kan_err *err)
{
	size_t n = strlen(kan_containerd_place);
	if (!kan_is_containerd(t) || strncmp(path, kan_containerd_place, n) != 0 || path[n] != '/')
		return kan_fail(err, KAN_EREFUSED,
				"%.200s is neither below the engine's data root nor %s", path,
				kan_containerd_place);
	kan_auto_close int fd = open_own(t, err);
	if (fd < 0)
		return -1;
	*out = kan_take_fd(&fd);
	*rest = path + n + 1;
	return 0;
}

int kan_containerd_content(int *out, const struct kan_target *t, struct kan_err *err)
{
	static const char content[] = "io.containerd.content.v1.content";
	char path[KAN_STORE_PATH];
	(void)snprintf(path, sizeof(path), "%s/%s", kan_containerd_managed, content);
	if (kan_below_pin(out, t, path, O_DIRECTORY, err) == 0)
		return 0;
	kan_auto_close int place = open_own(t, NULL);
	if (place >= 0 && kan_open_beneath(out, place, content, O_PATH | O_DIRECTORY, 0, NULL) == 0)
		return 0;
	return kan_wrap(err, "the content store");
}

/* Where the blobs lie: by the digest it does not matter which of the two places has it. */
static int open_blob(int *fd, const struct kan_target *t, const char *digest, struct kan_err *err)
{
	char path[KAN_STORE_PATH];
	static const char blobs[] = "io.containerd.content.v1.content/blobs/sha256";
	(void)snprintf(path, sizeof(path), "%s/%s/%s", kan_containerd_managed, blobs,
		       digest + KAN_DIGEST_SCHEME);
	if (kan_below_file(fd, t, path, err) == 0)
		return 0;
	kan_auto_close int place = open_own(t, NULL);
	(void)snprintf(path, sizeof(path), "%s/%s", blobs, digest + KAN_DIGEST_SCHEME);
	if (place >= 0 && kan_dataroot_open_file(fd, place, path, NULL) == 0)
		return 0;
	return kan_wrap(err, "the content store has no %.19s", digest);
}

int kan_containerd_blob(struct kan_buf *out, const struct kan_target *t, const char *digest,
			struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	kan_auto_close int fd = -1;
	kan_buf_reset(out);
	if (open_blob(&fd, t, digest, err) < 0 || kan_dataroot_read_fd(out, fd, "a blob", err) < 0)
		return -1;
	kan_sha256_hex(hex, kan_buf_bytes(out));
	if (strcmp(hex, digest + KAN_DIGEST_SCHEME) != 0)
		return kan_fail(err, KAN_EREFUSED, "the blob %.19s has another digest", digest);
	return 0;
}
