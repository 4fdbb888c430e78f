/* The data root of a Docker engine, or a store of Podman, read as files: nobody answers for it, and
 * nothing in it is trusted. */
#ifndef KAN_ENGINE_DATAROOT_H
#define KAN_ENGINE_DATAROOT_H

#include <jansson.h>
#include <kanshiki/bytes.h>
#include <kanshiki/err.h>

enum {
	KAN_DATAROOT_FILE = 4 << 20, /* of a container's config; real ones have some KiB */
	KAN_DATAROOT_DEPTH = 64,
	KAN_DATAROOT_CONTAINERS = 100000, /* directories that are looked at */
	KAN_DATAROOT_TAGS = 8,            /* names of an image that are told beside a container */
};

/* dir is the operator's word: links on the way to it are followed, none at its end (refused) and
 * below it. unsupported: the store of another engine; not-found: none at all. The texts say what to
 * name instead. */
int kan_dataroot_open(int *fd, const char *dir, struct kan_err *err);
/* Where it is. Yours; NULL when that cannot be told. */
char *kan_dataroot_place(int root_fd);
/* Was a link followed on the way? On a mounted disk it may have led back to this machine. */
bool kan_dataroot_linked(const char *dir);
/* Does a process of this machine hold its files? false also where that cannot be told. */
bool kan_dataroot_live(int root_fd);

/*
 * A regular file below a directory, by the open rule: pinned, its type and size looked at, then
 * opened. refused: it is none, or a link leads to it; limit: it is over out->max, nothing is read.
 */
int kan_dataroot_open_file(int *fd, int dir_fd, const char *path, struct kan_err *err);
/* The second half, of what is pinned (O_PATH) or open; path is for the text of an error. Open and
 * read are bounded: a permission mark that nobody answers gives io with ETIMEDOUT. */
int kan_dataroot_open_pin(int *fd, int pin, const char *path, struct kan_err *err);
int kan_dataroot_read_pin(struct kan_buf *out, int pin, const char *path, struct kan_err *err);
int kan_dataroot_read_fd(struct kan_buf *out, int fd, const char *path, struct kan_err *err);
/* Its first octets, or all there are. */
int kan_dataroot_read_first(struct kan_buf *out, int fd, size_t most, struct kan_err *err);

/* A directory whose files are read with one opener: what does not return is counted. */
struct kan_tree_opener;
struct kan_dataroot_dir {
	int fd;
	struct kan_tree_opener *opener;
};
/* Its size is looked at before it is read. Yours: json_decref it. */
int kan_dataroot_json(json_t **out, const struct kan_dataroot_dir *d, const char *path, size_t max,
		      struct kan_err *err);

/* Is it a word that may be built into a path? Nothing with a slash or a dot is. */
bool kan_dataroot_is_driver(const char *driver);
/* Is it called as a container's directory is: 64 hex digits? */
bool kan_dataroot_is_id(struct kan_bytes name);

/* One entry of containers/, or of Podman's list. name is what it is called there: any bytes. */
struct kan_dataroot_entry {
	struct kan_bytes name;
	bool is_id;            /* 64 hex digits: a container */
	bool layered;          /* there is a record of its own layer */
	const json_t *inspect; /* in the words of inspect; NULL: it cannot be read */
	const char *why;       /* why not; or what of it is missing; NULL: nothing */
};
typedef int kan_dataroot_fn(const struct kan_dataroot_entry *e, void *arg);
/* Docker's in the order of their names, Podman's as listed, then directories that no list has. A
 * return of -1 stops. What cannot be listed costs nothing beside it: -1 at the end, and the first
 * of such errors. limit: there are more than are looked at. */
int kan_dataroot_each(int root_fd, kan_dataroot_fn *fn, void *arg, struct kan_err *err);
/* One container, by its whole id: how many of the stores here have it (where: their names, or
 * NULL), and what do its files say? */
size_t kan_dataroot_stores(struct kan_buf *where, int root_fd, const char *id);
int kan_dataroot_container(json_t **inspect, int root_fd, const char *id, struct kan_err *err);

/*
 * What names the images of a driver now, by image id: {"tags":[..],"more":n}, of each the first
 * KAN_DATAROOT_TAGS. Of image/<driver>/repositories.json, or of Podman's images.json. Yours; NULL:
 * it cannot be read, or (err: OK, or ENOENT) there is none. Of a list with one name for two images,
 * or with entries that are none, the rest is given, and err says so: either may be meant.
 */
json_t *kan_dataroot_tags(int root_fd, const char *driver, struct kan_err *err);
/* Of a container whose config cannot be read: its id, and what else there is. Yours. */
json_t *kan_dataroot_by_id(int root_fd, const char *id);

#endif
