/* Which bytes of a bundle YARA rules see, and what is told of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/source.h"
#include "analyze/yaraengine.h"
#include "analyze/yaraline.h"
#include "base/digest.h"
#include "base/row.h"
#include "base/tar.h"

enum { PATH_OCTETS = KAN_TAR_PATH_MAX + 2, NUMBER_TEXT = 24, WHY_TEXT = 128 };
enum { TAR_MEMBERS = 2000000 };
static const uint64_t tar_octets = 1ULL << 42; /* a hole is not stored: only time bounds it */

struct walk {
	struct kan_yara *y;
	const struct kan_source *source;
	const struct kan_yara_limits *limits;
	const struct kan_yara_tell *tell;
	uint64_t from, number; /* of the next subject */
	/* the artefact at hand */
	const char *artefact, *what, *trust;
	bool mount;
	/* the subject at hand */
	json_t *base; /* {"what", "file", "artefact", "trust", "size", "mnt_id"} */
	struct kan_buf bytes;
	struct kan_bytes path; /* of bytes below, or the artefact */
	struct kan_buf path_bytes;
	char owner[NUMBER_TEXT];
	uint64_t size;
	bool open;
};

/* --- telling --- */

static int gap(struct walk *w, const char *code, const char *why, struct kan_err *err)
{
	json_t *row = json_pack("{s:s,s:s,s:s,s:s}", "type", "gap", "artefact", w->artefact, "code",
				code, "why", why);
	kan_json_set_bytes(row, "what", w->path);
	int rc = w->tell->row(row, true, w->tell->arg, err);
	json_decref(row);
	return rc;
}

static int on_hit(json_t *row, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	json_object_update(row, w->base);
	return w->tell->row(row, false, w->tell->arg, err);
}

/* --- one subject --- */

static void subject_base(struct walk *w, int64_t mount)
{
	json_decref(w->base);
	w->base = json_pack("{s:s,s:s,s:s,s:s,s:I}", "type", "hit", "what", w->what, "artefact",
			    w->artefact, "trust", w->trust, "size", (json_int_t)w->size);
	kan_json_set_bytes(w->base, "file", w->path);
	if (mount)
		json_object_set_new(w->base, "mnt_id", json_integer(mount));
}

/* Everything that may be told of has a number, so that it is told once. */
static bool is_next(struct walk *w)
{
	return w->number++ >= w->from;
}

/* open false: it was passed over, or is not looked at. */
static int subject_begin(bool *open, struct walk *w, struct kan_err *err)
{
	char why[WHY_TEXT];
	*open = false;
	if (!is_next(w) || w->size == 0)
		return 0;
	if (w->size > w->limits->file_octets) {
		(void)snprintf(why, sizeof why, "%llu octets: more than %llu are not scanned",
			       (unsigned long long)w->size,
			       (unsigned long long)w->limits->file_octets);
		return gap(w, "limit", why, err);
	}
	json_t *place = json_pack("{s:s}", "artefact", w->artefact);
	kan_json_set_bytes(place, "what", w->path);
	int rc = w->tell->begin(place, w->number - 1, w->tell->arg, err);
	json_decref(place);
	kan_buf_free(&w->bytes);
	w->bytes = KAN_BUF(w->limits->file_octets);
	*open = true;
	return rc;
}

static int subject_end(struct walk *w, struct kan_err *err)
{
	char hex[KAN_SHA256_HEX];
	struct kan_err why = {0};
	const struct kan_yara_subject s = {w->path, kan_bytes_of(w->owner),
					   kan_buf_bytes(&w->bytes)};
	if (w->bytes.failed)
		return gap(w, "limit", "it has more octets than it was said to have", err);
	if (!w->bytes.len)
		return 0;
	kan_sha256_hex(hex, s.bytes);
	json_object_set_new(w->base, "sha256", json_string(hex));
	if (kan_yara_match(w->y, &s, w->limits->file_s, on_hit, w, &why) == 0)
		return 0;
	if (why.code == KAN_ELIMIT)
		return gap(w, "limit", why.text, err);
	return kan_fail(err, why.code, "%s", why.text);
}

/* --- tars --- */

/* Of a mount's file the number of the mount stands before its path. */
static int64_t mount_of(struct kan_bytes *path)
{
	int64_t id = 0;
	size_t i = 0;
	for (; i < path->n && path->p[i] >= '0' && path->p[i] <= '9' && i < 18; i++)
		id = id * 10 + path->p[i] - '0';
	if (i == 0 || i == path->n || path->p[i] != '/')
		return 0;
	path->p += i + 1;
	path->n -= i + 1;
	return id;
}

static int finish_member(struct walk *w, struct kan_err *err)
{
	bool open = w->open;
	w->open = false;
	return open ? subject_end(w, err) : 0;
}

static int on_member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	if (finish_member(w, err) < 0)
		return -1;
	if (!S_ISREG(m->mode) || m->hardlink.n)
		return 1;
	struct kan_bytes path = m->path;
	int64_t mount = w->mount ? mount_of(&path) : 0;
	kan_buf_reset(&w->path_bytes);
	kan_buf_addc(&w->path_bytes, '/');
	kan_buf_addb(&w->path_bytes, path);
	w->path = kan_buf_bytes(&w->path_bytes);
	w->size = m->size;
	(void)snprintf(w->owner, sizeof w->owner, "%llu", (unsigned long long)m->uid);
	subject_base(w, mount);
	if (subject_begin(&w->open, w, err) < 0)
		return -1;
	return w->open ? 0 : 1;
}

static int on_piece(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct walk *w = arg;
	(void)err;
	kan_buf_addb(&w->bytes, piece);
	return 0;
}

static void as_artefact(struct walk *w, uint64_t size)
{
	w->path = kan_bytes_of(w->artefact);
	w->owner[0] = 0;
	w->size = size;
	w->open = false;
}

/* A tar that ends where it does is a gap; one that is not what was sealed ends it all. */
static int tar(struct walk *w, struct kan_err *err)
{
	struct kan_err why = {0};
	const struct kan_tar_visit v = {.member = on_member,
					.data = on_piece,
					.arg = w,
					.max_members = TAR_MEMBERS,
					.max_bytes = tar_octets};
	int rc = kan_source_tar(w->source, w->artefact, &v, &why);
	if (rc == 0)
		return finish_member(w, err);
	as_artefact(w, 0);
	if (why.code == KAN_EFORMAT || why.code == KAN_ELIMIT)
		return !is_next(w) ? 0
				   : gap(w, why.code == KAN_ELIMIT ? "limit" : "malformed",
					 why.text, err);
	return kan_fail(err, why.code, "%s", why.text);
}

/* --- single artefacts --- */

static bool ends(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);
	return n >= k && strcmp(text + n - k, end) == 0;
}

static int whole(struct walk *w, uint64_t size, struct kan_err *err)
{
	as_artefact(w, size);
	if (ends(w->artefact, ".ndjson"))
		return 0; /* our own rows */
	if (ends(w->artefact, ".gz"))
		return !is_next(w)
			       ? 0
			       : gap(w, "unsupported", "a packed log is not unpacked for it", err);
	subject_base(w, 0);
	if (subject_begin(&w->open, w, err) < 0)
		return -1;
	if (w->open && kan_source_read(&w->bytes, w->source, w->artefact, err) < 0)
		return -1;
	return finish_member(w, err);
}

static int artefact(struct walk *w, const struct kan_bundle_file *f, struct kan_err *err)
{
	const struct kan_yara_place *p = kan_yara_place_of(f->path);
	if (!p)
		return 0;
	w->artefact = f->path;
	w->what = p->what;
	w->trust = p->trust;
	w->mount = p->mount;
	/* A scan that is ended in the middle does not come to the digest: so it comes first. */
	if (kan_source_intact(w->source, f->path, err) < 0)
		return -1;
	return p->tar ? tar(w, err) : whole(w, f->size, err);
}

int kan_yara_walk(struct kan_yara *y, const struct kan_source *s, const struct kan_bundle *b,
		  const struct kan_yara_limits *limits, uint64_t from,
		  const struct kan_yara_tell *tell, struct kan_err *err)
{
	struct walk w = {.y = y,
			 .source = s,
			 .limits = limits,
			 .tell = tell,
			 .from = from,
			 .path_bytes = KAN_BUF(PATH_OCTETS)};
	int rc = 0;
	for (size_t i = 0; i < kan_bundle_count(b) && rc == 0; i++)
		rc = artefact(&w, kan_bundle_file(b, i), err);
	kan_buf_free(&w.bytes);
	kan_buf_free(&w.path_bytes);
	json_decref(w.base);
	return rc;
}
