/* The overlay's directories: from mountinfo of a live container, from the data root of a stopped
 * one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/below.h"
#include "engine/claims.h"
#include "engine/dataroot.h"
#include "engine/overlaydirs.h"
#include "engine/snapshots.h"
#include "engine/store.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"

enum { LIST_OCTETS = 64 << 10, SMALL_OCTETS = 4096, CUT_AT = 4000 };

int kan_target_data_open(int *fd, const struct kan_target *t, const char *path, int flags,
			 struct kan_err *err)
{
	char below[KAN_OVERLAY_PATH];
	kan_auto_close int pin = -1;
	int rc = -1;
	if (t->data_root && kan_podman_runs_at(t, path))
		rc = kan_open_beneath(&pin, t->engine_root_fd, path + 1, O_PATH | O_NOFOLLOW, 0,
				      err);
	else if (t->data_root && kan_overlay_below(below, t, path))
		rc = kan_below_pin(&pin, t, below, O_NOFOLLOW, err);
	else
		(void)kan_fail(err, KAN_EREFUSED, "%.200s is not below the engine's data root",
			       path);
	if (rc < 0 || kan_below_owned(t, pin, path, err) < 0)
		return -1;
	if (!(flags & O_PATH))
		return kan_dataroot_open_pin(fd, pin, path, err);
	*fd = kan_take_fd(&pin);
	return 0;
}

static void let_go(struct kan_target *t)
{
	kan_auto_close_fn(&t->upper_fd);
	t->upper_fd = -1;
	kan_overlay_drop(t);
}

static void give_up(struct kan_target *t, const char *value, enum kan_verdict verdict,
		    const char *why)
{
	let_go(t);
	kan_claim(t, "overlay", value, verdict, why);
}

/* What opening came to, by rc and why. What the container changed lies in a directory of its own: a
 * layer of the image that is gone, or that its disk no longer gives, costs what is known of the
 * image, and no more. What may lead elsewhere stays refused. */
static void conclude(struct kan_target *t, const char *value, const char *proof, int rc,
		     const struct kan_err *why)
{
	bool alone = t->upper_fd >= 0 && (why->code == KAN_ENOTFOUND || why->code == KAN_EIO);
	if (rc < 0 && !alone) {
		give_up(t, value, KAN_UNPROVEN, why->text);
		return;
	}
	kan_claim(t, "overlay", value, KAN_PROVEN, proof);
	if (rc == 0)
		return;
	kan_overlay_drop(t);
	t->lowers_lost = kan_xstrdup(why->text);
	kan_claim(t, "lower directories", value, KAN_UNPROVEN, why->text);
}

/* Mount options are cut at a page: the list is then completed from the engine's own file "lower".
 */
static int whole_list(struct kan_buf *list, const struct kan_target *t, const char *upper,
		      struct kan_err *err)
{
	char below[KAN_OVERLAY_PATH];
	if (list->len < CUT_AT || kan_is_containerd(t))
		return 0;
	if (!kan_overlay_below(below, t, upper))
		return kan_fail(err, KAN_EREFUSED, "%.200s is not below the engine's data root",
				upper);
	char *diff = strrchr(below, '/');
	if (!diff)
		return kan_fail(err, KAN_EFORMAT, "%.200s has no directory above", below);
	(void)snprintf(diff, sizeof(below) - (size_t)(diff - below), "/lower");
	kan_buf_reset(list);
	return kan_below_words(list, t, below, err);
}

static bool engine_knows(const struct kan_target *t, const struct kan_overlay_claim *c)
{
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	return kan_proc_pid_dir(&dir, t->proc_fd, t->engine_pid, NULL) == 0 &&
	       kan_proc_read(&text, dir, "mountinfo", NULL) == 0 &&
	       kan_overlay_known(c, kan_buf_bytes(&text), t->data_root);
}

/* Docker: layerdb/mounts/ID/mount-id names the directory of overlay2. out: its directory, below the
 * data root. */
static int layerdb_dir(char out[KAN_OVERLAY_PATH], const struct kan_target *t, struct kan_err *err)
{
	kan_auto_buf struct kan_buf id = KAN_BUF(SMALL_OCTETS);
	(void)snprintf(out, KAN_OVERLAY_PATH, "image/%.64s/layerdb/mounts/%s/mount-id", t->storage,
		       t->id);
	if (kan_below_words(&id, t, out, err) < 0)
		return -1;
	if (!kan_overlay_word(kan_buf_str(&id)))
		return kan_fail(err, KAN_EFORMAT, "%.200s is no name of a directory", out);
	(void)snprintf(out, KAN_OVERLAY_PATH, "%.64s/%.200s", t->storage, kan_buf_str(&id));
	return 0;
}

static bool is_overlay2(const struct kan_target *t)
{
	return strcmp(t->storage, "overlay2") == 0;
}

/* Of the engines that write down which directory is whose. out: below the data root. */
static int named_dir(char out[KAN_OVERLAY_PATH], const struct kan_target *t, struct kan_err *err)
{
	out[0] = 0;
	if (is_overlay2(t))
		return layerdb_dir(out, t, err);
	if (kan_is_podman(t) && strcmp(t->storage, "overlay") == 0 && !kan_podman_by_program(t))
		return kan_podman_dir(out, t, err);
	return kan_fail(err, KAN_EUNSUPPORTED,
			"the layers of a stopped container of this storage cannot be found "
			"offline");
}

static bool same_dir(const struct kan_target *t, const char *below, const struct stat *root)
{
	struct stat st;
	kan_auto_close int pin = -1;
	return kan_below_pin(&pin, t, below, O_DIRECTORY, NULL) == 0 && fstat(pin, &st) == 0 &&
	       st.st_dev == root->st_dev && st.st_ino == root->st_ino;
}

int kan_root_proven(const struct kan_target *t, int root_fd, struct kan_err *err)
{
	/* Below the driver's directory, as vfs, btrfs, zfs, devicemapper, aufs and overlays do it.
	 */
	static const char *const places[] = {"dir/%s",        "subvolumes/%s", "graph/%s",
					     "mnt/%s/rootfs", "mnt/%s",        "%s/merged"};
	char dir[KAN_OVERLAY_PATH], path[KAN_OVERLAY_PATH + SMALL_OCTETS];
	struct stat root;
	if (!t->storage || t->data_root_fd < 0)
		return kan_fail(err, KAN_EREFUSED, "the engine's data root is not proven");
	if (fstat(root_fd, &root) < 0)
		return kan_fail_sys(err, "the root");
	(void)snprintf(path, sizeof(path), "rootfs/%.64s/%s", t->storage, t->id);
	if (kan_is_containerd(t) && same_dir(t, path, &root))
		return 0;
	if ((kan_is_podman(t) ? kan_podman_dir(dir, t, err) : layerdb_dir(dir, t, err)) < 0)
		return -1;
	const char *name = strrchr(dir, '/') + 1;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *hole = strstr(places[i], "%s");
		(void)snprintf(path, sizeof(path), "%.64s/%.*s%s%s", t->storage,
			       (int)(hole - places[i]), places[i], name, hole + 2);
		if (same_dir(t, path, &root))
			return 0;
	}
	return kan_fail(err, KAN_EREFUSED,
			"the init's root is not the directory that the engine has for it");
}

/* Docker puts a layer of its own above the image's in containerd's store, too, and a builder that
 * commits containers leaves theirs in between. The snapshotter knows them by the container's id;
 * without its database the topmost lower is one. */
static void mark_init(struct kan_target *t)
{
	struct kan_snapshots all = {0};
	struct kan_err why = {0};
	char root[KAN_OVERLAY_PATH];
	if (t->n_lowers == 0)
		return;
	if (kan_is_podman(t) && kan_podman_mark_copies(t, &why) < 0)
		kan_claim(t, "copies of the image", t->lowers[0].path, KAN_UNPROVEN, why.text);
	if (!kan_is_containerd(t))
		return;
	t->lowers[0].init = true;
	if (kan_snapshots_of(&all, root, t, t->lowers[0].path, NULL) < 0)
		return;
	for (size_t i = 0; i < t->n_lowers; i++) {
		const struct kan_snapshot *s = kan_snapshot_at(&all, t->lowers[i].path);
		t->lowers[i].init = s ? kan_snapshot_is_init(s) : i == 0;
	}
	free(all.v);
}

/* The file "lower" there has the rest. */
static void from_names(struct kan_target *t)
{
	char dir[KAN_OVERLAY_PATH], list[KAN_OVERLAY_PATH + 16], diff[KAN_OVERLAY_PATH + 16];
	struct kan_err why = {0};
	kan_auto_buf struct kan_buf lower = KAN_BUF(LIST_OCTETS);
	if (named_dir(dir, t, &why) < 0) {
		give_up(t, *dir ? dir : t->storage, KAN_UNPROVEN, why.text);
		return;
	}
	(void)snprintf(list, sizeof(list), "%s/lower", dir);
	(void)snprintf(diff, sizeof(diff), "%s/diff", strchr(dir, '/') + 1);
	bool ok = kan_overlay_upper(t, diff, &why) == 0 &&
		  kan_below_words(&lower, t, list, &why) == 0 &&
		  kan_overlay_lowers(t, kan_buf_str(&lower), NULL, &why) == 0;
	mark_init(t);
	conclude(t, diff,
		 is_overlay2(t) ? "layerdb/mounts and lower, below the engine's data root"
				: "containers.json and lower, below the engine's data root",
		 ok ? 0 : -1, &why);
}

/* A mount that is private to a runtime is not in the engine's table. Then the engine has to have
 * written down the same upper directory. A container may mount an overlay with any words it likes,
 * this one too: of the mount nothing else is believed, the rest is read from the engine's files.
 */
static bool engine_names(const struct kan_target *t, const char *upper)
{
	char below[KAN_OVERLAY_PATH], dir[KAN_OVERLAY_PATH], diff[KAN_OVERLAY_PATH + 16];
	if (!kan_overlay_below(below, t, upper) || named_dir(dir, t, NULL) < 0)
		return false;
	(void)snprintf(diff, sizeof(diff), "%s/diff", dir);
	return strcmp(diff, below) == 0;
}

/* From a container's own snapshot down by parents: each is a directory of its number. */
static int open_snapshots(struct kan_target *t, const struct kan_snapshots *all, const char *root,
			  struct kan_err *err)
{
	char path[KAN_OVERLAY_PATH + 64];
	const struct kan_snapshot *s = kan_snapshot_key(all, t->id);
	if (!s)
		return kan_fail(err, KAN_ENOTFOUND, "the snapshotter has none of this container");
	(void)snprintf(path, sizeof(path), "%s/snapshots/%llu/fs", root, (unsigned long long)s->id);
	if (kan_overlay_upper(t, path, err) < 0)
		return -1;
	t->lowers = kan_xalloc(KAN_OVERLAY_LAYERS * sizeof(*t->lowers));
	while (*s->parent) {
		s = kan_snapshot_named(all, s->parent);
		if (!s)
			return kan_fail(err, KAN_ENOTFOUND,
					"the snapshotter has not one of its parents");
		if (t->n_lowers == KAN_OVERLAY_LAYERS)
			return kan_fail(err, KAN_ELIMIT, "more than %d parents",
					KAN_OVERLAY_LAYERS);
		(void)snprintf(path, sizeof(path), "%s/snapshots/%llu/fs", root,
			       (unsigned long long)s->id);
		if (kan_overlay_open(&t->lowers[t->n_lowers], t, path, err) < 0)
			return -1;
		t->n_lowers++;
	}
	return t->n_lowers ? 0 : kan_fail(err, KAN_ENOTFOUND, "no lower directory");
}

static void from_snapshots(struct kan_target *t)
{
	struct kan_snapshots all = {0};
	struct kan_err why = {0};
	char root[KAN_OVERLAY_PATH];
	int rc = kan_snapshots_of(&all, root, t, NULL, &why);
	if (rc == 0)
		rc = open_snapshots(t, &all, root, &why);
	free(all.v);
	conclude(t, t->upper_fd >= 0 ? root : t->storage,
		 "the snapshotter's database names the container's directories", rc, &why);
	mark_init(t);
}

static void use_mounted(struct kan_target *t, struct kan_overlay_claim *c)
{
	struct kan_err why = {0};
	const char *upper = kan_buf_str(&c->upper);
	t->userxattr = c->userxattr;
	bool ok = kan_overlay_upper(t, upper, &why) == 0 &&
		  whole_list(&c->lower, t, upper, &why) == 0 &&
		  kan_overlay_lowers(t, kan_buf_str(&c->lower), upper, &why) == 0;
	/* Podman unmounts directories that it made to move ids once the overlay holds them. */
	if (!ok && why.code == KAN_ENOTFOUND && engine_names(t, upper)) {
		let_go(t);
		from_names(t);
		return;
	}
	conclude(t, upper,
		 "mounted in the engine's mount namespace below its data root, same device and "
		 "options",
		 ok ? 0 : -1, &why);
	mark_init(t);
}

/* Without the mount, the words of its options are not known: those of an engine that is not root's
 * are in attributes that a user may set. Of a dead disk the caller tells. */
static void from_files(struct kan_target *t)
{
	t->userxattr = t->uids != NULL;
	if (kan_is_containerd(t))
		from_snapshots(t);
	else
		from_names(t);
}

/* The init's root is not what the engine mounted: it is in a chroot, or something lies over it. The
 * engine's own files tell what the container has, whatever its init shows. */
static void not_the_engines(struct kan_target *t, const struct kan_overlay_claim *c,
			    struct kan_bytes table)
{
	static const char why[] = "not what the engine mounted: a chroot, or a mount over it";
	const char *value = c->found ? kan_buf_str(&c->upper) : kan_buf_str(&c->fstype);
	bool fuse = kan_bytes_starts(kan_buf_bytes(&c->fstype), "fuse");
	bool written = is_overlay2(t) || kan_is_containerd(t) ||
		       (strcmp(t->storage, "overlay") == 0 && !fuse);
	kan_see_whole_space(t, table);
	if (written) {
		kan_claim(t, "root of the init", value, c->found ? KAN_CONTRADICTED : KAN_UNPROVEN,
			  why);
		from_files(t);
	} else if (c->found) {
		give_up(t, value, KAN_CONTRADICTED,
			"not a mount of the engine, and not what the engine names");
	} else {
		give_up(t, value, KAN_UNPROVEN, "the container's root is no overlay");
	}
}

static void from_mountinfo(struct kan_target *t)
{
	struct kan_err why = {0};
	struct kan_overlay_claim c = {0};
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	if (kan_proc_read(&text, t->pid_dir, "mountinfo", &why) < 0 ||
	    kan_overlay_of(&c, kan_buf_bytes(&text), &why) < 0) {
		give_up(t, "", KAN_UNPROVEN, why.text);
		return;
	}
	bool known = c.found && engine_knows(t, &c);
	if (known)
		use_mounted(t, &c);
	else if (c.found && engine_names(t, kan_buf_str(&c.upper)))
		from_files(t);
	else
		not_the_engines(t, &c, kan_buf_bytes(&text));
	kan_overlay_free(&c);
}

void kan_prove_layers(struct kan_target *t)
{
	if (!t->data_root || !t->storage)
		return;
	if (t->pid > 0)
		from_mountinfo(t);
	else
		from_files(t);
}
