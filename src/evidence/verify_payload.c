/* verify: each payload file against its digest, its rows in the same reading. */
#include "evidence/verify.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "evidence/journalread.h"
#include "evidence/rowread.h"

struct reading {
	struct kan_bagcheck *c;
	struct kan_digest *digest;
	uint8_t *piece; /* KAN_IO_READ */
	uint64_t row_files, rows;
};

static void fault(struct kan_bagcheck *c, const char *path, const char *what)
{
	kan_bagcheck_fail(c, KAN_BAGCHECK_PAYLOAD, KAN_CHECK_ALTERED, path, "%s", what);
	c->all_read = false;
}

/* A file that claims to be larger than it was is not read: a hole of 8 EiB takes for ever. */
static bool too_large(const struct kan_bagcheck *c, const json_t *record, uint64_t size)
{
	if (record)
		return size != kan_journal_number(record, "octets");
	return c->has_info && size > c->info.octets;
}

static int pump(char sha256[KAN_SHA256_HEX], struct reading *r, int fd, struct kan_rowread *rows,
		struct kan_err *err)
{
	kan_digest_start(r->digest);
	for (;;) {
		ssize_t n = read(fd, r->piece, KAN_IO_READ);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			kan_err_set(err, KAN_EIO, errno, "%s", strerror(errno));
			return -1;
		}
		if (n == 0)
			break;
		kan_digest_add(r->digest, r->piece, (size_t)n);
		if (rows && kan_rowread_add((struct kan_bytes){r->piece, (size_t)n}, rows, err) < 0)
			return -1;
	}
	kan_digest_finish(sha256, r->digest);
	return 0;
}

static void check_rows(struct reading *r, struct kan_rowread *rows, bool same)
{
	struct kan_err why = {0};
	r->row_files++;
	r->rows += rows->lines ? rows->lines - 1 : 0;
	if (!same) /* told as altered; what its rows are like says nothing */
		return;
	if (kan_rowread_end(rows, &why) < 0)
		kan_bagcheck_fail(r->c, KAN_BAGCHECK_ROWS, KAN_CHECK_ALTERED, rows->path, "%s",
				  rows->fault.text);
}

static int check_content(struct reading *r, const struct kan_bundle_file *f, int fd,
			 const json_t *record, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	struct kan_rowread rows;
	bool is_rows = kan_rowread_is(f->path) && r->c->has_info;
	bool whole = !json_is_false(json_object_get(record, "whole"));
	kan_rowread_init(&rows, f->path, r->c->info.bundle, whole);
	int rc = pump(sha256, r, fd, is_rows ? &rows : NULL, err);
	if (rc < 0) {
		(void)kan_wrap(err, "%s", f->path);
	} else {
		bool same = strcmp(sha256, f->sha256) == 0;
		if (!same)
			fault(r->c, f->path, "altered: it has another digest than listed");
		if (is_rows)
			check_rows(r, &rows, same);
	}
	kan_rowread_free(&rows);
	return rc;
}

static int check_file(struct reading *r, const struct kan_bundle_file *f, struct kan_err *err)
{
	uint64_t size = 0;
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	const json_t *record = json_object_get(r->c->records, f->path);
	if (kan_bag_open(&fd, &size, r->c->dir_fd, f->path, INT64_MAX, &why) < 0) {
		r->c->all_read = false;
		if (kan_bagcheck_unreadable(&why)) {
			if (err)
				*err = why;
			return -1;
		}
		if (why.code != KAN_ENOTFOUND) /* gone: told by the layout */
			fault(r->c, f->path, why.text);
		return 0;
	}
	r->c->octets += size;
	if (too_large(r->c, record, size)) {
		fault(r->c, f->path, "altered: it has another size than recorded");
		return 0;
	}
	return check_content(r, f, fd, record, err);
}

int kan_bagcheck_payload(struct kan_bagcheck *c, struct kan_err *err)
{
	struct reading r = {.c = c};
	kan_auto_free uint8_t *piece = kan_io_buffer(KAN_IO_READ);
	int rc = 0;
	if (!c->has_manifest) {
		kan_bagcheck_skip(c, KAN_BAGCHECK_PAYLOAD, KAN_CHECK_GENERAL, "",
				  "there is no manifest to compare with");
		kan_bagcheck_skip(c, KAN_BAGCHECK_ROWS, KAN_CHECK_GENERAL, "",
				  "there is no manifest to compare with");
		return 0;
	}
	r.piece = piece;
	r.digest = kan_digest_new();
	c->all_read = true;
	for (size_t i = 0; rc == 0 && i < c->payload.n; i++)
		rc = check_file(&r, &c->payload.files[i], err);
	kan_digest_free(r.digest);
	if (rc < 0)
		return -1;
	kan_bagcheck_done(c, KAN_BAGCHECK_PAYLOAD, "%zu files, %llu octets", c->payload.n,
			  (unsigned long long)c->octets);
	kan_bagcheck_done(c, KAN_BAGCHECK_ROWS, "%llu rows of %llu files",
			  (unsigned long long)r.rows, (unsigned long long)r.row_files);
	return 0;
}
