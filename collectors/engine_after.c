/* engine-after: right after the resume, did we disturb the target? Later, did the engine's view
 * change under us, and what does it call changed? */
#include <kanshiki/collector.h>
#include <kanshiki/engine.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/row.h"
#include "base/self.h"
#include "collectors/again.h"
#include "collectors/answer.h"

enum { PATH_OCTETS = 512, EVENTS_BACK_S = 3600, CLOCK_OCTETS = 8192 };

static const char *const artefacts[] = {
	"inspect.json",       "events.json", "changes.json", "clock.json", "members.ndjson",
	"connections.ndjson", NULL};
static const struct kan_limit limits[] = {{"answer_octets", KAN_ENGINE_ANSWER_MAX, false},
					  {NULL, 0, false}};

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
	uint64_t n = 0;
	if (clock_again(sink, err) < 0 || kan_again(&n, t, sink, err) < 0)
		return -1;
	kan_sink_items(sink, n);
	/* The rest is of its tier: until then the others read. */
	if (kan_sink_window_enter(sink, 0, 0, err) < 0)
		return -1;
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
	.needs = KAN_NEEDS_RESUME | KAN_NEEDS_ENGINE,
	.limits = limits,
	.artefacts = artefacts,
	.collect = collect,
};
