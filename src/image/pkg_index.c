/* Owners of wanted paths. What nobody asks about leaves nothing behind. */
#include "image/pkg_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "image/pkg_held.h"
#include "image/pkg_reader.h"

enum { KEYS_OCTETS = 64 << 20, SAME_NAME_MAX = 64 };
/* Of octets compared along paths: over ten times what the largest distribution needs. */
static const uint64_t work_max = (uint64_t)1 << 33;

struct diversion {
	struct kan_bytes from, to, by; /* one allocation, at from.p */
};

struct kan_pkg_index {
	const struct kan_pkg_paths *wanted, *links;
	struct kan_pkg_events events;
	struct kan_pkg_reader *reader;
	struct kan_pkg_held *rpm; /* read when all files are there */
	bool in_rpm;
	enum kan_pkg_db db;
	struct kan_buf file, path;
	char *key; /* the copy that owners share */
	char **keys;
	size_t n_keys, key_octets, files;
	uint64_t left;                /* of the work that following links may be */
	struct kan_pkg_owner *owners; /* beside wanted */
	struct kan_pkg_package **packages;
	size_t n_packages;
	struct diversion *diversions;
	size_t n_diversions;
	bool diversions_sorted;
	struct kan_pkg_fault faults[KAN_PKG_FAULTS];
	size_t n_faults;
};

/* Room for one more in a table that doubles. */
static void *more(void *table, size_t n, size_t size)
{
	return (n & (n - 1)) == 0 ? kan_xrealloc(table, n ? n * 2 : 1, size) : table;
}

static struct kan_bytes put(uint8_t **at, struct kan_bytes v)
{
	struct kan_bytes copy = {*at, v.n};
	if (v.n)
		memcpy(*at, v.p, v.n);
	*at += v.n;
	return copy;
}

static int about(const struct kan_pkg_about *p, void *arg, struct kan_err *err)
{
	struct kan_pkg_index *x = arg;
	if (x->n_packages == KAN_PKG_PACKAGES)
		return kan_fail(err, KAN_ELIMIT, "more than %d packages", KAN_PKG_PACKAGES);
	size_t n = p->name.n + p->arch.n + p->version.n + p->source.n + p->source_version.n +
		   p->state.n + x->file.len;
	struct kan_pkg_package *copy = kan_xalloc(sizeof(*copy) + n);
	uint8_t *at = (uint8_t *)(copy + 1);
	copy->name = put(&at, p->name);
	copy->arch = put(&at, p->arch);
	copy->version = put(&at, p->version);
	copy->source = put(&at, p->source);
	copy->source_version = put(&at, p->source_version);
	copy->state = put(&at, p->state);
	copy->file = put(&at, kan_buf_bytes(&x->file));
	copy->manager = kan_pkg_manager(x->db);
	copy->installed = p->installed;
	x->packages = more(x->packages, x->n_packages, sizeof(*x->packages));
	x->packages[x->n_packages++] = copy;
	return 0;
}

static int too_much(struct kan_err *err)
{
	return kan_fail(err, KAN_ELIMIT, "paths too many and too deep, or links that multiply");
}

static int by_from(const void *a, const void *b)
{
	const struct diversion *x = a, *y = b;
	int c = kan_bytes_cmp(x->from, y->from);
	return c ? c : kan_bytes_cmp(x->to, y->to);
}

static void add_diversion(struct kan_pkg_index *x, struct diversion of)
{
	struct diversion d = {0};
	uint8_t *at = kan_xalloc(of.from.n + of.to.n + of.by.n + 1);
	d.from = put(&at, of.from);
	d.to = put(&at, of.to);
	d.by = put(&at, of.by);
	x->diversions = more(x->diversions, x->n_diversions, sizeof(*x->diversions));
	x->diversions[x->n_diversions++] = d;
	x->diversions_sorted = false;
}

static int diverted(struct kan_bytes from, struct kan_bytes to, struct kan_bytes by, void *arg,
		    struct kan_err *err)
{
	struct kan_pkg_index *x = arg;
	kan_auto_buf struct kan_buf real_from = KAN_BUF(KAN_PKG_PATH_MAX),
				    real_to = KAN_BUF(KAN_PKG_PATH_MAX);
	if (x->n_diversions == KAN_PKG_DIVERTED)
		return kan_fail(err, KAN_ELIMIT, "more than %d diversions", KAN_PKG_DIVERTED);
	if (!kan_pkg_paths_follow(&real_from, x->links, from, &x->left) ||
	    !kan_pkg_paths_follow(&real_to, x->links, to, &x->left))
		return x->left ? 0 : too_much(err); /* it leads nowhere: no file lies there */
	add_diversion(x,
		      (struct diversion){kan_buf_bytes(&real_from), kan_buf_bytes(&real_to), by});
	return 0;
}

/* The name without its architecture. */
static struct kan_bytes bare(struct kan_bytes key)
{
	const uint8_t *colon = key.n ? memchr(key.p, ':', key.n) : NULL;
	return (struct kan_bytes){key.p, colon ? (size_t)(colon - key.p) : key.n};
}

/* Where a diversion puts the file of this package. */
static struct kan_bytes diverted_to(struct kan_pkg_index *x, struct kan_bytes path,
				    struct kan_bytes package)
{
	size_t low = 0, high = x->n_diversions;
	if (!x->diversions_sorted && x->n_diversions)
		qsort(x->diversions, x->n_diversions, sizeof(*x->diversions), by_from);
	x->diversions_sorted = true;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (kan_bytes_cmp(x->diversions[mid].from, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == x->n_diversions || !kan_bytes_eq(x->diversions[low].from, path) ||
	    kan_bytes_eq(x->diversions[low].by, bare(package)))
		return path;
	return x->diversions[low].to;
}

/* Owners of one file of the database share one copy of the name. */
static int share_key(struct kan_pkg_index *x, struct kan_bytes package, struct kan_err *err)
{
	if (x->key && kan_bytes_eq(kan_bytes_of(x->key), package))
		return 0;
	if (x->key_octets + package.n + 1 > KEYS_OCTETS)
		return kan_fail(err, KAN_ELIMIT, "names of packages: over %d bytes", KEYS_OCTETS);
	char *copy = kan_xalloc(package.n + 1);
	if (package.n)
		memcpy(copy, package.p, package.n);
	x->key_octets += package.n + 1;
	x->keys = more(x->keys, x->n_keys, sizeof(*x->keys));
	x->keys[x->n_keys++] = copy;
	x->key = copy;
	return 0;
}

static void merge(struct kan_pkg_owner *w, const struct kan_pkg_index *x,
		  const struct kan_pkg_owned *o)
{
	if (w->key.p && !kan_bytes_eq(bare(w->key), bare(o->package))) {
		w->others += w->others < UINT32_MAX;
		return;
	}
	if (!w->key.p)
		w->key = kan_bytes_of(x->key);
	w->manager = kan_pkg_manager(x->db);
	w->conffile |= o->conffile;
	if (o->sum.n && (!w->sum_n || o->conffile)) {
		memcpy(w->sum, o->sum.p, o->sum.n);
		w->sum_n = o->sum.n;
	}
}

static int owned(const struct kan_pkg_owned *o, void *arg, struct kan_err *err)
{
	struct kan_pkg_index *x = arg;
	if (!kan_pkg_paths_follow(&x->path, x->links, o->path, &x->left))
		return x->left ? 0 : too_much(err);
	struct kan_bytes path = kan_buf_bytes(&x->path);
	size_t at = kan_pkg_paths_find(x->wanted, diverted_to(x, path, o->package));
	if (at == KAN_PKG_NOWHERE)
		return 0;
	if (share_key(x, o->package, err) < 0)
		return -1;
	merge(&x->owners[at], x, o);
	return 0;
}

struct kan_pkg_index *kan_pkg_index_new(const struct kan_pkg_paths *wanted,
					const struct kan_pkg_paths *links)
{
	struct kan_pkg_index *x = kan_xalloc(sizeof(*x));
	x->wanted = wanted;
	x->links = links;
	x->left = work_max;
	x->events = (struct kan_pkg_events){about, owned, diverted, x};
	x->file = x->path = KAN_BUF(2 * KAN_PKG_PATH_MAX);
	x->owners = kan_xalloc((kan_pkg_paths_count(wanted) + 1) * sizeof(*x->owners));
	return x;
}

void kan_pkg_index_free(struct kan_pkg_index *x)
{
	if (!x)
		return;
	kan_pkg_reader_free(x->reader);
	kan_pkg_held_free(x->rpm);
	for (size_t i = 0; i < x->n_keys; i++)
		free(x->keys[i]);
	for (size_t i = 0; i < x->n_packages; i++)
		free(x->packages[i]);
	for (size_t i = 0; i < x->n_diversions; i++)
		free((void *)(uintptr_t)x->diversions[i].from.p);
	for (size_t i = 0; i < x->n_faults && i < KAN_PKG_FAULTS; i++)
		free(x->faults[i].file);
	free(x->keys);
	free(x->packages);
	free(x->diversions);
	free(x->owners);
	kan_buf_free(&x->file);
	kan_buf_free(&x->path);
	free(x);
}

void kan_pkg_index_lost(struct kan_pkg_index *x, struct kan_bytes file, const struct kan_err *why)
{
	kan_auto_buf struct kan_buf clean = KAN_BUF(KAN_PKG_PATH_MAX);
	if (x->n_faults < KAN_PKG_FAULTS) {
		(void)kan_text_clean(&clean, file);
		x->faults[x->n_faults].file = kan_xstrdup(kan_buf_str(&clean));
		x->faults[x->n_faults].err = *why;
	}
	x->n_faults++;
}

void kan_pkg_index_divert_as(struct kan_pkg_index *x, const struct kan_pkg_index *from)
{
	for (size_t i = 0; i < from->n_diversions; i++)
		add_diversion(x, from->diversions[i]);
}

void kan_pkg_index_file_end(struct kan_pkg_index *x)
{
	struct kan_err why = {0};
	x->in_rpm = false;
	if (!x->reader)
		return;
	if (kan_pkg_read_end(x->reader, &why) < 0)
		kan_pkg_index_lost(x, kan_buf_bytes(&x->file), &why);
	kan_pkg_reader_free(kan_take_ptr(x->reader));
}

bool kan_pkg_index_file(struct kan_pkg_index *x, struct kan_bytes path)
{
	struct kan_bytes package;
	struct kan_err why = {0};
	kan_pkg_index_file_end(x);
	enum kan_pkg_db db = kan_pkg_db_of(&package, path);
	if (db == KAN_PKG_OTHER)
		return false;
	x->db = db;
	x->files++;
	kan_buf_reset(&x->file);
	kan_buf_addb(&x->file, path);
	if (db == KAN_PKG_RPM || db == KAN_PKG_RPM_WAL) {
		x->rpm = x->rpm ? x->rpm : kan_pkg_held_new();
		x->in_rpm = kan_pkg_held_begin(x->rpm, db, path, &why) == 0;
		if (!x->in_rpm)
			kan_pkg_index_lost(x, path, &why);
		return true;
	}
	x->reader = kan_pkg_reader_new(db, package, &x->events);
	return true;
}

/* A reader with a fault is not fed on. */
void kan_pkg_index_data(struct kan_pkg_index *x, struct kan_bytes piece)
{
	struct kan_err why = {0};
	if (x->in_rpm && kan_pkg_held_add(x->rpm, piece, &why) < 0) {
		x->in_rpm = false;
		kan_pkg_index_lost(x, kan_buf_bytes(&x->file), &why);
	}
	if (!x->reader || kan_pkg_read(x->reader, piece, &why) == 0)
		return;
	kan_pkg_index_lost(x, kan_buf_bytes(&x->file), &why);
	kan_pkg_reader_free(kan_take_ptr(x->reader));
}

static int by_name(const void *a, const void *b)
{
	const struct kan_pkg_package *x = *(struct kan_pkg_package *const *)a;
	const struct kan_pkg_package *y = *(struct kan_pkg_package *const *)b;
	int c = kan_bytes_cmp(x->name, y->name);
	if (c == 0)
		c = kan_bytes_cmp(x->arch, y->arch);
	if (c == 0)
		c = kan_bytes_cmp(x->file, y->file);
	return c ? c : kan_bytes_cmp(x->version, y->version);
}

static void read_rpm(struct kan_pkg_index *x)
{
	struct kan_err why = {0};
	x->db = KAN_PKG_RPM;
	kan_buf_reset(&x->file);
	kan_buf_addb(&x->file, kan_pkg_held_file(x->rpm));
	if (kan_pkg_held_read(x->rpm, &x->events, &why) < 0)
		kan_pkg_index_lost(x, kan_buf_bytes(&x->file), &why);
	kan_pkg_held_free(kan_take_ptr(x->rpm));
}

void kan_pkg_index_done(struct kan_pkg_index *x)
{
	kan_pkg_index_file_end(x);
	if (x->rpm)
		read_rpm(x);
	if (x->n_packages)
		qsort(x->packages, x->n_packages, sizeof(*x->packages), by_name);
}

size_t kan_pkg_index_files(const struct kan_pkg_index *x)
{
	return x->files;
}

size_t kan_pkg_index_faults(const struct kan_pkg_index *x)
{
	return x->n_faults;
}

const struct kan_pkg_fault *kan_pkg_index_fault(const struct kan_pkg_index *x, size_t i)
{
	return &x->faults[i];
}

size_t kan_pkg_index_packages(const struct kan_pkg_index *x)
{
	return x->n_packages;
}

const struct kan_pkg_package *kan_pkg_index_package(const struct kan_pkg_index *x, size_t i)
{
	return x->packages[i];
}

const struct kan_pkg_package *kan_pkg_index_named(const struct kan_pkg_index *x,
						  struct kan_bytes key)
{
	struct kan_bytes name = bare(key), arch = {0};
	const struct kan_pkg_package *found = NULL;
	size_t low = 0, high = x->n_packages;
	if (key.n > name.n)
		arch = (struct kan_bytes){key.p + name.n + 1, key.n - name.n - 1};
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (kan_bytes_cmp(x->packages[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	size_t end = low + SAME_NAME_MAX < x->n_packages ? low + SAME_NAME_MAX : x->n_packages;
	for (; low < end && kan_bytes_eq(x->packages[low]->name, name); low++) {
		const struct kan_pkg_package *p = x->packages[low];
		if (arch.n && !kan_bytes_eq(arch, p->arch))
			continue;
		if (!found || (p->installed && !found->installed))
			found = p;
	}
	return found;
}

const struct kan_pkg_owner *kan_pkg_index_owner(const struct kan_pkg_index *x, size_t at)
{
	return x->owners[at].key.p ? &x->owners[at] : NULL;
}
