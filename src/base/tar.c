/* The pax writer, by libarchive. */
#include "base/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct kan_tar {
	struct archive *archive;
	struct archive_entry *entry;
	kan_tar_out_fn *out;
	void *arg;
	uint8_t *zero; /* the one source of holes and padding, made when first needed */
	char *name;    /* KAN_TAR_PATH_MAX + 1 */
	locale_t ascii;
	uint64_t left; /* of the entry's announced bytes */
	struct kan_tar_extent extents[KAN_TAR_EXTENTS];
	size_t n_extents, extent;
	uint64_t in_extent,
		at; /* sparse: bytes of the extent already given; logical offset reached */
	uint64_t size;
	bool gone; /* nothing more is written: the writer failed, or the tar is given up */
	struct kan_err err;
};

/* Our failure is ours to tell: libarchive leaks what it holds when a writer fails, so it never
 * hears of it. */
static la_ssize_t on_write(struct archive *a, void *arg, const void *p, size_t n)
{
	struct kan_tar *t = arg;
	(void)a;
	t->gone = t->gone || t->out(t->arg, p, n, &t->err) < 0;
	return (la_ssize_t)n;
}

static int fail(struct kan_tar *t, struct kan_err *err)
{
	if (t->err.code != KAN_OK && err)
		*err = t->err;
	if (t->err.code != KAN_OK)
		return -1;
	const char *why = archive_error_string(t->archive);
	return kan_fail(err, KAN_EIO, "tar: %.200s", why ? why : "unknown");
}

static int told(struct kan_tar *t, bool fine, struct kan_err *err)
{
	return fine && t->err.code == KAN_OK ? 0 : fail(t, err);
}

int kan_tar_new(struct kan_tar **out, kan_tar_out_fn *fn, void *arg, struct kan_err *err)
{
	struct kan_tar *t = kan_xalloc(sizeof(*t));
	t->out = fn;
	t->arg = arg;
	t->name = kan_xalloc(KAN_TAR_PATH_MAX + 1);
	t->archive = archive_write_new();
	t->entry = archive_entry_new();
	t->ascii = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
	if (!t->archive || !t->entry || !t->ascii ||
	    archive_write_set_format_pax_restricted(t->archive) != ARCHIVE_OK ||
	    archive_write_add_filter_none(t->archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(t->archive, 0) != ARCHIVE_OK ||
	    archive_write_open(t->archive, t, NULL, on_write, NULL) != ARCHIVE_OK) {
		kan_tar_free(t);
		return kan_fail(err, KAN_EIO, "tar: libarchive cannot write pax");
	}
	*out = t;
	return 0;
}

/* NUL-terminated, without leading '/': what a tar may hold. */
static int relative(struct kan_tar *t, struct kan_bytes path, struct kan_err *err)
{
	while (path.n && path.p[0] == '/') {
		path.p++;
		path.n--;
	}
	if (path.n == 0)
		path = KAN_LIT(".");
	if (path.n > KAN_TAR_PATH_MAX)
		return kan_fail(err, KAN_ELIMIT, "tar: a path of %zu bytes", path.n);
	if (memchr(path.p, 0, path.n))
		return kan_fail(err, KAN_EFORMAT, "tar: a path with a NUL");
	memcpy(t->name, path.p, path.n);
	t->name[path.n] = 0;
	return 0;
}

static int set_names(struct kan_tar *t, const struct kan_tar_entry *e, struct kan_err *err)
{
	if (relative(t, e->path, err) < 0)
		return -1;
	archive_entry_copy_pathname(t->entry, t->name);
	if (e->hardlink.n) {
		if (relative(t, e->hardlink, err) < 0)
			return -1;
		archive_entry_copy_hardlink(t->entry, t->name);
	} else if (S_ISLNK(e->mode)) {
		if (e->link.n > KAN_TAR_PATH_MAX)
			return kan_fail(err, KAN_ELIMIT, "tar: a link target of %zu bytes",
					e->link.n);
		if (e->link.n)
			memcpy(t->name, e->link.p, e->link.n);
		t->name[e->link.n] = 0; /* as it is, with its leading '/' */
		archive_entry_copy_symlink(t->entry, t->name);
	}
	return 0;
}

/* Ascending, apart, within the file: what a sparse map must be. */
static bool extents_ok(const struct kan_tar_entry *e)
{
	uint64_t end = 0;
	for (size_t i = 0; i < e->n_extents; i++) {
		const struct kan_tar_extent *x = &e->extents[i];
		if (x->offset < end || x->offset > e->size || x->length > e->size - x->offset)
			return false;
		end = x->offset + x->length;
	}
	return true;
}

static int set_extents(struct kan_tar *t, const struct kan_tar_entry *e, struct kan_err *err)
{
	t->n_extents = t->extent = 0;
	t->in_extent = t->at = 0;
	if (!e->extents)
		return 0;
	if (e->n_extents > KAN_TAR_EXTENTS)
		return kan_fail(err, KAN_ELIMIT, "tar: %zu extents, over %d", e->n_extents,
				KAN_TAR_EXTENTS);
	if (!extents_ok(e))
		return kan_fail(err, KAN_EFORMAT, "tar: extents out of order or outside the file");
	t->left = 0;
	for (size_t i = 0; i < e->n_extents; i++) {
		t->extents[t->n_extents++] = e->extents[i];
		t->left += e->extents[i].length;
		archive_entry_sparse_add_entry(t->entry, (la_int64_t)e->extents[i].offset,
					       (la_int64_t)e->extents[i].length);
	}
	/* A file that is one hole: an empty extent at its end is how libarchive knows. */
	if (e->n_extents == 0)
		archive_entry_sparse_add_entry(t->entry, (la_int64_t)e->size, 0);
	return 0;
}

static void set_numbers(struct kan_tar *t, const struct kan_tar_entry *e)
{
	int64_t s = e->mtime_ns / 1000000000;
	s -= e->mtime_ns < 0 && e->mtime_ns % 1000000000 != 0;
	archive_entry_set_filetype(t->entry, e->hardlink.n ? AE_IFREG : e->mode & S_IFMT);
	archive_entry_set_perm(t->entry, e->mode & 0777);
	archive_entry_set_uid(t->entry, (la_int64_t)e->uid);
	archive_entry_set_gid(t->entry, (la_int64_t)e->gid);
	archive_entry_set_mtime(t->entry, s,
				0); /* nanoseconds would cost a pax record: they live in the rows */
	archive_entry_set_size(t->entry, (la_int64_t)t->size);
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
		archive_entry_set_rdev(t->entry, e->rdev);
}

int kan_tar_entry(struct kan_tar *t, const struct kan_tar_entry *e, struct kan_err *err)
{
	archive_entry_clear(t->entry);
	if (S_ISSOCK(e->mode))
		return kan_fail(err, KAN_EUNSUPPORTED, "tar: a socket has no place in it");
	t->size = S_ISREG(e->mode) && !e->hardlink.n ? e->size : 0;
	t->left = t->size;
	set_numbers(t, e); /* first: libarchive drops extents beyond the size it knows */
	if (set_names(t, e, err) < 0 || set_extents(t, e, err) < 0) {
		t->size = t->left = 0;
		return -1;
	}
	/*
	 * In the C locale every name that is not ASCII becomes a pax path marked BINARY, byte for
	 * byte. As UTF-8, readers built on libarchive would compose its accents (NFC), and two
	 * names could become one.
	 */
	locale_t before = uselocale(t->ascii);
	int rc = archive_write_header(t->archive, t->entry);
	(void)uselocale(before);
	return told(t, rc >= ARCHIVE_WARN, err);
}

static int give(struct kan_tar *t, const void *p, size_t n, struct kan_err *err)
{
	const uint8_t *at = p;
	while (n) {
		la_ssize_t done = archive_write_data(t->archive, at, n);
		if (told(t, done >= 0, err) < 0)
			return -1;
		if (done == 0)
			return kan_fail(err, KAN_EIO, "tar: more bytes than announced");
		at += done;
		n -= (size_t)done;
		t->at += (uint64_t)done;
	}
	return 0;
}

/* libarchive takes the logical file and drops what the map calls a hole: holes are fed from one
 * buffer of zeros. */
static int zeros_until(struct kan_tar *t, uint64_t offset, struct kan_err *err)
{
	if (t->at >= offset)
		return 0;
	if (!t->zero)
		t->zero = memset(kan_io_buffer(KAN_IO_WRITE), 0, KAN_IO_WRITE);
	while (t->at < offset) {
		uint64_t rest = offset - t->at;
		if (give(t, t->zero, rest < KAN_IO_WRITE ? (size_t)rest : KAN_IO_WRITE, err) < 0)
			return -1;
	}
	return 0;
}

static int sparse_data(struct kan_tar *t, const uint8_t *p, size_t n, struct kan_err *err)
{
	while (n && t->extent < t->n_extents) {
		const struct kan_tar_extent *x = &t->extents[t->extent];
		uint64_t rest = x->length - t->in_extent;
		size_t step = rest < n ? (size_t)rest : n;
		if (zeros_until(t, x->offset, err) < 0 || give(t, p, step, err) < 0)
			return -1;
		t->in_extent += step;
		p += step;
		n -= step;
		if (t->in_extent == x->length) {
			t->extent++;
			t->in_extent = 0;
		}
	}
	return 0;
}

int kan_tar_data(struct kan_tar *t, const void *p, size_t n, struct kan_err *err)
{
	if (n > t->left)
		n = (size_t)t->left; /* it grew while it was read: the header's size holds */
	t->left -= n;
	return t->n_extents ? sparse_data(t, p, n, err) : give(t, p, n, err);
}

int kan_tar_finish(struct kan_tar *t, struct kan_err *err)
{
	if (t->size && zeros_until(t, t->size, err) < 0)
		return -1;
	t->size = t->left = 0;
	return told(t, archive_write_finish_entry(t->archive) >= ARCHIVE_WARN, err);
}

int kan_tar_close(struct kan_tar *t, struct kan_err *err)
{
	bool closed = archive_write_close(t->archive) >= ARCHIVE_WARN && !t->gone;
	int rc = told(t, closed, err);
	kan_tar_free(t);
	return rc;
}

void kan_tar_free(struct kan_tar *t)
{
	if (!t)
		return;
	t->gone = true; /* no end of archive is written behind a failure */
	if (t->archive)
		(void)archive_write_free(t->archive);
	archive_entry_free(t->entry);
	if (t->ascii)
		freelocale(t->ascii);
	free(t->zero);
	free(t->name);
	free(t);
}
