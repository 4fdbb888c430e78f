/* Inside the engine room: where other engines than Docker's overlay2 keep layers and configs. */
#ifndef KAN_ENGINE_STORE_H
#define KAN_ENGINE_STORE_H

#include <kanshiki/target.h>

#include "base/digest.h"
#include "kernel/idmap.h"

/* Of a list that is parsed: JSON takes some fifty times its size in memory. */
enum {
	KAN_STORE_PATH = 4096,
	KAN_STORE_FILE_MAX = 64 << 20,
	KAN_STORE_LIST_MAX = 8 << 20,
	KAN_STORE_CONFIG_MAX = 16 << 20
};

/* Where containerd is: below the data root, or at its usual place. */
extern const char kan_containerd_managed[], kan_containerd_place[];
/* Docker with images in containerd's store: the driver is a snapshotter's name. */
bool kan_is_containerd(const struct kan_target *t);
/* A path that belongs to containerd itself, outside of the engine's data root. out: an
 * O_PATH|O_DIRECTORY descriptor of containerd's own place, rest: what is left of path. */
int kan_containerd_own(int *out, const char **rest, const struct kan_target *t, const char *path,
		       struct kan_err *err);
/* One blob of its content store, "sha256:...". refused: it is not what its name says. */
int kan_containerd_blob(struct kan_buf *out, const struct kan_target *t, const char *digest,
			struct kan_err *err);
/*
 * The config of the container's image out of the content store, by digests alone: index, manifest,
 * config. The engine names the manifest, which has to be there; else it is the one whose layers fit
 * (has the config those that the container has?). not-found; unsupported: several may be meant.
 */
typedef bool kan_config_fits_fn(struct kan_bytes config, void *arg);
int kan_containerd_config(struct kan_buf *out, const struct kan_target *t, kan_config_fits_fn *fits,
			  void *arg, struct kan_err *err);
/* Its content store, the directory above blobs/; out is yours. */
int kan_containerd_content(int *out, const struct kan_target *t, struct kan_err *err);
/* Pure: where a blob leads: a manifest to its config, an index to its manifests ("sha256:..."). */
enum { KAN_LEADS = 128 };
struct kan_leads {
	bool config;
	size_t n;
	char v[KAN_LEADS][KAN_DIGEST];
};
int kan_manifest_leads(struct kan_leads *out, struct kan_bytes blob, struct kan_err *err);

/* Podman: its files are there for this driver, and none of Docker's for this container. */
bool kan_is_podman(const struct kan_target *t);
/* Files of a running container are below Podman's run root, which it does not name: told by the
 * directory of the container's own id. No link is followed on the way. */
bool kan_podman_runs_at(const struct kan_target *t, const char *path);
/* Pure: the layer that the entry of a container names. */
int kan_podman_layer_of(char out[65], const json_t *entry, struct kan_err *err);
/* Pure: what layers.json says of a layer: its diff id, and its parent or "". format: also of one
 * that it has more than once. */
struct kan_podman_layer {
	char diff_id[KAN_DIGEST], parent[65];
};
int kan_podman_layer(struct kan_podman_layer *out, json_t *layers, const char *id,
		     struct kan_err *err);
/* The directory of the container's own layer, below the data root: "overlay/<layer>". */
int kan_podman_dir(char out[KAN_STORE_PATH], const struct kan_target *t, struct kan_err *err);
/* Pure: [{container_id, host_id, size}, ...]. What maps all to itself has no line. */
int kan_podman_map(struct kan_idmap *out, const json_t *ranges, struct kan_err *err);
/* Root's Podman gives a container ids of its own by mounting the image's layers with those, for as
 * long as it takes to mount the overlay; on disk they stay the image's. Empty: nothing is moved. */
int kan_podman_shift(struct kan_idmap *uid, struct kan_idmap *gid, const struct kan_target *t,
		     struct kan_err *err);
/* Where it cannot (a user's Podman), it copies the image's topmost layer for those ids, above the
 * image's own: a layer of the engine (init). -1: layers.json cannot be read, and none is marked; or
 * it has one more than once, which is not marked. */
int kan_podman_mark_copies(struct kan_target *t, struct kan_err *err);
/* Does a program mount the layers (fuse-overlayfs)? Then they are no overlay of the kernel. */
bool kan_podman_by_program(const struct kan_target *t);
/* The image's config, as Podman keeps it; and its list of layers. Yours: json_decref it. */
int kan_podman_config(struct kan_buf *out, const struct kan_target *t, struct kan_err *err);
int kan_podman_layers(json_t **out, const struct kan_target *t, struct kan_err *err);
/* Pure: under which digests ("sha256:...") the list of images says that manifests of this image are
 * kept. more: there are others beyond these. format: it has the image more than once. */
enum { KAN_PODMAN_DIGESTS = 64 };
struct kan_podman_digests {
	size_t n;
	bool more;
	char v[KAN_PODMAN_DIGESTS][KAN_DIGEST];
};
int kan_podman_digests_of(struct kan_podman_digests *out, json_t *images, const char *id,
			  struct kan_err *err);
int kan_podman_digests(struct kan_podman_digests *out, const struct kan_target *t,
		       struct kan_err *err);
/* The manifest, or index, that is kept under this digest; NULL: the one that is named after none.
 * Raw bytes: hash them. */
int kan_podman_manifest(struct kan_buf *out, const struct kan_target *t, const char *digest,
			struct kan_err *err);

#endif
