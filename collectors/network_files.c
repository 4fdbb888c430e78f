/* Files of the collector network: names and addresses as the container reads them, and the text
 * twins of its sockets. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/tree.h"
#include "collectors/network.h"
#include "image/take.h"

enum { MEMBER_OCTETS = 64, MEMBER_MODE = 0444, ENGINE_NAME = 32 };

static int add(struct kan_tarfile *tar, const struct kan_netspace *s, const char *file,
	       struct kan_bytes text, struct kan_err *err)
{
	char path[MEMBER_OCTETS];
	(void)snprintf(path, sizeof(path), "%llu/%.24s", (unsigned long long)s->where.ino, file);
	const struct kan_tar_entry e = {.path = kan_bytes_of(path),
					.mode = S_IFREG | MEMBER_MODE,
					.size = text.n,
					.mtime_ns = kan_now_ns()};
	if (kan_tar_entry(tar->tar, &e, err) < 0 || kan_tar_data(tar->tar, text.p, text.n, err) < 0)
		return -1;
	return kan_tar_finish(tar->tar, err);
}

static int twins(const struct kan_network *n, const struct kan_netspace *s, struct kan_tarfile *tar,
		 struct kan_err *err)
{
	size_t stored = 0;
	for (size_t i = 0; i < KAN_NETSPACE_TEXTS && kan_net_texts[i].file; i++) {
		const struct kan_net_dump *d = &s->texts[i];
		if (!d->asked || d->err.code == KAN_ENOTFOUND)
			continue; /* not of this kernel */
		if (d->err.code != KAN_OK)
			kan_network_gap(n, s, kan_net_texts[i].file, d);
		stored++;
		if (add(tar, s, kan_net_texts[i].file, kan_buf_bytes(&d->raw), err) < 0)
			return -1;
	}
	if (!stored)
		kan_sink_gap(n->sink, KAN_LIT("/proc/net"), KAN_GAP_VANISHED,
			     "the task through which the namespace was found has ended");
	if (s->host)
		kan_sink_scope(n->sink, KAN_LIT("/proc/net of the host's network"),
			       "lists of sockets are left out: they are mostly of others");
	return 0;
}

int kan_network_texts(struct kan_network *n, struct kan_err *err)
{
	struct kan_tarfile tar = {0};
	if (kan_tarfile_open(&tar, n->sink, "proc-net.tar", err) < 0)
		return -1;
	for (size_t i = 0; i < n->list.n; i++) {
		if (twins(n, n->spaces[i], &tar, err) < 0) {
			kan_tarfile_abandon(&tar);
			return -1;
		}
	}
	return kan_tarfile_close(&tar, err);
}

/* What was read goes into the artefact; a cut or a failure is told. */
static int store(struct kan_network *n, const char *name, int fd, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_NETWORK_FILE);
	struct kan_err why = {0};
	if (kan_read_all(&text, fd, &why) < 0)
		kan_sink_gap_err(n->sink, kan_bytes_of(name), &why);
	return kan_sink_put(n->sink, name, kan_buf_bytes(&text), err);
}

/* Of the container: pinned first, and opened by a worker that can be left behind. */
static int own_file(struct kan_network *n, struct kan_tree_opener *opener, const char *name,
		    struct kan_err *err)
{
	char path[MEMBER_OCTETS];
	struct kan_err why = {0};
	struct stat st;
	bool noatime = true;
	kan_auto_close int pin = -1, fd = -1;
	(void)snprintf(path, sizeof(path), "/etc/%.24s", name);
	if (kan_open_in_root(&pin, n->t->root_fd, kan_bytes_of(path), O_PATH | O_NOFOLLOW, &why) <
	    0) {
		if (why.sys == ENOENT)
			kan_sink_gap(n->sink, kan_bytes_of(name), KAN_GAP_NOT_APPLICABLE,
				     "the container has none");
		else if (why.sys == ELOOP)
			kan_sink_scope(n->sink, kan_bytes_of(name),
				       "a link is on the way: not followed");
		else
			kan_sink_gap_err(n->sink, kan_bytes_of(name), &why);
		return 0;
	}
	if (fstat(pin, &st) < 0 || S_ISLNK(st.st_mode)) {
		kan_sink_scope(n->sink, kan_bytes_of(name), "a link: not followed");
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		kan_sink_gap(n->sink, kan_bytes_of(name), KAN_GAP_CONTRADICTED,
			     "no regular file: not opened");
		return 0;
	}
	if (kan_tree_open_bounded(&fd, &noatime, opener, pin, &why) < 0) {
		kan_sink_gap_err(n->sink, kan_bytes_of(name), &why);
		return 0;
	}
	return store(n, name, fd, err);
}

/* The engine's own copy, which it mounts over the container's. */
static int engine_file(struct kan_network *n, const char *name, const char *key,
		       struct kan_err *err)
{
	char artefact[ENGINE_NAME];
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	struct stat st;
	const char *path = json_string_value(json_object_get(n->t->inspect, key));
	(void)snprintf(artefact, sizeof(artefact), "engine-%.16s", name);
	if (!path || !path[0] || n->t->data_root_fd < 0)
		return 0; /* with the host's network there may be none */
	if (kan_target_data_open(&fd, n->t, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &why) < 0) {
		kan_sink_gap_err(n->sink, kan_bytes_of(artefact), &why);
		return 0;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		kan_sink_gap(n->sink, kan_bytes_of(artefact), KAN_GAP_CONTRADICTED,
			     "no regular file");
		return 0;
	}
	return store(n, artefact, fd, err);
}

int kan_network_files(struct kan_network *n, struct kan_err *err)
{
	static const char *const names[][2] = {{"hosts", "HostsPath"},
					       {"hostname", "HostnamePath"},
					       {"resolv.conf", "ResolvConfPath"}};
	struct kan_tree_opener *opener = kan_tree_opener_new();
	int rc = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0; i++) {
		if (n->t->root_fd >= 0)
			rc = own_file(n, opener, names[i][0], err);
		if (rc == 0)
			rc = engine_file(n, names[i][0], names[i][1], err);
	}
	kan_tree_opener_free(opener);
	return rc;
}
