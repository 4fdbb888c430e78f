/* The passes that find out which paths matter, and the databases read for them. */
#include "analyze/packages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/facts.h"
#include "base/checksum.h"
#include "base/tar.h"

enum { MD5_SIZE = 16, PATH_OCTETS = 128 << 10 };

static const char pkgdb[] = "data/image/pkgdb.tar", upper_tar[] = "data/filesystem/upper.tar",
		  before_tar[] = "data/filesystem/before.tar",
		  baseline[] = "data/image/baseline.ndjson",
		  diversions[] = "var/lib/dpkg/diversions";

struct kan_packages *kan_packages_new(void)
{
	struct kan_packages *p = kan_xalloc(sizeof *p);
	p->wanted = kan_pkg_paths_new();
	p->links = kan_pkg_paths_new();
	p->firsts = kan_pkg_paths_new();
	p->changed = kan_pkg_paths_new();
	p->os = p->found_os = KAN_BUF(KAN_PACKAGES_OS_MAX);
	return p;
}

void kan_packages_free(struct kan_packages *p)
{
	if (!p)
		return;
	kan_pkg_index_free(p->image);
	kan_pkg_index_free(p->found);
	kan_pkg_paths_free(p->wanted);
	kan_pkg_paths_free(p->links);
	kan_pkg_paths_free(p->firsts);
	kan_pkg_paths_free(p->changed);
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		kan_pkg_log_free(p->logs[of]);
	kan_buf_free(&p->os);
	kan_buf_free(&p->found_os);
	free(p->upper);
	free(p->before);
	free(p);
}

bool kan_packages_over(const struct kan_packages *p)
{
	return !kan_pkg_paths_whole(p->wanted) &&
	       (p->state == KAN_PACKAGES_WHOLE || p->state == KAN_PACKAGES_CUT);
}

struct kan_bytes kan_packages_path(struct kan_bytes path)
{
	while (path.n && path.p[0] == '/')
		path = (struct kan_bytes){path.p + 1, path.n - 1};
	return path;
}

struct kan_bytes kan_packages_row_path(const json_t *row, struct kan_buf *scratch)
{
	struct kan_err ignored = {0};
	kan_buf_reset(scratch);
	if (kan_json_bytes(scratch, row, "path", &ignored) < 0)
		return (struct kan_bytes){NULL, 0};
	return kan_packages_path(kan_buf_bytes(scratch));
}

void kan_packages_want(struct kan_packages *p, struct kan_bytes path)
{
	struct kan_bytes bare = kan_packages_path(path);
	if (bare.n)
		kan_pkg_paths_add(p->wanted, bare, KAN_LIT("-"));
}

void kan_packages_change(struct kan_packages *p, const json_t *row)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS), first = KAN_BUF(PATH_OCTETS);
	struct kan_bytes path = kan_packages_row_path(row, &scratch), package;
	struct kan_err ignored = {0};
	const char *change = kan_json_str(row, "change");
	bool gone = strcmp(change, "deleted") == 0;
	bool stored = strcmp(kan_json_str(row, "stored"), "upper.tar") == 0;
	struct kan_bytes value = gone ? KAN_LIT("d") : stored ? KAN_LIT("s") : KAN_LIT("-");
	if (!path.n || strcmp(change, "parent") == 0 || strcmp(change, "engine") == 0)
		return;
	kan_pkg_paths_add(p->wanted, path, value);
	if (kan_json_bytes(&first, row, "hardlink_to", &ignored) == 0)
		kan_pkg_paths_add(p->firsts, kan_packages_path(kan_buf_bytes(&first)),
				  KAN_LIT("-"));
	bool content = gone || strcmp(change, "added") == 0 || strcmp(change, "changed") == 0;
	if (content && kan_pkg_db_of(&package, path) != KAN_PKG_OTHER)
		kan_pkg_paths_add(p->changed, path, value);
}

/* The links that a path of the image goes through: those that no later layer hides. */
void kan_packages_baseline(struct kan_packages *p, const json_t *row)
{
	kan_auto_buf struct kan_buf scratch = KAN_BUF(PATH_OCTETS), target = KAN_BUF(PATH_OCTETS);
	struct kan_err ignored = {0};
	if (strcmp(kan_json_str(row, "type"), "symlink") != 0 ||
	    json_object_get(row, "hidden_by") || strcmp(kan_json_str(row, "layer"), "init") == 0)
		return;
	struct kan_bytes path = kan_packages_row_path(row, &scratch);
	if (path.n && kan_json_bytes(&target, row, "link", &ignored) == 0)
		kan_pkg_paths_add(p->links, path, kan_buf_bytes(&target));
}

bool kan_packages_touched(const struct kan_packages *p, struct kan_bytes file)
{
	return kan_pkg_paths_find(p->changed, file) != KAN_PKG_NOWHERE;
}

/* One tar on its way: the member at hand. */
struct reading {
	struct kan_packages *p;
	struct kan_pkg_index *index; /* files of a database go here */
	bool in_index;
	struct kan_pkg_log *in_log;
	struct kan_buf *os, *in_os;
	struct kan_packages_sum *sums; /* NULL: none are taken */
	size_t at;                     /* whose checksum is taken */
	struct kan_checksum *sum;
	size_t sum_n;
	enum { ALL, DIVERSIONS, REST } only; /* of the database's files: diversions come first */
	bool claims; /* every wanted file, as the container's database may claim it */
};

static void member_end(struct reading *r)
{
	if (r->in_index)
		kan_pkg_index_file_end(r->index);
	if (r->sum) {
		kan_checksum_finish(r->sums[r->at].octets, r->sum);
		r->sums[r->at].n = (uint8_t)r->sum_n;
	}
	kan_checksum_free(kan_take_ptr(r->sum));
	r->in_index = false;
	r->in_log = NULL;
	r->in_os = NULL;
}

/* The size of the checksum to take of a member; 0: none. */
static size_t sum_of(const struct reading *r, size_t at, struct kan_bytes path)
{
	const struct kan_pkg_owner *o = kan_pkg_index_owner(r->p->image, at);
	if (o && o->sum_n)
		return o->sum_n;
	if (!r->claims && kan_pkg_paths_find(r->p->firsts, path) == KAN_PKG_NOWHERE)
		return 0;
	return r->p->claim_sum;
}

static void begin_sum(struct reading *r, const struct kan_tar_member *m, struct kan_bytes path)
{
	size_t at = kan_pkg_paths_find(r->p->wanted, path);
	if (!r->sums || at == KAN_PKG_NOWHERE)
		return;
	if (m->hardlink.n) { /* another name of a member before: the same bytes */
		size_t first = kan_pkg_paths_find(r->p->wanted, kan_packages_path(m->hardlink));
		if (first != KAN_PKG_NOWHERE)
			r->sums[at] = r->sums[first];
		return;
	}
	r->at = at;
	r->sum_n = S_ISREG(m->mode) ? sum_of(r, at, path) : 0;
	r->sum = r->sum_n ? kan_checksum_new(r->sum_n) : NULL;
	r->p->refused |= r->sum_n && !r->sum;
}

static bool is_os_release(struct kan_bytes path)
{
	return kan_bytes_eq(path, KAN_LIT("usr/lib/os-release")) ||
	       kan_bytes_eq(path, KAN_LIT("etc/os-release"));
}

static int member(const struct kan_tar_member *m, void *arg, struct kan_err *err)
{
	struct reading *r = arg;
	struct kan_bytes path = kan_packages_path(m->path);
	(void)err;
	member_end(r);
	if (S_ISREG(m->mode) && !m->hardlink.n) {
		bool diverts = kan_bytes_eq(path, kan_bytes_of(diversions));
		r->in_index = r->index && (r->only == ALL || diverts == (r->only == DIVERSIONS)) &&
			      kan_pkg_index_file(r->index, path);
		r->in_log = r->claims ? r->p->logs[kan_pkg_log_of(path)] : NULL;
		r->in_os = r->os && is_os_release(path) ? r->os : NULL;
	}
	if (r->in_os)
		kan_buf_reset(r->in_os);
	begin_sum(r, m, path);
	return r->in_index || r->in_log || r->in_os || r->sum ? 0 : 1;
}

static int data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct reading *r = arg;
	(void)err;
	if (r->in_index)
		kan_pkg_index_data(r->index, piece);
	if (r->in_log)
		kan_pkg_log_read(r->in_log, piece);
	if (r->in_os)
		kan_buf_addb(r->in_os, piece);
	if (r->sum)
		kan_checksum_add(r->sum, piece);
	return 0;
}

/* -1 only when it was altered; what else ends the reading is in why. */
static int read_tar(struct reading *r, const struct kan_source *s, const char *path,
		    struct kan_err *why, struct kan_err *err)
{
	struct kan_tar_visit v = {
		.max_members = KAN_PACKAGES_MEMBERS, .member = member, .data = data, .arg = r};
	int rc = kan_source_tar(s, path, &v, why);
	if (rc < 0 && r->sum) /* a member that was cut has no checksum */
		kan_checksum_free(kan_take_ptr(r->sum));
	member_end(r);
	if (rc < 0 && why->code == KAN_ETAMPER)
		return kan_fail(err, KAN_ETAMPER, "%s", why->text);
	return 0;
}

/* Gaps of the image's collector that are about a database: what it could not read is not there. */
static void take_gaps(struct kan_packages *p, const struct kan_facts *f, bool *none)
{
	size_t i = 0;
	json_t *row = NULL;
	json_array_foreach (f->cover->gaps, i, row) {
		const char *what = kan_json_str(row, "what");
		struct kan_bytes package;
		struct kan_err why = {0};
		if (strcmp(kan_json_str(row, "collector"), "image") != 0)
			continue;
		*none |= strcmp(what, "pkgdb.tar") == 0 &&
			 strcmp(kan_json_str(row, "code"), "not-applicable") == 0;
		if (!kan_pkg_db_is_dir(kan_bytes_of(what)) &&
		    kan_pkg_db_of(&package, kan_bytes_of(what)) == KAN_PKG_OTHER)
			continue;
		kan_err_set(&why, KAN_EFORMAT, 0, "not collected: %.200s",
			    kan_json_str(row, "why"));
		kan_pkg_index_lost(p->image, kan_bytes_of(what), &why);
	}
}

static void first_fault(char why[KAN_PACKAGES_WHY], const struct kan_pkg_index *x)
{
	const struct kan_pkg_fault *fault = kan_pkg_index_fault(x, 0);
	(void)snprintf(why, KAN_PACKAGES_WHY, "%.120s: %.180s", fault->file, fault->err.text);
}

static int read_image(struct kan_packages *p, const struct kan_facts *f, struct kan_err *err)
{
	struct reading r = {.p = p, .index = p->image, .os = &p->os};
	struct kan_err why = {0};
	bool none = false;
	(void)snprintf(p->why, sizeof p->why, "the image's package database was not collected");
	(void)snprintf(p->found_why, sizeof p->found_why,
		       "the container's changes were not read whole");
	take_gaps(p, f, &none);
	if (!kan_source_has(f->source, pkgdb)) {
		p->state = none ? KAN_PACKAGES_NONE : KAN_PACKAGES_UNKNOWN;
		kan_pkg_index_done(p->image);
		return 0;
	}
	if (read_tar(&r, f->source, pkgdb, &why, err) < 0)
		return -1;
	if (why.code != KAN_OK)
		kan_pkg_index_lost(p->image, KAN_LIT("pkgdb.tar"), &why);
	kan_pkg_index_done(p->image);
	p->state = KAN_PACKAGES_WHOLE;
	if (kan_cover_of(f->cover, f->source, "image", pkgdb) != KAN_COVER_WHOLE && !none) {
		p->state = KAN_PACKAGES_CUT;
		(void)snprintf(p->why, sizeof p->why, "pkgdb.tar is not whole");
	}
	if (kan_pkg_index_files(p->image) == 0)
		p->state = none ? KAN_PACKAGES_NONE : KAN_PACKAGES_UNKNOWN;
	if (kan_pkg_index_faults(p->image)) {
		p->state = KAN_PACKAGES_CUT;
		first_fault(p->why, p->image);
	}
	return 0;
}

int kan_packages_read_into(struct kan_pkg_index *x, struct kan_packages *p,
			   const struct kan_facts *f, struct kan_err *err)
{
	struct reading r = {.p = p, .index = x};
	struct kan_err why = {0};
	if (read_tar(&r, f->source, pkgdb, &why, err) < 0)
		return -1;
	kan_pkg_index_done(x);
	return 0;
}

/* Does any row need the bytes of its file? */
static bool sums_needed(const struct kan_packages *p)
{
	for (size_t i = 0; i < kan_pkg_paths_count(p->wanted); i++) {
		const struct kan_pkg_owner *o = kan_pkg_index_owner(p->image, i);
		if (o && o->sum_n && kan_pkg_paths_value(p->wanted, i).p[0] != '-')
			return true;
	}
	return false;
}

/* What the container changed of its database is in upper.tar, or it is not known. */
static void judge_found(struct kan_packages *p, const struct kan_facts *f,
			const struct kan_err *why)
{
	size_t lost = 0;
	p->found_state = KAN_PACKAGES_WHOLE;
	for (size_t i = 0; i < kan_pkg_paths_count(p->changed); i++)
		lost += kan_pkg_paths_value(p->changed, i).p[0] == '-';
	if (!f->whole_changes || lost || !kan_pkg_paths_whole(p->changed)) {
		p->found_state = KAN_PACKAGES_UNKNOWN;
		(void)snprintf(p->found_why, sizeof p->found_why, "%s",
			       lost ? "a changed file of the database is not in the bundle"
				    : "the container's changes were not read whole");
	}
	if (why->code != KAN_OK) {
		p->found_state = KAN_PACKAGES_UNKNOWN;
		(void)snprintf(p->found_why, sizeof p->found_why, "upper.tar: %.200s", why->text);
	}
	if (kan_pkg_index_faults(p->found)) {
		p->found_state = KAN_PACKAGES_CUT;
		first_fault(p->found_why, p->found);
	}
}

/* Which checksum the database that may claim a file records: that of the image's manager, or of the
 * first one that the container changed. */
static size_t claim_sum(const struct kan_packages *p)
{
	struct kan_bytes package;
	const char *manager = kan_pkg_index_packages(p->image)
				      ? kan_pkg_index_package(p->image, 0)->manager
				      : NULL;
	if (!manager && kan_pkg_paths_count(p->changed))
		manager =
			kan_pkg_manager(kan_pkg_db_of(&package, kan_pkg_paths_path(p->changed, 0)));
	return manager ? kan_pkg_manager_sum(manager) : MD5_SIZE;
}

/* Where the container's database puts files: they apply to what is read after them. */
static int read_diversions(struct kan_packages *p, const struct kan_facts *f, struct kan_err *err)
{
	struct reading first = {.p = p, .index = p->found, .only = DIVERSIONS};
	struct kan_err ignored = {0}; /* the whole is read again */
	if (!kan_packages_touched(p, kan_bytes_of(diversions))) {
		kan_pkg_index_divert_as(p->found, p->image);
		return 0;
	}
	return kan_source_has(f->source, upper_tar)
		       ? read_tar(&first, f->source, upper_tar, &ignored, err)
		       : 0;
}

static int read_container(struct kan_packages *p, const struct kan_facts *f, struct kan_err *err)
{
	bool touched = kan_pkg_paths_count(p->changed) > 0, sums = sums_needed(p);
	p->claim_sum = claim_sum(p);
	struct reading upper = {.p = p,
				.index = touched ? p->found : NULL,
				.os = &p->found_os,
				.sums = p->upper,
				.only = REST,
				.claims = touched},
		       before = {.p = p, .sums = p->before};
	struct kan_err why = {0}, ignored = {0};
	bool os = kan_pkg_paths_find(p->wanted, KAN_LIT("usr/lib/os-release")) != KAN_PKG_NOWHERE ||
		  kan_pkg_paths_find(p->wanted, KAN_LIT("etc/os-release")) != KAN_PKG_NOWHERE;
	if (touched && read_diversions(p, f, err) < 0)
		return -1;
	if ((touched || sums || os) && kan_source_has(f->source, upper_tar) &&
	    read_tar(&upper, f->source, upper_tar, &why, err) < 0)
		return -1;
	kan_pkg_index_done(p->found);
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		kan_pkg_log_done(p->logs[of]);
	judge_found(p, f, &why);
	if (!sums || !kan_source_has(f->source, before_tar))
		return 0;
	return read_tar(&before, f->source, before_tar, &ignored, err);
}

int kan_packages_read(struct kan_packages *p, const struct kan_facts *f, struct kan_err *err)
{
	struct kan_pkg_paths *const all[] = {p->wanted, p->links, p->firsts, p->changed};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		kan_pkg_paths_sort(all[i]);
	size_t n = kan_pkg_paths_count(p->wanted) + 1;
	p->links_whole = f->whole_baseline && kan_source_has(f->source, baseline) &&
			 kan_pkg_paths_whole(p->links);
	p->image = kan_pkg_index_new(p->wanted, p->links);
	p->found = kan_pkg_index_new(p->wanted, p->links);
	for (enum kan_pkg_log_of of = KAN_PKG_LOG_DPKG; of < KAN_PKG_LOGS; of++)
		p->logs[of] = kan_pkg_log_new(of);
	p->upper = kan_xalloc(n * sizeof *p->upper);
	p->before = kan_xalloc(n * sizeof *p->before);
	if (read_image(p, f, err) < 0)
		return -1;
	if (p->state != KAN_PACKAGES_NONE || kan_pkg_paths_count(p->changed) > 0)
		return read_container(p, f, err);
	if (f->whole_changes)
		p->found_state = KAN_PACKAGES_NONE;
	return 0;
}
