/* What a data root has, by files alone: Docker's is read here, Podman's beside. */
#include "engine/dataroot.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/row.h"
#include "base/tree.h"
#include "engine/config.h"
#include "engine/podmanroot.h"

enum { PATH_OCTETS = 512 };

static bool is_dir(int at, const char *path)
{
	kan_auto_close int fd = -1;
	return kan_open_beneath(&fd, at, path, O_PATH | O_DIRECTORY, 0, NULL) == 0;
}

static bool is_file(int at, const char *path)
{
	struct stat st;
	kan_auto_close int fd = -1;
	return kan_open_beneath(&fd, at, path, O_PATH, 0, NULL) == 0 && fstat(fd, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

/* Neither Docker's nor Podman's: whose is it, or where below it is one? */
static int what_else(int fd, const char *dir, struct kan_err *err)
{
	static const struct {
		const char *below, *has;
	} usual[] = {{"var/lib/docker", "containers"},
		     {"docker", "containers"},
		     {"data", "containers"},
		     {"data", "overlay-containers"},
		     {"var/lib/containers/storage", "overlay-containers"},
		     {"containers/storage", "overlay-containers"},
		     {"storage", "overlay-containers"},
		     {".local/share/containers/storage", "overlay-containers"}};
	if (is_dir(fd, "io.containerd.content.v1.content") ||
	    is_dir(fd, "io.containerd.metadata.v1.bolt"))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"%s is the root of containerd: only a data root of Docker or a "
				"store of Podman can be read",
				dir);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		char path[PATH_OCTETS];
		(void)snprintf(path, sizeof(path), "%s/%s", usual[i].below, usual[i].has);
		if (is_dir(fd, path))
			return kan_fail(err, KAN_ENOTFOUND, "%s is no data root: name %s/%s", dir,
					dir, usual[i].below);
	}
	return kan_fail(err, KAN_ENOTFOUND,
			"%s is no data root: it has no directory containers, as Docker's, and no "
			"overlay-containers, as Podman's",
			dir);
}

/* Of a directory that holds Podman's storage, as /var/lib does, the name alone is Docker's. */
static bool is_dockers(int fd)
{
	return is_dir(fd, "containers") && !is_dir(fd, "containers/storage/overlay-containers");
}

/* Or what is in the place of its directory, which may hide containers: listing it says so. */
static bool has_dockers(int fd)
{
	kan_auto_close int at = -1;
	struct kan_err why = {0};
	if (kan_open_beneath(&at, fd, "containers", O_PATH | O_DIRECTORY, 0, &why) < 0)
		return why.sys != ENOENT;
	return is_dockers(fd);
}

/* A '/' behind a link's name, or "/.", would have it followed. */
static size_t without_tail(const char *dir)
{
	size_t n = strlen(dir);
	for (;;) {
		bool slash = n > 1 && dir[n - 1] == '/',
		     dot = n > 2 && dir[n - 1] == '.' && dir[n - 2] == '/';
		if (!slash && !dot)
			return n;
		n--;
	}
}

int kan_dataroot_open(int *out, const char *dir, struct kan_err *err)
{
	kan_auto_free char *name = strndup(dir, without_tail(dir));
	struct stat st;
	if (name && lstat(name, &st) == 0 && S_ISLNK(st.st_mode))
		return kan_fail(err, KAN_EREFUSED,
				"%s is a symbolic link, and may lead to this machine's own files: "
				"name the directory itself",
				dir);
	kan_auto_close int fd =
		name ? open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd < 0)
		return kan_fail_sys(err, "%s", dir);
	if (!is_dockers(fd) && !kan_podmanroot_is(fd))
		return what_else(fd, dir, err);
	*out = kan_take_fd(&fd);
	return 0;
}

char *kan_dataroot_place(int root_fd)
{
	char self[64], place[PATH_MAX];
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", root_fd);
	ssize_t n = readlink(self, place, sizeof(place));
	return n > 0 && (size_t)n < sizeof(place) ? strndup(place, (size_t)n) : NULL;
}

bool kan_dataroot_linked(const char *dir)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_NO_SYMLINKS};
	kan_auto_close int fd = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	return fd < 0 && errno == ELOOP;
}

/* The engine locks its databases for as long as it runs. A lock of ours is shared and let go. */
bool kan_dataroot_live(int root_fd)
{
	static const char *const locked[] = {"volumes/metadata.db", "network/files/local-kv.db",
					     "builder/fscache.db"};
	for (size_t i = 0; i < sizeof(locked) / sizeof(locked[0]); i++) {
		kan_auto_close int fd = -1;
		if (kan_dataroot_open_file(&fd, root_fd, locked[i], NULL) == 0 &&
		    flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
			return true;
	}
	return kan_podmanroot_live(root_fd);
}

int kan_dataroot_open_file(int *fd, int dir_fd, const char *path, struct kan_err *err)
{
	kan_auto_close int pin = -1;
	return kan_open_beneath(&pin, dir_fd, path, O_PATH | O_NOFOLLOW, 0, err) < 0
		       ? -1
		       : kan_dataroot_open_pin(fd, pin, path, err);
}

static int open_with(int *fd, struct kan_tree_opener *o, int pin, const char *path,
		     struct kan_err *err)
{
	struct stat st;
	bool noatime = false;
	if (fstat(pin, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return kan_fail(err, KAN_EREFUSED, "%s: no regular file", path);
	return kan_tree_open_bounded(fd, &noatime, o, pin, err) < 0 ? kan_wrap(err, "%s", path) : 0;
}

static int read_with(struct kan_buf *out, struct kan_tree_opener *o, int fd, const char *path,
		     struct kan_err *err)
{
	struct stat st;
	size_t room = out->max - out->len;
	if (fstat(fd, &st) < 0)
		return kan_fail_sys(err, "%s", path);
	if (st.st_size < 0 || (uint64_t)st.st_size > room)
		return kan_fail(err, KAN_ELIMIT, "%s: %lld octets, over %zu", path,
				(long long)st.st_size, out->max);
	return kan_tree_read_bounded(out, o, fd, room + 1, err) < 0 ? kan_wrap(err, "%s", path) : 0;
}

static int read_pin(struct kan_buf *out, struct kan_tree_opener *o, int pin, const char *path,
		    struct kan_err *err)
{
	kan_auto_close int fd = -1;
	return open_with(&fd, o, pin, path, err) < 0 ? -1 : read_with(out, o, fd, path, err);
}

int kan_dataroot_open_pin(int *fd, int pin, const char *path, struct kan_err *err)
{
	struct kan_tree_opener *opener = kan_tree_opener_new();
	int rc = open_with(fd, opener, pin, path, err);
	kan_tree_opener_free(opener);
	return rc;
}

int kan_dataroot_read_pin(struct kan_buf *out, int pin, const char *path, struct kan_err *err)
{
	struct kan_tree_opener *opener = kan_tree_opener_new();
	int rc = read_pin(out, opener, pin, path, err);
	kan_tree_opener_free(opener);
	return rc;
}

int kan_dataroot_read_fd(struct kan_buf *out, int fd, const char *path, struct kan_err *err)
{
	struct kan_tree_opener *opener = kan_tree_opener_new();
	int rc = read_with(out, opener, fd, path, err);
	kan_tree_opener_free(opener);
	return rc;
}

int kan_dataroot_read_first(struct kan_buf *out, int fd, size_t most, struct kan_err *err)
{
	struct kan_tree_opener *opener = kan_tree_opener_new();
	int rc = kan_tree_read_bounded(out, opener, fd, most, err);
	kan_tree_opener_free(opener);
	return rc;
}

int kan_dataroot_json(json_t **out, const struct kan_dataroot_dir *d, const char *path, size_t max,
		      struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(max);
	kan_auto_close int pin = -1;
	if (kan_open_beneath(&pin, d->fd, path, O_PATH | O_NOFOLLOW, 0, err) < 0 ||
	    read_pin(&text, d->opener, pin, path, err) < 0)
		return -1;
	return kan_json_parse(out, kan_buf_bytes(&text), max, KAN_DATAROOT_DEPTH, err) < 0
		       ? kan_wrap(err, "%s", path)
		       : 0;
}

static int read_json(json_t **out, const struct kan_dataroot_dir *d, const char *path,
		     struct kan_err *err)
{
	json_t *doc = NULL;
	if (kan_dataroot_json(&doc, d, path, KAN_DATAROOT_FILE, err) < 0)
		return -1;
	if (!json_is_object(doc)) {
		json_decref(doc);
		return kan_fail(err, KAN_EFORMAT, "%s: no JSON object", path);
	}
	*out = doc;
	return 0;
}

/* The directory's name and the file's word are the same container, or neither is believed. */
static int check_id(const json_t *config, const char *id, struct kan_err *err)
{
	const char *said = kan_json_str(config, "ID");
	if (strcmp(said, id) == 0)
		return 0;
	return kan_fail(err, KAN_EFORMAT, "config.v2.json: it is of another container: '%.64s'",
			said);
}

/* 0 with lacks set: hostconfig.json is missing or damaged. */
static int read_container(json_t **inspect, const struct kan_dataroot_dir *d, const char *id,
			  struct kan_err *lacks, struct kan_err *err)
{
	json_t *config = NULL, *host = NULL;
	if (read_json(&config, d, "config.v2.json", err) < 0)
		return -1;
	int rc = check_id(config, id, err);
	if (rc == 0 && read_json(&host, d, "hostconfig.json", lacks) < 0)
		host = NULL;
	if (rc == 0)
		*inspect = kan_config_inspect(config, host);
	json_decref(config);
	json_decref(host);
	return rc;
}

static int open_dockers(int *dir, int root_fd, const char *id, struct kan_err *err)
{
	char path[PATH_OCTETS];
	(void)snprintf(path, sizeof(path), "containers/%.64s", id);
	return kan_open_beneath(dir, root_fd, path, O_PATH | O_DIRECTORY, 0, err);
}

int kan_dataroot_container(json_t **inspect, int root_fd, const char *id, struct kan_err *err)
{
	kan_auto_close int dir = -1;
	struct kan_err lacks = {0};
	if (!kan_is_sha256_hex(id))
		return kan_fail(err, KAN_EUSAGE, "'%.64s' is no container's id", id);
	if (open_dockers(&dir, root_fd, id, err) < 0)
		return kan_podmanroot_is(root_fd)
			       ? kan_podmanroot_container(inspect, root_fd, id, &lacks, err)
			       : -1;
	const struct kan_dataroot_dir d = {dir, kan_tree_opener_new()};
	int rc = read_container(inspect, &d, id, &lacks, err);
	kan_tree_opener_free(d.opener);
	return rc;
}

static bool docker_has(int root_fd, const char *id)
{
	kan_auto_close int dir = -1;
	return kan_is_sha256_hex(id) && open_dockers(&dir, root_fd, id, NULL) == 0;
}

size_t kan_dataroot_stores(struct kan_buf *where, int root_fd, const char *id)
{
	bool dockers = docker_has(root_fd, id);
	if (dockers && where)
		kan_buf_adds(where, "containers");
	return dockers + kan_podmanroot_stores(where, root_fd, id);
}

struct listing {
	int root_fd;
	kan_dataroot_fn *fn;
	void *arg;
	struct kan_tree_opener *opener; /* of all its containers */
	struct kan_err problem;
};

static bool id_of(char id[65], struct kan_bytes name)
{
	if (name.n != 64)
		return false;
	memcpy(id, name.p, 64);
	id[64] = 0;
	return kan_is_sha256_hex(id);
}

bool kan_dataroot_is_id(struct kan_bytes name)
{
	char id[65];
	return id_of(id, name);
}

/* A driver is a directory's name: nothing with a slash or a dot is built into a path. */
bool kan_dataroot_is_driver(const char *driver)
{
	size_t n = strlen(driver);
	return n && n < 64 && strspn(driver, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

static bool is_layered(int root_fd, const char *driver, const char *id)
{
	char path[PATH_OCTETS];
	if (!kan_dataroot_is_driver(driver) || !kan_is_sha256_hex(id))
		return false;
	(void)snprintf(path, sizeof(path), "image/%s/layerdb/mounts/%s/mount-id", driver, id);
	return is_file(root_fd, path);
}

static enum kan_tree_next on_entry(const struct kan_tree_entry *t, void *arg)
{
	struct listing *l = arg;
	char id[65];
	struct kan_err why = {0}, lacks = {0};
	struct kan_dataroot_entry e = {.name = t->name, .is_id = id_of(id, t->name)};
	const struct kan_dataroot_dir d = {t->fd, l->opener};
	json_t *inspect = NULL;
	if (t->depth == 0)
		return KAN_TREE_GO;
	if (!e.is_id)
		(void)kan_fail(&why, KAN_EFORMAT, "its name is no container's id");
	else if (!S_ISDIR(t->st->stx_mode))
		(void)kan_fail(&why, KAN_EFORMAT, "no directory");
	else if (read_container(&inspect, &d, id, &lacks, &why) == 0)
		e.inspect = inspect;
	e.layered = is_layered(l->root_fd, kan_json_str(inspect, "Driver"), id);
	e.why = why.code != KAN_OK ? why.text : lacks.code != KAN_OK ? lacks.text : NULL;
	int rc = l->fn(&e, l->arg);
	json_decref(inspect);
	return rc < 0 ? KAN_TREE_STOP : KAN_TREE_SKIP;
}

/* Of a single entry: it went away, or cannot even be looked at. */
static void on_problem(struct kan_bytes path, const struct kan_err *why, void *arg)
{
	struct listing *l = arg;
	struct kan_dataroot_entry e = {.name = {path.p + 1, path.n - 1}, .why = why->text};
	char id[65];
	if (path.n <= 1) {
		l->problem = *why;
		return;
	}
	e.is_id = id_of(id, e.name);
	(void)l->fn(&e, l->arg);
}

static int each_of_docker(int root_fd, kan_dataroot_fn *fn, void *arg, struct kan_err *err)
{
	kan_auto_close int dir = -1;
	if (kan_open_beneath(&dir, root_fd, "containers", O_PATH | O_DIRECTORY, 0, err) < 0)
		return -1;
	struct listing l = {
		.root_fd = root_fd, .fn = fn, .arg = arg, .opener = kan_tree_opener_new()};
	struct kan_tree_walk w = {.max_entries = KAN_DATAROOT_CONTAINERS + 1,
				  .sorted = true,
				  .fn = on_entry,
				  .problem = on_problem,
				  .arg = &l,
				  .opener = l.opener};
	int rc = kan_tree_walk(&w, dir, err);
	kan_tree_opener_free(l.opener);
	if (rc < 0)
		return kan_wrap(err, "containers");
	if (l.problem.code != KAN_OK) {
		if (err)
			*err = l.problem;
		return kan_wrap(err, "containers");
	}
	return 0;
}

int kan_dataroot_each(int root_fd, kan_dataroot_fn *fn, void *arg, struct kan_err *err)
{
	int rc = has_dockers(root_fd) ? each_of_docker(root_fd, fn, arg, err) : 0;
	return kan_podmanroot_each(root_fd, fn, arg, rc < 0 ? NULL : err) < 0 ? -1 : rc;
}

json_t *kan_dataroot_by_id(int root_fd, const char *id)
{
	json_t *o = docker_has(root_fd, id) ? NULL : kan_podmanroot_by_id(root_fd, id);
	if (o)
		return o;
	o = kan_config_inspect(NULL, NULL);
	json_object_set_new(o, "Id", json_string(id));
	json_object_clear(json_object_get(o, "State"));
	if (is_layered(root_fd, "overlay2", id))
		json_object_set_new(o, "Driver", json_string("overlay2"));
	return o;
}
