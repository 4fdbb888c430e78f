/* The core file of a process: pages as they come, what describes them behind, the header last. */
#include <stdio.h>
#include <stdlib.h>

#include "collectors/memory_parts.h"
#include "evidence/late.h"

enum { LOADS_OCTETS = 64 << 10, ALIGN = 8 };

/* The file as it grows. */
struct core {
	struct kan_mem *m;
	const struct kan_mem_process *p;
	const struct kan_memspace *of;
	struct kan_buf loads;
	uint64_t n_loads, at; /* at: where the pages of the next load stand */
};

int kan_mem_core_open(struct kan_artefact **out, struct kan_mem *m, const struct kan_memspace *of,
		      struct kan_err *err)
{
	char name[64];
	kan_auto_free uint8_t *zeros = kan_xalloc(m->page);
	(void)snprintf(name, sizeof(name), "core/%d-%llu.elf", (int)of->pid,
		       (unsigned long long)of->starttime);
	if (kan_sink_open(out, m->sink, name, err) < 0)
		return -1;
	kan_artefact_late(*out);
	return kan_artefact_write(*out, zeros, m->page, err);
}

static int drain(struct core *c, struct kan_err *err)
{
	int rc = kan_artefact_write(c->p->core, c->loads.data, c->loads.len, err);
	kan_buf_reset(&c->loads);
	return rc;
}

static int add_load(struct core *c, const struct kan_core_load *l, struct kan_err *err)
{
	kan_core_load(&c->loads, l, c->m->page);
	return c->loads.len + KAN_CORE_LOAD > LOADS_OCTETS ? drain(c, err) : 0;
}

static bool bare(const struct core *c, const struct kan_memory_map *map,
		 const struct kan_mem_region *r)
{
	return !r || r->n == 0 || c->m->kept[r->first].start != map->start;
}

/*
 * A load a run of what was taken. A mapping that does not begin with one has a load of no size: a
 * debugger would show a size without content as zeros, and what is missing is not zeros.
 */
static int loads_of(struct core *c, const struct kan_memory_map *map,
		    const struct kan_mem_region *r, struct kan_err *err)
{
	struct kan_core_load l = {.start = map->start, .offset = c->at, .perms = map->perms};
	if (bare(c, map, r) && add_load(c, &l, err) < 0)
		return -1;
	for (size_t i = 0; r && i < r->n; i++) {
		const struct kan_memory_run *run = &c->m->kept[r->first + i];
		l.start = run->start;
		l.size = l.kept = run->octets;
		l.offset = c->at;
		c->at += run->octets;
		if (add_load(c, &l, err) < 0)
			return -1;
	}
	return 0;
}

/* Each mapping with what was taken of it; NULL: it is none that is taken. */
typedef int map_fn(struct core *c, const struct kan_memory_map *map, const struct kan_mem_region *r,
		   struct kan_err *err);

static int each_map(struct core *c, map_fn *fn, struct kan_err *err)
{
	size_t number = c->p->first, end = c->p->first + c->p->n;
	for (size_t i = 0; i < c->of->n_maps; i++) {
		const struct kan_memory_map *map = &c->of->maps[i];
		bool region = map->perms[1] == 'w' && number < end;
		if (fn(c, map, region ? &c->m->regions[number++] : NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int count(struct core *c, const struct kan_memory_map *map, const struct kan_mem_region *r,
		 struct kan_err *err)
{
	(void)err;
	c->n_loads += bare(c, map, r) + (r ? r->n : 0);
	return 0;
}

static uint64_t data_octets(const struct core *c)
{
	uint64_t n = 0;
	for (size_t i = 0; i < c->p->n; i++)
		n += c->m->regions[c->p->first + i].octets;
	return n;
}

static int finish(struct core *c, struct kan_buf *notes, struct kan_err *err)
{
	static const uint8_t zeros[ALIGN];
	uint8_t head[KAN_CORE_HEAD];
	struct kan_core_process who = kan_memory_process(c->of);
	uint64_t end = c->m->page + data_octets(c);
	kan_core_notes(notes, &who, &c->of->files, c->m->page);
	size_t octets = notes->len;
	kan_buf_add(notes, zeros, (ALIGN - (end + octets) % ALIGN) % ALIGN);
	if (notes->failed)
		return kan_fail(err, KAN_EIO, "notes of a core over %d bytes", KAN_CORE_NOTES);
	if (kan_artefact_write(c->p->core, notes->data, notes->len, err) < 0)
		return -1;
	c->n_loads = 1; /* the note's */
	c->at = c->m->page;
	kan_core_note_load(&c->loads, end, octets);
	(void)each_map(c, count, NULL);
	if (each_map(c, loads_of, err) < 0)
		return -1;
	kan_core_tail(&c->loads, c->n_loads);
	if (drain(c, err) < 0)
		return -1;
	kan_core_head(head, c->n_loads, end + notes->len);
	return kan_artefact_patch(c->p->core, 0, (struct kan_bytes){head, sizeof(head)}, err);
}

int kan_mem_core_finish(struct kan_mem *m, const struct kan_mem_process *p,
			const struct kan_memspace *of, struct kan_err *err)
{
	kan_auto_buf struct kan_buf notes = KAN_BUF(KAN_CORE_NOTES);
	struct core c = {.m = m, .p = p, .of = of, .loads = KAN_BUF(LOADS_OCTETS + KAN_CORE_LOAD)};
	int rc = finish(&c, &notes, err);
	kan_buf_free(&c.loads);
	return rc;
}

/* Where reading back stands: the page of the header is passed over, then run after run. */
struct back {
	struct kan_mem *m;
	struct kan_mem_process *p;
	size_t region, run;
	uint64_t skip, left; /* left: octets of the run in hand */
	bool begun;
};

/* The next run with bytes; false: the rest is no memory. */
static bool next_run(struct back *b)
{
	struct kan_mem *m = b->m;
	for (; b->region < b->p->first + b->p->n; b->region++) {
		struct kan_mem_region *r = &m->regions[b->region];
		if (r->read && !b->begun)
			kan_mem_scan_begin(&m->scan, b->p->pid, r, b->region);
		b->begun |= r->read;
		if (b->begun && b->run < r->n) {
			const struct kan_memory_run *run = &m->kept[r->first + b->run++];
			kan_mem_scan_run(&m->scan, run->start);
			b->left = run->octets;
			return true;
		}
		if (b->begun)
			kan_mem_scan_end(&m->scan, r);
		b->begun = false;
		b->run = 0;
	}
	return false;
}

static int on_piece(struct kan_bytes v, void *arg, struct kan_err *err)
{
	struct back *b = arg;
	size_t n = v.n < b->skip ? v.n : (size_t)b->skip;
	(void)err;
	b->skip -= n;
	v = (struct kan_bytes){v.p + n, v.n - n};
	while (v.n && (b->left || next_run(b))) {
		n = v.n < b->left ? v.n : (size_t)b->left;
		kan_mem_scan_add(&b->m->scan, (struct kan_bytes){v.p, n});
		b->left -= n;
		v = (struct kan_bytes){v.p + n, v.n - n};
	}
	return 0;
}

int kan_mem_core_read(struct kan_mem *m, struct kan_mem_process *p, struct kan_err *err)
{
	struct back b = {.m = m, .p = p, .region = p->first, .skip = m->page};
	if (!p->core)
		return 0;
	if (kan_artefact_pieces(p->core, on_piece, &b, err) < 0)
		return -1;
	while (next_run(&b))
		; /* regions without a page end too */
	return kan_artefact_close(kan_take_ptr(p->core), err);
}
