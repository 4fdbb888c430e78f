/* Fields of a tar header. POSIX.1-2017 pax "ustar Interchange Format"; GNU tar manual, "Standard".
 */
#include "image/tarhead.h"

#include <string.h>
#include <sys/stat.h>

#include "image/layertar.h"
#include "image/xattrs.h"

enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, CHECKSUM = 148 };
enum { TYPE = 156, LINK = 157, MAGIC = 257, MAJOR = 329, MINOR = 337, PREFIX = 345 };
enum { NAME_N = 100, NUMBER_N = 8, LONG_N = 12, PREFIX_N = 155, DIGITS = 20, FRACTION = 9 };

static const char xattr_key[] = "SCHILY.xattr.";

void kan_tarhead_init(struct kan_tarhead *h)
{
	*h = (struct kan_tarhead){
		.path = KAN_BUF(KAN_LAYERTAR_PATH),
		.link = KAN_BUF(KAN_LAYERTAR_PATH),
		.own_path = KAN_BUF(NAME_N + PREFIX_N + 1),
		.xattrs = KAN_BUF(KAN_XATTRS_MAX * 4),
	};
}

void kan_tarhead_free(struct kan_tarhead *h)
{
	kan_buf_free(&h->path);
	kan_buf_free(&h->link);
	kan_buf_free(&h->own_path);
	kan_buf_free(&h->xattrs);
}

void kan_tarhead_reset(struct kan_tarhead *h)
{
	kan_buf_reset(&h->xattrs);
	h->has_path = h->has_link = h->has_size = h->has_uid = h->has_gid = h->has_mtime = false;
	h->sparse = h->any = h->fraction = false;
}

bool kan_tarhead_empty(const struct kan_tarhead *h)
{
	return !h->any;
}

/* Octal with spaces or NULs about it; or, with the first bit set, a big-endian number. */
static int number(uint64_t *out, const uint8_t *p, size_t n, struct kan_err *err)
{
	uint64_t v = 0;
	size_t i = 0;
	if (p[0] & 0x80) {
		v = p[0] & 0x7f;
		for (i = 1; i < n; i++) {
			if (v >> 55)
				return kan_fail(err, KAN_EFORMAT, "tar: a number out of range");
			v = v << 8 | p[i];
		}
		*out = v;
		return 0;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	for (; i < n; i++)
		if (p[i] != ' ' && p[i] != 0)
			return kan_fail(err, KAN_EFORMAT, "tar: a number that is none");
	*out = v;
	return 0;
}

int kan_tarhead_check(const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err)
{
	uint64_t wanted = 0, sum = 0;
	int64_t with_sign = 0;
	if (number(&wanted, block + CHECKSUM, NUMBER_N, err) < 0)
		return -1;
	for (int i = 0; i < KAN_TARHEAD_BLOCK; i++) {
		uint8_t c = i >= CHECKSUM && i < CHECKSUM + NUMBER_N ? ' ' : block[i];
		sum += c;
		with_sign += (int8_t)c; /* old tars of Sun added signed characters */
	}
	if (wanted == sum || (int64_t)wanted == with_sign)
		return 0;
	return kan_fail(err, KAN_EFORMAT, "tar: a header with a wrong checksum");
}

bool kan_tarhead_extends(const uint8_t block[KAN_TARHEAD_BLOCK])
{
	return block[TYPE] && strchr("xgLK", block[TYPE]);
}

int kan_tarhead_size(uint64_t *out, const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err)
{
	return number(out, block + SIZE, LONG_N, err);
}

static int decimal(uint64_t *out, struct kan_bytes v, struct kan_err *err)
{
	uint64_t n = 0;
	if (v.n == 0 || v.n > DIGITS)
		return kan_fail(err, KAN_EFORMAT, "tar: a number of %zu digits", v.n);
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, v.p[i] - '0', &n))
			return kan_fail(err, KAN_EFORMAT, "tar: a number that is none");
	*out = n;
	return 0;
}

/* "-12.5": what is beyond nanoseconds is left out. */
static int moment(struct kan_tarhead *h, struct kan_bytes v, struct kan_err *err)
{
	const uint8_t *dot = v.n ? memchr(v.p, '.', v.n) : NULL;
	bool minus = v.n && v.p[0] == '-';
	struct kan_bytes whole = {v.p + minus, (dot ? (size_t)(dot - v.p) : v.n) - minus};
	uint64_t s = 0;
	int64_t ns = 0, part = 0;
	if (decimal(&s, whole, err) < 0)
		return -1;
	h->fraction = false;
	for (size_t i = 0, at = (size_t)(dot ? dot - v.p + 1 : 0); dot && i < FRACTION; i++) {
		uint8_t c = at + i < v.n ? v.p[at + i] : '0';
		if (c < '0' || c > '9')
			return kan_fail(err, KAN_EFORMAT, "tar: a time that is none");
		part = part * 10 + (c - '0');
	}
	h->fraction = part != 0;
	if (s > INT64_MAX / 1000000000 ||
	    __builtin_add_overflow((int64_t)s * 1000000000, part, &ns))
		ns = INT64_MAX;
	h->mtime_ns = minus ? -ns : ns;
	h->has_mtime = true;
	return 0;
}

static bool key_is(struct kan_bytes key, const char *word)
{
	return kan_bytes_eq(key, kan_bytes_of(word));
}

static int text(struct kan_buf *to, bool *has, struct kan_bytes v, struct kan_err *err)
{
	kan_buf_reset(to);
	kan_buf_addb(to, v);
	*has = true;
	return to->failed ? kan_fail(err, KAN_ELIMIT, "tar: a name of %zu bytes", v.n) : 0;
}

static int value(struct kan_tarhead *h, struct kan_bytes key, struct kan_bytes v,
		 struct kan_err *err)
{
	size_t n = sizeof(xattr_key) - 1;
	if (key_is(key, "path"))
		return text(&h->path, &h->has_path, v, err);
	if (key_is(key, "linkpath"))
		return text(&h->link, &h->has_link, v, err);
	if (key_is(key, "size"))
		return h->has_size = true, decimal(&h->size, v, err);
	if (key_is(key, "uid"))
		return h->has_uid = true, decimal(&h->uid, v, err);
	if (key_is(key, "gid"))
		return h->has_gid = true, decimal(&h->gid, v, err);
	if (key_is(key, "mtime"))
		return moment(h, v, err);
	if (kan_bytes_starts(key, "GNU.sparse."))
		h->sparse = true;
	if (kan_bytes_starts(key, xattr_key) && key.n > n)
		kan_xattrs_add(&h->xattrs, (struct kan_bytes){key.p + n, key.n - n}, v);
	return h->xattrs.failed ? kan_fail(err, KAN_ELIMIT, "tar: too many attributes") : 0;
}

/* "LENGTH KEY=VALUE\n", the length that of the whole record. */
static int record(struct kan_tarhead *h, struct kan_bytes *left, struct kan_err *err)
{
	const uint8_t *space = memchr(left->p, ' ', left->n < DIGITS ? left->n : DIGITS);
	uint64_t n = 0;
	if (!space ||
	    decimal(&n, (struct kan_bytes){left->p, (size_t)(space - left->p)}, err) < 0 ||
	    n > left->n || n < (uint64_t)(space - left->p) + 3 || left->p[n - 1] != '\n')
		return kan_fail(err, KAN_EFORMAT, "tar: an extended header that cannot be read");
	struct kan_bytes key = {space + 1, (size_t)n - (size_t)(space + 1 - left->p) - 1};
	const uint8_t *is = memchr(key.p, '=', key.n);
	if (!is)
		return kan_fail(err, KAN_EFORMAT, "tar: an extended header without a value");
	struct kan_bytes v = {is + 1, key.n - (size_t)(is + 1 - key.p)};
	key.n = (size_t)(is - key.p);
	left->p += n;
	left->n -= (size_t)n;
	return value(h, key, v, err);
}

int kan_tarhead_extend(struct kan_tarhead *h, const uint8_t block[KAN_TARHEAD_BLOCK],
		       struct kan_bytes meta, struct kan_err *err)
{
	/* Of the archive, not of a member; engines do not apply it. */
	if (block[TYPE] == 'g')
		return 0;
	h->any = true;
	if (block[TYPE] == 'x') {
		while (meta.n)
			if (record(h, &meta, err) < 0)
				return -1;
		return 0;
	}
	meta.n = strnlen((const char *)meta.p, meta.n);
	return block[TYPE] == 'L' ? text(&h->path, &h->has_path, meta, err)
				  : text(&h->link, &h->has_link, meta, err);
}

static struct kan_bytes field(const uint8_t *p, size_t n)
{
	return (struct kan_bytes){p, strnlen((const char *)p, n)};
}

/* The prefix is POSIX's alone: GNU has times at its place. */
static struct kan_bytes own_path(struct kan_tarhead *h, const uint8_t block[KAN_TARHEAD_BLOCK])
{
	struct kan_bytes prefix = field(block + PREFIX, PREFIX_N);
	kan_buf_reset(&h->own_path);
	if (prefix.n && memcmp(block + MAGIC, "ustar\0", 6) == 0) {
		kan_buf_addb(&h->own_path, prefix);
		kan_buf_addc(&h->own_path, '/');
	}
	kan_buf_addb(&h->own_path, field(block + NAME, NAME_N));
	return kan_buf_bytes(&h->own_path);
}

static int type(struct kan_layer_member *m, char flag, struct kan_err *err)
{
	static const struct {
		char flag;
		unsigned mode;
	} types[] = {{'0', S_IFREG}, {0, S_IFREG},   {'7', S_IFREG}, {'1', 0},      {'2', S_IFLNK},
		     {'3', S_IFCHR}, {'4', S_IFBLK}, {'5', S_IFDIR}, {'6', S_IFIFO}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].flag != flag)
			continue;
		m->mode |= types[i].mode;
		m->hardlink = flag == '1';
		return 0;
	}
	return kan_fail(err, KAN_EUNSUPPORTED, "tar: a member of type 0x%02x", (unsigned char)flag);
}

static int numbers(struct kan_layer_member *m, const struct kan_tarhead *h,
		   const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err)
{
	uint64_t mode = 0, mtime = 0, major = 0, minor = 0;
	if (number(&mode, block + MODE, NUMBER_N, err) < 0 ||
	    number(&m->uid, block + UID, NUMBER_N, err) < 0 ||
	    number(&m->gid, block + GID, NUMBER_N, err) < 0 ||
	    number(&m->size, block + SIZE, LONG_N, err) < 0 ||
	    number(&mtime, block + MTIME, LONG_N, err) < 0 ||
	    number(&major, block + MAJOR, NUMBER_N, err) < 0 ||
	    number(&minor, block + MINOR, NUMBER_N, err) < 0)
		return -1;
	m->mode = (unsigned)mode & 07777;
	m->major = (unsigned)major;
	m->minor = (unsigned)minor;
	m->mtime_ns = mtime > INT64_MAX / 1000000000 ? INT64_MAX : (int64_t)mtime * 1000000000;
	if (h->has_mtime)
		m->mtime_ns = h->mtime_ns;
	m->mtime_fraction = h->has_mtime && h->fraction;
	m->uid = h->has_uid ? h->uid : m->uid;
	m->gid = h->has_gid ? h->gid : m->gid;
	m->size = h->has_size ? h->size : m->size;
	return 0;
}

int kan_tarhead_member(struct kan_layer_member *out, struct kan_tarhead *h,
		       const uint8_t block[KAN_TARHEAD_BLOCK], struct kan_err *err)
{
	struct kan_layer_member m = {0};
	if (numbers(&m, h, block, err) < 0 || type(&m, (char)block[TYPE], err) < 0)
		return -1;
	if (h->sparse)
		return kan_fail(err, KAN_EUNSUPPORTED, "tar: a sparse member");
	m.path = h->has_path ? kan_buf_bytes(&h->path) : own_path(h, block);
	m.link = h->has_link ? kan_buf_bytes(&h->link) : field(block + LINK, NAME_N);
	m.xattrs = kan_buf_bytes(&h->xattrs);
	if (!m.hardlink && !S_ISLNK(m.mode))
		m.link = (struct kan_bytes){0};
	/* Before POSIX a directory was a file whose name ends so. */
	if (block[TYPE] == 0 && m.path.n && m.path.p[m.path.n - 1] == '/')
		m.mode = (m.mode & 07777) | S_IFDIR;
	if (!S_ISREG(m.mode))
		m.size = 0;
	if (m.size > INT64_MAX)
		return kan_fail(err, KAN_EFORMAT, "tar: a size out of range");
	*out = m;
	return 0;
}
