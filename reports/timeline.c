/* timeline.jsonl: one line a moment, as Timesketch reads it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/row.h"
#include "reports/moments.h"

enum { NS_PER_US = 1000, TEXT_MAX = 16 << 20 };

/* What a display acts on, and what is no UTF-8, as on a screen: \xNN. */
static void text(struct kan_buf *out, const char *key, struct kan_bytes v)
{
	kan_auto_buf struct kan_buf shown = KAN_BUF(TEXT_MAX);
	kan_escape_terminal(&shown, v);
	kan_buf_addf(out, ",\"%s\":\"", key);
	for (size_t i = 0; i < shown.len; i++) {
		if (shown.data[i] == '"' || shown.data[i] == '\\')
			kan_buf_addc(out, '\\');
		kan_buf_addc(out, (char)shown.data[i]);
	}
	kan_buf_addc(out, '"');
}

struct lines {
	struct kan_buf *out;
	const struct kan_model *m;
};

static int on_moment(const struct kan_moment *at, void *arg, struct kan_err *err)
{
	const struct lines *s = arg;
	struct kan_buf *out = s->out;
	char when[KAN_RFC3339];
	kan_rfc3339_s(when, at->ns);
	kan_buf_addf(out, "{\"timestamp\":%" PRId64 ",\"datetime\":\"%.19s+00:00\"",
		     at->ns / NS_PER_US, when);
	text(out, "timestamp_desc", kan_bytes_of(at->desc));
	text(out, "message", at->message);
	text(out, "trust", kan_bytes_of(at->trust));
	if (at->artefact) {
		text(out, "artefact", kan_bytes_of(at->artefact));
		kan_buf_addf(out, ",\"row\":%" PRIu64, at->row);
	}
	if (at->finding)
		text(out, "finding", kan_bytes_of(kan_json_str(at->finding, "id")));
	kan_buf_adds(out, "}\n");
	return kan_model_drained(s->m, out, err);
}

static int render(struct kan_buf *out, const struct kan_model *m, struct kan_err *err)
{
	struct lines s = {out, m};
	return kan_moments(m, on_moment, &s, err);
}

extern const struct kan_report kan_report_timeline;
const struct kan_report kan_report_timeline = {
	.name = "timeline",
	.file = "timeline.jsonl",
	.summary = "all times for Timesketch and log aggregators",
	.render = render,
};
