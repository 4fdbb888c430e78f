/* Database files of the image's layers into one tar; the engine's and the container's layers are
 * left out. */
#include "image/packages.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/tree.h"
#include "image/layers.h"
#include "image/lower.h"
#include "image/package.h"
#include "image/take.h"

enum { PATH_OCTETS = 1024 };

static const char *const any[] = {"", NULL};
static const char *const dpkg_info[] = {".list", ".md5sums", NULL};

/* A file, or the files of a directory whose names end so. */
static const struct {
	const char *path;
	const char *const *endings;
} places[] = {
	{"var/lib/dpkg/diversions", NULL},
	{"var/lib/dpkg/status", NULL},
	{"var/lib/dpkg/status.d", any},
	{"var/lib/dpkg/info", dpkg_info},
	{"lib/apk/db/installed", NULL},
	{"usr/lib/apk/db/installed", NULL},
	{"var/lib/rpm", any},
	{"usr/lib/sysimage/rpm", any},
	{"usr/share/rpm", any},
	/* no database: which distribution the names are of */
	{"usr/lib/os-release", NULL},
	{"etc/os-release", NULL},
};
enum { DATABASES = sizeof(places) / sizeof(places[0]) - 2 };

struct packages {
	struct kan_sink *sink;
	struct kan_stack stack;
	struct kan_tarfile tar;
	struct kan_tree_opener *opener; /* of the stack */
	uint8_t *buffer;
	uint64_t files, octets, total; /* total: the most of octets */
	const char *manager;
	bool database; /* there is one, or it could not be looked whether */
	/* the directory that is listed */
	const char *path;
	const char *const *endings;
	const struct kan_view *view;
	bool fatal; /* evidence could not be written */
};

/* Each by its own name, too; that no more is tried is said once, of all. */
static void lost(const struct packages *p, struct kan_bytes path, const struct kan_err *why)
{
	if (!kan_tree_gave_up(why))
		kan_sink_gap_err(p->sink, path, why);
	else if (!kan_tree_gave_up_again(p->opener, why))
		kan_sink_gap_err(p->sink, KAN_LIT("pkgdb.tar"), why);
}

/* What the image has at a path. No link on the way is followed: a database is where it is. */
static int find(struct kan_below *out, const struct packages *p, const char *path,
		struct kan_err *err)
{
	struct kan_below at = {.fd = -1, .data_fd = -1};
	if (kan_lower_root(&at, &p->stack, err) < 0)
		return -1;
	for (const char *from = path; *from && at.found;) {
		size_t n = strcspn(from, "/");
		struct kan_below next = {.fd = -1, .data_fd = -1};
		const struct kan_lower_name name = {.name = {(const uint8_t *)from, n}};
		int rc = kan_lower_lookup(&next, &p->stack, &at.view, &name, err);
		kan_below_free(&at);
		if (rc < 0)
			return -1;
		at = next;
		from += n + (from[n] == '/');
	}
	*out = at;
	return 0;
}

static int copy(struct packages *p, int fd, struct kan_bytes path, uint64_t size,
		struct kan_err *err)
{
	struct kan_err why = {0};
	uint64_t done = 0;
	for (;;) {
		ssize_t n =
			kan_tree_piece_bounded(p->buffer, KAN_IO_READ, p->opener, fd, done, &why);
		if (n <= 0)
			break;
		done += (uint64_t)n;
		if (kan_tar_data(p->tar.tar, p->buffer, (size_t)n, err) < 0)
			return -1;
	}
	if (why.code != KAN_OK)
		lost(p, path, &why);
	else if (done != size)
		kan_sink_gap(p->sink, path, KAN_GAP_CHANGED, "%llu bytes were read of %llu",
			     (unsigned long long)done, (unsigned long long)size);
	return kan_tar_finish(p->tar.tar, err);
}

/* Each is told by its own name: what the analysis does not find is not known then. */
static bool within(const struct packages *p, struct kan_bytes path, uint64_t size)
{
	if (size > KAN_PACKAGES_FILE)
		kan_sink_limit(p->sink, path, size, 0, KAN_PACKAGES_FILE);
	else if (p->files >= KAN_PACKAGES_FILES)
		kan_sink_limit(p->sink, path, p->files + 1, p->files, KAN_PACKAGES_FILES);
	else if (size > p->total - p->octets)
		kan_sink_limit(p->sink, path, p->octets + size, p->octets, p->total);
	else
		return true;
	return false;
}

/* The tar is made for the first file. */
static int store(struct packages *p, const struct kan_below *b, struct kan_bytes path,
		 struct kan_err *err)
{
	kan_auto_close int fd = -1;
	bool noatime = true;
	struct kan_err why = {0};
	uint64_t size = b->st.stx_size;
	if (!within(p, path, size))
		return 0;
	if (kan_tree_open_bounded(&fd, &noatime, p->opener, b->data_fd, &why) < 0) {
		lost(p, path, &why);
		return 0;
	}
	struct kan_tar_entry e = {.path = path,
				  .mode = b->st.stx_mode,
				  .uid = b->st.stx_uid,
				  .gid = b->st.stx_gid,
				  .size = size,
				  .mtime_ns = kan_statx_ns(&b->st.stx_mtime)};
	if ((!p->tar.tar && kan_tarfile_open(&p->tar, p->sink, "pkgdb.tar", err) < 0) ||
	    kan_tar_entry(p->tar.tar, &e, err) < 0)
		return -1;
	struct kan_bytes package;
	if (!p->manager)
		p->manager = kan_pkg_manager(kan_pkg_db_of(&package, path));
	p->files++;
	p->octets += size;
	return copy(p, fd, path, size, err);
}

/* Without it nobody can say that a path has no owner. */
static void no_file(struct packages *p, struct kan_bytes path)
{
	p->database = true;
	kan_sink_gap(p->sink, path, KAN_GAP_MALFORMED,
		     "a part of a package database that is no regular file");
}

static bool ends(struct kan_bytes name, const char *const *endings)
{
	for (; *endings; endings++) {
		size_t n = strlen(*endings);
		if (name.n >= n && memcmp(name.p + name.n - n, *endings, n) == 0)
			return true;
	}
	return false;
}

static int on_name(struct kan_bytes name, void *arg, struct kan_err *err)
{
	struct packages *p = arg;
	struct kan_below b = {.fd = -1, .data_fd = -1};
	struct kan_err why = {0};
	struct kan_bytes package;
	kan_auto_buf struct kan_buf path = KAN_BUF(PATH_OCTETS);
	if (!ends(name, p->endings))
		return 0;
	kan_buf_addf(&path, "%s/", p->path);
	kan_buf_addb(&path, name);
	const struct kan_lower_name ask = {.name = name};
	if (kan_lower_lookup(&b, &p->stack, p->view, &ask, &why) < 0) {
		p->database = true;
		lost(p, kan_buf_bytes(&path), &why);
		return 0;
	}
	p->database |= b.found && S_ISREG(b.st.stx_mode);
	int rc = b.found && S_ISREG(b.st.stx_mode) ? store(p, &b, kan_buf_bytes(&path), err) : 0;
	if (b.found && !S_ISREG(b.st.stx_mode) && kan_pkg_db_of(&package, kan_buf_bytes(&path)))
		no_file(p, kan_buf_bytes(&path));
	kan_below_free(&b);
	p->fatal = rc < 0;
	return rc;
}

static int directory(struct packages *p, const struct kan_below *b, size_t place,
		     struct kan_err *err)
{
	struct kan_err why = {0};
	assert(kan_pkg_db_is_dir(
		kan_bytes_of(places[place].path))); /* its gaps are known by that */
	p->path = places[place].path;
	p->endings = places[place].endings;
	p->view = &b->view;
	if (kan_lower_names(&p->stack, &b->view, on_name, p, &why) == 0)
		return 0;
	if (!p->fatal) {
		p->database = true;
		lost(p, kan_bytes_of(p->path), &why);
		return 0;
	}
	if (err)
		*err = why;
	return -1;
}

static int one_place(struct packages *p, size_t place, struct kan_err *err)
{
	struct kan_below b = {.fd = -1, .data_fd = -1};
	struct kan_err why = {0};
	struct kan_bytes path = kan_bytes_of(places[place].path);
	int rc = 0;
	if (find(&b, p, places[place].path, &why) < 0) {
		p->database |= place < DATABASES;
		lost(p, path, &why);
		return 0;
	}
	bool file = b.found && !places[place].endings && S_ISREG(b.st.stx_mode);
	p->database |= file && place < DATABASES;
	if (b.found && places[place].endings && S_ISDIR(b.st.stx_mode))
		rc = directory(p, &b, place, err);
	else if (file)
		rc = store(p, &b, path, err);
	else if (b.found && !places[place].endings && place < DATABASES)
		no_file(p, path);
	kan_below_free(&b);
	return rc;
}

static int finish(struct packages *p, int rc, struct kan_err *err)
{
	if (rc < 0) {
		kan_tarfile_abandon(&p->tar);
		return -1;
	}
	if (!p->database)
		kan_sink_gap(p->sink, KAN_LIT("pkgdb.tar"), KAN_GAP_NOT_APPLICABLE,
			     "the image has no database of dpkg, apk or rpm");
	return p->tar.tar ? kan_tarfile_close(&p->tar, err) : 0;
}

int kan_packages_take(const char **manager, const struct kan_target *t, struct kan_sink *s,
		      uint64_t total, struct kan_err *err)
{
	struct packages p = {.sink = s, .total = total};
	kan_auto_free struct kan_layer *lowers = NULL;
	size_t n = kan_image_lowers(&lowers, t);
	int rc = 0;
	kan_stack_init(&p.stack, lowers, n, t->userxattr);
	p.opener = p.stack.opener;
	p.buffer = kan_io_buffer(KAN_IO_READ);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && rc == 0; i++)
		rc = one_place(&p, i, err);
	free(p.buffer);
	kan_stack_free(&p.stack);
	*manager = p.manager;
	return finish(&p, rc, err);
}
