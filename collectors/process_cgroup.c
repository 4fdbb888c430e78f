/* cgroup.ndjson: read in the window, written after it, a row a directory. */
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "collectors/process_parts.h"
#include "kernel/cgroup.h"

enum { FIRST = 64, PIDS_MAX = 65536 };

static struct kan_cgroup_kept *more(struct kan_procs *c)
{
	size_t n = c->n_cgroups;
	if (n == 0 || (n >= FIRST && (n & (n - 1)) == 0))
		c->cgroups = kan_xrealloc(c->cgroups, n ? 2 * n : FIRST, sizeof(*c->cgroups));
	c->n_cgroups++;
	return &c->cgroups[n];
}

static char *text_of(struct kan_bytes v)
{
	char *s = kan_xalloc(v.n + 1);
	if (v.n)
		memcpy(s, v.p, v.n);
	return s;
}

static int keep(const struct kan_cgroup_file *f, void *arg)
{
	struct kan_procs *c = arg;
	uint64_t octets = f->content.n + f->dir.n + sizeof(struct kan_cgroup_kept);
	if (f->cut)
		kan_sink_gap(c->sink, f->dir, KAN_GAP_LIMIT,
			     "%s/%s is over %d bytes; the rest is left out", f->group, f->key,
			     KAN_CGROUP_FILE);
	if (c->cgroup_octets + octets > KAN_CGROUP_KEPT) {
		c->cgroups_left_out++;
		return 0;
	}
	c->cgroup_octets += octets;
	*more(c) = (struct kan_cgroup_kept){.controllers = kan_xstrdup(f->controllers),
					    .dir = text_of(f->dir),
					    .group = f->group,
					    .key = f->key,
					    .lines = f->lines,
					    .text = KAN_BUF(KAN_CGROUP_FILE)};
	kan_buf_addb(&c->cgroups[c->n_cgroups - 1].text, f->content);
	return 0;
}

void kan_procs_read_cgroups(struct kan_procs *c)
{
	struct kan_err why = {0};
	bool before = kan_sink_frozen(c->sink);
	if (!c->t->cgroup)
		return;
	if (kan_cgroup_files(c->t->cgroup, keep, c, &why) < 0)
		kan_sink_gap_err(c->sink, KAN_LIT("cgroup"), &why);
	c->cgroup_frozen = before && kan_sink_frozen(c->sink);
}

static bool same_dir(const struct kan_cgroup_kept *a, const struct kan_cgroup_kept *b)
{
	return strcmp(a->dir, b->dir) == 0 && strcmp(a->controllers, b->controllers) == 0;
}

static void pids(struct kan_row *r, const struct kan_buf *text)
{
	const char *at = kan_buf_str(text);
	kan_row_arr(r, "procs");
	for (unsigned n = 0; *at && n < PIDS_MAX; n++) {
		char *end = NULL;
		kan_row_int(r, NULL, strtol(at, &end, 10));
		if (end == at)
			break;
		at = *end == '\n' ? end + 1 : end;
	}
	kan_row_arr_end(r);
}

static void lines(struct kan_row *r, const char *key, struct kan_bytes text)
{
	kan_row_arr(r, key);
	while (text.n) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		struct kan_bytes one = {text.p, end ? (size_t)(end - text.p) : text.n};
		kan_row_bytes(r, NULL, one);
		text.n -= one.n + (end ? 1 : 0);
		text.p += one.n + (end ? 1 : 0);
	}
	kan_row_arr_end(r);
}

static struct kan_bytes trimmed(const struct kan_buf *text)
{
	struct kan_bytes v = kan_buf_bytes(text);
	v.n -= v.n && v.p[v.n - 1] == '\n';
	return v;
}

/* Files of one group stand together: "memory":{"current":"4096","events":["low 0","oom 0"]}. */
static void groups(struct kan_row *r, const struct kan_cgroup_kept *v, size_t n)
{
	const char *open = NULL;
	for (size_t i = 0; i < n; i++) {
		if (open && strcmp(open, v[i].group) != 0) {
			kan_row_obj_end(r);
			open = NULL;
		}
		if (strcmp(v[i].group, "procs") == 0) {
			pids(r, &v[i].text);
			continue;
		}
		if (!open)
			kan_row_obj(r, v[i].group);
		open = v[i].group;
		if (v[i].lines)
			lines(r, v[i].key, kan_buf_bytes(&v[i].text));
		else
			kan_row_bytes(r, v[i].key, trimmed(&v[i].text));
	}
	if (open)
		kan_row_obj_end(r);
}

int kan_procs_cgroups(struct kan_procs *c, struct kan_err *err)
{
	struct kan_rows *rows = NULL;
	if (kan_rows_open(&rows, c->sink, "cgroup.ndjson", err) < 0)
		return -1;
	for (size_t i = 0, n = 0; i < c->n_cgroups; i += n) {
		for (n = 1; i + n < c->n_cgroups && same_dir(&c->cgroups[i], &c->cgroups[i + n]);
		     n++)
			;
		struct kan_row *r = kan_rows_begin(rows);
		kan_row_str(r, "controllers", c->cgroups[i].controllers);
		kan_row_bytes(r, "path", kan_bytes_of(c->cgroups[i].dir));
		groups(r, &c->cgroups[i], n);
		kan_row_bool(r, "frozen", c->cgroup_frozen);
		if (kan_rows_end(rows, err) < 0) {
			kan_rows_abandon(rows);
			return -1;
		}
	}
	if (c->cgroups_left_out)
		kan_sink_limit(c->sink, KAN_LIT("cgroup.ndjson"),
			       c->n_cgroups + c->cgroups_left_out, c->n_cgroups, KAN_CGROUP_KEPT);
	return kan_rows_close(rows, err);
}

void kan_procs_free_cgroups(struct kan_procs *c)
{
	for (size_t i = 0; i < c->n_cgroups; i++) {
		free(c->cgroups[i].controllers);
		free(c->cgroups[i].dir);
		kan_buf_free(&c->cgroups[i].text);
	}
	free(c->cgroups);
}
