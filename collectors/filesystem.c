/* filesystem: what this container changed in its own root, exactly; O(changes), never a walk of the
 * image. */
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <stdio.h>

#include "base/tree.h"
#include "engine/store.h"
#include "image/before.h"
#include "image/changelist.h"
#include "image/changes.h"
#include "image/exported.h"
#include "image/idmap.h"
#include "image/measure.h"
#include "image/merged.h"
#include "image/overlay.h"
#include "image/points.h"
#include "image/take.h"
#include "image/xattrs.h"
#include "kernel/mountinfo.h"
#include "kernel/procfs.h"

enum {
	ENTRIES = 2000000,
	WINDOW_ENTRIES = 256, /* read inside the pause when there are no more than that */
	WINDOW_BYTES = 4 << 20,
	UNKNOWN_SIZE = 1 << 30, /* more than any window takes */
	ATTRIBUTE_NAME = 64,
};

static const char *const artefacts[] = {"changes.ndjson", "upper.tar",           "content/",
					"before.tar",     "engine-changes.json", NULL};
static const struct kan_limit limits[] = {{"entries", ENTRIES, false},
					  {"file_octets", KAN_READER_FILE_MAX, false},
					  {"depth", KAN_TREE_DEPTH, false},
					  {"xattr_octets", KAN_XATTRS_MAX, false},
					  {"open_ms", KAN_READER_MS, false},
					  {"before_file_octets", KAN_BEFORE_FILE, true},
					  {"before_octets", KAN_BEFORE_TOTAL, true},
					  {"export_octets", KAN_EXPORTED_STREAM, false},
					  {"export_kept_octets", KAN_EXPORTED_KEPT, false},
					  {"engine_changes", KAN_CHANGELIST_MAX, false},
					  {"engine_changes_octets", KAN_EXPORTED_LIST, false},
					  {NULL, 0, false}};

static bool is_small(struct kan_measured *size, const struct kan_target *t)
{
	const struct kan_small window = {.entries = WINDOW_ENTRIES, .octets = WINDOW_BYTES};
	kan_measure_bounded(size, t->upper_fd, &window);
	if (!size->small)
		size->entries = size->octets = UNKNOWN_SIZE;
	return size->small;
}

static struct kan_points *mounts_of(const struct kan_target *t, struct kan_sink *sink)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_MOUNTINFO_MAX);
	struct kan_points *points = NULL;
	struct kan_err why = {0};
	if (t->pid_dir < 0)
		return NULL;
	bool whole = t->mountinfo.len > 0;
	if ((!whole && kan_proc_read(&text, t->pid_dir, "mountinfo", &why) < 0) ||
	    kan_points_new(&points, kan_buf_bytes(whole ? &t->mountinfo : &text), &why) < 0)
		kan_sink_gap_err(sink, KAN_LIT("mountinfo"), &why);
	return points;
}

static int take(const struct kan_target *t, struct kan_sink *sink, struct kan_changes *changes,
		struct kan_tarfile *tar, struct kan_err *err)
{
	struct kan_measured size;
	char metacopy[ATTRIBUTE_NAME];
	bool small = is_small(&size, t);
	(void)snprintf(metacopy, sizeof(metacopy), "%smetacopy", kan_overlay_prefix(t->userxattr));
	struct kan_take k = {
		.sink = sink,
		.reader = {.root_fd = t->upper_fd,
			   .sink = sink,
			   .metacopy = metacopy,
			   .shared = true,
			   .max_entries = ENTRIES},
		.tar = tar,
		.content = "content",
		.window = true,
		.row = kan_changes_entry,
		.arg = changes,
	};
	if (kan_sink_window_enter(sink, size.entries, size.octets, err) < 0)
		return -1;
	/* Small and frozen: walk and read only; look-ups and writing follow when the container runs
	 * again. */
	k.defer = small && kan_sink_frozen(sink);
	return kan_take_tree(&k, err);
}

/* Does a mount move the ids of the image's layers? */
static void moved(struct kan_changes_opts *o, struct kan_idmaps *owners, const struct kan_target *t)
{
	struct kan_err why = {0};
	if (!o->podman)
		return;
	o->shift_lost = kan_podman_shift(&owners->uid, &owners->gid, t, &why) < 0;
	if (o->shift_lost)
		kan_sink_gap_err(o->sink, KAN_LIT("owners of the image"), &why);
	if (owners->uid.n + owners->gid.n > 0)
		o->owners = owners;
}

static int upper(uint64_t *items, const struct kan_target *t, struct kan_sink *sink,
		 const struct kan_points *points, struct kan_err *err)
{
	struct kan_changes *changes = NULL;
	struct kan_tarfile tar = {0};
	struct kan_idmaps owners = {0};
	struct kan_changes_opts o = {.sink = sink,
				     .lowers = t->lowers,
				     .n_lowers = t->n_lowers,
				     .userxattr = t->userxattr,
				     .podman = kan_is_podman(t),
				     .wordless = t->lowers_lost != NULL,
				     .guessed = t->depth == KAN_DEPTH_OFFLINE,
				     .points = points,
				     .rows = "changes.ndjson",
				     .before = "before.tar"};
	moved(&o, &owners, t);
	if (t->lowers_lost)
		kan_sink_gap(sink, KAN_LIT("changes.ndjson"), KAN_GAP_VANISHED,
			     "a layer of the image cannot be opened, so no entry has a word: %s",
			     t->lowers_lost);
	int rc = kan_tarfile_open(&tar, sink, "upper.tar", err);
	if (rc == 0)
		rc = kan_changes_open(&changes, &o, err);
	if (rc == 0)
		rc = take(t, sink, changes, &tar, err);
	if (rc == 0)
		rc = kan_tarfile_close(&tar, err);
	else
		kan_tarfile_abandon(&tar);
	if (rc == 0)
		rc = kan_changes_close(items, changes, err);
	else
		kan_changes_abandon(changes);
	return rc;
}

/* Of a container that has ended, where its directories are known to the engine alone. */
static int ended(uint64_t *items, const struct kan_target *t, struct kan_sink *sink,
		 struct kan_err *err)
{
	kan_sink_gap(sink, KAN_LIT("changes.ndjson"), KAN_GAP_UNSUPPORTED,
		     "the layers of a stopped container of this store are known to the engine "
		     "alone: its list of changes and its export are taken");
	return kan_exported_take(items, t, sink, err);
}

/* Not proven, another driver, or stopped: then as far as it goes, and never called complete. */
static int without_layers(uint64_t *items, const struct kan_target *t, struct kan_sink *sink,
			  const struct kan_points *points, struct kan_err *err)
{
	if (t->root_fd >= 0)
		return kan_merged_take(items, t, sink, points, err);
	if (t->engine && kan_is_containerd(t))
		return ended(items, t, sink, err);
	if (kan_is_containerd(t))
		return kan_fail(err, KAN_EUNSUPPORTED,
				"the layers are in containerd's store, and no container of it was "
				"found below this data root");
	return kan_fail(err, KAN_EUNSUPPORTED,
			"no proven overlay directories (see the claims in capture.json)");
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	uint64_t items = 0;
	if (t->depth == KAN_DEPTH_API) {
		int done = kan_exported_take(&items, t, sink, err);
		kan_sink_items(sink, items);
		return done;
	}
	struct kan_points *points = mounts_of(t, sink);
	int rc = t->upper_fd >= 0 ? upper(&items, t, sink, points, err)
				  : without_layers(&items, t, sink, points, err);
	kan_points_free(points);
	kan_sink_items(sink, items);
	return rc;
}

extern const struct kan_collector kan_collector_filesystem;
const struct kan_collector kan_collector_filesystem = {
	.name = "filesystem",
	.summary = "what the container changed in its root: content, digests, what the image has "
		   "there",
	.tier = KAN_TIER_FILES,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
