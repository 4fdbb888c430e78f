/* engine-after: did the engine's view change under us, what does it call changed, and did we
 * disturb the target? */
#include <kanshiki/collector.h>
#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/row.h"
#include "base/self.h"
#include "collectors/answer.h"
#include "kernel/cgroup.h"
#include "kernel/procfs.h"

enum { PATH_OCTETS = 512, STAT_OCTETS = 8192, EVENTS_BACK_S = 3600, CLOCK_OCTETS = 8192 };

static const char *const artefacts[] = {"inspect.json", "events.json",    "changes.json",
					"clock.json",   "members.ndjson", NULL};
static const struct kan_limit limits[] = {{"answer_octets", KAN_ENGINE_ANSWER_MAX, false},
					  {NULL, 0, false}};

struct members {
	const struct kan_target *target;
	struct kan_rows *rows;
	struct kan_err *err;
	uint64_t n;
};

static int member(pid_t pid, void *arg)
{
	struct members *m = arg;
	struct kan_proc_stat st;
	kan_auto_close int dir = -1;
	kan_auto_buf struct kan_buf text = KAN_BUF(STAT_OCTETS);
	if (kan_proc_pid_dir(&dir, m->target->proc_fd, pid, NULL) < 0 ||
	    kan_proc_stat_read(&st, &text, dir, NULL) < 0)
		return 0; /* ended meanwhile: its absence is the answer */
	char state[2] = {st.state, 0};
	struct kan_row *row = kan_rows_begin(m->rows);
	kan_row_int(row, "pid", st.pid);
	kan_row_uint(row, "starttime", st.starttime);
	kan_row_str(row, "state", state);
	m->n++;
	return kan_rows_end(m->rows, m->err);
}

static int members_again(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	struct kan_err why = {0};
	if (!t->cgroup) {
		kan_sink_scope(sink, KAN_LIT("members"), "no cgroup of a live container");
		return 0;
	}
	struct members m = {.target = t, .err = err};
	if (kan_rows_open(&m.rows, sink, "members.ndjson", err) < 0)
		return -1;
	if (kan_cgroup_pids(t->cgroup, member, &m, &why) < 0 && why.code != KAN_OK)
		kan_sink_gap_err(sink, KAN_LIT("members"), &why);
	kan_sink_items(sink, m.n);
	return kan_rows_close(m.rows, err);
}

/* REALTIME less BOOTTIME, now; the analysis compares it with host's clock.json. */
static int clock_again(struct kan_sink *sink, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(CLOCK_OCTETS);
	json_t *doc = kan_clock_json();
	int rc = kan_json_dump(&text, doc, err);
	json_decref(doc);
	return rc < 0 ? -1 : kan_sink_put(sink, "clock.json", kan_buf_bytes(&text), err);
}

static int collect(const struct kan_target *t, struct kan_sink *sink, struct kan_err *err)
{
	char path[PATH_OCTETS];
	if (members_again(t, sink, err) < 0 || clock_again(sink, err) < 0)
		return -1;
	kan_sink_scope(sink, KAN_LIT("connections"),
		       "established connections are not listed a second time");
	(void)snprintf(path, sizeof(path), "/containers/%s/json", t->id);
	if (kan_answer_store(t->engine, sink, path, "inspect.json", err) < 0)
		return -1;
	long long now = (long long)time(NULL);
	(void)snprintf(path, sizeof(path), "/events?since=%lld&until=%lld", now - EVENTS_BACK_S,
		       now + 1);
	if (kan_answer_store(t->engine, sink, path, "events.json", err) < 0)
		return -1;
	kan_sink_impact(sink, "asked the engine for its list of changes: it lists directories of "
			      "image and container, "
			      "which sets their access times");
	(void)snprintf(path, sizeof(path), "/containers/%s/changes", t->id);
	return kan_answer_store(t->engine, sink, path, "changes.json", err);
}

extern const struct kan_collector kan_collector_engine_after;
const struct kan_collector kan_collector_engine_after = {
	.name = "engine-after",
	.summary = "the engine asked again after the resume, and its own list of changes",
	.tier = KAN_TIER_AFTER,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
