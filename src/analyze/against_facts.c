/* A table by the SHA-256 of layer, kind and path; compared field by field. */
#include "analyze/against_facts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/against.h"
#include "base/row.h"
#include "image/layername.h"
#include "image/layertar.h"
#include "image/overlay.h"
#include "image/xattrs.h"

enum { KEY = 16, TEXT = 256 << 10, NS_PER_S = 1000000000 };
static const char capability[] = "security.capability";

struct fact {
	uint8_t key[KEY], content[KAN_SHA256_SIZE];
	uint64_t size, uid, gid, link, caps, attrs; /* link, caps, attrs: of SHA-256 each */
	int64_t mtime_s;
	uint32_t mode, order;
	bool has_content, hardlink, met;
};

struct kan_against_table {
	struct fact *facts;
	size_t n, cap;
	size_t layer;
	struct kan_layertar *tar;
	struct kan_digest *digest;
	struct kan_buf path, text;
	bool in_file, sorted;
	kan_against_fn *unmet;
	void *arg;
};

struct kan_against_table *kan_against_table_new(void)
{
	struct kan_against_table *t = kan_xalloc(sizeof(*t));
	t->digest = kan_digest_new();
	t->path = KAN_BUF(KAN_LAYERTAR_PATH);
	t->text = KAN_BUF(TEXT);
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

/* kind: 'm' an entry, 'w' a whiteout, 'o' an opaque directory, 'a' a directory that others lie in.
 */
static void key_of(uint8_t key[KEY], struct kan_against_table *t, size_t layer, char kind,
		   struct kan_bytes path)
{
	uint8_t raw[KAN_SHA256_SIZE];
	kan_buf_reset(&t->text);
	kan_buf_addf(&t->text, "%zu%c", layer, kind);
	kan_buf_addb(&t->text, path);
	kan_sha256(raw, kan_buf_bytes(&t->text));
	memcpy(key, raw, KEY);
}

static int by_key(const void *a, const void *b)
{
	const struct fact *x = a, *y = b;
	int d = memcmp(x->key, y->key, KEY);
	return d ? d : (x->order > y->order) - (x->order < y->order);
}

/* Of a member that is in the tar twice the later one counts. */
void kan_against_sort(struct kan_against_table *t)
{
	size_t kept = 0;
	if (t->n)
		qsort(t->facts, t->n, sizeof(*t->facts), by_key);
	for (size_t i = 0; i < t->n; i++)
		if (i + 1 == t->n || memcmp(t->facts[i].key, t->facts[i + 1].key, KEY) != 0)
			t->facts[kept++] = t->facts[i];
	t->n = kept;
	t->sorted = true;
}

static struct fact *find(struct kan_against_table *t, size_t layer, char kind,
			 struct kan_bytes path)
{
	struct fact wanted = {0};
	key_of(wanted.key, t, layer, kind, path);
	for (size_t low = 0, high = t->n; low < high;) {
		size_t mid = (low + high) / 2;
		int d = memcmp(t->facts[mid].key, wanted.key, KEY);
		if (d == 0)
			return &t->facts[mid];
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* --- what goes by --- */

static bool label(struct kan_bytes name)
{
	static const char *const labels[] = {"security.selinux", "security.ima", "security.evm",
					     "security.apparmor", "security.SMACK64"};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (kan_bytes_starts(name, labels[i]))
			return true;
	return kan_overlay_own(name, false) || kan_overlay_own(name, true);
}

/* The order of attributes means nothing: their digests are added. */
static void attribute(struct fact *f, struct kan_bytes name, struct kan_bytes value,
		      struct kan_buf *text)
{
	if (label(name))
		return;
	kan_buf_reset(text);
	kan_buf_addb(text, name);
	kan_buf_addc(text, 0);
	kan_buf_addb(text, value);
	uint64_t n = short_digest(kan_buf_bytes(text));
	if (kan_bytes_eq(name, kan_bytes_of(capability)))
		f->caps += n;
	else
		f->attrs += n;
}

static struct fact *more(struct kan_against_table *t, struct kan_err *err)
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
	struct fact *f = &t->facts[t->n];
	*f = (struct fact){.order = (uint32_t)t->n};
	t->n++;
	return f;
}

static int note_above(struct kan_against_table *t, struct kan_bytes path, struct kan_err *err)
{
	struct kan_bytes up = kan_layer_above(path);
	if (!up.n)
		return 0;
	struct fact *f = more(t, err);
	if (!f)
		return -1;
	f->met = true;
	key_of(f->key, t, t->layer, 'a', up);
	return note_above(t, up, err);
}

static void facts_of(struct fact *f, const struct kan_layer_member *m, struct kan_buf *text)
{
	struct kan_xattr x;
	struct kan_bytes left = m->xattrs;
	f->mode = m->mode;
	f->uid = m->uid;
	f->gid = m->gid;
	f->size = m->size;
	f->hardlink = m->hardlink;
	f->mtime_s = m->mtime_ns / NS_PER_S;
	f->link = S_ISLNK(m->mode) ? short_digest(m->link) : 0;
	while (kan_xattrs_next(&x, &left))
		attribute(f, x.name, x.value, text);
}

static char kind_of(enum kan_layer_name name)
{
	return name == KAN_LAYER_NAME_WHITEOUT ? 'w' : name == KAN_LAYER_NAME_OPAQUE ? 'o' : 'm';
}

static void tell_unmet(struct kan_against_table *t, char kind, const struct kan_layer_member *m)
{
	struct fact *f = find(t, t->layer, kind, kan_buf_bytes(&t->path));
	const char *word = kind == 'w' ? "whiteout" : kind == 'o' ? "opaque" : "missing";
	if (!f || f->met)
		return;
	f->met = true;
	json_t *row = json_pack("{s:I,s:[s],s:{s:I,s:I,s:I,s:I}}", "layer", (json_int_t)t->layer,
				"differs", word, "expected", "mode", (json_int_t)m->mode, "uid",
				(json_int_t)m->uid, "gid", (json_int_t)m->gid, "size",
				(json_int_t)m->size);
	kan_json_set_bytes(row, "path", kan_buf_bytes(&t->path));
	t->unmet(row, t->arg);
}

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err)
{
	struct kan_against_table *t = arg;
	enum kan_layer_name name = kan_layer_name(&t->path, m->path);
	t->in_file = false;
	if (name == KAN_LAYER_NAME_BAD)
		return kan_fail(err, KAN_EFORMAT, "the reference has a name that leads out");
	if (t->sorted) {
		tell_unmet(t, kind_of(name), m);
		return 0;
	}
	if (note_above(t, kan_buf_bytes(&t->path), err) < 0)
		return -1;
	struct fact *f = more(t, err);
	if (!f)
		return -1;
	key_of(f->key, t, t->layer, kind_of(name), kan_buf_bytes(&t->path));
	facts_of(f, m, &t->text);
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

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void raw_of(uint8_t raw[KAN_SHA256_SIZE], const char *hex)
{
	for (size_t i = 0; i < KAN_SHA256_SIZE; i++)
		raw[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

static int on_member_end(void *arg, struct kan_err *err)
{
	struct kan_against_table *t = arg;
	char hex[KAN_SHA256_HEX];
	(void)err;
	if (!t->in_file)
		return 0;
	t->in_file = false;
	struct fact *f = &t->facts[t->n - 1];
	kan_digest_finish(hex, t->digest);
	raw_of(f->content, hex);
	f->has_content = true;
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

/* --- a row --- */

static void bytes_of(struct kan_buf *out, const json_t *row, const char *key)
{
	kan_buf_reset(out);
	(void)kan_json_bytes(out, row, key, NULL);
}

static void row_attributes(struct fact *f, bool *opaque, const json_t *row)
{
	size_t i = 0;
	json_t *x = NULL;
	kan_auto_buf struct kan_buf name = KAN_BUF(TEXT), value = KAN_BUF(TEXT),
				    text = KAN_BUF(TEXT);
	json_array_foreach (json_object_get(row, "xattrs"), i, x) {
		bytes_of(&name, x, "name");
		bytes_of(&value, x, "value");
		struct kan_bytes n = kan_buf_bytes(&name);
		*opaque |= (kan_bytes_eq(n, KAN_LIT("trusted.overlay.opaque")) ||
			    kan_bytes_eq(n, KAN_LIT("user.overlay.opaque"))) &&
			   kan_bytes_eq(kan_buf_bytes(&value), KAN_LIT("y"));
		attribute(f, n, kan_buf_bytes(&value), &text);
	}
}

static void row_facts(struct fact *f, bool *opaque, const json_t *row)
{
	const char *sha = kan_json_str(row, "sha256");
	kan_auto_buf struct kan_buf link = KAN_BUF(TEXT);
	int64_t mtime = kan_json_int(row, "mtime_ns");
	f->mode = (uint32_t)strtoul(kan_json_str(row, "mode"), NULL, 8);
	f->uid = (uint64_t)kan_json_int(row, "uid");
	f->gid = (uint64_t)kan_json_int(row, "gid");
	f->size = (uint64_t)kan_json_int(row, "size");
	f->mtime_s = mtime / NS_PER_S;
	bytes_of(&link, row, "link");
	f->link = S_ISLNK(f->mode) ? short_digest(kan_buf_bytes(&link)) : 0;
	f->has_content = kan_is_sha256_hex(sha) && !*kan_json_str(row, "sha256_of");
	if (f->has_content)
		raw_of(f->content, sha);
	row_attributes(f, opaque, row);
}

static void say(json_t **list, bool differs, const char *word)
{
	if (!differs)
		return;
	if (!*list)
		*list = json_array();
	json_array_append_new(*list, json_string(word));
}

static json_t *differences(const struct fact *e, const struct fact *f)
{
	json_t *list = NULL;
	bool file = S_ISREG(e->mode);
	if (e->hardlink)
		return NULL;
	if ((e->mode & S_IFMT) != (f->mode & S_IFMT)) {
		say(&list, true, "type");
		return list;
	}
	say(&list,
	    file && e->has_content && f->has_content &&
		    memcmp(e->content, f->content, KAN_SHA256_SIZE) != 0,
	    "content");
	say(&list, file && e->size != f->size, "size");
	say(&list, !S_ISLNK(e->mode) && (e->mode & 07777) != (f->mode & 07777), "mode");
	say(&list, e->uid != f->uid || e->gid != f->gid, "owner");
	say(&list, e->mtime_s != f->mtime_s, "mtime");
	say(&list, e->link != f->link, "link");
	say(&list, e->caps != f->caps, "capability");
	say(&list, e->attrs != f->attrs, "xattrs");
	return list;
}

static json_t *as_json(const struct fact *f)
{
	char hex[KAN_SHA256_HEX];
	json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:I}", "mode", (json_int_t)f->mode, "uid",
			      (json_int_t)f->uid, "gid", (json_int_t)f->gid, "size",
			      (json_int_t)f->size, "mtime_ns", (json_int_t)f->mtime_s * NS_PER_S);
	kan_hex(hex, (struct kan_bytes){f->content, KAN_SHA256_SIZE});
	if (f->has_content)
		json_object_set_new(o, "sha256", json_string(hex));
	return o;
}

/* What the reference has at this path; NULL with a word: it should not be there. */
static struct fact *expected(const char **word, struct kan_against_table *t, size_t layer,
			     struct kan_bytes path, const struct fact *f, bool whiteout)
{
	struct fact *e = find(t, layer, 'm', path);
	struct fact *w = whiteout && !e ? find(t, layer, 'w', path) : NULL;
	if (w)
		w->met = true;
	if (e)
		e->met = true;
	bool above = S_ISDIR(f->mode) && find(t, layer, 'a', path);
	*word = e || w || above ? NULL : whiteout ? "whiteout" : "extra";
	return e;
}

unsigned kan_against_row(json_t **differs, struct kan_against_table *t, const json_t *row)
{
	struct fact f = {0};
	bool opaque = false;
	const char *word = NULL;
	size_t layer = (size_t)kan_json_int(row, "layer");
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_LAYERTAR_PATH);
	bytes_of(&path, row, "path");
	row_facts(&f, &opaque, row);
	struct kan_bytes p = kan_buf_bytes(&path);
	bool whiteout = S_ISCHR(f.mode) && strcmp(kan_json_str(row, "rdev"), "0:0") == 0;
	struct fact *e = expected(&word, t, layer, p, &f, whiteout);
	struct fact *mark = opaque ? find(t, layer, 'o', p) : NULL;
	if (mark)
		mark->met = true;
	json_t *list = e ? differences(e, &f) : NULL;
	bool root = kan_bytes_eq(p, KAN_LIT("/")) || p.n == 0;
	say(&list, word && !root, word ? word : "");
	say(&list, opaque && !mark, "opaque");
	if (list) {
		*differs = json_pack("{s:I,s:o,s:o}", "layer", (json_int_t)layer, "differs", list,
				     "found", as_json(&f));
		kan_json_set_bytes(*differs, "path", p);
		if (e)
			json_object_set_new(*differs, "expected", as_json(e));
	}
	return e && e->has_content && e->size && S_ISREG(f.mode) && !f.has_content;
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
