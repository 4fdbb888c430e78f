/* One process in the window: the pages of its regions. */
#include <stdio.h>

#include "collectors/memory_parts.h"

/* Where in a mapping's pages reading stands. */
struct cursor {
	size_t run;
	uint64_t at; /* octets of the run that are done */
};

struct taking {
	struct kan_mem *m;
	struct kan_memspace *of;
	struct kan_memory_read *read;
	struct kan_mem_process *p;
	enum kan_mem_why stop; /* of the whole process */
};

static bool deadline(struct kan_mem *m)
{
	m->ended |= kan_bounded_now() >= m->until_ns;
	return m->ended;
}

/* As many pages as one read takes. */
static void fill(struct kan_memory_read *r, const struct taking *t,
		 const struct kan_memory_map *map, struct cursor c)
{
	size_t room = KAN_MEMORY_OCTETS;
	r->n = 0;
	for (; c.run < map->n && room && r->n < KAN_MEMORY_PIECES; c.run++, c.at = 0) {
		const struct kan_memory_run *run = &t->of->runs[map->first + c.run];
		uint64_t left = run->octets - c.at;
		size_t n = left < room ? (size_t)left : room;
		r->v[r->n++] = (struct kan_memory_piece){.start = run->start + c.at, .octets = n};
		room -= n;
	}
}

static void move(struct cursor *c, const struct taking *t, const struct kan_memory_map *map,
		 uint64_t octets)
{
	while (octets && c->run < map->n) {
		uint64_t left = t->of->runs[map->first + c->run].octets - c->at;
		if (octets < left) {
			c->at += octets;
			return;
		}
		octets -= left;
		*c = (struct cursor){.run = c->run + 1};
	}
}

/* false: no room for one more run. */
static bool note_kept(struct kan_mem *m, struct kan_mem_region *r, uint64_t start, size_t n)
{
	struct kan_memory_run *last = r->n ? &m->kept[m->n_kept - 1] : NULL;
	bool follows = last && last->start + last->octets == start;
	if (follows) {
		last->octets += n;
	} else {
		if (m->n_kept == KAN_MEM_KEPT)
			return false;
		m->kept = kan_mem_grow(m->kept, m->n_kept, &m->room_kept, sizeof(*m->kept));
		m->kept[m->n_kept++] = (struct kan_memory_run){start, n};
		r->n++;
		if (!m->store)
			kan_mem_scan_run(&m->scan, start);
	}
	r->octets += n;
	m->octets += n;
	return true;
}

static int keep(struct taking *t, struct kan_mem_region *r, uint64_t start, struct kan_bytes v,
		struct kan_err *err)
{
	struct kan_mem *m = t->m;
	if (!note_kept(m, r, start, v.n)) {
		r->why = KAN_MEM_RUNS;
		return 0;
	}
	if (m->store)
		return kan_artefact_write(t->p->core, v.p, v.n, err);
	kan_mem_scan_add(&m->scan, v);
	return 0;
}

/* What one read gave; *done is how far reading is then. */
static int consume(struct taking *t, struct kan_mem_region *r, uint64_t *done, struct kan_err *err)
{
	const struct kan_memory_read *read = t->read;
	const uint8_t *at = read->buffer;
	for (size_t i = 0; i < read->n; i++) {
		const struct kan_memory_piece *p = &read->v[i];
		if (p->got && keep(t, r, p->start, (struct kan_bytes){at, p->got}, err) < 0)
			return -1;
		*done += p->got;
		if (p->got == p->octets) {
			at += p->octets;
			continue;
		}
		if (p->why == 0) { /* no memory any more: it has ended */
			t->stop = KAN_MEM_VANISHED;
			return 0;
		}
		/* What follows this page is read anew. */
		*done += t->m->page;
		r->why = KAN_MEM_DENIED;
		return 0;
	}
	return 0;
}

static void stuck(struct taking *t, const struct kan_err *why)
{
	char what[32];
	(void)snprintf(what, sizeof(what), "%d", (int)t->p->pid);
	t->stop = KAN_MEM_STUCK;
	kan_sink_gap(t->m->sink, kan_bytes_of(what), KAN_GAP_STUCK, "%s", why->text);
	kan_sink_window_break(t->m->sink);
}

static int read_region(struct taking *t, const struct kan_memory_map *map, struct kan_mem_region *r,
		       struct kan_err *err)
{
	struct cursor c = {0};
	struct kan_err why = {0};
	while (c.run < map->n && !t->stop && r->why != KAN_MEM_RUNS) {
		uint64_t done = 0;
		if (deadline(t->m)) {
			t->stop = KAN_MEM_DEADLINE;
			break;
		}
		fill(t->read, t, map, c);
		if (kan_memory_fetch(&t->read, t->m->bounded, &why) < 0) {
			stuck(t, &why);
			break;
		}
		if (consume(t, r, &done, err) < 0)
			return -1;
		move(&c, t, map, done);
	}
	if (t->stop && c.run < map->n)
		r->why = t->stop;
	return 0;
}

static int region(struct taking *t, const struct kan_memory_map *map, size_t number,
		  struct kan_err *err)
{
	struct kan_mem *m = t->m;
	struct kan_mem_region *r = &m->regions[number];
	if (r->why != KAN_MEM_WHOLE)
		return 0;
	if (t->stop) {
		r->why = t->stop;
		return 0;
	}
	r->first = m->n_kept;
	r->frozen = kan_sink_frozen(m->sink);
	r->read = true;
	if (!m->store)
		kan_mem_scan_begin(&m->scan, t->p->pid, r, number);
	int rc = read_region(t, map, r, err);
	if (!m->store)
		kan_mem_scan_end(&m->scan, r);
	r->frozen &= kan_sink_frozen(m->sink);
	if (map->cut && r->why == KAN_MEM_WHOLE)
		r->why = KAN_MEM_RUNS;
	return rc;
}

static int all_regions(struct taking *t, struct kan_err *err)
{
	size_t number = t->p->first;
	for (size_t i = 0; i < t->of->n_maps && number < t->p->first + t->p->n; i++) {
		if (t->of->maps[i].perms[1] != 'w')
			continue;
		if (region(t, &t->of->maps[i], number++, err) < 0)
			return -1;
	}
	return 0;
}

static void count(struct kan_mem *m, const struct kan_memspace *of)
{
	m->late += of->late;
	m->unread += of->unread;
	m->runs_seen += of->runs_seen;
	m->runs_kept += of->n_runs;
	m->threads_seen += of->tids_seen;
	m->threads_kept += of->n_tids;
	m->maps_seen += of->maps_seen;
	m->maps_kept += of->n_maps;
	m->names_left += of->files.left_out;
}

static int take(struct kan_mem *m, struct kan_memspace *of, pid_t pid, struct kan_err *err)
{
	m->processes = kan_mem_grow(m->processes, m->n_processes, &m->room_processes,
				    sizeof(*m->processes));
	struct kan_mem_process *p = &m->processes[m->n_processes];
	*p = (struct kan_mem_process){.pid = pid};
	kan_mem_regions(m, p, of);
	count(m, of);
	m->n_processes++;
	if (m->store && kan_mem_core_open(&p->core, m, of, err) < 0)
		return -1;
	struct taking t = {.m = m, .of = of, .p = p, .read = kan_memory_read_new(of)};
	int rc = all_regions(&t, err);
	kan_memory_read_free(t.read);
	if (rc == 0 && t.stop == KAN_MEM_VANISHED) {
		char what[32];
		(void)snprintf(what, sizeof(what), "%d", (int)pid);
		kan_sink_gap(m->sink, kan_bytes_of(what), KAN_GAP_VANISHED,
			     "it ended while its memory was read");
	}
	return rc == 0 && m->store ? kan_mem_core_finish(m, p, of, err) : rc;
}

int kan_mem_take(struct kan_mem *m, pid_t pid, int dir, struct kan_err *err)
{
	char what[32];
	struct kan_err why = {0};
	struct kan_memspace *of = NULL;
	if (m->n_processes == KAN_MEM_CORES || deadline(m)) {
		m->not_looked_at++;
		return 0;
	}
	(void)snprintf(what, sizeof(what), "%d", (int)pid);
	int found = kan_memory_look(&of, m->bounded, dir, &why);
	if (found > 0)
		return 0;
	if (found < 0) {
		bool hangs = why.sys == ETIMEDOUT;
		kan_sink_gap(m->sink, kan_bytes_of(what),
			     hangs ? KAN_GAP_STUCK : kan_gap_of_err(&why), "%s", why.text);
		if (hangs)
			kan_sink_window_break(m->sink);
		return 0;
	}
	int rc = take(m, of, pid, err);
	kan_memory_free(of);
	return rc;
}
