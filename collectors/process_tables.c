/* Tables of the collector processes: environment, mappings, descriptors. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/row.h"
#include "collectors/process_parts.h"
#include "kernel/maps.h"

/* One table while it is written. */
struct table {
	struct kan_procs *c;
	struct kan_rows *rows;
	const struct kan_process *p;
	uint64_t seen, kept, max;
};
typedef int table_fn(struct table *t, struct kan_err *err);

static int each_member(struct kan_procs *c, const char *name, table_fn *fn, uint64_t max,
		       struct kan_err *err)
{
	struct table t = {.c = c, .max = max};
	if (kan_rows_open(&t.rows, c->sink, name, err) < 0)
		return -1;
	for (size_t i = 0; i < c->all.n; i++) {
		t.p = &c->all.v[i];
		if (!t.p->gone && t.p->who.by && fn(&t, err) < 0) {
			kan_rows_abandon(t.rows);
			return -1;
		}
	}
	if (t.seen > t.kept)
		kan_sink_limit(c->sink, kan_bytes_of(name), t.seen, t.kept, max);
	return kan_rows_close(t.rows, err);
}

static bool room(struct table *t)
{
	t->kept += t->seen < t->max;
	return t->seen++ < t->max;
}

static int variable(struct table *t, struct kan_bytes v, struct kan_err *err)
{
	const uint8_t *equals = memchr(v.p, '=', v.n);
	struct kan_bytes name = {v.p, equals ? (size_t)(equals - v.p) : v.n};
	struct kan_row *r = kan_rows_begin(t->rows);
	kan_row_int(r, "pid", t->p->who.pid);
	kan_row_bytes(r, "name", name);
	if (equals)
		kan_row_bytes(r, "value", (struct kan_bytes){equals + 1, v.n - name.n - 1});
	kan_row_bool(r, "frozen", t->p->frozen_b);
	r->cut = false; /* it is whole in proc.tar */
	return kan_rows_end(t->rows, err);
}

static int environ_of(struct table *t, struct kan_err *err)
{
	struct kan_bytes text = kan_buf_bytes(&t->p->raw[KAN_PF_ENVIRON]);
	while (text.n) {
		const uint8_t *end = memchr(text.p, 0, text.n);
		struct kan_bytes one = {text.p, end ? (size_t)(end - text.p) : text.n};
		text.n -= one.n + (end ? 1 : 0);
		text.p += one.n + (end ? 1 : 0);
		/* A process that writes over its environment leaves empty ones. */
		if (one.n && room(t) && variable(t, one, err) < 0)
			return -1;
	}
	return 0;
}

static const struct kan_unlinked *unlinked_at(const struct kan_process *p, uint64_t start)
{
	for (size_t low = 0, high = p->n_unlinked; low < high;) { /* in order, as maps is */
		size_t mid = low + (high - low) / 2;
		if (p->unlinked[mid].start == start)
			return &p->unlinked[mid];
		if (p->unlinked[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int mapping(const struct kan_map *m, void *arg, struct kan_err *err)
{
	struct table *t = arg;
	char dev[32];
	const struct kan_unlinked *u = unlinked_at(t->p, m->start);
	const struct kan_carved *f = u ? kan_procs_file(t->c, u->dev, u->ino) : NULL;
	if (!room(t))
		return 0;
	(void)snprintf(dev, sizeof(dev), "%u:%u", m->major, m->minor);
	struct kan_row *r = kan_rows_begin(t->rows);
	kan_row_int(r, "pid", t->p->who.pid);
	kan_row_mask(r, "start", m->start);
	kan_row_mask(r, "end", m->end);
	kan_row_str(r, "perms", m->perms);
	kan_row_mask(r, "offset", m->offset);
	kan_row_str(r, "dev", dev);
	kan_row_dec(r, "ino", m->ino);
	if (m->path.n)
		kan_row_bytes(r, "path", m->path);
	if (u)
		kan_row_bool(r, "nlink0", true);
	if (f)
		kan_row_bool(r, "content", f->content);
	kan_row_bool(r, "frozen", t->p->frozen_b);
	return kan_rows_end(t->rows, err);
}

/* Lines that do not parse are the kernel's fault: told, and the text is in proc.tar. */
static int maps(struct table *t, struct kan_err *err)
{
	struct kan_err why = {0};
	if (kan_maps_each(kan_buf_bytes(&t->p->raw[KAN_PF_MAPS]), mapping, t, &why) == 0)
		return 0;
	if (why.code == KAN_EFORMAT) {
		kan_sink_gap_err(t->c->sink, KAN_LIT("maps"), &why);
		return 0;
	}
	if (err)
		*err = why;
	return -1;
}

static void descriptor(struct kan_row *r, const struct table *t, const struct kan_fd *d)
{
	const struct kan_carved *f = d->known ? kan_procs_file(t->c, d->dev, d->ino) : NULL;
	kan_row_int(r, "pid", t->p->who.pid);
	kan_row_int(r, "fd", d->fd);
	kan_row_bytes(r, "link", kan_fd_link(&t->p->fds, d));
	kan_row_str(r, "kind", kan_fd_kind(&t->p->fds, d));
	if (d->known) {
		kan_row_dev(r, "dev", d->dev);
		kan_row_dec(r, "ino", d->ino);
		if (S_ISCHR(d->mode) || S_ISBLK(d->mode))
			kan_row_dev(r, "rdev", d->rdev);
		kan_row_uint(r, "size", d->size);
		kan_row_uint(r, "nlink", d->nlink);
		kan_row_mode(r, "mode", d->mode);
	}
	if (d->brief)
		kan_row_dec(r, "ino", d->ino);
	if (d->mnt_id)
		kan_row_uint(r, "mnt_id", d->mnt_id);
	if (d->flags >= 0) {
		kan_row_int(r, "flags", d->flags);
		kan_row_int(r, "pos", d->pos);
	}
	if (f && d->nlink == 0)
		kan_row_bool(r, "content", f->content);
	kan_row_bool(r, "frozen", t->p->frozen_a);
}

static int fds(struct table *t, struct kan_err *err)
{
	for (size_t i = 0; i < t->p->fds.n; i++) {
		descriptor(kan_rows_begin(t->rows), t, &t->p->fds.v[i]);
		if (kan_rows_end(t->rows, err) < 0)
			return -1;
	}
	return 0;
}

int kan_procs_tables(struct kan_procs *c, struct kan_err *err)
{
	if (kan_procs_threads(c, err) < 0 ||
	    each_member(c, "environ.ndjson", environ_of, KAN_ENVIRON_ROWS, err) < 0 ||
	    each_member(c, "maps.ndjson", maps, KAN_MAPS_ROWS, err) < 0)
		return -1;
	return each_member(c, "fds.ndjson", fds, KAN_PROC_FDS_TOTAL, err);
}
