/* Members of an export: names made safe, looked up in the list, content hashed once. */
#include "image/export.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/layername.h"
#include "image/nameset.h"

enum { TYPE_SHIFT = 12 };

struct kan_export {
	struct kan_export_visit v;
	struct kan_changelist *list;
	struct kan_layertar *tar;
	struct kan_digest *digest;
	struct kan_nameset *seen; /* of members that no list names */
	struct kan_buf path, link;
	struct kan_listed *listed; /* of the member that is open */
	bool open, file;
	uint64_t octets, behind, bad_names;
};

static int on_member(const struct kan_layer_member *m, void *arg, struct kan_err *err);
static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err);
static int on_end(void *arg, struct kan_err *err);

struct kan_export *kan_export_new(struct kan_changelist *list, const struct kan_export_visit *v)
{
	struct kan_export *e = kan_xalloc(sizeof(*e));
	const struct kan_layertar_visit tar = {on_member, on_data, on_end, e};
	e->v = *v;
	e->list = list;
	e->tar = kan_layertar_new(&tar);
	e->digest = kan_digest_new();
	e->seen = v->all ? kan_nameset_new(KAN_LAYERTAR_MEMBERS) : NULL;
	e->path = KAN_BUF(KAN_EXPORT_PATH);
	e->link = KAN_BUF(KAN_EXPORT_PATH);
	return e;
}

void kan_export_free(struct kan_export *e)
{
	if (!e)
		return;
	kan_layertar_free(e->tar);
	kan_digest_free(e->digest);
	kan_nameset_free(e->seen);
	kan_buf_free(&e->path);
	kan_buf_free(&e->link);
	free(e);
}

static bool met_before(struct kan_export *e, struct kan_listed *listed)
{
	if (!listed)
		return !kan_nameset_add(e->seen, KAN_NAME_MEMBER, kan_buf_bytes(&e->path));
	if (listed->met >= listed->times)
		return true;
	listed->met++;
	return false;
}

static unsigned type_of(const struct kan_export_member *m)
{
	if (!m->head->hardlink)
		return m->head->mode & S_IFMT;
	return m->linked ? (unsigned)m->linked->type << TYPE_SHIFT : S_IFREG;
}

/* A listed name that stands for several files does not tell which of them the link names. */
static void resolve(struct kan_export *e, struct kan_export_member *m)
{
	if (!m->head->hardlink || !kan_layer_path(&e->link, m->head->link))
		return;
	m->hardlink = kan_buf_bytes(&e->link);
	const struct kan_listed *to = kan_changelist_find(e->list, m->hardlink);
	if (to && to->met && to->times == 1 && to != m->listed)
		m->linked = to;
}

static void note(const struct kan_export_member *m)
{
	struct kan_listed *l = m->listed;
	if (!l || m->again)
		return;
	l->type = (uint8_t)(m->mode >> TYPE_SHIFT);
	l->size = m->linked ? m->linked->size : m->head->size;
	if (m->linked && m->linked->digest) {
		memcpy(l->sha256, m->linked->sha256, sizeof(l->sha256));
		l->digest = true;
	}
}

static int on_member(const struct kan_layer_member *head, void *arg, struct kan_err *err)
{
	struct kan_export *e = arg;
	struct kan_export_member m = {.head = head};
	e->open = false;
	if (!kan_layer_path(&e->path, head->path)) {
		e->bad_names++;
		return 0;
	}
	m.path = kan_buf_bytes(&e->path);
	m.name = kan_layer_last(m.path);
	m.listed = kan_changelist_find(e->list, m.path);
	if (!m.listed && !e->v.all)
		return 0;
	resolve(e, &m);
	m.mode = (head->mode & 07777) | type_of(&m);
	m.again = met_before(e, m.listed);
	if (e->v.member(&m, e->v.arg, err) < 0)
		return -1;
	note(&m);
	e->open = true;
	e->listed = m.again ? NULL : m.listed;
	e->file = !head->hardlink && S_ISREG(head->mode);
	e->octets = 0;
	kan_digest_start(e->digest);
	return 0;
}

static int on_data(struct kan_bytes piece, void *arg, struct kan_err *err)
{
	struct kan_export *e = arg;
	if (!e->open)
		return 0;
	e->octets += piece.n;
	kan_digest_add(e->digest, piece.p, piece.n);
	return e->v.data(piece, e->v.arg, err);
}

static int on_end(void *arg, struct kan_err *err)
{
	struct kan_export *e = arg;
	char sha256[KAN_SHA256_HEX] = "";
	if (!e->open)
		return 0;
	e->open = false;
	if (e->file)
		kan_digest_finish(sha256, e->digest);
	if (e->file && e->listed)
		e->listed->digest =
			kan_unhex(e->listed->sha256, KAN_SHA256_SIZE, kan_bytes_of(sha256));
	return e->v.end(sha256, e->octets, e->v.arg, err);
}

int kan_export_feed(struct kan_export *e, struct kan_bytes piece, struct kan_err *err)
{
	if (!kan_layertar_ended(e->tar))
		return kan_layertar_feed(e->tar, piece, err);
	e->behind += piece.n;
	if (e->behind > KAN_EXPORT_BEHIND)
		return kan_fail(err, KAN_EFORMAT, "over %d bytes behind the archive's end",
				KAN_EXPORT_BEHIND);
	return 0;
}

int kan_export_finish(struct kan_export *e, struct kan_err *err)
{
	if (e->open && on_end(e, err) < 0)
		return -1;
	if (kan_layertar_finish(e->tar, err) < 0)
		return -1;
	/* A tar of nothing but its end is no tree, and neither is no tar at all. */
	if (!kan_layertar_ended(e->tar))
		return kan_fail(err, KAN_EFORMAT, "tar: it has no end");
	return 0;
}

uint64_t kan_export_bad_names(const struct kan_export *e)
{
	return e->bad_names;
}
