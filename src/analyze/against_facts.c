/* A table by the SHA-256 of layer, kind and path; compared field by field. */
#include "analyze/against_part.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/against.h"
#include "base/row.h"
#include "image/idmap.h"
#include "image/layerfacts.h"
#include "image/layername.h"
#include "image/layertar.h"
#include "image/nameset.h"
#include "image/overlay.h"
#include "image/xattrs.h"
#include "image/xattrwords.h"

static const char capability[] = "security.capability";

struct kan_against_table *kan_against_table_new(const struct kan_idmaps *owners)
{
	struct kan_against_table *t = kan_xalloc(sizeof(*t));
	t->owners = owners;
	t->above = kan_nameset_new(KAN_AGAINST_ENTRIES);
	t->digest = kan_digest_new();
	t->path = KAN_BUF(KAN_LAYERTAR_PATH);
	t->text = KAN_BUF(KAN_FACT_TEXT);
	return t;
}

void kan_against_table_free(struct kan_against_table *t)
{
	if (!t)
		return;
	kan_layertar_free(t->tar);
	kan_digest_free(t->digest);
	kan_buf_free(&t->path);
	kan_buf_free(&t->text);
	kan_nameset_free(t->above);
	free(t->facts);
	free(t);
}

static uint64_t short_digest(struct kan_bytes v)
{
	uint8_t raw[KAN_SHA256_SIZE];
	uint64_t n = 0;
	kan_sha256(raw, v);
	memcpy(&n, raw, sizeof(n));
	return n;
}

/* kind: 'm' an entry, 'w' a whiteout, 'o' an opaque directory. */
void kan_fact_key(uint8_t key[KAN_FACT_KEY], struct kan_against_table *t, size_t layer, char kind,
		  struct kan_bytes path)
{
	uint8_t raw[KAN_SHA256_SIZE];
	kan_buf_reset(&t->text);
	kan_buf_addf(&t->text, "%zu%c", layer, kind);
	kan_buf_addb(&t->text, path);
	kan_sha256(raw, kan_buf_bytes(&t->text));
	memcpy(key, raw, KAN_FACT_KEY);
}

static int by_key(const void *a, const void *b)
{
	const struct kan_fact *x = a, *y = b;
	int d = memcmp(x->key, y->key, KAN_FACT_KEY);
	return d ? d : (x->order > y->order) - (x->order < y->order);
}

/* Of a member that is in the tar twice the later one counts. */
void kan_against_sort(struct kan_against_table *t)
{
	size_t kept = 0;
	if (t->n)
		qsort(t->facts, t->n, sizeof(*t->facts), by_key);
	bool twice = false;
	for (size_t i = 0; i < t->n; i++) {
		bool again = i + 1 < t->n &&
			     memcmp(t->facts[i].key, t->facts[i + 1].key, KAN_FACT_KEY) == 0;
		t->facts[i].twice = twice;
		twice = again;
		if (!again)
			t->facts[kept++] = t->facts[i];
	}
	t->n = kept;
	t->sorted = true;
}

struct kan_fact *kan_fact_at(const struct kan_against_table *t, const uint8_t key[KAN_FACT_KEY])
{
	for (size_t low = 0, high = t->n; low < high;) {
		size_t mid = (low + high) / 2;
		int d = memcmp(t->facts[mid].key, key, KAN_FACT_KEY);
		if (d == 0)
			return &t->facts[mid];
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct kan_fact *kan_fact_find(struct kan_against_table *t, size_t layer, char kind,
			       struct kan_bytes path)
{
	uint8_t key[KAN_FACT_KEY];
	kan_fact_key(key, t, layer, kind, path);
	return kan_fact_at(t, key);
}

const struct kan_fact *kan_fact_below(struct kan_against_table *t, size_t layer,
				      struct kan_bytes path)
{
	const struct kan_fact *f = NULL;
	while (!f && layer-- > 0)
		f = kan_fact_find(t, layer, 'm', path);
	return f;
}

bool kan_fact_lies_below(struct kan_against_table *t, size_t layer, struct kan_bytes path)
{
	if (kan_fact_below(t, layer, path))
		return true;
	while (layer-- > 0)
		if (kan_nameset_has(t->above, KAN_NAME_ABOVE, kan_fact_place(t, layer, path)))
			return true;
	return false;
}

/* --- what goes by --- */

static bool harmless(struct kan_bytes name, struct kan_bytes value)
{
	return kan_xattr_label(name) || kan_overlay_harmless(name, value, false) ||
	       kan_overlay_harmless(name, value, true);
}

/* What it gives and to whose root, whatever its revision. on_disk: the root is one of the store. */
static void add_capability(struct kan_buf *text, struct kan_bytes value,
			   const struct kan_idmaps *owners, bool on_disk)
{
	struct kan_filecap c;
	if (!kan_filecap_parse(&c, value)) {
		kan_buf_addb(text, value);
		return;
	}
	uint64_t root = c.rootid, ours = 0;
	if (on_disk && (owners->unknown || (kan_idmap_out(&ours, &owners->uid, 0) && root == ours)))
		root = 0;
	kan_buf_addf(text, "%llx %llx %d %llu", (unsigned long long)c.permitted,
		     (unsigned long long)c.inheritable, c.effective, (unsigned long long)root);
}

/* The order of attributes means nothing: their digests are added. */
void kan_fact_attribute(struct kan_fact *f, const struct kan_against_table *t,
			struct kan_bytes name, struct kan_bytes value, bool on_disk)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(KAN_FACT_TEXT);
	bool caps = kan_bytes_eq(name, kan_bytes_of(capability));
	if (harmless(name, value))
		return;
	kan_buf_addb(&text, name);
	kan_buf_addc(&text, 0);
	if (caps)
		add_capability(&text, value, t->owners, on_disk);
	else
		kan_buf_addb(&text, value);
	uint64_t n = short_digest(kan_buf_bytes(&text));
	if (caps)
		f->caps += n;
	else if (kan_overlay_own(name, false) || kan_overlay_own(name, true))
		f->marks += n;
	else if (kan_xattr_acl(name))
		f->acls += n;
	else
		f->attrs += n;
}

static struct kan_fact *more(struct kan_against_table *t, struct kan_err *err)
{
	if (t->n == KAN_AGAINST_ENTRIES) {
		kan_err_set(err, KAN_ELIMIT, 0, "the reference has over %d entries",
			    KAN_AGAINST_ENTRIES);
		return NULL;
	}
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 1024;
		t->facts = kan_xrealloc(t->facts, t->cap, sizeof(*t->facts));
	}
	struct kan_fact *f = &t->facts[t->n];
	*f = (struct kan_fact){.order = (uint32_t)t->n};
	t->n++;
	return f;
}

/* "3/a/b": a layer is the first name of its paths. */
struct kan_bytes kan_fact_place(struct kan_against_table *t, size_t layer, struct kan_bytes path)
{
	kan_buf_reset(&t->text);
	kan_buf_addf(&t->text, "%zu", layer);
	kan_buf_addb(&t->text, path);
	return kan_buf_bytes(&t->text);
}

static int note_above(struct kan_against_table *t, struct kan_bytes path, struct kan_err *err)
{
	kan_nameset_add_above(t->above, kan_fact_place(t, t->layer, path));
	if (kan_nameset_full(t->above))
		return kan_fail(err, KAN_ELIMIT,
				"the reference has over %d directories, or a path over %d bytes",
				KAN_AGAINST_ENTRIES, KAN_NAMESET_PATH);
	return 0;
}

static void facts_of(struct kan_fact *f, struct kan_against_table *t,
		     const struct kan_layer_member *m)
{
	struct kan_xattr x;
	struct kan_bytes left = m->xattrs;
	kan_auto_buf struct kan_buf to = KAN_BUF(KAN_LAYERTAR_PATH);
	f->mode = m->mode;
	f->uid = m->uid;
	f->gid = m->gid;
	f->size = m->size;
	f->mtime_s = m->mtime_ns / KAN_FACT_NS;
	f->major = m->major;
	f->minor = m->minor;
	if (S_ISLNK(m->mode))
		kan_sha256(f->content, m->link);
	f->hardlink = m->hardlink;
	if (m->hardlink && kan_layer_name(&to, m->link) == KAN_LAYER_NAME_ENTRY)
		kan_fact_key(f->content, t, t->layer, 'm', kan_buf_bytes(&to));
	while (kan_xattrs_next(&x, &left))
		kan_fact_attribute(f, t, x.name, x.value, false);
}

bool kan_fact_is_root(struct kan_bytes path)
{
	return path.n == 0 || kan_bytes_eq(path, KAN_LIT("/"));
}

static char kind_of(enum kan_layer_name name)
{
	return name == KAN_LAYER_NAME_WHITEOUT ? 'w' : name == KAN_LAYER_NAME_OPAQUE ? 'o' : 'm';
}

/* Of a name that no layer below has, or in a directory that is opaque: a differ may write it, and
 * the directory need not have it. */
static bool hides_nothing(struct kan_against_table *t)
{
	struct kan_bytes path = kan_buf_bytes(&t->path), up = kan_layer_above(path);
	if (!kan_fact_lies_below(t, t->layer, path))
		return true;
	return kan_nameset_has(t->above, KAN_NAME_OPAQUE, kan_fact_place(t, t->layer, up));
}

/* An engine in a user namespace makes no device nodes. */
static const char *word_of(const struct kan_against_table *t, char kind,
			   const struct kan_layer_member *m)
{
	bool device = (S_ISCHR(m->mode) || S_ISBLK(m->mode)) && !m->hardlink;
	if (kind != 'm')
		return kind == 'w' ? "whiteout" : "opaque";
	return device && t->owners->users ? "unmade-device" : "missing";
}

static int tell_unmet(struct kan_against_table *t, char kind, const struct kan_layer_member *m,
		      struct kan_err *err)
{
	struct kan_fact *f = kan_fact_find(t, t->layer, kind, kan_buf_bytes(&t->path));
	const char *word = word_of(t, kind, m);
	if (!f || f->met)
		return 0;
	f->met = true;
	if (kind == 'w' && hides_nothing(t))
		return 0;
	json_t *row = json_pack("{s:I,s:[s],s:o}", "layer", (json_int_t)t->layer, "differs", word,
				"expected", kan_fact_json(f));
	kan_json_set_bytes(row, "path", kan_buf_bytes(&t->path));
	int rc = t->unmet(row, t->arg, err);
	json_decref(row);
	return rc;
}

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct kan_against_table *t = arg;
	enum kan_layer_name name = kan_layer_name(&t->path, m->path);
	t->in_file = false;
	if (name == KAN_LAYER_NAME_BAD)
		return kan_fail(err, KAN_EFORMAT, "the reference has a name that leads out");
	if (name == KAN_LAYER_NAME_AUFS)
		return 0;
	if (t->sorted)
		return tell_unmet(t, kind_of(name), m, err);
	if (note_above(t, kan_buf_bytes(&t->path), err) < 0)
		return -1;
	struct kan_fact *f = more(t, err);
	if (!f)
		return -1;
	kan_fact_key(f->key, t, t->layer, kind_of(name), kan_buf_bytes(&t->path));
	facts_of(f, t, m);
	/* Engines make the root of a layer themselves. */
	f->met = kind_of(name) == 'm' && kan_fact_is_root(kan_buf_bytes(&t->path));
	t->in_file = S_ISREG(m->mode) && name == KAN_LAYER_NAME_ENTRY;
	if (t->in_file)
		kan_digest_start(t->digest);
	return 0;
}

static int on_content(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_against_table *t = arg;
	(void)err;
	if (t->in_file)
		kan_digest_add(t->digest, piece.p, piece.n);
	return 0;
}

static int on_member_end(void *arg, struct kan_err *err)
{
	struct kan_against_table *t = arg;
	char hex[KAN_SHA256_HEX];
	(void)err;
	if (!t->in_file)
		return 0;
	t->in_file = false;
	struct kan_fact *f = &t->facts[t->n - 1];
	kan_digest_finish(hex, t->digest);
	f->has_content = kan_unhex(f->content, KAN_SHA256_SIZE, kan_bytes_of(hex));
	return 0;
}

int kan_against_layer(struct kan_against_table *t, size_t n, struct kan_err *err)
{
	const struct kan_layertar_visit v = {on_member, on_content, on_member_end, t};
	(void)err;
	kan_layertar_free(t->tar);
	t->tar = kan_layertar_new(&v);
	t->layer = n;
	return 0;
}

int kan_against_data(struct kan_against_table *t, struct kan_bytes piece, struct kan_err *err)
{
	return kan_layertar_feed(t->tar, piece, err);
}

int kan_against_end(struct kan_against_table *t, struct kan_err *err)
{
	return kan_layertar_finish(t->tar, err);
}

bool kan_against_unmet(const struct kan_against_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->facts[i].met)
			return true;
	return false;
}

void kan_against_name_unmet(struct kan_against_table *t, kan_against_fn *fn, void *arg)
{
	t->unmet = fn;
	t->arg = arg;
}
