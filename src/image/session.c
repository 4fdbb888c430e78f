/* One entry becomes records: what stat says, attributes, and the bytes, read once and hashed while
 * they are hot. */
#include "image/session.h"

#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kanshiki/sink.h>

#include "base/file.h"
#include "base/row.h"
#include "image/xattrs.h"

enum { PAGE = 4096, DIR_PATH_MAX = 4096, BLOCK = 512 };

/* What is to be read of a file: one extent, or those of a sparse one. */
struct plan {
	int fd;
	struct kan_file *f;
	uint64_t total, holes;
	struct kan_tar_extent whole;
};

static uint8_t *put(uint8_t *at, struct kan_bytes *v)
{
	if (v->n)
		memcpy(at, v->p, v->n);
	v->p = at;
	return at + v->n;
}

static size_t facts_size(const struct kan_file *f)
{
	return sizeof(struct kan_record) + f->path.n + f->name.n + f->link.n + f->xattrs.n +
	       f->hardlink.n + f->n_extents * sizeof(*f->extents);
}

/* A record of f with everything it points to; *end is where free room begins. */
static struct kan_record *put_file(uint8_t *room, const struct kan_file *f, uint8_t **end)
{
	struct kan_record *rec = (struct kan_record *)(void *)room;
	*rec = (struct kan_record){.kind = KAN_RECORD_FILE, .file = *f};
	uint8_t *at = room + sizeof(*rec);
	struct kan_bytes extents = {(const uint8_t *)f->extents,
				    f->n_extents * sizeof(*f->extents)};
	at = put(at, &extents);
	rec->file.extents = (const struct kan_tar_extent *)(const void *)extents.p;
	at = put(at, &rec->file.path);
	at = put(at, &rec->file.name);
	at = put(at, &rec->file.link);
	at = put(at, &rec->file.xattrs);
	*end = put(at, &rec->file.hardlink);
	return rec;
}

static bool send_file(struct kan_session *s, const struct kan_file *f)
{
	uint8_t *end = NULL, *room = kan_ring_reserve(s->ring, facts_size(f));
	if (!room)
		return false;
	(void)put_file(room, f, &end);
	kan_ring_commit(s->ring, (size_t)(end - room));
	return true;
}

bool kan_session_problem(struct kan_session *s, struct kan_bytes path, const struct kan_err *err)
{
	path.n = path.n < KAN_ROW_PATH_MAX ? path.n : KAN_ROW_PATH_MAX;
	uint8_t *room =
		kan_ring_reserve(s->ring, sizeof(struct kan_record) + sizeof(*err) + path.n);
	if (!room)
		return false;
	struct kan_record *rec = (struct kan_record *)(void *)room;
	*rec = (struct kan_record){.kind = KAN_RECORD_PROBLEM, .data = path};
	rec->err = (struct kan_err *)(void *)(rec + 1);
	*rec->err = *err;
	uint8_t *end = put((uint8_t *)(rec->err + 1), &rec->data);
	kan_ring_commit(s->ring, (size_t)(end - room));
	return true;
}

/* Data and holes of a sparse file. More pieces than a tar can hold: the last one takes the rest. */
static int find_extents(struct kan_session *s, struct plan *p, struct kan_err *err)
{
	uint64_t size = p->f->st.stx_size;
	size_t n = 0;
	for (off_t at = 0; (uint64_t)at < size;) {
		off_t data = lseek(p->fd, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		off_t hole = data < 0 ? -1 : lseek(p->fd, data, SEEK_HOLE);
		if (hole < 0)
			return kan_fail_sys(err, "seek");
		uint64_t end = (uint64_t)hole < size ? (uint64_t)hole : size;
		if ((uint64_t)data >= end)
			break;
		if (n == KAN_TAR_EXTENTS)
			s->extents[n - 1].length = end - s->extents[n - 1].offset;
		else
			s->extents[n++] =
				(struct kan_tar_extent){(uint64_t)data, end - (uint64_t)data};
		at = hole;
	}
	p->f->sparse = true;
	p->f->extents = s->extents;
	p->f->n_extents = n;
	p->total = 0;
	for (size_t i = 0; i < n; i++)
		p->total += s->extents[i].length;
	p->holes = size - p->total;
	return 0;
}

static int make_plan(struct kan_session *s, struct plan *p, struct kan_err *err)
{
	const struct statx *st = &p->f->st;
	p->total = st->stx_size;
	p->whole = (struct kan_tar_extent){0, st->stx_size};
	if (st->stx_blocks * BLOCK < st->stx_size && find_extents(s, p, err) < 0)
		return -1;
	if (p->holes && s->counts.holes + p->holes > KAN_READER_HOLES_MAX) {
		p->f->by_extents = true;
		s->counts.holes_left_out += p->holes;
	} else {
		s->counts.holes += p->holes;
	}
	return 0;
}

static void hash(struct kan_session *s, const void *p, size_t n)
{
	kan_digest_add(s->digest, p, n);
	if (s->checksum)
		kan_checksum_add(s->checksum, (struct kan_bytes){p, n});
}

static void hash_zeros(struct kan_session *s, uint64_t n)
{
	static const uint8_t zeros[64 << 10];
	for (; n; n -= n < sizeof(zeros) ? n : sizeof(zeros))
		hash(s, zeros, n < sizeof(zeros) ? (size_t)n : sizeof(zeros));
}

static void hash_number(struct kan_digest *d, uint64_t v)
{
	uint64_t big = htobe64(v);
	kan_digest_add(d, &big, sizeof(big));
}

static void hash_start(struct kan_session *s)
{
	kan_digest_start(s->digest);
	if (s->checksum)
		kan_checksum_start(s->checksum);
}

/* A manager's checksum is of the bytes, never of extents. */
static void hash_finish(struct kan_file *f, struct kan_session *s)
{
	kan_digest_finish(f->sha256, s->digest);
	if (!s->checksum)
		return;
	kan_checksum_finish(f->sum, s->checksum);
	f->sum_n = f->by_extents ? 0 : (uint8_t)s->o.sum;
}

/* Fill up to n bytes from an extent; less at the end of a file that shrank. -1: left behind, or an
 * error in err. */
static ssize_t read_some(struct kan_session *s, int fd, uint8_t *to, size_t n, uint64_t offset,
			 struct kan_err *err)
{
	size_t done = 0;
	kan_session_begin(s, false);
	while (done < n) {
		ssize_t got = pread(fd, to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			(void)kan_fail_sys(err, "read");
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	if (!kan_session_end(s))
		return -1;
	s->counts.octets += done;
	return (ssize_t)done;
}

/* Where the bytes of a plan go: into the room of one record, or into records of their own. */
struct to {
	uint8_t *room; /* NULL: records */
	size_t used;
};

static bool hand_over(struct kan_session *s, struct to *to, const struct plan *p,
		      const struct kan_tar_extent *x, uint64_t *done, struct kan_err *err)
{
	size_t want = x->length - *done < KAN_READER_CHUNK ? (size_t)(x->length - *done)
							   : KAN_READER_CHUNK;
	uint8_t *record = NULL, *data = to->room ? to->room + to->used : NULL;
	if (!to->room) {
		record = kan_ring_reserve(s->ring, sizeof(struct kan_record) + PAGE + want);
		if (!record)
			return false;
		uintptr_t after = (uintptr_t)record + sizeof(struct kan_record);
		data = record + ((after + PAGE - 1) / PAGE * PAGE - (uintptr_t)record);
	}
	ssize_t n = read_some(s, p->fd, data, want, x->offset + *done, err);
	if (n < 0)
		return false;
	hash(s, data, (size_t)n);
	to->used += (size_t)n;
	p->f->octets += (uint64_t)n;
	*done += (uint64_t)n;
	if (record && p->f->store && n) { /* room that is not committed is the next one's */
		struct kan_record *rec = (struct kan_record *)(void *)record;
		*rec = (struct kan_record){.kind = KAN_RECORD_DATA, .data = {data, (size_t)n}};
		kan_ring_commit(s->ring, (size_t)(data + n - record));
	}
	if ((size_t)n < want)
		*done = UINT64_MAX; /* the end came early */
	return true;
}

/* Read and hash the whole plan. false: left behind, or nobody listens. */
static bool read_plan(struct kan_session *s, struct to *to, struct plan *p, struct kan_err *err)
{
	const struct kan_tar_extent *x = p->f->sparse ? p->f->extents : &p->whole;
	size_t n = p->f->sparse ? p->f->n_extents : 1;
	uint64_t at = 0, done = 0;
	hash_start(s);
	for (size_t i = 0; i < n && done != UINT64_MAX; i++) {
		if (p->f->by_extents) {
			hash_number(s->digest, x[i].offset);
			hash_number(s->digest, x[i].length);
		} else {
			hash_zeros(s, x[i].offset - at);
		}
		for (done = 0; done < x[i].length;)
			if (!hand_over(s, to, p, &x[i], &done, err))
				return false;
		at = x[i].offset + x[i].length;
	}
	if (p->f->by_extents)
		hash_number(s->digest, p->f->st.stx_size);
	else if (done != UINT64_MAX)
		hash_zeros(s, p->f->st.stx_size - at);
	hash_finish(p->f, s);
	return true;
}

static bool same_time(const struct timespec *a, const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && (uint32_t)a->tv_nsec == b->tv_nsec;
}

static void check_stable(const struct plan *p, struct kan_err *err)
{
	struct stat now;
	const struct statx *was = &p->f->st;
	p->f->content = KAN_CONTENT_READ;
	p->f->stable = fstat(p->fd, &now) == 0 && (uint64_t)now.st_size == was->stx_size &&
		       same_time(&now.st_mtim, &was->stx_mtime) &&
		       same_time(&now.st_ctim, &was->stx_ctime) && p->f->octets == p->total;
	if (err->code != KAN_OK)
		p->f->stable = false;
}

/* A file that fits: facts and bytes in one record. */
static bool send_small(struct kan_session *s, struct plan *p, struct kan_err *err)
{
	size_t facts = facts_size(p->f);
	uint8_t *end = NULL, *room = kan_ring_reserve(s->ring, facts + PAGE + (size_t)p->total);
	if (!room)
		return false;
	uintptr_t after = (uintptr_t)room + facts;
	struct to to = {.room = room + ((after + PAGE - 1) / PAGE * PAGE - (uintptr_t)room)};
	if (!read_plan(s, &to, p, err))
		return false;
	check_stable(p, err);
	struct kan_record *rec = put_file(room, p->f, &end);
	rec->file.data = (struct kan_bytes){to.room, to.used};
	if (!p->f->store || to.used == 0) {
		rec->file.data = (struct kan_bytes){0};
		kan_ring_commit(s->ring, (size_t)(end - room));
	} else {
		kan_ring_commit(s->ring, (size_t)(to.room + to.used - room));
	}
	return true;
}

static bool send_stream(struct kan_session *s, struct plan *p, struct kan_err *err)
{
	struct to to = {0};
	p->f->streamed = true;
	if (!send_file(s, p->f))
		return false;
	s->at.told = true;
	if (!read_plan(s, &to, p, err))
		return false;
	check_stable(p, err);
	uint8_t *room = kan_ring_reserve(s->ring, sizeof(struct kan_record));
	if (!room)
		return false;
	*(struct kan_record *)(void *)room =
		(struct kan_record){.kind = KAN_RECORD_END, .file = *p->f};
	kan_ring_commit(s->ring, sizeof(struct kan_record));
	return true;
}

static bool refuse(struct kan_session *s, struct kan_file *f, enum kan_content why,
		   const struct kan_err *err)
{
	f->content = why;
	if (err && !kan_session_problem(s, f->path, err))
		return false;
	return send_file(s, f);
}

static bool send_content(struct kan_session *s, struct plan *p)
{
	struct kan_err err = {0};
	if (make_plan(s, p, &err) < 0)
		return refuse(s, p->f, KAN_CONTENT_REFUSED, &err);
	if (p->total > KAN_READER_FILE_MAX)
		return refuse(s, p->f, KAN_CONTENT_LIMIT, NULL);
	if (p->total < KAN_READER_CHUNK ? !send_small(s, p, &err) : !send_stream(s, p, &err))
		return false;
	if (p->f->st.stx_nlink > 1 && p->f->path_len <= KAN_READER_PATH_MAX)
		kan_links_add(s->links, p->f);
	return err.code == KAN_OK || kan_session_problem(s, p->f->path, &err);
}

/* By the open file, where there is one. */
static bool read_xattrs(struct kan_session *s, const struct kan_tree_entry *e, struct kan_file *f,
			int fd)
{
	struct kan_err err = {0};
	kan_session_begin(s, false);
	f->xattrs_known = fd < 0 ? kan_xattrs_read(&s->xattrs, e->fd, e->parent_fd, e->name, &err)
				 : kan_xattrs_read_open(&s->xattrs, fd, &err);
	if (!kan_session_end(s))
		return false;
	f->xattrs = kan_buf_bytes(&s->xattrs);
	return f->xattrs_known || kan_session_problem(s, f->path, &err);
}

static bool is_metacopy(const struct kan_session *s, const struct kan_file *f)
{
	struct kan_bytes value;
	return s->o.metacopy && kan_xattrs_find(&value, f->xattrs, s->o.metacopy);
}

static bool emit_regular(struct kan_session *s, const struct kan_tree_entry *e, struct kan_file *f)
{
	kan_auto_close int fd = -1;
	bool noatime = true;
	struct kan_err err = {0};
	if (f->st.stx_nlink > 1 && kan_links_find(f, s->links))
		return read_xattrs(s, e, f, -1) && send_file(s, f);
	enum kan_want want = s->o.want ? s->o.want(f, s->o.arg) : KAN_WANT_STORE;
	f->store = want == KAN_WANT_STORE;
	if (want == KAN_WANT_NOTHING || s->no_open) {
		f->content = s->no_open ? KAN_CONTENT_STUCK : KAN_CONTENT_NONE;
		return read_xattrs(s, e, f, -1) && send_file(s, f);
	}
	kan_session_begin(s, false);
	int rc = kan_tree_open(&fd, &noatime, e->fd, &err);
	if (!kan_session_end(s))
		return false;
	if (rc < 0)
		return read_xattrs(s, e, f, -1) && refuse(s, f, KAN_CONTENT_REFUSED, &err);
	s->counts.atime |= !noatime;
	if (!read_xattrs(s, e, f, fd))
		return false;
	if (is_metacopy(s, f))
		return refuse(s, f, KAN_CONTENT_ELSEWHERE, NULL);
	return send_content(s, &(struct plan){.fd = fd, .f = f});
}

static bool emit_other(struct kan_session *s, const struct kan_tree_entry *e, struct kan_file *f)
{
	struct kan_err err = {0};
	if (S_ISLNK(f->st.stx_mode)) {
		kan_buf_reset(&s->link);
		if (kan_tree_readlink(&s->link, e->fd, &err) < 0 &&
		    !kan_session_problem(s, f->path, &err))
			return false;
		f->link = kan_buf_bytes(&s->link);
	}
	return read_xattrs(s, e, f, -1) && send_file(s, f);
}

/* Something is mounted there: another tree, which may hang. Not even its attributes are asked for.
 */
static bool covered(const struct kan_session *s, const struct statx *st)
{
	return s->mnt && (st->stx_mask & STATX_MNT_ID) && st->stx_mnt_id != s->mnt;
}

bool kan_session_emit(struct kan_session *s, const struct kan_tree_entry *e, bool stuck)
{
	struct kan_file f = {
		.path = {e->path.p, e->path.n < KAN_ROW_PATH_MAX ? e->path.n : KAN_ROW_PATH_MAX},
		.path_len = e->path.n,
		.name = e->name,
		.depth = e->depth,
		.st = *e->st,
		.note = s->note,
		.frozen = s->o.sink && kan_sink_frozen(s->o.sink),
	};
	if (S_ISDIR(f.st.stx_mode) && f.path_len > DIR_PATH_MAX)
		f.path.n = 0; /* rows of directories that deep have no path */
	kan_buf_reset(&s->xattrs);
	if (stuck)
		return refuse(s, &f, KAN_CONTENT_STUCK, NULL);
	if (covered(s, e->st))
		return send_file(s, &f);
	return S_ISREG(f.st.stx_mode) ? emit_regular(s, e, &f) : emit_other(s, e, &f);
}
