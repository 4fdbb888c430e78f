/* before.tar: lower files, read once, within a budget. */
#include "image/before.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"

enum { ROOM = KAN_BEFORE_FILE + 4096 }; /* one byte too many tells that it does not fit */

struct kan_before {
	struct kan_sink *sink;
	struct kan_tarfile tar;
	struct kan_tree_opener *opener;
	struct kan_digest *digest;
	uint8_t *bytes; /* of the file read last */
	size_t n;
	bool held;
	uint64_t used, files_left_out, bytes_left_out;
};

int kan_before_open(struct kan_before **out, struct kan_sink *s, const char *name,
		    struct kan_err *err)
{
	struct kan_before *b = kan_xalloc(sizeof(*b));
	b->sink = s;
	if (kan_tarfile_open(&b->tar, s, name, err) < 0) {
		free(b);
		return -1;
	}
	b->opener = kan_tree_opener_new();
	b->digest = kan_digest_new();
	b->bytes = kan_io_buffer(ROOM);
	*out = b;
	return 0;
}

static void release(struct kan_before *b)
{
	kan_tree_opener_free(b->opener);
	kan_digest_free(b->digest);
	free(b->bytes);
	free(b);
}

int kan_before_close(struct kan_before *b, struct kan_err *err)
{
	char why[128];
	(void)snprintf(
		why, sizeof(why), "the image's version of %llu files, %llu bytes: over the budget",
		(unsigned long long)b->files_left_out, (unsigned long long)b->bytes_left_out);
	if (b->files_left_out)
		kan_sink_scope(b->sink, kan_bytes_of(b->tar.name), why);
	int rc = kan_tarfile_close(&b->tar, err);
	release(b);
	return rc;
}

void kan_before_abandon(struct kan_before *b)
{
	if (!b)
		return;
	kan_tarfile_abandon(&b->tar);
	release(b);
}

bool kan_before_fits(const struct kan_before *b, const struct kan_below *below)
{
	return S_ISREG(below->st.stx_mode) && below->st.stx_size <= KAN_BEFORE_FILE &&
	       b->used + below->st.stx_size <= KAN_BEFORE_TOTAL;
}

void kan_before_leave_out(struct kan_before *b, const struct kan_below *below)
{
	b->files_left_out++;
	b->bytes_left_out += below->st.stx_size;
}

/* A small file is read at once and stays in the buffer; a larger one passes through it. */
static int read_whole(struct kan_before *b, int path_fd, struct kan_err *err)
{
	kan_digest_start(b->digest);
	ssize_t n = kan_digest_pinned(b->digest, b->bytes, ROOM, b->opener, path_fd, err);
	b->held = n >= 0 && n < ROOM;
	b->n = b->held ? (size_t)n : 0;
	return n < 0 ? -1 : 0;
}

void kan_before_read(char sha256[KAN_SHA256_HEX], struct kan_before *b,
		     const struct kan_below *below, struct kan_bytes path)
{
	struct kan_err why = {0};
	sha256[0] = 0;
	if (read_whole(b, below->data_fd, &why) < 0) {
		(void)kan_wrap(&why, "the image's version");
		if (!kan_tree_gave_up_again(b->opener, &why))
			kan_sink_gap_err(b->sink, path, &why);
		return;
	}
	kan_digest_finish(sha256, b->digest);
}

int kan_before_keep(struct kan_before *b, const struct kan_below *below, struct kan_bytes path,
		    struct kan_err *err)
{
	struct kan_err why = {0};
	if (!b->held || b->n > KAN_BEFORE_FILE || b->used + b->n > KAN_BEFORE_TOTAL) {
		kan_before_leave_out(b, below);
		return 0;
	}
	struct kan_tar_entry e = {
		.path = path,
		.mode = below->st.stx_mode,
		.uid = below->st.stx_uid,
		.gid = below->st.stx_gid,
		.size = b->n,
		.mtime_ns = kan_statx_ns(&below->st.stx_mtime),
	};
	if (path.n > KAN_READER_PATH_MAX) {
		kan_before_leave_out(b, below);
		return 0;
	}
	if (kan_tar_entry(b->tar.tar, &e, &why) < 0) {
		if (why.code != KAN_EIO) {
			kan_sink_gap_err(b->sink, path, &why);
			return 0;
		}
		if (err)
			*err = why;
		return -1;
	}
	b->used += b->n;
	return kan_tar_data(b->tar.tar, b->bytes, b->n, err) < 0 ||
			       kan_tar_finish(b->tar.tar, err) < 0
		       ? -1
		       : 0;
}
