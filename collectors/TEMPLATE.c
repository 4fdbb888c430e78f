/* uptime: how long the host has been up. A template: copy it, name it, add a line to
 * collectors.list. */
#include <kanshiki/bytes.h>
#include <kanshiki/collector.h>
#include <kanshiki/sink.h>
#include <kanshiki/target.h>

#include "base/file.h"

enum { UPTIME_MAX = 4096 };

static const char *const artefacts[] = {"uptime.txt", NULL};

/*
 * Take what is there, write it through the sink, record what could not be had. The raw bytes are
 * the evidence: what they mean is for the analysis. -1 only when nothing more can be done.
 */
static int collect(const struct kan_target *target, struct kan_sink *sink, struct kan_err *err)
{
	kan_auto_buf struct kan_buf text = KAN_BUF(UPTIME_MAX);
	struct kan_err why = {0};
	if (kan_read_pseudo(&text, target->proc_fd, "uptime", &why) < 0) {
		kan_sink_gap_err(sink, KAN_LIT("/proc/uptime"), &why);
		return 0;
	}
	kan_sink_items(sink, 1);
	return kan_sink_put(sink, "uptime.txt", kan_buf_bytes(&text), err);
}

extern const struct kan_collector kan_collector_uptime;
const struct kan_collector kan_collector_uptime = {
	.name = "uptime",
	.summary = "how long the host has been up",
	.tier = KAN_TIER_BEFORE,
	.needs = KAN_NEEDS_HOST,
	.artefacts = artefacts,
	.collect = collect,
};
