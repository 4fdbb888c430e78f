/* What a store of Podman has, by files alone. */
#include "engine/podmanroot.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"
#include "engine/config.h"
#include "engine/store.h"

enum { PATH_OCTETS = 256, DRIVERS = 2, LISTS = KAN_PODMAN_LISTS };

static const char *const drivers[DRIVERS] = {"overlay", "vfs"};

static int open_driver(int *dir, int root_fd, const char *driver, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "%s-containers", driver);
	return kan_open_beneath(dir, root_fd, path, O_PATH | O_DIRECTORY, 0, err);
}

bool kan_podmanroot_is(int root_fd)
{
	for (size_t i = 0; i < DRIVERS; i++) {
		kan_auto_close int dir = -1;
		if (open_driver(&dir, root_fd, drivers[i], NULL) == 0)
			return true;
	}
	return false;
}

bool kan_podmanroot_live(int root_fd)
{
	struct statx st;
	kan_auto_close int dir = -1;
	return kan_podmanroot_is(root_fd) &&
	       kan_open_beneath(&dir, root_fd, drivers[0], O_PATH | O_DIRECTORY, 0, NULL) == 0 &&
	       statx(dir, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* not-found: there is none of that name, which is no fault of the second. */
static int read_list(json_t **out, const struct kan_dataroot_dir *d, const char *name,
		     struct kan_err *err)
{
	if (kan_dataroot_json(out, d, name, KAN_STORE_LIST_MAX, err) < 0)
		return -1;
	if (json_is_array(*out))
		return 0;
	json_decref(*out);
	*out = NULL;
	return kan_fail(err, KAN_EFORMAT, "%s: no JSON array", name);
}

/* It is there from the container's first start on. */
static json_t *read_spec(const struct kan_dataroot_dir *d, const char *id, const json_t *entry,
			 struct kan_err *err)
{
	char path[PATH_OCTETS];
	json_t *spec = NULL;
	(void)snprintf(path, sizeof(path), "%s/userdata/config.json", id);
	if (kan_dataroot_json(&spec, d, path, KAN_DATAROOT_FILE, err) < 0) {
		(void)kan_wrap(err, "config.json");
		return NULL;
	}
	if (json_is_object(spec) && kan_podman_is_of(spec, entry))
		return spec;
	(void)kan_fail(err, KAN_EFORMAT, "config.json: %s",
		       json_is_object(spec) ? "it is of another container" : "no JSON object");
	json_decref(spec);
	return NULL;
}

static json_t *inspect_of(const struct kan_dataroot_dir *d, const char *driver, const char *id,
			  const json_t *entry, struct kan_err *lacks)
{
	json_t *spec = read_spec(d, id, entry, lacks);
	json_t *inspect = kan_podman_inspect(entry, spec);
	json_object_set_new(inspect, "Id", json_string(id));
	json_object_set_new(inspect, "Driver", json_string(driver));
	json_decref(spec);
	return inspect;
}

/* NULL: not-found, or why a list that is there was not read. */
static const json_t *find_entry(json_t *docs[LISTS], const struct kan_dataroot_dir *d,
				const char *id, struct kan_err *err)
{
	struct kan_err lost = {0}, why = {0};
	for (size_t i = 0; i < LISTS; i++)
		if (read_list(&docs[i], d, kan_podman_lists[i], &why) < 0 && lost.code == KAN_OK &&
		    why.code != KAN_ENOTFOUND)
			lost = why;
	const json_t *entry = kan_podman_entry(docs, LISTS, id, &why);
	if (entry)
		return entry;
	(void)kan_wrap(&why, "containers.json");
	*err = why.code == KAN_ENOTFOUND && lost.code != KAN_OK ? lost : why;
	return NULL;
}

static int container_of(json_t **inspect, const struct kan_dataroot_dir *d, const char *driver,
			const char *id, struct kan_err *lacks, struct kan_err *err)
{
	json_t *docs[LISTS] = {NULL};
	const json_t *entry = find_entry(docs, d, id, err);
	if (entry)
		*inspect = inspect_of(d, driver, id, entry, lacks);
	for (size_t i = 0; i < LISTS; i++)
		json_decref(docs[i]);
	return entry ? 0 : -1;
}

static bool has_directory(int root_fd, const char *driver, const char *id)
{
	kan_auto_close int dir = -1, own = -1;
	return open_driver(&dir, root_fd, driver, NULL) == 0 &&
	       kan_open_beneath(&own, dir, id, O_PATH | O_DIRECTORY, 0, NULL) == 0;
}

int kan_podmanroot_container(json_t **inspect, int root_fd, const char *id, struct kan_err *lacks,
			     struct kan_err *err)
{
	struct kan_tree_opener *opener = kan_tree_opener_new();
	int rc = kan_fail(err, KAN_ENOTFOUND, "no list of Podman's store has it");
	bool somewhere = kan_podmanroot_stores(NULL, root_fd, id) > 0;
	for (size_t i = 0; i < DRIVERS && rc < 0; i++) {
		struct kan_err why = {0};
		kan_auto_close int dir = -1;
		if (somewhere && !has_directory(root_fd, drivers[i], id))
			continue; /* it is listed here, at most: its files are another's */
		if (open_driver(&dir, root_fd, drivers[i], &why) == 0) {
			const struct kan_dataroot_dir d = {dir, opener};
			rc = container_of(inspect, &d, drivers[i], id, lacks, &why);
		}
		if (rc < 0 && err && why.code != KAN_ENOTFOUND)
			*err = why;
	}
	kan_tree_opener_free(opener);
	return rc;
}

/* The directory of the driver that has one of it, and which that is; NULL: none. */
static const char *open_container(int *dir, int root_fd, const char *id)
{
	for (size_t i = 0; i < DRIVERS && kan_is_sha256_hex(id); i++)
		if (has_directory(root_fd, drivers[i], id) &&
		    open_driver(dir, root_fd, drivers[i], NULL) == 0)
			return drivers[i];
	return NULL;
}

size_t kan_podmanroot_stores(struct kan_buf *where, int root_fd, const char *id)
{
	size_t n = 0;
	for (size_t i = 0; i < DRIVERS && kan_is_sha256_hex(id); i++) {
		if (!has_directory(root_fd, drivers[i], id))
			continue;
		if (where)
			kan_buf_addf(where, "%s%s-containers", where->len ? ", " : "", drivers[i]);
		n++;
	}
	return n;
}

json_t *kan_podmanroot_by_id(int root_fd, const char *id)
{
	struct kan_err lacks = {0};
	kan_auto_close int dir = -1;
	const char *driver = open_container(&dir, root_fd, id);
	if (!driver)
		return NULL;
	const struct kan_dataroot_dir d = {dir, kan_tree_opener_new()};
	json_t *inspect = inspect_of(&d, driver, id, NULL, &lacks);
	kan_tree_opener_free(d.opener);
	return inspect;
}

/* --- the listing --------------------------------------------------------------------------- */

struct listing {
	struct kan_dataroot_dir dir; /* one opener for the files of all */
	const char *driver;
	kan_dataroot_fn *fn;
	void *arg;
	json_t *known;      /* ids: how often each is listed, 0 when it was told */
	size_t left;        /* of entries that are looked at */
	const char *unread; /* a list that is there and was not read; or NULL */
	bool stopped;
	struct kan_err problem;
};

static void tell(struct listing *l, struct kan_dataroot_entry *e, const struct kan_err *why)
{
	if (!l->left)
		(void)kan_fail(&l->problem, KAN_ELIMIT, "more than %d containers",
			       KAN_DATAROOT_CONTAINERS);
	l->stopped |= !l->left;
	if (l->stopped)
		return;
	l->left--;
	e->why = why->code != KAN_OK ? why->text : NULL;
	l->stopped = l->fn(e, l->arg) < 0;
}

/* What is listed twice is told once, without a word of it: either may be meant. */
static void tell_entry(struct listing *l, const json_t *entry)
{
	const char *id = kan_json_str(entry, "id");
	struct kan_err why = {0};
	struct kan_dataroot_entry e = {.name = kan_bytes_of(id),
				       .is_id = kan_is_sha256_hex(id),
				       .layered = kan_is_sha256_hex(kan_json_str(entry, "layer"))};
	json_t *inspect = NULL;
	int64_t times = kan_json_int(l->known, id);
	if (e.is_id && times == 0)
		return;
	json_object_set_new(l->known, id, json_integer(0));
	if (!e.is_id)
		(void)kan_fail(&why, KAN_EFORMAT, "an entry whose id is no container's id");
	else if (times > 1)
		(void)kan_fail(&why, KAN_EFORMAT, "containers.json has it more than once");
	else
		inspect = inspect_of(&l->dir, l->driver, id, entry, &why);
	e.inspect = inspect;
	tell(l, &e, &why);
	json_decref(inspect);
}

/* Where the memory of a reader ends, what is not counted is not called unlisted. */
static void count_ids(struct listing *l, const json_t *list)
{
	size_t i = 0;
	json_t *one = NULL;
	json_array_foreach (list, i, one) {
		const char *id = kan_json_str(one, "id");
		if (json_object_set_new(l->known, id,
					json_integer(kan_json_int(l->known, id) + 1)) == 0)
			continue;
		(void)kan_fail(&l->problem, KAN_ELIMIT,
			       "its lists need more memory than a reader has");
		l->stopped = true;
		return;
	}
}

static void tell_list_lost(struct listing *l, const char *name, const struct kan_err *why)
{
	struct kan_dataroot_entry e = {.name = kan_bytes_of(name)};
	l->unread = l->unread ? l->unread : name;
	tell(l, &e, why);
}

static void tell_lists(struct listing *l)
{
	json_t *docs[LISTS] = {NULL}, *entry = NULL;
	for (size_t i = 0; i < LISTS; i++) {
		struct kan_err why = {0};
		if (read_list(&docs[i], &l->dir, kan_podman_lists[i], &why) == 0)
			count_ids(l, docs[i]);
		else if (i == 0 || why.code != KAN_ENOTFOUND)
			tell_list_lost(l, kan_podman_lists[i], &why);
	}
	for (size_t i = 0; i < LISTS; i++) {
		size_t k = 0;
		json_array_foreach (docs[i], k, entry)
			if (!l->stopped)
				tell_entry(l, entry);
		json_decref(docs[i]);
	}
}

/* An id that was told, or a list. */
static bool is_known(const struct listing *l, struct kan_bytes name)
{
	char id[65] = "";
	for (size_t i = 0; i < LISTS; i++)
		if (kan_bytes_eq(name, kan_bytes_of(kan_podman_lists[i])))
			return true;
	if (name.n != 64)
		return false;
	memcpy(id, name.p, 64);
	return json_object_get(l->known, id) != NULL;
}

/* Left over, or hidden from the list; its files beside it are no containers. */
static enum kan_tree_next on_entry(const struct kan_tree_entry *t, void *arg)
{
	struct listing *l = arg;
	struct kan_err why = {0};
	struct kan_dataroot_entry e = {.name = t->name};
	if (t->depth == 0)
		return KAN_TREE_GO;
	e.is_id = kan_dataroot_is_id(t->name);
	if ((S_ISREG(t->st->stx_mode) && !e.is_id) || is_known(l, t->name))
		return KAN_TREE_SKIP;
	(void)kan_fail(&why, KAN_EFORMAT, "%s %s", l->unread ? l->unread : kan_podman_lists[0],
		       l->unread ? "could not be read" : "does not have it");
	if (!e.is_id || !S_ISDIR(t->st->stx_mode))
		(void)kan_fail(&why, KAN_EFORMAT, "%s",
			       e.is_id ? "no directory" : "its name is no container's id");
	tell(l, &e, &why);
	return l->stopped ? KAN_TREE_STOP : KAN_TREE_SKIP;
}

/* Of a single entry: it went away, or cannot even be looked at. */
static void on_problem(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct listing *l = arg;
	struct kan_dataroot_entry e = {.name = {path.p + 1, path.n - 1}};
	if (path.n <= 1) {
		l->problem = *why;
	} else if (!is_known(l, e.name)) {
		e.is_id = kan_dataroot_is_id(e.name);
		tell(l, &e, why);
	}
}

/* With an opener of its own: files that do not open cost no look at what is beside them. */
static int walk(struct listing *l, struct kan_err *err)
{
	struct kan_tree_walk w = {.max_entries = KAN_DATAROOT_CONTAINERS + 1,
				  .sorted = true,
				  .fn = on_entry,
				  .problem = on_problem,
				  .arg = l,
				  .opener = kan_tree_opener_new()};
	int rc = kan_tree_walk(&w, l->dir.fd, err);
	kan_tree_opener_free(w.opener);
	return rc;
}

/* Only what is not there has no containers: a link, or what is no directory, may hide some. */
static int each_of(struct listing *l, int root_fd, struct kan_err *err)
{
	kan_auto_close int dir = -1;
	struct kan_err why = {0};
	if (open_driver(&dir, root_fd, l->driver, &why) < 0)
		return why.sys == ENOENT ? 0 : kan_fail(err, why.code, "%s", why.text);
	l->dir.fd = dir;
	l->unread = NULL;
	l->known = json_object();
	tell_lists(l);
	int rc = l->stopped ? 0 : walk(l, err);
	json_decref(l->known);
	if (rc == 0 && l->problem.code == KAN_OK)
		return 0;
	if (rc == 0 && err)
		*err = l->problem;
	return kan_wrap(err, "%s-containers", l->driver);
}

int kan_podmanroot_each(int root_fd, kan_dataroot_fn *fn, void *arg, struct kan_err *err)
{
	struct listing l = {.dir = {-1, kan_tree_opener_new()},
			    .fn = fn,
			    .arg = arg,
			    .left = KAN_DATAROOT_CONTAINERS};
	int rc = 0;
	for (size_t i = 0; i < DRIVERS && !l.stopped; i++) {
		l.driver = drivers[i];
		l.problem.code = KAN_OK;
		if (each_of(&l, root_fd, rc < 0 ? NULL : err) < 0)
			rc = -1;
	}
	kan_tree_opener_free(l.dir.opener);
	return rc;
}
