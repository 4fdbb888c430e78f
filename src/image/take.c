/* The writer's side of the ring: tar members, contents, gaps and rows, in walk order. */
#include "image/take.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"

enum { MEMBER_MAX = KAN_READER_PATH_MAX + 64, SHOWN_MAX = 2 * KAN_ROW_PATH_MAX, STORED_MAX = 96 };

/* The file that is streamed: its own copy, because its record's room is given back. */
struct stream {
	bool open, member;
	struct kan_file file;
	struct kan_buf names;
	struct kan_artefact *content;
};

struct taking {
	struct kan_take *t;
	struct kan_reader *reader;
	struct stream stream;
	struct kan_buf member, shown;
	bool left, atime_told;
};

static int to_artefact(void *arg, const void *p, size_t n, struct kan_err *err)
{
	return kan_artefact_write(arg, p, n, err);
}

int kan_tarfile_open(struct kan_tarfile *out, struct kan_sink *s, const char *name,
		     struct kan_err *err)
{
	struct kan_tarfile t = {.name = name};
	if (kan_sink_open(&t.artefact, s, name, err) < 0)
		return -1;
	if (kan_tar_new(&t.tar, to_artefact, t.artefact, err) < 0) {
		kan_artefact_abandon(t.artefact);
		return -1;
	}
	*out = t;
	return 0;
}

int kan_tarfile_close(struct kan_tarfile *t, struct kan_err *err)
{
	struct kan_artefact *a = kan_take_ptr(t->artefact);
	if (kan_tar_close(kan_take_ptr(t->tar), err) < 0) {
		kan_artefact_abandon(a);
		return -1;
	}
	return kan_artefact_close(a, err);
}

void kan_tarfile_abandon(struct kan_tarfile *t)
{
	kan_tar_free(kan_take_ptr(t->tar));
	if (t->artefact)
		kan_artefact_abandon(kan_take_ptr(t->artefact));
}

/* What a gap names: the path as the container sees it. Lives until the next call. */
static struct kan_bytes shown(struct taking *k, struct kan_bytes path)
{
	struct kan_bytes point = k->t->point;
	if (point.n == 0)
		return path;
	kan_buf_reset(&k->shown);
	if (!kan_bytes_eq(point, KAN_LIT("/")))
		kan_buf_addb(&k->shown, point);
	if (k->shown.len == 0 || !kan_bytes_eq(path, KAN_LIT("/")))
		kan_buf_addb(&k->shown, path);
	return kan_buf_bytes(&k->shown);
}

static struct kan_bytes display(struct taking *k, const struct kan_file *f)
{
	return f->path.n ? shown(k, f->path) : f->name;
}

/* "ID/a/b", of a single file "ID"; hard links alike. */
static struct kan_bytes member(struct taking *k, struct kan_bytes path)
{
	size_t at = k->member.len;
	kan_buf_addb(&k->member, k->t->prefix);
	if (k->t->prefix.n == 0 || !kan_bytes_eq(path, KAN_LIT("/")))
		kan_buf_addb(&k->member, path);
	return (struct kan_bytes){k->member.data + at, k->member.len - at};
}

/* 1: a member was begun; 0: it has no place in the tar; -1: evidence cannot be written. */
static int begin_member(struct taking *k, const struct kan_file *f, struct kan_err *err)
{
	struct kan_err why = {0};
	kan_buf_reset(&k->member);
	struct kan_tar_entry e = {
		.mode = f->st.stx_mode,
		.uid = f->st.stx_uid,
		.gid = f->st.stx_gid,
		.size = kan_file_is(f, S_IFREG) ? f->st.stx_size : 0,
		.mtime_ns = kan_statx_ns(&f->st.stx_mtime),
		.link = f->link,
		.extents = f->sparse ? f->extents : NULL,
		.n_extents = f->n_extents,
	};
	e.path = member(k, f->path);
	if (f->content == KAN_CONTENT_LINKED)
		e.hardlink = member(k, f->hardlink);
	if (kan_tar_entry(k->t->tar->tar, &e, &why) == 0)
		return 1;
	if (why.code == KAN_ELIMIT || why.code == KAN_EUNSUPPORTED || why.code == KAN_EFORMAT) {
		kan_sink_gap_err(k->t->sink, display(k, f), &why);
		return 0;
	}
	if (err)
		*err = why;
	return -1;
}

/* What has a place in a tar: directories, links, and files whose bytes are here. */
static bool belongs(const struct taking *k, const struct kan_file *f)
{
	if (!k->t->tar || f->path_len > KAN_READER_PATH_MAX)
		return false;
	if (k->t->member && !k->t->member(f, k->t->arg))
		return false;
	if (kan_file_is(f, S_IFDIR) || kan_file_is(f, S_IFLNK))
		return true;
	bool bytes =
		f->content == KAN_CONTENT_READ || f->content == KAN_CONTENT_LINKED || f->streamed;
	return kan_file_is(f, S_IFREG) && f->store && bytes;
}

static bool long_path(const struct taking *k, const struct kan_file *f)
{
	bool bytes = f->content == KAN_CONTENT_READ || f->streamed;
	return k->t->content && k->t->tar && f->path_len > KAN_READER_PATH_MAX && f->store && bytes;
}

/* What the row says is missing, as a gap beside it. */
static void tell(struct taking *k, const struct kan_file *f)
{
	struct kan_sink *s = k->t->sink;
	if (f->content == KAN_CONTENT_READ && !f->stable)
		kan_sink_gap(s, display(k, f), KAN_GAP_CHANGED,
			     "it changed while it was read; %llu bytes are kept",
			     (unsigned long long)f->octets);
	if (f->content == KAN_CONTENT_LIMIT)
		kan_sink_limit(s, display(k, f), f->st.stx_size, 0, KAN_READER_FILE_MAX);
	if (f->by_extents && f->content == KAN_CONTENT_READ)
		kan_sink_gap(s, display(k, f), KAN_GAP_LIMIT,
			     "holes are not hashed: the digest is of the extents");
	if (f->path_len > f->path.n && f->path.n)
		kan_sink_limit(s, f->name, f->path_len, f->path.n, KAN_ROW_PATH_MAX);
}

static int row(struct taking *k, const struct kan_file *f, const char *stored, struct kan_err *err)
{
	tell(k, f);
	return k->t->row(f, stored, k->t->arg, err);
}

static int whole_content(struct taking *k, const struct kan_file *f, struct kan_err *err)
{
	struct kan_artefact *a = NULL;
	char sha256[KAN_SHA256_HEX], stored[STORED_MAX] = "";
	if (kan_sink_content(&a, k->t->sink, k->t->content, err) < 0)
		return -1;
	if (kan_artefact_write(a, f->data.p, f->data.n, err) < 0) {
		kan_artefact_abandon(a);
		return -1;
	}
	if (kan_artefact_close_content(sha256, a, err) < 0)
		return -1;
	(void)snprintf(stored, sizeof(stored), "%s/%s", k->t->content, sha256);
	return row(k, f, stored, err);
}

static int whole_file(struct taking *k, const struct kan_file *f, struct kan_err *err)
{
	struct kan_tar *tar = k->t->tar ? k->t->tar->tar : NULL;
	if (long_path(k, f))
		return whole_content(k, f, err);
	int in = belongs(k, f) ? begin_member(k, f, err) : 0;
	if (in < 0)
		return -1;
	if (in &&
	    (kan_tar_data(tar, f->data.p, f->data.n, err) < 0 || kan_tar_finish(tar, err) < 0))
		return -1;
	return row(k, f, in ? k->t->tar->name : NULL, err);
}

static void keep(struct kan_buf *b, struct kan_bytes *v, size_t *offset)
{
	*offset = b->len;
	kan_buf_addb(b, *v);
}

/* A copy of f that outlives its record; content and digest come at its end. */
static void copy_file(struct stream *s, const struct kan_file *f)
{
	size_t at[4];
	kan_buf_reset(&s->names);
	s->file = *f;
	struct kan_bytes *views[] = {&s->file.path, &s->file.name, &s->file.xattrs,
				     &s->file.hardlink};
	for (size_t i = 0; i < 4; i++)
		keep(&s->names, views[i], &at[i]);
	for (size_t i = 0; i < 4; i++)
		views[i]->p = s->names.data ? s->names.data + at[i] : NULL;
	s->file.extents = NULL; /* the tar has them */
	s->file.n_extents = 0;
}

static int begin_stream(struct taking *k, const struct kan_file *f, struct kan_err *err)
{
	struct stream *s = &k->stream;
	copy_file(s, f);
	s->open = true;
	s->member = false;
	if (long_path(k, f))
		return kan_sink_content(&s->content, k->t->sink, k->t->content, err);
	int in = belongs(k, f) ? begin_member(k, f, err) : 0;
	s->member = in > 0;
	return in < 0 ? -1 : 0;
}

static int stream_data(struct taking *k, struct kan_bytes v, struct kan_err *err)
{
	struct stream *s = &k->stream;
	if (s->content)
		return kan_artefact_write(s->content, v.p, v.n, err);
	return s->member ? kan_tar_data(k->t->tar->tar, v.p, v.n, err) : 0;
}

static int end_stream(struct taking *k, struct kan_err *err)
{
	struct stream *s = &k->stream;
	char sha256[KAN_SHA256_HEX], stored[STORED_MAX] = "";
	s->open = false;
	if (s->content) {
		if (kan_artefact_close_content(sha256, kan_take_ptr(s->content), err) < 0)
			return -1;
		(void)snprintf(stored, sizeof(stored), "%s/%s", k->t->content, sha256);
	} else if (s->member) {
		if (kan_tar_finish(k->t->tar->tar, err) < 0)
			return -1;
		(void)snprintf(stored, sizeof(stored), "%s", k->t->tar->name);
	}
	return row(k, &s->file, stored[0] ? stored : NULL, err);
}

static void take_digest(struct kan_file *to, const struct kan_file *from)
{
	to->content = from->content;
	to->stable = from->stable;
	to->octets = from->octets;
	memcpy(to->sha256, from->sha256, sizeof(to->sha256));
	memcpy(to->sum, from->sum, sizeof(to->sum));
	to->sum_n = from->sum_n;
}

static int on_record(struct taking *k, const struct kan_record *rec, struct kan_err *err)
{
	switch (rec->kind) {
	case KAN_RECORD_PROBLEM:
		kan_sink_gap_err(k->t->sink, shown(k, rec->data), rec->err);
		return 0;
	case KAN_RECORD_DATA:
		return stream_data(k, rec->data, err);
	case KAN_RECORD_END:
		take_digest(&k->stream.file, &rec->file);
		return end_stream(k, err);
	case KAN_RECORD_FILE:
		return rec->file.streamed ? begin_stream(k, &rec->file, err)
					  : whole_file(k, &rec->file, err);
	}
	return 0;
}

/* Something blocks: the pause ends, the place is a gap, and the walk goes on behind it. */
static int on_stuck(struct taking *k, const struct kan_err *why, struct kan_err *err)
{
	struct kan_bytes path;
	struct kan_err none = {0};
	kan_sink_window_break(k->t->sink);
	int rc = kan_reader_go_on(&path, k->reader, &none);
	kan_sink_gap(k->t->sink, shown(k, path), KAN_GAP_STUCK, "%s", why->text);
	if (rc < 0)
		kan_sink_gap_err(k->t->sink, shown(k, path), &none);
	if (!k->stream.open)
		return 0;
	k->stream.file.content = KAN_CONTENT_STUCK;
	return end_stream(k, err);
}

static int step(struct taking *k, struct kan_err *err)
{
	const struct kan_record *rec = NULL;
	struct kan_err why = {0};
	int rc = kan_reader_next(&rec, k->reader, &why);
	if (rc > 0)
		return on_record(k, rec, err) < 0 ? -1 : 1;
	if (rc < 0 && why.sys == ETIMEDOUT &&
	    kan_reader_counts(k->reader).stuck < KAN_READER_STUCK_END)
		return on_stuck(k, &why, err) < 0 ? -1 : 1;
	if (rc < 0)
		kan_sink_gap_err(k->t->sink, kan_bytes_of(k->t->name ? k->t->name : "the walk"),
				 &why);
	return 0;
}

static void leave(struct taking *k)
{
	if (k->t->window && !k->left)
		kan_sink_window_leave(k->t->sink);
	k->left = true;
}

static void sum_up(struct taking *k)
{
	struct kan_take *t = k->t;
	t->counts = kan_reader_counts(k->reader);
	if (t->counts.atime)
		kan_sink_impact(t->sink, "access times of files changed: O_NOATIME was refused");
	if (t->counts.links_full)
		kan_sink_limit(t->sink, KAN_LIT("hard links"), t->counts.entries, 0, 65536);
}

int kan_take_tree(struct kan_take *t, struct kan_err *err)
{
	static const uint8_t filler[2 * MEMBER_MAX];
	struct kan_err why = {0};
	struct taking k = {.t = t,
			   .member = KAN_BUF(2 * MEMBER_MAX),
			   .shown = KAN_BUF(SHOWN_MAX),
			   .stream.names = KAN_BUF(1 << 20)};
	kan_buf_add(&k.member, filler,
		    sizeof(filler)); /* it never moves: two views of it live side by side */
	/* readlink sets the access time, and no flag keeps it from that. */
	kan_sink_impact(t->sink, "read symbolic links, which sets their access times");
	if (t->defer)
		t->reader.ring = KAN_READER_RING_WINDOW;
	k.reader = kan_take_ptr(t->started);
	if (!k.reader && kan_reader_start(&k.reader, &t->reader, &why) < 0) {
		kan_sink_gap_err(t->sink, KAN_LIT("the reader"), &why);
		leave(&k);
		return 0;
	}
	if (t->defer) {
		kan_reader_settle(k.reader);
		leave(&k);
	}
	int rc = 1;
	while (rc > 0)
		rc = step(&k, err);
	leave(&k);
	if (rc == 0)
		sum_up(&k);
	if (k.stream.content)
		kan_artefact_abandon(k.stream.content);
	kan_reader_free(k.reader);
	kan_buf_free(&k.stream.names);
	kan_buf_free(&k.member);
	kan_buf_free(&k.shown);
	return rc;
}
