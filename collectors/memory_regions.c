/* Which regions a process has, and which of them fit. */
#include <stdlib.h>
#include <string.h>

#include "collectors/memory_parts.h"

void *kan_mem_grow(void *v, size_t n, size_t *room, size_t size)
{
	enum { FIRST = 64 };
	if (n < *room)
		return v;
	*room = *room ? 2 * *room : FIRST;
	return kan_xrealloc(v, *room, size);
}

/* The smallest first: what fits is as many regions as there can be. */
static int by_size(const void *a, const void *b)
{
	const struct kan_mem_region *const *x = a, *const *y = b;
	if ((*x)->present != (*y)->present)
		return (*x)->present < (*y)->present ? -1 : 1;
	return ((*x)->start > (*y)->start) - ((*x)->start < (*y)->start);
}

static void choose(struct kan_mem *m, struct kan_mem_process *p)
{
	uint64_t room = KAN_MEM_TOTAL - m->octets;
	struct kan_mem_region *all = m->regions + p->first;
	kan_auto_free struct kan_mem_region **v =
		kan_xalloc((p->n + 1) * sizeof(struct kan_mem_region *));
	room = room < KAN_MEM_PROCESS ? room : KAN_MEM_PROCESS;
	p->room = room;
	for (size_t i = 0; i < p->n; i++)
		v[i] = &all[i];
	qsort(v, p->n, sizeof(*v), by_size);
	for (size_t i = 0; i < p->n; i++) {
		if (v[i]->why != KAN_MEM_WHOLE)
			continue;
		if (v[i]->present > room)
			v[i]->why = KAN_MEM_LIMIT;
		else
			room -= v[i]->present;
	}
}

void kan_mem_regions(struct kan_mem *m, struct kan_mem_process *p, const struct kan_memspace *of)
{
	p->first = m->n_regions;
	for (size_t i = 0; i < of->n_maps; i++) {
		const struct kan_memory_map *map = &of->maps[i];
		if (map->perms[1] != 'w')
			continue;
		if (m->regions_seen++ >= KAN_MEM_REGIONS)
			continue;
		m->regions = kan_mem_grow(m->regions, m->n_regions, &m->room_regions,
					  sizeof(*m->regions));
		struct kan_mem_region *r = &m->regions[m->n_regions++];
		*r = (struct kan_mem_region){.start = map->start,
					     .end = map->end,
					     .offset = map->offset,
					     .present = map->present,
					     .process = (uint32_t)m->n_processes};
		memcpy(r->perms, map->perms, sizeof(r->perms));
		if (map->device)
			r->why = KAN_MEM_DEVICE;
		m->devices += map->device;
		m->present += map->present;
	}
	p->n = m->n_regions - p->first;
	choose(m, p);
}
