/* Rows of integrity.ndjson. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/row.h"
#include "base/tree.h"
#include "image/file.h"
#include "image/integrity_part.h"

int kan_integrity_verdict(struct kan_integrity *g, const struct kan_verdict *v, struct kan_err *err)
{
	struct kan_row *r = kan_rows_begin(g->rows);
	kan_row_str(r, "about", v->manifest ? "manifest" : v->layer < 0 ? "image" : "layer");
	kan_row_int(r, "rung", v->rung);
	if (v->layer >= 0)
		kan_row_int(r, "layer", v->layer);
	kan_row_str(r, "result", v->result);
	if (v->claimed)
		kan_row_bool(r, "claimed", true);
	if (v->expected)
		kan_row_str(r, "expected_digest", v->expected);
	if (v->found)
		kan_row_str(r, "found_digest", v->found);
	if (v->layer >= 0) {
		kan_row_uint(r, "files", v->files);
		kan_row_uint(r, "octets", v->octets);
		kan_row_uint(r, "damaged", v->damaged);
	}
	if (v->noted)
		kan_row_uint(r, "noted", v->noted);
	if (v->directory.n)
		kan_row_bytes(r, "directory", v->directory);
	if (v->why)
		kan_row_str(r, "why", v->why);
	return kan_rows_end(g->rows, err);
}

static void expected(struct kan_row *r, const struct kan_layer_member *m, const char *sum)
{
	kan_row_obj(r, "expected");
	if (!m->hardlink) {
		kan_row_str(r, "type", kan_file_type(m->mode));
		kan_row_mode(r, "mode", m->mode);
		kan_row_uint(r, "uid", m->uid);
		kan_row_uint(r, "gid", m->gid);
		kan_row_uint(r, "size", m->size);
		kan_row_int(r, "mtime_ns", m->mtime_ns);
	}
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
		kan_row_dev(r, "rdev", makedev(m->major, m->minor));
	if (m->hardlink)
		kan_row_bytes(r, "hardlink_to", m->link);
	else if (m->link.n)
		kan_row_bytes(r, "link", m->link);
	kan_row_xattrs(r, m->xattrs);
	if (sum)
		kan_row_str(r, "sum", sum);
	kan_row_obj_end(r);
}

static void found(struct kan_row *r, const struct kan_damage *d)
{
	const struct statx *st = d->found;
	kan_row_obj(r, "found");
	kan_row_layer_facts(r, st);
	kan_row_int(r, "ctime_ns", kan_statx_ns(&st->stx_ctime));
	if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode))
		kan_row_dev(r, "rdev", makedev(st->stx_rdev_major, st->stx_rdev_minor));
	if (S_ISLNK(st->stx_mode))
		kan_row_bytes(r, "link", d->link);
	kan_row_xattrs(r, d->xattrs);
	if (d->found_sum)
		kan_row_str(r, "sum", d->found_sum);
	kan_row_obj_end(r);
}

/* A layer of which everything is damaged must not fill the disk. */
static bool room(struct kan_integrity *g, int layer)
{
	if (g->told_layer != layer)
		g->told = 0;
	g->told_layer = layer;
	if (g->told == KAN_INTEGRITY_TOLD)
		kan_sink_limit(g->sink, KAN_LIT("integrity.ndjson"), g->told + 1, g->told,
			       KAN_INTEGRITY_TOLD);
	return g->told++ < KAN_INTEGRITY_TOLD; /* 2^64 paths are in no layer */
}

int kan_integrity_damage(struct kan_integrity *g, enum kan_rung rung, int layer,
			 const struct kan_damage *d, struct kan_err *err)
{
	if (!room(g, layer))
		return 0;
	struct kan_row *r = kan_rows_begin(g->rows);
	kan_row_str(r, "about", "path");
	kan_row_int(r, "rung", rung);
	kan_row_int(r, "layer", layer);
	kan_row_bytes(r, "path", d->path);
	kan_row_arr(r, "differs");
	for (unsigned i = 0; i < KAN_DAMAGE_COUNT; i++)
		if (d->bits & 1u << i)
			kan_row_str(r, NULL, kan_damage_words[i]);
	kan_row_arr_end(r);
	if (d->expected)
		expected(r, d->expected, d->expected_sum);
	if (d->found)
		found(r, d);
	return kan_rows_end(g->rows, err);
}

void kan_integrity_unknown(struct kan_integrity *g, int layer, const char *against,
			   struct kan_bytes path, const struct kan_err *why)
{
	if (!kan_tree_gave_up_again(g->opener, why))
		kan_sink_gap(g->sink, path, kan_gap_of_err(why), "layer %d%s%s: %.200s", layer,
			     *against ? " against " : "", against, why->text);
}
