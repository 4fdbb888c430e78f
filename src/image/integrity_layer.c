/* A layer: its tar made again from tar-split and its directory, digested, and its headers compared.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "base/unpack.h"
#include "engine/below.h"
#include "image/integrity.h"
#include "image/integrity_part.h"
#include "image/layername.h"

enum { SUM = 24 };

struct layer {
	struct kan_integrity *g;
	int number, fd, split_fd;
	struct kan_stack below;
	struct kan_layerdir *dir;
	struct kan_layertar *tar;
	struct kan_buf line, path;
	uint8_t *in; /* of tar-split, KAN_IO_READ */
	uint64_t entries, files, octets, contents, headers, noted, unknown;
	bool fatal, touched;
	bool odd; /* the next file is of a kind whose bytes are not those of the tar */
	struct kan_err split_err, tar_err; /* why tar-split, or the headers, were not read */
	struct kan_err unknown_err;
};

/* A file's content as it is read. */
struct file {
	int pin; /* of its header; -1: the headers do not know it */
	struct kan_bytes path;
	uint64_t done, crc, there; /* there: its size on disk */
};

static int on_damage(const struct kan_damage *d, void *arg, struct kan_err *err)
{
	struct layer *l = arg;
	unsigned other = ~(unsigned)(KAN_DAMAGE_CONTENT | KAN_DAMAGE_NOTED);
	l->contents += (d->bits & KAN_DAMAGE_CONTENT) != 0;
	l->headers += (d->bits & other) != 0;
	l->noted += (d->bits & ~(unsigned)KAN_DAMAGE_NOTED) == 0;
	enum kan_rung rung = d->bits & KAN_DAMAGE_CONTENT ? KAN_RUNG_DIGEST : KAN_RUNG_HEADERS;
	int rc = kan_integrity_damage(l->g, rung, l->number, d, err);
	l->fatal = l->fatal || rc < 0;
	return rc;
}

static void on_unknown(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct layer *l = arg;
	if (l->unknown++ == 0)
		l->unknown_err = *why;
	if (l->unknown > KAN_INTEGRITY_GAPS)
		return; /* the verdict says that it is not whole */
	kan_integrity_unknown(l->g, l->number, "", path, why);
}

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct layer *l = arg;
	return kan_layerdir_member(l->dir, m, err);
}

/* What cannot be read as a tar still has a digest. */
static int headers(struct layer *l, int rc)
{
	return rc < 0 && l->fatal ? -1 : 0;
}

static int feed(struct layer *l, struct kan_bytes piece)
{
	kan_digest_add(l->g->digest, piece.p, piece.n);
	if (l->tar_err.code != KAN_OK)
		return 0;
	int rc = kan_layertar_feed(l->tar, piece, &l->tar_err);
	l->odd = rc < 0 && l->tar_err.code == KAN_EUNSUPPORTED;
	return headers(l, rc);
}

static size_t next_piece(const struct kan_integrity *g, const struct file *f)
{
	uint64_t left = g->split.size - f->done;
	return left < KAN_IO_READ ? (size_t)left : KAN_IO_READ;
}

/* As much as the tar has of it: one that has grown has other content, though this part holds. n
 * octets are in the buffer. */
static int stream(struct layer *l, int fd, struct file *f, ssize_t n, struct kan_err *why)
{
	struct kan_integrity *g = l->g;
	while (n > 0) {
		struct kan_bytes piece = {g->buffer, (size_t)n};
		f->crc = kan_crc64_add(f->crc, &g->crc, piece);
		f->done += piece.n;
		if (feed(l, piece) < 0)
			return -1;
		n = kan_tree_piece_bounded(g->buffer, next_piece(g, f), g->opener, fd, f->done,
					   why);
	}
	return 0;
}

/* With its first piece in the buffer; -1: as why. */
static ssize_t open_file(int *fd, struct layer *l, struct file *f, struct kan_err *why)
{
	kan_auto_close int own = -1;
	bool noatime = true;
	struct stat st;
	struct kan_integrity *g = l->g;
	int pin = f->pin;
	if (pin < 0 && kan_layer_pin(&own, l->fd, f->path, why) < 0)
		return -1;
	pin = pin < 0 ? own : pin;
	if (fstat(pin, &st) < 0)
		return kan_fail_sys(why, "stat");
	if (!S_ISREG(st.st_mode))
		return kan_fail(why, KAN_EREFUSED, "no file");
	f->there = (uint64_t)st.st_size;
	ssize_t n = kan_tree_first_bounded(g->buffer, next_piece(g, f), fd, &noatime, g->opener,
					   pin, why);
	if (!noatime && !l->touched)
		kan_sink_impact(g->sink, "access times of files of the image were changed");
	l->touched |= !noatime;
	return n;
}

/* The headers name it, when they can be read: then one row has all that is wrong with it. */
static int name_it(struct layer *l, const struct file *f, unsigned bits)
{
	char expected[SUM], found[SUM];
	(void)snprintf(expected, sizeof(expected), "crc64:%016" PRIx64, l->g->split.crc);
	(void)snprintf(found, sizeof(found), "crc64:%016" PRIx64, f->crc);
	if (f->pin >= 0) {
		kan_layerdir_content(l->dir, expected, found);
		return 0;
	}
	struct kan_damage d = {.path = f->path, .bits = bits};
	if (bits == KAN_DAMAGE_CONTENT) {
		d.expected_sum = expected;
		d.found_sum = found;
	}
	return on_damage(&d, l, NULL);
}

static bool gone(const struct kan_err *why)
{
	return why->code == KAN_EREFUSED || why->sys == ENOENT || why->sys == ENOTDIR ||
	       why->sys == ELOOP || why->sys == EXDEV;
}

/* It could not be read to its end. */
static int missed(struct layer *l, const struct file *f, const struct kan_err *why)
{
	if (!gone(why)) {
		on_unknown(f->path, why, l);
		return 0;
	}
	return l->tar_err.code == KAN_OK ? 0 : name_it(l, f, KAN_DAMAGE_MISSING);
}

static int aufs(struct layer *l)
{
	struct kan_err why = {0};
	(void)kan_fail(&why, KAN_EUNSUPPORTED, "a file of aufs's own, which no other store keeps");
	on_unknown(kan_buf_bytes(&l->g->split.name), &why, l);
	if (l->tar_err.code != KAN_OK)
		return 0;
	return headers(l, kan_layertar_skip(l->tar, l->g->split.size, &l->tar_err));
}

/* A file in its place in the tar. */
static int content(struct layer *l)
{
	struct kan_integrity *g = l->g;
	kan_auto_close int fd = -1;
	struct kan_err why = {0};
	struct file f = {.pin = kan_layerdir_pin(l->dir, kan_buf_bytes(&g->split.name))};
	bool odd = l->odd;
	int rc = 0;
	l->odd = false;
	if (g->split.size == 0)
		return 0;
	enum kan_layer_name kind = kan_layer_name(&l->path, kan_buf_bytes(&g->split.name));
	if (kind == KAN_LAYER_NAME_AUFS) /* no engine unpacks it: the tar cannot be made again */
		return aufs(l);
	if (kind == KAN_LAYER_NAME_BAD) {
		(void)kan_fail(&l->tar_err, KAN_EFORMAT, "tar-split: a name that leads out");
		return 0;
	}
	f.path = kan_buf_bytes(&l->path);
	l->files++;
	if (l->tar_err.code == KAN_OK && kan_layertar_left(l->tar) != g->split.size)
		(void)kan_fail(&l->tar_err, KAN_EFORMAT,
			       "tar-split: another size than its header's");
	ssize_t first = open_file(&fd, l, &f, &why);
	if (stream(l, fd, &f, first, &why) < 0)
		return -1;
	l->octets += f.done;
	if (odd)
		return 0;
	if (why.code != KAN_OK)
		rc = missed(l, &f, &why);
	else if (f.crc != g->split.crc || (f.pin < 0 && f.there > g->split.size))
		rc = name_it(l, &f, KAN_DAMAGE_CONTENT);
	if (rc < 0 || l->tar_err.code != KAN_OK)
		return rc;
	return headers(l, kan_layertar_skip(l->tar, g->split.size - f.done, &l->tar_err));
}

static int on_line(struct layer *l, struct kan_err *err)
{
	struct kan_split *s = &l->g->split;
	l->entries++;
	if (kan_split_parse(s, kan_buf_bytes(&l->line), err) < 0)
		return -1;
	int rc = s->type == KAN_SPLIT_SEGMENT ? feed(l, kan_buf_bytes(&s->payload)) : content(l);
	return rc < 0 ? kan_fail(err, KAN_EIO, "rows cannot be written") : 0;
}

static int on_text(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct layer *l = arg;
	while (piece.n) {
		const uint8_t *end = memchr(piece.p, '\n', piece.n);
		struct kan_bytes part = {piece.p, end ? (size_t)(end - piece.p) : piece.n};
		kan_buf_addb(&l->line, part);
		if (l->line.failed)
			return kan_fail(err, KAN_ELIMIT, "tar-split: a line over %d bytes",
					KAN_SPLIT_LINE);
		if (end && l->line.len && on_line(l, err) < 0)
			return -1;
		if (end)
			kan_buf_reset(&l->line);
		piece.p += part.n + (end != NULL);
		piece.n -= part.n + (end != NULL);
	}
	return 0;
}

static ssize_t on_read(void *arg, const void **p, struct kan_err *err)
{
	struct layer *l = arg;
	ssize_t n = 0;
	do
		n = read(l->split_fd, l->in, KAN_IO_READ);
	while (n < 0 && errno == EINTR);
	*p = l->in;
	return n < 0 ? kan_fail_sys(err, "tar-split") : n;
}

/* -1 in split_err only: what was read until then counts. */
static void take(struct layer *l)
{
	struct kan_unpack u = {.in = on_read,
			       .in_arg = l,
			       .out = on_text,
			       .out_arg = l,
			       .max = KAN_INTEGRITY_SPLIT_MAX};
	if (kan_unpack(&u, &l->split_err) < 0)
		return;
	if (l->line.len || l->entries == 0)
		(void)kan_fail(&l->split_err, KAN_EFORMAT, "tar-split: %s",
			       l->line.len ? "it ends within a line" : "it is empty");
	if (l->tar_err.code == KAN_OK)
		(void)kan_layertar_finish(l->tar, &l->tar_err);
}

static int open_split(struct layer *l, const char *path, struct kan_err *err)
{
	kan_auto_close int pin = -1;
	bool noatime = true;
	if (kan_below_pin(&pin, l->g->t, path, O_NOFOLLOW, err) < 0)
		return -1;
	return kan_tree_open_bounded(&l->split_fd, &noatime, l->g->opener, pin, err);
}

/* Rules about damage are not assessed then. */
static void tell(const struct layer *l, const struct kan_err *why)
{
	kan_sink_gap(l->g->sink, KAN_LIT("integrity.ndjson"), kan_gap_of_err(why),
		     "layer %d: %.200s", l->number, why->text);
}

/* Why another digest proves nothing; NULL: it does. */
static const struct kan_err *unable(const struct layer *l)
{
	if (l->split_err.code != KAN_OK)
		return &l->split_err;
	if (l->tar_err.code == KAN_EUNSUPPORTED)
		return &l->tar_err;
	return l->unknown ? &l->unknown_err : NULL;
}

/* Nothing is said to be right of which a part was not looked at. */
static int digest_verdict(struct layer *l, const char *diff_id, struct kan_err *err)
{
	char found[KAN_DIGEST];
	memcpy(found, "sha256:", KAN_DIGEST_SCHEME);
	kan_digest_finish(found + KAN_DIGEST_SCHEME, l->g->digest);
	bool same = strcmp(found, diff_id) == 0;
	struct kan_verdict v = {
		.rung = KAN_RUNG_DIGEST,
		.layer = l->number,
		.result = same && !l->contents ? "verified" : "damaged",
		.expected = diff_id,
		.found = found,
		.files = l->files,
		.octets = l->octets,
		.damaged = l->contents,
	};
	if (same && l->contents)
		v.why = "files have more than the tar, whose own bytes hold";
	if (!same && l->contents + l->headers == 0)
		v.why = "no file's own checksum tells which: one was made to fit, or tar-split was "
			"changed";
	const struct kan_err *why = unable(l);
	if (l->split_err.code != KAN_OK || (!same && l->contents == 0 && why)) {
		v.result = l->contents ? "damaged" : "not-done";
		v.found = NULL;
		v.why = why->text;
	}
	return kan_integrity_verdict(l->g, &v, err);
}

static int header_verdict(struct layer *l, struct kan_err *err)
{
	const struct kan_err *why = l->split_err.code != KAN_OK ? &l->split_err
				    : l->tar_err.code != KAN_OK ? &l->tar_err
				    : l->unknown                ? &l->unknown_err
								: NULL;
	struct kan_verdict v = {
		.rung = KAN_RUNG_HEADERS,
		.layer = l->number,
		.result = l->headers ? "damaged"
			  : why      ? "not-done"
				     : "verified",
		.files = kan_layertar_members(l->tar),
		.damaged = l->headers,
		.noted = l->noted,
		.why = why ? why->text : NULL,
	};
	return kan_integrity_verdict(l->g, &v, err);
}

static int judge(struct layer *l, const char *diff_id, struct kan_err *err)
{
	bool whole = l->split_err.code == KAN_OK && l->tar_err.code == KAN_OK;
	if ((whole ? kan_layerdir_finish(l->dir, err) : kan_layerdir_tell(l->dir, err)) < 0)
		return -1;
	if (l->split_err.code != KAN_OK)
		tell(l, &l->split_err);
	else if (l->tar_err.code != KAN_OK)
		tell(l, &l->tar_err);
	return digest_verdict(l, diff_id, err) < 0 ? -1 : header_verdict(l, err);
}

static void begin(struct layer *l, struct kan_integrity *g, size_t lower)
{
	kan_integrity_below(&l->below, g, lower);
	const struct kan_layerdir_opts o = {.fd = l->fd,
					    .below = &l->below,
					    .opener = g->opener,
					    .userxattr = g->t->userxattr,
					    .owners = &g->owners,
					    .damage = on_damage,
					    .unknown = on_unknown,
					    .arg = l};
	const struct kan_layertar_visit v = {.member = on_member, .arg = l};
	l->dir = kan_layerdir_new(&o);
	l->tar = kan_layertar_new(&v);
	l->in = kan_io_buffer(KAN_IO_READ);
	kan_digest_start(g->digest);
}

static void end(struct layer *l)
{
	kan_layerdir_free(l->dir);
	kan_layertar_free(l->tar);
	kan_buf_free(&l->line);
	kan_buf_free(&l->path);
	kan_stack_free(&l->below);
	free(l->in);
	if (l->split_fd >= 0)
		(void)close(l->split_fd);
}

int kan_integrity_layer(struct kan_integrity *g, const struct kan_layer_job *job,
			struct kan_err *err)
{
	struct layer l = {.g = g,
			  .number = job->number,
			  .fd = g->lowers[job->lower].fd,
			  .split_fd = -1,
			  .line = KAN_BUF(KAN_SPLIT_LINE),
			  .path = KAN_BUF(KAN_LAYERTAR_PATH)};
	begin(&l, g, job->lower);
	if (open_split(&l, job->split, &l.split_err) == 0)
		take(&l);
	int rc = l.fatal ? kan_fail(err, KAN_EIO, "integrity.ndjson cannot be written")
			 : judge(&l, job->diff_id, err);
	end(&l);
	return rc;
}
