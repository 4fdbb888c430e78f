/* Files that decide who may use the engine, and what it runs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"
#include "collectors/posture.h"
#include "image/file.h"
#include "kernel/procfs.h"

enum { ENVIRON_MAX = 1 << 20 };

static const char trust_name[] = "DOCKER_CONTENT_TRUST=";

static int pin(int *fd, const struct kan_posture *p, const char *path, struct kan_err *err)
{
	if (p->t->engine_root_fd < 0)
		return kan_fail(err, KAN_EDENIED, "the engine's mount namespace is not known");
	while (*path == '/')
		path++;
	return kan_open_beneath(fd, p->t->engine_root_fd, path, O_PATH | O_NOFOLLOW, 0, err);
}

int kan_posture_read(struct kan_buf *out, struct kan_posture *p, const char *path,
		     struct kan_err *err)
{
	kan_auto_close int path_fd = -1, fd = -1;
	bool noatime = true;
	if (pin(&path_fd, p, path, err) < 0 ||
	    kan_tree_open_bounded(&fd, &noatime, p->opener, path_fd, err) < 0)
		return -1;
	return kan_tree_read_bounded(out, p->opener, fd, out->max, err);
}

void kan_posture_unread(struct kan_posture *p, const char *path, const struct kan_err *why)
{
	if (why->sys == ELOOP)
		kan_sink_scope(p->sink, kan_bytes_of(path), "a link leads there: not followed");
	else
		kan_sink_gap_err(p->sink, kan_bytes_of(path), why);
}

/* The value behind NAME= in text whose entries end in end; empty: it is not there. */
static bool find(struct kan_bytes *value, struct kan_bytes text, uint8_t end)
{
	const size_t n = sizeof(trust_name) - 1;
	for (size_t at = 0; at < text.n;) {
		const uint8_t *stop = memchr(text.p + at, end, text.n - at);
		size_t len = stop ? (size_t)(stop - text.p) - at : text.n - at;
		if (len >= n && memcmp(text.p + at, trust_name, n) == 0) {
			*value = (struct kan_bytes){text.p + at + n, len - n};
			return true;
		}
		at += len + 1;
	}
	return false;
}

static int trust(struct kan_posture *p, struct kan_bytes text, uint8_t end, const char *source,
		 struct kan_err *err)
{
	struct kan_bytes value = KAN_LIT("unset");
	(void)find(&value, text, end);
	return kan_posture_fact(p, "content-trust.env", value, source, err);
}

int kan_posture_environment(struct kan_posture *p, int pid_dir, struct kan_err *err)
{
	static const char host[] = "/etc/environment";
	kan_auto_buf struct kan_buf text = KAN_BUF(ENVIRON_MAX), file = KAN_BUF(ENVIRON_MAX);
	struct kan_err why = {0};
	if (kan_proc_read(&text, pid_dir, "environ", &why) < 0)
		kan_sink_gap_err(p->sink, KAN_LIT("the engine's environment"), &why);
	else if (trust(p, kan_buf_bytes(&text), 0, "environ", err) < 0)
		return -1;
	why = (struct kan_err){0};
	if (kan_posture_read(&file, p, host, &why) == 0)
		return trust(p, kan_buf_bytes(&file), '\n', host, err);
	if (why.code != KAN_ENOTFOUND)
		kan_posture_unread(p, host, &why);
	return 0;
}

/* What is private is never opened. */
static const struct {
	const char *path;
	bool secret;
} candidates[] = {
	{"/run/docker.sock", true},
	{"/run/podman/podman.sock", true},
	{"/run/containerd/containerd.sock", true},
	{"/etc/docker/daemon.json", false},
	{"/etc/docker/key.json", true},
	{"/etc/docker/ca.pem", false},
	{"/etc/docker/server-cert.pem", false},
	{"/etc/docker/server-key.pem", true},
	{"/etc/default/docker", false},
	{"/usr/lib/systemd/system/docker.service", false},
	{"/usr/lib/systemd/system/docker.socket", false},
	{"/etc/systemd/system/docker.service", false},
	{"/etc/systemd/system/docker.socket", false},
	{"/etc/containerd/config.toml", false},
	{"/etc/containers/policy.json", false},
	{"/etc/containers/registries.conf", false},
	{"/root/.docker/config.json", true},
	{"/root/.docker/trust", true},
};

static int row_of(struct kan_posture *p, const char *path, const struct statx *st,
		  const char *sha256, struct kan_err *err)
{
	struct kan_row *row = kan_rows_begin(p->files);
	kan_row_bytes(row, "path", kan_bytes_of(path));
	kan_row_str(row, "type", kan_file_type(st->stx_mode));
	kan_row_statx(row, st);
	if (*sha256)
		kan_row_str(row, "sha256", sha256);
	p->items++;
	return kan_rows_end(p->files, err);
}

static void digest(char sha256[KAN_SHA256_HEX], struct kan_posture *p, const char *path)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_POSTURE_FILE);
	struct kan_err why = {0};
	if (kan_posture_read(&text, p, path, &why) == 0)
		kan_sha256_hex(sha256, kan_buf_bytes(&text));
	else
		kan_posture_unread(p, path, &why);
}

static int look_at(struct kan_posture *p, const char *path, bool secret, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	struct kan_err why = {0};
	struct statx st;
	char sha256[KAN_SHA256_HEX] = "";
	if (pin(&fd, p, path, &why) < 0) {
		if (why.code != KAN_ENOTFOUND)
			kan_posture_unread(p, path, &why);
		return 0;
	}
	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &st) <
	    0) {
		(void)kan_fail_sys(&why, "stat");
		kan_sink_gap_err(p->sink, kan_bytes_of(path), &why);
		return 0;
	}
	if (!secret && S_ISREG(st.stx_mode))
		digest(sha256, p, path);
	return row_of(p, path, &st, sha256, err);
}

int kan_posture_files(struct kan_posture *p, struct kan_err *err)
{
	if (p->t->engine_root_fd < 0) {
		kan_sink_gap(p->sink, KAN_LIT("files of the engine"), KAN_GAP_DENIED,
			     "the engine's mount namespace is not known");
		return 0;
	}
	if (p->socket.len && look_at(p, kan_buf_str(&p->socket), true, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
		if (look_at(p, candidates[i].path, candidates[i].secret, err) < 0)
			return -1;
	return 0;
}
