/* What of memory was left out, and why. */
#include <stdio.h>

#include "collectors/memory_parts.h"

static void limit(const struct kan_mem *m, const char *what, uint64_t seen, uint64_t kept,
		  uint64_t most)
{
	if (seen > kept)
		kan_sink_limit(m->sink, kan_bytes_of(what), seen, kept, most);
}

/* By process: what did not fit is told once for each. true: all together were too much. */
static bool tell_process(const struct kan_mem *m, const struct kan_mem_process *p)
{
	char what[32];
	uint64_t seen = 0, kept = 0, limited = 0, denied = 0;
	for (size_t i = p->first; i < p->first + p->n; i++) {
		const struct kan_mem_region *r = &m->regions[i];
		seen += r->present;
		kept += r->octets;
		limited += r->why == KAN_MEM_LIMIT;
		denied += r->why == KAN_MEM_DENIED;
	}
	(void)snprintf(what, sizeof(what), "%d", (int)p->pid);
	if (limited && p->room == KAN_MEM_PROCESS)
		limit(m, what, seen, kept, KAN_MEM_PROCESS);
	if (denied)
		kan_sink_gap(m->sink, kan_bytes_of(what), KAN_GAP_DENIED,
			     "the kernel gives pages of %llu regions to nobody",
			     (unsigned long long)denied);
	return limited && p->room < KAN_MEM_PROCESS;
}

static void tell_processes(const struct kan_mem *m)
{
	bool total = false;
	for (size_t i = 0; i < m->n_processes; i++)
		total |= tell_process(m, &m->processes[i]);
	if (total)
		limit(m, "memory of all processes", m->present, m->octets, KAN_MEM_TOTAL);
	limit(m, "mappings", m->maps_seen, m->maps_kept, KAN_MEMORY_MAPS);
	limit(m, "runs of pages of a process", m->runs_seen, m->runs_kept, KAN_MEMORY_RUNS);
	if (m->n_kept == KAN_MEM_KEPT)
		limit(m, "runs of pages", m->runs_seen, m->n_kept, KAN_MEM_KEPT);
	limit(m, "regions", m->regions_seen, m->n_regions, KAN_MEM_REGIONS);
	if (m->store)
		limit(m, "notes of threads", m->threads_seen, m->threads_kept, KAN_CORE_THREADS);
	if (m->store && m->names_left)
		kan_sink_gap(m->sink, KAN_LIT("notes of mapped files"), KAN_GAP_LIMIT,
			     "%llu mappings are named in maps.ndjson alone",
			     (unsigned long long)m->names_left);
	if (m->late)
		kan_sink_gap(m->sink, KAN_LIT("pages"), KAN_GAP_TIMEOUT,
			     "of %llu processes not every mapping was looked at in %d ms",
			     (unsigned long long)m->late, KAN_MEMORY_LOOK_MS);
	if (m->unread)
		kan_sink_gap(m->sink, KAN_LIT("pages"), KAN_GAP_DENIED,
			     "of %llu processes the kernel did not say which pages of a mapping "
			     "are there",
			     (unsigned long long)m->unread);
}

static void tell_hits(const struct kan_mem *m)
{
	const struct kan_mem_scan *s = &m->scan;
	if (!s->look)
		return;
	for (size_t i = 0; i < s->look->n; i++) {
		char what[48];
		(void)snprintf(what, sizeof(what), "hits of indicator %u", s->look->v[i].line);
		if (s->seen[i] > KAN_MEM_HITS)
			limit(m, what, s->seen[i], KAN_MEM_HITS, KAN_MEM_HITS);
	}
	if (s->n_hits == KAN_MEM_HITS_ALL)
		limit(m, "hits", s->all_seen, s->n_hits, KAN_MEM_HITS_ALL);
}

void kan_mem_tell(const struct kan_mem *m)
{
	tell_processes(m);
	if (m->ended)
		kan_sink_gap(m->sink, KAN_LIT("deadline"), KAN_GAP_LIMIT,
			     "the %u ms of the pause were over: %llu of %llu bytes are taken, and "
			     "%llu processes were not looked at",
			     m->allowed_ms, (unsigned long long)m->octets,
			     (unsigned long long)m->present, (unsigned long long)m->not_looked_at);
	else
		limit(m, "processes", m->n_processes + m->not_looked_at, m->n_processes,
		      KAN_MEM_CORES);
	if (m->devices)
		kan_sink_scope(m->sink, KAN_LIT("device memory"),
			       "mappings of devices are never read");
	tell_hits(m);
}
