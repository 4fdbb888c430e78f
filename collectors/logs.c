/* logs: what the container printed, byte for byte from the engine's files; by the API where there
 * are none. */
#include <kanshiki/collector.h>
#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "collectors/answer.h"
#include "engine/store.h"

enum { ROTATIONS = 1000, PATH_OCTETS = 4096, NAME_OCTETS = 64 };

static const uint64_t source_max =
	(uint64_t)1 << 30; /* of one file: its first 64 MiB and the rest from the end */
static const uint64_t head_kept = 64 << 20;

static const char *const artefacts[] = {"json-file/", "local/",       "k8s-file/",
					"api.stream", "files.ndjson", NULL};
static const struct kan_limit limits[] = {{"source_octets", (uint64_t)1 << 30, true},
					  {NULL, 0, false}};

struct logs {
	const struct kan_target *t;
	struct kan_sink *sink;
	struct kan_rows *rows;
	uint64_t files;
};

/* Where the octets go, and what came of them. */
struct copy {
	struct kan_artefact *artefact;
	struct kan_digest *digest;
	uint64_t kept;
	uint8_t last;
};

/* From offset, n octets at most. */
static int copy_range(struct copy *c, int fd, uint64_t offset, uint64_t n, struct kan_err *err)
{
	kan_auto_free uint8_t *buffer = kan_io_buffer(KAN_IO_READ);
	while (n) {
		ssize_t got =
			pread(fd, buffer, n < KAN_IO_READ ? (size_t)n : KAN_IO_READ, (off_t)offset);
		if (got < 0)
			return kan_fail_sys(err, "read");
		if (got == 0)
			return 0; /* it shrank: kept tells */
		kan_digest_add(c->digest, buffer, (size_t)got);
		if (kan_artefact_write(c->artefact, buffer, (size_t)got, err) < 0)
			return -1;
		c->last = buffer[got - 1];
		c->kept += (uint64_t)got;
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

/* Podman calls it json-file when Docker's client asked for that; what it writes is its own format.
 */
static const char *format_of(const struct kan_target *t)
{
	static const char podmans[] = "/userdata/ctr.log";
	size_t n = t->log_path ? strlen(t->log_path) : 0, tail = sizeof(podmans) - 1;
	return n > tail && strcmp(t->log_path + n - tail, podmans) == 0 ? "k8s-file"
									: t->log_driver;
}

static int row(struct logs *l, int n, uint64_t size, uint64_t kept, const char *sha256,
	       bool partial, struct kan_err *err)
{
	struct kan_row *r = kan_rows_begin(l->rows);
	kan_row_int(r, "n", n);
	kan_row_str(r, "driver", format_of(l->t));
	kan_row_uint(r, "size", size);
	kan_row_uint(r, "kept", kept);
	kan_row_str(r, "sha256", sha256);
	kan_row_bool(r, "tty", l->t->tty);
	kan_row_bool(r, "tail_partial", partial);
	l->files++;
	return kan_rows_end(l->rows, err);
}

static int store(struct logs *l, int fd, int n, const char *name, struct kan_err *err)
{
	struct stat st;
	char sha256[KAN_SHA256_HEX];
	struct copy c = {.last = '\n'};
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		kan_sink_gap(l->sink, kan_bytes_of(name), KAN_GAP_CONTRADICTED,
			     "the engine's log is no regular file");
		return 0;
	}
	uint64_t size = (uint64_t)st.st_size, head = size <= source_max ? size : head_kept;
	if (kan_sink_open(&c.artefact, l->sink, name, err) < 0)
		return -1;
	c.digest = kan_digest_new();
	int rc = copy_range(&c, fd, 0, head, err);
	if (rc == 0 && size > source_max) {
		kan_sink_scope(l->sink, kan_bytes_of(name), "over 1 GiB: the middle is left out");
		rc = copy_range(&c, fd, size - (source_max - head_kept), source_max - head_kept,
				err);
	}
	kan_digest_finish(sha256, c.digest);
	kan_digest_free(c.digest);
	if (rc < 0) {
		kan_artefact_abandon(c.artefact);
		return -1;
	}
	if (c.kept < size && size <= source_max)
		kan_sink_gap(l->sink, kan_bytes_of(name), KAN_GAP_CHANGED,
			     "it shrank while it was read");
	if (kan_artefact_close(c.artefact, err) < 0)
		return -1;
	return row(l, n, size, c.kept, sha256, n == 0 && c.last != '\n', err);
}

/* 0: stored; 1: there is none; -1: evidence cannot be written. Docker rotates to .1, .2 and so on,
 * packed as .gz. */
static int one_file(struct logs *l, const char *dir, int n, struct kan_err *err)
{
	static const char *const packed[] = {"", ".gz"};
	for (size_t i = 0; i < 2; i++) {
		char path[PATH_OCTETS + 16], name[NAME_OCTETS];
		struct kan_err why = {0};
		kan_auto_close int fd = -1;
		if (n == 0)
			(void)snprintf(path, sizeof(path), "%s", l->t->log_path);
		else
			(void)snprintf(path, sizeof(path), "%.4000s.%d%s", l->t->log_path, n,
				       packed[i]);
		(void)snprintf(name, sizeof(name), "%s/%d.log%s", dir, n, packed[i]);
		if (kan_target_data_open(&fd, l->t, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &why) ==
		    0)
			return store(l, fd, n, name, err);
		if (n == 0 && i == 0)
			kan_sink_gap(l->sink, kan_bytes_of(name),
				     why.code == KAN_EREFUSED ? KAN_GAP_CONTRADICTED
							      : kan_gap_of_err(&why),
				     "%s", why.text);
		if (n == 0)
			return 1;
	}
	return 1;
}

/* The engine names the file; it has to lie in a directory of the container's own id, Podman's one
 * further down. */
static bool path_of_target(const struct kan_target *t)
{
	static const char further[] = "/userdata";
	const char *slash = t->log_path ? strrchr(t->log_path, '/') : NULL;
	size_t n = strlen(t->id), skip = sizeof(further) - 1;
	if (slash && (size_t)(slash - t->log_path) > skip &&
	    strncmp(slash - skip, further, skip) == 0)
		slash -= skip;
	return slash && (size_t)(slash - t->log_path) > n && strncmp(slash - n, t->id, n) == 0;
}

static int from_disk(struct logs *l, struct kan_err *err)
{
	if (!path_of_target(l->t)) {
		kan_sink_gap(l->sink, kan_bytes_of(l->t->log_path), KAN_GAP_CONTRADICTED,
			     "the engine's log path is not in a directory of this container");
		return 0;
	}
	int missing = one_file(l, format_of(l->t), 0, err);
	for (int n = 1; missing == 0 && n < ROTATIONS; n++)
		missing = one_file(l, format_of(l->t), n, err);
	return missing < 0 ? -1 : 0;
}

static int by_api(struct logs *l, struct kan_err *err)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "/containers/%s/logs?stdout=1&stderr=1&timestamps=1",
		       l->t->id);
	return kan_answer_store(l->t->engine, l->sink, path, "api.stream", err);
}

/* Drivers whose file the engine names, and whose lines hold both streams. */
static bool has_file(const struct kan_target *t)
{
	return t->log_driver &&
	       (strcmp(t->log_driver, "json-file") == 0 || strcmp(t->log_driver, "k8s-file") == 0);
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct logs l = {.t = t, .sink = sink};
	bool file = has_file(t) && t->log_path;
	if (has_file(t) && !t->log_path && !kan_is_podman(t)) {
		kan_sink_gap(sink, kan_bytes_of(t->log_driver), KAN_GAP_NOT_APPLICABLE,
			     "no log yet: the container was never started");
		return 0;
	}
	if (!file || t->data_root_fd < 0)
		return by_api(&l, err);
	if (kan_rows_open(&l.rows, sink, "files.ndjson", err) < 0)
		return -1;
	if (from_disk(&l, err) < 0) {
		kan_rows_abandon(l.rows);
		return -1;
	}
	kan_sink_items(sink, l.files);
	return kan_rows_close(l.rows, err);
}

extern const struct kan_collector kan_collector_logs;
const struct kan_collector kan_collector_logs = {
	.name = "logs",
	.summary = "what the container printed, on both streams, with rotations",
	.tier = KAN_TIER_AFTER,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
