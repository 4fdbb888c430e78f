/* A row of mounts.ndjson: the line of the table, what it covers, and what was done about it. */
#include "collectors/mountrow.h"

#include <sys/sysmacros.h>

#include "base/row.h"
#include "image/mountfiles.h"
#include "image/mountplan.h"

/* What it lies over, and which mounts it hides; of the root nobody knows. */
static void put_covers(struct kan_row *r, const struct kan_planned *m)
{
	kan_auto_buf struct kan_buf path = KAN_BUF(KAN_MOUNTINFO_MAX);
	const struct kan_covered *c = &m->covered;
	if (c->by)
		kan_row_int(r, "covered_by", c->by);
	if (c->what == KAN_COVERS_UNKNOWN)
		return;
	kan_covered_path(&path, m);
	kan_row_obj(r, "covers");
	kan_row_str(r, "what", kan_covers_word(c->what));
	kan_row_bytes(r, "path", kan_buf_bytes(&path));
	if (c->pid)
		kan_row_int(r, "pid", c->pid);
	if (c->n) {
		kan_row_int(r, "mount", c->first);
		kan_row_uint(r, "mounts", c->n);
	}
	kan_row_obj_end(r);
}

int kan_mountrow_put(struct kan_rows *rows, const struct kan_planned *m,
		     const struct kan_mounttaken *taken, struct kan_err *err)
{
	struct kan_row *r = kan_rows_begin(rows);
	kan_row_dec(r, "mntns", m->space->ino);
	kan_row_int(r, "id", m->m.id);
	kan_row_int(r, "parent", m->m.parent);
	kan_row_dev(r, "dev", makedev(m->m.major, m->m.minor));
	kan_row_bytes(r, "root", m->m.root);
	kan_row_bytes(r, "point", m->m.point);
	kan_row_bytes(r, "options", m->m.options);
	kan_row_bytes(r, "propagation", m->m.propagation);
	kan_row_bytes(r, "fstype", m->m.fstype);
	kan_row_bytes(r, "source", m->m.source);
	kan_row_bytes(r, "super", m->m.super);
	kan_row_str(r, "class", kan_mount_word(m->class));
	if (m->host_path.n)
		kan_row_bytes(r, "host_path", m->host_path);
	put_covers(r, m);
	kan_row_bool(r, "copied", taken->copied);
	if (taken->why[0])
		kan_row_str(r, "why", taken->why);
	kan_row_bool(r, "frozen", taken->frozen);
	return kan_rows_end(rows, err);
}
