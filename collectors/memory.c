/* memory: the writable memory of each process as a core file, or only what is found in it. */
#include <kanshiki/collector.h>

#include <stdlib.h>
#include <unistd.h>

#include "collectors/memory_parts.h"
#include "kernel/members.h"

static const char *const artefacts[] = {"core/", "regions.ndjson", "hits.ndjson", "indicators.txt",
					NULL};

static const struct kan_limit limits[] = {
	{"process_octets", KAN_MEM_PROCESS, false},  {"octets", KAN_MEM_TOTAL, false},
	{"processes", KAN_MEM_CORES, false},         {"mappings", KAN_MEMORY_MAPS, false},
	{"process_runs", KAN_MEMORY_RUNS, false},    {"runs", KAN_MEM_KEPT, false},
	{"regions", KAN_MEM_REGIONS, false},         {"threads", KAN_CORE_THREADS, false},
	{"file_note_octets", KAN_CORE_FILES, false}, {"memory_ms", KAN_BOUNDED_MS, false},
	{"indicators", KAN_INDICATORS_MAX, false},   {"indicator_hits", KAN_MEM_HITS, false},
	{"hits", KAN_MEM_HITS_ALL, false},           {NULL, 0, false}};

static const unsigned usual_ms = 10000, percent = 95;
static const int64_t ns_per_ms = 1000000;

static struct kan_members_ask ask_of(const struct kan_target *t, struct kan_strangers *strangers)
{
	return (struct kan_members_ask){.proc_fd = t->proc_fd,
					.init_dir = t->pid_dir,
					.id = t->id,
					.cgroup = t->cgroup,
					.pid_private = t->pid_private,
					.strangers = strangers};
}

/* Who is a stranger is known before the pause; what is looked for is part of the evidence. */
static int prepare(struct kan_mem *m, struct kan_strangers *strangers, struct kan_err *err)
{
	const struct kan_policy *p = m->t->policy;
	const struct kan_indicators *look = p ? p->indicators : NULL;
	struct kan_members early = {0};
	struct kan_members_ask ask = ask_of(m->t, strangers);
	m->store = p && p->memory == KAN_MEMORY_WRITABLE;
	m->allowed_ms = p && p->max_freeze_ms ? p->max_freeze_ms : usual_ms;
	m->page = (uint64_t)sysconf(_SC_PAGESIZE);
	m->bounded = kan_bounded_new();
	kan_held_init(&m->held);
	/* Without anything stored a digest costs time in the pause: only when one is looked for. */
	kan_mem_scan_init(&m->scan, look, m->store || (look && look->n_digests));
	(void)kan_members_find(&early, &ask, NULL); /* in the window it is told */
	kan_members_free(&early);
	if (!look)
		return 0;
	return kan_sink_put(m->sink, "indicators.txt", kan_buf_bytes(&look->text), err);
}

static int take(struct kan_mem *m, const struct kan_member *who, struct kan_err *err)
{
	kan_mem_exe_hold(m, who->pid, who->dir);
	return kan_mem_take(m, who->pid, who->dir, err);
}

/* Ends a little before the pause does: what is read then is frozen, and the resume is in time. */
static int in_window(struct kan_mem *m, struct kan_strangers *strangers, struct kan_err *err)
{
	struct kan_members all = {0};
	struct kan_members_ask ask = ask_of(m->t, strangers);
	m->until_ns = kan_bounded_now() + (int64_t)m->allowed_ms * percent / 100 * ns_per_ms;
	int rc = kan_members_find(&all, &ask, err);
	for (size_t i = 0; i < all.n && rc == 0; i++)
		if (all.v[i].by)
			rc = take(m, &all.v[i], err);
	if (rc == 0 && all.seen > all.n)
		kan_sink_limit(m->sink, KAN_LIT("members"), all.seen, all.n, all.limit);
	kan_members_free(&all);
	return rc;
}

static int afterwards(struct kan_mem *m, struct kan_err *err)
{
	for (size_t i = 0; i < m->n_processes; i++)
		if (kan_mem_core_read(m, &m->processes[i], err) < 0)
			return -1;
	if (kan_mem_exe_read(m, err) < 0 || kan_mem_rows(m, err) < 0)
		return -1;
	kan_mem_tell(m);
	kan_sink_items(m->sink, m->n_regions);
	kan_sink_impact(m->sink, "read the memory of the processes: pages that were swapped out "
				 "are back in memory");
	return 0;
}

static void release(struct kan_mem *m)
{
	kan_mem_scan_free(&m->scan);
	kan_bounded_free(m->bounded);
	free(m->processes); /* cores that are open are the sink's */
	free(m->regions);
	free(m->kept);
	free(m->exes);
	kan_held_free(&m->held);
}

static int collect(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_mem m = {.t = target, .sink = sink};
	struct kan_strangers strangers = {0};
	int rc = prepare(&m, &strangers, err);
	if (rc == 0)
		rc = kan_sink_window_enter(sink, 0, 0, err);
	if (rc == 0) {
		rc = in_window(&m, &strangers, err);
		kan_sink_window_leave(sink);
	}
	if (rc == 0)
		rc = afterwards(&m, err);
	kan_strangers_free(&strangers);
	release(&m);
	return rc;
}

extern const struct kan_collector kan_collector_memory;
const struct kan_collector kan_collector_memory = {
	.name = "memory",
	.summary = "when asked for: writable memory of every process as a core file, or where "
		   "indicators are in it",
	.tier = KAN_TIER_PAUSED,
	.needs = KAN_NEEDS_HOST | KAN_NEEDS_PROCESS | KAN_NEEDS_ASKED,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
