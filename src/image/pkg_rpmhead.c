/* A package's header: numbered tags, each with its type and its place in the data. Big-endian. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/numbers.h"
#include "image/pkg_reader.h"
#include "image/pkg_rpm.h"

enum { ENTRY = 16 };
enum type { CHAR = 1, INT8, INT16, INT32, INT64, STRING, BIN, STRINGS, I18N };
enum tag {
	NAME = 1000,
	VERSION = 1001,
	RELEASE = 1002,
	EPOCH = 1003,
	ARCH = 1022,
	OLD_NAMES = 1027,
	STATES = 1029,
	MODES = 1030,
	DIGESTS = 1035,
	LINKS = 1036,
	FLAGS = 1037,
	SOURCE = 1044,
	DIR_INDEXES = 1116,
	BASE_NAMES = 1117,
	DIR_NAMES = 1118,
	ALGORITHM = 5011,
};
enum { FLAG_CONFIG = 1 << 0, FLAG_GHOST = 1 << 6 };
/* Another package's file lies there, or that of another architecture. */
enum { STATE_REPLACED = 1, STATE_WRONG_COLOUR = 4 };

struct header {
	const uint8_t *index;
	size_t n;
	struct kan_bytes data;
};

/* The values of one tag. n 0: it is not there. */
struct values {
	uint32_t n;
	struct kan_bytes rest; /* from the first value to the end of the data */
};

static int open_header(struct header *h, struct kan_bytes blob, struct kan_err *err)
{
	if (blob.n < 8)
		return kan_fail(err, KAN_EFORMAT, "a header of %zu bytes", blob.n);
	uint64_t n = kan_be32(blob.p), size = kan_be32(blob.p + 4);
	if (n == 0 || n > KAN_PKG_RPM_TAGS || 8 + n * ENTRY + size > blob.n)
		return kan_fail(err, KAN_EFORMAT, "a header that is larger than its record");
	*h = (struct header){blob.p + 8, (size_t)n, {blob.p + 8 + n * ENTRY, (size_t)size}};
	return 0;
}

/* The last one counts: what the installation added stands behind what was signed. */
static struct values find(const struct header *h, enum tag tag, enum type type)
{
	for (size_t i = h->n; i-- > 0;) {
		const uint8_t *e = h->index + i * ENTRY;
		uint32_t at = kan_be32(e + 8);
		if (kan_be32(e) != tag)
			continue;
		if (kan_be32(e + 4) != type || at >= h->data.n)
			break;
		return (struct values){kan_be32(e + 12), {h->data.p + at, h->data.n - at}};
	}
	return (struct values){0};
}

static bool next_string(struct kan_bytes *out, struct values *v)
{
	const uint8_t *end = v->rest.n ? memchr(v->rest.p, 0, v->rest.n) : NULL;
	if (v->n == 0 || !end)
		return false;
	*out = (struct kan_bytes){v->rest.p, (size_t)(end - v->rest.p)};
	v->rest = (struct kan_bytes){end + 1, v->rest.n - out->n - 1};
	v->n--;
	return true;
}

static struct kan_bytes string(const struct header *h, enum tag tag)
{
	struct values v = find(h, tag, STRING);
	struct kan_bytes s = {0};
	return next_string(&s, &v) ? s : (struct kan_bytes){0};
}

static bool number(uint32_t *out, const struct header *h, enum tag tag)
{
	struct values v = find(h, tag, INT32);
	if (v.n == 0 || v.rest.n < 4)
		return false;
	*out = kan_be32(v.rest.p);
	return true;
}

/* --- the package --- */

/* Without a trailing ".src.rpm" the name of a source package is not what it is of. */
static void source_of(struct kan_pkg_about *p, struct kan_bytes file, struct kan_bytes own)
{
	static const char *const ends[] = {".src.rpm", ".nosrc.rpm"};
	struct kan_bytes v = {0};
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(ends[i]);
		if (file.n > n && memcmp(file.p + file.n - n, ends[i], n) == 0)
			v = (struct kan_bytes){file.p, file.n - n};
	}
	const uint8_t *release = v.n ? memrchr(v.p, '-', v.n) : NULL;
	const uint8_t *version =
		release && release > v.p ? memrchr(v.p, '-', (size_t)(release - v.p)) : NULL;
	if (!version || version == v.p)
		return;
	struct kan_bytes name = {v.p, (size_t)(version - v.p)};
	struct kan_bytes of = {version + 1, v.n - name.n - 1};
	if (kan_bytes_eq(name, p->name) && kan_bytes_eq(of, own))
		return;
	p->source = name;
	p->source_version = of;
}

/* Without its epoch, which no name of a file has. */
static struct kan_bytes own_version(const struct kan_buf *version, uint32_t epoch)
{
	struct kan_bytes v = kan_buf_bytes(version);
	const uint8_t *colon = epoch ? memchr(v.p, ':', v.n) : NULL;
	size_t n = colon ? (size_t)(colon - v.p) + 1 : 0;
	return (struct kan_bytes){v.p + n, v.n - n};
}

static bool text_ok(struct kan_bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	return v.n <= KAN_PKG_VALUE_MAX;
}

static int about(struct kan_buf *key, const struct header *h, const struct kan_pkg_events *on,
		 struct kan_err *err)
{
	kan_auto_buf struct kan_buf version = KAN_BUF(KAN_PKG_VALUE_MAX);
	struct kan_pkg_about p = {.name = string(h, NAME),
				  .arch = string(h, ARCH),
				  .state = KAN_LIT("installed"),
				  .installed = true};
	struct kan_bytes of = string(h, VERSION), release = string(h, RELEASE),
			 file = string(h, SOURCE);
	uint32_t epoch = 0;
	if (!kan_pkg_name_ok(p.name) || of.n == 0 || !text_ok(p.name) || !text_ok(p.arch) ||
	    !text_ok(of) || !text_ok(release) || !text_ok(file))
		return kan_fail(err, KAN_EFORMAT, "a package without name and version");
	if (number(&epoch, h, EPOCH) && epoch)
		kan_buf_addf(&version, "%u:", epoch);
	kan_buf_addb(&version, of);
	kan_buf_addc(&version, '-');
	kan_buf_addb(&version, release);
	p.version = kan_buf_bytes(&version);
	source_of(&p, file, own_version(&version, epoch));
	kan_buf_addb(key, p.name);
	kan_buf_adds(key, p.arch.n ? ":" : "");
	kan_buf_addb(key, p.arch);
	if (version.failed || key->failed)
		return kan_fail(err, KAN_EFORMAT, "a version of over %d bytes", KAN_PKG_VALUE_MAX);
	return on->about ? on->about(&p, on->arg, err) : 0;
}

/* --- its files --- */

struct files {
	const struct kan_pkg_events *on;
	struct kan_bytes package;
	struct kan_bytes *dirs;
	uint32_t n, n_dirs;
	struct values names, indexes, digests, links, modes, flags, states;
	size_t sum_n; /* of a digest; 0: of a kind that is not known here */
	bool unknown_sums;
	struct kan_buf path;
};

/* All of a tag's values, or none of them. */
static bool fits(struct values *v, uint32_t n, size_t size)
{
	if (v->n && (v->n != n || v->rest.n / size < n))
		return false;
	return true;
}

static size_t sum_size(const struct header *h)
{
	uint32_t algorithm = 1; /* as it was before there was a choice */
	(void)number(&algorithm, h, ALGORITHM);
	return algorithm == 1 ? 16 : algorithm == 2 ? 20 : algorithm == 8 ? 32 : 0;
}

/* 0: the package has no files. */
static int open_files(struct files *f, const struct header *h, struct kan_err *err)
{
	struct values dirs = find(h, DIR_NAMES, STRINGS);
	f->names = find(h, BASE_NAMES, STRINGS);
	f->indexes = find(h, DIR_INDEXES, INT32);
	if (f->names.n == 0) { /* whole paths, of packages made long ago */
		f->names = find(h, OLD_NAMES, STRINGS);
		f->indexes.n = dirs.n = 0;
	} else if (f->indexes.n == 0 || dirs.n == 0 || dirs.n > f->names.n) {
		return kan_fail(err, KAN_EFORMAT, "files without directories");
	}
	f->n = f->names.n;
	f->digests = find(h, DIGESTS, STRINGS);
	f->links = find(h, LINKS, STRINGS);
	f->modes = find(h, MODES, INT16);
	f->flags = find(h, FLAGS, INT32);
	f->states = find(h, STATES, CHAR);
	f->sum_n = sum_size(h);
	if (f->n > KAN_PKG_RPM_FILES)
		return kan_fail(err, KAN_EFORMAT, "%u files", f->n);
	if (!fits(&f->names, f->n, 1) || !fits(&f->indexes, f->n, 4) ||
	    !fits(&f->digests, f->n, 1) || !fits(&f->links, f->n, 1) || !fits(&f->modes, f->n, 2) ||
	    !fits(&f->flags, f->n, 4) || !fits(&f->states, f->n, 1))
		return kan_fail(err, KAN_EFORMAT, "lists of files that are not of one length");
	f->dirs = kan_xalloc(((size_t)dirs.n + 1) * sizeof(*f->dirs));
	while (dirs.n)
		if (!next_string(&f->dirs[f->n_dirs++], &dirs))
			return kan_fail(err, KAN_EFORMAT, "directories that are cut off");
	return f->n ? 1 : 0;
}

static int path_of(struct files *f, struct kan_bytes name, uint32_t i, struct kan_err *err)
{
	kan_buf_reset(&f->path);
	if (f->indexes.n) {
		uint32_t dir = kan_be32(f->indexes.rest.p + 4 * (size_t)i);
		if (dir >= f->n_dirs)
			return kan_fail(err, KAN_EFORMAT, "a file in no directory");
		kan_buf_addb(&f->path, f->dirs[dir]);
	}
	kan_buf_addb(&f->path, name);
	if (f->path.failed)
		return kan_fail(err, KAN_EFORMAT, "a path of over %d bytes", KAN_PKG_PATH_MAX);
	return 0;
}

/* Of a link: of its target, as apk's database has it. */
static size_t sum_of(uint8_t sum[KAN_PKG_SUM_MAX], struct files *f, struct kan_bytes digest,
		     struct kan_bytes target, uint32_t mode)
{
	if (S_ISLNK(mode) && target.n) {
		kan_sha256(sum, target);
		return KAN_SHA256_SIZE;
	}
	if (digest.n == 0 || S_ISDIR(mode))
		return 0;
	f->unknown_sums |= f->sum_n == 0;
	return f->sum_n && kan_unhex(sum, f->sum_n, digest) ? f->sum_n : 0;
}

static int one_file(struct files *f, uint32_t i, struct kan_bytes name, struct kan_bytes digest,
		    struct kan_bytes target, struct kan_err *err)
{
	uint8_t sum[KAN_PKG_SUM_MAX];
	uint32_t mode = f->modes.n ? kan_be16(f->modes.rest.p + 2 * (size_t)i) : S_IFREG,
		 flags = f->flags.n ? kan_be32(f->flags.rest.p + 4 * (size_t)i) : 0;
	uint8_t state = f->states.n ? f->states.rest.p[i] : 0;
	if (path_of(f, name, i, err) < 0)
		return -1;
	struct kan_bytes path = kan_buf_bytes(&f->path);
	while (path.n && path.p[0] == '/')
		path = (struct kan_bytes){path.p + 1, path.n - 1};
	if (path.n == 0 || state == STATE_REPLACED || state == STATE_WRONG_COLOUR)
		return 0;
	struct kan_pkg_owned o = {.package = f->package,
				  .path = path,
				  .directory = S_ISDIR(mode),
				  .conffile = (flags & FLAG_CONFIG) != 0};
	if (!(flags & FLAG_GHOST))
		o.sum = (struct kan_bytes){sum, sum_of(sum, f, digest, target, mode)};
	return f->on->owned ? f->on->owned(&o, f->on->arg, err) : 0;
}

static int each_file(struct files *f, struct kan_err *err)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct kan_bytes name = {0}, digest = {0}, target = {0};
		if (!next_string(&name, &f->names) ||
		    (f->digests.n && !next_string(&digest, &f->digests)) ||
		    (f->links.n && !next_string(&target, &f->links)))
			return kan_fail(err, KAN_EFORMAT, "a list of files that is cut off");
		if (one_file(f, i, name, digest, target, err) < 0)
			return -1;
	}
	if (f->unknown_sums)
		return kan_fail(err, KAN_EFORMAT, "checksums of a kind that is not read");
	return 0;
}

int kan_pkg_rpm_header(struct kan_bytes blob, const struct kan_pkg_events *on, struct kan_err *err)
{
	struct header h;
	kan_auto_buf struct kan_buf key = KAN_BUF(2 * KAN_PKG_VALUE_MAX);
	if (open_header(&h, blob, err) < 0 || about(&key, &h, on, err) < 0)
		return -1;
	struct files f = {
		.on = on, .package = kan_buf_bytes(&key), .path = KAN_BUF(KAN_PKG_PATH_MAX)};
	int rc = open_files(&f, &h, err);
	if (rc > 0)
		rc = each_file(&f, err);
	free(f.dirs);
	kan_buf_free(&f.path);
	return rc;
}
