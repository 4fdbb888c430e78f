/* A row of baseline.ndjson beside what the reference has at its path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyze/against_part.h"
#include "base/row.h"
#include "image/idmap.h"
#include "image/layertar.h"
#include "image/nameset.h"

enum { HOPS = 8, BASE = 10, DEVICE = 24, MODE = 16 };

/* The file of which e is another name. NULL: of a layer below, or of one that changed behind it. */
static const struct kan_fact *file_of(const struct kan_against_table *t, const struct kan_fact *e)
{
	for (int hops = 0; e && e->hardlink; hops++) {
		e = hops < HOPS ? kan_fact_at(t, e->content) : NULL;
		if (e && e->twice)
			return NULL;
	}
	return e;
}

static void bytes_of(struct kan_buf *out, const json_t *row, const char *key)
{
	kan_buf_reset(out);
	(void)kan_json_bytes(out, row, key, NULL);
}

static void row_attributes(struct kan_fact *f, bool *opaque, const struct kan_against_table *t,
			   const json_t *row)
{
	size_t i = 0;
	json_t *x = NULL;
	kan_auto_buf struct kan_buf name = KAN_BUF(KAN_FACT_TEXT), value = KAN_BUF(KAN_FACT_TEXT);
	json_array_foreach (json_object_get(row, "xattrs"), i, x) {
		bytes_of(&name, x, "name");
		bytes_of(&value, x, "value");
		struct kan_bytes n = kan_buf_bytes(&name);
		*opaque |= (kan_bytes_eq(n, KAN_LIT("trusted.overlay.opaque")) ||
			    kan_bytes_eq(n, KAN_LIT("user.overlay.opaque"))) &&
			   kan_bytes_eq(kan_buf_bytes(&value), KAN_LIT("y"));
		kan_fact_attribute(f, t, n, kan_buf_bytes(&value), true);
	}
}

/* "MAJOR:MINOR" of a device node. */
static void row_device(struct kan_fact *f, const json_t *row)
{
	char *end = NULL;
	f->major = (uint32_t)strtoul(kan_json_str(row, "rdev"), &end, BASE);
	f->minor = *end == ':' ? (uint32_t)strtoul(end + 1, NULL, BASE) : 0;
}

static bool is_device(uint32_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

static void row_facts(struct kan_fact *f, bool *opaque, const struct kan_against_table *t,
		      const json_t *row)
{
	const char *sha = kan_json_str(row, "sha256");
	kan_auto_buf struct kan_buf link = KAN_BUF(KAN_FACT_TEXT);
	int64_t mtime = kan_json_int(row, "mtime_ns");
	f->mode = (uint32_t)strtoul(kan_json_str(row, "mode"), NULL, 8);
	f->uid = (uint64_t)kan_json_int(row, "uid");
	f->gid = (uint64_t)kan_json_int(row, "gid");
	f->size = (uint64_t)kan_json_int(row, "size");
	f->mtime_s = mtime / KAN_FACT_NS;
	bytes_of(&link, row, "link");
	if (S_ISLNK(f->mode))
		kan_sha256(f->content, kan_buf_bytes(&link));
	f->has_content = kan_is_sha256_hex(sha) && !*kan_json_str(row, "sha256_of");
	if (f->has_content)
		(void)kan_unhex(f->content, KAN_SHA256_SIZE, kan_bytes_of(sha)); /* it is one */
	row_device(f, row);
	row_attributes(f, opaque, t, row);
}

static void say(json_t **list, bool differs, const char *word)
{
	if (!differs)
		return;
	if (!*list)
		*list = json_array();
	json_array_append_new(*list, json_string(word));
}

/* An id that the store has no place for was not unpacked as itself. */
static bool other_owner(const struct kan_idmaps *o, const struct kan_fact *e,
			const struct kan_fact *f)
{
	uint64_t uid = 0, gid = 0;
	return !o->unknown && kan_idmap_out(&uid, &o->uid, e->uid) &&
	       kan_idmap_out(&gid, &o->gid, e->gid) && (uid != f->uid || gid != f->gid);
}

/* Attributes that the tar does not say at all are those that builders leave. */
static void say_attributes(json_t **list, const struct kan_fact *e, const struct kan_fact *f)
{
	say(list, e->caps != f->caps, "capability");
	say(list, e->marks != f->marks || (e->attrs && e->attrs != f->attrs), "xattrs");
	say(list, e->acls != f->acls, "acl");
	say(list, !e->attrs && f->attrs, "more-xattrs");
}

static json_t *differences(const struct kan_idmaps *owners, const struct kan_fact *e,
			   const struct kan_fact *f)
{
	json_t *list = NULL;
	bool file = S_ISREG(e->mode), link = S_ISLNK(e->mode);
	bool other = memcmp(e->content, f->content, KAN_SHA256_SIZE) != 0;
	if ((e->mode & S_IFMT) != (f->mode & S_IFMT)) {
		say(&list, true, "type");
		return list;
	}
	say(&list, file && e->has_content && f->has_content && other, "content");
	say(&list, file && e->size != f->size, "size");
	say(&list, !link && (e->mode & 07777) != (f->mode & 07777), "mode");
	say(&list, other_owner(owners, e, f), "owner");
	say(&list, e->mtime_s != f->mtime_s, "mtime");
	say(&list, link && other, "link");
	say(&list, is_device(e->mode) && (e->major != f->major || e->minor != f->minor), "device");
	say_attributes(&list, e, f);
	return list;
}

json_t *kan_fact_json(const struct kan_fact *f)
{
	char hex[KAN_SHA256_HEX], device[DEVICE], mode[MODE];
	(void)snprintf(mode, sizeof(mode), "%07o", f->mode & (S_IFMT | 07777));
	json_t *o = json_pack("{s:s,s:I,s:I,s:I,s:I}", "mode", mode, "uid", (json_int_t)f->uid,
			      "gid", (json_int_t)f->gid, "size", (json_int_t)f->size, "mtime_ns",
			      (json_int_t)f->mtime_s * KAN_FACT_NS);
	kan_hex(hex, (struct kan_bytes){f->content, KAN_SHA256_SIZE});
	if (f->has_content)
		json_object_set_new(o, "sha256", json_string(hex));
	(void)snprintf(device, sizeof(device), "%u:%u", f->major, f->minor);
	if (is_device(f->mode))
		json_object_set_new(o, "rdev", json_string(device));
	return o;
}

/* What a differ leaves out: copied up and not changed; a mark where nothing lies below. */
static bool left_out(struct kan_against_table *t, size_t layer, struct kan_bytes path,
		     const struct kan_fact *f, bool whiteout)
{
	if (whiteout)
		return !kan_fact_lies_below(t, layer, path);
	const struct kan_fact *b = file_of(t, kan_fact_below(t, layer, path));
	if (!b || (S_ISREG(b->mode) && !f->has_content))
		return false;
	struct kan_fact copy = *f;
	copy.mtime_s = S_ISDIR(b->mode) ? b->mtime_s : f->mtime_s;
	json_t *list = differences(t->owners, b, &copy);
	json_decref(list);
	return !list;
}

/* What the reference has at this path; NULL with a word: it should not be there. */
static struct kan_fact *expected(const char **word, struct kan_against_table *t, size_t layer,
				 struct kan_bytes path, const struct kan_fact *f, bool whiteout)
{
	struct kan_fact *e = kan_fact_find(t, layer, 'm', path);
	struct kan_fact *w = whiteout && !e ? kan_fact_find(t, layer, 'w', path) : NULL;
	if (w)
		w->met = true;
	if (e)
		e->met = true;
	bool above = S_ISDIR(f->mode) &&
		     kan_nameset_has(t->above, KAN_NAME_ABOVE, kan_fact_place(t, layer, path));
	*word = e || w || above || left_out(t, layer, path, f, whiteout) ? NULL
		: whiteout                                               ? "whiteout"
									 : "extra";
	return e;
}

unsigned kan_against_row(json_t **differs, struct kan_against_table *t, const json_t *row)
{
	struct kan_fact f = {0};
	bool opaque = false;
	const char *word = NULL;
	size_t layer = (size_t)kan_json_int(row, "layer");
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_LAYERTAR_PATH);
	bytes_of(&path, row, "path");
	row_facts(&f, &opaque, t, row);
	struct kan_bytes p = kan_buf_bytes(&path);
	bool root = kan_fact_is_root(p);
	bool whiteout = S_ISCHR(f.mode) && strcmp(kan_json_str(row, "rdev"), "0:0") == 0;
	const struct kan_fact *e = file_of(t, expected(&word, t, layer, p, &f, whiteout));
	if (opaque)
		(void)kan_nameset_add(t->above, KAN_NAME_OPAQUE, kan_fact_place(t, layer, p));
	struct kan_fact *mark = opaque ? kan_fact_find(t, layer, 'o', p) : NULL;
	if (mark)
		mark->met = true;
	json_t *list = e && !root ? differences(t->owners, e, &f) : NULL;
	say(&list, word && !root, word ? word : "");
	/* New directories may be marked so: where there is none below, nothing is hidden. */
	say(&list, opaque && !mark && kan_fact_lies_below(t, layer, p), "opaque");
	if (list) {
		*differs = json_pack("{s:I,s:o,s:o}", "layer", (json_int_t)layer, "differs", list,
				     "found", kan_fact_json(&f));
		kan_json_set_bytes(*differs, "path", p);
		if (e)
			json_object_set_new(*differs, "expected", kan_fact_json(e));
	}
	return e && e->has_content && e->size && S_ISREG(f.mode) && !f.has_content;
}
