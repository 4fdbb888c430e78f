/* Reading a bundle: opened against its seal, each file against its digest. */
#include <kanshiki/bundle.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "evidence/baginfo.h"
#include "evidence/bundleopen.h"
#include "evidence/format.h"
#include "evidence/journalread.h"
#include "evidence/manifest.h"
#include "evidence/pull.h"
#include "evidence/rowread.h"
#include "evidence/tags.h"

static const char journal_file[] = "journal.ndjson";

struct kan_bundle {
	int dir_fd;
	char *dir, *name;
	char seal[KAN_SHA256_HEX];
	bool unsealed, partial;
	json_t *capture;
	json_t *records; /* path to its artefact record */
	struct kan_manifest files;
	struct kan_buf journal; /* as it was when opened: a capture may still be writing it */
};

void kan_bundle_free(struct kan_bundle *b)
{
	if (!b)
		return;
	kan_auto_close_fn(&b->dir_fd);
	free(b->dir);
	free(b->name);
	json_decref(b->capture);
	json_decref(b->records);
	kan_manifest_free(&b->files);
	kan_buf_free(&b->journal);
	free(b);
}

const char *kan_bundle_name(const struct kan_bundle *b)
{
	return b->name;
}

const char *kan_bundle_dir(const struct kan_bundle *b)
{
	return b->dir;
}

const char *kan_bundle_seal(const struct kan_bundle *b)
{
	return b->seal;
}

bool kan_bundle_partial(const struct kan_bundle *b)
{
	return b->partial;
}

const json_t *kan_bundle_capture(const struct kan_bundle *b)
{
	return b->capture;
}

size_t kan_bundle_count(const struct kan_bundle *b)
{
	return b->files.n;
}

const struct kan_bundle_file *kan_bundle_file(const struct kan_bundle *b, size_t i)
{
	return i < b->files.n ? &b->files.files[i] : NULL;
}

const struct kan_bundle_file *kan_bundle_find(const struct kan_bundle *b, const char *path)
{
	return kan_manifest_find(&b->files, path);
}

bool kan_bag_says_partial(const char *dir)
{
	size_t n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	kan_auto_free char *base = strndup(dir, n);
	return base && kan_bag_is_partial_name(base);
}

enum kan_bag_kind kan_bag_kind_of(int dir_fd, const char *dir)
{
	struct stat st;
	bool bagit = fstatat(dir_fd, "bagit.txt", &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool list = fstatat(dir_fd, KAN_TAGMANIFEST, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool journal = fstatat(dir_fd, journal_file, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (kan_bag_says_partial(dir))
		return journal || bagit || list ? KAN_BAG_UNSEALED : KAN_BAG_NONE;
	return bagit || list ? KAN_BAG_SEALED : KAN_BAG_NONE;
}

int kan_bag_open_dir(int *out, const char *dir, struct kan_err *err)
{
	kan_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return kan_fail(err, KAN_ENOTFOUND, "%s: not a directory, so no bundle", dir);
	if (fd < 0)
		return kan_fail_sys(err, "%s", dir);
	*out = kan_take_fd(&fd);
	return 0;
}

/* What is gone from a sealed bundle was taken away. Whether it was disposed of is not known here:
 * who signed a tombstone is verify's to say. */
static int gone_is_tamper(struct kan_err *err, const struct kan_err *why,
			  const struct kan_bundle *b, const char *path)
{
	char stone[KAN_STONE_PATH];
	if (why->code == KAN_ENOTFOUND && kan_bag_stone(stone, b->dir_fd, path))
		return kan_fail(err, KAN_ETAMPER,
				"%s: missing; %s says that it was disposed of: kanshiki verify "
				"tells whether that counts",
				path, stone);
	if (why->code == KAN_ENOTFOUND)
		return kan_fail(err, KAN_ETAMPER, "%s: missing", path);
	if (err)
		*err = *why;
	return -1;
}

static int read_tag(struct kan_buf *out, const struct kan_bundle *b, const char *path, size_t cap,
		    struct kan_err *err)
{
	struct kan_err why = {0};
	return kan_bag_read(out, b->dir_fd, path, cap, &why) < 0
		       ? gone_is_tamper(err, &why, b, path)
		       : 0;
}

static int form_is_tamper(struct kan_err *err, const struct kan_err *why, const char *path)
{
	return kan_fail(err, KAN_ETAMPER, "%s: %s", path, why->text);
}

static int take_info(struct kan_bundle *b, struct kan_bytes text, struct kan_err *err)
{
	struct kan_baginfo info;
	if (kan_baginfo_parse(&info, text, err) < 0)
		return -1;
	if (!kan_name_ok(info.bundle))
		return kan_fail(err, KAN_EFORMAT, "%s is no name of a bundle", info.bundle);
	b->name = kan_xstrdup(info.bundle);
	b->partial = info.partial;
	return 0;
}

static int take_payload(struct kan_bundle *b, struct kan_bytes text, struct kan_err *err)
{
	struct kan_manifest m;
	if (kan_manifest_parse(&m, text, true, err) < 0)
		return -1;
	for (size_t i = 0; i < m.n; i++) {
		struct stat st;
		/* A file that is not there is told when it is read. */
		bool there = fstatat(b->dir_fd, m.files[i].path, &st, AT_SYMLINK_NOFOLLOW) == 0;
		kan_manifest_add(&b->files, m.files[i].path, m.files[i].sha256,
				 there ? (uint64_t)st.st_size : 0);
	}
	kan_manifest_free(&m);
	return 0;
}

static int take_capture(struct kan_bundle *b, struct kan_bytes text, struct kan_err *err)
{
	if (kan_json_parse(&b->capture, text, KAN_BAG_CAPTURE_CAP, KAN_BAG_CAPTURE_DEPTH, err) < 0)
		return -1;
	return json_is_object(b->capture) ? 0 : kan_fail(err, KAN_EFORMAT, "not an object");
}

/* What a tag file says, once its digest is known to be right. */
static int take_tag(struct kan_bundle *b, size_t tag, struct kan_bytes text, struct kan_err *err)
{
	switch ((enum kan_tag_index)tag) {
	case KAN_TAG_BAGIT:
		return kan_bytes_eq(text, KAN_LIT(KAN_BAGIT_TEXT))
			       ? 0
			       : kan_fail(err, KAN_EFORMAT, "not the two lines of a bag");
	case KAN_TAG_INFO:
		return take_info(b, text, err);
	case KAN_TAG_CAPTURE:
		return take_capture(b, text, err);
	case KAN_TAG_JOURNAL:
		return kan_journal_artefacts(&b->records, text, err);
	case KAN_TAG_MANIFEST:
		return take_payload(b, text, err);
	case KAN_TAG_README:
	case KAN_TAG_GAPS:
		break;
	}
	return 0;
}

static int check_tag(struct kan_bundle *b, size_t tag, const char *sha256, struct kan_err *err)
{
	char is[KAN_SHA256_HEX];
	struct kan_err why = {0};
	const char *path = kan_tags[tag].name;
	kan_auto_buf struct kan_buf text = KAN_BUF(kan_tags[tag].cap);
	if (read_tag(&text, b, path, kan_tags[tag].cap, err) < 0)
		return -1;
	kan_sha256_hex(is, kan_buf_bytes(&text));
	if (strcmp(is, sha256) != 0)
		return kan_fail(err, KAN_ETAMPER, "%s: altered: not the digest that was sealed",
				path);
	if (kan_format_known(tag, kan_buf_bytes(&text), err) < 0)
		return -1;
	if (take_tag(b, tag, kan_buf_bytes(&text), &why) < 0)
		return form_is_tamper(err, &why, path);
	kan_manifest_add(&b->files, path, is, text.len);
	return 0;
}

static int open_sealed(struct kan_bundle *b, struct kan_err *err)
{
	struct kan_manifest tags = {0};
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_BAG_TAGMANIFEST_CAP);
	if (read_tag(&text, b, KAN_TAGMANIFEST, KAN_BAG_TAGMANIFEST_CAP, err) < 0)
		return -1;
	if (kan_manifest_parse(&tags, kan_buf_bytes(&text), false, &why) < 0)
		return form_is_tamper(err, &why, KAN_TAGMANIFEST);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < tags.n; i++)
		rc = check_tag(b, i, tags.files[i].sha256, err);
	kan_manifest_free(&tags);
	kan_sha256_hex(b->seal, kan_buf_bytes(&text));
	return rc;
}

/* A line that is being written now is not there yet. */
static void cut_torn(struct kan_buf *text, const struct kan_journal_end *end)
{
	text->len -= end->torn.n;
	if (text->data)
		text->data[text->len] = 0;
}

static int open_unsealed(struct kan_bundle *b, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	struct kan_journal_end end;
	if (kan_bag_read(&b->journal, b->dir_fd, journal_file, KAN_BAG_ROWS_CAP, err) < 0)
		return -1;
	if (kan_journal_read(&end, kan_buf_bytes(&b->journal), NULL, NULL, err) < 0 ||
	    kan_journal_artefacts(&b->records, kan_buf_bytes(&b->journal), err) < 0)
		return kan_wrap(err, "%s", journal_file);
	if (end.lines == 0 || !kan_name_ok(end.bundle))
		return kan_fail(err, KAN_ENOTFOUND, "%s: nothing was recorded", b->dir);
	cut_torn(&b->journal, &end);
	const char *path = NULL;
	json_t *record = NULL;
	json_object_foreach (b->records, path, record)
		kan_manifest_add(&b->files, path, kan_journal_text(record, "sha256"),
				 kan_journal_number(record, "octets"));
	kan_sha256_hex(sha256, kan_buf_bytes(&b->journal));
	kan_manifest_add(&b->files, journal_file, sha256, b->journal.len);
	b->name = kan_xstrdup(end.bundle);
	b->unsealed = b->partial = true;
	return 0;
}

static int open_kind(struct kan_bundle *b, bool unsealed, struct kan_err *err)
{
	switch (kan_bag_kind_of(b->dir_fd, b->dir)) {
	case KAN_BAG_SEALED:
		return open_sealed(b, err);
	case KAN_BAG_UNSEALED:
		if (unsealed)
			return open_unsealed(b, err);
		return kan_fail(err, KAN_ENOTFOUND,
				"unsealed, so no bundle yet: kanshiki seal --partial finishes it");
	case KAN_BAG_NONE:
		break;
	}
	return kan_fail(err, KAN_ENOTFOUND, "no bundle: neither bagit.txt nor tag manifest");
}

int kan_bundle_open(struct kan_bundle **out, const char *dir, bool unsealed, struct kan_err *err)
{
	struct kan_bundle *b = kan_xalloc(sizeof(*b));
	b->dir_fd = -1;
	b->dir = kan_xstrdup(dir);
	int rc = kan_bag_open_dir(&b->dir_fd, dir, err);
	if (rc == 0 && open_kind(b, unsealed, err) < 0)
		rc = kan_wrap(err, "%s", dir);
	if (rc < 0) {
		kan_bundle_free(b);
		return -1;
	}
	kan_manifest_sort(&b->files);
	*out = b;
	return 0;
}

static int altered(const struct kan_bundle_file *f, struct kan_err *err)
{
	return kan_fail(err, KAN_ETAMPER, "%s: altered: not the digest that was recorded", f->path);
}

/* Before a byte is read: a hole of 64 GiB is no reason to read 64 GiB. */
static bool as_recorded(const struct kan_bundle *b, const struct kan_bundle_file *f)
{
	const json_t *record = json_object_get(b->records, f->path);
	return record ? kan_journal_number(record, "octets") == f->size
		      : strncmp(f->path, "data/", 5) != 0;
}

struct kan_bundle_pull {
	const struct kan_bundle_file *file;
	int fd;
	uint8_t *piece;
	struct kan_digest *digest;
	uint64_t seen;
};

void kan_bundle_pull_free(struct kan_bundle_pull *p)
{
	if (!p)
		return;
	kan_auto_close_fn(&p->fd);
	kan_digest_free(p->digest);
	free(p->piece);
	free(p);
}

int kan_bundle_pull_open(struct kan_bundle_pull **out, const struct kan_bundle *b, const char *path,
			 struct kan_err *err)
{
	uint64_t size = 0;
	struct kan_err why = {0};
	kan_auto_close int fd = -1;
	const struct kan_bundle_file *f = kan_bundle_find(b, path);
	if (!f)
		return kan_fail(err, KAN_ENOTFOUND, "%s: not in %s", path, b->name);
	if (kan_bag_open(&fd, &size, b->dir_fd, path, INT64_MAX, &why) < 0)
		return gone_is_tamper(err, &why, b, path);
	if (size != f->size || !as_recorded(b, f))
		return altered(f, err);
	struct kan_bundle_pull *p = kan_xalloc(sizeof(*p));
	p->file = f;
	p->fd = kan_take_fd(&fd);
	p->piece = kan_io_buffer(KAN_IO_READ);
	p->digest = kan_digest_new();
	*out = p;
	return 0;
}

/* A file that grows is not read on for ever. */
ssize_t kan_bundle_pull_next(void *pull, const void **piece, struct kan_err *err)
{
	struct kan_bundle_pull *p = pull;
	ssize_t n = 0;
	if (p->seen > p->file->size)
		return altered(p->file, err);
	do
		n = read(p->fd, p->piece, KAN_IO_READ);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		kan_err_set(err, KAN_EIO, errno, "%s: %s", p->file->path, strerror(errno));
		return -1;
	}
	p->seen += (uint64_t)n;
	kan_digest_add(p->digest, p->piece, (size_t)n);
	*piece = p->piece;
	return n;
}

int kan_bundle_pull_end(struct kan_bundle_pull *p, struct kan_err *err)
{
	char sha256[KAN_SHA256_HEX];
	const void *piece = NULL;
	ssize_t n = 0;
	do
		n = kan_bundle_pull_next(p, &piece, err);
	while (n > 0);
	if (n < 0)
		return -1;
	kan_digest_finish(sha256, p->digest);
	return p->seen == p->file->size && strcmp(sha256, p->file->sha256) == 0
		       ? 0
		       : altered(p->file, err);
}

int kan_bundle_stream(const struct kan_bundle *b, const char *path, kan_bundle_data_fn *fn,
		      void *arg, struct kan_err *err)
{
	struct kan_bundle_pull *p = NULL;
	const void *piece = NULL;
	ssize_t n = 0;
	int rc = 0;
	if (b->unsealed && strcmp(path, journal_file) == 0)
		return fn(kan_buf_bytes(&b->journal), arg, err);
	if (kan_bundle_pull_open(&p, b, path, err) < 0)
		return -1;
	while (rc == 0 && (n = kan_bundle_pull_next(p, &piece, err)) > 0)
		rc = fn((struct kan_bytes){piece, (size_t)n}, arg, err);
	if (rc == 0 && n == 0)
		rc = kan_bundle_pull_end(p, err);
	kan_bundle_pull_free(p);
	return n < 0 ? -1 : rc;
}

static int keep(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_buf *out = arg;
	kan_buf_addb(out, piece);
	return out->failed ? kan_fail(err, KAN_ELIMIT, "over %zu octets", out->max) : 0;
}

int kan_bundle_read(struct kan_buf *out, const struct kan_bundle *b, const char *path,
		    struct kan_err *err)
{
	struct kan_buf text = KAN_BUF(out->max);
	const struct kan_bundle_file *f = kan_bundle_find(b, path);
	if (f && f->size > out->max)
		return kan_fail(err, KAN_ELIMIT, "%s: %llu octets, over %zu", path,
				(unsigned long long)f->size, out->max);
	if (kan_bundle_stream(b, path, keep, &text, err) < 0) {
		kan_buf_free(&text);
		return -1;
	}
	kan_buf_free(out);
	*out = text;
	return 0;
}

int kan_bundle_rows(const struct kan_bundle *b, const char *path, kan_bundle_row_fn *fn, void *arg,
		    struct kan_err *err)
{
	struct kan_rowread r;
	const json_t *record = json_object_get(b->records, path);
	if (!kan_rowread_is(path))
		return kan_fail(err, KAN_EUSAGE, "%s: rows are in .ndjson", path);
	kan_rowread_init(&r, path, b->name, !json_is_false(json_object_get(record, "whole")));
	r.fn = fn;
	r.arg = arg;
	int rc = kan_bundle_stream(b, path, kan_rowread_add, &r, err);
	if (rc == 0)
		rc = kan_rowread_end(&r, err);
	kan_rowread_free(&r);
	return rc;
}
