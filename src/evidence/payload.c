/* What is sealed: the files below data/, each with the digest that is true of it now. */
#include "evidence/payload.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"
#include "evidence/journalread.h"
#include "evidence/tags.h"

enum { PATH_OCTETS = 256, ENTRIES_MAX = 200000 };

void kan_payload_free(struct kan_payload *p)
{
	kan_manifest_free(&p->files);
	kan_manifest_free(&p->dirs);
	*p = (struct kan_payload){0};
}

struct listing {
	struct kan_payload *payload;
	struct kan_err *err;
	bool failed;
};

static enum kan_tree_next stop(struct listing *l, struct kan_bytes path, const char *why)
{
	l->failed = true;
	kan_err_set(l->err, KAN_EREFUSED, 0, "data%.*s: %s", path.n < 200 ? (int)path.n : 200,
		    (const char *)path.p, why);
	return KAN_TREE_STOP;
}

static enum kan_tree_next visit(const struct kan_tree_entry *e, void *arg)
{
	struct listing *l = arg;
	char path[PATH_OCTETS] = "data";
	bool root = e->path.n == 1;
	if (!root && e->path.n + strlen("data") < sizeof(path))
		(void)snprintf(path, sizeof(path), "data%.*s", (int)e->path.n,
			       (const char *)e->path.p);
	else if (!root)
		return stop(l, e->path, "the path is too long");
	if (!kan_path_ok(path))
		return stop(l, e->path, "not a name of ours");
	if (S_ISDIR(e->st->stx_mode)) {
		kan_manifest_add(&l->payload->dirs, path, "", 0);
		return KAN_TREE_GO;
	}
	if (!S_ISREG(e->st->stx_mode))
		return stop(l, e->path, "a link or a special file");
	if (e->st->stx_nlink >
	    1) /* its mode, and what else is done to it, would be another's too */
		return stop(l, e->path, "it has a second name (a hard link)");
	kan_manifest_add(&l->payload->files, path, "", e->st->stx_size);
	l->payload->octets += e->st->stx_size;
	return l->payload->files.n <= KAN_BAG_FILES
		       ? KAN_TREE_GO
		       : stop(l, e->path, "more files than a bag may have");
}

static void problem(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct listing *l = arg;
	l->failed = true;
	if (l->err)
		*l->err = *why;
	kan_err_wrap(l->err, "data%.*s", path.n < 200 ? (int)path.n : 200, (const char *)path.p);
}

int kan_payload_list(struct kan_payload *out, int dir_fd, struct kan_err *err)
{
	struct kan_payload p = {0};
	struct listing l = {.payload = &p, .err = err};
	struct kan_tree_walk walk = {.max_entries = ENTRIES_MAX,
				     .sorted = true,
				     .fn = visit,
				     .problem = problem,
				     .arg = &l};
	kan_auto_close int data =
		openat(dir_fd, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0)
		return kan_fail_sys(err, "data");
	if (kan_tree_walk(&walk, data, l.failed ? NULL : err) < 0 || l.failed) {
		kan_payload_free(&p);
		return -1;
	}
	kan_manifest_sort(&p.files);
	kan_manifest_sort(&p.dirs);
	*out = p;
	return 0;
}

static int hash(char sha256[65], uint64_t *octets, int dir_fd, const char *path,
		struct kan_err *err)
{
	uint64_t size = 0;
	kan_auto_close int fd = -1;
	if (kan_bag_open(&fd, &size, dir_fd, path, INT64_MAX, err) < 0)
		return -1;
	return kan_sha256_fd(sha256, octets, fd, err) < 0 ? kan_wrap(err, "%s", path) : 0;
}

static int sync_file(int dir_fd, const char *path, struct kan_err *err)
{
	kan_auto_close int fd =
		openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fdatasync(fd) < 0)
		return kan_fail_sys(err, "sync %s", path);
	return 0;
}

static int record(struct kan_journal *j, const struct kan_bundle_file *f, bool whole,
		  struct kan_err *err)
{
	struct kan_row *row = kan_journal_begin(j, "artefact");
	kan_row_str(row, "path", f->path);
	kan_row_str(row, "sha256", f->sha256);
	kan_row_uint(row, "octets", f->size);
	kan_row_bool(row, "whole", whole);
	return kan_journal_end(j, err);
}

/* "data/processes/x" was written by collector processes. */
static int gap(struct kan_journal *j, const char *path, const char *code, const char *why,
	       struct kan_err *err)
{
	char collector[PATH_OCTETS];
	const char *name = path + strlen("data/");
	(void)snprintf(collector, sizeof(collector), "%.*s", (int)strcspn(name, "/"), name);
	return kan_journal_gap(j, collector, path, code, why, err);
}

static void set_digest(struct kan_bundle_file *f, const char *sha256, uint64_t size)
{
	free((char *)(uintptr_t)f->sha256);
	f->sha256 = kan_xstrdup(sha256);
	f->size = size;
}

int kan_payload_never_empty(struct kan_payload *p, int dir_fd, struct kan_journal *j,
			    struct kan_err *err)
{
	static const char path[] = "data/conductor/nothing.txt";
	static const char text[] = "The capture ended before anything was taken.\n";
	char sha256[KAN_SHA256_HEX];
	if (p->files.n)
		return 0;
	if (kan_mkdirs(dir_fd, "data/conductor", err) < 0 ||
	    kan_put_file(dir_fd, path, 0400, kan_bytes_of(text), err) < 0)
		return -1;
	kan_sha256_hex(sha256, kan_bytes_of(text));
	if (!kan_manifest_find(&p->dirs, "data/conductor"))
		kan_manifest_add(&p->dirs, "data/conductor", "", 0);
	kan_manifest_add(&p->files, path, sha256, strlen(text));
	return record(j, &p->files.files[0], true, err);
}

int kan_payload_hash(struct kan_payload *p, int dir_fd, struct kan_err *err)
{
	p->octets = 0;
	for (size_t i = 0; i < p->files.n; i++) {
		char sha256[KAN_SHA256_HEX];
		uint64_t octets = 0;
		if (hash(sha256, &octets, dir_fd, p->files.files[i].path, err) < 0)
			return -1;
		set_digest(&p->files.files[i], sha256, octets);
		p->octets += octets;
	}
	return 0;
}

static int settle_file(struct kan_bundle_file *f, int dir_fd, const json_t *said,
		       struct kan_journal *j, bool rehash, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	uint64_t octets = f->size;
	bool grown = said && kan_journal_number(said, "octets") != f->size;
	if (said && !rehash && !grown) {
		set_digest(f, kan_journal_text(said, "sha256"), f->size);
		return 0;
	}
	if (hash(sha256, &octets, dir_fd, f->path, err) < 0)
		return -1;
	set_digest(f, sha256, octets);
	bool same = said && !grown && strcmp(kan_journal_text(said, "sha256"), sha256) == 0;
	if (same)
		return 0;
	if (said && gap(j, f->path, "changed-after-close",
			"it is not what was recorded when it was closed", err) < 0)
		return -1;
	return record(j, f, false, err);
}

/* Recorded, and not there: after a crash the directory may not have reached the disk. */
static int told_of_gone(const struct kan_payload *p, const json_t *records, struct kan_journal *j,
			bool crashed, struct kan_err *err)
{
	for (void *at = json_object_iter((json_t *)(uintptr_t)records); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)records, at)) {
		const char *path = json_object_iter_key(at);
		if (kan_manifest_find(&p->files, path))
			continue;
		if (!crashed)
			return kan_fail(err, KAN_EIO, "%s: it was written, and is gone", path);
		if (gap(j, path, "vanished", "recorded, and not on the disk after the crash", err) <
		    0)
			return -1;
	}
	return 0;
}

static int drop_empty_dirs(struct kan_payload *p, int dir_fd, struct kan_err *err)
{
	for (size_t i = p->dirs.n; i-- > 1;) { /* 0 is data itself */
		if (unlinkat(dir_fd, p->dirs.files[i].path, AT_REMOVEDIR) == 0)
			set_digest(&p->dirs.files[i], "removed", 0);
		else if (errno != ENOTEMPTY && errno != EEXIST)
			return kan_fail_sys(err, "%s", p->dirs.files[i].path);
	}
	return 0;
}

int kan_payload_settle(struct kan_payload *p, int dir_fd, struct kan_journal *j, bool rehash,
		       struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_JOURNAL_MAX);
	json_auto_t *records = NULL;
	if (kan_bag_read(&text, dir_fd, "journal.ndjson", KAN_JOURNAL_MAX, err) < 0 ||
	    kan_journal_artefacts(&records, kan_buf_bytes(&text), err) < 0)
		return -1;
	p->octets = 0;
	for (size_t i = 0; i < p->files.n; i++) {
		struct kan_bundle_file *f = &p->files.files[i];
		if (settle_file(f, dir_fd, json_object_get(records, f->path), j, rehash, err) < 0 ||
		    sync_file(dir_fd, f->path, err) < 0)
			return -1;
		p->octets += f->size;
	}
	if (told_of_gone(p, records, j, rehash, err) < 0)
		return -1;
	return drop_empty_dirs(p, dir_fd, err);
}
