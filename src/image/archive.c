/* Members of a tar by name and place, from its headers alone; or files of a directory. */
#include "image/archive.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "image/layertar.h"
#include "image/packed.h"

enum { BLOCK = 512, PIECE = 64 << 10 };

struct entry {
	char *name, *link; /* "a/b"; link: of a link to another member, else NULL */
	bool file;
	uint64_t at, size;
};
struct kan_archive {
	int fd;
	bool dir;
	uint64_t size;
	struct kan_packed *packed; /* or NULL */
	struct entry *entries;
	size_t n;
	struct kan_layertar *tar;
};

void kan_archive_free(struct kan_archive *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->entries[i].name);
		free(a->entries[i].link);
	}
	free(a->entries);
	kan_layertar_free(a->tar);
	kan_packed_free(a->packed);
	free(a);
}

/* base (a directory, or empty) and path as "a/b"; NULL: it leads out, or is too long. */
static char *joined(struct kan_bytes base, struct kan_bytes path)
{
	kan_auto_buf struct kan_buf out = KAN_BUF(KAN_ARCHIVE_NAME);
	kan_buf_addb(&out, base);
	while (path.n) {
		const uint8_t *slash = memchr(path.p, '/', path.n);
		struct kan_bytes name = {path.p, slash ? (size_t)(slash - path.p) : path.n};
		path.p += name.n + (slash != NULL);
		path.n -= name.n + (slash != NULL);
		if (name.n == 0 || kan_bytes_eq(name, KAN_LIT(".")))
			continue;
		if (memchr(name.p, 0, name.n))
			return NULL;
		if (!kan_bytes_eq(name, KAN_LIT(".."))) {
			if (out.len)
				kan_buf_addc(&out, '/');
			kan_buf_addb(&out, name);
			continue;
		}
		if (out.len == 0)
			return NULL;
		const uint8_t *up = memrchr(out.data, '/', out.len);
		out.len = up ? (size_t)(up - out.data) : 0;
	}
	return out.failed || out.len == 0 ? NULL : strndup((const char *)out.data, out.len);
}

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct kan_archive *a = arg;
	if (a->n == KAN_ARCHIVE_MEMBERS)
		return kan_fail(err, KAN_ELIMIT, "more than %d members", KAN_ARCHIVE_MEMBERS);
	if ((a->n & (a->n - 1)) == 0)
		a->entries = kan_xrealloc(a->entries, a->n ? a->n * 2 : 1, sizeof(*a->entries));
	struct entry *e = &a->entries[a->n];
	*e = (struct entry){.file = S_ISREG(m->mode), .size = m->size};
	e->name = joined((struct kan_bytes){0}, m->path);
	if (!e->name)
		return 0; /* no name that anybody asks for */
	a->n++;
	const char *slash = strrchr(e->name, '/');
	struct kan_bytes base = {(const uint8_t *)e->name, slash ? (size_t)(slash - e->name) : 0};
	if (S_ISLNK(m->mode))
		e->link = joined(base, m->link);
	else if (m->hardlink)
		e->link = joined((struct kan_bytes){0}, m->link);
	return 0;
}

static ssize_t read_at(struct kan_packed *packed, int fd, void *to, size_t n, uint64_t at,
		       struct kan_err *err)
{
	if (packed)
		return kan_packed_read(packed, to, n, at, err);
	ssize_t got = pread(fd, to, n, (off_t)at);
	return got < 0 ? kan_fail_sys(err, "read") : got;
}

static int block_at(struct kan_archive *a, uint64_t at, struct kan_err *err)
{
	uint8_t block[BLOCK];
	ssize_t n = read_at(a->packed, a->fd, block, BLOCK, at, err);
	if (n <= 0)
		return (int)n;
	if (kan_layertar_feed(a->tar, (struct kan_bytes){block, (size_t)n}, err) < 0)
		return -1;
	return (int)n;
}

/* Content is passed over; what the file does not have was a lie of its header. */
static int pass(struct kan_archive *a, uint64_t *at, struct kan_err *err)
{
	static const uint8_t zeros[BLOCK];
	uint64_t left = kan_layertar_left(a->tar), pad = (BLOCK - left % BLOCK) % BLOCK;
	if (left == 0)
		return 0;
	if (left > a->size || *at > a->size - left)
		return kan_fail(err, KAN_EFORMAT, "tar: it ends within a member");
	if (a->n && a->entries[a->n - 1].file && a->entries[a->n - 1].at == 0)
		a->entries[a->n - 1].at = *at;
	if (kan_layertar_skip(a->tar, left, err) < 0 ||
	    kan_layertar_feed(a->tar, (struct kan_bytes){zeros, pad}, err) < 0)
		return -1;
	*at += left + pad;
	return 0;
}

static int list(struct kan_archive *a, struct kan_err *err)
{
	const struct kan_layertar_visit v = {.member = on_member, .arg = a};
	a->tar = kan_layertar_new(&v);
	for (uint64_t at = 0;;) {
		int n = block_at(a, at, err);
		if (n < 0)
			return -1;
		if (n == 0 || kan_layertar_ended(a->tar))
			return n ? 0 : kan_layertar_finish(a->tar, err);
		at += (uint64_t)n;
		if (pass(a, &at, err) < 0)
			return -1;
	}
}

/* One without holes is as long as it says, also where the file system packs it itself. */
static uint64_t octets_on_disk(int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	uint64_t size = (uint64_t)st.st_size, blocks = (uint64_t)st.st_blocks * BLOCK;
	off_t hole = lseek(fd, 0, SEEK_HOLE);
	return (hole >= 0 && (uint64_t)hole >= size) || blocks > size ? size : blocks;
}

uint64_t kan_archive_bound(uint64_t room, int fd, unsigned times)
{
	uint64_t more = 0;
	if (__builtin_mul_overflow(octets_on_disk(fd), times, &more) ||
	    __builtin_add_overflow(room, more, &more))
		return UINT64_MAX;
	return more;
}

/* How much a packed one has is known at its end: no member of it is told to be cut before. */
static int open_tar(struct kan_archive *a, uint64_t room, struct kan_err *err)
{
	bool packed = false;
	if (kan_packed_is(&packed, a->fd, err) < 0)
		return -1;
	if (packed) {
		uint64_t all = kan_archive_bound(room, a->fd, KAN_ARCHIVE_PASSES);
		if (all - room > KAN_ARCHIVE_PACKED)
			all = room + KAN_ARCHIVE_PACKED;
		a->packed = kan_packed_new(a->fd, kan_archive_bound(room, a->fd, KAN_ARCHIVE_TIMES),
					   all);
		a->size = UINT64_MAX / 2;
	}
	return list(a, err);
}

int kan_archive_open(struct kan_archive **out, int fd, uint64_t room, struct kan_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return kan_fail_sys(err, "stat");
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "neither a file nor a directory");
	struct kan_archive *a = kan_xalloc(sizeof(*a));
	*a = (struct kan_archive){
		.fd = fd, .dir = S_ISDIR(st.st_mode), .size = (uint64_t)st.st_size};
	if (!a->dir && open_tar(a, room, err) < 0) {
		kan_archive_free(a);
		return -1;
	}
	*out = a;
	return 0;
}

static const struct entry *entry_of(const struct kan_archive *a, const char *name,
				    struct kan_err *err)
{
	const struct entry *found = NULL;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->entries[i].name, name) != 0)
			continue;
		if (found) {
			kan_err_set(err, KAN_EFORMAT, 0, "%.200s is there twice", name);
			return NULL;
		}
		found = &a->entries[i];
	}
	if (!found)
		kan_err_set(err, KAN_ENOTFOUND, 0, "%.200s is not there", name);
	return found;
}

static int find_member(struct kan_archive_part *out, const struct kan_archive *a, const char *name,
		       struct kan_err *err)
{
	const struct entry *e = entry_of(a, name, err);
	for (int hops = 0; e && e->link; hops++) {
		if (hops == KAN_ARCHIVE_HOPS)
			return kan_fail(err, KAN_EFORMAT, "%.200s: links without end", name);
		e = entry_of(a, e->link, err);
	}
	if (!e)
		return -1;
	if (!e->file)
		return kan_fail(err, KAN_EFORMAT, "%.200s is no file", name);
	int fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return kan_fail_sys(err, "%.200s", name);
	*out = (struct kan_archive_part){
		.fd = fd, .packed = a->packed, .at = e->at, .left = e->size};
	return 0;
}

static int find_file(struct kan_archive_part *out, const struct kan_archive *a, const char *name,
		     struct kan_err *err)
{
	kan_auto_close int pin = -1, fd = -1;
	bool noatime = true;
	struct stat st;
	if (kan_open_beneath(&pin, a->fd, name, O_PATH | O_NOFOLLOW, 0, err) < 0)
		return -1;
	if (fstat(pin, &st) < 0)
		return kan_fail_sys(err, "%.200s", name);
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EFORMAT, "%.200s is no file", name);
	if (kan_tree_open(&fd, &noatime, pin, err) < 0)
		return -1;
	*out = (struct kan_archive_part){.fd = kan_take_fd(&fd), .left = (uint64_t)st.st_size};
	return 0;
}

int kan_archive_find(struct kan_archive_part *out, const struct kan_archive *a, const char *name,
		     struct kan_err *err)
{
	kan_auto_free char *clean = joined((struct kan_bytes){0}, kan_bytes_of(name));
	if (!clean)
		return kan_fail(err, KAN_EFORMAT, "a name that leads out: %.200s", name);
	return a->dir ? find_file(out, a, clean, err) : find_member(out, a, clean, err);
}

void kan_archive_close(struct kan_archive_part *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

ssize_t kan_archive_pull(struct kan_archive_part *p, void *to, size_t n, struct kan_err *err)
{
	if (n > p->left)
		n = (size_t)p->left;
	if (n == 0)
		return 0;
	ssize_t got = read_at(p->packed, p->fd, to, n, p->at, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return kan_fail(err, KAN_EFORMAT, "the archive was cut while it was read");
	p->at += (uint64_t)got;
	p->left -= (uint64_t)got;
	return got;
}

int kan_archive_read(struct kan_buf *out, const struct kan_archive *a, const char *name,
		     struct kan_err *err)
{
	struct kan_archive_part p = {.fd = -1};
	kan_auto_free uint8_t *piece = kan_xalloc(PIECE);
	ssize_t n = 0;
	kan_buf_reset(out);
	if (kan_archive_find(&p, a, name, err) < 0)
		return -1;
	if (p.left > out->max)
		n = kan_fail(err, KAN_ELIMIT, "%.200s has over %zu bytes", name, out->max);
	while (n >= 0 && (n = kan_archive_pull(&p, piece, PIECE, err)) > 0)
		kan_buf_add(out, piece, (size_t)n);
	kan_archive_close(&p);
	return n < 0 ? -1 : 0;
}
