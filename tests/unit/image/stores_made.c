/* The stores of Podman and of containerd that stores_made.h tells of. */
#include "stores_made.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Podman: two layers in layers.json, the config under its digest. Prints the image's id. */
static const char podman[] =
	"import base64, hashlib, json, os\n"
	"def put(path, text):\n"
	"    os.makedirs(os.path.dirname('data/' + path), exist_ok=True)\n"
	"    open('data/' + path, 'w').write(text)\n"
	"def sha(text): return hashlib.sha256(text.encode()).hexdigest()\n"
	"diffs = ['sha256:' + sha('layer %d' % n) for n in range(2)]\n"
	"ids = ['a' * 64, 'b' * 64]\n"
	"config = json.dumps({'rootfs': {'type': 'layers', 'diff_ids': diffs}})\n"
	"key = '=' + base64.b64encode(('sha256:' + sha(config)).encode()).decode()\n"
	"put('overlay-images/%s/%s' % (sha(config), key), config)\n"
	"put('overlay-images/images.json', '[]')\n"
	"put('overlay-layers/layers.json', json.dumps([{'id': ids[0], 'diff-digest': diffs[0]},\n"
	"    {'id': ids[1], 'parent': ids[0], 'diff-digest': diffs[1]}, {'id': 'c' * 64}]))\n"
	"os.makedirs('data/overlay-containers')\n"
	"for i in ids: os.makedirs('data/overlay/%s/diff' % i)\n"
	"print('sha256:' + sha(config))\n";

/* containerd: index, manifest, config; two layers, and Docker's own above each. Prints the index's
 * id. */
static const char containerd[] =
	"import hashlib, json, os\n"
	"at = 'data/containerd/daemon/io.containerd.content.v1.content/blobs/sha256/'\n"
	"os.makedirs(at)\n"
	"def put(doc):\n"
	"    text = json.dumps(doc)\n"
	"    name = hashlib.sha256(text.encode()).hexdigest()\n"
	"    open(at + name, 'w').write(text)\n"
	"    return 'sha256:' + name\n"
	"diffs = ['sha256:' + c * 64 for c in 'ab']\n"
	"config = put({'rootfs': {'type': 'layers', 'diff_ids': diffs}})\n"
	"manifest = put({'config': {'digest': config}, 'layers': []})\n"
	"os.symlink(at + config[7:], 'config')\n"
	"print(put({'manifests': [{'digest': manifest}]}))\n";

struct world *store_new(const char *script, const char *storage, const char *const *paths, size_t n)
{
	struct world *w = world_new(1);
	struct kan_target *t = &w->target;
	char path[256];
	t->image_id = world_line(w, "python3 -c \"%s\"", script);
	t->storage = kan_xstrdup(storage);
	(void)snprintf(t->id, sizeof(t->id), "ID");
	t->lowers = kan_xalloc(n * sizeof(*t->lowers));
	t->n_lowers = n;
	for (size_t i = 0; i < n; i++) {
		world_sh(w, "mkdir -p data/%s", paths[i]);
		(void)snprintf(path, sizeof(path), "%s/data/%s", w->top, paths[i]);
		t->lowers[i].fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		t->lowers[i].path = kan_xstrdup(paths[i]);
	}
	(void)snprintf(path, sizeof(path), "%s/data", w->top);
	t->data_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w;
}

void store_free(struct world *w)
{
	(void)close(w->target.data_root_fd);
	free(w->target.image_id);
	free(w->target.storage);
	world_free(w);
}

struct world *podman_new(void)
{
	static const char *const paths[] = {"overlay/" B "/diff", "overlay/" A "/diff"};
	return store_new(podman, "overlay", paths, TWO);
}

struct world *containerd_new(void)
{
	static const char *const paths[] = {
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/4/fs",
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/3/fs",
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/2/fs",
		"containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs"};
	struct world *w = store_new(containerd, "overlayfs", paths, FOUR);
	w->target.lowers[0].init = w->target.lowers[2].init = true;
	return w;
}
