/* metadata.db of containerd's overlay snapshotter: v1 / snapshots / <name> / id, parent. */
#include "engine/snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/below.h"
#include "engine/bolt.h"
#include "engine/dataroot.h"
#include "engine/store.h"

enum { SNAPSHOTS_MAX = 65536, VARINT = 10, ID_DIGITS = 64 };

static const char docker[] = "moby/"; /* its namespace in containerd */
static const char driver[] = "io.containerd.snapshotter.v1.overlayfs";

struct gather {
	struct kan_bolt *b;
	struct kan_snapshots s;
	size_t cap;
};

/* Go's unsigned varint: seven bits an octet, the lowest first. */
static bool varint(uint64_t *out, struct kan_bytes v)
{
	uint64_t n = 0;
	for (size_t i = 0; i < v.n && i < VARINT; i++) {
		n |= (uint64_t)(v.p[i] & 0x7f) << (7 * i);
		if (!(v.p[i] & 0x80)) {
			*out = n;
			return true;
		}
	}
	return false;
}

/* Names that are longer, or no text, are none of ours: they match nothing. */
static bool take_text(char out[KAN_SNAPSHOT_NAME], struct kan_bytes v)
{
	if (v.n >= KAN_SNAPSHOT_NAME || memchr(v.p, 0, v.n))
		return false;
	memcpy(out, v.p, v.n);
	out[v.n] = 0;
	return true;
}

static int number_of(uint64_t *id, struct gather *g, const struct kan_bolt_bucket *in,
		     struct kan_err *err)
{
	struct kan_bolt_entry field;
	struct kan_err why = {0};
	if (kan_bolt_find(&field, g->b, in, "id", &why) < 0)
		return kan_fail(err, why.code == KAN_ENOTFOUND ? KAN_EFORMAT : why.code,
				"a snapshot's number: %.200s", why.text);
	return varint(id, field.value) ? 0
				       : kan_fail(err, KAN_EFORMAT, "a snapshot without a number");
}

/* Only what is not there is no parent: the end of a chain that is cut would be an image's. */
static int parent_of(char out[KAN_SNAPSHOT_NAME], struct gather *g,
		     const struct kan_bolt_bucket *in, struct kan_err *err)
{
	struct kan_bolt_entry field;
	struct kan_err why = {0};
	if (kan_bolt_find(&field, g->b, in, "parent", &why) < 0)
		return why.code == KAN_ENOTFOUND
			       ? 0
			       : kan_fail(err, why.code, "a snapshot's parent: %.200s", why.text);
	return take_text(out, field.value)
		       ? 0
		       : kan_fail(err, KAN_EFORMAT, "a snapshot with a parent that is no name");
}

static int on_snapshot(const struct kan_bolt_entry *e, void *arg, struct kan_err *err)
{
	struct gather *g = arg;
	struct kan_snapshot one = {0};
	if (!e->is_bucket || !take_text(one.name, e->key))
		return 0;
	if (number_of(&one.id, g, &e->bucket, err) < 0 ||
	    parent_of(one.parent, g, &e->bucket, err) < 0)
		return -1;
	if (g->s.n == SNAPSHOTS_MAX)
		return kan_fail(err, KAN_ELIMIT, "more than %d snapshots", SNAPSHOTS_MAX);
	if (g->s.n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 64;
		g->s.v = kan_xrealloc(g->s.v, g->cap, sizeof(*g->s.v));
	}
	g->s.v[g->s.n++] = one;
	return 0;
}

int kan_snapshots_read(struct kan_snapshots *out, struct kan_bytes db, struct kan_err *err)
{
	struct kan_bolt b;
	struct kan_bolt_entry v1, list;
	struct gather g = {.b = &b};
	if (kan_bolt_open(&b, db, err) < 0 || kan_bolt_find(&v1, &b, NULL, "v1", err) < 0)
		return -1;
	if (!v1.is_bucket || kan_bolt_find(&list, &b, &v1.bucket, "snapshots", err) < 0 ||
	    !list.is_bucket)
		return kan_fail(err, KAN_EFORMAT, "no list of snapshots");
	if (kan_bolt_each(&b, &list.bucket, on_snapshot, &g, err) < 0) {
		free(g.s.v);
		return -1;
	}
	*out = g.s;
	return 0;
}

/* containerd may write meanwhile: then the pages are not those of one moment, and it is read again.
 */
static int read_still(struct kan_buf *out, int fd, struct kan_err *err)
{
	for (int tries = 0; tries < 5; tries++) {
		struct kan_bolt before, after;
		kan_auto_buf struct kan_buf metas = KAN_BUF(KAN_STORE_FILE_MAX);
		kan_buf_reset(out);
		if (kan_dataroot_read_fd(out, fd, "metadata.db", err) < 0 ||
		    kan_bolt_open(&before, kan_buf_bytes(out), err) < 0 ||
		    kan_dataroot_read_first(&metas, fd, 2 * before.page_size, err) < 0)
			return -1;
		if (kan_bolt_open(&after, kan_buf_bytes(&metas), NULL) == 0 &&
		    after.txid == before.txid)
			return 0;
	}
	return kan_fail(err, KAN_EUNSUPPORTED, "the snapshotter's database does not stand still");
}

/* The snapshotter of the engine's own containerd, and the host's. */
static void place_of(char *root, bool managed)
{
	(void)snprintf(root, KAN_STORE_PATH, "%s/%s",
		       managed ? kan_containerd_managed : kan_containerd_place, driver);
}

static bool is_in(const char *path, const char *root)
{
	size_t n = strlen(root);
	return strncmp(path, root, n) == 0 && path[n] == '/';
}

static int open_db(int *fd, const char *root, bool managed, const struct kan_target *t,
		   struct kan_err *err)
{
	char path[KAN_STORE_PATH + 16];
	const char *rest = NULL;
	kan_auto_close int place = -1;
	(void)snprintf(path, sizeof(path), "%s/metadata.db", root);
	if (managed)
		return kan_below_file(fd, t, path, err);
	return kan_containerd_own(&place, &rest, t, path, err) < 0
		       ? -1
		       : kan_dataroot_open_file(fd, place, rest, err);
}

static int read_place(struct kan_snapshots *out, const char *root, bool managed,
		      const struct kan_target *t, struct kan_err *err)
{
	kan_auto_close int fd = -1;
	kan_auto_buf struct kan_buf db = KAN_BUF(KAN_STORE_FILE_MAX);
	if (open_db(&fd, root, managed, t, err) < 0 || read_still(&db, fd, err) < 0)
		return kan_wrap(err, "the snapshotter's database");
	return kan_snapshots_read(out, kan_buf_bytes(&db), err);
}

int kan_snapshots_of(struct kan_snapshots *out, char *root, const struct kan_target *t,
		     const char *layer, struct kan_err *err)
{
	struct kan_err why = {0};
	for (int host = 0; host < 2; host++) {
		struct kan_snapshots all = {0};
		place_of(root, !host);
		if (layer && !is_in(layer, root))
			continue;
		if (read_place(&all, root, !host, t, host && !layer ? NULL : &why) < 0)
			continue;
		if (layer || kan_snapshot_key(&all, t->id)) {
			*out = all;
			return 0;
		}
		free(all.v);
	}
	if (why.code == KAN_OK)
		return kan_fail(err, KAN_ENOTFOUND,
				layer ? "no snapshotter has such a directory"
				      : "no snapshotter has this container");
	if (err)
		*err = why;
	return -1;
}

/* "moby/7/key": namespace, number, and what Docker calls it. */
const char *kan_snapshot_last(const struct kan_snapshot *s)
{
	const char *slash = strchr(s->name, '/');
	slash = slash ? strchr(slash + 1, '/') : NULL;
	return slash ? slash + 1 : s->name;
}

bool kan_snapshot_is_init(const struct kan_snapshot *s)
{
	const char *last = kan_snapshot_last(s);
	return strspn(last, "0123456789abcdef") == ID_DIGITS &&
	       strcmp(last + ID_DIGITS, "-init") == 0;
}

const struct kan_snapshot *kan_snapshot_key(const struct kan_snapshots *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strncmp(s->v[i].name, docker, sizeof(docker) - 1) == 0 &&
		    strcmp(kan_snapshot_last(&s->v[i]), key) == 0)
			return &s->v[i];
	return NULL;
}

const struct kan_snapshot *kan_snapshot_named(const struct kan_snapshots *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

const struct kan_snapshot *kan_snapshot_number(const struct kan_snapshots *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].id == id)
			return &s->v[i];
	return NULL;
}

const struct kan_snapshot *kan_snapshot_at(const struct kan_snapshots *s, const char *path)
{
	static const char dir[] = "/snapshots/", tail[] = "/fs";
	const char *at = path ? strstr(path, dir) : NULL;
	char *end = NULL;
	if (!at || at[sizeof(dir) - 1] < '0' || at[sizeof(dir) - 1] > '9')
		return NULL;
	unsigned long long id = strtoull(at + sizeof(dir) - 1, &end, 10);
	return strcmp(end, tail) == 0 ? kan_snapshot_number(s, id) : NULL;
}
