/* containerd's store: where it is, and an image's config in it. OCI image-spec image-index.md,
 * manifest.md. */
#include <fcntl.h>
#include <kanshiki/engine.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "engine/below.h"
#include "engine/dataroot.h"
#include "engine/store.h"

enum { SCHEME = 7, STEPS = 4, DEPTH = 64 };

static const char scheme[] = "sha256:";
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

static bool is_digest(const char *s)
{
	return s && strncmp(s, scheme, SCHEME) == 0 && kan_is_sha256_hex(s + SCHEME);
}

static int take_digest(char out[72], const json_t *descriptor, struct kan_err *err)
{
	const char *digest = kan_json_str(descriptor, "digest");
	if (!is_digest(digest))
		return kan_fail(err, KAN_EFORMAT, "a descriptor without a sha256 digest");
	memcpy(out, digest, 72);
	return 0;
}

/* The one the container was made from, and no other when that is known; else the first for this
 * machine that is an image. */
static const json_t *choose(const json_t *list, const char *wanted, const char *arch)
{
	size_t i = 0;
	json_t *one = NULL;
	const json_t *first = NULL;
	json_array_foreach (list, i, one) {
		const json_t *platform = json_object_get(one, "platform");
		const char *has = kan_json_str(platform, "architecture");
		if (wanted && strcmp(kan_json_str(one, "digest"), wanted) == 0)
			return one;
		if (!wanted && !first && (!platform || !*has || strcmp(has, arch) == 0))
			first = one;
	}
	return first;
}

int kan_manifest_next(char out[72], struct kan_bytes blob, const char *wanted, const char *arch,
		      struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_json_parse(&doc, blob, KAN_STORE_CONFIG_MAX, DEPTH, err) < 0)
		return -1;
	const json_t *list = json_object_get(doc, "manifests"),
		     *config = json_object_get(doc, "config");
	int rc = -1;
	if (json_is_array(list)) {
		const json_t *one = choose(list, wanted, arch);
		if (!one)
			(void)kan_fail(err, KAN_ENOTFOUND, "the index has no image for %.80s",
				       wanted ? wanted : arch);
		else if (take_digest(out, one, err) == 0)
			rc = 1;
	} else if (json_is_object(config)) {
		rc = take_digest(out, config, err);
	} else {
		(void)kan_fail(err, KAN_EFORMAT, "neither an index nor a manifest");
	}
	json_decref(doc);
	return rc;
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
		       digest + SCHEME);
	if (kan_below_file(fd, t, path, err) == 0)
		return 0;
	kan_auto_close int place = open_own(t, NULL);
	(void)snprintf(path, sizeof(path), "%s/%s", blobs, digest + SCHEME);
	if (place >= 0 && kan_dataroot_open_file(fd, place, path, NULL) == 0)
		return 0;
	return kan_wrap(err, "the content store has no %.19s", digest);
}

static int read_blob(struct kan_buf *out, const struct kan_target *t, const char *digest,
		     struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	kan_auto_close int fd = -1;
	kan_buf_reset(out);
	if (open_blob(&fd, t, digest, err) < 0 || kan_dataroot_read_fd(out, fd, "a blob", err) < 0)
		return -1;
	kan_sha256_hex(hex, kan_buf_bytes(out));
	if (strcmp(hex, digest + SCHEME) != 0)
		return kan_fail(err, KAN_EREFUSED, "the blob %.19s has another digest", digest);
	return 0;
}

/* Of images, the Go names of machines. */
static const char *machine(struct utsname *u)
{
	static const char *const names[][2] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}};
	if (uname(u) < 0)
		return "";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(u->machine, names[i][0]) == 0)
			return names[i][1];
	return u->machine;
}

int kan_containerd_config(struct kan_buf *out, const struct kan_target *t, struct kan_err *err)
{
	struct utsname u;
	char digest[72];
	const char *wanted =
		kan_json_str(json_object_get(t->inspect, "ImageManifestDescriptor"), "digest");
	if (t->data_root_fd < 0 || !is_digest(t->image_id))
		return kan_fail(err, KAN_ENOTFOUND, "no image id, or no proven data root");
	memcpy(digest, t->image_id, sizeof(digest));
	for (int i = 0; i < STEPS; i++) {
		if (read_blob(out, t, digest, err) < 0)
			return -1;
		int rc = kan_manifest_next(digest, kan_buf_bytes(out),
					   is_digest(wanted) ? wanted : NULL, machine(&u), err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return read_blob(out, t, digest, err);
	}
	return kan_fail(err, KAN_ELIMIT, "an index within an index, and so on");
}
